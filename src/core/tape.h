/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tape: everything that reaches a deterministic machine from outside, in one order.
 *
 * Time in such a machine is what its processors have retired, so an input must not arrive at a
 * moment that the host's clock chose. Back ends therefore hand their input to the tape, from any
 * thread; the vCPU loop takes it from there at the start of a slice, which has a number, and there
 * alone the device sees it. Recorded with that number, the same inputs can be played back to the
 * same machine, which then runs the same instructions again.
 *
 *     back end --tape_input()--> queue --tape_deliver(), slice n--> device
 *                                              |
 *                                  record: (n, ns, source, bytes) -> file
 *                                  replay: file -> device, nothing from outside is taken
 *
 * Completions of disk requests are ordered by it, too (core/tape_back.h), but not recorded: what a
 * disk holds belongs to the guest, not to the outside. A replay needs the disk as it was.
 *
 * File: the line "quad-tape 1", a line that describes the machine, then records, little-endian:
 *
 *     u32 length of the data   u16 source   u16 kind   u64 slice   u64 guest ns   data
 */
#ifndef QUAD_CORE_TAPE_H
#define QUAD_CORE_TAPE_H

#include "base/list.h"

struct machine;
struct tape;

struct tape_source {
    const char *name; /* borrowed */
    /* vCPU thread, at the start of a slice: returns how many bytes the device took. An input of a
     * kind other than 0 is taken whole or (0) not at all. */
    size_t (*deliver)(void *opaque, unsigned kind, const uint8_t *buf, size_t len);
    void (*room)(void *opaque); /* the queue has room again; may be NULL */
    void *opaque;
    struct tape *tape; /* the rest is the tape's */
    struct list_node node;
    unsigned id;
    size_t queued; /* bytes */
    bool full;     /* an input was turned away */
    bool blocked;  /* the device took less than it was offered in this slice */
};

struct tape *tape_create(struct machine *m);
void tape_destroy(struct tape *t);

/* One of the two is NULL; paths are borrowed. Neither called: inputs are ordered, no more. */
int tape_open(struct tape *t, const char *record, const char *replay, struct error *err);
bool tape_is_replay(const struct tape *t);

/* Before tape_start(); the source stays the caller's and must outlive the tape's last delivery. */
void tape_add(struct tape *t, struct tape_source *s);

/* `about`: one line that tells this machine from another. */
int tape_start(struct tape *t, const char *about, struct error *err);

/* Any thread. Returns the bytes taken: all, or with a full queue fewer (kind 0) or none; then
 * `room` is called later. */
size_t tape_input(struct tape_source *s, unsigned kind, const uint8_t *buf, size_t len);

/* The vCPU loop's, between slices. */
void tape_deliver(struct tape *t);
/* All processors are halted and no timer is armed: is there still something to deliver? Else
 * vCPU 0 gets a request when there is. */
bool tape_pending(struct tape *t);
/* The guest has ended: what was recorded ends here. */
int tape_end(struct tape *t, struct error *err);

/* Work that ends by itself on other threads (a disk request): begun at a moment that depends on
 * the guest alone, it ends, as the guest sees it, at the start of the next slice. */
struct tape_work {
    struct list_node node;
    void (*done)(struct tape_work *w); /* frees it, too */
    bool ready;
};
void tape_work_begin(struct tape *t, struct tape_work *w);
void tape_work_ready(struct tape *t, struct tape_work *w); /* any thread */
/* Finish all that has begun, now. */
void tape_work_drain(struct tape *t);

#endif
