/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * disks: the guest's disks: images are opened, devices made and put on the board.
 */
#ifndef QUAD_GUEST_DISKS_H
#define QUAD_GUEST_DISKS_H

#include "base/opt.h"
#include "block/pool.h"

struct blk;
struct board;
struct machine;

#define DISKS_MAX 16

struct disks {
    struct blk *blk[DISKS_MAX];   /* the images */
    struct blk *front[DISKS_MAX]; /* what the devices use: the same, or a tape before it */
    struct pool_limits limits[DISKS_MAX];
    char *name[DISKS_MAX];
    unsigned n;
};

int disks_open(struct disks *d, const struct opt_list *disks, const struct opt_list *cdroms,
               struct board *board, struct error *err);
void disks_close(struct disks *d); /* after the machine is gone */

#endif
