/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Raising exceptions. [SDM3 chapter 6; APM2 chapter 8]
 */
#include "arch/x86/exc.h"

#include "arch/x86/debug.h"
#include "arch/x86/flags.h"
#include "arch/x86/seg.h"

noreturn_fn static void unwind(struct x86_cpu *c, const struct x86_fault *f, bool back)
{
    c->fault = *f;
    if (back && c->cur)
        c->s.r[X86_RIP] = (c->s.r[X86_RIP] - c->cur->len) & c->ip_mask;
    longjmp(c->unwind, 1);
}

void x86_raise(struct x86_cpu *c, unsigned vector)
{
    unwind(c, &(struct x86_fault){.vector = (uint8_t)vector}, true);
}

void x86_raise_error(struct x86_cpu *c, unsigned vector, uint32_t error)
{
    unwind(c, &(struct x86_fault){.vector = (uint8_t)vector, .has_error = true, .error = error},
           true);
}

void x86_raise_pf(struct x86_cpu *c, uint64_t lin, uint32_t error)
{
    unwind(c, &(struct x86_fault){.vector = EXC_PF, .has_error = true, .error = error, .cr2 = lin},
           true);
}

/* The return address is the next instruction; x86_deliver() puts RIP back when the gate faults. */
void x86_raise_soft(struct x86_cpu *c, unsigned vector)
{
    unwind(c, &(struct x86_fault){.vector = (uint8_t)vector, .soft = true}, false);
}

void x86_raise_icebp(struct x86_cpu *c)
{
    unwind(c, &(struct x86_fault){.vector = EXC_DB, .icebp = true}, false);
}

void x86_raise_db(struct x86_cpu *c, uint64_t dr6_bits)
{
    unwind(c, &(struct x86_fault){.vector = EXC_DB, .dr6_bits = dr6_bits}, true);
}

void x86_wait(struct x86_cpu *c)
{
    unwind(c, &(struct x86_fault){.wait = true}, true);
}

void x86_write_flags(struct x86_cpu *c, uint64_t v, uint64_t mask)
{
    uint64_t old = c->s.rflags, changed;

    c->s.rflags = (old & ~mask & ~(uint64_t)FL_RF) | (v & mask) | FL_1;
    if (mask & FL_ARITH)
        fl_load(c, v);
    changed = old ^ c->s.rflags;
    if (changed & (FL_TF | FL_IF))
        x86_end_block(c);
    if ((changed & FL_VM) || ((changed & FL_AC) && c->cpl == 3))
        x86_derive(c);
    else if (changed & FL_AC)
        x86_pick_tlb(c);
    if (changed & (FL_TF | FL_RF))
        x86_update_stepping(c);
}
