/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/boost.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/vm.h"

static struct boost *find(const struct boosts *b, const struct limit *limit, unsigned n)
{
    list_for_each(it, &b->list) {
        struct boost *e = list_entry(it, struct boost, node);
        if (e->limit == limit && e->n == n)
            return e;
    }
    return NULL;
}

static void arm(struct boosts *b)
{
    struct itimerspec when = {0};
    uint64_t next = UINT64_MAX;

    list_for_each(it, &b->list)
        next = MIN(next, list_entry(it, struct boost, node)->until);
    if (next != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(next / 1000000000);
        when.it_value.tv_nsec = (long)(next % 1000000000);
    }
    timerfd_settime(b->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void end(struct boosts *b, struct boost *e)
{
    struct error err = {0};
    int rc = e->limit->set(b->vm, e->n, e->before, NULL, &err);

    if (rc < 0)
        log_warn("the end of a boost of %s: %s", e->limit->key, err.text);
    if (b->vm->control)
        control_event(b->vm->control, "boost-end", json_pack("{s:s, s:i}", "key", e->limit->key, "n",
                                                             (int)e->n));
    list_remove(&e->node);
    free(e);
}

static void ready(void *opaque, unsigned events)
{
    struct boosts *b = opaque;
    uint64_t n, now = monotonic_ns();
    ssize_t done = read(b->timer_fd, &n, sizeof(n));

    (void)events, (void)done;
    list_for_each_safe(it, &b->list) {
        struct boost *e = list_entry(it, struct boost, node);
        if (e->until <= now)
            end(b, e);
    }
    arm(b);
}

int boosts_init(struct boosts *b, struct vm *vm, struct loop *loop, struct error *err)
{
    *b = (struct boosts){.vm = vm, .loop = loop};
    list_init(&b->list);
    b->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (b->timer_fd < 0)
        return fail_errno(err, errno, "timerfd");
    b->io = (struct loop_io){.fd = b->timer_fd, .events = LOOP_READ, .ready = ready, .opaque = b};
    return loop_add(loop, &b->io, err);
}

void boosts_fini(struct boosts *b)
{
    if (!b->vm || b->timer_fd < 0)
        return;
    while (!list_empty(&b->list)) {
        struct boost *e = list_entry(b->list.next, struct boost, node);
        list_remove(&e->node);
        free(e);
    }
    loop_remove(b->loop, &b->io);
    close(b->timer_fd);
    b->timer_fd = -1;
}

void boost_begin(struct boosts *b, const struct limit *limit, unsigned n, uint64_t seconds)
{
    struct boost *e = find(b, limit, n);

    if (!e) {
        e = xcalloc(1, sizeof(*e));
        *e = (struct boost){.limit = limit, .n = n, .before = limit->get(b->vm, n)};
        list_append(&b->list, &e->node);
    }
    e->until = monotonic_ns() + seconds * 1000000000u;
    arm(b);
}

void boost_forget(struct boosts *b, const struct limit *limit, unsigned n)
{
    struct boost *e = find(b, limit, n);

    if (e) {
        list_remove(&e->node);
        free(e);
        arm(b);
    }
}

uint64_t boost_left(const struct boosts *b, const struct limit *limit, unsigned n)
{
    const struct boost *e = find(b, limit, n);
    uint64_t now = monotonic_ns();

    return e && e->until > now ? (e->until - now + 999999999u) / 1000000000u : 0;
}
