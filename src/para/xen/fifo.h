/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fifo: event queues [XEN event_channel]: the other form of event channels, one word a port:
 *
 *     31 PENDING   30 MASKED   29 LINKED   28 BUSY   16:0 LINK, the next port in the queue
 *
 * and for each vCPU a control block { ready u32; -; head u32[16] } with a queue a priority. All calls
 * with ev.lock held, except fifo_is_pending().
 */
#ifndef QUAD_PARA_XEN_FIFO_H
#define QUAD_PARA_XEN_FIFO_H

#include "base/base.h"

struct evtchn_fifo;
struct xen_domain;
struct xen_vcpu;

enum { FIFO_QUEUES = 16, FIFO_PRIORITY_DEFAULT = 7, FIFO_LINK_BITS = 17 };

/* What of it is not in the guest's own pages. Addresses are machine addresses, ~0: none. */
struct fifo_vcpu_record {
    uint64_t control;
    uint32_t tail[FIFO_QUEUES];
};

struct evtchn_fifo *fifo_create(void);
void fifo_reset(struct evtchn_fifo *f);
void fifo_destroy(struct evtchn_fifo *f);

/* mm_lock held: a reference is taken to the frame. */
int fifo_init_control(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t mfn, uint32_t offset);
int fifo_expand(struct xen_vcpu *v, uint64_t mfn);

void fifo_raise(struct xen_domain *d, struct xen_vcpu *v, uint32_t port, unsigned priority);
void fifo_unmask(struct xen_domain *d, struct xen_vcpu *v, uint32_t port, unsigned priority);
void fifo_clear(struct xen_domain *d, uint32_t port);
bool fifo_is_pending(struct xen_domain *d, uint32_t port);
bool fifo_is_masked(struct xen_domain *d, uint32_t port);

/* Saving. `last`: vCPU and priority of the queue that a port was last in. fifo_load_*(): mm_lock held;
 * -EINVAL: what cannot be. */
unsigned fifo_pages(const struct xen_domain *d, uint64_t *mfn, unsigned max);
void fifo_save_vcpu(const struct xen_domain *d, unsigned vcpu, struct fifo_vcpu_record *r);
void fifo_save_last(const struct xen_domain *d, uint32_t port, uint8_t last[2]);
int fifo_load_pages(struct xen_vcpu *v, const uint64_t *mfn, unsigned n);
int fifo_load_vcpu(struct xen_vcpu *v, const struct fifo_vcpu_record *r);
void fifo_load_last(struct xen_domain *d, uint32_t port, const uint8_t last[2]);

void evtchn_upcall(struct xen_vcpu *v); /* evtchn.c */

#endif
