/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * blkback: a disk for the guest [XEN io/blkif], on the same back ends as every other disk. Requests of
 * up to 11 pieces, or of up to 256 in indirect pages; several queues; rings of up to 16 pages.
 *
 * Data goes straight between the image and the guest's pages, which are granted for each request; a
 * guest that grants persistently may do so (it is not offered: it would only make the guest copy).
 *
 * Not modelled: barriers (flush is there), secure discard, 32-bit protocol.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "core/blk.h"
#include "para/xen/domain.h"
#include "para/xen/ring.h"
#include "para/xen/xenbus.h"

/* clang-format off */
enum { OP_READ, OP_WRITE, OP_BARRIER, OP_FLUSH, OP_DISCARD = 5, OP_INDIRECT = 6 };
enum { RSP_OKAY = 0, RSP_ERROR = -1, RSP_NOT_SUPPORTED = -2 };
enum {
    REQ_SIZE = 112, RSP_SIZE = 16, SEGS_DIRECT = 11, SEGS_MAX = 256, INDIRECT_PAGES = 8,
    SEGS_PER_PAGE = 512, QUEUES_MAX = 16, SECTOR = 512,
};
/* clang-format on */

struct queue {
    struct blkback *b;
    struct ring ring;
    uint32_t port;
    pthread_mutex_t lock;
    bool broken;
};

struct blkback {
    struct xenbus_dev dev;
    struct blk *blk; /* borrowed */
    struct queue queue[QUEUES_MAX];
    unsigned nqueues;
    uint64_t n_requests;
};

/* One request on its way. */
struct io {
    struct queue *q;
    struct blk_req req;
    uint64_t id;
    uint8_t op;
    unsigned nseg;
    struct {
        uint32_t ref;
        uint64_t mfn;
    } seg[SEGS_MAX];
    struct iovec iov[SEGS_MAX];
};

static struct blkback *blkback_of(struct xenbus_dev *dev)
{
    return container_of(dev, struct blkback, dev);
}

/* ---- answers ---- */

static void respond(struct queue *q, uint64_t id, uint8_t op, int status)
{
    uint8_t rsp[RSP_SIZE] = {0};
    bool notify = false;

    st_le64(rsp, id);
    rsp[8] = op;
    st_le16(rsp + 10, (uint16_t)status);
    pthread_mutex_lock(&q->lock);
    if (q->ring.npages) {
        uint32_t from = q->ring.rsp_prod;
        ring_put(&q->ring, rsp, sizeof(rsp));
        notify = ring_push(&q->ring, from);
    }
    pthread_mutex_unlock(&q->lock);
    if (notify)
        evtchn_raise(q->b->dev.d, q->port);
}

static void release(struct io *io)
{
    for (unsigned i = 0; i < io->nseg; i++)
        grant_unmap(io->q->b->dev.d, io->seg[i].ref, io->op == OP_READ, io->seg[i].mfn);
}

static void io_done(struct blk_req *req)
{
    struct io *io = container_of(req, struct io, req);

    release(io);
    respond(io->q, io->id, io->op, req->result ? RSP_ERROR : RSP_OKAY);
    free(io);
}

/* ---- requests ---- */

/* Piece i: gref u32, first sector u8, last sector u8 of a page. */
static bool add_piece(struct io *io, const uint8_t *seg)
{
    uint32_t ref = ld_le32(seg);
    unsigned first = seg[4], last = seg[5], i = io->nseg;

    if (last < first || last >= PAGE_SIZE_4K / SECTOR)
        return false;
    uint8_t *page = grant_map(io->q->b->dev.d, 0, ref, io->op == OP_READ, &io->seg[i].mfn);
    if (!page)
        return false;
    io->seg[i].ref = ref;
    io->iov[i] = (struct iovec){page + first * SECTOR, (last - first + 1) * SECTOR};
    io->req.len += io->iov[i].iov_len;
    io->nseg++;
    return true;
}

static bool add_direct(struct io *io, const uint8_t *req)
{
    unsigned n = req[1];

    if (n > SEGS_DIRECT)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!add_piece(io, req + 24 + 8 * i))
            return false;
    return true;
}

static bool add_indirect(struct io *io, const uint8_t *req)
{
    struct xen_domain *d = io->q->b->dev.d;
    unsigned n = ld_le16(req + 2);
    bool ok = true;

    if (n > SEGS_MAX || n > INDIRECT_PAGES * SEGS_PER_PAGE)
        return false;
    for (unsigned at = 0; ok && at < n; at += SEGS_PER_PAGE) {
        uint64_t mfn;
        uint32_t ref = ld_le32(req + 28 + 4 * (at / SEGS_PER_PAGE));
        const uint8_t *page = grant_map(d, 0, ref, false, &mfn);
        if (!page)
            return false;
        for (unsigned i = at; ok && i < n && i < at + SEGS_PER_PAGE; i++) {
            uint8_t seg[8]; /* one look: the page stays the guest's */
            memcpy(seg, page + 8 * (i - at), sizeof(seg));
            ok = add_piece(io, seg);
        }
        grant_unmap(d, ref, false, mfn);
    }
    return ok;
}

static bool in_range(const struct blk *blk, const struct blk_req *req)
{
    return req->offset <= blk->size && req->len <= blk->size - req->offset;
}

/* 0 or the status to answer with. */
static int prepare(struct io *io, const uint8_t *req)
{
    struct blk *blk = io->q->b->blk;
    bool indirect = req[0] == OP_INDIRECT;

    io->op = indirect ? req[1] : req[0];
    io->id = ld_le64(req + 8);
    io->req.offset = ld_le64(req + 16) * SECTOR;
    io->req.iov = io->iov;
    switch (io->op) {
    case OP_READ:
    case OP_WRITE:
        io->req.op = io->op == OP_READ ? BLK_READ : BLK_WRITE;
        if (ld_le64(req + 16) > UINT64_MAX / SECTOR ||
            !(indirect ? add_indirect(io, req) : add_direct(io, req)))
            return RSP_ERROR;
        io->req.niov = io->nseg;
        break;
    case OP_FLUSH:
        io->req.op = BLK_FLUSH;
        io->req.offset = 0;
        return indirect ? RSP_NOT_SUPPORTED : 0;
    case OP_DISCARD:
        io->req.op = BLK_DISCARD;
        if (indirect || ld_le64(req + 24) > UINT64_MAX / SECTOR)
            return RSP_ERROR;
        io->req.len = ld_le64(req + 24) * SECTOR;
        if (!blk->can_discard)
            return RSP_NOT_SUPPORTED;
        break;
    default:
        return RSP_NOT_SUPPORTED;
    }
    if (!in_range(blk, &io->req) || (blk->readonly && io->op != OP_READ) || !io->req.len)
        return RSP_ERROR;
    return 0;
}

static void start(struct queue *q, const uint8_t *raw)
{
    struct io *io = xcalloc(1, sizeof(*io));

    io->q = q;
    io->req.done = io_done;
    int status = prepare(io, raw);
    if (!status) {
        blk_submit(q->b->blk, &io->req);
        return;
    }
    release(io);
    respond(q, io->id, io->op, status);
    free(io);
}

/* A vCPU's thread, or the loop's. */
static void notified(void *opaque)
{
    struct queue *q = opaque;
    uint8_t raw[REQ_SIZE];
    bool bad = false, more = true;

    while (more) {
        pthread_mutex_lock(&q->lock);
        bool got = q->ring.npages && !q->broken && ring_get(&q->ring, raw, sizeof(raw), &bad);
        if (!got)
            more = q->ring.npages && !bad && !q->broken && ring_sleep(&q->ring);
        if (bad && !q->broken) {
            q->broken = true;
            log_warn("vbd %u: the guest's ring makes no sense; it is not served any more",
                     q->b->dev.id);
        }
        pthread_mutex_unlock(&q->lock);
        if (got) {
            __atomic_add_fetch(&q->b->n_requests, 1, __ATOMIC_RELAXED);
            start(q, raw);
        }
    }
}

/* ---- the device ---- */

static void offer(struct xenbus_dev *dev)
{
    const struct blkback *b = blkback_of(dev);

    xenbus_put_front(dev, "virtual-device", "%u", dev->id);
    xenbus_put_front(dev, "device-type", "%s", "disk");
    xenbus_put(dev, "mode", "%s", b->blk->readonly ? "r" : "w");
    xenbus_put(dev, "dev", "xvd%c", 'a' + (int)((dev->id - 51712) / 16));
    xenbus_put(dev, "max-ring-page-order", "%d", 4);
    xenbus_put(dev, "multi-queue-max-queues", "%u", MIN(dev->d->nvcpus, (unsigned)QUEUES_MAX));
    xenbus_put(dev, "feature-flush-cache", "%d", 1);
    xenbus_put(dev, "feature-barrier", "%d", 0);
    xenbus_put(dev, "feature-persistent", "%d", 0);
    xenbus_put(dev, "feature-max-indirect-segments", "%d", SEGS_MAX);
    if (b->blk->can_discard) {
        xenbus_put(dev, "feature-discard", "%d", 1);
        xenbus_put(dev, "discard-granularity", "%d", SECTOR);
        xenbus_put(dev, "discard-alignment", "%d", 0);
    }
}

static bool open_queue(struct blkback *b, unsigned i, const char *prefix, unsigned order)
{
    struct queue *q = &b->queue[i];
    uint32_t refs[RING_PAGES_MAX];
    uint64_t value;
    char name[64];

    for (unsigned p = 0; p < 1u << order; p++) {
        snprintf(name, sizeof(name), "%sring-ref%u", prefix, p);
        if (!xenbus_get(&b->dev, name, &value)) {
            snprintf(name, sizeof(name), "%sring-ref", prefix);
            if (order || !xenbus_get(&b->dev, name, &value))
                return false;
        }
        refs[p] = (uint32_t)value;
    }
    snprintf(name, sizeof(name), "%sevent-channel", prefix);
    if (!xenbus_get(&b->dev, name, &value))
        return false;
    q->b = b;
    q->broken = false;
    q->port = (uint32_t)value;
    if (!ring_open(&q->ring, b->dev.d, refs, 1u << order, REQ_SIZE))
        return false;
    if (!evtchn_backend_bind(b->dev.d, q->port, 0, notified, q)) {
        ring_close(&q->ring, b->dev.d);
        return false;
    }
    return true;
}

static void disconnect(struct xenbus_dev *dev)
{
    struct blkback *b = blkback_of(dev);

    for (unsigned i = 0; i < b->nqueues; i++)
        evtchn_backend_unbind(dev->d, b->queue[i].port);
    blk_drain(b->blk);
    for (unsigned i = 0; i < b->nqueues; i++) {
        pthread_mutex_lock(&b->queue[i].lock);
        ring_close(&b->queue[i].ring, dev->d);
        pthread_mutex_unlock(&b->queue[i].lock);
    }
    b->nqueues = 0;
}

static bool connect(struct xenbus_dev *dev)
{
    struct blkback *b = blkback_of(dev);
    uint64_t order = 0, queues = 1;
    char text[32], prefix[24] = "";

    if (xenbus_get_text(dev, "protocol", text, sizeof(text)) && strcmp(text, "x86_64-abi"))
        return false;
    xenbus_get(dev, "ring-page-order", &order);
    bool multi = xenbus_get(dev, "multi-queue-num-queues", &queues);
    if (order > 4 || !queues || queues > QUEUES_MAX)
        return false;
    for (unsigned i = 0; i < queues; i++) {
        if (multi && queues > 1)
            snprintf(prefix, sizeof(prefix), "queue-%u/", i);
        if (!open_queue(b, i, prefix, (unsigned)order)) {
            disconnect(dev);
            return false;
        }
        b->nqueues = i + 1;
    }
    xenbus_put(dev, "sectors", "%" PRIu64, b->blk->size / SECTOR);
    xenbus_put(dev, "info", "%d", b->blk->readonly ? 4 : 0);
    xenbus_put(dev, "sector-size", "%d", SECTOR);
    xenbus_put(dev, "physical-sector-size", "%d", SECTOR);
    for (unsigned i = 0; i < b->nqueues; i++)
        notified(&b->queue[i]);
    return true;
}

static void presave(struct xenbus_dev *dev)
{
    blk_drain(blkback_of(dev)->blk);
}

static void destroy(struct xenbus_dev *dev)
{
    struct blkback *b = blkback_of(dev);

    for (unsigned i = 0; i < QUEUES_MAX; i++)
        pthread_mutex_destroy(&b->queue[i].lock);
    free(b);
}

static const struct xenbus_class vbd = {
    .name = "vbd",
    .offer = offer,
    .connect = connect,
    .disconnect = disconnect,
    .destroy = destroy,
    .presave = presave,
    .ready = XENBUS_INITIALISED,
};

void blkback_add(struct xen_domain *d, struct blk *blk, unsigned index)
{
    struct blkback *b = xcalloc(1, sizeof(*b));

    b->blk = blk;
    for (unsigned i = 0; i < QUEUES_MAX; i++)
        pthread_mutex_init(&b->queue[i].lock, NULL);
    xenbus_add(d, &b->dev, &vbd, 51712 + 16 * index); /* xvda, xvdb ... */
}
