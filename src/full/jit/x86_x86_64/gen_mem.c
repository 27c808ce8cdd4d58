/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest memory: effective addresses, the look into the software TLB, what follows a store.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

/* False: a displacement does not fit (RIP-relative at the far end); nothing was written. */
static bool address(struct gen *g, const struct access *acc, unsigned to, bool segment)
{
    struct as *a = &g->as;
    int index = -1;

    if (acc->disp != (int32_t)acc->disp)
        return false;
    if (acc->base == X86_RIP) {
        as_load(a, 8, to, REC(OFF_R(X86_RIP)));
        as_lea(a, to, to, -1, 0, (int32_t)acc->disp);
    } else {
        if (acc->index != X86_ZERO)
            index = (int)reg_in(g, acc->index, ENTRY);
        if (acc->base != X86_ZERO) {
            as_lea(a, to, reg_in(g, acc->base, to), index, acc->scale, (int32_t)acc->disp);
        } else if (index >= 0) {
            /* [index << scale + disp32] without a base: mod 00, base 101 */
            as_8(a, 0x48 | (to & 8 ? 4 : 0) | (index & 8 ? 2 : 0));
            as_8(a, 0x8d);
            as_8(a, 0x04 | (to & 7) << 3);
            as_8(a, (unsigned)acc->scale << 6 | ((unsigned)index & 7) << 3 | 5);
            as_32(a, (uint32_t)acc->disp);
        } else {
            as_mov_imm(a, to, (uint64_t)acc->disp);
        }
    }
    if (acc->odd)
        as_mov(a, 4, to, to);
    if (segment && acc->seg != SEG_DS) {
        fl_spare(g);
        as_alu(a, 8, 0x02, to, REC(OFF(segbase) + 8 * acc->seg)); /* add */
        fl_lost(g);
    }
    return true;
}

bool gen_linear(struct gen *g, const struct access *acc)
{
    return address(g, acc, ADDR, true);
}

bool gen_ea(struct gen *g, unsigned to, bool segment)
{
    struct access acc;

    access_of(g->in, page_off(g, g->off_next), g->in->size, false, &acc);
    return address(g, &acc, to, segment);
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
    s->insn = (int16_t)g->insn_slow;
}

void gen_vec_need(struct gen *g, unsigned bit)
{
    struct as *a = &g->as;

    if (g->simd_checked & bit)
        return;
    g->simd_checked |= bit;
    fl_spare(g);
    as_op(a, 0, 1, 0xf6, 0, REC(OFF_SCRATCH(JIT_SIMD)), false); /* test byte, imm */
    as_8(a, bit | JIT_VEC_OUT);
    struct slow *s = slow_new(g, SLOW_SIMD);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    s->resume = a->p;
    s->forbidden = (uint8_t)bit;
    insn_slow(g, false);
    s->insn = (int16_t)g->insn_slow;
    fl_lost(g);
}

/* In the form that the check of an access and of a group share. */
void gen_look_up(struct gen *g, unsigned size, bool write)
{
    struct as *a = &g->as;

    as_rorx(a, ENTRY, ADDR, 6); /* page number * 64, rest masked */
    as_alu_imm(a, 4, 4, R(ENTRY), (int32_t)((X86_TLB_SIZE - 1) << 6));
    as_alu(a, 8, 0x02, ENTRY, REC(OFF(tlb)));
    if (size > 1)
        as_lea(a, S0, ADDR, -1, 0, (int32_t)size - 1);
    else
        as_mov(a, 8, S0, ADDR);
    as_alu_imm(a, 8, 4, R(S0), -4096);
    as_alu(a, 8, 0x0a, S0, REC(OFF(asid))); /* or */
    as_alu(a, 8, 0x3a, S0,
           MEM(ENTRY, write ? offsetof(struct x86_tlbe, tag_w) : offsetof(struct x86_tlbe, tag_r)));
}

void gen_check(struct gen *g, unsigned size, bool write, bool last)
{
    fl_spare(g);
    gen_look_up(g, size, write);
    gen_slow_if(g, CC_NE, last);
    as_alu(&g->as, 8, 0x02, ADDR, MEM(ENTRY, offsetof(struct x86_tlbe, addend)));
    fl_lost(g);
    g->group = -1;
}

bool gen_access(struct gen *g, const struct access *acc, bool last)
{
    if (group_operand(g, acc))
        return true;
    fl_spare(g);
    if (!gen_linear(g, acc))
        return false;
    gen_check(g, acc->size, acc->write, last);
    g->mem = MEM(ADDR, 0);
    return true;
}

bool gen_operand(struct gen *g, unsigned size, bool write)
{
    struct access acc;

    access_of(g->in, page_off(g, g->off_next), size, write, &acc);
    return gen_access(g, &acc, false);
}

bool gen_stack(struct gen *g, int64_t disp, bool write, bool last)
{
    struct access acc;

    access_stack(disp, write, &acc);
    return gen_access(g, &acc, last);
}

void gen_mem_address(struct gen *g)
{
    struct rm rm = g->mem;

    if (rm.index || rm.disp)
        as_lea(&g->as, ADDR, rm.base, (int)rm.index - 1, 0, rm.disp);
    g->mem = MEM(ADDR, 0);
}

void gen_note(struct gen *g, int64_t off_next)
{
    struct as *a = &g->as;

    fl_spare(g);
    if (g->group >= 0)
        group_flags(g);
    else
        as_load(a, 8, S0, MEM(ENTRY, offsetof(struct x86_tlbe, flagp)));
    as_alu_imm(a, 1, 7, MEM(S0, 0), PAGE_DIRTY);
    fl_lost(g);
    struct slow *s = slow_new(g, SLOW_NOTE);
    s->off = off_next == NOTE_TARGET ? NOTE_TARGET : page_off(g, off_next);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    s->resume = a->p;
}
