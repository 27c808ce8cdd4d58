/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_blk: block device [VIRTIO 5.2].
 *
 *   request  0 type 32, 4 reserved, 8 sector 64; data; 1 byte of status (the last writable one)
 *
 * Several requests are in flight at once; each is answered when its back end is done, on that one's
 * thread. quiesce() waits for all of them, so that after a reset nothing of the old life is written
 * into guest memory.
 *
 * Not modelled: switching the cache's mode by the driver, SCSI commands, zoned devices, secure erase, lifetime metrics.
 */
#include "dev/virtio/virtio_blk.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/blk.h"
#include "core/machine.h"
#include "dev/virtio/virtio.h"

enum { /* features */
    F_SEG_MAX = 2,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_MQ = 12,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

enum { /* configuration */
    K_CAPACITY = 0,
    K_SEG_MAX = 12,
    K_BLK_SIZE = 20,
    K_PHYSICAL_EXP = 24,
    K_MIN_IO = 26,
    K_OPT_IO = 28,
    K_WRITEBACK = 32,
    K_NUM_QUEUES = 34,
    K_MAX_DISCARD = 36,
    K_MAX_DISCARD_SEG = 40,
    K_DISCARD_ALIGN = 44,
    K_MAX_ZEROES = 48,
    K_MAX_ZEROES_SEG = 52,
    K_ZEROES_UNMAP = 56,
    K_SIZE = 60,
};

#define RING 256
#define SEG_MAX 126u
#define RANGES_MAX 16u          /* of one discard or write-zeroes request */
#define RANGE_MAX (1u << 22)    /* sectors */
#define IN_FLIGHT_MAX 1024u
#define ID_LEN 20u

struct blk_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
};

struct request;

struct vblk {
    struct virtio v;
    struct blk_regs regs;
    uint8_t config[K_SIZE];
    struct blk *blk;
    char serial[ID_LEN + 1];
    /* Guarded by `lock`, a leaf: completions come while dev->lock may be held by a reset. */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct list_node finished; /* requests whose answer is not in the ring yet */
    unsigned in_flight;
    bool answering; /* a thread of the back end is about to answer: it does so for all */
    uint64_t epoch;
    bool answered; /* by the current notify, at once */
    uint64_t n_requests, n_errors, n_unsupported;
};

struct request {
    struct list_node node;
    struct vblk *d;
    unsigned qi, left; /* left: ranges to go */
    uint64_t epoch;
    uint32_t type;
    uint8_t status;
    struct blk_req req;
    uint64_t data_len;
    struct vq_chain chain;
    struct iovec iov[VQ_IOV_MAX];
    uint8_t ranges[RANGES_MAX * 16];
};

static const struct field blk_fields[] = {
    FIELD_SUB(struct blk_regs, pci, pci_fields),
    FIELD_SUB(struct blk_regs, virtio, virtio_fields),
    FIELD_END,
};
static const struct state blk_state = {"virtio_blk", 1, sizeof(struct blk_regs), blk_fields};

static struct vblk *vblk_of(struct virtio *v)
{
    return container_of(v, struct vblk, v);
}

/* ------------------------------------------------------------------------------------- answers */

static void answer(struct vblk *d, struct request *r)
{
    uint64_t written = r->type == T_IN || r->type == T_GET_ID ? r->data_len : 0;

    if (r->type == T_IN)
        vq_iov_written(&d->v, &r->chain, 0, r->data_len);
    if (r->status != S_OK) {
        d->n_errors++;
        written = 0;
    }
    /* All of the writable part counts as written: the status byte is its end. */
    vq_write(&d->v, &r->chain, r->chain.in_len - 1, &r->status, 1);
    vq_push(&d->v, r->qi, &r->chain, written + 1);
}

/* Answer all that is finished; dev->lock held. */
static void answer_finished(struct vblk *d)
{
    uint32_t queues = 0;

    for (;;) {
        struct request *r = NULL;
        pthread_mutex_lock(&d->lock);
        if (!list_empty(&d->finished)) {
            r = list_entry(d->finished.next, struct request, node);
            list_remove(&r->node);
        }
        pthread_mutex_unlock(&d->lock);
        if (!r)
            break;
        if (r->epoch == d->epoch) {
            answer(d, r);
            queues |= BIT32(r->qi);
        }
        free(r);
    }
    for (unsigned qi = 0; queues; qi++, queues >>= 1)
        if (queues & 1)
            vq_signal(&d->v, qi);
}

/* True: the caller answers. One thread of the back end at most waits for dev->lock: the others must be
 * there for what is still in flight, for which a reset waits with that lock held. */
static bool finish(struct request *r)
{
    struct vblk *d = r->d;

    pthread_mutex_lock(&d->lock);
    list_append(&d->finished, &r->node);
    if (!--d->in_flight)
        pthread_cond_broadcast(&d->idle);
    bool mine = !d->answering;
    d->answering = true;
    pthread_mutex_unlock(&d->lock);
    return mine;
}

static bool next_range(struct request *r);

static uint8_t status_of(int result)
{
    return result == -ENOTSUP ? S_UNSUPP : result ? S_IOERR : S_OK;
}

/* Back end's thread; no lock held. */
static void request_done(struct blk_req *req)
{
    struct request *r = container_of(req, struct request, req);
    struct vblk *d = r->d;

    r->status = status_of(req->result);
    if (r->left && r->status == S_OK && next_range(r)) {
        blk_submit(d->blk, req);
        return;
    }
    if (!finish(r))
        return;
    pthread_mutex_lock(&d->v.pci.dev.lock);
    pthread_mutex_lock(&d->lock);
    d->answering = false; /* what ends from here on finds a thread of its own */
    pthread_mutex_unlock(&d->lock);
    answer_finished(d);
    pthread_mutex_unlock(&d->v.pci.dev.lock);
}

/* ------------------------------------------------------------------------------------- requests */

/* Not through the back end: answered at once. */
static void answer_now(struct vblk *d, struct request *r, uint8_t status)
{
    d->answered = true;
    r->status = status;
    d->n_unsupported += status == S_UNSUPP;
    answer(d, r);
    free(r);
}

static void submit(struct vblk *d, struct request *r)
{
    r->epoch = d->epoch;
    r->req.done = request_done;
    pthread_mutex_lock(&d->lock);
    d->in_flight++;
    pthread_mutex_unlock(&d->lock);
    blk_submit(d->blk, &r->req);
}

static bool in_bounds(const struct vblk *d, uint64_t sector, uint64_t sectors)
{
    uint64_t all = d->blk->size / BLK_SECTOR;

    return sector <= all && sectors <= all - sector;
}

static void start_transfer(struct vblk *d, struct request *r, uint64_t sector)
{
    bool in = r->type == T_IN;
    uint64_t off = in ? 0 : 16, all = in ? r->chain.in_len - 1 : r->chain.out_len - 16;

    r->data_len = all;
    if (all % BLK_SECTOR || !in_bounds(d, sector, all / BLK_SECTOR) ||
        (!in && d->blk->readonly)) {
        answer_now(d, r, S_IOERR);
        return;
    }
    unsigned n = vq_iov(&d->v, &r->chain, in, off, all, r->iov);
    if (!n && all) { /* not in memory */
        answer_now(d, r, S_IOERR);
        return;
    }
    if (!all) {
        answer_now(d, r, S_OK);
        return;
    }
    r->req = (struct blk_req){.op = in ? BLK_READ : BLK_WRITE,
                              .offset = sector * BLK_SECTOR,
                              .len = all,
                              .iov = r->iov,
                              .niov = n};
    submit(d, r);
}

/* The next of a request's ranges {sector 64, sectors 32, flags 32} into req. */
static bool next_range(struct request *r)
{
    unsigned n = (unsigned)(r->data_len / 16);
    const uint8_t *at = r->ranges + (size_t)16 * (n - r->left);

    if (!r->left)
        return false;
    r->left--;
    r->req.op = r->type == T_DISCARD ? BLK_DISCARD : BLK_ZERO;
    r->req.offset = ld_le64(at) * BLK_SECTOR;
    r->req.len = (uint64_t)ld_le32(at + 8) * BLK_SECTOR;
    r->req.flags = ld_le32(at + 12) & 1 ? BLK_REQ_UNMAP : 0;
    return true;
}

static void start_ranges(struct vblk *d, struct request *r)
{
    uint64_t len = r->chain.out_len - 16;
    bool zero = r->type == T_WRITE_ZEROES;

    r->data_len = len;
    if (!virtio_has(&d->v, zero ? F_WRITE_ZEROES : F_DISCARD) || !len || len % 16 ||
        len > sizeof(r->ranges)) {
        answer_now(d, r, S_UNSUPP);
        return;
    }
    vq_read(&d->v, &r->chain, 16, r->ranges, len);
    for (uint64_t at = 0; at < len; at += 16) {
        uint32_t sectors = ld_le32(r->ranges + at + 8), flags = ld_le32(r->ranges + at + 12);
        if ((flags & ~1u) || (!zero && flags)) {
            answer_now(d, r, S_UNSUPP);
            return;
        }
        if (sectors > RANGE_MAX || !in_bounds(d, ld_le64(r->ranges + at), sectors) ||
            d->blk->readonly) {
            answer_now(d, r, S_IOERR);
            return;
        }
    }
    r->req = (struct blk_req){0};
    r->left = (unsigned)(len / 16);
    next_range(r);
    submit(d, r);
}

static void start(struct vblk *d, struct request *r)
{
    uint8_t h[16];

    d->n_requests++;
    if (vq_read(&d->v, &r->chain, 0, h, sizeof(h)) < sizeof(h) || !r->chain.in_len) {
        virtio_broken(&d->v, "request without header or status");
        free(r);
        return;
    }
    r->type = ld_le32(h);
    if (!d->blk) {
        answer_now(d, r, S_IOERR);
        return;
    }
    switch (r->type) {
    case T_IN:
    case T_OUT: start_transfer(d, r, ld_le64(h + 8)); break;
    case T_FLUSH:
        r->req = (struct blk_req){.op = BLK_FLUSH};
        submit(d, r);
        break;
    case T_GET_ID:
        r->data_len = MIN(r->chain.in_len - 1, (uint64_t)ID_LEN);
        vq_write(&d->v, &r->chain, 0, d->serial, r->data_len);
        answer_now(d, r, S_OK);
        break;
    case T_DISCARD:
    case T_WRITE_ZEROES: start_ranges(d, r); break;
    default: answer_now(d, r, S_UNSUPP); break;
    }
}

static void vblk_notify(struct virtio *v, unsigned qi)
{
    struct vblk *d = vblk_of(v);

    d->answered = false;
    for (unsigned n = 0; n < VIRTIO_RING_MAX; n++) {
        struct request *r = malloc(sizeof(*r));
        if (!r || !vq_pop(v, qi, &r->chain)) {
            free(r);
            break;
        }
        r->d = d;
        r->qi = qi;
        r->left = 0;
        r->data_len = 0;
        start(d, r);
    }
    if (d->answered)
        vq_signal(v, qi);
}

/* dev->lock is held: completions can take `lock` but not that one. */
static void vblk_quiesce(struct virtio *v, int qi)
{
    struct vblk *d = vblk_of(v);

    (void)qi; /* one queue's requests are waited for with the others' */
    pthread_mutex_lock(&d->lock);
    while (d->in_flight)
        pthread_cond_wait(&d->idle, &d->lock);
    pthread_mutex_unlock(&d->lock);
    if (qi >= 0)
        answer_finished(d);
    else
        d->epoch++;
    answer_finished(d); /* of an old epoch: freed */
}

/* --------------------------------------------------------------------------------- the device */

static const struct virtio_class blk_class = {
    .id = VIRTIO_ID_BLOCK,
    .class_code = 0x018000,
    .notify = vblk_notify,
    .quiesce = vblk_quiesce,
};

static void fill_config(struct vblk *d)
{
    uint8_t *c = d->config;
    uint32_t unit = d->blk && d->blk->block_size ? d->blk->block_size : 4096;

    st_le64(c + K_CAPACITY, d->blk ? d->blk->size / BLK_SECTOR : 0);
    st_le32(c + K_SEG_MAX, SEG_MAX);
    st_le32(c + K_BLK_SIZE, BLK_SECTOR);
    c[K_PHYSICAL_EXP] = 3; /* 4096-byte units of the host's file systems */
    st_le16(c + K_MIN_IO, 8);
    st_le32(c + K_OPT_IO, unit / BLK_SECTOR);
    c[K_WRITEBACK] = 1;
    st_le16(c + K_NUM_QUEUES, (uint16_t)d->v.nqueues);
    st_le32(c + K_MAX_DISCARD, RANGE_MAX);
    st_le32(c + K_MAX_DISCARD_SEG, RANGES_MAX);
    st_le32(c + K_DISCARD_ALIGN, unit / BLK_SECTOR);
    st_le32(c + K_MAX_ZEROES, RANGE_MAX);
    st_le32(c + K_MAX_ZEROES_SEG, RANGES_MAX);
    c[K_ZEROES_UNMAP] = 1;
}

void virtio_blk_configure(struct dev *dev, const struct virtio_blk_config *config)
{
    struct vblk *d = vblk_of(virtio_of(dev));
    struct blk *b = config->blk;

    d->blk = b;
    if (config->serial)
        strncpy(d->serial, config->serial, ID_LEN);
    virtio_set_queues(&d->v, MAX(1u, MIN(config->queues, 16u)), RING);
    if (b->readonly)
        d->v.features |= BIT64(F_RO);
    if (b->can_discard)
        d->v.features |= BIT64(F_DISCARD) | BIT64(F_WRITE_ZEROES);
    if (d->v.nqueues > 1)
        d->v.features |= BIT64(F_MQ);
    fill_config(d);
}

void virtio_blk_resized(struct dev *dev)
{
    struct vblk *d = vblk_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    fill_config(d);
    virtio_config_changed(&d->v);
    pthread_mutex_unlock(&dev->lock);
}

static int vblk_init(struct dev *dev, struct error *err)
{
    struct vblk *d = vblk_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &blk_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = 1,
                                   .queue_size = RING,
                                   .features = BIT64(F_SEG_MAX) | BIT64(F_BLK_SIZE) |
                                               BIT64(F_FLUSH) | BIT64(F_TOPOLOGY),
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->idle, NULL);
    list_init(&d->finished);
    virtio_init(&d->v, &s);
    return 0;
}

static void vblk_fini(struct dev *dev)
{
    struct vblk *d = vblk_of(virtio_of(dev));

    blk_drain(d->blk); /* the last `done` has returned */
    pthread_mutex_lock(&dev->lock);
    vblk_quiesce(&d->v, -1);
    pthread_mutex_unlock(&dev->lock);
    virtio_fini(&d->v);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->idle);
}

static void vblk_reset(struct dev *dev)
{
    struct vblk *d = vblk_of(virtio_of(dev));

    virtio_reset(&d->v);
    fill_config(d);
}

static void vblk_loaded(struct dev *dev)
{
    struct vblk *d = vblk_of(virtio_of(dev));

    virtio_loaded(&d->v);
    fill_config(d);
}

/* Nothing in flight when the record is taken: all answers are in the rings. */
static void vblk_presave(struct dev *dev)
{
    vblk_quiesce(virtio_of(dev), 0);
}

static const struct dev_counter blk_counters[] = {
    VIRTIO_COUNTERS(struct vblk),
    {"requests", offsetof(struct vblk, n_requests)},
    {"errors", offsetof(struct vblk, n_errors)},
    {"unsupported", offsetof(struct vblk, n_unsupported)},
    {0},
};

const struct dev_type virtio_blk_type = {
    .name = "virtio_blk",
    .help = "virtio disk",
    .size = sizeof(struct vblk),
    .regs = offsetof(struct vblk, regs),
    .state = &blk_state,
    .windows = virtio_windows,
    .counters = blk_counters,
    .init = vblk_init,
    .fini = vblk_fini,
    .reset = vblk_reset,
    .loaded = vblk_loaded,
    .presave = vblk_presave,
};
