/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * arch: the x86-64 entry of the registry of architectures.
 */
#ifndef QUAD_ARCH_X86_ARCH_H
#define QUAD_ARCH_X86_ARCH_H

#include "arch/x86/cpu.h"
#include "core/arch.h"
#include "core/vcpu.h"

extern const struct arch x86_arch;
extern const struct arch_group x86_groups[]; /* state.c */

/* A bit for each of x86_groups, in its order: for an engine's vcpu_get and vcpu_put. */
enum {
    X86_GROUP_GENERAL = 1, X86_GROUP_SEGMENT = 2, X86_GROUP_CONTROL = 4, X86_GROUP_FPU = 8,
    X86_GROUP_MSR = 16, X86_GROUP_EVENTS = 32, X86_GROUP_TIME = 64, X86_GROUP_APIC = 128,
};

static inline struct x86_cpu *x86_cpu_of(const struct vcpu *vcpu)
{
    return vcpu->cpu;
}

#endif
