/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not modelled: asynchronous page faults, guest-physical range mapping, migration control.
 */
#include "arch/x86/kvm_pv.h"

#include <sched.h>

#include "arch/x86/lapic.h"
#include "base/bits.h"
#include "core/machine.h"

/* Feature bits of leaf 4000_0001h EAX. */
enum {
    KVM_NOP_IO_DELAY = 1 << 1,
    KVM_CLOCKSOURCE2 = 1 << 3,
    KVM_PV_UNHALT = 1 << 7,
    KVM_PV_SEND_IPI = 1 << 11,
    KVM_PV_SCHED_YIELD = 1 << 13,
    KVM_CLOCKSOURCE_STABLE = 1 << 24,
};

#define KVM_FEATURES                                                                       \
    (KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 | KVM_PV_UNHALT | KVM_PV_SEND_IPI |               \
     KVM_PV_SCHED_YIELD | KVM_CLOCKSOURCE_STABLE)

enum { KVM_HC_KICK_CPU = 5, KVM_HC_SEND_IPI = 10, KVM_HC_SCHED_YIELD = 11 };

#define KVM_ENOSYS ((uint64_t)-1000)

#define MSR_WALL_CLOCK 0x4b564d00u
#define MSR_SYSTEM_TIME 0x4b564d01u
#define MSR_WALL_CLOCK_OLD 0x11u
#define MSR_SYSTEM_TIME_OLD 0x12u

bool kvm_pv_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t out[4])
{
    (void)c;
    if (leaf == 0x40000000) {
        out[0] = 0x40000001;
        memcpy(&out[1], "KVMKVMKVM\0\0\0", 12);
        return true;
    }
    if (leaf == 0x40000001) {
        out[0] = KVM_FEATURES;
        return true;
    }
    return false;
}

/* struct pvclock_vcpu_time_info: version 0, tsc 8, ns 16, multiplier 24, shift 28, flags 29. */
void kvm_pv_clock_update(struct x86_cpu *c)
{
    struct clock *clock = &c->vcpu->machine->clock;
    uint64_t gpa = c->s.kvm_system_time & ~UINT64_C(1);
    uint8_t rec[32] = {0};
    uint32_t version;

    if (!(c->s.kvm_system_time & 1) || !mem_read(c->mem, gpa, &version, 4))
        return;
    /* ns = ((tsc << shift) * multiplier) >> 32; the multiplier in [2^31, 2^32). */
    int shift = 0;
    uint64_t khz = clock->tsc_khz;
    while (khz > 2000000) {
        khz >>= 1;
        shift--;
    }
    while (khz <= 1000000) {
        khz <<= 1;
        shift++;
    }
    uint64_t scaled_khz = shift < 0 ? clock->tsc_khz >> -shift : clock->tsc_khz << shift;
    uint64_t mul = (UINT64_C(1000000) << 32) / scaled_khz;
    version = (version | 1) + 2; /* odd: being changed */
    st_le32(rec, version);
    uint64_t ns = clock_ns(clock);
    st_le64(rec + 8, clock_tsc(clock) + c->s.tsc_offset);
    st_le64(rec + 16, ns);
    st_le32(rec + 24, (uint32_t)mul);
    rec[28] = (uint8_t)shift;
    rec[29] = 1; /* stable over all vCPUs */
    mem_write(c->mem, gpa, rec, sizeof(rec));
    st_le32(rec, version + 1);
    mem_write(c->mem, gpa, rec, 4);
}

/* struct pvclock_wall_clock: version, seconds, nanoseconds of the moment guest ns was 0. */
static void wall_clock_update(struct x86_cpu *c)
{
    int64_t boot = c->vcpu->machine->clock.wall_offset;
    uint8_t rec[12];

    st_le32(rec, 2);
    st_le32(rec + 4, (uint32_t)(boot / 1000000000));
    st_le32(rec + 8, (uint32_t)(boot % 1000000000));
    mem_write(c->mem, c->s.kvm_wall_clock, rec, sizeof(rec));
}

bool kvm_pv_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
    switch (msr) {
    case MSR_WALL_CLOCK:
    case MSR_WALL_CLOCK_OLD:
        *v = c->s.kvm_wall_clock;
        return true;
    case MSR_SYSTEM_TIME:
    case MSR_SYSTEM_TIME_OLD:
        *v = c->s.kvm_system_time;
        return true;
    default:
        return false;
    }
}

bool kvm_pv_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v, bool *ok)
{
    switch (msr) {
    case MSR_WALL_CLOCK:
    case MSR_WALL_CLOCK_OLD:
        c->s.kvm_wall_clock = v;
        wall_clock_update(c);
        return true;
    case MSR_SYSTEM_TIME:
    case MSR_SYSTEM_TIME_OLD:
        c->s.kvm_system_time = v;
        kvm_pv_clock_update(c);
        return true;
    default:
        *ok = false;
        return false;
    }
}

static struct x86_cpu *cpu_by_apic_id(const struct machine *m, uint64_t id)
{
    return id < m->nvcpus ? m->vcpus[id]->cpu : NULL;
}

/* A bitmap of 128 APIC IDs from `min` up; icr holds vector and delivery mode. */
static uint64_t send_ipi(struct x86_cpu *c, uint64_t low, uint64_t high, uint64_t min, uint64_t icr)
{
    struct machine *m = c->vcpu->machine;
    uint64_t sent = 0;

    for (unsigned i = 0; i < 128; i++) {
        if (!((i < 64 ? low >> i : high >> (i - 64)) & 1))
            continue;
        if (!cpu_by_apic_id(m, min + i))
            continue;
        lapic_message(m, (uint32_t)(min + i), false, (unsigned)bits_get(icr, 10, 8), icr & 0xff,
                      false, true);
        sent++;
    }
    return sent;
}

uint64_t kvm_pv_hypercall(struct x86_cpu *c, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
                          uint64_t a3)
{
    struct x86_cpu *to;

    switch (nr) {
    case KVM_HC_KICK_CPU:
        to = cpu_by_apic_id(c->vcpu->machine, a1);
        if (to) {
            __atomic_store_n(&to->pv_kicked, true, __ATOMIC_SEQ_CST);
            vcpu_request(to->vcpu, REQ_INTR);
        }
        return 0;
    case KVM_HC_SEND_IPI:
        return send_ipi(c, a0, a1, a2, a3);
    case KVM_HC_SCHED_YIELD:
        sched_yield();
        return 0;
    default:
        return KVM_ENOSYS;
    }
}
