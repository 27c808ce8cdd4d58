/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/intr.h"

#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "arch/x86/kvm_pv.h"
#include "arch/x86/lapic.h"
#include "arch/x86/persona.h"
#include "arch/x86/seg.h"
#include "arch/x86/tlb.h"
#include "base/trace.h"
#include "core/machine.h"

/* Power-on and INIT values [SDM3 table 9-1]. */
void x86_reset(struct x86_cpu *c, bool init)
{
    struct x86_state *s = &c->s;
    struct x86_state old = *s;
    unsigned index = c->vcpu->index;

    *s = (struct x86_state){0};
    s->cr0 = CR0_ET | CR0_NW | CR0_CD;
    s->r[RDX] = 0x00060fb1;
    s->rflags = FL_1;
    s->r[X86_RIP] = 0xfff0;
    for (unsigned i = 0; i < 6; i++)
        s->seg[i] = (struct x86_seg){.attr = SEG_A_P | SEG_A_S | SEG_A_RW | SEG_A_ACCESSED,
                                     .limit = 0xffff};
    s->seg[SEG_CS] = (struct x86_seg){.sel = 0xf000,
                                      .attr = SEG_A_P | SEG_A_S | SEG_A_CODE | SEG_A_RW |
                                              SEG_A_ACCESSED,
                                      .limit = 0xffff,
                                      .base = 0xffff0000};
    s->seg[SEG_LDTR] = (struct x86_seg){.attr = SEG_A_P | 2, .limit = 0xffff};
    s->seg[SEG_TR] = (struct x86_seg){.attr = SEG_A_P | 11, .limit = 0xffff};
    s->gdtr.limit = s->idtr.limit = 0xffff;
    s->dr[6] = 0xffff0ff0;
    s->dr[7] = 0x400;
    s->xcr0 = 1;
    s->fcw = 0x40;
    s->mxcsr = 0x1f80;
    s->pat = UINT64_C(0x0007040600070406);
    s->mp_state = index == 0 ? MP_RUNNABLE : MP_WAIT_SIPI;
    if (init) { /* INIT leaves these alone */
        memcpy(s->fpr, old.fpr, sizeof(s->fpr));
        memcpy(s->ymm, old.ymm, sizeof(s->ymm));
        s->fcw = old.fcw;
        s->fsw = old.fsw;
        s->ftw = old.ftw;
        s->mxcsr = old.mxcsr;
        s->xcr0 = old.xcr0;
        s->cr0 |= old.cr0 & (CR0_CD | CR0_NW);
        s->tsc_offset = old.tsc_offset;
        s->tsc_adjust = old.tsc_adjust;
        s->mtrr = old.mtrr;
        s->pat = old.pat;
        s->apic_base = old.apic_base;
        s->star = old.star;
        s->lstar = old.lstar;
        s->cstar = old.cstar;
        s->sfmask = old.sfmask;
        s->kernel_gs_base = old.kernel_gs_base;
        s->tsc_aux = old.tsc_aux;
        s->kvm_system_time = old.kvm_system_time;
        s->kvm_wall_clock = old.kvm_wall_clock;
    }
    s->random = old.random;
    lapic_reset(c->lapic, init);
    fl_load(c, 0);
    x86_derive(c);
    x86_tlb_flush_all(c);
    x86_end_block(c);
}

static void startup(struct x86_cpu *c)
{
    uint8_t v = __atomic_load_n(&c->lapic->sipi_vector, __ATOMIC_SEQ_CST);

    TRACE(vcpu_sipi, "vcpu=%u vector=%#x", c->vcpu->index, v);
    x86_seg_put_real(c, SEG_CS, (uint16_t)(v << 8));
    c->s.r[X86_RIP] = 0;
    c->s.mp_state = MP_RUNNABLE;
    x86_derive(c);
}

bool x86_event_pending(const struct x86_cpu *c)
{
    const struct lapic *l = c->lapic;

    if (unlikely(c->persona))
        return c->persona->pending(c);
    if (__atomic_load_n(&l->events, __ATOMIC_SEQ_CST) || c->s.nmi_pending)
        return true;
    if (__atomic_load_n(&c->s.pv_kicked, __ATOMIC_SEQ_CST))
        return true;
    return (c->s.rflags & FL_IF) && (lapic_pending(l) >= 0 || lapic_takes_extint(l));
}

/* INIT, SIPI, NMI as other threads left them. True: the state was replaced. */
static bool take_posted(struct x86_cpu *c)
{
    uint32_t ev = __atomic_load_n(&c->lapic->events, __ATOMIC_SEQ_CST);

    if (!ev)
        return false;
    if (c->s.mp_state != MP_WAIT_SIPI && !(ev & APIC_EV_INIT))
        ev &= ~(uint32_t)APIC_EV_SIPI; /* a SIPI without INIT before it is lost */
    __atomic_exchange_n(&c->lapic->events, 0, __ATOMIC_SEQ_CST);
    if (ev & APIC_EV_NMI)
        c->s.nmi_pending = true;
    if (ev & APIC_EV_INIT) {
        x86_reset(c, true);
        if (c->vcpu->index)
            c->s.mp_state = MP_WAIT_SIPI;
    }
    if ((ev & APIC_EV_SIPI) && c->s.mp_state == MP_WAIT_SIPI)
        startup(c);
    return ev & (APIC_EV_INIT | APIC_EV_SIPI);
}

static enum x86_event delivered(int rc)
{
    return rc < 0 ? EVENT_SHUTDOWN : EVENT_DELIVERED;
}

enum x86_event x86_poll_events(struct x86_cpu *c)
{
    struct lapic *l = c->lapic;
    struct machine *m = c->vcpu->machine;

    vcpu_request_done(c->vcpu, REQ_INTR);
    c->intr_waiting = false;
    if (unlikely(c->persona))
        return c->persona->poll(c);
    kvm_pv_idle_leave(c);
    bool replaced = take_posted(c);
    if (c->s.mp_state == MP_WAIT_SIPI)
        return EVENT_WAIT;
    if (c->s.nmi_pending) {
        if (!c->s.nmi_blocked && !(c->s.intr_shadow && c->s.shadow_is_mov_ss)) {
            c->s.nmi_pending = false;
            c->s.nmi_blocked = true;
            c->s.mp_state = MP_RUNNABLE;
            return delivered(x86_deliver_nmi(c));
        }
        c->intr_waiting = true;
    }
    kvm_pv_eoi_sync(c, false);
    int vector = lapic_pending(l);
    if (c->s.pv_eoi_armed && lapic_requested(l))
        kvm_pv_eoi_sync(c, true); /* its end must be seen, to deliver the next one then */
    bool extint = vector < 0 && lapic_takes_extint(l);
    if (vector >= 0 || extint) {
        if ((c->s.rflags & FL_IF) && !c->s.intr_shadow) {
            c->s.mp_state = MP_RUNNABLE;
            if (vector >= 0) {
                lapic_take(l, (unsigned)vector);
                if (lapic_may_skip_eoi(l, (unsigned)vector))
                    kvm_pv_eoi_arm(c);
            } else {
                vector = m->extint_ack(m->extint_opaque);
            }
            TRACE(intr, "vcpu=%u vector=%#x", c->vcpu->index, (unsigned)vector);
            return delivered(x86_deliver_intr(c, (uint8_t)vector));
        }
        c->intr_waiting = true;
    }
    if (__atomic_load_n(&c->s.pv_kicked, __ATOMIC_SEQ_CST) && c->s.mp_state == MP_HALTED) {
        __atomic_store_n(&c->s.pv_kicked, false, __ATOMIC_SEQ_CST);
        c->s.mp_state = MP_RUNNABLE;
    }
    if (c->s.mp_state == MP_HALTED) {
        kvm_pv_idle_enter(c);
        return EVENT_WAIT;
    }
    return replaced ? EVENT_DELIVERED : EVENT_NONE;
}
