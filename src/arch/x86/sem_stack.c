/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Stack: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE. [SDM2 4.2 PUSH; 3.2 ENTER]
 */
#include "arch/x86/sem_stack.h"

#include "arch/x86/exc.h"

#define WDQ(macro) macro(16) macro(32) macro(64)

/* The address of POP's memory operand is computed with the stack pointer already moved. */
#define PUSH_POP(n)                                                                       \
    void sem_push_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint##n##_t v = likely(in->form == FORM_RR)                                       \
                            ? src_ld##n(c, in)                                            \
                            : x86_ld##n(c, in->seg, x86_ea(c, in));                       \
        uint64_t sp = c->s.r[RSP] - n / 8;                                                \
        x86_st##n(c, SEG_SS, sp & c->stack_mask, v);                                      \
        x86_set_sp(c, sp);                                                                \
    }                                                                                     \
    void sem_pop_##n(struct x86_cpu *c, const struct x86_insn *in)                        \
    {                                                                                     \
        uint64_t old = c->s.r[RSP];                                                       \
        uint##n##_t v = x86_ld##n(c, SEG_SS, old & c->stack_mask);                        \
        x86_set_sp(c, old + n / 8);                                                       \
        if (likely(in->form == FORM_RR)) {                                                \
            reg_st##n(c, in->dst, v);                                                     \
            return;                                                                       \
        }                                                                                 \
        uint64_t ea = x86_ea(c, in), moved = c->s.r[RSP];                                 \
        c->s.r[RSP] = old;                                                                \
        x86_st##n(c, in->seg, ea, v);                                                     \
        c->s.r[RSP] = moved;                                                              \
    }

WDQ(PUSH_POP)

static void pusha(struct x86_cpu *c, unsigned size)
{
    uint64_t sp = c->s.r[RSP];

    for (unsigned r = RAX; r <= RDI; r++) {
        sp -= size;
        x86_stack_st(c, sp, size, c->s.r[r]);
    }
    x86_set_sp(c, sp);
}

static void popa(struct x86_cpu *c, unsigned size)
{
    uint64_t v[8], sp = c->s.r[RSP];

    for (unsigned r = RAX; r <= RDI; r++, sp += size)
        v[RDI - r] = x86_stack_ld(c, sp, size);
    x86_set_sp(c, sp);
    for (unsigned r = RAX; r <= RDI; r++) {
        if (r == RSP)
            continue;
        if (size == 2)
            reg_st16(c, r, (uint16_t)v[r]);
        else
            reg_st32(c, r, (uint32_t)v[r]);
    }
}

void sem_pusha(struct x86_cpu *c, const struct x86_insn *in)
{
    pusha(c, in->size);
}

void sem_popa(struct x86_cpu *c, const struct x86_insn *in)
{
    popa(c, in->size);
}

/* The frame of the enclosing procedures is copied, nothing is committed before the last access;
 * the final stack pointer is checked for writing too. */
void sem_enter(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = in->size, level = (in->imm >> 16) & 31;
    uint64_t sp = c->s.r[RSP] - size, bp = c->s.r[RBP], frame = sp;

    x86_stack_st(c, sp, size, bp);
    if (level) {
        for (unsigned i = 1; i < level; i++) {
            bp -= size;
            sp -= size;
            x86_stack_st(c, sp, size, x86_stack_ld(c, bp, size));
        }
        sp -= size;
        /* FrameTemp has the stack pointer's width. */
        x86_stack_st(c, sp, size, (c->s.r[RSP] & ~c->stack_mask) | (frame & c->stack_mask));
    }
    sp -= in->imm & 0xffff;
    x86_probe_w(c, SEG_SS, sp & c->stack_mask, size);
    x86_set_sp(c, sp);
    if (size == 2)
        reg_st16(c, RBP, (uint16_t)frame);
    else if (c->stack_mask == 0xffff)
        reg_st32(c, RBP, (uint32_t)((c->s.r[RSP] & 0xffff0000) | (uint16_t)frame));
    else
        c->s.r[RBP] = frame & c->stack_mask;
}

void sem_leave(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t bp = c->s.r[RBP], v = x86_stack_ld(c, bp, in->size);

    x86_set_sp(c, bp + in->size);
    switch (in->size) {
    case 8: reg_st64(c, RBP, v); break;
    case 4: reg_st32(c, RBP, (uint32_t)v); break;
    default: reg_st16(c, RBP, (uint16_t)v); break;
    }
}

static unsigned iopl(const struct x86_cpu *c)
{
    return (unsigned)(c->s.rflags & FL_IOPL) >> FL_IOPL_SHIFT;
}

/* In virtual-8086 mode below IOPL 3: with VME the 16-bit forms see VIF in IF's place, all else is
 * #GP(0) [SDM3 20.3]. */
static bool vm86_virtual_if(struct x86_cpu *c, unsigned size)
{
    if (!(c->mode & MODE_VM86) || iopl(c) == 3)
        return false;
    if (!(c->s.cr4 & CR4_VME) || size != 2)
        x86_gp0(c);
    return true;
}

void sem_pushf(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t fl = x86_rflags(c) & ~(uint64_t)(FL_VM | FL_RF);

    if (vm86_virtual_if(c, in->size))
        fl = (fl & ~(uint64_t)FL_IF) | FL_IOPL | (fl & FL_VIF ? FL_IF : 0);
    x86_push(c, in->size, fl);
}

void sem_popf(struct x86_cpu *c, const struct x86_insn *in)
{
    bool virtual_if = vm86_virtual_if(c, in->size);
    uint64_t v = x86_stack_ld(c, c->s.r[RSP], in->size);
    uint64_t may = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID;

    if (virtual_if) {
        if ((v & FL_TF) || ((v & FL_IF) && (c->s.rflags & FL_VIP)))
            x86_gp0(c);
        v = (v & ~(uint64_t)FL_VIF) | (v & FL_IF ? FL_VIF : 0);
    } else {
        if (c->cpl <= iopl(c) || !(c->s.cr0 & CR0_PE))
            may |= FL_IF;
        if (c->cpl == 0)
            may |= FL_IOPL;
    }
    if (in->size == 2)
        may &= 0xffff;
    if (virtual_if)
        may |= FL_VIF;
    x86_set_sp(c, c->s.r[RSP] + in->size);
    x86_write_flags(c, v, may);
}
