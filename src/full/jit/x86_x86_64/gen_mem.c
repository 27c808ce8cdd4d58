/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest memory: effective addresses, the look into the software TLB, what follows a store.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

/* False: a displacement does not fit (RIP-relative at the far end); nothing was written. */
bool gen_ea(struct gen *g, unsigned to, bool segment)
{
    struct as *a = &g->as;
    const struct x86_insn *in = g->in;
    int index = -1;
    unsigned base;

    if (in->base == X86_RIP) {
        int64_t d = page_off(g, (int64_t)in->disp + g->off_next);
        if (d != (int32_t)d)
            return false;
        as_load(a, 8, to, REC(OFF_R(X86_RIP)));
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
    if (segment && (in->seg == SEG_FS || in->seg == SEG_GS)) {
        fl_spare(g);
        as_alu(a, 8, 0x02, to, REC(OFF(segbase) + 8 * in->seg)); /* add */
        fl_lost(g);
    }
    return true;
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

void gen_check(struct gen *g, unsigned size, bool write, bool last)
{
    struct as *a = &g->as;

    fl_spare(g);
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
    gen_slow_if(g, CC_NE, last);
    as_alu(a, 8, 0x02, ADDR, MEM(ENTRY, offsetof(struct x86_tlbe, addend)));
    fl_lost(g);
}

void gen_note(struct gen *g, int64_t off_next)
{
    struct as *a = &g->as;

    fl_spare(g);
    as_load(a, 8, S0, MEM(ENTRY, offsetof(struct x86_tlbe, flagp)));
    as_alu_imm(a, 1, 7, MEM(S0, 0), PAGE_DIRTY);
    fl_lost(g);
    struct slow *s = slow_new(g, SLOW_NOTE);
    s->off = off_next == NOTE_TARGET ? NOTE_TARGET : page_off(g, off_next);
    s->from[s->nfrom++] = as_jump(a, CC_NE);
    s->resume = a->p;
}
