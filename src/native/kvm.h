/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kvm: what the files of this engine share. The virtual machine in the kernel (struct kvm_vm)
 * belongs to the engine (eng->priv), a processor in the kernel (struct kvm_cpu) to a vCPU
 * (x86_cpu's engine).
 *
 *     kvm.c        the engine: open, close, the processor it can be
 *     kvm_dev.c    /dev/kvm itself; what it must be able to do
 *     kvm_check.c  whether it does what it says: tiny guests, once a boot of the host
 *     kvm_vcpu.c   the loop: run, exits, kicks
 *     kvm_mem.c    memory slots, the dirty log
 *     kvm_irq.c    local APICs in the kernel, everything else here: messages, ExtINT, EOI
 *     kvm_time.c   TSC and kvm-clock follow the machine's clock
 *     kvm_state.c, kvm_fpu.c, kvm_msr.c, kvm_cpuid.c    the canonical state there and back
 */
#ifndef QUAD_NATIVE_KVM_H
#define QUAD_NATIVE_KVM_H

#include <linux/kvm.h>
#include <pthread.h>

#include "arch/x86/arch.h"
#include "core/machine.h"

#define KVM_ROUTES 24 /* as an I/O APIC has inputs */

/* A slot as the kernel has it. */
struct kvm_slot {
    const struct mem_slot *slot; /* NULL: free */
    uint64_t gpa;
    int kind;
    bool logging;
};

struct kvm_vm {
    int fd;
    struct machine *machine;

    pthread_mutex_t lock; /* guards slots */
    struct kvm_slot slots[MEM_SLOTS_MAX];

    /* Level-triggered messages that were seen: the kernel tells of the end of their interrupts.
     * Under machine->irqchip_lock. */
    struct {
        uint64_t addr;
        uint32_t data;
    } routes[KVM_ROUTES];
    unsigned n_routes, next_route;

    pthread_mutex_t time_lock; /* guards the rest */
    int64_t ns_offset;         /* the clock's when the kernel was told last */
    bool time_known;
    uint64_t tsc_base; /* guest TSC less its processor's own offset = host's TSC + this */
};

struct kvm_cpu {
    int fd;
    struct vcpu *vcpu;
    struct kvm_run *run;
    size_t run_size;
    int tid;           /* atomic: of the thread that is inside; 0: none */
    bool unfinished;   /* an access was answered and the kernel has not finished its instruction */
    int64_t ns_offset; /* the clock's when this one's TSC was set */
    bool time_known;
    bool has_sregs2;
    uint64_t n_runs, n_port, n_mmio, n_msr, n_eoi, n_window, n_signal; /* counters */
};

static inline struct kvm_vm *kvm_vm_of(const struct machine *m)
{
    return m->engine.priv;
}

static inline struct kvm_cpu *kvm_cpu_of(const struct vcpu *v)
{
    return x86_cpu_of(v)->engine;
}

#define KVM_DEVICE "/dev/kvm"

/* kvm_dev.c. The descriptor stays open: a process may be locked up when it wants a machine. */
int kvm_dev(struct error *err); /* or a negative errno */
void kvm_dev_hand_in(int fd); /* takes fd */
int kvm_dev_new_vm(struct error *err);
bool kvm_has(int fd, unsigned cap);
uint64_t kvm_host_khz(void); /* of this host's TSC; 0: unknown */
bool kvm_scales_tsc(void);

/* kvm_check.c: 0, or why this host's KVM is no real one. */
int kvm_check(struct error *err);

/* kvm_vcpu.c */
int kvm_vcpu_open(struct vcpu *v, struct error *err);
void kvm_vcpu_close(struct vcpu *v);
enum stop_reason kvm_vcpu_run(struct vcpu *v);
void kvm_vcpu_kick(struct vcpu *v);

/* kvm_mem.c */
int kvm_map(struct engine *eng, struct mem_slot *slot, struct error *err);
void kvm_unmap(struct engine *eng, struct mem_slot *slot);
void kvm_dirty(struct engine *eng, struct mem_slot *slot, enum dirty_op op, uint64_t *bitmap);
void kvm_mem_changed(struct vcpu *v);  /* kinds of slots may have: from inside the engine */
void kvm_mem_close(struct kvm_vm *vm); /* what was written goes into the page flags */

/* kvm_irq.c */
int kvm_irqchip(struct engine *eng, bool on, struct error *err);
void kvm_msi_send(struct engine *eng, uint64_t addr, uint32_t data);
void kvm_apic_get(struct vcpu *v);
int kvm_apic_put(struct vcpu *v, struct error *err);
void kvm_extint(struct kvm_cpu *k); /* before each entry of vCPU 0: the 8259's interrupt */

/* kvm_time.c */
void kvm_time_sync(
    struct kvm_cpu *k); /* before each entry: has the clock been stopped meanwhile? */
void kvm_time_get(struct vcpu *v);
void kvm_time_put(struct vcpu *v);

/* kvm_state.c */
void kvm_get(struct vcpu *v, unsigned groups);
int kvm_put(struct vcpu *v, unsigned groups, struct error *err);

/* kvm_fpu.c: the standard XSAVE layout. */
void kvm_fpu_to(const struct x86_state *s, struct kvm_xsave *x);
void kvm_fpu_from(struct x86_state *s, const struct kvm_xsave *x);

/* kvm_msr.c */
void kvm_msrs_get(struct kvm_cpu *k);
void kvm_msrs_put(struct kvm_cpu *k);
int kvm_msr_get(const struct kvm_cpu *k, uint32_t msr, uint64_t *value); /* 0, or -1 */
int kvm_msr_put(const struct kvm_cpu *k, uint32_t msr, uint64_t value);

/* kvm_cpuid.c */
int kvm_cpuid_set(struct kvm_cpu *k, struct error *err);
int kvm_offers(const void *cpu_model, struct error *err);

#endif
