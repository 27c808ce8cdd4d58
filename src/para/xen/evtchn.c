/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * evtchn: ports, their states, and the two-level bitmaps in shared_info:
 *
 *     evtchn_pending[port / 64]   set; if the port's bit in evtchn_mask is clear:
 *     vcpu_info.pending_sel       bit port / 64, of the vCPU that the port notifies
 *     vcpu_info.upcall_pending    1, and the vCPU is made to look
 *
 * The other form, event queues, is in fifo.c. ev.lock guards the ports; pending bits are atomics.
 */
#include "para/xen/evtchn.h"

#include "base/trace.h"
#include "base/bits.h"
#include "para/xen/domain.h"
#include "para/xen/fifo.h"

/* ---- making pending ---- */

static bool test_and_set(uint8_t *bits, uint32_t n)
{
    uint64_t bit = BIT64(n & 63);
    mem_u64 *word = (mem_u64 *)(void *)(bits + n / 64 * 8);

    return __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit;
}

static bool test(const uint8_t *bits, uint32_t n)
{
    return __atomic_load_n((const mem_u64 *)(const void *)(bits + n / 64 * 8), __ATOMIC_SEQ_CST) &
           BIT64(n & 63);
}

void evtchn_upcall(struct xen_vcpu *v)
{
    if (!v->info || __atomic_exchange_n(v->info + VI_UPCALL_PENDING, 1, __ATOMIC_SEQ_CST))
        return;
    vcpu_request(v->c->vcpu, REQ_INTR);
}

static void select_2l(struct xen_vcpu *v, uint32_t port)
{
    if (v->info && !test_and_set(v->info + VI_PENDING_SEL, port / 64))
        evtchn_upcall(v);
}

static void raise_2l(struct xen_domain *d, struct xen_vcpu *v, uint32_t port)
{
    if (test_and_set(d->shared_info + SI_EVTCHN_PENDING, port))
        return;
    if (!test(d->shared_info + SI_EVTCHN_MASK, port))
        select_2l(v, port);
}

static void raise_locked(struct xen_domain *d, uint32_t port)
{
    const struct evtchn *e = &d->ev.port[port];
    struct xen_vcpu *v = d->vcpu[e->vcpu];

    d->ev.n_sent++;
    if (d->ev.fifo)
        fifo_raise(d, v, port, e->priority);
    else if (port < EVTCHN_2L_PORTS)
        raise_2l(d, v, port);
    sched_wake_poller(d, port);
}

void evtchn_raise(struct xen_domain *d, uint32_t port)
{
    pthread_mutex_lock(&d->ev.lock);
    if (port && port < d->ev.nports && d->ev.port[port].state != EV_FREE)
        raise_locked(d, port);
    pthread_mutex_unlock(&d->ev.lock);
}

void evtchn_raise_virq(struct xen_vcpu *v, unsigned virq)
{
    uint32_t port = __atomic_load_n(&v->virq_port[virq], __ATOMIC_SEQ_CST);

    if (port)
        evtchn_raise(v->d, port);
}

bool evtchn_is_pending(struct xen_domain *d, uint32_t port)
{
    if (d->ev.fifo)
        return fifo_is_pending(d, port);
    return port < EVTCHN_2L_PORTS && test(d->shared_info + SI_EVTCHN_PENDING, port);
}


static void clear_pending(struct xen_domain *d, uint32_t port)
{
    if (d->ev.fifo) {
        fifo_clear(d, port);
    } else if (port < EVTCHN_2L_PORTS) {
        mem_u64 *word = (mem_u64 *)(void *)(d->shared_info + SI_EVTCHN_PENDING + port / 64 * 8);
        __atomic_fetch_and(word, ~BIT64(port & 63), __ATOMIC_SEQ_CST);
    }
}

/* ---- ports ---- */

uint32_t evtchn_port_limit(const struct xen_domain *d)
{
    return d->ev.fifo ? EVTCHN_PORTS_MAX : EVTCHN_2L_PORTS;
}

/* A free port, 0: there is none. */
static uint32_t port_alloc(struct xen_domain *d)
{
    struct evtchns *ev = &d->ev;

    for (uint32_t p = 1; p < ev->nports; p++)
        if (ev->port[p].state == EV_FREE)
            return p;
    if (ev->nports >= evtchn_port_limit(d))
        return 0;
    uint32_t first = ev->nports, n = MIN(first * 2, evtchn_port_limit(d));
    struct evtchn *more = realloc(ev->port, n * sizeof(*more));
    if (!more)
        return 0;
    memset(more + first, 0, (n - first) * sizeof(*more));
    ev->port = more;
    ev->nports = n;
    return first;
}

static void port_put(struct xen_domain *d, uint32_t port, const struct evtchn *e)
{
    d->ev.port[port] = *e;
    d->ev.port[port].priority = FIFO_PRIORITY_DEFAULT;
    clear_pending(d, port);
}

static struct evtchn *port_get(struct xen_domain *d, uint64_t port)
{
    return port && port < d->ev.nports ? &d->ev.port[port] : NULL;
}

uint32_t evtchn_backend_port(struct xen_domain *d, uint16_t remote, void (*notify)(void *opaque),
                             void *opaque)
{
    pthread_mutex_lock(&d->ev.lock);
    uint32_t port = port_alloc(d);
    if (port)
        port_put(d, port,
                 &(struct evtchn){.state = EV_BACKEND,
                                  .remote_dom = remote,
                                  .notify = notify,
                                  .opaque = opaque});
    pthread_mutex_unlock(&d->ev.lock);
    return port;
}

bool evtchn_backend_bind(struct xen_domain *d, uint32_t port, uint16_t remote,
                         void (*notify)(void *opaque), void *opaque)
{
    pthread_mutex_lock(&d->ev.lock);
    struct evtchn *e = port_get(d, port);
    bool ok = e && e->state == EV_UNBOUND && e->remote_dom == remote;
    if (ok) {
        e->state = EV_BACKEND;
        e->notify = notify;
        e->opaque = opaque;
        raise_locked(d, port); /* as a new binding does: nothing sent before is lost */
    }
    pthread_mutex_unlock(&d->ev.lock);
    return ok;
}

void evtchn_backend_unbind(struct xen_domain *d, uint32_t port)
{
    pthread_mutex_lock(&d->ev.lock);
    struct evtchn *e = port_get(d, port);
    if (e && e->state == EV_BACKEND) {
        e->state = EV_UNBOUND;
        e->notify = NULL;
    }
    pthread_mutex_unlock(&d->ev.lock);
}

void evtchn_init(struct xen_domain *d)
{
    pthread_mutex_init(&d->ev.lock, NULL);
    d->ev.f = fifo_create();
    evtchn_reset(d);
}

void evtchn_reset(struct xen_domain *d)
{
    free(d->ev.port);
    d->ev.nports = 64;
    d->ev.port = xcalloc(d->ev.nports, sizeof(*d->ev.port));
    d->ev.fifo = false;
    fifo_reset(d->ev.f);
    for (unsigned i = 0; i < d->nvcpus; i++)
        if (d->vcpu[i])
            memset(d->vcpu[i]->virq_port, 0, sizeof(d->vcpu[i]->virq_port));
}

void evtchn_fini(struct xen_domain *d)
{
    if (!d->ev.port)
        return;
    free(d->ev.port);
    fifo_destroy(d->ev.f);
    pthread_mutex_destroy(&d->ev.lock);
}

/* ---- operations, ev.lock held ---- */

/* clang-format off */
enum {
    EVOP_BIND_INTERDOMAIN, EVOP_BIND_VIRQ, EVOP_BIND_PIRQ, EVOP_CLOSE, EVOP_SEND, EVOP_STATUS,
    EVOP_ALLOC_UNBOUND, EVOP_BIND_IPI, EVOP_BIND_VCPU, EVOP_UNMASK, EVOP_RESET, EVOP_INIT_CONTROL,
    EVOP_EXPAND_ARRAY, EVOP_SET_PRIORITY,
};
/* clang-format on */

static bool is_self(const struct xen_domain *d, uint16_t domid)
{
    return domid == DOMID_SELF || domid == d->domid;
}

static int64_t alloc_unbound(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint16_t remote = ld_le16(a + 2);

    if (!is_self(d, ld_le16(a)))
        return -EPERM;
    uint32_t port = port_alloc(d);
    if (!port)
        return -ENOSPC;
    port_put(d, port,
             &(struct evtchn){.state = EV_UNBOUND,
                              .remote_dom = remote == DOMID_SELF ? d->domid : remote});
    st_le32(a + 4, port);
    return 0;
}

/* Only with itself: other domains are not in this process. */
static int64_t bind_interdomain(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint32_t remote = ld_le32(a + 4);

    if (!is_self(d, ld_le16(a)))
        return -ESRCH;
    const struct evtchn *e = port_get(d, remote);
    if (!e || e->state != EV_UNBOUND || e->remote_dom != d->domid)
        return -EINVAL;
    uint32_t port = port_alloc(d);
    if (!port)
        return -ENOSPC;
    port_put(d, port,
             &(struct evtchn){
                 .state = EV_INTERDOMAIN, .remote_dom = d->domid, .remote_port = remote});
    struct evtchn *r = &d->ev.port[remote];
    r->state = EV_INTERDOMAIN;
    r->remote_port = port;
    st_le32(a + 8, port);
    raise_locked(d, port);
    return 0;
}

static bool is_global_virq(uint32_t virq)
{
    return virq == VIRQ_CONSOLE || virq == VIRQ_DOM_EXC || virq == 4 || virq == 6 || virq == 8 ||
           virq == 9 || virq == 10 || virq == 11 || virq == 12;
}

static int64_t bind_virq(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint32_t virq = ld_le32(a), vcpu = ld_le32(a + 4);

    if (virq >= VIRQ_COUNT || (is_global_virq(virq) && vcpu))
        return -EINVAL;
    if (is_global_virq(virq))
        return -EPERM; /* they are the control domain's */
    if (vcpu >= d->nvcpus)
        return -ENOENT;
    if (d->vcpu[vcpu]->virq_port[virq])
        return -EEXIST;
    uint32_t port = port_alloc(d);
    if (!port)
        return -ENOSPC;
    port_put(d, port,
             &(struct evtchn){.state = EV_VIRQ, .virq = (uint8_t)virq, .vcpu = (uint16_t)vcpu});
    __atomic_store_n(&d->vcpu[vcpu]->virq_port[virq], port, __ATOMIC_SEQ_CST);
    st_le32(a + 8, port);
    return 0;
}

static int64_t bind_ipi(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint32_t vcpu = ld_le32(a);

    if (vcpu >= d->nvcpus)
        return -ENOENT;
    uint32_t port = port_alloc(d);
    if (!port)
        return -ENOSPC;
    port_put(d, port, &(struct evtchn){.state = EV_IPI, .vcpu = (uint16_t)vcpu});
    st_le32(a + 4, port);
    return 0;
}

static int64_t close_port(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint32_t port = ld_le32(a);
    struct evtchn *e = port_get(d, port);

    if (!e || e->state == EV_FREE)
        return -EINVAL;
    if (e->state == EV_VIRQ)
        __atomic_store_n(&d->vcpu[e->vcpu]->virq_port[e->virq], 0, __ATOMIC_SEQ_CST);
    if (e->state == EV_INTERDOMAIN) {
        struct evtchn *r = &d->ev.port[e->remote_port];
        r->state = EV_UNBOUND;
        r->remote_dom = d->domid;
    }
    *e = (struct evtchn){0};
    clear_pending(d, port);
    return 0;
}

enum { STATUS_CLOSED, STATUS_UNBOUND, STATUS_INTERDOMAIN, STATUS_PIRQ, STATUS_VIRQ, STATUS_IPI };

static int64_t status(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    const struct evtchn *e = port_get(d, ld_le32(a + 4));

    if (!is_self(d, ld_le16(a)))
        return -ESRCH;
    if (!e)
        return -EINVAL;
    memset(a + 8, 0, 16);
    switch (e->state) {
    case EV_FREE:
        st_le32(a + 8, STATUS_CLOSED);
        break;
    case EV_UNBOUND:
        st_le32(a + 8, STATUS_UNBOUND);
        st_le16(a + 16, e->remote_dom);
        break;
    case EV_BACKEND:
    case EV_INTERDOMAIN:
        st_le32(a + 8, STATUS_INTERDOMAIN);
        st_le16(a + 16, e->remote_dom);
        st_le32(a + 20, e->remote_port);
        break;
    case EV_VIRQ:
        st_le32(a + 8, STATUS_VIRQ);
        st_le32(a + 16, e->virq);
        break;
    case EV_IPI:
        st_le32(a + 8, STATUS_IPI);
        break;
    }
    st_le32(a + 12, e->vcpu);
    return 0;
}

static int64_t bind_vcpu(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    struct evtchn *e = port_get(d, ld_le32(a));
    uint32_t vcpu = ld_le32(a + 4);

    if (vcpu >= d->nvcpus)
        return -ENOENT;
    if (!e)
        return -EINVAL;
    switch (e->state) {
    case EV_VIRQ: /* the per-vCPU ones stay where they are */
        if (e->vcpu != vcpu)
            return -EINVAL;
        return 0;
    case EV_UNBOUND:
    case EV_INTERDOMAIN:
    case EV_BACKEND:
        e->vcpu = (uint16_t)vcpu;
        return 0;
    default:
        return -EINVAL;
    }
}

static int64_t unmask(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    uint32_t port = ld_le32(a);
    const struct evtchn *e = port_get(d, port);

    if (!e)
        return -EINVAL;
    struct xen_vcpu *to = d->vcpu[e->vcpu];
    if (d->ev.fifo) {
        fifo_unmask(d, to, port, e->priority);
        return 0;
    }
    if (port >= EVTCHN_2L_PORTS)
        return -EINVAL;
    mem_u64 *word = (mem_u64 *)(void *)(d->shared_info + SI_EVTCHN_MASK + port / 64 * 8);
    uint64_t bit = BIT64(port & 63);
    if ((__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit) &&
        test(d->shared_info + SI_EVTCHN_PENDING, port))
        select_2l(to, port);
    return 0;
}

static int64_t reset_ports(struct xen_vcpu *v, const uint8_t *a)
{
    struct xen_domain *d = v->d;

    if (!is_self(d, ld_le16(a)))
        return -EPERM;
    for (uint32_t p = 1; p < d->ev.nports; p++) {
        uint8_t raw[4];
        st_le32(raw, p);
        if (d->ev.port[p].state != EV_FREE && d->ev.port[p].state != EV_BACKEND)
            close_port(v, raw);
    }
    if (d->ev.fifo) {
        d->ev.fifo = false;
        fifo_reset(d->ev.f);
    }
    return 0;
}

static int64_t set_priority(struct xen_vcpu *v, const uint8_t *a)
{
    struct evtchn *e = port_get(v->d, ld_le32(a));

    if (!v->d->ev.fifo)
        return -ENOSYS;
    if (!e || ld_le32(a + 4) >= FIFO_QUEUES)
        return -EINVAL;
    e->priority = (uint8_t)ld_le32(a + 4);
    return 0;
}

static int64_t init_control(struct xen_vcpu *v, uint8_t *a)
{
    uint32_t vcpu = ld_le32(a + 12);

    if (vcpu >= v->d->nvcpus)
        return -ENOENT;
    a[16] = FIFO_LINK_BITS;
    int rc = fifo_init_control(v, v->d->vcpu[vcpu], ld_le64(a), ld_le32(a + 8));
    if (!rc)
        v->d->ev.fifo = true;
    return rc;
}

/* Sizes of the arguments in and out. */
static const struct {
    uint8_t in, out;
} sizes[] = {
    [EVOP_BIND_INTERDOMAIN] = {8, 12}, [EVOP_BIND_VIRQ] = {8, 12}, [EVOP_BIND_PIRQ] = {8, 0},
    [EVOP_CLOSE] = {4, 0},             [EVOP_SEND] = {4, 0},       [EVOP_STATUS] = {8, 24},
    [EVOP_ALLOC_UNBOUND] = {4, 8},     [EVOP_BIND_IPI] = {4, 8},   [EVOP_BIND_VCPU] = {8, 0},
    [EVOP_UNMASK] = {4, 0},            [EVOP_RESET] = {2, 0},      [EVOP_INIT_CONTROL] = {16, 24},
    [EVOP_EXPAND_ARRAY] = {8, 0},      [EVOP_SET_PRIORITY] = {8, 0},
};

static int64_t op_locked(struct xen_vcpu *v, unsigned op, uint8_t *a)
{
    switch (op) {
    case EVOP_BIND_INTERDOMAIN:
        return bind_interdomain(v, a);
    case EVOP_BIND_VIRQ:
        return bind_virq(v, a);
    case EVOP_CLOSE:
        return close_port(v, a);
    case EVOP_STATUS:
        return status(v, a);
    case EVOP_ALLOC_UNBOUND:
        return alloc_unbound(v, a);
    case EVOP_BIND_IPI:
        return bind_ipi(v, a);
    case EVOP_BIND_VCPU:
        return bind_vcpu(v, a);
    case EVOP_UNMASK:
        return unmask(v, a);
    case EVOP_RESET:
        return reset_ports(v, a);
    case EVOP_INIT_CONTROL:
        return init_control(v, a);
    case EVOP_EXPAND_ARRAY:
        return fifo_expand(v, ld_le64(a));
    case EVOP_SET_PRIORITY:
        return set_priority(v, a);
    default: /* physical interrupts: there are none */
        return -EPERM;
    }
}

int64_t evtchn_send(struct xen_domain *d, uint32_t port)
{
    void (*notify)(void *) = NULL;
    void *opaque = NULL;
    int64_t rc = 0;

    pthread_mutex_lock(&d->ev.lock);
    const struct evtchn *e = port_get(d, port);
    switch (e ? e->state : EV_FREE) {
    case EV_INTERDOMAIN:
        raise_locked(d, e->remote_port);
        break;
    case EV_IPI:
        raise_locked(d, port);
        break;
    case EV_BACKEND:
        notify = e->notify;
        opaque = e->opaque;
        break;
    case EV_UNBOUND: /* nobody there yet: no error */
        break;
    default:
        rc = -EINVAL;
    }
    pthread_mutex_unlock(&d->ev.lock);
    if (notify)
        notify(opaque);
    return rc;
}

int64_t hc_event_channel_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t a[24] = {0};
    uint64_t op = arg[0];

    if (op >= ARRAY_LEN(sizes))
        return -ENOSYS;
    if (!xen_read(v, a, arg[1], sizes[op].in))
        return -EFAULT;
    if (op == EVOP_SEND)
        return evtchn_send(v->d, ld_le32(a));
    if (op == EVOP_INIT_CONTROL || op == EVOP_EXPAND_ARRAY)
        mm_lock(v); /* they take references to frames */
    pthread_mutex_lock(&v->d->ev.lock);
    int64_t rc = op_locked(v, (unsigned)op, a);
    pthread_mutex_unlock(&v->d->ev.lock);
    if (op == EVOP_INIT_CONTROL || op == EVOP_EXPAND_ARRAY)
        mm_unlock(v);
    if (!rc && sizes[op].out && !xen_write(v, arg[1], a, sizes[op].out))
        return -EFAULT;
    return rc;
}
