/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sched: waiting, yielding, ending; vCPUs coming up and going down. [XEN sched; XEN vcpu]
 */
#include <sched.h>

#include "arch/x86/flags.h"
#include "base/trace.h"
#include "para/xen/domain.h"

/* clang-format off */
enum {
    SCHED_YIELD, SCHED_BLOCK, SCHED_SHUTDOWN, SCHED_POLL, SCHED_REMOTE_SHUTDOWN,
    SCHED_SHUTDOWN_CODE, SCHED_WATCHDOG, SCHED_PIN_OVERRIDE,
};
enum { RUNSTATE_RUNNING, RUNSTATE_RUNNABLE, RUNSTATE_BLOCKED, RUNSTATE_OFFLINE };
/* clang-format on */

static void go_to_sleep(struct xen_vcpu *v)
{
    v->blocked = true;
    v->c->s.mp_state = MP_HALTED;
    runstate_set(v, RUNSTATE_BLOCKED);
    vcpu_request(v->c->vcpu, REQ_INTR); /* what came meanwhile is looked for again */
}

/* Wait until an event comes, with events unmasked; at once when one is there. */
static int64_t block(struct xen_vcpu *v)
{
    __atomic_store_n(v->info + VI_UPCALL_MASK, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(v->info + VI_UPCALL_PENDING, __ATOMIC_SEQ_CST))
        return 0;
    v->poll_port = UINT32_MAX;
    go_to_sleep(v);
    return 0;
}

/* ---- poll ---- */

void sched_wake_poller(struct xen_domain *d, uint32_t port)
{
    for (unsigned i = 0; i < d->nvcpus; i++) {
        struct xen_vcpu *v = d->vcpu[i];
        uint32_t want = __atomic_load_n(&v->poll_port, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&v->polling, __ATOMIC_SEQ_CST) || (want && want != port))
            continue;
        __atomic_store_n(&v->polling, false, __ATOMIC_SEQ_CST);
        vcpu_request(v->c->vcpu, REQ_INTR);
    }
}

enum { POLL_MAX = 128 };

static void stop_polling(struct xen_vcpu *v)
{
    v->polling = false;
    v->poll_port = UINT32_MAX;
}

/* Ports that nobody has are polled like others: they are never pending. */
static int64_t poll(struct xen_vcpu *v, uint64_t at)
{
    uint8_t raw[24];
    uint32_t port[POLL_MAX];

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    uint32_t n = ld_le32(raw + 8);
    uint64_t deadline = ld_le64(raw + 16);
    if (n > POLL_MAX)
        return -EINVAL;
    if (!xen_read(v, port, ld_le64(raw), n * 4))
        return -EFAULT;
    /* First say that we wait, then look: a port that is raised meanwhile finds us. */
    __atomic_store_n(&v->poll_port, n == 1 ? port[0] : 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->polling, true, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < n; i++) {
        bool valid = port[i] < evtchn_port_limit(v->d);
        if (!valid || evtchn_is_pending(v->d, port[i])) {
            stop_polling(v);
            return valid ? 0 : -EINVAL;
        }
    }
    if (deadline && deadline <= xen_ns(v->d)) {
        stop_polling(v);
        return 0;
    }
    if (deadline)
        timer_set(&v->poll_timer, deadline);
    go_to_sleep(v);
    return 0;
}

/* ---- the end ---- */

static int64_t shut_down(struct xen_vcpu *v, uint32_t reason)
{
    static const enum machine_event event[] = {
        [SHUTDOWN_POWEROFF] = EV_POWEROFF, [SHUTDOWN_REBOOT] = EV_RESET,
        [SHUTDOWN_SUSPEND] = EV_SUSPEND,   [SHUTDOWN_CRASH] = EV_PANIC,
        [SHUTDOWN_WATCHDOG] = EV_WATCHDOG, [SHUTDOWN_SOFT_RESET] = EV_RESET,
    };
    struct xen_domain *d = v->d;

    TRACE(xen_shutdown, "vcpu=%u reason=%u", v->id, reason);
    if (reason >= ARRAY_LEN(event))
        reason = SHUTDOWN_CRASH;
    if (reason == SHUTDOWN_SUSPEND)
        return 1; /* "cancelled": nobody has asked for one */
    d->shutdown_code = reason;
    d->shut_down = true;
    machine_event(d->m, event[reason]);
    x86_end_block(v->c);
    return 0;
}

static int64_t shutdown_op(struct xen_vcpu *v, uint64_t at, bool now)
{
    uint8_t raw[4];

    if (!xen_read(v, raw, at, 4))
        return -EFAULT;
    if (now)
        return shut_down(v, ld_le32(raw));
    v->d->shutdown_code = ld_le32(raw);
    return 0;
}

int64_t hc_sched_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    switch (arg[0]) {
    case SCHED_YIELD:
        sched_yield();
        return 0;
    case SCHED_BLOCK:
        return block(v);
    case SCHED_SHUTDOWN:
        return shutdown_op(v, arg[1], true);
    case SCHED_POLL:
        return poll(v, arg[1]);
    case SCHED_SHUTDOWN_CODE:
        return shutdown_op(v, arg[1], false);
    case SCHED_REMOTE_SHUTDOWN:
    case SCHED_PIN_OVERRIDE:
        return -EPERM;
    default:
        return -ENOSYS;
    }
}

/* The old form: of shutdown the reason is the argument itself. */
int64_t hc_sched_op_compat(struct xen_vcpu *v, const uint64_t arg[6])
{
    switch (arg[0]) {
    case SCHED_YIELD:
    case SCHED_BLOCK:
        return hc_sched_op(v, arg);
    case SCHED_SHUTDOWN:
        return shut_down(v, (uint32_t)arg[1]);
    default:
        return -ENOSYS;
    }
}

/* ---- vCPUs ---- */

/* clang-format off */
enum {
    VCPU_INITIALISE, VCPU_UP, VCPU_DOWN, VCPU_IS_UP, VCPU_GET_RUNSTATE, VCPU_REGISTER_RUNSTATE,
    VCPU_SET_PERIODIC, VCPU_STOP_PERIODIC, VCPU_SET_SINGLESHOT, VCPU_STOP_SINGLESHOT,
    VCPU_REGISTER_INFO, VCPU_SEND_NMI, VCPU_GET_PHYSID, VCPU_REGISTER_TIME,
};
/* clang-format on */

static void load_registers(struct xen_vcpu *v, const uint8_t *ctx)
{
    static const struct {
        uint8_t reg;
        uint16_t off;
    } at[] = {
        {RAX, UR_RAX}, {RCX, UR_RCX}, {RDX, UR_RDX}, {RBX, UR_RBX}, {RSP, UR_RSP}, {RBP, UR_RBP},
        {RSI, UR_RSI}, {RDI, UR_RDI}, {R8, UR_R8},   {R9, UR_R9},   {R10, UR_R10}, {R11, UR_R11},
        {R12, UR_R12}, {R13, UR_R13}, {R14, UR_R14}, {R15, UR_R15}, {X86_RIP, UR_RIP},
    };
    struct x86_cpu *c = v->c;
    const uint8_t *regs = ctx + CTX_REGS;

    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        c->s.r[at[i].reg] = ld_le64(regs + at[i].off);
    x86_set_rflags(c, (ld_le64(regs + UR_RFLAGS) & ~(uint64_t)(FL_IOPL | FL_VM)) | FL_IF);
    v->iopl = (ld_le64(regs + UR_RFLAGS) & FL_IOPL) >> FL_IOPL_SHIFT;
    c->s.seg[SEG_FS].base = ld_le64(ctx + CTX_FS_BASE);
    bool kernel = ld_le64(ctx + CTX_FLAGS) & VGCF_IN_KERNEL;
    c->pv_kernel = kernel;
    c->s.seg[SEG_GS].base = ld_le64(ctx + (kernel ? CTX_GS_KERNEL : CTX_GS_USER));
    c->s.kernel_gs_base = ld_le64(ctx + (kernel ? CTX_GS_USER : CTX_GS_KERNEL));
}

static void load_traps(struct xen_vcpu *v, const uint8_t *ctx)
{
    for (unsigned i = 0; i < 256; i++) {
        const uint8_t *t = ctx + CTX_TRAPS + 16 * i;
        v->trap[i] = (struct trap_entry){.address = ld_le64(t + 8),
                                         .cs = ld_le16(t + 2),
                                         .dpl = t[1] & 3,
                                         .mask = t[1] & 4};
    }
    v->callback[CALLBACK_EVENT] = (struct callback){ld_le64(ctx + CTX_EVENT_CALLBACK), true};
    v->callback[CALLBACK_FAILSAFE] = (struct callback){ld_le64(ctx + CTX_FAILSAFE_CALLBACK), false};
    v->callback[CALLBACK_SYSCALL] = (struct callback){ld_le64(ctx + CTX_SYSCALL_CALLBACK), false};
    v->kernel_ss = (uint16_t)ld_le64(ctx + CTX_KERNEL_SS) | 3;
    v->kernel_sp = ld_le64(ctx + CTX_KERNEL_SP);
}

static int load_tables(struct xen_vcpu *v, const uint8_t *ctx)
{
    uint64_t frames[GDT_GUEST_FRAMES], entries = ld_le64(ctx + CTX_GDT_ENTS);
    uint64_t user = ld_le64(ctx + CTX_CTRLREG + 8);

    for (unsigned i = 0; i < GDT_GUEST_FRAMES; i++)
        frames[i] = ld_le64(ctx + CTX_GDT_FRAMES + 8 * i);
    if (entries > GDT_RESERVED_FIRST)
        return -EINVAL;
    int rc = desc_set_gdt(v, frames, (unsigned)entries);
    if (!rc)
        rc = desc_set_ldt(v, ld_le64(ctx + CTX_LDT_BASE), ld_le64(ctx + CTX_LDT_ENTS));
    if (!rc)
        rc = mm_set_base(v, ld_le64(ctx + CTX_CTRLREG + 24) >> PAGE_SHIFT_4K, false);
    if (!rc)
        rc = mm_set_base(v, user >> PAGE_SHIFT_4K, true);
    return rc;
}

static int64_t initialise(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t at)
{
    auto_free uint8_t *ctx = xcalloc(1, CTX_SIZE);

    if (!xen_read(v, ctx, at, CTX_SIZE))
        return -EFAULT;
    if (to->initialised)
        return -EEXIST;
    mm_lock(v);
    int rc = load_tables(to, ctx);
    mm_unlock(v);
    if (rc)
        return rc;
    load_registers(to, ctx);
    load_traps(to, ctx);
    desc_put_flat(to->c, SEG_CS, SEL_RING3_CS64);
    desc_put_flat(to->c, SEG_SS, SEL_RING3_DS);
    x86_derive(to->c);
    to->initialised = true;
    return 0;
}

static int64_t vcpu_up(struct xen_vcpu *to)
{
    if (!to->initialised || !to->info)
        return -EINVAL;
    if (__atomic_exchange_n(&to->up, true, __ATOMIC_SEQ_CST))
        return 0;
    time_publish(to);
    vcpu_request(to->c->vcpu, REQ_INTR);
    return 0;
}

/* Its own call to go down returns when it is brought up again. */
static int64_t vcpu_down(struct xen_vcpu *v, struct xen_vcpu *to)
{
    timer_cancel(&to->singleshot);
    __atomic_store_n(&to->up, false, __ATOMIC_SEQ_CST);
    if (to == v) {
        v->c->s.mp_state = MP_WAIT_SIPI;
        runstate_set(v, RUNSTATE_OFFLINE);
    }
    vcpu_request(to->c->vcpu, REQ_INTR);
    return 0;
}

/* vcpu_info moves to where the guest wants it, once. */
static int64_t register_info(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t at)
{
    struct xen_domain *d = v->d;
    uint8_t raw[16];

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    uint64_t mfn = ld_le64(raw);
    uint32_t off = ld_le32(raw + 8);
    if (off > PAGE_SIZE_4K - VI_SIZE || (off & 7))
        return -ENXIO;
    if (to->info_frame != UINT64_MAX)
        return -EINVAL;
    if (mfn >= d->max_pages || !frame_usable(d, mfn))
        return -EINVAL;
    mm_lock(v);
    int rc = frame_get_type(v, mfn, FT_WRITABLE); /* for good */
    mm_unlock(v);
    if (rc)
        return rc;
    uint8_t *info = frame_host(d, mfn) + off;
    pthread_mutex_lock(&d->ev.lock);
    if (to->info) {
        memcpy(info, to->info, VI_SIZE);
    } else {
        memset(info, 0, VI_SIZE);
        info[VI_UPCALL_MASK] = 1;
    }
    to->info_frame = mfn;
    __atomic_store_n(&to->info, info, __ATOMIC_SEQ_CST);
    /* Whatever was raised at the old place is raised again here. */
    st_le64(info + VI_PENDING_SEL, UINT64_MAX);
    __atomic_store_n(info + VI_UPCALL_PENDING, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&d->ev.lock);
    frame_written(d, mfn);
    time_publish(to);
    return 0;
}

static int64_t get_runstate(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t at)
{
    uint8_t raw[48] = {0};

    st_le32(raw, to->runstate);
    st_le64(raw + 8, to->runstate_since);
    for (unsigned i = 0; i < 4; i++)
        st_le64(raw + 16 + 8 * i, to->runstate_time[i]);
    return xen_write(v, at, raw, sizeof(raw)) ? 0 : -EFAULT;
}

static int64_t register_area(struct xen_vcpu *v, uint64_t at, uint64_t *va)
{
    uint8_t raw[8];

    if (!xen_read(v, raw, at, 8))
        return -EFAULT;
    *va = ld_le64(raw);
    return 0;
}

static int64_t set_periodic(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t at)
{
    uint8_t raw[8];

    if (!xen_read(v, raw, at, 8))
        return -EFAULT;
    if (ld_le64(raw) < 1000000)
        return -EINVAL;
    to->period = ld_le64(raw);
    timer_set(&to->periodic, xen_ns(v->d) + to->period);
    return 0;
}

static int64_t set_singleshot(struct xen_vcpu *v, uint64_t at)
{
    uint8_t raw[16];

    if (!xen_read(v, raw, at, 12))
        return -EFAULT;
    return time_set_singleshot(v, ld_le64(raw), ld_le32(raw + 8) & 1);
}

static int64_t send_nmi(struct xen_vcpu *to)
{
    if (to->trap[2].address) {
        to->nmi_pending = true;
        vcpu_request(to->c->vcpu, REQ_INTR);
    }
    return 0;
}

int64_t hc_vcpu_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    struct xen_domain *d = v->d;
    uint64_t id = (uint32_t)arg[1];

    if (id >= d->nvcpus)
        return -ENOENT;
    struct xen_vcpu *to = d->vcpu[id];
    switch (arg[0]) {
    case VCPU_INITIALISE:
        return to->info ? initialise(v, to, arg[2]) : -EINVAL;
    case VCPU_UP:
        return vcpu_up(to);
    case VCPU_DOWN:
        return vcpu_down(v, to);
    case VCPU_IS_UP:
        return to->up;
    case VCPU_GET_RUNSTATE:
        return get_runstate(v, to, arg[2]);
    case VCPU_REGISTER_RUNSTATE: {
        int64_t rc = register_area(v, arg[2], &to->runstate_va);
        if (!rc && to == v)
            runstate_write(v);
        return rc;
    }
    case VCPU_SET_PERIODIC:
        return set_periodic(v, to, arg[2]);
    case VCPU_STOP_PERIODIC:
        to->period = 0;
        timer_cancel(&to->periodic);
        return 0;
    case VCPU_SET_SINGLESHOT:
        return to == v ? set_singleshot(v, arg[2]) : -EINVAL;
    case VCPU_STOP_SINGLESHOT:
        if (to != v)
            return -EINVAL;
        timer_cancel(&v->singleshot);
        return 0;
    case VCPU_REGISTER_INFO:
        return register_info(v, to, arg[2]);
    case VCPU_SEND_NMI:
        return send_nmi(to);
    case VCPU_REGISTER_TIME: {
        int64_t rc = register_area(v, arg[2], &to->time_va);
        if (!rc)
            time_publish(to);
        return rc;
    }
    case VCPU_GET_PHYSID:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}
