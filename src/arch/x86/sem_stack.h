/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_stack: implicit stack accesses, and near transfers of control.
 *
 * x86_push*() and x86_pop*() honour the width of the stack pointer. To make several accesses that
 * may all fault, work on a local stack pointer (x86_stack_ld/st, sp in full) and commit it with
 * x86_set_sp() at the end.
 */
#ifndef QUAD_ARCH_X86_SEM_STACK_H
#define QUAD_ARCH_X86_SEM_STACK_H

#include "arch/x86/sem.h"

static inline void x86_set_sp(struct x86_cpu *c, uint64_t sp)
{
    c->s.r[RSP] = (c->s.r[RSP] & ~c->stack_mask) | (sp & c->stack_mask);
}

static inline uint64_t x86_stack_ld(struct x86_cpu *c, uint64_t sp, unsigned size)
{
    sp &= c->stack_mask;
    switch (size) {
    case 8: return x86_ld64(c, SEG_SS, sp);
    case 4: return x86_ld32(c, SEG_SS, sp);
    default: return x86_ld16(c, SEG_SS, sp);
    }
}

static inline void x86_stack_st(struct x86_cpu *c, uint64_t sp, unsigned size, uint64_t v)
{
    sp &= c->stack_mask;
    switch (size) {
    case 8: x86_st64(c, SEG_SS, sp, v); break;
    case 4: x86_st32(c, SEG_SS, sp, (uint32_t)v); break;
    default: x86_st16(c, SEG_SS, sp, (uint16_t)v); break;
    }
}

static inline void x86_push(struct x86_cpu *c, unsigned size, uint64_t v)
{
    uint64_t sp = c->s.r[RSP] - size;

    x86_stack_st(c, sp, size, v);
    x86_set_sp(c, sp);
}

static inline uint64_t x86_pop(struct x86_cpu *c, unsigned size)
{
    uint64_t v = x86_stack_ld(c, c->s.r[RSP], size);

    x86_set_sp(c, c->s.r[RSP] + size);
    return v;
}

static inline bool x86_canonical(uint64_t v)
{
    return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

/* Is rip, already cut to the operand size, a legal target of a near transfer? #GP(0) if not. */
static inline void x86_check_rip(struct x86_cpu *c, uint64_t rip)
{
    if (likely(c->mode & MODE_CODE64)) {
        if (unlikely(!x86_canonical(rip)))
            x86_gp0(c);
    } else if (unlikely(rip > c->s.seg[SEG_CS].limit)) {
        x86_gp0(c);
    }
}

#endif
