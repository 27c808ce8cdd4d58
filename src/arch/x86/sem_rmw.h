/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_rmw: read-modify-write of an operation's memory operand. The plain form looks the page up
 * once; the locked form is one compare-and-swap loop, out of line.
 */
#ifndef QUAD_ARCH_X86_SEM_RMW_H
#define QUAD_ARCH_X86_SEM_RMW_H

#include "arch/x86/sem.h"

/* What an operation computes: new value of the operand from the old one (a) and the other operand
 * (b), both zero-extended; sets the flags. May read c->f; is called again with the flags restored
 * when a compare-and-swap loses. */
typedef uint64_t x86_alu_fn(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits);

/* Returns the old value. */
uint64_t x86_rmw_locked(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned bits, x86_alu_fn *fn,
                        uint64_t b);

#define X86_RMW(bits)                                                                            \
    __attribute__((always_inline)) static inline void x86_rmw##bits(                             \
        struct x86_cpu *c, const struct x86_insn *in, x86_alu_fn *fn, uint64_t b)                \
    {                                                                                            \
        uint64_t ea = x86_ea(c, in);                                                             \
        if (unlikely(in->flags & IN_LOCK)) {                                                     \
            x86_rmw_locked(c, in->seg, ea, bits, fn, b);                                         \
            return;                                                                              \
        }                                                                                        \
        uint64_t lin = x86_lin_w(c, in->seg, ea, bits / 8);                                      \
        struct x86_tlbe *e = x86_tlbe(c->tlb, lin);                                              \
        if (likely(e->tag_w == x86_tag(c, lin, bits / 8))) {                                     \
            void *p = (void *)(uintptr_t)(lin + e->addend);                                      \
            mem_host_st##bits(p, (uint##bits##_t)fn(c, mem_host_ld##bits(p), b, bits));          \
            if (unlikely(*e->flagp != PAGE_DIRTY))                                               \
                x86_store_note(c, e, lin);                                                       \
        } else {                                                                                 \
            uint64_t old = x86_ld_slow(c, in->seg, lin, bits / 8, true);                         \
            x86_st_slow(c, in->seg, lin, bits / 8, fn(c, (uint##bits##_t)old, b, bits));         \
        }                                                                                        \
    }

X86_RMW(8)
X86_RMW(16)
X86_RMW(32)
X86_RMW(64)

#undef X86_RMW

#endif
