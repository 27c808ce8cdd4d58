/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fake_cpu: a processor that is just enough to call one operation (sem_*) in a unit test: 64-bit
 * code, flat segments, two pages of memory at FAKE_MEM, exceptions caught.
 *
 * A program that uses it must not link the real exception and paging code (exc.c, mmu.c): the
 * functions of theirs that operations call are defined in fake_cpu.c.
 */
#ifndef QUAD_TEST_LIB_FAKE_CPU_H
#define QUAD_TEST_LIB_FAKE_CPU_H

#include "arch/x86/cpu.h"

#define FAKE_MEM UINT64_C(0x10000)
#define FAKE_MEM_SIZE 8192u

enum { FAKE_NO_FAULT = -1 };

struct x86_cpu *fake_cpu_create(void);
void fake_cpu_destroy(struct x86_cpu *c);

/* The host's view of guest memory at FAKE_MEM. */
uint8_t *fake_cpu_mem(struct x86_cpu *c);

/* Call one operation: FAKE_NO_FAULT, or the vector of the exception that it raised
 * (c->fault has the rest). */
int fake_cpu_call(struct x86_cpu *c, x86_sem_fn *fn, const struct x86_insn *in);

/* A record with the fields that a memory operand at FAKE_MEM + disp, or registers, need. */
struct x86_insn fake_insn(unsigned form, unsigned size, unsigned flags);

#endif
