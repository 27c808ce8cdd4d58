/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TSC and kvm-clock follow the machine's clock. In the kernel both go on by the host's TSC; ours
 * is the host's monotonic clock, which differs from that by its corrections, so that
 *
 *   - a state that is put starts from our record: TSC = clock's + the processor's own offset
 *   - a pause takes both back by its length, and nothing else
 *   - a state that is fetched takes the processor's offset from where its TSC stands, and our clock is
 *     set to where kvm-clock stands: neither ever goes back
 */
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "native/kvm.h"

/* The kernel counts the guest's TSC from the host's. */
static int tsc_offset_ioctl(const struct kvm_cpu *k, uint64_t *value, bool set)
{
    const struct kvm_device_attr a = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)value};

    return ioctl(k->fd, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &a);
}

/* What the guest's TSC shows for the host's, at the guest's rate. */
static uint64_t host_tsc(const struct machine *m, uint64_t tsc)
{
    uint64_t khz = kvm_host_khz();

    return khz == m->clock.tsc_khz || !khz
               ? tsc
               : (uint64_t)((unsigned __int128)tsc * m->clock.tsc_khz / khz);
}

static int64_t ticks(const struct machine *m, int64_t ns)
{
    return (int64_t)((__int128)ns * (int64_t)m->clock.tsc_khz / 1000000);
}

static uint64_t kernel_clock(const struct kvm_vm *vm)
{
    struct kvm_clock_data d = {0};

    return ioctl(vm->fd, KVM_GET_CLOCK, &d) ? 0 : d.clock;
}

static void set_kernel_clock(const struct kvm_vm *vm, uint64_t ns)
{
    const struct kvm_clock_data d = {.clock = ns};

    ioctl(vm->fd, KVM_SET_CLOCK, &d);
}

/* Once for each time that the clock was started: kvm-clock, and where all TSCs begin. */
static void vm_sync(struct kvm_vm *vm, int64_t ns_offset)
{
    const struct clock *clock = &vm->machine->clock;

    pthread_mutex_lock(&vm->time_lock);
    if (!vm->time_known) {
        vm->tsc_base = clock_tsc(clock) - host_tsc(vm->machine, __rdtsc());
        set_kernel_clock(vm, clock_ns(clock));
    } else if (vm->ns_offset != ns_offset) {
        set_kernel_clock(vm, kernel_clock(vm) + (uint64_t)(ns_offset - vm->ns_offset));
    }
    vm->ns_offset = ns_offset;
    vm->time_known = true;
    pthread_mutex_unlock(&vm->time_lock);
}

void kvm_time_sync(struct kvm_cpu *k)
{
    struct machine *m = k->vcpu->machine;
    int64_t ns_offset = m->clock.ns_offset;
    uint64_t offset, deadline;

    if (likely(k->time_known && k->ns_offset == ns_offset))
        return;
    vm_sync(kvm_vm_of(m), ns_offset);
    if (!k->time_known)
        offset = kvm_vm_of(m)->tsc_base + x86_cpu_of(k->vcpu)->s.tsc_offset;
    else if (!tsc_offset_ioctl(k, &offset, false))
        offset += (uint64_t)ticks(m, ns_offset - k->ns_offset);
    else
        return;
    tsc_offset_ioctl(k, &offset, true);
    /* A deadline stands in guest ticks; the kernel's timer was set by what they meant before. */
    if (!kvm_msr_get(k, 0x6e0, &deadline) && deadline)
        kvm_msr_put(k, 0x6e0, deadline);
    k->ns_offset = ns_offset;
    k->time_known = true;
}

/* The clock is stopped, the kernel's go on: back to when it was stopped. */
void kvm_time_get(struct vcpu *v)
{
    struct kvm_cpu *k = kvm_cpu_of(v);
    struct machine *m = v->machine;
    struct kvm_vm *vm = kvm_vm_of(m);
    struct clock *clock = &m->clock;
    uint64_t offset;

    if (!k->time_known || clock->running || k->ns_offset != clock->ns_offset)
        return;
    int64_t since = (int64_t)(monotonic_ns() + (uint64_t)clock->ns_offset - clock->paused_ns);
    uint64_t now = __rdtsc();
    if (tsc_offset_ioctl(k, &offset, false))
        return;
    uint64_t stood = host_tsc(m, now) + offset - (uint64_t)ticks(m, since);
    int64_t drift = (int64_t)(kernel_clock(vm) - (uint64_t)since - clock->paused_ns);
    if (drift > 0 && drift < 1000000000) {
        clock->paused_ns += (uint64_t)drift;
        clock->ns_offset += drift; /* as if it had always been so */
        for (unsigned i = 0; i < m->nvcpus; i++)
            kvm_cpu_of(m->vcpus[i])->ns_offset += drift;
        vm->ns_offset += drift;
    }
    x86_cpu_of(v)->s.tsc_offset = stood - clock_tsc(clock);
}

void kvm_time_put(struct vcpu *v)
{
    kvm_cpu_of(v)->time_known = false;
    kvm_vm_of(v->machine)->time_known = false;
}
