/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kvm_pv: the paravirtual features under KVM's published interface (CPUID 4000_0000h "KVMKVMKVM",
 * MSRs 4b56_4d00h...), which every stock Linux kernel knows: a clock that needs no calibration,
 * and cheaper interprocessor work.
 */
#ifndef QUAD_ARCH_X86_KVM_PV_H
#define QUAD_ARCH_X86_KVM_PV_H

#include "arch/x86/cpu.h"

/* False: not one of ours. */
bool kvm_pv_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t out[4]);
bool kvm_pv_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v);
bool kvm_pv_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v, bool *ok);
/* VMCALL/VMMCALL at CPL 0: returns what goes to RAX. */
uint64_t kvm_pv_hypercall(struct x86_cpu *c, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
                          uint64_t a3);
/* The vCPU halts, the vCPU runs again (steal time, and a TLB flush asked for meanwhile). */
void kvm_pv_idle_enter(struct x86_cpu *c);
void kvm_pv_idle_leave(struct x86_cpu *c);
/* Has the guest ended its interrupt in memory? disarm: from now on it must use the APIC. */
void kvm_pv_eoi_sync(struct x86_cpu *c, bool disarm);
/* The edge-triggered interrupt just taken, alone in service, may be ended in memory. */
void kvm_pv_eoi_arm(struct x86_cpu *c);
/* The clock was stopped and goes on: refresh what the guest reads. */
void kvm_pv_clock_update(struct x86_cpu *c);

#endif
