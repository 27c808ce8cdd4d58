/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Branches: each ends its block. Direct ones within a page are linked to their successor, all
 * others look their target up in the jump cache.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

static void set_rip(struct gen *g, int64_t delta)
{
    as_load(&g->as, 8, ADDR, GS(OFF_R(X86_RIP)));
    as_lea(&g->as, ADDR, ADDR, -1, 0, (int32_t)delta);
    as_store(&g->as, 8, GS(OFF_R(X86_RIP)), ADDR);
}

static bool jcc(struct gen *g)
{
    struct as *a = &g->as;
    int64_t taken = (int64_t)g->off_next + (int64_t)g->in->imm;

    fl_need(g);
    fl_save(g); /* keeps the host's too */
    uint8_t *to = as_jump(a, g->in->cc);
    gen_exit_direct(g, g->off_next);
    if (!a->full)
        as_patch(to, a->p);
    gen_exit_direct(g, taken);
    return true;
}

/* ADDR is a branch target from a register or memory: #GP before anything commits. */
static void check_canonical(struct gen *g)
{
    struct as *a = &g->as;

    as_mov(a, 8, S0, ADDR);
    as_op(a, 0, 8, 0xc1, 4, R(S0), false); /* shl 16, sar 16 */
    as_8(a, 16);
    as_op(a, 0, 8, 0xc1, 7, R(S0), false);
    as_8(a, 16);
    as_alu(a, 8, 0x3a, S0, R(ADDR));
    gen_slow_if(g, CC_NE, true);
}

static bool ret(struct gen *g)
{
    struct as *a = &g->as;

    as_mov(a, 8, ADDR, H_R12);
    fl_save(g);
    gen_check(g, 8, false, true);
    as_load(a, 8, ADDR, MEM(ADDR, 0));
    check_canonical(g);
    as_lea(a, H_R12, H_R12, -1, 0, 8 + (int32_t)(g->in->src == X86_IMM ? (uint16_t)g->in->imm : 0));
    as_store(a, 8, GS(OFF_R(X86_RIP)), ADDR);
    gen_exit_to_addr(g);
    return true;
}

/* The target of an indirect jump or call into ADDR. */
static bool target(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->form == FORM_RM) {
        fl_save(g);
        if (!gen_ea(g, ADDR, true))
            return false;
        gen_check(g, 8, false, true);
        as_load(a, 8, ADDR, MEM(ADDR, 0));
    } else {
        as_mov(a, 8, ADDR, reg_in(g, in->src, ADDR));
    }
    fl_save(g);
    check_canonical(g);
    fl_lost(g);
    return true;
}

/* Push the return address; then RIP is moved and the store noted. */
static void push_return(struct gen *g)
{
    struct as *a = &g->as;

    as_lea(a, ADDR, H_R12, -1, 0, -8);
    fl_save(g);
    gen_check(g, 8, true, true);
    as_load(a, 8, S0, GS(OFF_R(X86_RIP)));
    as_lea(a, S0, S0, -1, 0, (int32_t)g->off_next);
    as_store(a, 8, MEM(ADDR, 0), S0);
    as_lea(a, H_R12, H_R12, -1, 0, -8);
}

static bool call_near(struct gen *g)
{
    struct as *a = &g->as;
    int64_t delta = (int64_t)g->off_next + (int64_t)g->in->imm;

    push_return(g);
    set_rip(g, delta);
    gen_note(g, NOTE_RIP_IS_SET);
    as_load(a, 8, ADDR, GS(OFF_R(X86_RIP)));
    gen_exit_to_addr(g);
    return true;
}

static bool call_ind(struct gen *g)
{
    struct as *a = &g->as;

    if (!target(g))
        return false;
    as_store(a, 8, GS(OFF_SCRATCH(JIT_TARGET)), ADDR);
    push_return(g);
    as_load(a, 8, ADDR, GS(OFF_SCRATCH(JIT_TARGET)));
    as_store(a, 8, GS(OFF_R(X86_RIP)), ADDR);
    gen_note(g, NOTE_RIP_IS_SET);
    as_load(a, 8, ADDR, GS(OFF_R(X86_RIP)));
    gen_exit_to_addr(g);
    return true;
}

bool gen_flow(struct gen *g)
{
    const struct x86_insn *in = g->in;
    int64_t delta = (int64_t)g->off_next + (int64_t)in->imm;

    if (in->size != 8)
        return false;
    switch (in->op) {
    case X86_OP_jcc:
        return delta == (int32_t)delta && jcc(g);
    case X86_OP_jmp_near:
        if (delta != (int32_t)delta)
            return false;
        gen_exit_direct(g, delta);
        return true;
    case X86_OP_jmp_ind:
        if (!target(g))
            return false;
        as_store(&g->as, 8, GS(OFF_R(X86_RIP)), ADDR);
        gen_exit_to_addr(g);
        return true;
    case X86_OP_call_near:
        return delta == (int32_t)delta && call_near(g);
    case X86_OP_call_ind:
        return call_ind(g);
    case X86_OP_ret_near:
        return ret(g);
    default:
        return false;
    }
}
