/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Branches. A direct one goes on within the unit where it can, or leaves it by a link; an indirect
 * one looks its target up in the jump cache, in place, so that the host predicts each on its own.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

/* Condition cc of flags that are in memory, by a test of the bits there; returns the host's
 * condition for "true", or -1: not this one. */
static int test_in_memory(struct gen *g, unsigned cc)
{
    static const uint8_t bits[8] = {1, 0x01, 0x40, 0x41, 0x80, 0x04, 0, 0}; /* O C Z BE S P */
    struct as *a = &g->as;

    if (!bits[cc >> 1])
        return -1;
    as_op(a, 0, 1, 0xf6, 0, REC(OFF_SCRATCH(JIT_FLAGS) + (cc >> 1 ? 1 : 0)), false);
    as_8(a, bits[cc >> 1]);
    return cc & 1 ? 4 : 5;
}

/* Leave the unit for page offset off if cc. */
static void side_exit(struct gen *g, unsigned cc, int64_t off)
{
    int host = g->fl == FL_IN_MEM ? test_in_memory(g, cc) : -1;

    if (host < 0) {
        fl_need(g);
        host = (int)cc;
    }
    struct slow *s = slow_new(g, SLOW_SIDE);
    s->off = off;
    s->from[s->nfrom++] = as_jump(&g->as, (unsigned)host);
}

/* The way that it mostly went while it was interpreted stays in the unit. */
static bool jcc(struct gen *g)
{
    struct as *a = &g->as;
    unsigned cc = g->in->cc;
    int64_t on = page_off(g, g->off_next), taken = on + (int64_t)g->in->imm;

    if (g->jv->single) {
        fl_need(g);
        fl_save(g); /* keeps the host's too */
        uint8_t *to = as_jump(a, cc);
        gen_exit(g, on);
        if (!a->full)
            as_patch(to, a->p);
        gen_exit(g, taken);
    } else if (mostly_taken(g->b)) {
        side_exit(g, cc ^ 1, on);
        gen_go(g, taken);
    } else {
        side_exit(g, cc, taken);
        gen_go(g, on);
    }
    return true;
}

/* The jump cache: ENTRY = the place of the target in ADDR; jumps taken (their ends) where it is not
 * there under the context's tag. Loses S0. jit.c: jump_of() */
void gen_jump_place(struct as *a, uint8_t *miss[2])
{
    as_mov(a, 8, ENTRY, ADDR);
    as_op(a, 0, 8, 0xc1, 5, R(ENTRY), false); /* shr */
    as_8(a, JUMP_BITS);
    as_alu(a, 4, 0x32, ENTRY, R(ADDR)); /* xor */
    as_load(a, 4, S0, REC(OFF_SCRATCH(JIT_TAG)));
    as_alu(a, 4, 0x32, ENTRY, R(S0));
    as_alu_imm(a, 4, 4, R(ENTRY), (1 << JUMP_BITS) - 1);
    as_op(a, 0, 8, 0xc1, 4, R(ENTRY), false); /* shl: 32 bytes each */
    as_8(a, 5);
    as_alu(a, 8, 0x02, ENTRY, REC(OFF_SCRATCH(JIT_JUMPS)));
    as_alu(a, 8, 0x3a, ADDR, MEM(ENTRY, offsetof(struct jump, lin)));
    miss[0] = as_jump(a, CC_NE);
    as_alu(a, 4, 0x3a, S0, MEM(ENTRY, offsetof(struct jump, tag)));
    miss[1] = as_jump(a, CC_NE);
}

/* To what stands at ENTRY, which ADDR is the address of. */
void gen_jump_enter(struct as *a)
{
    as_alu_imm(a, 8, 4, R(ADDR), -4096);
    as_store(a, 8, REC(OFF_R(X86_RIP)), ADDR);
    as_op(a, 0, 4, 0xff, 4, MEM(ENTRY, offsetof(struct jump, code)), false);
}

/* ADDR is a branch target from a register or memory: ENTRY becomes its place in the jump cache. One
 * that is not there (also any that is not canonical) leaves native code, before anything commits:
 * `away`, or by the function. */
static void look_up(struct gen *g, bool away)
{
    uint8_t *miss[2];

    fl_save(g);
    gen_jump_place(&g->as, miss);
    fl_lost(g);
    struct slow *s = slow_new(g, away ? SLOW_AWAY : SLOW_LAST);
    for (unsigned i = 0; i < 2; i++)
        s->from[s->nfrom++] = miss[i];
}

/* ADDR is the target, ENTRY its place in the jump cache. */
static void jump_there(struct gen *g)
{
    struct as *a = &g->as;

    g->ended = true;
    if (g->jv->single) {
        as_store(a, 8, REC(OFF_R(X86_RIP)), ADDR);
        as_jump_to(a, JMP, to_rw(g, g->jv->exit));
        return;
    }
    gen_jump_enter(a);
}

static bool ret(struct gen *g)
{
    struct as *a = &g->as;

    gen_stack(g, 0, false, true);
    as_load(a, 8, ADDR, g->mem);
    look_up(g, true);
    as_lea(a, H_R12, H_R12, -1, 0, ret_pops(g->in));
    jump_there(g);
    return true;
}

/* The target of an indirect jump or call into ADDR. */
static bool target(struct gen *g, bool away)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->form == FORM_RM) {
        struct access acc;
        access_of(in, page_off(g, g->off_next), 8, false, &acc);
        if (!gen_access(g, &acc, true))
            return false;
        as_load(a, 8, ADDR, g->mem);
    } else {
        as_mov(a, 8, ADDR, reg_in(g, in->src, ADDR));
    }
    look_up(g, away);
    return true;
}

static bool jmp_ind(struct gen *g)
{
    if (!target(g, true))
        return false;
    jump_there(g);
    return true;
}

/* Push the return address. */
static void push_return(struct gen *g)
{
    struct as *a = &g->as;

    gen_stack(g, -8, true, true);
    as_load(a, 8, S0, REC(OFF_R(X86_RIP)));
    as_lea(a, S0, S0, -1, 0, (int32_t)page_off(g, g->off_next));
    as_store(a, 8, g->mem, S0);
    as_lea(a, H_R12, H_R12, -1, 0, -8);
}

static bool call_near(struct gen *g)
{
    struct as *a = &g->as;
    int64_t delta = (int64_t)g->off_next + (int64_t)g->in->imm;

    if (g->jv->single) { /* how far the block got is known by where it ends */
        as_load(a, 8, S0, REC(OFF_R(X86_RIP)));
        as_lea(a, S0, S0, -1, 0, (int32_t)page_off(g, delta));
        as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), S0);
    }
    push_return(g);
    gen_note(g, g->jv->single ? NOTE_TARGET : delta);
    gen_go(g, page_off(g, delta));
    return true;
}

static bool call_ind(struct gen *g)
{
    struct as *a = &g->as;

    if (!target(g, false))
        return false;
    as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), ADDR);
    as_store(a, 8, REC(OFF_SCRATCH(JIT_ENTRY)), ENTRY);
    push_return(g);
    gen_note(g, NOTE_TARGET);
    as_load(a, 8, ADDR, REC(OFF_SCRATCH(JIT_TARGET)));
    as_load(a, 8, ENTRY, REC(OFF_SCRATCH(JIT_ENTRY)));
    jump_there(g);
    return true;
}

bool gen_flow(struct gen *g)
{
    const struct x86_insn *in = g->in;
    int64_t delta = page_off(g, (int64_t)g->off_next + (int64_t)in->imm);
    bool near = delta == (int32_t)delta;

    if (in->size != 8)
        return false;
    switch (in->op) {
    case X86_OP_jcc:
        return near && jcc(g);
    case X86_OP_jmp_near:
        if (near)
            gen_go(g, delta);
        return near;
    case X86_OP_jmp_ind:
        return jmp_ind(g);
    case X86_OP_call_near:
        return near && call_near(g);
    case X86_OP_call_ind:
        return call_ind(g);
    case X86_OP_ret_near:
        return ret(g);
    default:
        return false;
    }
}
