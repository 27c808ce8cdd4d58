/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * task: the task-state segment: inner stacks, hardware task switch. [SDM3 chapter 7]
 */
#ifndef QUAD_ARCH_X86_TASK_H
#define QUAD_ARCH_X86_TASK_H

#include "arch/x86/seg.h"

enum x86_task_cause { TASK_JMP, TASK_CALL, TASK_IRET, TASK_GATE };

/* Switch to the task whose TSS descriptor d (checked for type and presence) sel names. has_error:
 * push error on the new task's stack (TASK_GATE). ext: EXT bit of faults on the way. Faults up to
 * the switch are the old task's; later ones are raised in the new task. */
void x86_task_switch(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, enum x86_task_cause cause,
                     unsigned ext, bool has_error, uint32_t error);

/* Stack of privilege cpl from a 16-bit or 32-bit TSS: selector and pointer; #TS(TR). */
void x86_tss_stack(struct x86_cpu *c, unsigned cpl, unsigned ext, uint16_t *ss, uint32_t *sp);

/* Pointer from a 64-bit TSS: RSP0..2 (slot 0..2), IST1..7 (slot 4..10 = IST + 3); #TS(TR). */
uint64_t x86_tss64_stack(struct x86_cpu *c, unsigned slot, unsigned ext);

#endif
