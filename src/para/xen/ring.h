/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ring: a shared ring of requests and responses [XEN io/ring], the back end's side. Header of 64
 * bytes, then the slots:
 *
 *     0 req_prod   4 req_event   8 rsp_prod   12 rsp_event
 *
 * The indices count on freely. The header's own words are the guest's to spoil: what is consumed and
 * produced is counted here, and a producer that is ahead by more than the ring is an error.
 */
#ifndef QUAD_PARA_XEN_RING_H
#define QUAD_PARA_XEN_RING_H

#include "core/mem.h"
#include "para/xen/grant.h"

#define RING_PAGES_MAX 16

struct ring {
    uint8_t *page[RING_PAGES_MAX];
    uint32_t ref[RING_PAGES_MAX];
    uint64_t mfn[RING_PAGES_MAX];
    unsigned npages, slots, slot_size;
    uint32_t req_cons, rsp_prod;
};

/* Map pages that the guest grants; refs: npages of them, a power of two. False: it does not. */
bool ring_open(struct ring *r, struct xen_domain *d, const uint32_t *refs, unsigned npages,
               unsigned slot_size);
void ring_close(struct ring *r, struct xen_domain *d);

/* The next request, copied; false: none. *bad: the guest's index is nonsense. */
bool ring_get(struct ring *r, void *req, unsigned size, bool *bad);
unsigned ring_waiting(const struct ring *r);
/* Nothing was left: ask to be notified, and look once more. True: there is something after all. */
bool ring_sleep(struct ring *r);
void ring_put(struct ring *r, const void *rsp, unsigned size);
/* Make what was put visible; true: the guest wants to be notified. */
bool ring_push(struct ring *r, uint32_t from);

#endif
