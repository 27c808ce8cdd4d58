/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * [KVM cpuid, msr, hypercalls]. Not modelled: asynchronous page faults, guest-physical range mapping, migration control.
 */
#include "arch/x86/kvm_pv.h"

#include <sched.h>
#include <time.h>

#include "arch/x86/lapic.h"
#include "arch/x86/tlb.h"
#include "base/bits.h"
#include "core/machine.h"

/* Feature bits of leaf 4000_0001h EAX. */
enum {
    KVM_NOP_IO_DELAY = 1 << 1,
    KVM_CLOCKSOURCE2 = 1 << 3,
    KVM_STEAL_TIME = 1 << 5,
    KVM_PV_EOI = 1 << 6,
    KVM_PV_UNHALT = 1 << 7,
    KVM_PV_TLB_FLUSH = 1 << 9,
    KVM_PV_SEND_IPI = 1 << 11,
    KVM_POLL_CONTROL = 1 << 12,
    KVM_PV_SCHED_YIELD = 1 << 13,
    KVM_MSI_EXT_DEST_ID = 1 << 15,
    KVM_CLOCKSOURCE_STABLE = 1 << 24,
};

#define KVM_FEATURES                                                                       \
    (KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 | KVM_STEAL_TIME | KVM_PV_EOI | KVM_PV_UNHALT |   \
     KVM_PV_TLB_FLUSH | KVM_PV_SEND_IPI | KVM_POLL_CONTROL | KVM_PV_SCHED_YIELD |          \
     KVM_MSI_EXT_DEST_ID | KVM_CLOCKSOURCE_STABLE)

enum { KVM_HC_KICK_CPU = 5, KVM_HC_SEND_IPI = 10, KVM_HC_SCHED_YIELD = 11 };

#define KVM_ENOSYS ((uint64_t)-1000)

#define MSR_WALL_CLOCK 0x4b564d00u
#define MSR_SYSTEM_TIME 0x4b564d01u
#define MSR_STEAL_TIME 0x4b564d03u
#define MSR_PV_EOI 0x4b564d04u
#define MSR_POLL_CONTROL 0x4b564d05u
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

/* ---------------------------------------------------------------------------------- steal time
 *
 * The guest's record, 64 bytes: steal ns u64 at 0, version u32 at 8, flags u32 at 12, preempted u8
 * at 16: bit 0 the vCPU is not running, bit 1 (set by the guest) flush its TLB when it does. */

#define STEAL_PREEMPTED 1u
#define STEAL_FLUSH_TLB 2u
#define STEAL_REFRESH_NS 10000000

static uint8_t *steal_record(struct x86_cpu *c)
{
    if (!(c->s.kvm_steal_time & 1))
        return NULL;
    return mem_write_begin(c->mem, c->s.kvm_steal_time & ~UINT64_C(63), 64);
}

static void steal_written(struct x86_cpu *c)
{
    mem_write_end(c->mem, c->s.kvm_steal_time & ~UINT64_C(63), 64);
}

static uint64_t thread_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Time in which the calling thread neither ran nor had the guest idle: others ran, or a cap held it. */
static void steal_refresh(struct x86_cpu *c, uint8_t *rec)
{
    uint64_t now = clock_ns(&c->vcpu->machine->clock), past = now - c->steal_at;

    if (c->vcpu->machine->deterministic || (c->steal_at && past < STEAL_REFRESH_NS))
        return;
    uint64_t ran = thread_ns(), used = ran - c->steal_ran + c->steal_idle;
    bool known = c->steal_at != 0;
    c->steal_at = now;
    c->steal_ran = ran;
    c->steal_idle = 0;
    if (!known || past <= used)
        return;
    uint32_t version = ld_le32(rec + 8);
    mem_host_st32(rec + 8, (version | 1));
    mem_host_st64(rec, ld_le64(rec) + past - used);
    mem_host_st32(rec + 8, (version | 1) + 1);
}

void kvm_pv_idle_enter(struct x86_cpu *c)
{
    uint8_t *rec = steal_record(c);

    if (!rec || c->s.pv_idle)
        return;
    c->s.pv_idle = true;
    c->idle_at = clock_ns(&c->vcpu->machine->clock);
    __atomic_fetch_or(&rec[16], (uint8_t)STEAL_PREEMPTED, __ATOMIC_SEQ_CST);
    steal_written(c);
}

void kvm_pv_idle_leave(struct x86_cpu *c)
{
    uint8_t *rec = steal_record(c);

    if (!rec)
        return;
    if (c->s.pv_idle && (__atomic_exchange_n(&rec[16], 0, __ATOMIC_SEQ_CST) & STEAL_FLUSH_TLB))
        x86_tlb_flush_all(c);
    if (c->s.pv_idle && c->idle_at)
        c->steal_idle += clock_ns(&c->vcpu->machine->clock) - c->idle_at;
    c->s.pv_idle = false;
    steal_refresh(c, rec);
    steal_written(c);
}

/* --------------------------------------------------------------------------- EOI without an exit
 *
 * A word in guest memory: bit 0 set by us when the interrupt just delivered may be ended by
 * clearing that bit instead of writing the APIC. */

static uint32_t *eoi_word(struct x86_cpu *c)
{
    if (!(c->s.kvm_pv_eoi & 1))
        return NULL;
    return mem_write_begin(c->mem, c->s.kvm_pv_eoi & ~UINT64_C(3), 4);
}

void kvm_pv_eoi_sync(struct x86_cpu *c, bool disarm)
{
    uint32_t *word = c->s.pv_eoi_armed ? eoi_word(c) : NULL;

    if (!word)
        return;
    uint32_t old = disarm ? __atomic_fetch_and(word, ~1u, __ATOMIC_SEQ_CST)
                          : __atomic_load_n(word, __ATOMIC_SEQ_CST);
    if (disarm)
        mem_write_end(c->mem, c->s.kvm_pv_eoi & ~UINT64_C(3), 4);
    if (!(old & 1)) {
        c->s.pv_eoi_armed = false;
        lapic_eoi(c->lapic);
    } else if (disarm) {
        c->s.pv_eoi_armed = false;
    }
}

void kvm_pv_eoi_arm(struct x86_cpu *c)
{
    uint32_t *word = eoi_word(c);

    if (!word)
        return;
    c->s.pv_eoi_armed = true;
    __atomic_fetch_or(word, 1u, __ATOMIC_SEQ_CST);
    mem_write_end(c->mem, c->s.kvm_pv_eoi & ~UINT64_C(3), 4);
}

/* ----------------------------------------------------------------------------------------- MSRs */

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
    case MSR_STEAL_TIME:
        *v = c->s.kvm_steal_time;
        return true;
    case MSR_PV_EOI:
        *v = c->s.kvm_pv_eoi;
        return true;
    case MSR_POLL_CONTROL:
        *v = c->s.kvm_poll_control;
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
    case MSR_STEAL_TIME:
        *ok = !(v & 0x3e); /* reserved */
        if (*ok)
            c->s.kvm_steal_time = v;
        return true;
    case MSR_PV_EOI:
        *ok = !(v & 2);
        if (*ok) {
            kvm_pv_eoi_sync(c, true);
            c->s.kvm_pv_eoi = v;
        }
        return true;
    case MSR_POLL_CONTROL:
        *ok = v <= 1;
        if (*ok)
            c->s.kvm_poll_control = v;
        return true;
    default:
        *ok = false;
        return false;
    }
}

/* ----------------------------------------------------------------------------------- hypercalls */

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
            __atomic_store_n(&to->s.pv_kicked, true, __ATOMIC_SEQ_CST);
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
