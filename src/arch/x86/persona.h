/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * persona: where software sees something else than the processor's own rules: the hooks of a
 * hypervisor's interface. Plain C calls, made by the operations (sem_*.c) and by what is shared by
 * all engines (mmu, exc, intr), so that a persona needs nothing of an engine.
 *
 * c->persona is NULL on a bare PC. With a persona the guest's kernel may run at CPL 3 beside its
 * programs: c->pv_kernel says which of the two runs. Kernel mode translates through CR3 and looks
 * at no U/S bit (TLB_SUPER_AC); user mode through c->pv_user_cr3 by the rules of TLB_USER.
 */
#ifndef QUAD_ARCH_X86_PERSONA_H
#define QUAD_ARCH_X86_PERSONA_H

#include "arch/x86/intr.h"
#include "arch/x86/mmu_walk.h"
#include "core/persona.h"

enum x86_region {
    REGION_TABLES, /* the guest's own tables say */
    REGION_OWN,    /* the persona has filled the translation */
    REGION_HOLE,   /* nothing of the guest's is there: w->error is set */
};

struct x86_persona {
    struct persona base;

    /* After the model's answer, in *out. */
    void (*cpuid)(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4]);
    /* SYSCALL, with RIP behind it: a hypercall in kernel mode, else a system call. May raise. */
    void (*syscall)(struct x86_cpu *c);
    /* x86_deliver() of the exception in c->fault, c->cur as there. -1: the guest cannot go on. */
    int (*deliver)(struct x86_cpu *c);
    /* x86_poll_events(), x86_event_pending() without what posted INIT, SIPI and such mean. */
    enum x86_event (*poll)(struct x86_cpu *c);
    bool (*pending)(const struct x86_cpu *c);
    /* Who says what is at lin? */
    enum x86_region (*region)(struct x86_cpu *c, uint64_t lin, enum x86_access acc,
                              enum x86_tlb_ctx ctx, struct x86_walk *w);
    /* Filter at TLB fill: may the guest reach this physical address at all? */
    bool (*frame)(const struct x86_cpu *c, uint64_t pa);
    /* The descriptor that sel names; false: beyond its table. */
    bool (*desc)(struct x86_cpu *c, uint16_t sel, uint64_t *raw);
};

#endif
