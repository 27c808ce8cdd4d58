/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is rarely run: it lies apart from the rest, in the cold half of the code cache, behind what
 * was generated for the whole unit.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

const uint8_t *to_rw(const struct gen *g, const uint8_t *rx)
{
    return rx - g->jv->code.to_rx;
}

struct slow *slow_new(struct gen *g, enum slow_kind kind)
{
    struct slow *s = &g->slow[g->nslow++];

    *s = (struct slow){.kind = (uint8_t)kind,
                       .in = g->in,
                       .off = page_off(g, g->off_next),
                       .done = (uint16_t)g->ninsns,
                       .fl = (uint8_t)g->fl,
                       .recipe = g->recipe,
                       .vec = g->simd_checked != 0,
                       .x87 = g->x87};
    return s;
}

static void call(struct gen *g, const uint8_t *stub)
{
    as_jump_to(&g->as, CALL, to_rw(g, stub));
}

static void jump(struct gen *g, const uint8_t *stub)
{
    as_jump_to(&g->as, JMP, to_rw(g, stub));
}

/* Flags into memory from where they are. */
static void flags_to_memory(struct gen *g, const struct slow *s)
{
    if (s->fl == FL_BY_RECIPE)
        fl_emit_recipe(g, &s->recipe);
    if (s->fl == FL_BY_RECIPE || s->fl == FL_IN_HOST)
        fl_emit_save(&g->as);
}

static void arguments(struct gen *g, const struct slow *s)
{
    as_mov_imm(&g->as, ENTRY, (uintptr_t)s->in);
    as_mov_imm(&g->as, ADDR, (uint64_t)s->off);
}

/* Vector registers are out; in again, unless an exception says why not. */
static void emit_simd(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;
    struct slow *insn = &g->slow[s->insn];

    as_op(a, 0, 1, 0xf6, 0, REC(OFF_SCRATCH(JIT_SIMD)), false);
    as_8(a, s->forbidden);
    insn->from[insn->nfrom++] = as_jump(a, CC_NE);
    call(g, g->jv->vec_in);
    as_jump_to(a, JMP, s->resume);
}

/* After C code: registers that `resume` expects in the host's. */
static void emit_back(struct gen *g, const struct slow *s)
{
    if (s->x87.in) {
        as_mov_imm(&g->as, ADDR, (uint64_t)s->off);
        call(g, g->jv->x87_in);
    }
    if (s->vec)
        call(g, g->jv->vec_in);
}

static void emit_x87(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;
    struct slow *insn = &g->slow[s->insn];

    as_op(a, 0, 1, 0xf6, 0, REC(OFF_SCRATCH(JIT_SIMD)), false);
    as_8(a, JIT_NO_X87);
    insn->from[insn->nfrom++] = as_jump(a, CC_NE);
    call(g, g->jv->x87_in);
    if (s->vec)
        call(g, g->jv->vec_in);
    as_jump_to(a, JMP, s->resume);
}

/* A jump out to page offset off that is not linked: to jit.c, which links it. Units without a
 * request check in between always lie further up on the page. */
static void emit_link(struct gen *g, const uint8_t *site, int64_t off, uint64_t kind)
{
    uint64_t in = kind ? kind : off > (int64_t)(g->unit[0].b->gpa & 0xfff) ? JIT_LINK_IN : 0;

    as_mov_imm(&g->as, ENTRY, (uint64_t)(site - g->jv->code.rw) | in);
    as_mov_imm(&g->as, ADDR, (uint64_t)off);
    jump(g, g->jv->exit_link);
}

static void emit_far(struct gen *g, const uint8_t *site, int64_t off)
{
    as_mov_imm(&g->as, ENTRY, (uint64_t)(site - g->jv->code.rw) | JIT_LINK_FAR);
    as_mov_imm(&g->as, ADDR, (uint64_t)off);
    jump(g, g->jv->lookup_far);
}

/* ADDR is where control goes, if it is canonical. Flags are in memory. */
static void emit_away(struct gen *g, const struct slow *s)
{
    struct as *a = &g->as;

    as_mov(a, 8, S0, ADDR);
    as_op(a, 0, 8, 0xc1, 4, R(S0), false); /* shl 16, sar 16 */
    as_8(a, 16);
    as_op(a, 0, 8, 0xc1, 7, R(S0), false);
    as_8(a, 16);
    as_alu(a, 8, 0x3a, S0, R(ADDR));
    uint8_t *bad = as_jump(a, CC_NE);
    if (s->in->op == X86_OP_ret_near)
        as_lea(a, H_R12, H_R12, -1, 0, ret_pops(s->in));
    as_store(a, 8, REC(OFF_R(X86_RIP)), ADDR);
    jump(g, g->jv->exit);
    if (!a->full)
        as_patch(bad, a->p);
    arguments(g, s);
    jump(g, g->jv->helper_last);
}

/* Off the unit's way: undo what was counted too much, go. */
static void emit_side(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;

    flags_to_memory(g, s);
    if (g->ninsns != s->done)
        as_alu_imm(a, 8, 5, REC(OFF_SCRATCH(JIT_NATIVE)), (int32_t)(g->ninsns - s->done));
    if (s->off >= 0 && s->off < (int64_t)PAGE_SIZE_4K) {
        uint8_t *site = as_jump(a, JMP);
        if (!a->full)
            as_patch(site, a->p);
        emit_link(g, site, s->off, 0);
    } else {
        uint8_t *miss, *site = gen_far_site(g, s->off, &miss);
        if (!a->full) {
            as_patch(miss, a->p);
            as_patch(site, a->p);
        }
        emit_far(g, site, s->off);
    }
}

/* ADDR is where a group's span begins. One page: its entry is made, and the look is taken again. */
static void emit_group(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;
    uint8_t *two;

    flags_to_memory(g, s);
    as_lea(a, S0, ADDR, -1, 0, s->span - 1);
    as_alu(a, 8, 0x32, S0, R(ADDR)); /* xor */
    as_op(a, 0, 8, 0xc1, 5, R(S0), false); /* shr */
    as_8(a, 12);
    two = as_jump(a, CC_NE);
    as_mov_imm(a, ENTRY, s->write);
    call(g, g->jv->fill);
    emit_back(g, s);
    as_alu_imm(a, 4, 7, REC(OFF_SCRATCH(JIT_FILLED)), 0);
    as_jump_to(a, CC_NE, s->resume);
    if (!a->full)
        as_patch(two, a->p);
    as_alu_imm(a, 8, 5, REC(OFF_SCRATCH(JIT_NATIVE)), (int32_t)(g->ninsns - s->done + 1u));
    uint8_t *site = as_jump(a, JMP);
    if (!a->full)
        as_patch(site, a->p);
    emit_link(g, site, s->off, JIT_LINK_TWIN);
}

void slow_emit(struct gen *g, struct slow *s)
{
    struct as *a = &g->as;

    if (a->full)
        return;
    for (unsigned i = 0; i < s->nfrom; i++)
        as_patch(s->from[i], a->p);
    if (s->kind == SLOW_NOTE)
        as_mov(a, 8, ENTRY, S0); /* S0 is needed */
    if (s->kind == SLOW_INSN || s->kind == SLOW_LAST || s->kind == SLOW_NOTE || s->kind == SLOW_GROUP)
        gen_x87_note(g, &s->x87);
    switch ((enum slow_kind)s->kind) {
    case SLOW_INSN:
        flags_to_memory(g, s);
        arguments(g, s);
        call(g, g->jv->helper);
        emit_back(g, s);
        if (s->join == FL_IN_HOST || s->join == FL_IN_BOTH)
            fl_emit_load(a);
        as_jump_to(a, JMP, s->resume);
        break;
    case SLOW_GROUP:
        emit_group(g, s);
        break;
    case SLOW_LAST:
        flags_to_memory(g, s);
        arguments(g, s);
        jump(g, g->jv->helper_last);
        break;
    case SLOW_NOTE:
        flags_to_memory(g, s);
        as_mov_imm(a, ADDR, (uint64_t)s->off);
        call(g, g->jv->note);
        emit_back(g, s);
        as_jump_to(a, JMP, s->resume);
        break;
    case SLOW_X87:
        emit_x87(g, s);
        break;
    case SLOW_SIMD:
        emit_simd(g, s);
        break;
    case SLOW_LINK:
        emit_link(g, s->from[0], s->off, 0);
        break;
    case SLOW_FAR:
        emit_far(g, s->resume, s->off);
        break;
    case SLOW_AWAY:
        emit_away(g, s);
        break;
    case SLOW_SIDE:
        emit_side(g, s);
        break;
    case SLOW_ENTRY:
        flags_to_memory(g, s);
        as_add_rip(a, s->off);
        jump(g, g->jv->exit);
        break;
    }
}
