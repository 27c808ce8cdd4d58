/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lapic: the local APIC, xAPIC and x2APIC modes [SDM3 10]. It is CPU state: found before the bus,
 * at apic_base.
 *
 * IRR and TMR are set by any thread (atomics); everything else is touched by the vCPU's own thread
 * or under the machine stop, except ID, LDR, DFR, SVR and LVTs, which senders only read, and the
 * timer, whose registers `lock` guards.
 */
#ifndef QUAD_ARCH_X86_LAPIC_H
#define QUAD_ARCH_X86_LAPIC_H

#include "arch/x86/cpu.h"
#include "core/clock.h"
#include "core/state.h"

struct machine;

enum { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF, APIC_LVT_LINT0, APIC_LVT_LINT1,
       APIC_LVT_ERROR, APIC_NLVT };

/* ICR and message delivery modes [SDM3 10.6.1]. */
enum { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_RSVD, APIC_NMI, APIC_INIT, APIC_STARTUP,
       APIC_EXTINT };

struct lapic_regs {
    uint32_t id; /* initial APIC ID = vCPU index */
    uint32_t tpr, ldr, dfr, svr, esr, esr_pending;
    uint32_t isr[8], tmr[8], irr[8];
    uint64_t icr;
    uint32_t lvt[APIC_NLVT];
    uint32_t timer_initial, timer_divide;
    uint64_t timer_start;  /* guest ns when the count was loaded */
    uint64_t tsc_deadline; /* guest TSC value; 0: disarmed */
    bool lint0_level;      /* 8259's INTR */
};

struct lapic {
    struct lapic_regs regs;
    struct x86_cpu *cpu;
    pthread_mutex_t lock;
    struct timer timer;
    uint32_t events; /* atomic: APIC_EV_* from other threads, taken by the vCPU */
    uint8_t sipi_vector;
    uint64_t n_fixed, n_ipi, n_eoi; /* counters */
};

enum { APIC_EV_NMI = 1, APIC_EV_INIT = 2, APIC_EV_SIPI = 4 };

extern const struct state lapic_state;

struct lapic *lapic_create(struct x86_cpu *c);
void lapic_destroy(struct lapic *l);
void lapic_reset(struct lapic *l, bool init); /* init: INIT, which keeps the ID */
void lapic_loaded(struct lapic *l);           /* regs were replaced: arm the timer */
void lapic_handed(struct lapic *l);           /* an engine has them now: disarm it */
uint32_t lapic_timer_count(struct lapic *l);  /* what is left of it, in its own units */
uint64_t lapic_timer_unit(const struct lapic *l); /* ns */

bool lapic_is_enabled(const struct lapic *l);
static inline bool lapic_claims(const struct lapic *l, uint64_t pa)
{
    /* xAPIC mode: enabled (bit 11), not x2APIC (bit 10) */
    return (l->cpu->s.apic_base & 0xc00) == 0x800 &&
           (pa >> 12) == (l->cpu->s.apic_base & l->cpu->pa_mask) >> 12;
}

/* False: not the APIC's page. */
bool lapic_mmio_read(struct lapic *l, uint64_t pa, unsigned size, uint64_t *v);
bool lapic_mmio_write(struct lapic *l, uint64_t pa, unsigned size, uint64_t v);
/* MSRs 800h-8FFh and the TSC deadline; false: #GP. */
bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *v);
bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t v);
bool lapic_set_base(struct lapic *l, uint64_t v);
uint64_t lapic_deadline_read(struct lapic *l);
void lapic_deadline_write(struct lapic *l, uint64_t v);

uint32_t lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, uint32_t v);

/* Interrupts for the vCPU: highest deliverable vector without taking it (-1: none), and taking it
 * (IRR to ISR). ExtINT from the 8259 is separate. */
int lapic_pending(const struct lapic *l);
bool lapic_requested(const struct lapic *l); /* anything in IRR, deliverable or not */
/* vector was just taken: edge-triggered, alone in service, and nothing else waits. */
bool lapic_may_skip_eoi(const struct lapic *l, unsigned vector);
void lapic_take(struct lapic *l, unsigned vector);
bool lapic_takes_extint(const struct lapic *l);
void lapic_eoi(struct lapic *l);

/* Any thread. */
void lapic_post(struct lapic *l, unsigned vector, bool level);
void lapic_message(struct machine *m, uint32_t dest, bool logical, unsigned mode, unsigned vector,
                   bool level, bool assert_level);
void lapic_lint0(struct machine *m, bool level); /* 8259's INTR, to vCPU 0 */
void lapic_nmi_line(struct machine *m);          /* LINT1 of all */

#endif
