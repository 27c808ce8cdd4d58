/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A unit: from a block that has run often along the way that control mostly took, as long as it
 * stays on the page. Entered at its beginning; branches off the way leave it.
 */
#include "full/jit/x86_x86_64/gen.h"

#include "core/vcpu.h"

#define CC_NE 5

/* ----------------------------------------------------------------------------- helpers, endings */

static void helper_args(struct gen *g)
{
    as_mov_imm(&g->as, ENTRY, (uintptr_t)g->in);
    as_mov_imm(&g->as, ADDR, (uint64_t)page_off(g, g->off_next));
}

void gen_helper(struct gen *g)
{
    fl_save(g);
    gen_x87_flush(g);
    helper_args(g);
    as_jump_to(&g->as, CALL, to_rw(g, g->jv->helper));
    g->fl = FL_IN_MEM;
    g->simd_checked = 0;
    g->x87.in = false;
    groups_drop(g);
}

void gen_helper_last(struct gen *g)
{
    fl_save(g);
    helper_args(g);
    as_jump_to(&g->as, JMP, to_rw(g, g->jv->helper_last));
    g->ended = true;
}

/* cmp dword [tag], imm32; jne; add [RIP], imm32; jmp rel32: jit_link() knows these lengths. */
uint8_t *gen_far_site(struct gen *g, int64_t off, uint8_t **miss)
{
    struct as *a = &g->as;

    as_op(a, 0, 4, 0x81, 7, REC(OFF_SCRATCH(JIT_TAG)), false);
    as_32(a, 0); /* no context has this tag */
    *miss = as_jump(a, CC_NE);
    as_add_rip(a, off & ~INT64_C(0xfff));
    return as_jump(a, JMP);
}

void gen_exit(struct gen *g, int64_t off)
{
    struct as *a = &g->as;
    struct slow *s;

    g->ended = true;
    if (g->jv->single) {
        as_add_rip(a, off);
        as_jump_to(a, JMP, to_rw(g, g->jv->exit));
    } else if (off >= 0 && off < (int64_t)PAGE_SIZE_4K) {
        s = slow_new(g, SLOW_LINK);
        s->off = off;
        s->from[s->nfrom++] = as_jump(a, JMP);
    } else {
        uint8_t *miss;
        s = slow_new(g, SLOW_FAR);
        s->off = off;
        s->resume = gen_far_site(g, off, &miss);
        s->from[s->nfrom++] = miss;
    }
}

/* ------------------------------------------------------------------------------------- the way */

/* Operations after which MXCSR may be another: native floating point trusts it within a block. */
static bool ends_for_mxcsr(const struct x86_insn *in)
{
    return in->op == X86_OP_ldmxcsr || in->op == X86_OP_fxrstor || in->op == X86_OP_xrstor ||
           in->op == X86_OP_xrstors;
}

/* Page offset at which control mostly goes on behind b; false: out of the unit. */
static bool way_on(const struct block *b, int64_t *off)
{
    const struct x86_insn *last = &b->insns[b->n - 1];

    *off = (int64_t)(b->gpa & 0xfff) + b->bytes;
    if (last->op == X86_OP_cli || last->op == X86_OP_sti)
        return true;
    if (last->flags & IN_ENDBLOCK || ends_for_mxcsr(last))
        return false;
    if (!(last->flags & IN_BRANCH))
        return true;
    if (last->op != X86_OP_jcc && last->op != X86_OP_jmp_near && last->op != X86_OP_call_near)
        return false;
    if (last->op != X86_OP_jcc || mostly_taken(b))
        *off += (int64_t)last->imm;
    return last->size == 8;
}

static bool begins_at(const struct block *b, int64_t off)
{
    return (int64_t)(b->gpa & 0xfff) == off && !b->genp2;
}

static bool may_join(const struct block *b, unsigned insns)
{
    /* What was never run is probably cold; what has code is linked to, not written again. */
    return b && !b->genp2 && b->heat && !b->code && insns + b->n <= UNIT_INSNS_MAX;
}

static void plan_loop(struct gen *g, int64_t off)
{
    unsigned i = 0;

    while (i < g->nplan && !begins_at(g->plan[i], off))
        i++;
    if (i == g->nplan)
        return;
    g->plan_loop = (int)i;
    for (; i < g->nplan; i++)
        for (unsigned k = 0; k < g->plan[i]->n; k++)
            g->loop_writes |= gen_writes(&g->plan[i]->insns[k]);
}

/* From b on, as long as it stays on the page and comes to nothing that it has already. */
static void plan(struct gen *g, const struct block *b)
{
    uint64_t page = b->gpa & ~UINT64_C(0xfff);
    unsigned insns = 0;
    int64_t off;

    g->plan_loop = -1;
    g->plan[g->nplan++] = b;
    while (!g->jv->single && way_on(b, &off) && off >= 0 && off < (int64_t)PAGE_SIZE_4K) {
        insns += b->n;
        plan_loop(g, off);
        if (g->plan_loop >= 0 || g->nplan == UNIT_BLOCKS_MAX)
            return;
        b = block_peek(&g->jv->blocks, page + (uint64_t)off, b->mode);
        if (!may_join(b, insns))
            return;
        g->plan[g->nplan++] = b;
    }
}

/* ------------------------------------------------------------------------------------- going on */

/* Requests and the page's generation; jumps to s where there is something. Loses the host's flags. */
static void gen_look(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;
    const struct block *b = g->b;

    as_alu_imm(a, 4, 7, REC(OFF_SCRATCH(JIT_REQUEST)), 0);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    as_mov_imm(a, ENTRY, (uintptr_t)b->genp);
    as_op(a, 0, 4, 0x81, 7, MEM(ENTRY, 0), false);
    as_32(a, b->gen);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
}

/* ---------------------------------------------------------------------------------------- loops */

/* Nothing in the host's flags, nothing to be written about the x87: what a loop may begin with. */
static void settle(struct gen *g)
{
    gen_x87_flush(g);
    fl_spare(g);
    fl_lost(g);
}

static bool same_state(const struct gen *g, const struct unit_block *u)
{
    const struct recipe *r = &g->recipe, *q = &u->recipe;

    if (g->fl != u->fl || g->simd_checked != u->simd_checked || g->x87.in != u->x87_in)
        return false;
    if (!groups_hold(g, u->groups))
        return false;
    return g->fl != FL_BY_RECIPE || (r->kind == q->kind && r->size == q->size && r->dst == q->dst &&
                                     r->src == q->src && r->imm == q->imm);
}

/* Back to the beginning of u: with a look at requests, and counted. */
static void gen_again(struct gen *g, const struct unit_block *u, int64_t off)
{
    struct slow *s = slow_new(g, SLOW_ENTRY);

    s->off = off;
    gen_look(g, s);
    as_op(&g->as, 0, 8, 0x81, 0, REC(OFF_SCRATCH(JIT_NATIVE)), false);
    as_32(&g->as, g->ninsns - u->insns);
    as_jump_to(&g->as, JMP, u->at);
    g->ended = true;
}

/* Round the loop that begins at page offset off: to a copy of its first block that expects what is,
 * or on as the second copy. */
static bool gen_loop(struct gen *g, int64_t off)
{
    if (g->plan_loop < 0 || g->alone || g->as.full)
        return false;
    unsigned i = g->copied ? g->copied : (unsigned)g->plan_loop;
    settle(g);
    if (same_state(g, &g->unit[i])) {
        gen_again(g, &g->unit[i], off);
        return true;
    }
    if (g->copied)
        return false;
    g->copied = g->nunit;
    g->place = (unsigned)g->plan_loop;
    g->next = g->plan[g->place];
    groups_loop(g);
    return true;
}

bool unit_goes_on(struct gen *g, int64_t off)
{
    return g->place + 1 < g->nplan && begins_at(g->plan[g->place + 1], off);
}

void gen_go(struct gen *g, int64_t off)
{
    if (unit_goes_on(g, off)) {
        g->next = g->plan[++g->place];
        return;
    }
    if (g->place + 1 == g->nplan && gen_loop(g, off))
        return;
    fl_save(g);
    gen_exit(g, off);
}

/* ------------------------------------------------------------------------------------- the unit */

/* The block's one instruction crosses to the next page: that must be the same, unchanged page of
 * memory. It is looked up in the TLB that the access of the fetch filled. */
static void check_second_page(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;
    const struct block *b = g->b;

    as_mov_imm(a, ENTRY, (uintptr_t)b->genp2);
    as_op(a, 0, 4, 0x81, 7, MEM(ENTRY, 0), false);
    as_32(a, b->gen2);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    as_load(a, 8, ADDR, REC(OFF_R(X86_RIP)));
    as_lea(a, ADDR, ADDR, -1, 0, (int32_t)PAGE_SIZE_4K);
    as_mov(a, 8, ENTRY, ADDR);
    as_op(a, 0, 8, 0xc1, 5, R(ENTRY), false); /* shr entry, 12 - 6 */
    as_8(a, 6);
    as_alu_imm(a, 4, 4, R(ENTRY), (int32_t)((X86_TLB_SIZE - 1) << 6));
    as_alu(a, 8, 0x02, ENTRY, REC(OFF(tlb)));
    as_alu(a, 8, 0x0a, ADDR, REC(OFF(asid))); /* or */
    as_alu(a, 8, 0x32, ADDR, MEM(ENTRY, offsetof(struct x86_tlbe, tag_x)));
    as_mov_imm(a, S0, b->gpa2);
    as_alu(a, 8, 0x32, S0, MEM(ENTRY, offsetof(struct x86_tlbe, gpa)));
    as_alu(a, 8, 0x0a, ADDR, R(S0));
    s->from[s->nfrom++] = as_jump(a, CC_NE);
}

/* Returns where the number of instructions is to be written. */
static uint8_t *gen_prologue(struct gen *g)
{
    struct as *a = &g->as;
    const struct block *b = g->b;
    struct slow *s = slow_new(g, SLOW_ENTRY);

    gen_look(g, s);
    g->checks = a->p;
    if (b->genp2)
        check_second_page(g, s);
    as_op(a, 0, 8, 0x81, 0, REC(OFF_SCRATCH(JIT_NATIVE)), false);
    as_32(a, 0);
    return a->p;
}

static void gen_insn(struct gen *g)
{
    const struct x86_insn *in = g->in;

    g->insn_slow = -1;
    g->ninsns++;
    fl_before(g);
    if (in->flags & (IN_BRANCH | IN_ENDBLOCK) || ends_for_mxcsr(in))
        gen_x87_flush(g);
    if (ends_for_mxcsr(in) || (in->flags & IN_ENDBLOCK)) {
        if (!gen_interrupt_flag(g))
            gen_helper_last(g);
        return;
    }
    if (in->flags & IN_BRANCH) {
        if (!gen_flow(g))
            gen_helper_last(g);
    } else if (!gen_integer(g) && !gen_simd(g) && !gen_x87(g)) {
        gen_helper(g);
    }
    if (g->insn_slow >= 0) {
        g->slow[g->insn_slow].resume = g->as.p;
        g->slow[g->insn_slow].join = (uint8_t)g->fl;
        g->slow[g->insn_slow].vec = g->simd_checked != 0;
        g->slow[g->insn_slow].x87.in = g->x87.in;
    }
}

static void gen_block(struct gen *g)
{
    const struct block *b = g->b;

    struct unit_block *u = &g->unit[g->nunit++];
    *u = (struct unit_block){.b = b,
                             .at = g->as.p,
                             .insns = g->ninsns,
                             .simd_checked = g->simd_checked,
                             .fl = g->fl,
                             .recipe = g->recipe,
                             .x87_in = g->x87.in};
    memcpy(u->groups, g->groups, sizeof(u->groups));
    g->next = NULL;
    g->off_next = 0;
    for (unsigned i = 0; i < b->n && !g->ended; i++) {
        g->in = &b->insns[i];
        g->insn = i;
        g->off = g->off_next;
        g->off_next += g->in->len;
        gen_insn(g);
        groups_pass(g);
        g->shadow = g->in->op == X86_OP_sti;
    }
    if (!g->ended && !g->next) {
        gen_x87_flush(g);
        gen_go(g, page_off(g, g->off_next));
    }
}

/* Where it fits: hot code from below, what is rarely run from the middle of the cache on. */
static bool gen_unit(struct gen *g)
{
    struct code_cache *cc = &g->jv->code;

    g->as = (struct as){.p = cc->rw + cc->used, .limit = cc->rw + cc->cold_base};
    uint8_t *count = gen_prologue(g);
    do {
        gen_block(g);
        if (g->next)
            g->b = g->next;
    } while (g->next);
    if (g->as.full)
        return false;
    st_le32(count - 4, g->ninsns);
    cc->used = ALIGN_UP((size_t)(g->as.p - cc->rw), (size_t)16);
    g->as = (struct as){.p = cc->rw + cc->cold_used, .limit = cc->rw + cc->size};
    for (unsigned i = 0; i < g->nslow; i++)
        slow_emit(g, &g->slow[i]);
    return !g->as.full;
}

bool jit_translate(struct jit_vcpu *jv, struct block *b)
{
    struct code_cache *cc = &jv->code;
    struct gen *g = jv->gen;
    uint8_t *start = cc->rw + cc->used;

    if (!g)
        g = jv->gen = xcalloc(1, sizeof(*g));
    memset(g, 0, offsetof(struct gen, slow));
    g->jv = jv;
    g->b = b;
    g->fl = FL_IN_MEM;
    g->alone = jv->single || b->is_twin;
    plan(g, b);
    if (!gen_unit(g))
        return false;
    b->code = start + cc->to_rx;
    b->checks = (uint8_t)(g->checks - start);
    b->code_bytes = (uint32_t)(cc->rw + cc->used - start);
    b->cold = cc->rx + cc->cold_used;
    b->cold_bytes = (uint32_t)(g->as.p - (cc->rw + cc->cold_used));
    cc->cold_used = (size_t)(g->as.p - cc->rw);
    jv->n_translated++;
    jv->n_unit_blocks += g->nunit;
    return true;
}

void jit_link(struct jit_vcpu *jv, uint64_t link, const struct block *b)
{
    uint8_t *end = jv->code.rw + (link & JIT_LINK_SITE);
    const uint8_t *to = (const uint8_t *)b->code - jv->code.to_rx;

    if (link & JIT_LINK_FAR) /* gen_far_site(): jmp rel32, add, jne, imm32 */
        st_le32(end - 5 - ADD_RIP_BYTES - 6 - 4, (uint32_t)jv->cpu->scratch[JIT_TAG]);
    as_patch(end, link & JIT_LINK_IN ? to + b->checks : to);
}
