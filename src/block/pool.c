/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/pool.h"

#include <limits.h>
#include <pthread.h>
#include <time.h>

#include "base/bucket.h"
#include "base/loop.h"
#include "base/trace.h"

#define POOL_THREADS 4
#define IDLE_SECONDS 5
#define STACK (1u << 20)

struct pool {
    struct blk blk;
    struct disk *disk; /* owned */
    enum pool_cache cache;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t work, quiet;
    struct list_node queue;
    unsigned threads, idle, in_flight;
    bool quit;
    struct bucket ops, bytes;
    uint64_t *tracked; /* atomic bits, a unit each; NULL: nobody asked */
    uint64_t units;
};

static struct pool *pool_of(struct blk *blk)
{
    return container_of(blk, struct pool, blk);
}

static int execute(struct pool *p, struct blk_req *r)
{
    struct disk *d = p->disk;
    int rc = -EINVAL;

    if (!d)
        return -EIO;
    switch (r->op) {
    case BLK_READ: rc = disk_read(d, r->offset, r->iov, r->niov, r->len); break;
    case BLK_WRITE: rc = disk_write(d, r->offset, r->iov, r->niov, r->len); break;
    case BLK_FLUSH: rc = disk_flush(d); break;
    case BLK_DISCARD: rc = disk_discard(d, r->offset, r->len); break;
    case BLK_ZERO: rc = disk_zero(d, r->offset, r->len, r->flags & BLK_REQ_UNMAP); break;
    }
    if (!rc && p->cache == POOL_WRITETHROUGH && r->op != BLK_READ && r->op != BLK_FLUSH)
        rc = disk_flush(d);
    return rc;
}

static void track(struct pool *p, const struct blk_req *r)
{
    bool writes = r->op == BLK_WRITE || r->op == BLK_DISCARD || r->op == BLK_ZERO;

    if (!p->tracked || !writes || !r->len)
        return;
    uint64_t last = MIN((r->offset + r->len - 1) / POOL_TRACK_UNIT, p->units - 1);
    for (uint64_t u = r->offset / POOL_TRACK_UNIT; u <= last; u++)
        __atomic_fetch_or(&p->tracked[u / 64], UINT64_C(1) << u % 64, __ATOMIC_SEQ_CST);
}

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static void count(struct pool *p, const struct blk_req *r)
{
    struct blk *b = &p->blk;

    switch (r->op) {
    case BLK_READ:
        add(&b->n_reads, 1);
        add(&b->read_bytes, r->len);
        break;
    case BLK_WRITE:
        add(&b->n_writes, 1);
        add(&b->written_bytes, r->len);
        break;
    case BLK_FLUSH: add(&b->n_flushes, 1); break;
    case BLK_DISCARD:
    case BLK_ZERO: add(&b->n_discards, 1); break;
    }
    if (r->result)
        add(&b->n_errors, 1);
}

/* The first request once the limits let it pass; NULL: wait *ns (0: for a signal). Lock held. */
static struct blk_req *next_locked(struct pool *p, uint64_t *ns)
{
    *ns = 0;
    if (list_empty(&p->queue))
        return NULL;
    struct blk_req *r = list_entry(p->queue.next, struct blk_req, node);
    if (!p->quit && r->op != BLK_FLUSH) {
        uint64_t now = monotonic_ns(), a = bucket_wait(&p->ops, now), b = bucket_wait(&p->bytes, now);
        *ns = MAX(a, b);
        if (*ns)
            return NULL;
        bucket_take(&p->ops, 1);
        bucket_take(&p->bytes, r->op == BLK_READ || r->op == BLK_WRITE ? r->len : 0);
    }
    list_remove(&r->node);
    return r;
}

/* False: nothing came for a while. Lock held. */
static bool wait_locked(struct pool *p, uint64_t ns)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t at = (uint64_t)until.tv_nsec + (ns ? ns : IDLE_SECONDS * UINT64_C(1000000000));
    until.tv_sec += (time_t)(at / 1000000000);
    until.tv_nsec = (long)(at % 1000000000);
    p->idle += !ns;
    int rc = pthread_cond_timedwait(&p->work, &p->lock, &until);
    p->idle -= !ns;
    return rc != ETIMEDOUT || ns;
}

static void *worker(void *opaque)
{
    struct pool *p = opaque;
    bool stay = true;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        uint64_t ns;
        struct blk_req *r = next_locked(p, &ns);
        if (!r) {
            if ((p->quit && list_empty(&p->queue)) || (!stay && list_empty(&p->queue)))
                break;
            stay = wait_locked(p, ns);
            continue;
        }
        stay = true;
        pthread_mutex_unlock(&p->lock);
        r->result = execute(p, r);
        track(p, r);
        count(p, r);
        TRACE(blk_done, "%s op=%d offset=%#" PRIx64 " len=%#" PRIx64 " result=%d", p->blk.name,
              r->op, r->offset, r->len, r->result);
        r->done(r);
        pthread_mutex_lock(&p->lock);
        if (!--p->in_flight)
            pthread_cond_broadcast(&p->quiet);
    }
    p->threads--;
    pthread_cond_broadcast(&p->quiet);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void start_thread_locked(struct pool *p)
{
    pthread_attr_t attr;
    pthread_t t;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, MAX(STACK, (unsigned)PTHREAD_STACK_MIN));
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (!pthread_create(&t, &attr, worker, p))
        p->threads++;
    pthread_attr_destroy(&attr);
}

static void pool_submit(struct blk *blk, struct blk_req *r)
{
    struct pool *p = pool_of(blk);

    pthread_mutex_lock(&p->lock);
    list_append(&p->queue, &r->node);
    p->in_flight++;
    if (p->idle)
        pthread_cond_signal(&p->work);
    else if (p->threads < POOL_THREADS)
        start_thread_locked(p);
    bool none = !p->threads;
    if (none) {
        list_remove(&r->node);
        p->in_flight--;
    }
    pthread_mutex_unlock(&p->lock);
    if (none) { /* the host gives no thread at all: slowly, then */
        r->result = execute(p, r);
        track(p, r);
        count(p, r);
        r->done(r);
    }
}

static void pool_drain(struct blk *blk)
{
    struct pool *p = pool_of(blk);

    pthread_mutex_lock(&p->lock);
    while (p->in_flight)
        pthread_cond_wait(&p->quiet, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void pool_destroy(struct blk *blk)
{
    struct pool *p = pool_of(blk);

    pthread_mutex_lock(&p->lock);
    p->quit = true; /* limits do not hold up the end */
    pthread_cond_broadcast(&p->work);
    while (p->in_flight || p->threads)
        pthread_cond_wait(&p->quiet, &p->lock);
    pthread_mutex_unlock(&p->lock);
    disk_close(p->disk);
    free(p->tracked);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->quiet);
    free(p);
}

static const struct blk_ops pool_ops = {pool_submit, pool_drain, pool_destroy};

struct blk *pool_create(struct disk *disk, enum pool_cache cache)
{
    struct pool *p = xcalloc(1, sizeof(*p));
    pthread_condattr_t attr;

    disk->unsafe = cache == POOL_UNSAFE;
    p->blk = (struct blk){.ops = &pool_ops,
                          .name = disk->file.path,
                          .size = ALIGN_DOWN(disk->size, (uint64_t)BLK_SECTOR),
                          .block_size = disk->cluster_size,
                          .readonly = disk->readonly,
                          .can_discard = !disk->readonly,
                          .write_cache = cache != POOL_WRITETHROUGH};
    p->disk = disk;
    p->cache = cache;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->work, &attr);
    pthread_cond_init(&p->quiet, NULL);
    pthread_condattr_destroy(&attr);
    list_init(&p->queue);
    return &p->blk;
}

void pool_swap(struct blk *blk, struct disk *disk)
{
    struct pool *p = pool_of(blk);

    pool_drain(blk);
    disk_close(p->disk);
    p->disk = disk;
    p->blk.name = disk ? disk->file.path : "(elsewhere)";
    if (disk) {
        disk->unsafe = p->cache == POOL_UNSAFE;
        p->blk.readonly = disk->readonly;
        p->blk.can_discard = !disk->readonly;
    }
}

void pool_track(struct blk *blk, bool on)
{
    struct pool *p = pool_of(blk);

    free(p->tracked);
    p->tracked = NULL;
    p->units = (blk->size + POOL_TRACK_UNIT - 1) / POOL_TRACK_UNIT;
    if (!on || !p->units)
        return;
    uint64_t *bits = xcalloc((size_t)(p->units + 63) / 64, 8);
    for (uint64_t u = 0; u < p->units; u++)
        bits[u / 64] |= UINT64_C(1) << u % 64;
    p->tracked = bits;
}

uint64_t pool_tracked(struct blk *blk)
{
    const struct pool *p = pool_of(blk);
    uint64_t n = 0;

    for (uint64_t w = 0; p->tracked && w < (p->units + 63) / 64; w++)
        n += (uint64_t)__builtin_popcountll(__atomic_load_n(&p->tracked[w], __ATOMIC_RELAXED));
    return n;
}

bool pool_take_tracked(struct blk *blk, uint64_t *at)
{
    struct pool *p = pool_of(blk);

    for (uint64_t u = *at / POOL_TRACK_UNIT; p->tracked && u < p->units; u++) {
        uint64_t bit = UINT64_C(1) << u % 64;
        if (!(__atomic_load_n(&p->tracked[u / 64], __ATOMIC_RELAXED) & bit))
            continue;
        __atomic_fetch_and(&p->tracked[u / 64], ~bit, __ATOMIC_SEQ_CST);
        *at = u * POOL_TRACK_UNIT;
        return true;
    }
    return false;
}

struct disk *pool_disk(struct blk *blk)
{
    return pool_of(blk)->disk;
}

void pool_limit(struct blk *blk, const struct pool_limits *limits)
{
    struct pool *p = pool_of(blk);
    uint64_t now = monotonic_ns();

    pthread_mutex_lock(&p->lock);
    bucket_set(&p->ops, limits->iops, 0, now);
    bucket_set(&p->bytes, limits->bytes, 0, now);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

int pool_grow(struct blk *blk, uint64_t size, struct error *err)
{
    struct pool *p = pool_of(blk);
    struct disk *d = p->disk;

    if (size % BLK_SECTOR || size < blk->size)
        return fail(err, EINVAL, "%s: a disk in use can only grow, by sectors; it has %" PRIu64 " bytes",
                    blk->name, blk->size);
    if (!d->format->resize || d->readonly)
        return fail(err, EOPNOTSUPP, "%s: %s", blk->name,
                    d->readonly ? "it is for reading only" : "its format cannot be resized");
    pool_drain(blk);
    int rc = size == blk->size ? 0 : d->format->resize(d, size, err);
    if (!rc)
        blk->size = ALIGN_DOWN(d->size, (uint64_t)BLK_SECTOR);
    return rc;
}
