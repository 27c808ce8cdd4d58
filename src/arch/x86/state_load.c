/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A saved processor is only taken if one of this model could be in that state: our operations rely
 * on what their own checks keep out (paging without protection, a local APIC of another number).
 * Reserved bits that are merely ignored are cleared.
 */
#include "arch/x86/state_load.h"

#include "arch/x86/arch.h"
#include "arch/x86/flags.h"
#include "arch/x86/lapic.h"
#include "arch/x86/mmu.h"
#include "arch/x86/model.h"
#include "arch/x86/tlb.h"

#define FL_KNOWN 0x3f7fd7u

static int check_control(const struct x86_cpu *c, struct error *err)
{
    const struct x86_state *s = &c->s;
    uint64_t efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR;
    bool pg = s->cr0 & CR0_PG, lma = s->efer & EFER_LMA;

    if (s->cr0 >> 32 || (pg && !(s->cr0 & CR0_PE)))
        return fail(err, EBADMSG, "CR0 cannot be %#" PRIx64, s->cr0);
    if (s->cr4 & ~x86_cr4_allowed(c->model))
        return fail(err, ENOTSUP, "CR4 is %#" PRIx64 "; processor %s lacks %#" PRIx64, s->cr4,
                    c->model->version, s->cr4 & ~x86_cr4_allowed(c->model));
    if ((s->efer & ~efer) || lma != (pg && (s->efer & EFER_LME)) || (lma && !(s->cr4 & CR4_PAE)))
        return fail(err, EBADMSG, "EFER cannot be %#" PRIx64, s->efer);
    if (!(s->xcr0 & 1) || (s->xcr0 & ~(c->model->xcr0 | 1)) || (s->xcr0 & 6) == 4)
        return fail(err, ENOTSUP, "XCR0 is %#" PRIx64 "; processor %s has %#" PRIx64, s->xcr0,
                    c->model->version, c->model->xcr0);
    if (lma && (s->rflags & FL_VM))
        return fail(err, EBADMSG, "virtual-8086 mode in long mode");
    return 0;
}

static int check_addresses(const struct x86_cpu *c, struct error *err)
{
    const struct x86_state *s = &c->s;
    const uint64_t others[] = {s->gdtr.base, s->idtr.base, s->lstar, s->cstar, s->kernel_gs_base,
                               s->sysenter_esp, s->sysenter_eip};
    bool lma = s->efer & EFER_LMA;

    for (unsigned i = 0; i < X86_NSEG; i++)
        if (!x86_is_canonical(s->seg[i].base) || (!lma && i < SEG_FS && s->seg[i].base >> 32))
            return fail(err, EBADMSG, "segment %u has base %#" PRIx64, i, s->seg[i].base);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!x86_is_canonical(others[i]))
            return fail(err, EBADMSG, "an address register holds %#" PRIx64, others[i]);
    return 0;
}

static int check_apic(const struct x86_cpu *c, struct error *err)
{
    const struct lapic_regs *r = &c->lapic->regs;
    unsigned mode = c->s.apic_base >> 10 & 3;

    if (r->id != c->vcpu->index)
        return fail(err, EBADMSG, "its local APIC has number %u", r->id);
    if (mode == 1 || (c->s.apic_base & ~(c->pa_mask | 0xd00)))
        return fail(err, EBADMSG, "APIC_BASE cannot be %#" PRIx64, c->s.apic_base);
    return 0;
}

int x86_state_loaded(struct vcpu *vcpu, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(vcpu);
    struct x86_state *s = &c->s;

    if (s->mp_state > MP_WAIT_SIPI)
        return fail(err, EBADMSG, "vCPU %u: no such state: %u", vcpu->index, s->mp_state);
    if (check_control(c, err) || check_addresses(c, err) || check_apic(c, err))
        return error_prefix(err, "vCPU %u", vcpu->index);
    s->r[X86_ZERO] = 0;
    s->rflags = (s->rflags & FL_KNOWN) | FL_1;
    s->cr0 |= CR0_ET;
    s->mxcsr &= 0xffff;
    s->posted &= APIC_EV_NMI | APIC_EV_INIT | APIC_EV_SIPI;
    s->dr[7] = (s->dr[7] & UINT32_MAX) | 0x400;
    s->dr[6] = (s->dr[6] & UINT32_MAX) | 0xffff0ff0;
    for (unsigned i = 0; i < 8; i++)
        c->lapic->regs.tmr[i] &= i ? UINT32_MAX : 0xffff0000u;
    c->lapic->regs.isr[0] &= 0xffff0000u;
    c->lapic->regs.irr[0] &= 0xffff0000u;
    c->lapic->regs.timer_divide &= 0xb;
    x86_set_rflags(c, s->rflags);
    x86_derive(c);
    x86_tlb_flush_all(c);
    lapic_loaded(c->lapic);
    return 0;
}
