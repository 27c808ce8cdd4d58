/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * blocks: the contents of disks within a move's stream, for a destination that has images of its own.
 *
 * A SAVE_BLOCKS section has the disk's name ("disk0"):
 *
 *     disk's size u64, then runs: offset u64   bytes u32   kind u8 (BLOCKS_*)   0 u8 x 3   data
 *
 * Zeros have no data. The source tracks what its guest writes (block/pool.h) in units of
 * POOL_TRACK_UNIT bytes; each unit is read after its mark was taken away, so that what is written
 * meanwhile is marked again.
 */
#ifndef QUAD_GUEST_BLOCKS_H
#define QUAD_GUEST_BLOCKS_H

#include "save/stream.h"

struct disks;

enum { BLOCKS_DATA, BLOCKS_ZERO };

/* From now on what the guest writes is marked, and everything is to begin with; or never mind. */
void blocks_track(struct disks *d, bool on);
/* Bytes that are marked. */
uint64_t blocks_left(const struct disks *d);
/* Send what is marked. pace: asked after each section whether to go on; may be NULL. */
int blocks_send(struct save_out *o, struct disks *d, int (*pace)(void *opaque, struct error *err),
                void *opaque, struct error *err);

/* A section into the disk of its name, which is open for writing. */
int blocks_take(struct disks *d, const struct save_section *s, struct error *err);

#endif
