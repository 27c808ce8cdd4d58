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
struct dev;
struct machine;

#define DISKS_MAX 16

struct disks {
    struct blk *blk[DISKS_MAX];   /* the images */
    struct blk *front[DISKS_MAX]; /* what the devices use: the same, or a tape before it */
    struct pool_limits limits[DISKS_MAX];
    struct dev *virtio[DISKS_MAX]; /* NULL: another kind of device */
    char *name[DISKS_MAX];
    char *path[DISKS_MAX], *format[DISKS_MAX]; /* to open them again */
    bool readonly[DISKS_MAX];
    unsigned n;
    struct blk *vars; /* borrowed: UEFI's variables, which come and go with the disks; NULL: none */
    const char *vars_path;
    struct disk_kept {
        struct disk_file *files;
        unsigned n;
    } kept[DISKS_MAX + 1]; /* while they are given away: their files, unlocked; the variables' last */
    bool elsewhere; /* set before disks_open: another process writes them; they are only looked at
                       until disks_take */
};

int disks_open(struct disks *d, const struct opt_list *disks, const struct opt_list *cdroms,
               struct board *board, struct error *err);
/* What was written so far is on the host's disks. Any thread, the guest may run. */
void disks_flush(struct disks *d);
/* The guest is stopped: another process may have the disks; it had them, and this one has them again
 * (locks and all that was cached are new). same_host: that process sees what we wrote whether it is on
 * the host's disks or not, so that nobody waits for them; the guest's own flushes were waited for. */
int disks_give(struct disks *d, bool same_host, struct error *err);
int disks_take(struct disks *d, struct error *err);
void disks_forget(struct disks *d); /* those given away, for good */
/* An internal snapshot of each disk that the guest may write to, of this moment: all or none. The
 * guest is stopped and nothing is in flight. */
int disks_snapshot(struct disks *d, const char *name, struct error *err);
int disks_snapshot_drop(struct disks *d, const char *name, struct error *err);
void disks_close(struct disks *d); /* after the machine is gone */

#endif
