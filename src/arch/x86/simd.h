/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * simd: what the vector operations (sem_sse_*.c, sem_avx_*.c, sem_mmx.c, sem_crypto.c) share:
 * availability checks, operands, write-back.
 *
 * An operation computes into a local result and writes that back last, so faults come before
 * changes and the lane loops vectorise (no aliasing; the length n is a constant in each copy of an
 * inlined loop). Lane order is the host's: little-endian only.
 *
 *   VEC_BINARY(op)   sem_op: dst = op(src2, src): legacy 128, VEX 128/256, MMX where it exists
 *   VEC_UNARY(op)    sem_op: dst = op(src)
 *   VEC_IMM(op)      sem_op: dst = op(src2, src, immediate byte)
 *   ..._X(op)        such an operation without MMX form
 *   LANES(...)       a binary operation from one expression over x (first) and y (second source)
 */
#ifndef QUAD_ARCH_X86_SIMD_H
#define QUAD_ARCH_X86_SIMD_H

#include "arch/x86/sem.h"

#define always_inline_fn inline __attribute__((always_inline))

/* Raise what simd_check() or mmx_check() found; a pending x87 error with CR0.NE clear only raises
 * the FERR# line. */
noreturn_fn void simd_refuse(struct x86_cpu *c, const struct x86_insn *in);
void mmx_refuse(struct x86_cpu *c);

/* May a vector instruction run: #UD, #NM [SDM2 2.4, tables 2-18 and following]. */
static always_inline_fn void simd_check(struct x86_cpu *c, const struct x86_insn *in)
{
    bool ok;

    if (in->flags & IN_VEX)
        ok = (c->s.cr4 & CR4_OSXSAVE) && (c->s.xcr0 & 6) == 6 && !(c->s.cr0 & CR0_TS);
    else
        ok = (c->s.cr4 & CR4_OSFXSR) && !(c->s.cr0 & (CR0_EM | CR0_TS));
    if (unlikely(!ok))
        simd_refuse(c, in);
}

/* The same for MMX registers: #UD, #NM, a pending x87 exception. */
static inline void mmx_check(struct x86_cpu *c)
{
    if (unlikely((c->s.cr0 & (CR0_EM | CR0_TS)) || (c->s.fsw & 0x80)))
        mmx_refuse(c);
}

/* Every MMX instruction but EMMS: TOP = 0, all registers valid [SDM1 9.5.2]. After all faults. */
static inline void mmx_enter(struct x86_cpu *c)
{
    c->s.fsw &= 0xc7ff;
    c->s.ftw = 0xff;
}

static inline void mmx_write(struct x86_cpu *c, unsigned reg, uint64_t v)
{
    mmx_enter(c);
    c->s.fpr[reg].mant = v;
    c->s.fpr[reg].se = 0xffff;
}

/* Is a general register operand 64 bits wide? VEX.W is ignored outside 64-bit code. */
static inline bool simd_w64(const struct x86_cpu *c, const struct x86_insn *in)
{
    return (in->flags & IN_W) && (c->mode & MODE_CODE64);
}

/* A part of a memory operand, n bytes into it: it wraps with the address size. */
static inline uint64_t simd_part(const struct x86_insn *in, uint64_t ea, uint64_t n)
{
    return likely(in->asize == 8) ? ea + n : (uint32_t)(ea + n);
}

/* Operands aligned to n bytes: #GP(0) otherwise. */
static inline void simd_align(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, unsigned n)
{
    if (unlikely((ea + c->segbase[in->seg]) & (n - 1)))
        x86_gp0(c);
}

/* The source operand of n = 8, 16, 32 bytes (a constant): register, or memory, which legacy
 * instructions want aligned. */
static always_inline_fn void vec_src(struct x86_cpu *c, const struct x86_insn *in,
                                     union x86_ymm *b, unsigned n)
{
    if (in->form == FORM_RM) {
        uint64_t ea = x86_ea(c, in);

        if (n == 16 && !(in->flags & IN_VEX))
            simd_align(c, in, ea, 16);
        x86_ld_bytes(c, in->seg, ea, b, n);
    } else {
        memcpy(b, &c->s.ymm[in->src], n);
    }
}

/* Scalar and narrow sources: the low 4 or 8 (2) bytes of a register, or just these of memory. */
static inline uint32_t vec_src32(struct x86_cpu *c, const struct x86_insn *in)
{
    return in->form == FORM_RM ? x86_ld32(c, in->seg, x86_ea(c, in)) : c->s.ymm[in->src].d[0];
}

static inline uint64_t vec_src64(struct x86_cpu *c, const struct x86_insn *in)
{
    return in->form == FORM_RM ? x86_ld64(c, in->seg, x86_ea(c, in)) : c->s.ymm[in->src].q[0];
}

static inline uint64_t mmx_src(struct x86_cpu *c, const struct x86_insn *in)
{
    return in->form == FORM_RM ? x86_ld64(c, in->seg, x86_ea(c, in)) : c->s.fpr[in->src].mant;
}

/* Write n = 16 or 32 bytes to a vector register: VEX.128 clears the upper half. */
static always_inline_fn void vec_put(struct x86_cpu *c, const struct x86_insn *in, unsigned reg,
                                     const union x86_ymm *r, unsigned n)
{
    memcpy(&c->s.ymm[reg], r, n);
    if (n == 16 && (in->flags & IN_VEX))
        c->s.ymm[reg].q[2] = c->s.ymm[reg].q[3] = 0;
}

static always_inline_fn void vec_dst(struct x86_cpu *c, const struct x86_insn *in,
                                     const union x86_ymm *r, unsigned n)
{
    vec_put(c, in, in->dst, r, n);
}

/* Lane functions: r = f(a, b) over n bytes. */
typedef void vec2_fn(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b, unsigned n);
typedef void vec1_fn(union x86_ymm *r, const union x86_ymm *b, unsigned n);
/* with the immediate byte */
typedef void vec2i_fn(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b, unsigned n,
                      unsigned imm);

/* The same without a copy: a pointer to the register, or to *buffer that memory was read into. */
static always_inline_fn const union x86_ymm *vec_src_at(struct x86_cpu *c,
                                                        const struct x86_insn *in,
                                                        union x86_ymm *buffer, unsigned n)
{
    if (likely(in->form != FORM_RM))
        return &c->s.ymm[in->src];
    vec_src(c, in, buffer, n);
    return buffer;
}

static always_inline_fn void vec_binary_n(struct x86_cpu *c, const struct x86_insn *in, vec2_fn *f,
                                          unsigned n)
{
    union x86_ymm b, r;

    simd_check(c, in);
    f(&r, &c->s.ymm[in->src2], vec_src_at(c, in, &b, n), n);
    vec_dst(c, in, &r, n);
}

static always_inline_fn void vec_binary_mmx(struct x86_cpu *c, const struct x86_insn *in,
                                            vec2_fn *f)
{
    union x86_ymm a, b, r;

    mmx_check(c);
    b.q[0] = mmx_src(c, in);
    a.q[0] = c->s.fpr[in->src2].mant;
    f(&r, &a, &b, 8);
    mmx_write(c, in->dst, r.q[0]);
}

static always_inline_fn void vec_binary(struct x86_cpu *c, const struct x86_insn *in, vec2_fn *f)
{
    if (in->size == 16)
        vec_binary_n(c, in, f, 16);
    else if (in->size == 32)
        vec_binary_n(c, in, f, 32);
    else
        vec_binary_mmx(c, in, f);
}

static always_inline_fn void vec_unary_n(struct x86_cpu *c, const struct x86_insn *in, vec1_fn *f,
                                         unsigned n)
{
    union x86_ymm b, r;

    simd_check(c, in);
    f(&r, vec_src_at(c, in, &b, n), n);
    vec_dst(c, in, &r, n);
}

static always_inline_fn void vec_unary(struct x86_cpu *c, const struct x86_insn *in, vec1_fn *f)
{
    if (in->size == 16) {
        vec_unary_n(c, in, f, 16);
    } else if (in->size == 32) {
        vec_unary_n(c, in, f, 32);
    } else {
        union x86_ymm b, r;

        mmx_check(c);
        b.q[0] = mmx_src(c, in);
        f(&r, &b, 8);
        mmx_write(c, in->dst, r.q[0]);
    }
}

/* Operations with an immediate byte; those of one source leave a alone. */
static always_inline_fn void vec_imm_n(struct x86_cpu *c, const struct x86_insn *in, vec2i_fn *f,
                                       unsigned n)
{
    union x86_ymm b, r;

    simd_check(c, in);
    f(&r, &c->s.ymm[in->src2], vec_src_at(c, in, &b, n), n, in->imm & 0xff);
    vec_dst(c, in, &r, n);
}

static always_inline_fn void vec_imm(struct x86_cpu *c, const struct x86_insn *in, vec2i_fn *f)
{
    if (in->size == 16) {
        vec_imm_n(c, in, f, 16);
    } else if (in->size == 32) {
        vec_imm_n(c, in, f, 32);
    } else {
        union x86_ymm a, b, r;

        mmx_check(c);
        b.q[0] = mmx_src(c, in);
        a.q[0] = c->s.fpr[in->src2].mant;
        f(&r, &a, &b, 8, in->imm & 0xff);
        mmx_write(c, in->dst, r.q[0]);
    }
}

/* The same for operations that have no MMX form. */
static always_inline_fn void vec_binary_x(struct x86_cpu *c, const struct x86_insn *in, vec2_fn *f)
{
    if (in->size == 16)
        vec_binary_n(c, in, f, 16);
    else
        vec_binary_n(c, in, f, 32);
}

static always_inline_fn void vec_unary_x(struct x86_cpu *c, const struct x86_insn *in, vec1_fn *f)
{
    if (in->size == 16)
        vec_unary_n(c, in, f, 16);
    else
        vec_unary_n(c, in, f, 32);
}

static always_inline_fn void vec_imm_x(struct x86_cpu *c, const struct x86_insn *in, vec2i_fn *f)
{
    if (in->size == 16)
        vec_imm_n(c, in, f, 16);
    else
        vec_imm_n(c, in, f, 32);
}

#define VEC_FUNCTION(kind, name)                                  \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in) \
    {                                                             \
        vec_##kind(c, in, name##_lanes);                          \
    }
#define VEC_BINARY(name) VEC_FUNCTION(binary, name)
#define VEC_UNARY(name) VEC_FUNCTION(unary, name)
#define VEC_IMM(name) VEC_FUNCTION(imm, name)
#define VEC_BINARY_X(name) VEC_FUNCTION(binary_x, name)
#define VEC_UNARY_X(name) VEC_FUNCTION(unary_x, name)
#define VEC_IMM_X(name) VEC_FUNCTION(imm_x, name)

/* name(f: lane array of union x86_ymm, type in which x and y are seen, expression) */
#define LANES(name, f, type, expr) LANES_OF(name, f, type, expr) VEC_BINARY(name)
#define LANES_X(name, f, type, expr) LANES_OF(name, f, type, expr) VEC_BINARY_X(name)
#define LANES_OF(name, f, type, expr)                                                        \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,      \
                                              const union x86_ymm *b, unsigned n)            \
    {                                                                                        \
        for (unsigned i = 0; i < n / sizeof(r->f[0]); i++) {                                 \
            type x = (type)a->f[i], y = (type)b->f[i];                                       \
            r->f[i] = (typeof(r->f[0]))(expr);                                               \
        }                                                                                    \
    }

#define LANES1(name, f, type, expr)                                                          \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *b,      \
                                              unsigned n)                                    \
    {                                                                                        \
        for (unsigned i = 0; i < n / sizeof(r->f[0]); i++) {                                 \
            type y = (type)b->f[i];                                                          \
            r->f[i] = (typeof(r->f[0]))(expr);                                               \
        }                                                                                    \
    }                                                                                        \
    VEC_UNARY(name)

/* Saturation of a wider intermediate value. */
static inline int32_t sat_s8(int32_t v) { return v < -128 ? -128 : v > 127 ? 127 : v; }
static inline int32_t sat_u8(int32_t v) { return v < 0 ? 0 : v > 255 ? 255 : v; }
static inline int32_t sat_s16(int32_t v) { return v < -32768 ? -32768 : v > 32767 ? 32767 : v; }
static inline int32_t sat_u16(int32_t v) { return v < 0 ? 0 : v > 65535 ? 65535 : v; }

#endif
