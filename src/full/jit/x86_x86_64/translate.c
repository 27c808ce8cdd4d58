/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/jit/x86_x86_64/gen.h"

#include "core/vcpu.h"

/* ---------------------------------------------------------------------------------------- flags */

/* LAHF and SETO keep the flags themselves; RAX makes room in a scratch register meanwhile. */
void fl_save(struct gen *g)
{
    struct as *a = &g->as;

    if (g->fl != FL_IN_HOST)
        return;
    as_mov(a, 8, S0, H_RAX);
    as_8(a, 0x9f);                            /* lahf */
    as_op(a, 0, 1, 0x0f90, 0, R(H_RAX), true); /* seto al */
    as_store(a, 2, GS(OFF_SCRATCH(JIT_FLAGS)), H_RAX);
    as_mov(a, 8, H_RAX, S0);
    g->fl = FL_IN_BOTH;
}

static void fl_load_host(struct gen *g)
{
    struct as *a = &g->as;

    as_mov(a, 8, S0, H_RAX);
    as_load(a, 2, H_RAX, GS(OFF_SCRATCH(JIT_FLAGS)));
    as_8(a, 0x04); /* add al, 127: OF = bit 0 */
    as_8(a, 127);
    as_8(a, 0x9e); /* sahf */
    as_mov(a, 8, H_RAX, S0);
}

void fl_need(struct gen *g)
{
    if (g->fl != FL_IN_MEM)
        return;
    fl_load_host(g);
    g->fl = FL_IN_BOTH;
}

/* --------------------------------------------------------------------------------------- memory */

#define CC_NE 5

/* False: a displacement does not fit (RIP-relative at the far end); nothing was written. */
bool gen_ea(struct gen *g, unsigned to, bool segment)
{
    struct as *a = &g->as;
    const struct x86_insn *in = g->in;
    int index = -1;
    unsigned base;

    if (in->base == X86_RIP) {
        int64_t d = (int64_t)in->disp + g->off_next;
        if (d != (int32_t)d)
            return false;
        as_load(a, 8, to, GS(OFF_R(X86_RIP)));
        as_lea(a, to, to, -1, 0, (int32_t)d);
    } else {
        if (in->index != X86_ZERO)
            index = (int)reg_in(g, in->index, ENTRY);
        if (in->base != X86_ZERO) {
            base = reg_in(g, in->base, to);
            as_lea(a, to, base, index, in->scale, in->disp);
        } else if (index >= 0) {
            /* [index << scale + disp32] without a base: mod 00, base 101 */
            as_8(a, 0x48 | (to & 8 ? 4 : 0) | (index & 8 ? 2 : 0));
            as_8(a, 0x8d);
            as_8(a, 0x04 | (to & 7) << 3);
            as_8(a, (unsigned)in->scale << 6 | ((unsigned)index & 7) << 3 | 5);
            as_32(a, (uint32_t)in->disp);
        } else {
            as_mov_imm(a, to, (uint64_t)(int64_t)in->disp);
        }
    }
    if (in->asize == 4)
        as_mov(a, 4, to, to);
    if (segment && (in->seg == SEG_FS || in->seg == SEG_GS))
        as_alu(a, 8, 0x02, to, GS(OFF(segbase) + 8 * in->seg)); /* add */
    return true;
}

static struct slow *slow_new(struct gen *g, enum slow_kind kind)
{
    struct slow *s = &g->slow[g->nslow++];

    *s = (struct slow){.kind = kind, .in = g->in, .off_next = g->off_next,
                       .vec = g->simd_checked != 0, .x87 = g->x87};
    return s;
}

static struct slow *insn_slow(struct gen *g, bool last)
{
    if (g->insn_slow < 0) {
        g->insn_slow = (int)g->nslow;
        slow_new(g, last ? SLOW_LAST : SLOW_INSN);
    }
    return &g->slow[g->insn_slow];
}

void gen_slow_if(struct gen *g, unsigned cc, bool last)
{
    struct slow *s = insn_slow(g, last);

    s->from[s->nfrom++] = as_jump(&g->as, cc);
}

void gen_slow_x87(struct gen *g)
{
    struct slow *s = slow_new(g, SLOW_X87);

    s->from[s->nfrom++] = as_jump(&g->as, CC_NE);
    s->resume = g->as.p;
    insn_slow(g, false);
    s->insn = g->insn_slow;
}

void gen_vec_need(struct gen *g, unsigned bit)
{
    struct as *a = &g->as;

    if (g->simd_checked & bit)
        return;
    g->simd_checked |= bit;
    fl_save(g);
    as_op(a, 0, 1, 0xf6, 0, GS(OFF_SCRATCH(JIT_SIMD)), false); /* test byte, imm */
    as_8(a, bit | JIT_VEC_OUT);
    struct slow *s = slow_new(g, SLOW_SIMD);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    s->resume = a->p;
    s->forbidden = (uint8_t)bit;
    insn_slow(g, false);
    s->insn = g->insn_slow;
    fl_lost(g);
}

void gen_check(struct gen *g, unsigned size, bool write, bool last)
{
    struct as *a = &g->as;

    as_mov(a, 8, ENTRY, ADDR);
    as_op(a, 0, 8, 0xc1, 5, R(ENTRY), false); /* shr entry, 12 - 6 */
    as_8(a, 6);
    as_alu_imm(a, 4, 4, R(ENTRY), (int32_t)((X86_TLB_SIZE - 1) << 6));
    as_alu(a, 8, 0x02, ENTRY, GS(OFF(tlb)));
    if (size > 1)
        as_lea(a, S0, ADDR, -1, 0, (int32_t)size - 1);
    else
        as_mov(a, 8, S0, ADDR);
    as_alu_imm(a, 8, 4, R(S0), -4096);
    as_alu(a, 8, 0x0a, S0, GS(OFF(asid))); /* or */
    as_alu(a, 8, 0x3a, S0,
           MEM(ENTRY, write ? offsetof(struct x86_tlbe, tag_w) : offsetof(struct x86_tlbe, tag_r)));
    gen_slow_if(g, CC_NE, last);
    as_alu(a, 8, 0x02, ADDR, MEM(ENTRY, offsetof(struct x86_tlbe, addend)));
    fl_lost(g);
}

void gen_note(struct gen *g, uint32_t off_next)
{
    struct as *a = &g->as;

    fl_save(g);
    as_load(a, 8, S0, MEM(ENTRY, offsetof(struct x86_tlbe, flagp)));
    as_alu_imm(a, 1, 7, MEM(S0, 0), PAGE_DIRTY);
    fl_lost(g);
    struct slow *s = slow_new(g, SLOW_NOTE);
    s->off_next = off_next;
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    s->resume = a->p;
}

/* ----------------------------------------------------------------------------- helpers, endings */

static const uint8_t *to_rw(const struct gen *g, const uint8_t *rx)
{
    return rx - g->jv->code.to_rx;
}

static void helper_args(struct gen *g, const struct x86_insn *in, uint32_t off_next)
{
    as_mov_imm(&g->as, ENTRY, (uintptr_t)in);
    as_mov_imm(&g->as, ADDR, off_next);
}

void gen_helper(struct gen *g)
{
    fl_save(g);
    gen_x87_flush(g);
    helper_args(g, g->in, g->off_next);
    as_jump_to(&g->as, CALL, to_rw(g, g->jv->helper));
    fl_lost(g);
    g->simd_checked = 0;
    g->x87.in = false;
}

void gen_helper_last(struct gen *g)
{
    fl_save(g);
    helper_args(g, g->in, g->off_next);
    as_jump_to(&g->as, JMP, to_rw(g, g->jv->helper_last));
    g->ended = true;
}

void gen_exit_to_addr(struct gen *g)
{
    as_jump_to(&g->as, JMP, to_rw(g, g->jv->single ? g->jv->exit : g->jv->lookup));
    g->ended = true;
}

/* End the block at block start + delta. */
void gen_exit_direct(struct gen *g, int64_t delta)
{
    struct as *a = &g->as;
    int64_t page_off = (int64_t)(g->b->gpa & 0xfff) + delta;

    fl_save(g);
    as_load(a, 8, ADDR, GS(OFF_R(X86_RIP)));
    as_lea(a, ADDR, ADDR, -1, 0, (int32_t)delta);
    as_store(a, 8, GS(OFF_R(X86_RIP)), ADDR);
    if (g->jv->single || page_off < 0 || page_off >= (int64_t)PAGE_SIZE_4K) {
        gen_exit_to_addr(g);
        return;
    }
    /* Same page, same translation: the two blocks may be linked for good. */
    struct slow *s = slow_new(g, SLOW_LINK);
    s->from[s->nfrom++] = as_jump(a, JMP);
    g->ended = true;
}

/* Vector registers are out; in again, unless an exception says why not. */
static void emit_slow_simd(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;
    struct slow *insn = &g->slow[s->insn];

    as_op(a, 0, 1, 0xf6, 0, GS(OFF_SCRATCH(JIT_SIMD)), false);
    as_8(a, s->forbidden);
    insn->from[insn->nfrom++] = as_jump(a, CC_NE);
    as_jump_to(a, CALL, to_rw(g, g->jv->vec_in));
    as_jump_to(a, JMP, s->resume);
}

/* After C code: registers that `resume` expects in the host's. */
static void emit_back(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;

    if (s->x87.in) {
        as_mov_imm(a, ADDR, s->off_next);
        as_jump_to(a, CALL, to_rw(g, g->jv->x87_in));
    }
    if (s->vec)
        as_jump_to(a, CALL, to_rw(g, g->jv->vec_in));
}

static void emit_slow_x87(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;
    struct slow *insn = &g->slow[s->insn];

    as_op(a, 0, 1, 0xf6, 0, GS(OFF_SCRATCH(JIT_SIMD)), false);
    as_8(a, JIT_NO_X87);
    insn->from[insn->nfrom++] = as_jump(a, CC_NE);
    as_jump_to(a, CALL, to_rw(g, g->jv->x87_in));
    if (s->vec)
        as_jump_to(a, CALL, to_rw(g, g->jv->vec_in));
    as_jump_to(a, JMP, s->resume);
}

static void emit_slow(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;

    if (a->full)
        return;
    for (unsigned i = 0; i < s->nfrom; i++)
        as_patch(s->from[i], a->p);
    if (s->kind == SLOW_INSN || s->kind == SLOW_LAST || s->kind == SLOW_NOTE)
        gen_x87_note(g, &s->x87);
    switch (s->kind) {
    case SLOW_INSN:
        helper_args(g, s->in, s->off_next);
        as_jump_to(a, CALL, to_rw(g, g->jv->helper));
        emit_back(g, s);
        if (s->join != FL_IN_MEM)
            fl_load_host(g);
        as_jump_to(a, JMP, s->resume);
        break;
    case SLOW_LAST:
        helper_args(g, s->in, s->off_next);
        as_jump_to(a, JMP, to_rw(g, g->jv->helper_last));
        break;
    case SLOW_NOTE:
        as_mov_imm(a, ADDR, s->off_next);
        as_jump_to(a, CALL, to_rw(g, g->jv->note));
        emit_back(g, s);
        as_jump_to(a, JMP, s->resume);
        break;
    case SLOW_X87:
        emit_slow_x87(g, s);
        break;
    case SLOW_SIMD:
        emit_slow_simd(g, s);
        break;
    case SLOW_LINK:
        as_mov_imm(a, ENTRY, (uintptr_t)s->from[0]);
        as_jump_to(a, JMP, to_rw(g, g->jv->exit_link));
        break;
    }
}

/* ------------------------------------------------------------------------------------ the block */

static void gen_prologue(struct gen *g)
{
    struct as *a = &g->as;
    const struct block *b = g->b;

    as_mov_imm(a, ENTRY, (uintptr_t)&g->jv->cpu->vcpu->request);
    as_alu_imm(a, 4, 7, MEM(ENTRY, 0), 0);
    as_jump_to(a, CC_NE, to_rw(g, g->jv->exit));
    as_mov_imm(a, ENTRY, (uintptr_t)b->genp);
    as_op(a, 0, 4, 0x81, 7, MEM(ENTRY, 0), false);
    as_32(a, b->gen);
    as_jump_to(a, CC_NE, to_rw(g, g->jv->exit));
    as_alu_imm(a, 8, 0, GS(OFF_SCRATCH(JIT_NATIVE)), b->n);
}


/* Operations after which MXCSR may be another: native floating point trusts it within a block. */
static bool ends_for_mxcsr(const struct x86_insn *in)
{
    return in->op == X86_OP_ldmxcsr || in->op == X86_OP_fxrstor || in->op == X86_OP_xrstor ||
           in->op == X86_OP_xrstors;
}

static void gen_insn(struct gen *g)
{
    const struct x86_insn *in = g->in;

    g->insn_slow = -1;
    if (in->flags & (IN_BRANCH | IN_ENDBLOCK) || ends_for_mxcsr(in))
        gen_x87_flush(g);
    if (ends_for_mxcsr(in) || (in->flags & IN_ENDBLOCK)) {
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
        g->slow[g->insn_slow].join = g->fl;
        g->slow[g->insn_slow].vec = g->simd_checked != 0;
        g->slow[g->insn_slow].x87.in = g->x87.in;
    }
}

bool jit_translate(struct jit_vcpu *jv, struct block *b)
{
    struct code_cache *cc = &jv->code;
    struct gen *g = xcalloc(1, sizeof(*g));
    uint8_t *start = cc->rw + cc->used;

    g->as = (struct as){.p = start, .limit = cc->rw + cc->size};
    g->jv = jv;
    g->b = b;
    g->fl = FL_IN_MEM;
    gen_prologue(g);
    for (unsigned i = 0; i < b->n && !g->ended; i++) {
        g->in = &b->insns[i];
        g->off = g->off_next;
        g->off_next += g->in->len;
        gen_insn(g);
    }
    gen_x87_flush(g);
    if (!g->ended)
        gen_exit_direct(g, g->off_next);
    for (unsigned i = 0; i < g->nslow; i++)
        emit_slow(g, &g->slow[i]);
    bool ok = !g->as.full;
    if (ok) {
        b->code = start + cc->to_rx;
        cc->used = ALIGN_UP((size_t)(g->as.p - cc->rw), (size_t)16);
        jv->n_translated++;
    }
    free(g);
    return ok;
}

void jit_patch(struct jit_vcpu *jv, uint8_t *end_rw, const void *code)
{
    as_patch(end_rw, (const uint8_t *)code - jv->code.to_rx);
}
