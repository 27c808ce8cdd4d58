/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The canonical state, group by group, into the kernel and back [KVM api 4].
 *
 * The canonical state is at an instruction boundary, the kernel may hold an event that is half
 * delivered. An exception that an instruction raised is dropped: the instruction runs again. An
 * interrupt that was acknowledged is delivered here, by our own operations.
 */
#include <sys/ioctl.h>

#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "arch/x86/intr.h"
#include "arch/x86/kvm_pv.h"
#include "arch/x86/tlb.h"
#include "native/kvm.h"

/* ----------------------------------------------------------------------------- general, segment */

static void regs_to(const struct x86_state *s, struct kvm_regs *r)
{
    const uint64_t *g = s->r;

    *r = (struct kvm_regs){.rax = g[RAX],
                           .rbx = g[RBX],
                           .rcx = g[RCX],
                           .rdx = g[RDX],
                           .rsi = g[RSI],
                           .rdi = g[RDI],
                           .rsp = g[RSP],
                           .rbp = g[RBP],
                           .r8 = g[R8],
                           .r9 = g[R9],
                           .r10 = g[R10],
                           .r11 = g[R11],
                           .r12 = g[R12],
                           .r13 = g[R13],
                           .r14 = g[R14],
                           .r15 = g[R15],
                           .rip = g[X86_RIP],
                           .rflags = s->rflags};
}

static void regs_from(struct x86_state *s, const struct kvm_regs *r)
{
    const uint64_t g[X86_NREG] = {
        [RAX] = r->rax, [RBX] = r->rbx,    [RCX] = r->rcx, [RDX] = r->rdx, [RSI] = r->rsi,
        [RDI] = r->rdi, [RSP] = r->rsp,    [RBP] = r->rbp, [R8] = r->r8,   [R9] = r->r9,
        [R10] = r->r10, [R11] = r->r11,    [R12] = r->r12, [R13] = r->r13, [R14] = r->r14,
        [R15] = r->r15, [X86_RIP] = r->rip};

    memcpy(s->r, g, sizeof(g));
    s->rflags = r->rflags | FL_1;
}

static struct kvm_segment seg_to(const struct x86_seg *s)
{
    bool p = s->attr & SEG_A_P;

    return (struct kvm_segment){.base = s->base,
                                .limit = s->limit,
                                .selector = s->sel,
                                .type = s->attr & SEG_A_TYPE,
                                .s = !!(s->attr & SEG_A_S),
                                .dpl = s->attr >> SEG_A_DPL_SHIFT & 3,
                                .present = p,
                                .avl = !!(s->attr & SEG_A_AVL),
                                .l = !!(s->attr & SEG_A_L),
                                .db = !!(s->attr & SEG_A_DB),
                                .g = !!(s->attr & SEG_A_G) || s->limit > 0xfffff,
                                .unusable = !p};
}

static struct x86_seg seg_from(const struct kvm_segment *k)
{
    unsigned attr = (k->type & SEG_A_TYPE) | (k->s ? SEG_A_S : 0) |
                    (k->dpl & 3u) << SEG_A_DPL_SHIFT | (k->avl ? SEG_A_AVL : 0) |
                    (k->l ? SEG_A_L : 0) | (k->db ? SEG_A_DB : 0) | (k->g ? SEG_A_G : 0);

    if (k->present && !k->unusable)
        attr |= SEG_A_P;
    return (struct x86_seg){
        .sel = k->selector, .attr = (uint16_t)attr, .limit = k->limit, .base = k->base};
}

/* Both kernel structures begin alike; the PDPTEs are in the newer one. */
struct sregs {
    union {
        struct kvm_sregs one;
        struct kvm_sregs2 two;
    };
};
_Static_assert(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base),
               "as the kernel has them");

static int sregs_ioctl(const struct kvm_cpu *k, struct sregs *s, bool set)
{
    if (k->has_sregs2)
        return ioctl(k->fd, set ? KVM_SET_SREGS2 : KVM_GET_SREGS2, &s->two);
    return ioctl(k->fd, set ? KVM_SET_SREGS : KVM_GET_SREGS, &s->one);
}

static bool is_pae(const struct x86_state *s)
{
    return (s->cr0 & CR0_PG) && (s->cr4 & CR4_PAE) && !(s->efer & EFER_LMA);
}

static void sregs_to(const struct x86_cpu *c, struct sregs *out)
{
    const struct x86_state *s = &c->s;
    struct kvm_sregs2 *r = &out->two;
    struct kvm_segment *seg[] = {&r->es, &r->cs, &r->ss, &r->ds, &r->fs, &r->gs, &r->ldt, &r->tr};

    for (unsigned i = 0; i < X86_NSEG; i++)
        *seg[i] = seg_to(&s->seg[i]);
    r->gdt = (struct kvm_dtable){.base = s->gdtr.base, .limit = s->gdtr.limit};
    r->idt = (struct kvm_dtable){.base = s->idtr.base, .limit = s->idtr.limit};
    r->cr0 = s->cr0;
    r->cr2 = s->cr2;
    r->cr3 = s->cr3;
    r->cr4 = s->cr4;
    r->efer = s->efer;
    r->apic_base = s->apic_base;
    r->flags = 0;
    if (is_pae(s)) {
        r->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
        memcpy(r->pdptrs, s->pdpte, sizeof(r->pdptrs));
    }
}

static void sregs_from(struct x86_cpu *c, const struct sregs *in, bool two)
{
    struct x86_state *s = &c->s;
    const struct kvm_sregs2 *r = &in->two;
    const struct kvm_segment *seg[] = {&r->es, &r->cs, &r->ss,  &r->ds,
                                       &r->fs, &r->gs, &r->ldt, &r->tr};

    for (unsigned i = 0; i < X86_NSEG; i++)
        s->seg[i] = seg_from(seg[i]);
    s->gdtr = (struct x86_dtable){r->gdt.base, r->gdt.limit};
    s->idtr = (struct x86_dtable){r->idt.base, r->idt.limit};
    s->cr0 = r->cr0;
    s->cr2 = r->cr2;
    s->cr3 = r->cr3;
    s->cr4 = r->cr4;
    s->efer = r->efer;
    s->apic_base = r->apic_base;
    if (two && (r->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID))
        memcpy(s->pdpte, r->pdptrs, sizeof(s->pdpte));
}

/* CR8 is the local APIC's task priority, which travels with that. */
static int put_sregs(struct kvm_cpu *k, const struct x86_cpu *c, struct error *err)
{
    struct sregs r;

    if (sregs_ioctl(k, &r, false))
        return fail_errno(err, errno, "kvm: segments cannot be read");
    sregs_to(c, &r);
    if (!k->has_sregs2)
        memset(r.one.interrupt_bitmap, 0, sizeof(r.one.interrupt_bitmap));
    if (sregs_ioctl(k, &r, true))
        return fail_errno(err, errno, "kvm: segments and control registers are refused");
    return 0;
}

static int put_debugregs(const struct kvm_cpu *k, const struct x86_state *s, struct error *err)
{
    struct kvm_debugregs d = {.dr6 = s->dr[6], .dr7 = s->dr[7]};

    memcpy(d.db, s->dr, sizeof(d.db));
    return ioctl(k->fd, KVM_SET_DEBUGREGS, &d) ? fail_errno(err, errno, "kvm: debug registers") : 0;
}

static void get_debugregs(const struct kvm_cpu *k, struct x86_state *s)
{
    struct kvm_debugregs d;

    if (ioctl(k->fd, KVM_GET_DEBUGREGS, &d))
        return;
    memcpy(s->dr, d.db, sizeof(d.db));
    s->dr[6] = d.dr6;
    s->dr[7] = d.dr7;
}

/* ------------------------------------------------------------------------------------------ fpu */

static int put_fpu(const struct kvm_cpu *k, const struct x86_state *s, struct error *err)
{
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = s->xcr0}}};
    auto_free struct kvm_xsave *x = xcalloc(1, sizeof(*x));

    kvm_fpu_to(s, x);
    if (ioctl(k->fd, KVM_SET_XSAVE, x))
        return fail_errno(err, errno, "kvm: vector registers are refused");
    return ioctl(k->fd, KVM_SET_XCRS, &xcrs)
               ? fail_errno(err, errno, "kvm: XCR0 %#" PRIx64 " is refused", s->xcr0)
               : 0;
}

static void get_fpu(const struct kvm_cpu *k, struct x86_state *s)
{
    struct kvm_xcrs xcrs;
    auto_free struct kvm_xsave *x = xcalloc(1, sizeof(*x));

    if (!ioctl(k->fd, KVM_GET_XSAVE, x))
        kvm_fpu_from(s, x);
    if (!ioctl(k->fd, KVM_GET_XCRS, &xcrs))
        for (unsigned i = 0; i < xcrs.nr_xcrs; i++)
            if (xcrs.xcrs[i].xcr == 0)
                s->xcr0 = xcrs.xcrs[i].value;
}

/* --------------------------------------------------------------------------------------- events */

static int put_mp_state(const struct kvm_cpu *k, const struct x86_state *s, struct error *err)
{
    static const uint32_t states[] = {[MP_RUNNABLE] = KVM_MP_STATE_RUNNABLE,
                                      [MP_HALTED] = KVM_MP_STATE_HALTED,
                                      [MP_WAIT_SIPI] = KVM_MP_STATE_INIT_RECEIVED};
    bool kicked = s->mp_state == MP_HALTED && s->pv_kicked;
    struct kvm_mp_state mp = {.mp_state = kicked ? KVM_MP_STATE_RUNNABLE : states[s->mp_state]};

    return ioctl(k->fd, KVM_SET_MP_STATE, &mp) ? fail_errno(err, errno, "kvm: state of a processor")
                                               : 0;
}

static int put_events(const struct kvm_cpu *k, struct x86_state *s, struct error *err)
{
    struct kvm_vcpu_events e = {.flags =
                                    KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
                                .nmi = {.pending = s->nmi_pending, .masked = s->nmi_blocked}};

    if (s->intr_shadow)
        e.interrupt.shadow =
            s->shadow_is_mov_ss ? KVM_X86_SHADOW_INT_MOV_SS : KVM_X86_SHADOW_INT_STI;
    s->pv_kicked = false;
    return ioctl(k->fd, KVM_SET_VCPU_EVENTS, &e) ? fail_errno(err, errno, "kvm: pending events")
                                                 : 0;
}

static void get_mp_state(const struct kvm_cpu *k, struct x86_state *s)
{
    struct kvm_mp_state mp;

    if (ioctl(k->fd, KVM_GET_MP_STATE, &mp))
        return;
    s->mp_state = mp.mp_state == KVM_MP_STATE_RUNNABLE ? MP_RUNNABLE
                  : mp.mp_state == KVM_MP_STATE_HALTED ? MP_HALTED
                                                       : MP_WAIT_SIPI;
}

/* Between two runs the kernel shows in guest memory that the vCPU does not run, and has ended what
 * the guest may end in memory. */
static void get_events(const struct kvm_cpu *k, struct x86_state *s, struct kvm_vcpu_events *e)
{
    if (ioctl(k->fd, KVM_GET_VCPU_EVENTS, e)) {
        *e = (struct kvm_vcpu_events){0};
        return;
    }
    s->nmi_pending = e->nmi.pending || e->nmi.injected;
    s->nmi_blocked = e->nmi.masked && !e->nmi.injected;
    s->intr_shadow = e->interrupt.shadow;
    s->shadow_is_mov_ss = e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS;
    s->pv_eoi_armed = s->pv_kicked = s->rep_left = false;
    s->pv_idle = s->kvm_steal_time & 1;
}

/* What was acknowledged and is not delivered yet. */
static void deliver_rest(struct x86_cpu *c, const struct kvm_vcpu_events *e)
{
    c->cur = NULL;
    if (e->interrupt.injected && !e->interrupt.soft) {
        c->s.mp_state = MP_RUNNABLE;
        x86_deliver_intr(c, e->interrupt.nr);
    } else if ((e->exception.injected || e->exception.pending) && e->exception.nr == EXC_DB) {
        c->fault = (struct x86_fault){.vector = EXC_DB};
        x86_deliver(c);
    }
    x86_flags_sync(c);
}

/* ---------------------------------------------------------------------------------------- whole */

void kvm_get(struct vcpu *v, unsigned groups)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct kvm_cpu *k = kvm_cpu_of(v);
    struct kvm_vcpu_events events = {0};
    struct kvm_regs regs;
    struct sregs sregs;

    /* The order matters little; MP state first, which settles INIT and SIPI. */
    if (groups & X86_GROUP_EVENTS)
        get_mp_state(k, &c->s);
    if ((groups & X86_GROUP_GENERAL) && !ioctl(k->fd, KVM_GET_REGS, &regs))
        regs_from(&c->s, &regs);
    if ((groups & (X86_GROUP_SEGMENT | X86_GROUP_CONTROL)) && !sregs_ioctl(k, &sregs, false))
        sregs_from(c, &sregs, k->has_sregs2);
    if (groups & X86_GROUP_CONTROL)
        get_debugregs(k, &c->s);
    if (groups & (X86_GROUP_FPU | X86_GROUP_CONTROL))
        get_fpu(k, &c->s);
    if (groups & X86_GROUP_MSR)
        kvm_msrs_get(k);
    if (groups & X86_GROUP_EVENTS)
        get_events(k, &c->s, &events);
    if (groups & X86_GROUP_TIME)
        kvm_time_get(v);
    if ((groups & X86_GROUP_APIC) && machine_irqchip(v->machine))
        kvm_apic_get(v);
    x86_set_rflags(c, c->s.rflags);
    x86_derive(c);
    x86_tlb_flush_all(c);
    if (groups & X86_GROUP_EVENTS)
        deliver_rest(c, &events);
}

int kvm_put(struct vcpu *v, unsigned groups, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct kvm_cpu *k = kvm_cpu_of(v);
    struct kvm_regs regs;
    int rc = 0;

    /* From here on the interrupt that may be ended in memory is ended at the APIC. */
    if (groups & X86_GROUP_APIC)
        kvm_pv_eoi_sync(c, true);
    x86_set_rflags(c, c->s.rflags);
    x86_derive(c);
    regs_to(&c->s, &regs);
    if (groups & (X86_GROUP_SEGMENT | X86_GROUP_CONTROL))
        rc = put_sregs(k, c, err);
    if (!rc && (groups & (X86_GROUP_FPU | X86_GROUP_CONTROL)))
        rc = put_fpu(k, &c->s, err);
    if (!rc && (groups & X86_GROUP_MSR))
        kvm_msrs_put(k);
    if (!rc && (groups & X86_GROUP_GENERAL) && ioctl(k->fd, KVM_SET_REGS, &regs))
        rc = fail_errno(err, errno, "kvm: registers are refused");
    if (!rc && (groups & X86_GROUP_TIME))
        kvm_time_put(v);
    if (!rc && (groups & X86_GROUP_APIC) && machine_irqchip(v->machine))
        rc = kvm_apic_put(v, err);
    if (!rc && (groups & X86_GROUP_EVENTS))
        rc = put_mp_state(k, &c->s, err);
    if (!rc && (groups & X86_GROUP_EVENTS))
        rc = put_events(k, &c->s, err);
    if (!rc && (groups & X86_GROUP_CONTROL))
        rc = put_debugregs(k, &c->s, err);
    k->unfinished = false;
    return rc ? error_prefix(err, "vCPU %u", v->index) : 0;
}
