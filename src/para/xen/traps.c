/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * traps: how the guest's kernel is entered and left: hypercalls, system calls, exceptions, events.
 * [XEN arch-x86/xen]
 *
 * Everything that enters the kernel pushes the same frame, from high to low addresses:
 *
 *     SS RSP RFLAGS CS RIP [error code] R11 RCX        RSP then points at RCX
 *
 * Bits 39:32 of the CS word hold the event mask as it was; RFLAGS.IF says the same inverted. From
 * the kernel itself CS has RPL 0. HYPERVISOR_iret undoes it, with three words more.
 */
#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "arch/x86/seg.h"
#include "base/log.h"
#include "base/trace.h"
#include "para/xen/domain.h"
#include "para/xen/xenbus.h"

/* ---- the two modes ---- */

/* SWAPGS in effect: the GS base of the mode that does not run is in kernel_gs_base. */
void trap_set_kernel(struct xen_vcpu *v, bool kernel)
{
    struct x86_cpu *c = v->c;

    if (c->pv_kernel == kernel)
        return;
    uint64_t base = c->s.kernel_gs_base;
    c->s.kernel_gs_base = c->s.seg[SEG_GS].base;
    c->s.seg[SEG_GS].base = base;
    c->pv_kernel = kernel;
}

static uint8_t *mask_of(const struct xen_vcpu *v)
{
    return v->info + VI_UPCALL_MASK;
}

static uint8_t load8(const uint8_t *p)
{
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

/* ---- crash ---- */

static void say_where(const struct xen_vcpu *v, const char *why)
{
    char text[1024];
    const struct arch *arch = v->d->m->arch;

    x86_flags_sync(v->c);
    arch->vcpu_show(v->d->m->vcpus[v->id], text, sizeof(text));
    log_error("the guest crashed (vCPU %u, %s mode): %s\n%s", v->id,
              v->c->pv_kernel ? "kernel" : "user", why, text);
}

void domain_crash(struct xen_vcpu *v, const char *why)
{
    if (v->crashed)
        return;
    v->crashed = true;
    say_where(v, why);
    v->d->shut_down = true;
    v->d->shutdown_code = SHUTDOWN_CRASH;
    machine_event(v->d->m, EV_PANIC);
    x86_end_block(v->c);
}

/* ---- the frame ---- */

struct bounce {
    uint64_t address;
    bool mask;      /* events are masked in the handler */
    bool has_error;
    uint32_t error;
    uint64_t clear; /* of RFLAGS, beyond what every entry clears */
};

static bool is_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static int bounce(struct xen_vcpu *v, const struct bounce *b)
{
    struct x86_cpu *c = v->c;
    bool from_kernel = c->pv_kernel;
    uint64_t sp = from_kernel ? c->s.r[RSP] : v->kernel_sp, fl = x86_rflags(c);
    uint8_t mask = load8(mask_of(v)), frame[64];
    unsigned n = b->has_error ? 8 : 7, i = 0;

    if (!b->address) {
        domain_crash(v, "an exception or system call without a handler");
        return 0;
    }
    fl = (fl & ~(uint64_t)(FL_IF | FL_IOPL)) | (mask ? 0 : FL_IF);
    if (v->d->vm_assist >> VMASST_ARCHITECTURAL_IOPL & 1)
        fl |= (uint64_t)v->iopl << FL_IOPL_SHIFT;
    st_le64(frame + 8 * i++, c->s.r[RCX]);
    st_le64(frame + 8 * i++, c->s.r[R11]);
    if (b->has_error)
        st_le64(frame + 8 * i++, b->error);
    uint16_t cs = c->s.seg[SEG_CS].sel;
    st_le64(frame + 8 * i++, c->s.r[X86_RIP]);
    st_le64(frame + 8 * i++, (from_kernel ? cs & ~3u : cs) | (uint64_t)mask << 32);
    st_le64(frame + 8 * i++, fl);
    st_le64(frame + 8 * i++, c->s.r[RSP]);
    st_le64(frame + 8 * i++, c->s.seg[SEG_SS].sel);
    if (!from_kernel) {
        trap_set_kernel(v, true);
        x86_pick_tlb(c);
    }
    sp = (sp & ~UINT64_C(15)) - 8 * n;
    if (!xen_write(v, sp, frame, 8 * n)) {
        domain_crash(v, "its kernel stack cannot be written");
        return 0;
    }
    if (b->mask)
        __atomic_store_n(mask_of(v), 1, __ATOMIC_SEQ_CST);
    c->s.r[RSP] = sp;
    c->s.r[X86_RIP] = b->address;
    c->s.rflags &= ~(uint64_t)(FL_TF | FL_NT | FL_RF | FL_VM | FL_AC | b->clear);
    desc_put_flat(c, SEG_CS, SEL_RING3_CS64);
    desc_put_flat(c, SEG_SS, SEL_RING3_DS);
    c->s.intr_shadow = c->s.rep_left = false;
    x86_derive(c);
    return 0;
}

/* ---- system calls ---- */

static void user_syscall(struct xen_vcpu *v)
{
    struct x86_cpu *c = v->c;
    const struct callback *cb =
        &v->callback[c->mode & MODE_CODE64 ? CALLBACK_SYSCALL : CALLBACK_SYSCALL32];

    if (!cb->address)
        x86_ud(c);
    v->n_syscall++;
    c->s.r[RCX] = c->s.r[X86_RIP];
    c->s.r[R11] = x86_rflags(c) & ~(uint64_t)FL_RF;
    bounce(v, &(struct bounce){.address = cb->address, .mask = cb->mask, .clear = FL_DF});
}

void trap_enter_syscall(struct x86_cpu *c)
{
    struct xen_vcpu *v = xen_vcpu_of(c);
    uint64_t *r = c->s.r;

    /* What a MOV SS before it has held back, and a single step, end in the hypervisor. */
    c->debug_hits = 0;
    c->step_off = true;
    if (!c->pv_kernel) {
        user_syscall(v);
        return;
    }
    const uint64_t nr = r[RAX], arg[6] = {r[RDI], r[RSI], r[RDX], r[R10], r[R8], r[R9]};
    r[RCX] = r[X86_RIP];
    r[R11] = x86_rflags(c) & ~(uint64_t)FL_RF;
    v->iret_done = false;
    int64_t rc = hypercall(v, nr, arg);
    if (!v->iret_done)
        r[RAX] = (uint64_t)rc;
    if (!v->blocked) /* else trap_poll() wakes it first */
        trap_check_events(v);
}

/* ---- events ---- */

static bool events_due(const struct xen_vcpu *v)
{
    return v->info && load8(v->info + VI_UPCALL_PENDING) && !load8(v->info + VI_UPCALL_MASK);
}

/* Called whenever the guest is about to go on: NMI first, then the event callback. */
void trap_check_events(struct xen_vcpu *v)
{
    if (unlikely(v->nmi_pending && !v->nmi_masked && v->trap[EXC_NMI].address)) {
        v->nmi_pending = false;
        v->nmi_masked = true;
        bounce(v, &(struct bounce){.address = v->trap[EXC_NMI].address, .mask = true});
        return;
    }
    if (likely(!events_due(v)) || !v->callback[CALLBACK_EVENT].address)
        return;
    v->n_callback++;
    TRACE(event_callback, "vcpu=%u", v->id);
    bounce(v, &(struct bounce){.address = v->callback[CALLBACK_EVENT].address, .mask = true});
}

bool trap_pending(const struct x86_cpu *c)
{
    const struct xen_vcpu *v = xen_vcpu_of(c);

    return v->up && (!v->blocked || events_due(v) || (v->nmi_pending && !v->nmi_masked));
}

static void reconnect(void *d)
{
    xenbus_reconnect(d);
}

enum x86_event trap_poll(struct x86_cpu *c)
{
    struct xen_vcpu *v = xen_vcpu_of(c);
    bool was = c->s.mp_state == MP_RUNNABLE;

    if (!__atomic_load_n(&v->up, __ATOMIC_SEQ_CST)) {
        c->s.mp_state = MP_WAIT_SIPI;
        return EVENT_WAIT;
    }
    if (__atomic_exchange_n(&v->flush, false, __ATOMIC_SEQ_CST))
        mm_flush_local(v);
    if (unlikely(v->d->reconnect) && __atomic_exchange_n(&v->d->reconnect, false, __ATOMIC_SEQ_CST))
        loop_call(v->d->m->loop, reconnect, v->d);
    if (v->blocked) {
        bool polled = v->polling ? false : v->poll_port != UINT32_MAX;
        if (!polled && !events_due(v) && !(v->nmi_pending && !v->nmi_masked))
            return EVENT_WAIT;
        v->blocked = false;
        __atomic_store_n(&v->polling, false, __ATOMIC_SEQ_CST);
        v->poll_port = UINT32_MAX;
    }
    if (!was) {
        c->s.mp_state = MP_RUNNABLE;
        runstate_set(v, 0);
    }
    uint64_t n = v->n_callback;
    trap_check_events(v);
    return !was || v->n_callback != n ? EVENT_DELIVERED : EVENT_NONE;
}

/* ---- exceptions ---- */

static bool has_error_code(unsigned vector)
{
    return vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC ||
           vector == 21;
}

static int bounce_trap(struct xen_vcpu *v, unsigned vector, uint32_t error)
{
    const struct trap_entry *t = &v->trap[vector];

    v->n_bounce[vector]++;
    TRACE(trap, "vcpu=%u vector=%u error=%#x rip=%#" PRIx64 " %s", v->id, vector, error,
          v->c->s.r[X86_RIP], v->c->pv_kernel ? "kernel" : "user");
    if (!t->address) {
        char why[64];
        snprintf(why, sizeof(why), "exception %u (error code %#x) without a handler", vector,
                 error);
        domain_crash(v, why);
        return 0;
    }
    return bounce(v, &(struct bounce){.address = t->address,
                                      .mask = t->mask,
                                      .has_error = has_error_code(vector),
                                      .error = error});
}

/* INT n: the gate's DPL against the mode; the kernel counts as 1. Breakpoints and overflows are
 * anybody's. */
static int soft_trap(struct xen_vcpu *v, const struct x86_insn *in, unsigned vector)
{
    const struct trap_entry *t = &v->trap[vector];
    bool may = vector == EXC_BP || vector == EXC_OF || t->dpl >= (v->c->pv_kernel ? 1 : 3);

    if (!may) {
        v->c->s.r[X86_RIP] -= in ? in->len : 0;
        return bounce_trap(v, EXC_GP, vector * 8 + 2);
    }
    return bounce_trap(v, vector, 0);
}

/* Things that the kernel does as if it had its processor, and that are done for it. */
static bool assist(struct xen_vcpu *v, struct x86_fault *f, const struct x86_insn *in)
{
    switch (f->vector) {
    case EXC_GP:
        return !f->error && in && priv_emulate(v, in);
    case EXC_UD:
        return priv_forced_cpuid(v, f);
    case EXC_PF:
        return in && v->c->pv_kernel && (f->error & (PF_P | PF_W | PF_RSVD)) == (PF_P | PF_W) &&
               mm_emulate_store(v, in, f->cr2);
    default:
        return false;
    }
}

int trap_deliver(struct x86_cpu *c)
{
    struct xen_vcpu *v = xen_vcpu_of(c);
    struct x86_fault f = c->fault;
    const struct x86_insn *in = c->cur;

    c->cur = NULL;
    c->s.intr_shadow = false;
    if (f.soft)
        return soft_trap(v, in, f.vector);
    if (assist(v, &f, in))
        return 0;
    if (f.vector == EXC_PF) {
        c->s.cr2 = f.cr2;
        st_le64(v->info + VI_CR2, f.cr2);
    } else if (f.vector == EXC_DB) {
        c->s.dr[6] |= f.dr6_bits;
    }
    return bounce_trap(v, f.vector, f.error);
}

/* ---- hypercalls about traps ---- */

enum { TRAP_INFO_SIZE = 16 };

/* An array that ends with address 0; NULL clears the table. */
int64_t hc_set_trap_table(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t raw[TRAP_INFO_SIZE];

    if (!arg[0]) {
        memset(v->trap, 0, sizeof(v->trap));
        return 0;
    }
    for (unsigned i = 0; i < 257; i++) {
        if (!xen_read(v, raw, arg[0] + i * TRAP_INFO_SIZE, sizeof(raw)))
            return -EFAULT;
        uint64_t address = ld_le64(raw + 8);
        if (!address)
            return 0;
        if (!is_canonical(address))
            return -EINVAL;
        v->trap[raw[0]] = (struct trap_entry){.address = address,
                                              .cs = ld_le16(raw + 2),
                                              .dpl = raw[1] & 3,
                                              .mask = raw[1] & 4};
    }
    return 0;
}

static int register_callback(struct xen_vcpu *v, unsigned type, unsigned flags, uint64_t address)
{
    if (!is_canonical(address))
        return -EINVAL;
    switch (type) {
    case CALLBACK_EVENT:
    case CALLBACK_FAILSAFE:
        v->callback[type] = (struct callback){address, type == CALLBACK_EVENT || (flags & 1)};
        return 0;
    case CALLBACK_SYSCALL:
    case CALLBACK_SYSCALL32:
    case CALLBACK_SYSENTER: /* never called: the models' vendor has none in long mode */
        v->callback[type] = (struct callback){address, flags & 1};
        return 0;
    case CALLBACK_NMI:
        v->trap[EXC_NMI] = (struct trap_entry){.address = address, .cs = SEL_RING3_CS64};
        return 0;
    default:
        return -ENOSYS;
    }
}

/* Old form: event, failsafe, syscall. */
int64_t hc_set_callbacks(struct xen_vcpu *v, const uint64_t arg[6])
{
    int rc = register_callback(v, CALLBACK_EVENT, 1, arg[0]);

    if (!rc)
        rc = register_callback(v, CALLBACK_FAILSAFE, 0, arg[1]);
    if (!rc)
        rc = register_callback(v, CALLBACK_SYSCALL, 0, arg[2]);
    return rc;
}

int64_t hc_callback_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t raw[16];

    if (arg[0] > 1)
        return -ENOSYS;
    if (!xen_read(v, raw, arg[1], arg[0] ? 2 : sizeof(raw)))
        return -EFAULT;
    unsigned type = ld_le16(raw);
    if (arg[0] == 0)
        return register_callback(v, type, ld_le16(raw + 2), ld_le64(raw + 8));
    switch (type) {
    case CALLBACK_NMI:
        v->trap[EXC_NMI] = (struct trap_entry){0};
        return 0;
    case CALLBACK_EVENT:
    case CALLBACK_FAILSAFE:
    case CALLBACK_SYSCALL:
    case CALLBACK_SYSENTER:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}

int64_t hc_nmi_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t raw[8];

    switch (arg[0]) {
    case 0:
        if (!xen_read(v, raw, arg[1], 8))
            return -EFAULT;
        return register_callback(v, CALLBACK_NMI, 0, ld_le64(raw));
    case 1:
        v->trap[EXC_NMI] = (struct trap_entry){0};
        return 0;
    default:
        return -ENOSYS;
    }
}

int64_t hc_stack_switch(struct xen_vcpu *v, const uint64_t arg[6])
{
    v->kernel_ss = (uint16_t)arg[0] | 3;
    v->kernel_sp = arg[1];
    return 0;
}

/* The code or stack segment that a frame names; the flat ones without a look. */
static bool load_code(struct x86_cpu *c, uint16_t sel)
{
    uint64_t raw;

    if (sel == SEL_RING3_CS64) {
        desc_put_flat(c, SEG_CS, sel);
        return true;
    }
    if (!desc_lookup(c, sel, &raw) || !desc_is_code(raw) || !desc_present(raw))
        return false;
    x86_seg_put(c, SEG_CS, sel, raw);
    return true;
}

static bool load_stack(struct x86_cpu *c, uint16_t sel)
{
    uint64_t raw;

    if (sel == SEL_RING3_DS) {
        desc_put_flat(c, SEG_SS, sel);
        return true;
    }
    if (!(sel & ~3u)) { /* allowed in 64-bit code */
        x86_seg_put_null(c, SEG_SS, sel, 3);
        return true;
    }
    if (!desc_lookup(c, sel, &raw) || !desc_is_data(raw) || !(desc_attr(raw) & SEG_A_RW) ||
        !desc_present(raw))
        return false;
    x86_seg_put(c, SEG_SS, sel, raw);
    return true;
}

/* Frame at RSP, low to high: RAX R11 RCX flags RIP CS RFLAGS RSP SS. */
int64_t hc_iret(struct xen_vcpu *v, const uint64_t arg[6])
{
    struct x86_cpu *c = v->c;
    uint8_t f[72];

    (void)arg;
    v->iret_done = true; /* RAX and all comes from the frame */
    if (!xen_read(v, f, c->s.r[RSP], sizeof(f))) {
        domain_crash(v, "iret: its frame cannot be read");
        return 0;
    }
    uint16_t cs = (uint16_t)ld_le64(f + 40), ss = (uint16_t)ld_le64(f + 64);
    uint64_t fl = ld_le64(f + 48);
    if ((cs & 3) == 3 && !c->pv_user_cr3) {
        domain_crash(v, "iret to user mode without tables for it");
        return 0;
    }
    if (v->d->vm_assist >> VMASST_ARCHITECTURAL_IOPL & 1)
        v->iopl = (fl & FL_IOPL) >> FL_IOPL_SHIFT;
    __atomic_store_n(mask_of(v), !(fl & FL_IF), __ATOMIC_SEQ_CST);
    v->nmi_masked = false;
    c->s.r[RAX] = ld_le64(f);
    uint64_t rip = ld_le64(f + 32), flags = ld_le64(f + 24);
    if (flags & VGCF_IN_SYSCALL) {
        c->s.r[RCX] = rip;
        c->s.r[R11] = fl;
    } else {
        c->s.r[R11] = ld_le64(f + 8);
        c->s.r[RCX] = ld_le64(f + 16);
    }
    c->s.r[RSP] = ld_le64(f + 56);
    c->s.r[X86_RIP] = rip;
    const uint64_t keep = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_RF | FL_AC | FL_ID;
    x86_set_rflags(c, (fl & keep) | FL_IF | FL_1);
    if ((cs & 3) == 3)
        trap_set_kernel(v, false);
    bool bad = !load_code(c, cs | 3) || !load_stack(c, ss | 3) || !is_canonical(rip);
    x86_derive(c);
    if (bad) /* as the processor's own IRET would have met it, reported to the kernel */
        return bounce_trap(v, EXC_GP, 0);
    return 0;
}
