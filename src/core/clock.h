/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * clock: guest time, one record: every engine's RDTSC, APIC timer, kvm-clock and every device
 * timer derive from it. It stops while the machine is paused.
 *
 * Real mode: guest ns = host monotonic ns + an offset that absorbs pauses; timers are served by
 * the guest process' loop thread. Deterministic mode: guest ns = instructions retired x ns per
 * instruction, advanced by the vCPU loop, which also serves the timers.
 *
 * A timer's callback runs with the timer's `lock` held (a device's own lock) and may re-arm it.
 */
#ifndef QUAD_CORE_CLOCK_H
#define QUAD_CORE_CLOCK_H

#include <pthread.h>

#include "base/list.h"
#include "base/loop.h"

struct clock {
    /* The record. */
    uint64_t tsc_khz;
    int64_t ns_offset;   /* guest ns = host monotonic ns + ns_offset while running */
    uint64_t paused_ns;  /* guest ns while paused */
    bool running;
    int64_t wall_offset; /* guest wall-clock ns (since 1970) = guest ns + wall_offset */

    bool deterministic;
    uint64_t det_ns; /* deterministic guest time */

    pthread_mutex_t lock; /* guards timers and changes of the record */
    struct list_node timers; /* armed ones by deadline */
    struct loop *loop;       /* NULL in deterministic mode */
};

struct timer {
    struct list_node node;
    struct clock *clock;
    uint64_t deadline; /* guest ns; UINT64_MAX: not armed */
    void (*fn)(void *opaque);
    void *opaque;
    pthread_mutex_t *lock; /* held around fn; may be NULL */
};

void clock_init(struct clock *clock, struct loop *loop, bool deterministic);
void clock_fini(struct clock *clock);
void clock_start(struct clock *clock);
void clock_stop(struct clock *clock);

/* A saved record: guest time goes on from ns. The clock is stopped. In real mode the wall clock is
 * the host's; only deterministic mode keeps the saved one. */
void clock_load(struct clock *clock, uint64_t tsc_khz, uint64_t ns, int64_t wall_offset);

/* Time that has passed elsewhere while the clock was stopped; the wall clock is the host's again. */
void clock_skip(struct clock *clock, uint64_t ns);

uint64_t clock_ns(const struct clock *clock);  /* guest ns since the machine was made */
uint64_t clock_tsc(const struct clock *clock); /* the same in TSC ticks, before any offset */
uint64_t clock_tsc_to_ns(const struct clock *clock, uint64_t tsc);
uint64_t clock_wall_ns(const struct clock *clock);

void timer_init(struct timer *t, struct clock *clock, void (*fn)(void *opaque), void *opaque,
                pthread_mutex_t *lock);
void timer_set(struct timer *t, uint64_t deadline); /* guest ns; any thread */
void timer_cancel(struct timer *t); /* may return while fn runs on another thread */
static inline bool timer_armed(const struct timer *t)
{
    return __atomic_load_n(&t->deadline, __ATOMIC_RELAXED) != UINT64_MAX;
}

/* Deterministic mode: n instructions have retired, one ns each. */
static inline void clock_advance(struct clock *clock, uint64_t n)
{
    __atomic_store_n(&clock->det_ns, clock->det_ns + n, __ATOMIC_RELAXED);
}

/* Run what is due; returns the next deadline or UINT64_MAX. Loop thread or vCPU loop. */
uint64_t clock_run_timers(struct clock *clock);
uint64_t clock_next_deadline(struct clock *clock);

#endif
