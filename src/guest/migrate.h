/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * migrate: the source's end of a move of a running guest (guest/move.h). A thread of its own sends
 * memory while the guest runs, then what was written meanwhile, until little enough is left; the
 * main loop's thread stops the guest and sends the rest.
 *
 * All functions on the loop's thread.
 */
#ifndef QUAD_GUEST_MIGRATE_H
#define QUAD_GUEST_MIGRATE_H

#include "base/base.h"

struct vm;

struct migrate_options {
    uint64_t bandwidth;   /* bytes a second; 0: no limit */
    uint64_t downtime_ms; /* how long the guest may stand still; the goal */
    unsigned rounds;      /* at most; then it stops whatever is left */
    bool compress, converge; /* converge: slow the guest down where it writes too fast */
    bool remote; /* the other host sees disks only as they are on the storage, whatever the socket is */
    uint64_t every_ms; /* not 0: no move, but a state this often to a standby (guest/replicate.h) */
    bool copy_disks; /* the other side has images of its own, of the same sizes */
};

struct migrate_report {
    const char *phase; /* "connect", "copy", "stop", "standby", "done", "failed", "doubt" */
    uint64_t epochs, epoch_bytes, kept_at; /* of a replication; CLOCK_REALTIME of the last one */
    unsigned rounds, slowed; /* percent of time taken from the guest, at most */
    uint64_t sent, left, total; /* bytes; what was written meanwhile; memory and disks */
    uint64_t rate, ms, stopped_us; /* bytes a second; whole time; how long the guest stood still */
};

/* All that keeps this guest from moving now, one text each. */
void migrate_blockers(struct vm *vm, void (*say)(void *opaque, const char *text), void *opaque);

/* Takes fd. `done` is called once, on the loop's thread: 0 (the guest has gone; vm_run returns soon),
 * -EINPROGRESS in *err: in doubt, else it goes on here. */
int migrate_start(struct vm *vm, int fd, const struct migrate_options *o,
                  void (*done)(void *opaque, int rc, const struct error *err), void *opaque,
                  struct error *err);
bool migrate_status(struct vm *vm, struct migrate_report *r); /* false: there is and was none */
int migrate_cancel(struct vm *vm, struct error *err);
/* A guest in doubt: here: it goes on here; else it ends. A person said so. */
int migrate_resolve(struct vm *vm, bool here, struct error *err);
/* The guest ends: so does the move. */
void migrate_end(struct vm *vm);
bool migrate_holds(const struct vm *vm); /* it must not run now */

#endif
