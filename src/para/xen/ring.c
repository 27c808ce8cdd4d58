/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/ring.h"

#include "base/bits.h"
#include "para/xen/domain.h"

enum { REQ_PROD = 0, REQ_EVENT = 4, RSP_PROD = 8, RSP_EVENT = 12, RING_HEADER = 64 };

bool ring_open(struct ring *r, struct xen_domain *d, const uint32_t *refs, unsigned npages,
               unsigned slot_size)
{
    *r = (struct ring){.slot_size = slot_size};
    for (; r->npages < npages; r->npages++) {
        unsigned i = r->npages;
        r->ref[i] = refs[i];
        r->page[i] = grant_map(d, 0, refs[i], true, &r->mfn[i]);
        if (!r->page[i]) {
            ring_close(r, d);
            return false;
        }
    }
    r->slots = 1;
    while (2 * r->slots * slot_size <= npages * PAGE_SIZE_4K - RING_HEADER)
        r->slots *= 2;
    r->rsp_prod = mem_host_ld32(r->page[0] + RSP_PROD);
    r->req_cons = r->rsp_prod;
    return true;
}

void ring_close(struct ring *r, struct xen_domain *d)
{
    while (r->npages) {
        r->npages--;
        grant_unmap(d, r->ref[r->npages], true, r->mfn[r->npages]);
    }
}

/* Slots may cross page ends; the pages are not neighbours here. */
static void slot_copy(struct ring *r, uint32_t index, void *buf, unsigned size, bool put)
{
    size_t at = RING_HEADER + (size_t)(index & (r->slots - 1)) * r->slot_size;

    for (unsigned done = 0; done < size;) {
        uint8_t *p = r->page[at / PAGE_SIZE_4K] + at % PAGE_SIZE_4K;
        unsigned k = (unsigned)MIN((size_t)(size - done), (size_t)(PAGE_SIZE_4K - at % PAGE_SIZE_4K));
        if (put)
            memcpy(p, (uint8_t *)buf + done, k);
        else
            memcpy((uint8_t *)buf + done, p, k);
        done += k;
        at += k;
    }
}

unsigned ring_waiting(const struct ring *r)
{
    uint32_t n = mem_host_ld32(r->page[0] + REQ_PROD) - r->req_cons;

    return n > r->slots ? 0 : n;
}

bool ring_get(struct ring *r, void *req, unsigned size, bool *bad)
{
    uint32_t prod = mem_host_ld32(r->page[0] + REQ_PROD);

    *bad = prod - r->rsp_prod > r->slots || prod - r->req_cons > r->slots;
    if (*bad || prod == r->req_cons)
        return false;
    slot_copy(r, r->req_cons++, req, size, false);
    return true;
}

bool ring_sleep(struct ring *r)
{
    mem_host_st32(r->page[0] + REQ_EVENT, r->req_cons + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return mem_host_ld32(r->page[0] + REQ_PROD) != r->req_cons;
}

void ring_put(struct ring *r, const void *rsp, unsigned size)
{
    slot_copy(r, r->rsp_prod++, (void *)(uintptr_t)rsp, size, true);
}

bool ring_push(struct ring *r, uint32_t from)
{
    mem_host_st32(r->page[0] + RSP_PROD, r->rsp_prod);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t event = mem_host_ld32(r->page[0] + RSP_EVENT);
    return r->rsp_prod - event < r->rsp_prod - from;
}
