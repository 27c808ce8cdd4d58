/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multiplication and division: the host's own. A division that could raise #DE goes to the
 * operation's function before it is made.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_AE 3
#define CC_NE 5
#define CC_BE 6

/* The source operand as r/m, where it is a register with the load of one that is in the record. */
static bool source(struct gen *g, struct rm *rm)
{
    const struct x86_insn *in = g->in;

    if (in->form == FORM_RM) {
        if (!gen_operand(g, in->size, false))
            return false;
        *rm = g->mem;
    } else {
        if (in->size == 1 && (in->src & X86_HIGH8))
            return false;
        *rm = R(reg_in(g, in->src, ADDR));
    }
    return true;
}

static void group3(struct gen *g, unsigned n, struct rm rm)
{
    unsigned size = g->in->size;

    as_op(&g->as, 0, size, size == 1 ? 0xf6 : 0xf7, n, rm, size == 1);
}

/* MUL, IMUL of RAX by a source: /4, /5. */
static bool mul_wide(struct gen *g, unsigned n)
{
    struct rm rm;

    if (!source(g, &rm))
        return false;
    fl_need(g); /* all but CF and OF stay */
    group3(g, n, rm);
    fl_set(g);
    return true;
}

static bool imul2(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct rm rm;

    if (!source(g, &rm))
        return false;
    fl_need(g);
    unsigned d = reg_in(g, in->dst, S0);
    as_op(&g->as, 0, in->size, 0x0faf, d, rm, false);
    reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

static bool imul3(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    struct rm rm;

    if (!source(g, &rm))
        return false;
    fl_need(g);
    int h = host_of(in->dst);
    unsigned d = h >= 0 ? (unsigned)h : in->size == 2 ? reg_in(g, in->dst, S0) : S0;
    as_op(a, 0, in->size, 0x69, d, rm, false);
    as_8(a, in->imm & 0xff);
    as_8(a, in->imm >> 8 & 0xff);
    if (in->size > 2) {
        as_8(a, in->imm >> 16 & 0xff);
        as_8(a, in->imm >> 24 & 0xff);
    }
    reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

/* The upper half of the dividend must be below the divisor. */
static void guard_unsigned(struct gen *g, unsigned divisor)
{
    struct as *a = &g->as;

    if (g->in->size == 1) {
        as_mov(a, 4, S0, H_RAX);
        as_op(a, 0, 4, 0xc1, 5, R(S0), false); /* shr 8 */
        as_8(a, 8);
        as_alu(a, 1, 0x38, divisor, R(S0)); /* cmp */
    } else {
        as_alu(a, g->in->size, 0x38, divisor, R(H_RDX));
    }
    gen_slow_if(g, CC_AE, false);
}

/* The upper half must be the sign of the lower one, and the divisor neither 0 nor -1. */
static void guard_signed(struct gen *g, unsigned divisor)
{
    struct as *a = &g->as;
    unsigned size = g->in->size;

    if (size == 1) {
        as_op(a, 0, 4, 0x0fbe, S0, R(H_RAX), true); /* movsx r13d, al */
        as_alu(a, 2, 0x38, H_RAX, R(S0));
    } else {
        as_mov(a, size, S0, H_RAX);
        as_op(a, 0, size, 0xc1, 7, R(S0), false); /* sar */
        as_8(a, 8 * size - 1);
        as_alu(a, size, 0x38, H_RDX, R(S0));
    }
    gen_slow_if(g, CC_NE, false);
    as_lea(a, ENTRY, divisor, -1, 0, 1);
    as_alu_imm(a, size, 7, R(ENTRY), 1);
    gen_slow_if(g, CC_BE, false);
}

static bool divide(struct gen *g, bool is_signed)
{
    const struct x86_insn *in = g->in;
    struct rm rm;

    if (!source(g, &rm))
        return false;
    unsigned divisor = rm.base;
    if (rm.kind == RM_MEM) {
        as_load(&g->as, in->size, ADDR, rm);
        divisor = ADDR;
    }
    fl_save(g);
    if (is_signed)
        guard_signed(g, divisor);
    else
        guard_unsigned(g, divisor);
    fl_lost(g);
    fl_need(g); /* CF and OF stay */
    group3(g, is_signed ? 7 : 6, R(divisor));
    fl_set(g);
    return true;
}

bool gen_muldiv(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_mul: return mul_wide(g, 4);
    case X86_OP_imul1: return mul_wide(g, 5);
    case X86_OP_imul: return imul2(g);
    case X86_OP_imul3: return imul3(g);
    case X86_OP_div: return divide(g, false);
    case X86_OP_idiv: return divide(g, true);
    default: return false;
    }
}
