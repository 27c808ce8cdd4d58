/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clock.h"

#include <time.h>

static void clock_timer_ready(void *opaque);

void clock_init(struct clock *clock, struct loop *loop, bool deterministic)
{
    *clock = (struct clock){
        .tsc_khz = 1000000, .deterministic = deterministic, .loop = deterministic ? NULL : loop};
    pthread_mutex_init(&clock->lock, NULL);
    list_init(&clock->timers);
    if (clock->loop)
        loop_timer_init(clock->loop, clock_timer_ready, clock);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    clock->wall_offset = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    if (deterministic)
        clock->wall_offset = INT64_C(1700000000) * 1000000000;
}

void clock_fini(struct clock *clock)
{
    pthread_mutex_destroy(&clock->lock);
}

uint64_t clock_ns(const struct clock *clock)
{
    if (clock->deterministic)
        return __atomic_load_n(&clock->det_ns, __ATOMIC_RELAXED);
    if (!__atomic_load_n(&clock->running, __ATOMIC_ACQUIRE))
        return clock->paused_ns;
    return monotonic_ns() + (uint64_t)clock->ns_offset;
}

uint64_t clock_tsc(const struct clock *clock)
{
    if (clock->tsc_khz == 1000000) /* a division of 128 bits is slow */
        return clock_ns(clock);
    return (uint64_t)((unsigned __int128)clock_ns(clock) * clock->tsc_khz / 1000000);
}

uint64_t clock_tsc_to_ns(const struct clock *clock, uint64_t tsc)
{
    return (uint64_t)((unsigned __int128)tsc * 1000000 / clock->tsc_khz);
}

uint64_t clock_wall_ns(const struct clock *clock)
{
    return clock_ns(clock) + (uint64_t)clock->wall_offset;
}

/* Ask the loop for the earliest deadline. Lock held. */
static void clock_arm_locked(struct clock *clock)
{
    if (!clock->loop)
        return;
    if (list_empty(&clock->timers) || !clock->running) {
        loop_timer_arm(clock->loop, 0);
        return;
    }
    const struct timer *t = list_entry(clock->timers.next, struct timer, node);
    int64_t host = (int64_t)t->deadline - clock->ns_offset;
    loop_timer_arm(clock->loop, host > 0 ? (uint64_t)host : 1);
}

void clock_start(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    if (!clock->running) {
        clock->ns_offset = (int64_t)(clock->paused_ns - monotonic_ns());
        __atomic_store_n(&clock->running, true, __ATOMIC_RELEASE);
        clock_arm_locked(clock);
    }
    pthread_mutex_unlock(&clock->lock);
}

void clock_stop(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    if (clock->running) {
        clock->paused_ns = clock_ns(clock);
        __atomic_store_n(&clock->running, false, __ATOMIC_RELEASE);
        clock_arm_locked(clock);
    }
    pthread_mutex_unlock(&clock->lock);
}

void clock_load(struct clock *clock, uint64_t tsc_khz, uint64_t ns, int64_t wall_offset)
{
    pthread_mutex_lock(&clock->lock);
    clock->tsc_khz = tsc_khz;
    clock->paused_ns = ns;
    clock->det_ns = ns;
    clock->wall_offset = wall_offset;
    pthread_mutex_unlock(&clock->lock);
    if (!clock->deterministic)
        clock_skip(clock, 0);
}

void clock_skip(struct clock *clock, uint64_t ns)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    pthread_mutex_lock(&clock->lock);
    clock->paused_ns += ns;
    clock->wall_offset =
        (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec - (int64_t)clock->paused_ns;
    pthread_mutex_unlock(&clock->lock);
}

void timer_init(struct timer *t, struct clock *clock, void (*fn)(void *opaque), void *opaque,
                pthread_mutex_t *lock)
{
    *t = (struct timer){
        .clock = clock, .deadline = UINT64_MAX, .fn = fn, .opaque = opaque, .lock = lock};
    list_init(&t->node);
}

void timer_set(struct timer *t, uint64_t deadline)
{
    struct clock *clock = t->clock;

    if (deadline == UINT64_MAX) {
        timer_cancel(t);
        return;
    }
    pthread_mutex_lock(&clock->lock);
    const struct list_node *first = clock->timers.next;
    list_remove(&t->node);
    __atomic_store_n(&t->deadline, deadline, __ATOMIC_RELAXED);
    struct list_node *at = clock->timers.next;
    while (at != &clock->timers && list_entry(at, struct timer, node)->deadline <= deadline)
        at = at->next;
    list_insert_before(at, &t->node);
    if (clock->timers.next == &t->node || first == &t->node)
        clock_arm_locked(clock);
    pthread_mutex_unlock(&clock->lock);
}

void timer_cancel(struct timer *t)
{
    pthread_mutex_lock(&t->clock->lock);
    list_remove(&t->node);
    __atomic_store_n(&t->deadline, UINT64_MAX, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&t->clock->lock);
}

uint64_t clock_next_deadline(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    uint64_t d = list_empty(&clock->timers)
                     ? UINT64_MAX
                     : list_entry(clock->timers.next, struct timer, node)->deadline;
    pthread_mutex_unlock(&clock->lock);
    return d;
}

uint64_t clock_run_timers(struct clock *clock)
{
    uint64_t next = UINT64_MAX;

    pthread_mutex_lock(&clock->lock);
    while (!list_empty(&clock->timers) && (clock->running || clock->deterministic)) {
        struct timer *t = list_entry(clock->timers.next, struct timer, node);
        next = t->deadline;
        if (next > clock_ns(clock))
            break;
        list_remove(&t->node);
        __atomic_store_n(&t->deadline, UINT64_MAX, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&clock->lock);
        pthread_mutex_t *lock = t->lock; /* fn may free the timer */
        if (lock)
            pthread_mutex_lock(lock);
        t->fn(t->opaque);
        if (lock)
            pthread_mutex_unlock(lock);
        next = UINT64_MAX;
        pthread_mutex_lock(&clock->lock);
    }
    clock_arm_locked(clock);
    pthread_mutex_unlock(&clock->lock);
    return next;
}

static void clock_timer_ready(void *opaque)
{
    clock_run_timers(opaque);
}
