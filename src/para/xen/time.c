/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * time: system time is the machine's clock; the guest computes it from the TSC by one record that
 * never changes, because the TSC is that same clock. Timers, wall clock, run states. [XEN xen; XEN
 * vcpu]
 */
#include "para/xen/domain.h"

uint64_t xen_ns(const struct xen_domain *d)
{
    return clock_ns(&d->m->clock);
}

/* ns = ((ticks << shift) * mul) >> 32, for the clock's kHz. */
static void scale(uint64_t khz, uint32_t *mul, int8_t *shift)
{
    unsigned __int128 v = ((unsigned __int128)1000000 << 32) / khz;

    *shift = 0;
    while (v >> 32) {
        v >>= 1;
        ++*shift;
    }
    while (!(v & 0x80000000)) {
        v <<= 1;
        --*shift;
    }
    *mul = (uint32_t)v;
}

static void record(const struct xen_vcpu *v, uint8_t raw[TI_SIZE])
{
    uint32_t mul;
    int8_t shift;

    memset(raw, 0, TI_SIZE);
    scale(v->d->m->clock.tsc_khz, &mul, &shift);
    st_le32(raw + TI_VERSION, 2);
    st_le64(raw + TI_TSC, v->c->s.tsc_offset);
    st_le32(raw + TI_MUL, mul);
    raw[TI_SHIFT] = (uint8_t)shift;
    raw[TI_FLAGS] = 1; /* the TSC is stable: one record is good for all */
}

void time_publish(struct xen_vcpu *v)
{
    uint8_t raw[TI_SIZE];

    record(v, raw);
    if (v->info)
        memcpy(v->info + VI_TIME, raw, sizeof(raw));
    if (v->time_va && v == v->d->vcpu[0])
        xen_write(v, v->time_va, raw, sizeof(raw));
}

/* Wall time at system time 0. */
void time_wallclock(struct xen_domain *d)
{
    uint64_t at0 = (uint64_t)d->m->clock.wall_offset, sec = at0 / 1000000000;
    uint8_t *si = d->shared_info;

    st_le32(si + SI_WC_VERSION, 2);
    st_le32(si + SI_WC_SEC, (uint32_t)sec);
    st_le32(si + SI_WC_SEC_HI, (uint32_t)(sec >> 32));
    st_le32(si + SI_WC_NSEC, (uint32_t)(at0 % 1000000000));
}

/* ---- timers ---- */

static void singleshot_due(void *opaque)
{
    evtchn_raise_virq(opaque, VIRQ_TIMER);
}

static void periodic_due(void *opaque)
{
    struct xen_vcpu *v = opaque;

    evtchn_raise_virq(v, VIRQ_TIMER);
    if (v->period)
        timer_set(&v->periodic, xen_ns(v->d) + v->period);
}

static void poll_due(void *opaque)
{
    struct xen_vcpu *v = opaque;

    __atomic_store_n(&v->polling, false, __ATOMIC_SEQ_CST);
    vcpu_request(v->c->vcpu, REQ_INTR);
}

void time_init(struct xen_vcpu *v)
{
    struct clock *clock = &v->d->m->clock;

    timer_init(&v->singleshot, clock, singleshot_due, v, NULL);
    timer_init(&v->periodic, clock, periodic_due, v, NULL);
    timer_init(&v->poll_timer, clock, poll_due, v, NULL);
}

int64_t time_set_singleshot(struct xen_vcpu *v, uint64_t deadline, bool only_future)
{
    if (only_future && deadline <= xen_ns(v->d))
        return -ETIME;
    timer_set(&v->singleshot, deadline);
    return 0;
}

/* The old call: 0 stops. */
int64_t hc_set_timer_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    if (!arg[0])
        timer_cancel(&v->singleshot);
    else
        timer_set(&v->singleshot, arg[0]);
    return 0;
}

/* ---- run states ---- */

#define UPDATING (UINT64_C(1) << 63)

/* On the vCPU's own thread, in kernel mode. */
void runstate_write(struct xen_vcpu *v)
{
    uint8_t raw[48] = {0};

    if (!v->runstate_va || !v->c->pv_kernel)
        return;
    bool flag = v->d->vm_assist >> VMASST_RUNSTATE_FLAG & 1;
    st_le32(raw, v->runstate);
    st_le64(raw + 8, v->runstate_since | (flag ? UPDATING : 0));
    for (unsigned i = 0; i < 4; i++)
        st_le64(raw + 16 + 8 * i, v->runstate_time[i]);
    if (!xen_write(v, v->runstate_va, raw, sizeof(raw)) || !flag)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    st_le64(raw + 8, v->runstate_since);
    xen_write(v, v->runstate_va + 8, raw + 8, 8);
}

void runstate_set(struct xen_vcpu *v, unsigned state)
{
    uint64_t now = xen_ns(v->d);

    v->runstate_time[v->runstate] += now - v->runstate_since;
    v->runstate = state;
    v->runstate_since = now;
    runstate_write(v);
}
