/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct loop_deferred {
    struct list_node node;
    void (*fn)(void *opaque);
    void *opaque;
};

uint64_t monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int loop_add_internal(struct loop *loop, int fd, void *tag, struct error *err)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = tag};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        return fail_errno(err, errno, "loop: epoll_ctl");
    return 0;
}

int loop_init(struct loop *loop, struct error *err)
{
    *loop = (struct loop){.epoll_fd = -1, .wake_fd = -1, .timer_fd = -1};
    list_init(&loop->ios);
    list_init(&loop->calls);
    pthread_mutex_init(&loop->lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || loop->timer_fd < 0) {
        int code = errno;
        loop_fini(loop);
        return fail_errno(err, code, "loop: cannot create");
    }
    int rc = loop_add_internal(loop, loop->wake_fd, &loop->wake_fd, err);
    if (!rc)
        rc = loop_add_internal(loop, loop->timer_fd, &loop->timer_fd, err);
    if (rc)
        loop_fini(loop);
    return rc;
}

void loop_fini(struct loop *loop)
{
    list_for_each_safe(it, &loop->calls) {
        list_remove(it);
        free(list_entry(it, struct loop_deferred, node));
    }
    base_close_fd(&loop->epoll_fd);
    base_close_fd(&loop->wake_fd);
    base_close_fd(&loop->timer_fd);
    loop->epoll_fd = loop->wake_fd = loop->timer_fd = -1;
    pthread_mutex_destroy(&loop->lock);
}

static uint32_t epoll_mask(unsigned events)
{
    return (events & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
           (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

int loop_add(struct loop *loop, struct loop_io *io, struct error *err)
{
    struct epoll_event ev = {.events = epoll_mask(io->events), .data.ptr = io};

    io->dead = false;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) < 0)
        return fail_errno(err, errno, "loop: cannot watch descriptor %d", io->fd);
    list_append(&loop->ios, &io->node);
    return 0;
}

void loop_change(struct loop *loop, struct loop_io *io, unsigned events)
{
    if (io->events == events)
        return;
    io->events = events;
    struct epoll_event ev = {.events = epoll_mask(events), .data.ptr = io};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev);
}

void loop_remove(struct loop *loop, struct loop_io *io)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    list_remove(&io->node);
    io->dead = true;
    for (int i = 0; i < loop->nbatch; i++) /* its record may be freed now */
        if (loop->batch[i].data.ptr == io)
            loop->batch[i].data.ptr = NULL;
}

void loop_timer_init(struct loop *loop, void (*fn)(void *opaque), void *opaque)
{
    loop->timer_fn = fn;
    loop->timer_opaque = opaque;
}

void loop_timer_arm(struct loop *loop, uint64_t deadline_ns)
{
    struct itimerspec its = {
        .it_value = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)}};

    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t done = write(loop->wake_fd, &one, sizeof(one));

    (void)done; /* full counter: already awake */
}

void loop_stop(struct loop *loop)
{
    __atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
    loop_wake(loop);
}

void loop_call(struct loop *loop, void (*fn)(void *opaque), void *opaque)
{
    struct loop_deferred *d = xcalloc(1, sizeof(*d));

    d->fn = fn;
    d->opaque = opaque;
    pthread_mutex_lock(&loop->lock);
    list_append(&loop->calls, &d->node);
    pthread_mutex_unlock(&loop->lock);
    loop_wake(loop);
}

static void loop_run_calls(struct loop *loop)
{
    for (;;) {
        struct loop_deferred *d = NULL;
        pthread_mutex_lock(&loop->lock);
        if (!list_empty(&loop->calls)) {
            d = list_entry(loop->calls.next, struct loop_deferred, node);
            list_remove(&d->node);
        }
        pthread_mutex_unlock(&loop->lock);
        if (!d)
            return;
        d->fn(d->opaque);
        free(d);
    }
}

static void loop_dispatch(struct loop *loop, const struct epoll_event *ev)
{
    uint64_t count;
    ssize_t done;

    if (ev->data.ptr == &loop->wake_fd) {
        done = read(loop->wake_fd, &count, sizeof(count));
        (void)done;
        loop_run_calls(loop);
    } else if (ev->data.ptr == &loop->timer_fd) {
        done = read(loop->timer_fd, &count, sizeof(count));
        if (done == sizeof(count) && loop->timer_fn)
            loop->timer_fn(loop->timer_opaque);
    } else {
        struct loop_io *io = ev->data.ptr;
        unsigned events = (ev->events & EPOLLIN ? LOOP_READ : 0u) |
                          (ev->events & EPOLLOUT ? LOOP_WRITE : 0u) |
                          (ev->events & (EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0u);
        if (io) /* not removed in this round */
            io->ready(io->opaque, events);
    }
}

int loop_run(struct loop *loop, struct error *err)
{
    struct epoll_event evs[16];

    while (!__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE)) {
        int n = epoll_wait(loop->epoll_fd, evs, ARRAY_LEN(evs), -1);
        if (n < 0 && errno != EINTR)
            return fail_errno(err, errno, "loop: epoll_wait");
        loop->batch = evs;
        loop->nbatch = MAX(n, 0);
        for (int i = 0; i < n; i++)
            loop_dispatch(loop, &evs[i]);
        loop->nbatch = 0;
    }
    return 0;
}
