/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * asm: writes x86-64 host code into a buffer. Named after what is encoded, operands destination
 * first. [SDM2 2]
 */
#ifndef QUAD_FULL_JIT_X86_X86_64_ASM_H
#define QUAD_FULL_JIT_X86_X86_64_ASM_H

#include "base/base.h"
#include "base/endian.h"

enum host_reg {
    H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI,
    H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15,
};

struct as {
    uint8_t *p;     /* next byte */
    uint8_t *limit; /* writes beyond are dropped; full is set */
    bool full;
};

/* An r/m operand. */
enum { RM_REG, RM_MEM, RM_GS };
struct rm {
    uint8_t kind;
    uint8_t base;
    int32_t disp;
    uint8_t index; /* RM_MEM: register + 1; 0: none */
};

#define R(n) ((struct rm){RM_REG, (uint8_t)(n), 0, 0})
#define MEM(base_, disp_) ((struct rm){RM_MEM, (uint8_t)(base_), (int32_t)(disp_), 0})
#define GS(disp_) ((struct rm){RM_GS, 0, (int32_t)(disp_), 0}) /* GS base = the CPU record */

static inline void as_8(struct as *a, unsigned v)
{
    if (a->p < a->limit)
        *a->p++ = (uint8_t)v;
    else
        a->full = true;
}

static inline void as_32(struct as *a, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        as_8(a, v >> (8 * i) & 0xff);
}

static inline void as_64(struct as *a, uint64_t v)
{
    as_32(a, (uint32_t)v);
    as_32(a, (uint32_t)(v >> 32));
}

/* ModRM, SIB, displacement. */
static inline void as_modrm(struct as *a, unsigned reg, struct rm rm)
{
    unsigned r = (reg & 7) << 3;

    if (rm.kind == RM_REG) {
        as_8(a, 0xc0 | r | (rm.base & 7));
    } else if (rm.kind == RM_GS) {
        as_8(a, 0x04 | r);
        as_8(a, 0x25);
        as_32(a, (uint32_t)rm.disp);
    } else {
        bool small = rm.disp == (int8_t)rm.disp;
        as_8(a, (small ? 0x40 : 0x80) | r | (rm.index ? 4u : rm.base & 7u));
        if (rm.index)
            as_8(a, ((rm.index - 1u) & 7) << 3 | (rm.base & 7));
        else if ((rm.base & 7) == 4)
            as_8(a, 0x24);
        if (small)
            as_8(a, (uint8_t)rm.disp);
        else
            as_32(a, (uint32_t)rm.disp);
    }
}

/* One instruction: size 1 2 4 8 gives 66 and REX.W; op: opcode with its maps: 0x89, 0x0faf,
 * 0x0f38f0. prefix: F2, F3, 66 or 0. byte_reg: reg or rm names a byte register. */
static inline void as_op(struct as *a, unsigned prefix, unsigned size, unsigned op, unsigned reg,
                         struct rm rm, bool byte_reg)
{
    unsigned rex = (size == 8 ? 8u : 0) | (reg & 8 ? 4u : 0) |
                   (rm.kind != RM_GS && (rm.base & 8) ? 1u : 0) |
                   (rm.index && ((rm.index - 1u) & 8) ? 2u : 0);

    if (rm.kind == RM_GS)
        as_8(a, 0x65);
    if (size == 2)
        as_8(a, 0x66);
    if (prefix)
        as_8(a, prefix);
    if (rex || (byte_reg && (reg >= 4 || (rm.kind == RM_REG && rm.base >= 4))))
        as_8(a, 0x40 | rex);
    if (op > 0xffff)
        as_8(a, op >> 16);
    if (op > 0xff)
        as_8(a, op >> 8 & 0xff);
    as_8(a, op & 0xff);
    as_modrm(a, reg, rm);
}

/* op in its byte or its wider form (opcode | 1). */
static inline void as_alu(struct as *a, unsigned size, unsigned op, unsigned reg, struct rm rm)
{
    as_op(a, 0, size, size == 1 ? op : op | 1, reg, rm, size == 1);
}

static inline void as_load(struct as *a, unsigned size, unsigned reg, struct rm rm)
{
    as_alu(a, size, 0x8a, reg, rm);
}

static inline void as_store(struct as *a, unsigned size, struct rm rm, unsigned reg)
{
    as_alu(a, size, 0x88, reg, rm);
}

static inline void as_mov(struct as *a, unsigned size, unsigned dst, unsigned src)
{
    as_store(a, size, R(dst), src);
}

static inline void as_mov_imm(struct as *a, unsigned reg, uint64_t v)
{
    unsigned b = reg & 8 ? 1 : 0;

    if (v <= UINT32_MAX) {
        if (b)
            as_8(a, 0x41);
        as_8(a, 0xb8 | (reg & 7));
        as_32(a, (uint32_t)v);
    } else if ((int64_t)v == (int32_t)v) {
        as_op(a, 0, 8, 0xc7, 0, R(reg), false);
        as_32(a, (uint32_t)v);
    } else {
        as_8(a, 0x48 | b);
        as_8(a, 0xb8 | (reg & 7));
        as_64(a, v);
    }
}

/* group 1 by immediate: n = 0 add 1 or 2 adc 3 sbb 4 and 5 sub 6 xor 7 cmp. */
static inline void as_alu_imm(struct as *a, unsigned size, unsigned n, struct rm rm, int32_t v)
{
    if (size == 1) {
        as_op(a, 0, 1, 0x80, n, rm, true);
        as_8(a, (uint8_t)v);
    } else if (v == (int8_t)v) {
        as_op(a, 0, size, 0x83, n, rm, false);
        as_8(a, (uint8_t)v);
    } else {
        as_op(a, 0, size, 0x81, n, rm, false);
        as_8(a, (uint8_t)v);
        as_8(a, (uint32_t)v >> 8 & 0xff);
        if (size > 2) {
            as_8(a, (uint32_t)v >> 16 & 0xff);
            as_8(a, (uint32_t)v >> 24);
        }
    }
}

/* lea dst, [base + index << scale + disp]; index < 0: none. */
static inline void as_lea(struct as *a, unsigned dst, unsigned base, int index, unsigned scale,
                          int32_t disp)
{
    if (index < 0) {
        as_op(a, 0, 8, 0x8d, dst, MEM(base, disp), false);
        return;
    }
    as_8(a, 0x48 | (dst & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0));
    as_8(a, 0x8d);
    as_8(a, 0x84 | (dst & 7) << 3);
    as_8(a, scale << 6 | ((unsigned)index & 7) << 3 | (base & 7));
    as_32(a, (uint32_t)disp);
}

/* 32 bits: dst = src rotated right; keeps the flags where the host has BMI2. */
static inline void as_rorx(struct as *a, unsigned dst, unsigned src, unsigned by)
{
    if (!__builtin_cpu_supports("bmi2")) {
        as_mov(a, 4, dst, src);
        as_op(a, 0, 4, 0xc1, 1, R(dst), false); /* ror */
        as_8(a, by);
        return;
    }
    as_8(a, 0xc4);
    as_8(a, (dst & 8 ? 0 : 0x80) | 0x40 | (src & 8 ? 0 : 0x20) | 3);
    as_8(a, 0x7b);
    as_8(a, 0xf0);
    as_modrm(a, dst, R(src));
    as_8(a, by);
}

/* Jumps with a 32-bit displacement; returns where to patch. cc 0..15, or JMP, CALL. */
enum { JMP = 16, CALL = 17 };
static inline uint8_t *as_jump(struct as *a, unsigned cc)
{
    if (cc == JMP) {
        as_8(a, 0xe9);
    } else if (cc == CALL) {
        as_8(a, 0xe8);
    } else {
        as_8(a, 0x0f);
        as_8(a, 0x80 | cc);
    }
    as_32(a, 0);
    return a->p;
}

/* Let the jump that ends at `end` go to `to`. */
static inline void as_patch(uint8_t *end, const uint8_t *to)
{
    st_le32(end - 4, (uint32_t)(to - end));
}

static inline void as_jump_to(struct as *a, unsigned cc, const uint8_t *to)
{
    uint8_t *end = as_jump(a, cc);

    if (!a->full)
        as_patch(end, to);
}

#endif
