/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Integer operations. Each is the host's own instruction on mapped registers; a memory operand
 * goes through the TLB check first.
 */
#include "base/bits.h"
#include "full/jit/x86_x86_64/gen_enc.h"

static bool has_high8(const struct x86_insn *in)
{
    return in->size == 1 && ((in->dst & X86_HIGH8 && in->dst != X86_IMM) ||
                             (in->src != X86_IMM && (in->src & X86_HIGH8)));
}

static bool imm_fits(const struct x86_insn *in)
{
    return in->size < 8 || (int64_t)in->imm == (int32_t)in->imm;
}

static void lock_prefix(struct gen *g)
{
    if (g->in->flags & IN_LOCK)
        as_8(&g->as, 0xf0);
}

/* ------------------------------------------------------------------- the eight, TEST, MOV */

/* carry: reads CF. n: group-1 number; test is 8. */
static bool alu(struct gen *g, unsigned n, bool carry)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    bool test = n == 8, store = n != 7 && !test;
    unsigned op = test ? 0x84 : n << 3;

    if (has_high8(in) || (in->src == X86_IMM && !imm_fits(in)))
        return false;
    if (in->form == FORM_RM) {
        if (!gen_operand(g, in->size, false))
            return false;
        if (carry)
            fl_need(g);
        unsigned d = reg_in(g, in->dst, S0);
        as_alu(a, in->size, test ? op : op | 2, d, g->mem);
        if (store)
            reg_out(g, in->dst, d);
        fl_set(g);
        return true;
    }
    struct rm rm = R(0);
    if (in->form == FORM_MR) {
        if (!gen_operand(g, in->size, store))
            return false;
        rm = g->mem;
    }
    if (carry)
        fl_need(g);
    unsigned d = 0;
    if (in->form == FORM_RR) {
        d = reg_in(g, in->dst, ADDR);
        rm = R(d);
    }
    if (in->src == X86_IMM) {
        if (in->form == FORM_MR)
            lock_prefix(g);
        if (test) {
            as_op(a, 0, in->size, in->size == 1 ? 0xf6 : 0xf7, 0, rm, in->size == 1);
            as_8(a, in->imm & 0xff);
            if (in->size > 1)
                as_8(a, in->imm >> 8 & 0xff);
            if (in->size > 2) {
                as_8(a, in->imm >> 16 & 0xff);
                as_8(a, in->imm >> 24 & 0xff);
            }
        } else {
            as_alu_imm(a, in->size, n, rm, (int32_t)sign_extend(in->imm, in->size == 8 ? 64 : 8u * in->size));
        }
    } else {
        unsigned s = reg_in(g, in->src, S0);
        if (in->form == FORM_MR)
            lock_prefix(g);
        as_alu(a, in->size, op, s, rm);
    }
    fl_set(g);
    if (in->form == FORM_RR) {
        if (store)
            reg_out(g, in->dst, d);
    } else if (store) {
        gen_note(g, g->off_next);
    }
    return true;
}

static bool mov(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (has_high8(in))
        return false;
    if (in->form == FORM_RM) {
        if (!gen_operand(g, in->size, false))
            return false;
        int h = host_of(in->dst);
        unsigned d = h >= 0 ? (unsigned)h : in->size < 4 ? reg_in(g, in->dst, S0) : S0;
        as_load(a, in->size, d, g->mem);
        reg_out(g, in->dst, d);
        return true;
    }
    if (in->form == FORM_MR) {
        if ((in->src == X86_IMM && !imm_fits(in)) || !gen_operand(g, in->size, true))
            return false;
        if (in->src == X86_IMM) {
            as_op(a, 0, in->size, in->size == 1 ? 0xc6 : 0xc7, 0, g->mem, in->size == 1);
            for (unsigned i = 0; i < MIN(in->size, 4u); i++)
                as_8(a, in->imm >> (8 * i) & 0xff);
        } else {
            as_store(a, in->size, g->mem, reg_in(g, in->src, S0));
        }
        gen_note(g, g->off_next);
        return true;
    }
    if (in->size < 4) {
        unsigned d = reg_in(g, in->dst, ADDR);
        if (in->src == X86_IMM) {
            as_op(a, 0, in->size, in->size == 1 ? 0xc6 : 0xc7, 0, R(d), in->size == 1);
            for (unsigned i = 0; i < in->size; i++)
                as_8(a, in->imm >> (8 * i) & 0xff);
        } else {
            as_mov(a, in->size, d, reg_in(g, in->src, S0));
        }
        reg_out(g, in->dst, d);
        return true;
    }
    int h = host_of(in->dst);
    unsigned d = h >= 0 ? (unsigned)h : ADDR;
    if (in->src == X86_IMM)
        as_mov_imm(a, d, in->size == 4 ? (uint32_t)in->imm : in->imm);
    else
        as_mov(a, in->size, d, reg_in(g, in->src, S0));
    reg_out(g, in->dst, d);
    return true;
}

/* dst (of in->size) from a source of `from` bytes by opcode op. */
static bool extend(struct gen *g, unsigned op, unsigned from)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    struct rm rm;

    if (in->form == FORM_RM) {
        if (!gen_operand(g, from, false))
            return false;
        rm = g->mem;
    } else {
        if (from == 1 && (in->src & X86_HIGH8))
            return false;
        rm = R(reg_in(g, in->src, ADDR));
    }
    int h = host_of(in->dst);
    unsigned d = h >= 0 ? (unsigned)h : in->size < 4 ? reg_in(g, in->dst, S0) : S0;
    /* as_op looks at both operands for a byte register: only rm is one. */
    if (from == 1 && rm.kind == RM_REG && rm.base >= 4 && rm.base < 8 && d < 8 && in->size != 8) {
        if (in->size == 2)
            as_8(a, 0x66);
        as_8(a, 0x40);
        as_8(a, op >> 8);
        as_8(a, op & 0xff);
        as_modrm(a, d, rm);
    } else {
        as_op(a, 0, in->size, op, d, rm, false);
    }
    reg_out(g, in->dst, d);
    return true;
}

static bool lea(struct gen *g)
{
    const struct x86_insn *in = g->in;
    int h = host_of(in->dst);

    if (!gen_ea(g, ADDR, false))
        return false;
    if (h >= 0 || in->size == 2) {
        unsigned d = reg_in(g, in->dst, S0);
        as_mov(&g->as, in->size, d, ADDR);
        reg_out(g, in->dst, d);
    } else {
        if (in->size == 4)
            as_mov(&g->as, 4, ADDR, ADDR);
        reg_out(g, in->dst, ADDR);
    }
    return true;
}

/* ------------------------------------------------------------------------- one operand, shifts */

/* op /n on a register or memory, flags set; keeps: some flags keep their value. */
static bool unary(struct gen *g, unsigned op, unsigned n, bool keeps, bool sets)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (has_high8(in))
        return false;
    if (in->form == FORM_MR) {
        if (!gen_operand(g, in->size, true))
            return false;
        if (keeps)
            fl_need(g);
        lock_prefix(g);
        as_op(a, 0, in->size, in->size == 1 ? op : op | 1, n, g->mem, in->size == 1);
        if (sets)
            fl_set(g);
        gen_note(g, g->off_next);
        return true;
    }
    if (keeps)
        fl_need(g);
    unsigned d = reg_in(g, in->dst, S0);
    as_op(a, 0, in->size, in->size == 1 ? op : op | 1, n, R(d), in->size == 1);
    reg_out(g, in->dst, d);
    if (sets)
        fl_set(g);
    return true;
}

static bool shift(struct gen *g, unsigned n)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    struct rm rm;
    unsigned d = 0;

    if (in->size == 1 && (in->dst & X86_HIGH8))
        return false;
    if (in->form == FORM_MR) {
        if (!gen_operand(g, in->size, true))
            return false;
        rm = g->mem;
    } else {
        d = reg_in(g, in->dst, ADDR);
        rm = R(d);
    }
    /* A count of 0 keeps them all, rotates keep most. */
    if (n < 4 || in->src != X86_IMM || !(in->imm & (in->size == 8 ? 63 : 31)))
        fl_need(g);
    if (in->src == X86_IMM) {
        as_op(a, 0, in->size, in->size == 1 ? 0xc0 : 0xc1, n, rm, in->size == 1);
        as_8(a, in->imm & 0xff);
    } else {
        as_op(a, 0, in->size, in->size == 1 ? 0xd2 : 0xd3, n, rm, in->size == 1);
    }
    fl_set(g);
    if (in->form == FORM_MR)
        gen_note(g, g->off_next);
    else {
        /* A 32-bit shift by CL = 0 leaves the host's upper half as any 32-bit result: zero. */
        reg_out(g, in->dst, d);
    }
    return true;
}

/* SHLD, SHRD: op by an immediate, op + 1 by CL. A count of 0 keeps all flags; of 16 bits more than 16
 * is undefined, and the functions' business. */
static bool double_shift(struct gen *g, unsigned op)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    bool imm = in->src2 == X86_IMM;
    struct rm rm;

    if (in->size == 2 && (!imm || (in->imm & 31) > 16))
        return false;
    if (in->form == FORM_MR) {
        if (!gen_operand(g, in->size, true))
            return false;
        rm = g->mem;
    } else {
        rm = R(reg_in(g, in->dst, ADDR));
    }
    fl_need(g);
    as_op(a, 0, in->size, imm ? op : op + 1, reg_in(g, in->reg, S0), rm, false);
    if (imm)
        as_8(a, in->imm & 0xff);
    fl_set(g);
    if (in->form == FORM_MR)
        gen_note(g, g->off_next);
    else
        reg_out(g, in->dst, rm.base);
    return true;
}

/* Memory with the bit number in a register: the word that holds the bit may be anywhere. */
static bool bit_test_far(struct gen *g, unsigned n)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    unsigned scale = in->size == 8 ? 3 : 2, op = 0x0f83 | n << 3;

    if (in->asize != 8 || in->flags & IN_LOCK || (n != 4 && host_of(in->src) < 0))
        return false;
    fl_save(g);
    if (!gen_ea(g, ADDR, true))
        return false;
    unsigned s = reg_in(g, in->src, S0);
    as_op(a, 0, 8, in->size == 8 ? 0x8b : 0x63, S0, R(s), false); /* mov, movsxd */
    as_op(a, 0, 8, 0xc1, 7, R(S0), false);                        /* sar */
    as_8(a, scale + 3);
    as_lea(a, ADDR, ADDR, (int)S0, scale, 0);
    fl_lost(g);
    gen_check(g, in->size, n != 4, false);
    fl_need(g);
    if (n == 4) {
        as_load(a, in->size, ADDR, MEM(ADDR, 0));
        as_op(a, 0, in->size, op, reg_in(g, in->src, S0), R(ADDR), false);
        fl_set(g);
        return true;
    }
    as_load(a, in->size, S0, MEM(ADDR, 0));
    as_op(a, 0, in->size, op, (unsigned)host_of(in->src), R(S0), false);
    as_store(a, in->size, MEM(ADDR, 0), S0);
    fl_set(g);
    gen_note(g, g->off_next);
    return true;
}

static bool bit_test(struct gen *g, unsigned n)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->size < 4)
        return false;
    if (in->form != FORM_RR && in->src != X86_IMM)
        return bit_test_far(g, n);
    if (in->form == FORM_MR) {
        /* An immediate bit number stays within the operand. */
        if (!gen_operand(g, in->size, n != 4))
            return false;
        fl_need(g);
        lock_prefix(g);
        as_op(a, 0, in->size, 0x0fba, n, g->mem, false);
        as_8(a, in->imm & 0xff);
        fl_set(g);
        if (n != 4)
            gen_note(g, g->off_next);
        return true;
    }
    fl_need(g);
    unsigned d = reg_in(g, in->dst, ADDR);
    if (in->src == X86_IMM) {
        as_op(a, 0, in->size, 0x0fba, n, R(d), false);
        as_8(a, in->imm & 0xff);
    } else {
        as_op(a, 0, in->size, 0x0f83 | n << 3, reg_in(g, in->src, S0), R(d), false);
    }
    if (n != 4)
        reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

/* ---------------------------------------------------------------------------- conditions, swaps */

static bool setcc(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    unsigned op = 0x0f90 | in->cc;

    if (in->form == FORM_RR) {
        if (in->dst & X86_HIGH8)
            return false;
        fl_need(g);
        unsigned d = reg_in(g, in->dst, ADDR);
        as_op(a, 0, 1, op, 0, R(d), true);
        reg_out(g, in->dst, d);
        return true;
    }
    if (!gen_operand(g, 1, true))
        return false;
    fl_need(g);
    as_op(a, 0, 1, op, 0, g->mem, false);
    gen_note(g, g->off_next);
    return true;
}

static bool cmov(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    struct rm rm;

    if (in->form == FORM_RM) {
        if (!gen_operand(g, in->size, false))
            return false;
        fl_need(g);
        rm = g->mem;
    } else {
        fl_need(g);
        rm = R(reg_in(g, in->src, ADDR));
    }
    unsigned d = reg_in(g, in->dst, S0);
    as_op(a, 0, in->size, 0x0f40 | in->cc, d, rm, false);
    reg_out(g, in->dst, d);
    return true;
}

static bool xchg(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (has_high8(in))
        return false;
    if (in->form == FORM_MR) {
        if (!gen_operand(g, in->size, true))
            return false;
        unsigned s = reg_in(g, in->src, S0);
        as_alu(a, in->size, 0x86, s, g->mem);
        reg_out(g, in->src, s);
        gen_note(g, g->off_next);
        return true;
    }
    unsigned d = reg_in(g, in->dst, ADDR), s = reg_in(g, in->src, S0);
    as_alu(a, in->size, 0x86, s, R(d));
    reg_out(g, in->dst, d);
    reg_out(g, in->src, s);
    return true;
}

static bool xadd(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (has_high8(in))
        return false;
    if (in->form == FORM_RR) {
        unsigned d = reg_in(g, in->dst, ADDR), r = reg_in(g, in->src, S0);
        as_alu(a, in->size, 0x0fc0, r, R(d));
        reg_out(g, in->src, r);
        reg_out(g, in->dst, d);
        fl_set(g);
        return true;
    }
    if (!gen_operand(g, in->size, true))
        return false;
    unsigned s = reg_in(g, in->src, S0);
    lock_prefix(g);
    as_alu(a, in->size, 0x0fc0, s, g->mem);
    reg_out(g, in->src, s);
    fl_set(g);
    gen_note(g, g->off_next);
    return true;
}

static bool cmpxchg(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    /* 32 bits: a success must not clear the upper half of RAX, a failure must; the host agrees
     * with itself, so guest RAX = host RAX is right. */
    if (has_high8(in))
        return false;
    if (in->form == FORM_RR) {
        unsigned d = reg_in(g, in->dst, ADDR);
        as_alu(a, in->size, 0x0fb0, reg_in(g, in->src, S0), R(d));
        reg_out(g, in->dst, d);
        fl_set(g);
        return true;
    }
    if (!gen_operand(g, in->size, true))
        return false;
    unsigned s = reg_in(g, in->src, S0);
    lock_prefix(g);
    as_alu(a, in->size, 0x0fb0, s, g->mem);
    fl_set(g);
    gen_note(g, g->off_next);
    return true;
}

/* CMPXCHG8B, CMPXCHG16B: all their registers are namesakes; ZF alone changes. size: of a half. */
static bool cmpxchg_wide(struct gen *g, unsigned size)
{
    struct as *a = &g->as;

    if (size == 8 && !enc_host_has(FT_CX16))
        return false;
    if (!gen_operand(g, 2 * size, true))
        return false;
    if (size == 8) {
        gen_mem_address(g);
        fl_spare(g);
        as_op(a, 0, 1, 0xf6, 0, R(ADDR), true); /* test addr, 15: #GP */
        as_8(a, 15);
        gen_slow_if(g, 5, false);
        fl_lost(g);
    }
    fl_need(g);
    lock_prefix(g);
    as_op(a, 0, size, 0x0fc7, 1, g->mem, false);
    fl_set(g);
    gen_note(g, g->off_next);
    return true;
}

/* -------------------------------------------------------------------------------- stack, extras */

static bool push(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->size != 8)
        return false;
    if (in->form == FORM_RM) {
        if (!gen_operand(g, 8, false))
            return false;
        as_load(a, 8, S0, g->mem);
        as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), S0);
    }
    gen_stack(g, -8, true, false);
    if (in->form == FORM_RM) {
        as_load(a, 8, S0, REC(OFF_SCRATCH(JIT_TARGET)));
        as_store(a, 8, g->mem, S0);
    } else if (in->src == X86_IMM) {
        as_op(a, 0, 8, 0xc7, 0, g->mem, false);
        as_32(a, (uint32_t)in->imm);
    } else {
        as_store(a, 8, g->mem, reg_in(g, in->src, S0));
    }
    as_lea(a, H_R12, H_R12, -1, 0, -8);
    gen_note(g, g->off_next);
    return true;
}

static bool pop(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->size != 8 || in->form != FORM_RR)
        return false;
    gen_stack(g, 0, false, false);
    int h = host_of(in->dst);
    unsigned d = h >= 0 ? (unsigned)h : S0;
    as_load(a, 8, d, g->mem);
    if (in->dst != RSP)
        as_lea(a, H_R12, H_R12, -1, 0, 8);
    reg_out(g, in->dst, d);
    return true;
}

static bool leave(struct gen *g)
{
    struct as *a = &g->as;

    if (g->in->size != 8)
        return false;
    struct access acc;

    access_stack(0, false, &acc);
    acc.base = RBP;
    gen_access(g, &acc, false);
    as_lea(a, H_R12, H_RBP, -1, 0, 8);
    as_load(a, 8, H_RBP, g->mem);
    return true;
}

static bool bswap(struct gen *g)
{
    const struct x86_insn *in = g->in;
    unsigned d = reg_in(g, in->dst, S0);

    if (in->size < 4)
        return false;
    unsigned rex = (in->size == 8 ? 0x48u : 0x40u) | (d & 8 ? 1u : 0);
    as_8(&g->as, rex);
    as_8(&g->as, 0x0f);
    as_8(&g->as, 0xc8 | (d & 7));
    reg_out(g, in->dst, d);
    return true;
}

/* CBW CWDE CDQE, CWD CDQ CQO: RAX and RDX are their namesakes. */
static bool convert(struct gen *g, unsigned op)
{
    if (g->in->size == 2)
        as_8(&g->as, 0x66);
    if (g->in->size == 8)
        as_8(&g->as, 0x48);
    as_8(&g->as, op);
    return true;
}

bool gen_integer(struct gen *g)
{
    const struct x86_insn *in = g->in;

    if (in->flags & (IN_REP | IN_REPNE))
        return in->op == X86_OP_nop || gen_string(g);
    if (gen_high8(g))
        return true;
    switch (in->op) {
    case X86_OP_add: return alu(g, 0, false);
    case X86_OP_or: return alu(g, 1, false);
    case X86_OP_adc: return alu(g, 2, true);
    case X86_OP_sbb: return alu(g, 3, true);
    case X86_OP_and: return alu(g, 4, false);
    case X86_OP_sub: return alu(g, 5, false);
    case X86_OP_xor: return alu(g, 6, false);
    case X86_OP_cmp: return alu(g, 7, false);
    case X86_OP_test: return alu(g, 8, false);
    case X86_OP_mov: return mov(g);
    case X86_OP_movzx8: return extend(g, 0x0fb6, 1);
    case X86_OP_movzx16: return extend(g, 0x0fb7, 2);
    case X86_OP_movsx8: return extend(g, 0x0fbe, 1);
    case X86_OP_movsx16: return extend(g, 0x0fbf, 2);
    case X86_OP_movsxd: return in->size == 8 && extend(g, 0x63, 4);
    case X86_OP_lea: return lea(g);
    case X86_OP_inc: return unary(g, 0xfe, 0, true, true);
    case X86_OP_dec: return unary(g, 0xfe, 1, true, true);
    case X86_OP_not: return unary(g, 0xf6, 2, false, false);
    case X86_OP_neg: return unary(g, 0xf6, 3, false, true);
    case X86_OP_rol: return shift(g, 0);
    case X86_OP_ror: return shift(g, 1);
    case X86_OP_rcl: return shift(g, 2);
    case X86_OP_rcr: return shift(g, 3);
    case X86_OP_shl: return shift(g, 4);
    case X86_OP_shr: return shift(g, 5);
    case X86_OP_sar: return shift(g, 7);
    case X86_OP_bt: return bit_test(g, 4);
    case X86_OP_bts: return bit_test(g, 5);
    case X86_OP_btr: return bit_test(g, 6);
    case X86_OP_btc: return bit_test(g, 7);
    case X86_OP_setcc: return setcc(g);
    case X86_OP_cmov: return cmov(g);
    case X86_OP_xchg: return xchg(g);
    case X86_OP_xadd: return xadd(g);
    case X86_OP_cmpxchg: return cmpxchg(g);
    case X86_OP_push: return push(g);
    case X86_OP_pop: return pop(g);
    case X86_OP_leave: return leave(g);
    case X86_OP_bswap: return bswap(g);
    case X86_OP_cbw: return convert(g, 0x98);
    case X86_OP_cwd: return convert(g, 0x99);
    case X86_OP_shld: return double_shift(g, 0x0fa4);
    case X86_OP_shrd: return double_shift(g, 0x0fac);
    case X86_OP_cmpxchg8b: return cmpxchg_wide(g, 4);
    case X86_OP_cmpxchg16b: return cmpxchg_wide(g, 8);
    case X86_OP_nop:
    case X86_OP_prefetch:
    case X86_OP_prefetchw:
        return true;
    default:
        return gen_muldiv(g) || gen_bits(g) || gen_flags(g) || gen_string(g) || gen_sys(g);
    }
}
