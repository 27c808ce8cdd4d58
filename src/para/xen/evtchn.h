/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * evtchn: event channels [XEN event_channel]: numbered bits that one side sets and the other is
 * called for. The other end is another port of the guest, one of its vCPUs, a virtual interrupt, or
 * a back end in this process.
 */
#ifndef QUAD_PARA_XEN_EVTCHN_H
#define QUAD_PARA_XEN_EVTCHN_H

#include <pthread.h>

#include "base/base.h"

struct xen_domain;
struct xen_vcpu;

#define EVTCHN_2L_PORTS 4096u
#define EVTCHN_PORTS_MAX (1u << 17)

enum evtchn_state {
    EV_FREE, EV_UNBOUND, EV_INTERDOMAIN, EV_VIRQ, EV_IPI, EV_BACKEND,
};

struct evtchn {
    uint8_t state;
    uint8_t virq, priority;
    uint16_t remote_dom;
    uint16_t vcpu;       /* whom it notifies */
    uint32_t remote_port;
    /* EV_BACKEND: the other end is in this process. Called with no lock held, on a vCPU's thread. */
    void (*notify)(void *opaque);
    void *opaque;
};

struct evtchns {
    pthread_mutex_t lock;
    struct evtchn *port;
    uint32_t nports;     /* allocated */
    bool fifo;
    struct evtchn_fifo *f;
    uint64_t n_sent;
};

void evtchn_init(struct xen_domain *d);
void evtchn_fini(struct xen_domain *d);
void evtchn_reset(struct xen_domain *d);

/* Any thread: make the port pending. */
void evtchn_raise(struct xen_domain *d, uint32_t port);
void evtchn_raise_virq(struct xen_vcpu *v, unsigned virq);
bool evtchn_is_pending(struct xen_domain *d, uint32_t port);
uint32_t evtchn_port_limit(const struct xen_domain *d); /* ports are below it */

/* A port whose other end is in this process, for `remote` (a domain id). */
uint32_t evtchn_backend_port(struct xen_domain *d, uint16_t remote, void (*notify)(void *opaque),
                             void *opaque);
/* Take over an unbound port that the guest has made for `remote`. False: it is none. */
bool evtchn_backend_bind(struct xen_domain *d, uint32_t port, uint16_t remote,
                         void (*notify)(void *opaque), void *opaque);
void evtchn_backend_unbind(struct xen_domain *d, uint32_t port);

int64_t hc_event_channel_op(struct xen_vcpu *v, const uint64_t arg[6]);
int64_t evtchn_send(struct xen_domain *d, uint32_t port);

#endif
