/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Strings upwards: MOVS STOS LODS SCAS CMPS once, REP MOVS and REP STOS within a page by the host's
 * own REP. Whatever is larger, goes downwards or is not flat is the function's business, which
 * leaves after a bounded amount of work.
 *
 * Guest RAX RCX RSI RDI are their namesakes. While native code runs their places in the record are
 * free: the new values of RSI and RDI wait there.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_E 4
#define CC_NE 5
#define CC_A 7

static unsigned log2_of(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

/* Not upwards: the function. Loses the host's flags. */
static void test_direction(struct gen *g)
{
    as_op(&g->as, 0, 1, 0xf6, 0, REC(OFF(s.rflags) + 1), false); /* test */
    as_8(&g->as, FL_DF >> 8);
}

static void step(struct gen *g, unsigned r)
{
    as_lea(&g->as, r, r, -1, 0, g->in->size);
}

/* ADDR = a checked host address of the element at r. */
static void element(struct gen *g, unsigned r, unsigned size, bool write)
{
    as_mov(&g->as, 8, ADDR, r);
    gen_check(g, size, write, false);
}

/* RAX of the operand size, op reg, r/m. */
static void with_rax(struct gen *g, unsigned op)
{
    as_alu(&g->as, g->in->size, op, H_RAX, MEM(ADDR, 0));
}

static bool once(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    unsigned op = in->op;

    fl_save(g);
    test_direction(g);
    gen_slow_if(g, CC_NE, false);
    fl_lost(g);
    if (op == X86_OP_movs || op == X86_OP_cmps) {
        element(g, H_RSI, in->size, false);
        as_load(a, in->size, S0, MEM(ADDR, 0));
        as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), S0);
    }
    if (op == X86_OP_lods) {
        element(g, H_RSI, in->size, false);
        with_rax(g, 0x8a);
        step(g, H_RSI);
        return true;
    }
    element(g, H_RDI, in->size, op == X86_OP_movs || op == X86_OP_stos);
    step(g, H_RDI);
    if (op == X86_OP_movs || op == X86_OP_cmps) {
        step(g, H_RSI);
        as_load(a, 8, S0, REC(OFF_SCRATCH(JIT_TARGET)));
    }
    switch (op) {
    case X86_OP_movs:
        as_store(a, in->size, MEM(ADDR, 0), S0);
        break;
    case X86_OP_stos:
        with_rax(g, 0x88);
        break;
    case X86_OP_scas:
        with_rax(g, 0x3a);
        break;
    case X86_OP_cmps:
        as_alu(a, in->size, 0x3a, S0, MEM(ADDR, 0));
        break;
    }
    if (op == X86_OP_movs || op == X86_OP_stos)
        gen_note(g, g->off_next);
    else
        fl_set(g);
    return true;
}

/* Jumps to the function if the elements at r do not end within its page; RCX is small. */
static uint8_t *test_span(struct gen *g, unsigned r)
{
    struct as *a = &g->as;

    as_mov(a, 4, S0, r);
    as_alu_imm(a, 4, 4, R(S0), 0xfff);
    as_lea(a, S0, S0, H_RCX, log2_of(g->in->size), 0);
    as_alu_imm(a, 4, 7, R(S0), PAGE_SIZE_4K);
    return as_jump(a, CC_A);
}

/* To where the element behind the last will be, in the record. */
static void advance(struct gen *g, unsigned r, unsigned guest)
{
    as_lea(&g->as, S0, r, H_RCX, log2_of(g->in->size), 0);
    as_store(&g->as, 8, REC(OFF_R(guest)), S0);
}

static bool repeated(struct gen *g, bool movs)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    uint8_t *bad[4];
    unsigned n = 0;

    as_op(a, 0, 1, 0xc6, 0, REC(OFF(s.rep_left)), false); /* mov byte, 0 */
    as_8(a, 0);
    fl_save(g);
    as_alu(a, 8, 0x84, H_RCX, R(H_RCX)); /* test */
    uint8_t *none = as_jump(a, CC_E);
    test_direction(g);
    bad[n++] = as_jump(a, CC_NE);
    as_alu_imm(a, 8, 7, R(H_RCX), (int32_t)(PAGE_SIZE_4K / in->size));
    bad[n++] = as_jump(a, CC_A);
    bad[n++] = test_span(g, H_RDI);
    if (movs)
        bad[n++] = test_span(g, H_RSI);
    uint8_t *good = as_jump(a, JMP);
    for (unsigned i = 0; i < n && !a->full; i++)
        as_patch(bad[i], a->p);
    gen_slow_if(g, JMP, false);
    if (!a->full)
        as_patch(good, a->p);
    fl_lost(g);
    if (movs) {
        element(g, H_RSI, 1, false);
        as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), ADDR);
    }
    element(g, H_RDI, 1, true);
    advance(g, H_RDI, RDI);
    if (movs) {
        advance(g, H_RSI, RSI);
        as_load(a, 8, H_RSI, REC(OFF_SCRATCH(JIT_TARGET)));
    }
    as_mov(a, 8, H_RDI, ADDR);
    as_8(a, 0xf3);
    if (in->size == 2)
        as_8(a, 0x66);
    if (in->size == 8)
        as_8(a, 0x48);
    as_8(a, (movs ? 0xa4u : 0xaau) | (in->size > 1));
    as_load(a, 8, H_RDI, REC(OFF_R(RDI)));
    if (movs)
        as_load(a, 8, H_RSI, REC(OFF_R(RSI)));
    gen_note(g, g->off_next);
    if (!a->full)
        as_patch(none, a->p);
    return true;
}

bool gen_string(struct gen *g)
{
    const struct x86_insn *in = g->in;
    bool rep = in->flags & (IN_REP | IN_REPNE);

    switch (in->op) {
    case X86_OP_movs: case X86_OP_stos: case X86_OP_lods: case X86_OP_scas: case X86_OP_cmps:
        break;
    default:
        return false;
    }
    if (in->asize != 8 || in->seg == SEG_FS || in->seg == SEG_GS)
        return false;
    if (!rep)
        return once(g);
    if (in->op == X86_OP_movs || in->op == X86_OP_stos)
        return repeated(g, in->op == X86_OP_movs);
    return false;
}
