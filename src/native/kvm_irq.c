/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The local APICs are in the kernel, I/O APIC and 8259 are ours. An interrupt of the I/O APIC or
 * of a PCI function is a message (KVM_SIGNAL_MSI). The kernel tells of the end of a level-
 * triggered one if a route names its message: we learn these routes from the messages themselves.
 * The 8259's interrupt waits until vCPU 0 can take it, and is acknowledged then.
 *
 * Not done: LINT0 as a fixed interrupt, NMI by LINT1 (nobody drives that line).
 */
#include <sys/ioctl.h>

#include "arch/x86/lapic.h"
#include "base/bits.h"
#include "native/kvm.h"

/* Register offsets of the kernel's page, as of the memory-mapped APIC [SDM3 table 10-1]. */
enum {
    R_ID = 0x20,
    R_TPR = 0x80,
    R_LDR = 0xd0,
    R_DFR = 0xe0,
    R_SVR = 0xf0,
    R_ISR = 0x100,
    R_TMR = 0x180,
    R_IRR = 0x200,
    R_ESR = 0x280,
    R_ICR = 0x300,
    R_ICR2 = 0x310,
    R_LVT = 0x320,
    R_TMICT = 0x380,
    R_TMCCT = 0x390,
    R_TDCR = 0x3e0,
    R_VERSION = 0x30,
};

#define MSI_LEVEL BIT32(15)
#define LVT_MODE_DEADLINE 2

/* ------------------------------------------------------------------------------------- messages */

static void set_routes(struct kvm_vm *vm)
{
    struct { /* struct kvm_irq_routing and its entries */
        uint32_t nr, flags;
        struct kvm_irq_routing_entry e[KVM_ROUTES];
    } r = {.nr = vm->n_routes};

    for (unsigned i = 0; i < vm->n_routes; i++)
        r.e[i] = (struct kvm_irq_routing_entry){
            .gsi = i,
            .type = KVM_IRQ_ROUTING_MSI,
            .u.msi = {.address_lo = (uint32_t)vm->routes[i].addr,
                      .address_hi = (uint32_t)(vm->routes[i].addr >> 32),
                      .data = vm->routes[i].data}};
    ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void learn_route(struct kvm_vm *vm, uint64_t addr, uint32_t data)
{
    for (unsigned i = 0; i < vm->n_routes; i++)
        if (vm->routes[i].addr == addr && vm->routes[i].data == data)
            return;
    unsigned at = vm->n_routes < KVM_ROUTES ? vm->n_routes++ : vm->next_route++ % KVM_ROUTES;
    vm->routes[at].addr = addr;
    vm->routes[at].data = data;
    set_routes(vm);
}

void kvm_msi_send(struct engine *eng, uint64_t addr, uint32_t data)
{
    struct kvm_vm *vm = eng->priv;
    uint64_t extended = bits_get(addr, 11, 5); /* bits 14:8 of the destination */
    uint64_t plain = (addr & UINT64_C(0xfffff01f)) | extended << 40;
    struct kvm_msi msi = {
        .address_lo = (uint32_t)plain, .address_hi = (uint32_t)(plain >> 32), .data = data};

    if (data & MSI_LEVEL)
        learn_route(vm, plain, data);
    ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

void kvm_extint(struct kvm_cpu *k)
{
    struct machine *m = k->vcpu->machine;
    const struct lapic_regs *r = &x86_cpu_of(k->vcpu)->lapic->regs;

    if (k->vcpu->index)
        return;
    if (r->lint0_level && k->run->ready_for_interrupt_injection && k->run->if_flag) {
        struct kvm_interrupt i = {.irq = m->extint_ack(m->extint_opaque)};
        ioctl(k->fd, KVM_INTERRUPT, &i);
        k->run->ready_for_interrupt_injection = 0;
    }
    k->run->request_interrupt_window = r->lint0_level;
}

/* ---------------------------------------------------------------------------------------- state */

static uint32_t reg(const struct kvm_lapic_state *p, unsigned at)
{
    uint32_t v;

    memcpy(&v, p->regs + at, sizeof(v));
    return v;
}

static void set_reg(struct kvm_lapic_state *p, unsigned at, uint32_t v)
{
    memcpy(p->regs + at, &v, sizeof(v));
}

static bool is_x2apic(const struct vcpu *v)
{
    return (x86_cpu_of(v)->s.apic_base & 0xc00) == 0xc00;
}

static unsigned timer_mode(const struct lapic_regs *r)
{
    return (unsigned)bits_get(r->lvt[APIC_LVT_TIMER], 18, 17);
}

/* The timer, from what is left of it; one that has run down and was not delivered yet (that is
 * not to be seen here) is delivered again rather than lost. */
static void timer_get(struct vcpu *v, struct lapic_regs *r, uint32_t left)
{
    struct lapic *l = x86_cpu_of(v)->lapic;
    uint64_t now = clock_ns(&v->machine->clock), unit = lapic_timer_unit(l);

    r->tsc_deadline = 0;
    r->timer_start = now - MIN(now, (r->timer_initial - MIN(left, r->timer_initial)) * unit);
    if (timer_mode(r) == LVT_MODE_DEADLINE)
        kvm_msr_get(kvm_cpu_of(v), 0x6e0, &r->tsc_deadline);
    else if (timer_mode(r) == 0 && r->timer_initial && !left && !(r->lvt[APIC_LVT_TIMER] >> 16 & 1))
        r->irr[(r->lvt[APIC_LVT_TIMER] & 0xff) / 32] |= BIT32(r->lvt[APIC_LVT_TIMER] & 31);
}

void kvm_apic_get(struct vcpu *v)
{
    struct lapic_regs *r = &x86_cpu_of(v)->lapic->regs;
    struct kvm_lapic_state p;

    if (ioctl(kvm_cpu_of(v)->fd, KVM_GET_LAPIC, &p))
        return;
    r->id = is_x2apic(v) ? reg(&p, R_ID) : reg(&p, R_ID) >> 24;
    r->tpr = reg(&p, R_TPR);
    r->ldr = reg(&p, R_LDR);
    r->dfr = reg(&p, R_DFR);
    r->svr = reg(&p, R_SVR);
    r->esr = reg(&p, R_ESR);
    r->icr = (uint64_t)reg(&p, R_ICR2) << 32 | reg(&p, R_ICR);
    for (unsigned i = 0; i < 8; i++) {
        r->isr[i] = reg(&p, R_ISR + 16 * i);
        r->tmr[i] = reg(&p, R_TMR + 16 * i);
        r->irr[i] = reg(&p, R_IRR + 16 * i);
    }
    for (unsigned i = 0; i < APIC_NLVT; i++)
        r->lvt[i] = reg(&p, R_LVT + 16 * i);
    r->timer_initial = reg(&p, R_TMICT);
    r->timer_divide = reg(&p, R_TDCR) & 0xb;
    timer_get(v, r, reg(&p, R_TMCCT));
}

/* Interrupts that wait or are in service, level-triggered: their end is to be told. */
static void learn_pending(struct vcpu *v, const struct lapic_regs *r)
{
    for (unsigned n = 16; n < 256; n++)
        if ((r->irr[n / 32] | r->isr[n / 32]) & r->tmr[n / 32] & BIT32(n % 32))
            learn_route(kvm_vm_of(v->machine), 0xfee00000 | (uint64_t)v->index << 12,
                        MSI_LEVEL | BIT32(14) | n);
}

int kvm_apic_put(struct vcpu *v, struct error *err)
{
    struct lapic *l = x86_cpu_of(v)->lapic;
    const struct lapic_regs *r = &l->regs;
    struct kvm_lapic_state p = {0};
    uint32_t left = lapic_timer_count(l);
    bool run_down = timer_mode(r) == 0 && r->timer_initial && !left;

    set_reg(&p, R_ID, is_x2apic(v) ? r->id : r->id << 24);
    set_reg(&p, R_VERSION, 0x00050014);
    set_reg(&p, R_TPR, r->tpr);
    set_reg(&p, R_LDR, r->ldr);
    set_reg(&p, R_DFR, r->dfr);
    set_reg(&p, R_SVR, r->svr);
    set_reg(&p, R_ESR, r->esr);
    set_reg(&p, R_ICR, (uint32_t)r->icr);
    set_reg(&p, R_ICR2, (uint32_t)(r->icr >> 32));
    for (unsigned i = 0; i < 8; i++) {
        set_reg(&p, R_ISR + 16 * i, r->isr[i]);
        set_reg(&p, R_TMR + 16 * i, r->tmr[i]);
        set_reg(&p, R_IRR + 16 * i, r->irr[i]);
    }
    for (unsigned i = 0; i < APIC_NLVT; i++)
        set_reg(&p, R_LVT + 16 * i, r->lvt[i]);
    /* A one-shot that has run down would go off again. */
    set_reg(&p, R_TMICT, run_down ? 0 : r->timer_initial);
    set_reg(&p, R_TMCCT, left);
    set_reg(&p, R_TDCR, r->timer_divide);
    learn_pending(v, r);
    if (ioctl(kvm_cpu_of(v)->fd, KVM_SET_LAPIC, &p))
        return fail_errno(err, errno, "kvm: local APIC");
    if (timer_mode(r) == LVT_MODE_DEADLINE)
        kvm_msr_put(kvm_cpu_of(v), 0x6e0, r->tsc_deadline);
    return 0;
}

/* INIT and SIPI that were on their way. */
static void send_posted(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);
    uint32_t ev = __atomic_exchange_n(&c->lapic->events, 0, __ATOMIC_SEQ_CST) | c->s.posted;
    uint64_t addr = 0xfee00000 | (uint64_t)v->index << 12;

    c->s.posted = 0;
    if (ev & APIC_EV_INIT)
        kvm_msi_send(&v->machine->engine, addr, APIC_INIT << 8 | BIT32(14));
    if (ev & APIC_EV_SIPI)
        kvm_msi_send(&v->machine->engine, addr,
                     APIC_STARTUP << 8 | BIT32(14) | c->lapic->sipi_vector);
    if (ev & APIC_EV_NMI)
        kvm_msi_send(&v->machine->engine, addr, APIC_NMI << 8 | BIT32(14));
}

int kvm_irqchip(struct engine *eng, bool on, struct error *err)
{
    struct machine *m = eng->machine;
    int rc = 0;

    for (unsigned i = 0; !rc && i < m->nvcpus; i++) {
        struct lapic *l = x86_cpu_of(m->vcpus[i])->lapic;
        if (on) {
            rc = kvm_apic_put(m->vcpus[i], err);
            lapic_handed(l);
        } else {
            kvm_get(m->vcpus[i], X86_GROUP_CONTROL | X86_GROUP_APIC); /* its mode is in APIC_BASE */
            lapic_loaded(l);
        }
    }
    for (unsigned i = 0; !rc && on && i < m->nvcpus; i++)
        send_posted(m->vcpus[i]);
    return rc;
}
