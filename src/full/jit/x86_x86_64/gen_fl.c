/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest's arithmetic flags: in the host's flag register as long as nothing of ours spoils them.
 *
 * Before that happens they are saved (LAHF, SETO: five instructions), unless the operation that set
 * them can be done again: a comparison whose operands are still there, an addition that can be undone.
 * Then nothing is written, and only whoever needs the flags (a branch, a slow path) makes them
 * anew: most are never looked at.
 */
#include "full/jit/x86_x86_64/gen.h"

/* LAHF and SETO keep the flags themselves; RAX makes room in a scratch register meanwhile. */
void fl_emit_save(struct as *a)
{
    as_mov(a, 8, S0, H_RAX);
    as_8(a, 0x9f);                            /* lahf */
    as_op(a, 0, 1, 0x0f90, 0, R(H_RAX), true); /* seto al */
    as_store(a, 2, REC(OFF_SCRATCH(JIT_FLAGS)), H_RAX);
    as_mov(a, 8, H_RAX, S0);
}

void fl_emit_load(struct as *a)
{
    as_mov(a, 8, S0, H_RAX);
    as_load(a, 2, H_RAX, REC(OFF_SCRATCH(JIT_FLAGS)));
    as_8(a, 0x04); /* add al, 127: OF = bit 0 */
    as_8(a, 127);
    as_8(a, 0x9e); /* sahf */
    as_mov(a, 8, H_RAX, S0);
}

/* Group-1 operation n of register d with the recipe's source. */
static void with_source(struct as *a, const struct recipe *r, unsigned n, unsigned d)
{
    int h = r->src == X86_IMM ? 0 : host_of(r->src);

    if (r->src == X86_IMM)
        as_alu_imm(a, r->size, n, R(d), r->imm);
    else
        as_alu(a, r->size, n << 3 | 2, d, h >= 0 ? R(h) : REC(OFF_R(r->src)));
}

/* Flags into the host's register; loses S0. */
void fl_emit_recipe(struct gen *g, const struct recipe *r)
{
    struct as *a = &g->as;
    unsigned d = reg_in(g, r->dst, S0);

    switch (r->kind) {
    case REC_CMP:
        with_source(a, r, 7, d);
        break;
    case REC_TEST:
        if (r->src == X86_IMM) {
            as_op(a, 0, r->size, r->size == 1 ? 0xf6 : 0xf7, 0, R(d), r->size == 1);
            for (unsigned i = 0; i < MIN(r->size, 4); i++)
                as_8(a, (uint32_t)r->imm >> (8 * i) & 0xff);
        } else {
            int h = host_of(r->src);
            as_alu(a, r->size, 0x84, d, h >= 0 ? R(h) : REC(OFF_R(r->src)));
        }
        break;
    case REC_ADD: /* undo, do again */
    case REC_SUB:
        if (d != S0)
            as_mov(a, 8, S0, d);
        with_source(a, r, r->kind == REC_ADD ? 5 : 0, S0);
        with_source(a, r, r->kind == REC_ADD ? 0 : 5, S0);
        break;
    case REC_NONE:
        break;
    }
}

void fl_need(struct gen *g)
{
    if (g->fl == FL_BY_RECIPE) {
        fl_emit_recipe(g, &g->recipe);
        g->fl = FL_IN_HOST;
    } else if (g->fl == FL_IN_MEM) {
        fl_emit_load(&g->as);
        g->fl = FL_IN_BOTH;
    }
}

void fl_save(struct gen *g)
{
    if (g->fl == FL_IN_MEM || g->fl == FL_IN_BOTH)
        return;
    fl_need(g);
    fl_emit_save(&g->as);
    g->fl = FL_IN_BOTH;
}

void fl_spare(struct gen *g)
{
    if (g->fl != FL_IN_HOST)
        return;
    if (g->recipe.kind == REC_NONE)
        fl_save(g);
    else
        g->fl = FL_BY_RECIPE;
}

void fl_set(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct recipe *r = &g->recipe;

    g->fl = FL_IN_HOST;
    *r = (struct recipe){.size = in->size, .dst = in->dst, .src = in->src,
                         .imm = (int32_t)in->imm};
    if (in->form != FORM_RR || in->dst > 15 || (in->src > 15 && in->src != X86_IMM))
        return;
    switch (in->op) {
    case X86_OP_cmp:
        r->kind = REC_CMP;
        break;
    case X86_OP_test:
        r->kind = REC_TEST;
        break;
    case X86_OP_and: /* the result says it all */
    case X86_OP_or:
    case X86_OP_xor:
        r->kind = REC_TEST;
        r->src = r->dst;
        break;
    case X86_OP_add:
    case X86_OP_sub:
        if (in->src != in->dst)
            r->kind = in->op == X86_OP_add ? REC_ADD : REC_SUB;
        break;
    default:
        break;
    }
}

/* Of what sets all flags the registers need not be asked: by then the old flags are dead, or were
 * brought by fl_need(). */
static uint32_t changes(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_adc: case X86_OP_sbb: case X86_OP_inc: case X86_OP_dec:
        return 0;
    default:
        return gen_overwrites_flags(in) ? 0 : gen_writes(in);
    }
}

void fl_before(struct gen *g)
{
    struct recipe *r = &g->recipe;
    uint32_t uses = 1u << r->dst | (r->src < 16 ? 1u << r->src : 0);

    if (r->kind == REC_NONE || !(changes(g->in) & uses))
        return;
    if (g->fl == FL_BY_RECIPE)
        fl_save(g);
    r->kind = REC_NONE;
}
