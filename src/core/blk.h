/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * blk: a block device's back end: requests go down, completions come back.
 *
 *     req->op, offset, len, iov, done ...;  blk_submit(blk, req)  ->  req->done(req), req->result
 *
 * blk_submit() never blocks on I/O and may be called with a device's lock held. `done` runs once for
 * each request, on a thread of the back end, with no lock held; the request and its buffers belong
 * to the back end until then. Requests in flight are not ordered among each other. A flush covers
 * every write that completed before it was submitted: afterwards those survive a power cut. A write
 * that reaches the disk tears at sector boundaries only.
 *
 * blk_drain() waits until nothing is in flight and every `done` has returned; the caller holds no
 * lock that a `done` takes.
 */
#ifndef QUAD_CORE_BLK_H
#define QUAD_CORE_BLK_H

#include <sys/uio.h>

#include "base/list.h"

#define BLK_SECTOR 512u

struct blk;

enum blk_op {
    BLK_READ,
    BLK_WRITE,
    BLK_FLUSH,
    BLK_DISCARD, /* contents are not needed any more; reads zeroes or the old data */
    BLK_ZERO,    /* reads zeroes from now on */
};

enum { BLK_REQ_UNMAP = 1 /* BLK_ZERO: may free the space */ };

struct blk_req {
    enum blk_op op;
    unsigned flags;
    uint64_t offset, len; /* bytes, multiples of a sector; len is what iov holds */
    const struct iovec *iov; /* the caller's */
    unsigned niov;
    int result; /* 0 or negative errno */
    void (*done)(struct blk_req *req);
    void *opaque;
    struct list_node node; /* the back end's */
    uint64_t start_ns;     /* the back end's */
};

struct blk_ops {
    void (*submit)(struct blk *blk, struct blk_req *req);
    void (*drain)(struct blk *blk);
    void (*destroy)(struct blk *blk); /* drains; flushes what it caches itself */
};

struct blk {
    const struct blk_ops *ops;
    const char *name;        /* file's name, for messages */
    uint64_t size;           /* bytes, a multiple of a sector */
    uint32_t block_size;     /* best unit, bytes: cluster of the format; 0: no preference */
    bool readonly;
    bool can_discard;
    bool write_cache; /* completed writes need a flush */
    /* Counters, atomic. */
    uint64_t n_reads, n_writes, n_flushes, n_discards, n_errors, read_bytes, written_bytes;
};

static inline void blk_submit(struct blk *blk, struct blk_req *req)
{
    blk->ops->submit(blk, req);
}

static inline void blk_drain(struct blk *blk)
{
    if (blk)
        blk->ops->drain(blk);
}

static inline void blk_destroy(struct blk *blk)
{
    if (blk)
        blk->ops->destroy(blk);
}

#endif
