/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * exc: raising and delivering exceptions and interrupts.
 *
 * Raising (x86_raise*(), cpu.h) unwinds to the engine, which sets up c->unwind around whatever
 * may raise, and then calls x86_deliver(). Delivery sets up its own c->unwind inside and leaves
 * the caller's as it was.
 */
#ifndef QUAD_ARCH_X86_EXC_H
#define QUAD_ARCH_X86_EXC_H

#include "arch/x86/cpu.h"

/* Deliver the exception in c->fault at the state in c->s, double faults included. 0, or -1: the
 * processor has shut down (triple fault). c->cur must be NULL or the instruction that raised. */
int x86_deliver(struct x86_cpu *c);

/* Deliver an external interrupt (vector from the interrupt controller) or an NMI, at an
 * instruction boundary. The caller has checked IF, shadow and blocking. As x86_deliver(). */
int x86_deliver_intr(struct x86_cpu *c, uint8_t vector);
int x86_deliver_nmi(struct x86_cpu *c);

/* INT1: as x86_raise_soft(EXC_DB), but the gate's DPL is not checked. */
noreturn_fn void x86_raise_icebp(struct x86_cpu *c);

/* The current instruction does not execute now: it starts again after the next look at what is
 * pending. */
noreturn_fn void x86_wait(struct x86_cpu *c);

/* Write the bits of RFLAGS in mask (all arithmetic ones or none), with what follows from a change
 * of TF, IF, AC, VM. */
void x86_write_flags(struct x86_cpu *c, uint64_t v, uint64_t mask);

#endif
