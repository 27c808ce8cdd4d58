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

static inline struct x86_cpu *x86_cpu_of(const struct vcpu *vcpu)
{
    return vcpu->cpu;
}

#endif
