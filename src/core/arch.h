/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * arch: what an instruction set is, for the parts that must not know which one it is.
 */
#ifndef QUAD_CORE_ARCH_H
#define QUAD_CORE_ARCH_H

#include "base/base.h"

struct machine;
struct state;
struct vcpu;

struct arch_group {
    const char *name; /* "general", "segment" ... bit number = index in the table */
    const struct state *state;
    void *(*record)(struct vcpu *vcpu); /* the canonical state that the table describes */
};

struct arch {
    const char *name; /* "x86" */
    const struct arch_group *groups; /* ends with name NULL */
    int (*vcpu_create)(struct vcpu *vcpu, struct error *err); /* fills vcpu->cpu */
    void (*vcpu_destroy)(struct vcpu *vcpu);
    void (*vcpu_reset)(struct vcpu *vcpu); /* power-on or INIT-by-board: vcpu 0 runs, others wait */
    /* Any thread may call: is there something that ends a halt? */
    bool (*intr_pending)(const struct vcpu *vcpu);
    /* A message-signalled interrupt from a device, any thread. */
    void (*msi_send)(struct machine *m, uint64_t addr, uint32_t data);
    /* The records were replaced, by bytes from somewhere else: refuse what no processor of this
     * model can hold, rebuild what derives from them. The engine takes them after that. */
    int (*vcpu_loaded)(struct vcpu *vcpu, struct error *err);
    void (*vcpu_show)(struct vcpu *vcpu, char *text, size_t size);
};

#endif
