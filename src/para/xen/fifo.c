/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The producer's side. A queue's tail is ours alone; linking behind it means to set the LINK of a
 * word that the guest may be consuming just now: if its LINKED bit has gone by then, the queue has
 * run empty and the head is set instead. What the guest writes into its words can only confuse its
 * own queues: every index is checked where it is used.
 */
#include "para/xen/fifo.h"

#include "para/xen/domain.h"

#define WORD_PENDING 0x80000000u
#define WORD_MASKED 0x40000000u
#define WORD_LINKED 0x20000000u
#define WORD_BUSY 0x10000000u
#define WORD_LINK 0x0001ffffu

enum { CTL_READY = 0, CTL_HEAD = 8, CTL_SIZE = 72, WORDS_PER_PAGE = 1024, PAGES_MAX = 128 };

struct queue {
    uint32_t tail; /* port, 0: none */
};

struct control {
    uint8_t *block;
    struct queue queue[FIFO_QUEUES];
};

struct last_place {
    uint8_t vcpu, priority; /* of the queue that it was last linked into */
};

struct evtchn_fifo {
    struct control control[MACHINE_VCPUS_MAX];
    uint8_t *page[PAGES_MAX];
    unsigned npages;
    struct last_place *last[PAGES_MAX];
};

struct evtchn_fifo *fifo_create(void)
{
    return xcalloc(1, sizeof(struct evtchn_fifo));
}

void fifo_reset(struct evtchn_fifo *f)
{
    for (unsigned i = 0; i < f->npages; i++)
        free(f->last[i]);
    *f = (struct evtchn_fifo){0};
}

void fifo_destroy(struct evtchn_fifo *f)
{
    fifo_reset(f);
    free(f);
}

static mem_u32 *word_of(struct xen_domain *d, uint32_t port)
{
    struct evtchn_fifo *f = d->ev.f;

    if (port / WORDS_PER_PAGE >= f->npages)
        return NULL;
    return (mem_u32 *)(void *)(f->page[port / WORDS_PER_PAGE] + 4 * (port % WORDS_PER_PAGE));
}

static uint32_t load(const mem_u32 *w)
{
    return __atomic_load_n(w, __ATOMIC_SEQ_CST);
}

/* A page of the guest's that stays writable for as long as the domain lives. */
static uint8_t *take_page(struct xen_vcpu *v, uint64_t mfn, int *rc)
{
    *rc = mfn < v->d->max_pages ? frame_get_type(v, mfn, FT_WRITABLE) : -EINVAL;
    return *rc ? NULL : frame_host(v->d, mfn);
}

int fifo_init_control(struct xen_vcpu *v, struct xen_vcpu *to, uint64_t mfn, uint32_t offset)
{
    struct control *c = &v->d->ev.f->control[to->id];
    int rc;

    if (offset > PAGE_SIZE_4K - CTL_SIZE || (offset & 7))
        return -EINVAL;
    if (c->block)
        return -EINVAL;
    uint8_t *page = take_page(v, mfn, &rc);
    if (!page)
        return rc;
    *c = (struct control){.block = page + offset};
    memset(c->block, 0, CTL_SIZE);
    return 0;
}

/* Bits that were pending in the two-level form go over when the first page comes. */
int fifo_expand(struct xen_vcpu *v, uint64_t mfn)
{
    struct xen_domain *d = v->d;
    struct evtchn_fifo *f = d->ev.f;
    int rc;

    if (!d->ev.fifo)
        return -ENOSYS;
    if (f->npages == PAGES_MAX)
        return -ENOSPC;
    uint8_t *page = take_page(v, mfn, &rc);
    if (!page)
        return rc;
    f->last[f->npages] = xcalloc(WORDS_PER_PAGE, sizeof(struct last_place));
    f->page[f->npages++] = page;
    uint32_t first = (f->npages - 1) * WORDS_PER_PAGE;
    for (uint32_t p = first; p < first + WORDS_PER_PAGE && p < EVTCHN_2L_PORTS; p++) {
        const uint8_t *bits = d->shared_info + SI_EVTCHN_PENDING;
        if ((bits[p / 8] >> (p & 7) & 1) && p < d->ev.nports && d->ev.port[p].state != EV_FREE)
            fifo_raise(d, d->vcpu[d->ev.port[p].vcpu], p, d->ev.port[p].priority);
    }
    return 0;
}

/* Set the LINK of the tail to port; false: the tail is not linked (any more). */
static bool link_behind(struct xen_domain *d, uint32_t tail, uint32_t port)
{
    mem_u32 *w = word_of(d, tail);

    for (unsigned tries = 0; w && tries < 1000; tries++) {
        uint32_t old = load(w);
        if (!(old & WORD_LINKED))
            return false;
        uint32_t now = (old & ~(WORD_BUSY | WORD_LINK)) | port;
        if (__atomic_compare_exchange_n(w, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

static void set_ready(struct xen_vcpu *v, struct control *c, unsigned priority)
{
    mem_u32 *ready = (mem_u32 *)(void *)(c->block + CTL_READY);

    if (!(__atomic_fetch_or(ready, 1u << priority, __ATOMIC_SEQ_CST) >> priority & 1))
        evtchn_upcall(v);
}

static void link_port(struct xen_domain *d, struct xen_vcpu *v, uint32_t port, unsigned priority)
{
    struct evtchn_fifo *f = d->ev.f;
    struct control *c = &f->control[v->id];
    mem_u32 *w = word_of(d, port);

    if (!c->block || !w)
        return;
    uint32_t old = load(w);
    do {
        if (old & WORD_LINKED || old & WORD_MASKED || !(old & WORD_PENDING))
            return;
    } while (!__atomic_compare_exchange_n(w, &old, (old & ~WORD_LINK) | WORD_LINKED, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    /* Where it was last in another queue as its tail, that queue is empty. */
    struct last_place *last = &f->last[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE];
    struct queue *before = &f->control[last->vcpu].queue[last->priority];
    if (before->tail == port)
        before->tail = 0;
    *last = (struct last_place){(uint8_t)v->id, (uint8_t)priority};
    struct queue *q = &c->queue[priority];
    bool linked = q->tail && link_behind(d, q->tail, port);
    q->tail = port;
    if (linked)
        return;
    __atomic_store_n((mem_u32 *)(void *)(c->block + CTL_HEAD + 4 * priority), port,
                     __ATOMIC_SEQ_CST);
    set_ready(v, c, priority);
}

void fifo_raise(struct xen_domain *d, struct xen_vcpu *v, uint32_t port, unsigned priority)
{
    mem_u32 *w = word_of(d, port);

    if (!w) { /* before its page is there: remembered in the bitmap */
        if (port < EVTCHN_2L_PORTS)
            __atomic_fetch_or(d->shared_info + SI_EVTCHN_PENDING + port / 8,
                              (uint8_t)(1u << (port & 7)), __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_fetch_or(w, WORD_PENDING, __ATOMIC_SEQ_CST);
    link_port(d, v, port, priority);
}

void fifo_unmask(struct xen_domain *d, struct xen_vcpu *v, uint32_t port, unsigned priority)
{
    mem_u32 *w = word_of(d, port);

    if (!w)
        return;
    __atomic_fetch_and(w, ~WORD_MASKED, __ATOMIC_SEQ_CST);
    link_port(d, v, port, priority);
}

void fifo_clear(struct xen_domain *d, uint32_t port)
{
    mem_u32 *w = word_of(d, port);

    if (w)
        __atomic_fetch_and(w, ~WORD_PENDING, __ATOMIC_SEQ_CST);
}

bool fifo_is_pending(struct xen_domain *d, uint32_t port)
{
    const mem_u32 *w = word_of(d, port);

    return w && (load(w) & WORD_PENDING);
}

bool fifo_is_masked(struct xen_domain *d, uint32_t port)
{
    const mem_u32 *w = word_of(d, port);

    return !w || (load(w) & WORD_MASKED);
}

/* ---- saving ---- */

static uint64_t host_maddr(const struct xen_domain *d, const uint8_t *p)
{
    return p ? (uint64_t)(p - d->ram) : UINT64_MAX;
}

unsigned fifo_pages(const struct xen_domain *d, uint64_t *mfn, unsigned max)
{
    for (unsigned i = 0; i < d->ev.f->npages && i < max; i++)
        mfn[i] = host_maddr(d, d->ev.f->page[i]) >> PAGE_SHIFT_4K;
    return d->ev.f->npages;
}

void fifo_save_vcpu(const struct xen_domain *d, unsigned vcpu, struct fifo_vcpu_record *r)
{
    const struct control *c = &d->ev.f->control[vcpu];

    r->control = host_maddr(d, c->block);
    for (unsigned i = 0; i < FIFO_QUEUES; i++)
        r->tail[i] = c->queue[i].tail;
}

void fifo_save_last(const struct xen_domain *d, uint32_t port, uint8_t last[2])
{
    const struct evtchn_fifo *f = d->ev.f;

    if (port / WORDS_PER_PAGE >= f->npages)
        return;
    last[0] = f->last[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE].vcpu;
    last[1] = f->last[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE].priority;
}

int fifo_load_pages(struct xen_vcpu *v, const uint64_t *mfn, unsigned n)
{
    struct evtchn_fifo *f = v->d->ev.f;
    int rc = n > PAGES_MAX ? -EINVAL : 0;

    for (unsigned i = 0; !rc && i < n; i++) {
        uint8_t *page = take_page(v, mfn[i], &rc);
        if (!page)
            return rc;
        f->last[f->npages] = xcalloc(WORDS_PER_PAGE, sizeof(struct last_place));
        f->page[f->npages++] = page;
    }
    return rc;
}

int fifo_load_vcpu(struct xen_vcpu *v, const struct fifo_vcpu_record *r)
{
    struct control *c = &v->d->ev.f->control[v->id];
    uint64_t offset = r->control & 0xfff;
    int rc;

    if (r->control == UINT64_MAX)
        return 0;
    if (offset > PAGE_SIZE_4K - CTL_SIZE || (offset & 7))
        return -EINVAL;
    uint8_t *page = take_page(v, r->control >> PAGE_SHIFT_4K, &rc);
    if (!page)
        return rc;
    c->block = page + offset;
    for (unsigned i = 0; i < FIFO_QUEUES; i++)
        c->queue[i].tail = r->tail[i];
    return 0;
}

void fifo_load_last(struct xen_domain *d, uint32_t port, const uint8_t last[2])
{
    struct evtchn_fifo *f = d->ev.f;

    if (port / WORDS_PER_PAGE < f->npages && last[0] < d->nvcpus && last[1] < FIFO_QUEUES)
        f->last[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE] =
            (struct last_place){last[0], last[1]};
}
