/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups: one look into the TLB for several accesses of a unit, those with the same base and index
 * registers (or none) whose displacements lie near each other: a stack frame, a structure, what code
 * addresses relative to itself.
 *
 * The first access looks for the whole span that it and those ahead of it on the unit's way touch. If
 * one page holds the span, its translation is kept in the record and serves the others, which cost
 * one load each and no flags. What invalidates translations ends native code or the group.
 * Constants that are added to the base move the span.
 *
 * If the span crosses a page end, or its page is not plain memory, control goes to the twin of the
 * rest of the unit, translated apart without groups, which gives each access its due.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5
#define AHEAD_MAX 96 /* instructions */
#define SPAN_MAX 512 /* bytes: a longer one crosses page ends too often */

static int32_t slot_of(unsigned i)
{
    return OFF_SCRATCH(JIT_GROUPS + 2 * i);
}

static int32_t slot_flags(unsigned i)
{
    return OFF_SCRATCH(JIT_GROUPS + 2 * i + 1);
}

/* ------------------------------------------------------------------------------------- accesses */

static unsigned bytes_of(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_movzx8: case X86_OP_movsx8: case X86_OP_setcc:
        return 1;
    case X86_OP_movzx16: case X86_OP_movsx16:
        return 2;
    case X86_OP_movsxd:
        return 4;
    default:
        return in->size;
    }
}

static bool writes_memory(const struct x86_insn *in)
{
    return in->form == FORM_MR && in->op != X86_OP_cmp && in->op != X86_OP_test && in->op != X86_OP_bt;
}

void access_of(const struct x86_insn *in, int64_t off_next, unsigned size, bool write,
               struct access *acc)
{
    bool seg = in->seg == SEG_FS || in->seg == SEG_GS;

    *acc = (struct access){.seg = seg ? in->seg : SEG_DS,
                           .base = in->base,
                           .index = in->index,
                           .scale = in->index == X86_ZERO ? 0 : in->scale,
                           .disp = in->disp + (in->base == X86_RIP ? off_next : 0),
                           .size = (uint16_t)size,
                           .write = write,
                           .odd = in->asize != 8};
}

void access_stack(int64_t disp, bool write, struct access *acc)
{
    *acc = (struct access){.seg = SEG_DS, .base = RSP, .index = X86_ZERO, .disp = disp, .size = 8,
                           .write = write};
}

/* The accesses of an instruction as far as they are likely to be generated. off_next: page offset. */
static unsigned accesses(const struct x86_insn *in, int64_t off_next, struct access acc[2])
{
    unsigned n = 0;

    if (in->form != FORM_RR && in->op != X86_OP_lea && in->op != X86_OP_nop &&
        in->op != X86_OP_prefetch && in->op != X86_OP_prefetchw)
        access_of(in, off_next, bytes_of(in), writes_memory(in), &acc[n++]);
    switch (in->op) {
    case X86_OP_push: case X86_OP_call_near: case X86_OP_call_ind:
        access_stack(-8, true, &acc[n++]);
        break;
    case X86_OP_pop: case X86_OP_ret_near:
        access_stack(0, false, &acc[n++]);
        break;
    case X86_OP_leave:
        access_stack(0, false, &acc[n]);
        acc[n++].base = RBP;
        break;
    default:
        break;
    }
    return n;
}

/* ------------------------------------------------------------------------------------ registers */

static uint32_t uses(const struct access *acc)
{
    return (acc->base < 16 ? 1u << acc->base : 0) | (acc->index < 16 ? 1u << acc->index : 0);
}

/* Does in add a constant to the only register of acc? */
static bool adds(const struct x86_insn *in, const struct access *acc, int64_t *by)
{
    unsigned r = acc->base;
    bool own = in->dst == r && in->size == 8 && in->form == FORM_RR;

    if (acc->index != X86_ZERO)
        return false;
    *by = 0;
    switch (in->op) {
    case X86_OP_add:
    case X86_OP_sub:
        *by = in->op == X86_OP_add ? (int64_t)in->imm : -(int64_t)in->imm;
        return own && in->src == X86_IMM && (int64_t)in->imm == (int32_t)in->imm;
    case X86_OP_inc:
    case X86_OP_dec:
        *by = in->op == X86_OP_inc ? 1 : -1;
        return own;
    case X86_OP_lea:
        *by = in->disp;
        return in->dst == r && in->size == 8 && in->base == r && in->index == X86_ZERO &&
               in->asize == 8;
    case X86_OP_push:
    case X86_OP_call_near:
        *by = -8;
        return r == RSP && in->size == 8;
    case X86_OP_pop:
        *by = 8;
        return r == RSP && in->size == 8 && in->form == FORM_RR && in->dst != RSP;
    default:
        return false;
    }
}

/* acc, whose displacements count from its base, behind in; false: its registers have other values. */
static bool passes(const struct x86_insn *in, struct access *acc, int64_t *moved)
{
    uint32_t w = gen_writes(in);
    int64_t by;

    if (w == UINT32_MAX)
        return false;
    if (!(w & uses(acc)))
        return true;
    if (!adds(in, acc, &by))
        return false;
    *moved += by;
    return *moved == (int16_t)*moved;
}

static bool same_key(const struct access *a, const struct access *b)
{
    return a->seg == b->seg && a->base == b->base && a->index == b->index && a->scale == b->scale &&
           !a->odd && !b->odd;
}

/* ---------------------------------------------------------------------------------------- ahead */

/* A place on the unit's way. */
struct at {
    unsigned block, insn;
    int64_t off_next; /* page offset of the instruction behind it */
};

static const struct x86_insn *insn_at(const struct gen *g, const struct at *at)
{
    return &g->plan[at->block]->insns[at->insn];
}

static void enter_block(const struct gen *g, struct at *at, unsigned block)
{
    at->block = block;
    at->insn = 0;
    at->off_next = (int64_t)(g->plan[block]->gpa & 0xfff) + g->plan[block]->insns[0].len;
}

/* To the next instruction; once round the loop where there is one, unless it changes acc. */
static bool forward(const struct gen *g, struct at *at, const struct access *acc)
{
    if (++at->insn < g->plan[at->block]->n) {
        at->off_next += insn_at(g, at)->len;
        return true;
    }
    if (at->block + 1 < g->nplan) {
        enter_block(g, at, at->block + 1);
        return true;
    }
    if (g->plan_loop < 0 || g->loop_writes == UINT32_MAX || (g->loop_writes & uses(acc)))
        return false;
    enter_block(g, at, (unsigned)g->plan_loop);
    return true;
}

/* The span that a group beginning with acc would serve, and whether it has to be written; false: it
 * is not worth it. */
static bool look_ahead(const struct gen *g, const struct access *acc, int64_t *lo, int64_t *hi,
                       bool *write)
{
    struct at at = {g->place, g->insn, page_off(g, g->off_next)};
    const struct at start = at;
    unsigned served = 0;
    int64_t moved = 0;
    struct access moving = *acc;
    bool sure = true; /* no branch in between */

    *lo = acc->disp;
    *hi = acc->disp + acc->size;
    *write = acc->write;
    for (unsigned n = 0; n < AHEAD_MAX; n++) {
        sure &= !(insn_at(g, &at)->flags & IN_BRANCH);
        if (!passes(insn_at(g, &at), &moving, &moved) || !forward(g, &at, acc) ||
            (at.block == start.block && at.insn == start.insn))
            break;
        struct access more[2];
        unsigned k = accesses(insn_at(g, &at), at.off_next, more);
        for (unsigned i = 0; i < k; i++) {
            int64_t from = more[i].disp + moved, l = MIN(*lo, from), h = MAX(*hi, from + more[i].size);
            if (!same_key(acc, &more[i]) || h - l > SPAN_MAX || (more[i].write && !*write && !sure))
                continue;
            *write |= more[i].write;
            *lo = l;
            *hi = h;
            served++;
        }
    }
    return served > 0;
}

/* --------------------------------------------------------------------------------------- groups */

static bool serves(const struct group *gr, const struct access *acc)
{
    return gr->valid && same_key(&gr->key, acc) && acc->disp >= gr->lo &&
           acc->disp + acc->size <= gr->hi && (gr->write || !acc->write);
}

/* A host address from the translation in slot i: g->mem. */
static void use(struct gen *g, unsigned i, const struct access *acc)
{
    struct as *a = &g->as;
    int base = acc->base < 16 ? host_of(acc->base) : -1;

    g->group = (int)i;
    as_load(a, 8, ADDR, REC(slot_of(i)));
    if (acc->index != X86_ZERO)
        as_lea(a, ADDR, ADDR, (int)reg_in(g, acc->index, ENTRY), acc->scale, 0);
    if (acc->base < 16 && base < 0) {
        as_load(a, 8, ENTRY, REC(OFF_R(acc->base)));
        as_lea(a, ADDR, ADDR, (int)ENTRY, 0, 0);
    }
    g->mem = MEM(ADDR, acc->disp);
    if (base >= 0)
        g->mem.index = (uint8_t)(base + 1);
}

/* A free one, or any that a loop does not count on; -1: none. */
static int choose(struct gen *g)
{
    for (unsigned i = 0; i < GROUPS; i++)
        if (!g->groups[i].valid)
            return (int)i;
    for (unsigned k = 0; k < GROUPS; k++) {
        unsigned i = g->next_group++ % GROUPS;
        if (!g->groups[i].kept)
            return (int)i;
    }
    return -1;
}

/* The translation of the span into slot i. */
static void begin(struct gen *g, unsigned i, const struct access *acc, int64_t lo, int64_t hi,
                  bool write)
{
    struct as *a = &g->as;
    struct access first = *acc;

    fl_spare(g);
    struct slow *s = slow_new(g, SLOW_GROUP);
    s->resume = a->p;
    s->off = page_off(g, g->off);
    s->span = (uint16_t)(hi - lo);
    s->write = write;
    first.disp = lo;
    gen_linear(g, &first);
    gen_look_up(g, (unsigned)(hi - lo), write);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    if (write) {
        as_load(a, 8, S0, MEM(ENTRY, offsetof(struct x86_tlbe, flagp)));
        as_alu_imm(a, 1, 7, MEM(S0, 0), PAGE_DIRTY);
        s->from[s->nfrom++] = as_jump(a, CC_NE);
        as_store(a, 8, REC(slot_flags(i)), S0);
    }
    as_load(a, 8, S0, MEM(ENTRY, offsetof(struct x86_tlbe, addend)));
    if (acc->base == X86_RIP)
        as_alu(a, 8, 0x02, S0, REC(OFF_R(X86_RIP)));
    if (acc->seg != SEG_DS)
        as_alu(a, 8, 0x02, S0, REC(OFF(segbase) + 8 * acc->seg));
    as_store(a, 8, REC(slot_of(i)), S0);
    fl_lost(g);
    bool kept = g->groups[i].kept;
    g->groups[i] = (struct group){.valid = true, .kept = kept, .write = write, .key = *acc, .lo = lo,
                                  .hi = hi};
}

bool group_operand(struct gen *g, const struct access *acc)
{
    int64_t lo, hi;
    bool write;
    int i;

    if (g->alone || acc->odd)
        return false;
    for (unsigned k = 0; k < GROUPS; k++)
        if (serves(&g->groups[k], acc)) {
            use(g, k, acc);
            return true;
        }
    if (g->shadow || acc->disp != (int32_t)acc->disp || !look_ahead(g, acc, &lo, &hi, &write) ||
        lo != (int32_t)lo || (i = choose(g)) < 0)
        return false;
    begin(g, (unsigned)i, acc, lo, hi, write);
    use(g, (unsigned)i, acc);
    return true;
}

void group_flags(struct gen *g)
{
    as_load(&g->as, 8, S0, REC(slot_flags((unsigned)g->group)));
}

void groups_pass(struct gen *g)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        struct group *gr = &g->groups[i];
        int64_t moved = 0;
        if (gr->valid && !passes(g->in, &gr->key, &moved))
            gr->valid = false;
        gr->lo -= moved;
        gr->hi -= moved;
    }
}

void groups_drop(struct gen *g)
{
    for (unsigned i = 0; i < GROUPS; i++)
        g->groups[i].valid = false;
}

void groups_loop(struct gen *g)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        struct group *gr = &g->groups[i];
        gr->valid = gr->valid && g->loop_writes != UINT32_MAX && !(g->loop_writes & uses(&gr->key));
        gr->kept = gr->valid;
    }
}

bool groups_hold(const struct gen *g, const struct group *then)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        const struct group *now = &g->groups[i];
        if (then[i].valid &&
            (!now->valid || !same_key(&now->key, &then[i].key) || now->lo != then[i].lo ||
             now->hi != then[i].hi || now->write != then[i].write))
            return false;
    }
    return true;
}
