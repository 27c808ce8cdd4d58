/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * msr: model-specific registers. False: #GP(0).
 */
#ifndef QUAD_ARCH_X86_MSR_H
#define QUAD_ARCH_X86_MSR_H

#include "arch/x86/cpu.h"

bool x86_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v);
bool x86_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v);

/* Before anything reads or sets time: in deterministic mode the clock advances by blocks, and the
 * instructions of the current one before this one are added here. */
void x86_sync_time(struct x86_cpu *c);

/* The guest's time-stamp counter now. */
uint64_t x86_tsc(struct x86_cpu *c);

#endif
