/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loop: one thread's event loop over epoll: descriptors, one timer, wake-ups from other threads.
 *
 * All callbacks run on the loop's thread. loop_wake(), loop_stop() and loop_call() may be used
 * from any thread; everything else only on the loop's thread or before it runs.
 */
#ifndef QUAD_BASE_LOOP_H
#define QUAD_BASE_LOOP_H

#include <pthread.h>

#include "base/list.h"

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct epoll_event;

struct loop_io {
    int fd; /* borrowed */
    unsigned events;
    void (*ready)(void *opaque, unsigned events);
    void *opaque;
    struct list_node node;
    bool dead; /* was removed */
};

struct loop {
    int epoll_fd, wake_fd, timer_fd;
    bool stop;
    struct epoll_event *batch; /* of the round under way */
    int nbatch;
    struct list_node ios;
    void (*timer_fn)(void *opaque);
    void *timer_opaque;
    pthread_mutex_t lock; /* guards calls */
    struct list_node calls;
};

int loop_init(struct loop *loop, struct error *err);
void loop_fini(struct loop *loop);

/* Watch fd; `events` may be 0 (then only hang-ups are seen). The record is the caller's. */
int loop_add(struct loop *loop, struct loop_io *io, struct error *err);
void loop_change(struct loop *loop, struct loop_io *io, unsigned events);
void loop_remove(struct loop *loop, struct loop_io *io);

/* The loop's one timer: `fn` runs once CLOCK_MONOTONIC reaches deadline_ns (0 = disarm).
 * loop_timer_arm may be called from any thread. */
void loop_timer_init(struct loop *loop, void (*fn)(void *opaque), void *opaque);
void loop_timer_arm(struct loop *loop, uint64_t deadline_ns);

/* Run fn(opaque) once on the loop's thread, soon; from any thread. */
void loop_call(struct loop *loop, void (*fn)(void *opaque), void *opaque);
void loop_wake(struct loop *loop);
void loop_stop(struct loop *loop);

/* Dispatch until loop_stop(). */
int loop_run(struct loop *loop, struct error *err);

uint64_t monotonic_ns(void);

#endif
