/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Software interrupts: INT n, INT3, INTO, INT1, BOUND, the undefined ones. [SDM2 3.2 INT n; SDM3
 * 20.3.3]
 */
#include "arch/x86/exc.h"
#include "arch/x86/seg.h"
#include "arch/x86/sem_stack.h"

void sem_int3(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_raise_soft(c, EXC_BP);
}

void sem_into(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    if (fl_of(c))
        x86_raise_soft(c, EXC_OF);
}

void sem_icebp(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_raise_icebp(c);
}

/* VME: is this vector's bit in the TSS' redirection map clear (the task's own handler)? The map is
 * the 32 bytes below the I/O map. */
static bool is_redirected(struct x86_cpu *c, unsigned vector)
{
    const struct x86_seg *tr = &c->s.seg[SEG_TR];

    if (!(tr->attr & 8) || tr->limit < 103)
        x86_gp0(c);
    uint32_t at = (uint32_t)x86_sys_ld(c, TLB_SUPER, (uint32_t)(tr->base + 102), 2) - 32 + vector / 8;
    if (at > tr->limit)
        x86_gp0(c);
    return !(x86_sys_ld(c, TLB_SUPER, (uint32_t)(tr->base + at), 1) >> (vector & 7) & 1);
}

/* To the handler that the virtual-8086 task's own vector table names, as on an 8086. */
static void redirect(struct x86_cpu *c, unsigned vector)
{
    bool full = (c->s.rflags & FL_IOPL) == FL_IOPL;
    uint64_t fl = x86_rflags(c), sp = c->s.r[RSP];
    uint64_t entry = x86_sys_ld(c, TLB_USER, vector * 4, 4);

    if (!full)
        fl = (fl & ~(uint64_t)FL_IF) | FL_IOPL | (fl & FL_VIF ? FL_IF : 0);
    x86_stack_st(c, sp - 2, 2, fl);
    x86_stack_st(c, sp - 4, 2, c->s.seg[SEG_CS].sel);
    x86_stack_st(c, sp - 6, 2, c->s.r[X86_RIP]);
    x86_set_sp(c, sp - 6);
    x86_seg_put_vm86(c, SEG_CS, (uint16_t)(entry >> 16));
    c->s.r[X86_RIP] = entry & 0xffff;
    x86_write_flags(c, 0, FL_TF | (full ? FL_IF : FL_VIF));
    x86_derive(c);
}

void sem_int_imm(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned vector = in->imm & 0xff;

    if (c->mode & MODE_VM86) {
        if ((c->s.cr4 & CR4_VME) && is_redirected(c, vector)) {
            redirect(c, vector);
            return;
        }
        if ((c->s.rflags & FL_IOPL) != FL_IOPL)
            x86_gp0(c);
    }
    x86_raise_soft(c, vector);
}

void sem_bound(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = x86_ea(c, in);
    uint64_t mask = in->asize == 4 ? UINT32_MAX : UINT16_MAX;
    int64_t i, low, high;

    if (in->size == 2) {
        i = (int16_t)reg_ld16(c, in->dst);
        low = (int16_t)x86_ld16(c, in->seg, ea);
        high = (int16_t)x86_ld16(c, in->seg, (ea + 2) & mask);
    } else {
        i = (int32_t)reg_ld32(c, in->dst);
        low = (int32_t)x86_ld32(c, in->seg, ea);
        high = (int32_t)x86_ld32(c, in->seg, (ea + 4) & mask);
    }
    if (i < low || i > high)
        x86_raise(c, EXC_BR);
}

void sem_ud0(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c);
}

void sem_ud1(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c);
}

void sem_ud2(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c);
}
