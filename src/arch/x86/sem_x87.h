/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_x87: operands in memory, for the x87 operations that have them.
 */
#ifndef QUAD_ARCH_X86_SEM_X87_H
#define QUAD_ARCH_X86_SEM_X87_H

#include "arch/x86/sem.h"
#include "arch/x86/x87.h"

/* A memory operand of arithmetic or comparison, widened without losing what it was. */
struct x87_operand {
    struct f80 v;
    bool denormal; /* it was one in its own format */
};

/* binary32 or binary64 by in->size; a signed integer of 2 or 4 (8: FILD) bytes. Also records the
 * instruction's addresses. */
static inline struct x87_operand x87_load_float(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = x86_ea(c, in);
    struct x87_operand o;

    if (in->size == 4)
        o.v = f80_widen_f32(x86_ld32(c, in->seg, ea), &o.denormal);
    else
        o.v = f80_widen_f64(x86_ld64(c, in->seg, ea), &o.denormal);
    x87_note_mem(c, in, ea);
    return o;
}

static inline struct x87_operand x87_load_int(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = x86_ea(c, in), i;

    if (in->size == 2)
        i = (uint64_t)(int16_t)x86_ld16(c, in->seg, ea);
    else if (in->size == 4)
        i = (uint64_t)(int32_t)x86_ld32(c, in->seg, ea);
    else
        i = x86_ld64(c, in->seg, ea);
    x87_note_mem(c, in, ea);
    return (struct x87_operand){f80_from_i64(i), false};
}

/* A denormal memory operand raises DE, after the operation on its widened value, unless what
 * comes before DE in priority happened: a NaN, an invalid operation, a division by zero. */
static inline void x87_operand_denormal(const struct x87_operand *o, struct f80 other,
                                        struct float_status *st)
{
    enum f80_class k;

    if (likely(!o->denormal) || st->flags & (FLOAT_IE | FLOAT_ZE))
        return;
    k = f80_classify(other);
    if (k != F80_NAN && k != F80_UNSUPPORTED)
        st->flags |= FLOAT_DE;
}

#endif
