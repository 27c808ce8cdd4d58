/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pool: a disk image as a `struct blk`: a queue, up to POOL_THREADS threads that come when there is
 * work and go after a while without any, limits.
 */
#ifndef QUAD_BLOCK_POOL_H
#define QUAD_BLOCK_POOL_H

#include "block/disk.h"
#include "core/blk.h"

enum pool_cache {
    POOL_WRITEBACK,    /* flush when the guest asks */
    POOL_WRITETHROUGH, /* every write is on the disk when it completes */
    POOL_UNSAFE,       /* flushes are not waited for */
};

struct pool_limits {
    uint64_t iops, bytes; /* a second; 0: no limit */
};

/* Takes the disk. */
struct blk *pool_create(struct disk *disk, enum pool_cache cache);
struct disk *pool_disk(struct blk *blk);
/* Another disk of the same size behind it (taken), or none (NULL) while it belongs to somebody else.
 * The old one is closed, with all that it holds back written. Nothing is in flight. */
void pool_swap(struct blk *blk, struct disk *disk);
void pool_limit(struct blk *blk, const struct pool_limits *limits); /* any time, any thread */

/* Remember which units the guest writes, all of them to begin with; or stop it. A unit is marked when
 * its write has ended, before that is told. Nothing is in flight when it begins or ends. */
#define POOL_TRACK_UNIT UINT64_C(65536)
void pool_track(struct blk *blk, bool on);
uint64_t pool_tracked(struct blk *blk); /* how many units */
/* The first marked unit at *at or behind it, whose mark is taken away; false: none. Any thread. */
bool pool_take_tracked(struct blk *blk, uint64_t *at);

/* Make the image larger (never smaller). The caller lets no request come meanwhile. */
int pool_grow(struct blk *blk, uint64_t size, struct error *err);

#endif
