/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * machine: a guest that has CPUs: memory, buses, vCPUs, devices, clock, persona, engine.
 *
 * Life: machine_init -> memory, devices, vCPUs added by the board -> machine_set_engine ->
 * machine_start -> ... -> machine_stop / machine_resume -> machine_fini.
 *
 * machine_stop, machine_resume, machine_set_engine: owner's thread (the loop's), never a vCPU's.
 * machine_event(): any thread.
 */
#ifndef QUAD_CORE_MACHINE_H
#define QUAD_CORE_MACHINE_H

#include "base/loop.h"
#include "core/arch.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/dev.h"
#include "core/engine.h"
#include "core/mem.h"
#include "core/persona.h"
#include "core/vcpu.h"

#define MACHINE_VCPUS_MAX 64
#define MACHINE_BREAKPOINTS_MAX 64

/* What the guest or a device asks of whoever owns the machine. */
enum machine_event {
    EV_NONE,
    EV_POWEROFF,
    EV_RESET,       /* by chipset, keyboard controller, ACPI */
    EV_TRIPLE_FAULT,
    EV_PANIC,       /* pvpanic: guest panicked */
    EV_CRASH_LOADED,
    EV_WATCHDOG,
    EV_SUSPEND,
    EV_FAIL,        /* engine failure; machine->error */
    EV_QUIT,        /* asked by the person (escape, signal) */
    EV_DEBUG,       /* a breakpoint or the end of a step: vcpu->debug_hit */
};

struct tape;

struct machine {
    const struct arch *arch;
    const struct persona *persona;
    struct mem mem;
    struct bus ports, mmio;
    struct clock clock;
    struct loop *loop; /* borrowed: the guest process' main loop */
    struct list_node devs;
    struct vcpu *vcpus[MACHINE_VCPUS_MAX];
    unsigned nvcpus;
    struct engine engine;
    /* A debugger's, by linear address: an engine stops with STOP_DEBUG before an instruction there.
     * Changed only with the machine stopped. */
    uint64_t breakpoints[MACHINE_BREAKPOINTS_MAX];
    unsigned n_breakpoints;
    const void *cpu_model; /* the arch's (struct x86_model) */
    bool deterministic;
    struct tape *tape; /* deterministic mode: what comes from outside; else NULL */
    uint64_t seed; /* RDRAND and such in deterministic mode */

    /* 8259's answer to an acknowledge cycle: the vector. Set by the board. */
    uint8_t (*extint_ack)(void *opaque);
    void *extint_opaque;
    /* EOI of a level interrupt, broadcast to I/O APICs. Set by the board. */
    void (*eoi_broadcast)(void *opaque, uint8_t vector);
    void *eoi_opaque;
    /* The numeric error pins of the processors: FERR# goes to the board, IGNNE# (atomic) comes from
     * there. */
    struct irq ferr;
    bool ignne;
    /* A20 gate and the like are the board's; arch asks for the mask of physical addresses. */
    uint64_t a20_mask;

    pthread_mutex_t irqchip_lock; /* guards irqchip, and messages on their way to it */
    bool irqchip;                 /* atomic: the engine has the local APICs now */

    pthread_mutex_t stop_lock; /* guards vcpu->inside, stopping, capped, excl_owner */
    pthread_cond_t stop_cond;
    unsigned n_inside;    /* in guest code */
    unsigned n_excl_wait; /* in an instruction, waiting to be exclusive */
    bool stopping;   /* no vCPU may enter its engine */
    bool capped;     /* the same, while it has had its share of the host; time goes on */
    bool quitting;   /* vCPU threads end */
    struct vcpu *excl_owner;
    bool started;

    /* Called on the loop's thread, once per event, with vCPUs possibly still running. */
    void (*on_event)(void *opaque, enum machine_event ev);
    void *on_event_opaque;
    uint32_t pending_events; /* atomic bit set */
    struct error error;
};

void machine_init(struct machine *m, const struct arch *arch, struct loop *loop,
                  bool deterministic);
void machine_fini(struct machine *m);

int machine_add_vcpu(struct machine *m, struct error *err);
int machine_set_engine(struct machine *m, const struct engine_type *type, struct error *err);
unsigned machine_vcpus_present(const struct machine *m);
/* Plug vCPU n in, in the state that its record holds. Machine stopped. */
int machine_insert_vcpu(struct machine *m, unsigned n, struct error *err);
/* Take it out: it ends when its instruction does. Any thread, also its own. */
void machine_remove_vcpu(struct machine *m, unsigned n);

int machine_start(struct machine *m, struct error *err); /* threads start, clock runs */
void machine_stop(struct machine *m);   /* all vCPUs outside their engine, clock stopped */
void machine_resume(struct machine *m);
void machine_cap(struct machine *m, bool on); /* owner's thread; returns at once */
void machine_reset(struct machine *m);  /* stopped: devices and vCPUs to power-on state */
void machine_quit(struct machine *m);   /* stop for good; joins the threads */

void machine_event(struct machine *m, enum machine_event ev);

/* A message for an engine that has the local APICs; false: the caller delivers it. Any thread. */
bool machine_msi(struct machine *m, uint64_t addr, uint32_t data);
static inline bool machine_irqchip(const struct machine *m)
{
    return __atomic_load_n(&m->irqchip, __ATOMIC_ACQUIRE);
}

#endif
