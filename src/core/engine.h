/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * engine: what runs a machine's vCPUs. A const table of operations; one instance a machine,
 * replaceable while the machine is paused. Nothing else crosses this boundary: engines never see
 * devices, devices never see engines.
 *
 * State has one owner at a time: in the engine, or canonical (arch's state record). Between
 * vcpu_get and vcpu_put of a group the canonical copy is the truth.
 */
#ifndef QUAD_CORE_ENGINE_H
#define QUAD_CORE_ENGINE_H

#include <stdio.h>

#include "base/base.h"

struct engine;
struct machine;
struct mem_slot;
struct vcpu;

/* Why vcpu_run returned. Life-cycle only: port, MMIO, CPUID, MSR and hypercall traffic is served
 * inside run. */
enum stop_reason {
    STOP_KICK,     /* vcpu->request holds something for the loop */
    STOP_BUDGET,   /* vcpu->budget instructions have retired */
    STOP_HALT,     /* halted, no interrupt pending */
    STOP_RESET,    /* machine reset asked for */
    STOP_POWEROFF,
    STOP_SUSPEND,
    STOP_CRASH,    /* guest panic (pvpanic) or triple fault */
    STOP_DEBUG,
    STOP_FAIL,     /* the engine cannot go on; vcpu->error says why */
};

enum dirty_op { DIRTY_START, DIRTY_FETCH, DIRTY_STOP };

struct engine_caps {
    bool exact_budget;  /* vcpu->budget is honoured to the instruction */
    bool has_irqchip;
    bool deterministic;
    unsigned max_vcpus;
    uint64_t tsc_khz; /* the only rate that its guests' TSC can have; 0: any */
    char reason[200]; /* what it is, or why it cannot */
};

struct engine_type {
    const char *name; /* "interp", "jit", "kvm" */
    const char *way;  /* the way that a person sees: "full", "native" */
    const char *help;
    int (*probe)(struct engine_caps *caps, struct error *err);
    int (*open)(struct engine *eng, struct machine *m, struct error *err);
    void (*close)(struct engine *eng);
    int (*map)(struct engine *eng, struct mem_slot *slot, struct error *err);
    void (*unmap)(struct engine *eng, struct mem_slot *slot);
    void (*dirty)(struct engine *eng, struct mem_slot *slot, enum dirty_op op, uint64_t *bitmap);
    int (*vcpu_open)(struct vcpu *vcpu, struct error *err);
    void (*vcpu_close)(struct vcpu *vcpu);
    enum stop_reason (*vcpu_run)(struct vcpu *vcpu);
    void (*vcpu_kick)(struct vcpu *vcpu);
    void (*vcpu_get)(struct vcpu *vcpu, unsigned groups);
    int (*vcpu_put)(struct vcpu *vcpu, unsigned groups, struct error *err);

    /* optional */
    void (*touched)(struct engine *eng, struct mem_slot *slot, uint64_t offset, uint64_t len);
    void (*flush)(struct engine *eng, struct vcpu *vcpu, uint64_t gva, uint64_t len);
    /* An engine with an irqchip has the local APICs: on takes them over from the canonical records,
     * off gives them back. Between the two it gets the messages, from any thread. Both under
     * machine->irqchip_lock. */
    int (*irqchip)(struct engine *eng, bool on, struct error *err);
    void (*msi_send)(struct engine *eng, uint64_t addr, uint32_t data);
    /* Can it be this processor model? Asked before it is opened; NULL: any. */
    int (*offers)(const void *cpu_model, struct error *err);
    void (*debug)(struct vcpu *vcpu);
    void (*dump)(struct engine *eng, const char *what, FILE *out);
    /* A device of the host that it opens by itself where it can, and how it gets a descriptor of it
     * (which it takes) in a process that cannot. */
    const char *host_device;
    void (*hand_in)(int fd);
    void (*show)(FILE *out); /* what it has found out about this host, lines for a person */
};

struct engine {
    const struct engine_type *type;
    struct machine *machine;
    void *priv;
};

#endif
