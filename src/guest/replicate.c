/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/replicate.h"

#include <time.h>

#include "guest/blocks.h"
#include "guest/migrate_parts.h"
#include "guest/move.h"
#include "guest/vm.h"
#include "save/machine.h"
#include "save/ram.h"

#define KEPT_MS 60000

/* A state of one moment as sections, on its way from the loop's thread to the move's. It lives as long as
 * the move: a call to the loop may still wait when the thread has given up. */
struct epoch {
    struct migrate *g;
    struct save_io io;
    struct save_out out;
    uint8_t *data;
    size_t len, room;
    uint64_t at, stopped_ns;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool over; /* guarded by lock, as the rest until it is set */
    int rc;
    struct error err;
};

static ssize_t epoch_write(struct save_io *io, const void *buf, size_t n)
{
    struct epoch *e = container_of(io, struct epoch, io);

    if (e->len + n > e->room) {
        size_t room = MAX(2 * e->room, e->len + n + (1u << 20));
        uint8_t *data = realloc(e->data, room);
        if (!data)
            return -ENOMEM;
        e->data = data;
        e->room = room;
    }
    memcpy(e->data + e->len, buf, n);
    e->len += n;
    return (ssize_t)n;
}

static int copy(struct epoch *e, struct error *err)
{
    struct vm *vm = e->g->vm;
    struct machine *m = &vm->machine;
    struct ram_writer w = {.out = &e->out, .zstd = e->g->options.compress};
    int rc = save_machine_check(m, err);

    if (rc)
        return rc;
    save_machine_settle(m);
    migrate_fetch(e->g);
    for (size_t i = 0; !rc && i < m->mem.nslots; i++)
        rc = ram_write_pages(&w, m->mem.slots[i], e->g->bitmap[i], err);
    ram_writer_fini(&w);
    if (!rc)
        rc = blocks_send(&e->out, &vm->disks, NULL, NULL, err);
    return rc ? rc : save_machine_write(&e->out, m, err);
}

/* Loop's thread. */
static void take(void *opaque)
{
    struct epoch *e = opaque;
    struct vm *vm = e->g->vm;
    uint64_t began = monotonic_ns();

    pthread_mutex_lock(&e->lock);
    if (vm->end != VM_RUNNING || migrate_cancelled(e->g, &e->err)) {
        e->rc = fail(&e->err, ECANCELED, "the guest has ended");
    } else {
        machine_stop(&vm->machine);
        e->at = move_now();
        e->rc = copy(e, &e->err);
        vm_go_on(vm);
    }
    e->stopped_ns = monotonic_ns() - began;
    e->over = true;
    pthread_cond_signal(&e->cond);
    pthread_mutex_unlock(&e->lock);
}

static int wait_taken(struct epoch *e, struct error *err)
{
    int rc = 0;

    pthread_mutex_lock(&e->lock);
    while (!e->over && !(rc = migrate_cancelled(e->g, err))) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&e->cond, &e->lock, &until);
    }
    if (!rc && e->rc) {
        *err = e->err;
        rc = e->rc;
    }
    pthread_mutex_unlock(&e->lock);
    return rc;
}

static int send_epoch(struct epoch *e, struct error *err)
{
    struct migrate *g = e->g;
    int rc = move_say(&g->out, "begin", 0, NULL, err);

    for (size_t at = 0; !rc && at < e->len;) {
        ssize_t n = g->io.io.write(&g->io.io, e->data + at, MIN(e->len - at, (size_t)1 << 20));
        if (n <= 0)
            return fail_errno(err, n ? (int)-n : EPIPE, "the standby");
        at += (size_t)n;
        g->out.pos += (uint64_t)n;
        rc = migrate_cancelled(g, err);
    }
    if (!rc && move_fault("epoch", g->fd))
        rc = fail(err, EIO, "fault: epoch");
    if (!rc)
        rc = move_say(&g->out, "epoch", e->at, NULL, err);
    return rc ? rc : move_hear(&g->in, g->fd, "kept", KEPT_MS, NULL, err);
}

/* Loop's thread: who asked for it hears that there is a standby. */
static void begun(void *opaque)
{
    struct migrate *g = opaque;
    const struct error none = {0};

    if (g->done)
        g->done(g->opaque, 0, &none);
    g->done = NULL;
}

static void kept(struct epoch *e)
{
    struct migrate *g = e->g;

    migrate_note(g, "standby", 0);
    pthread_mutex_lock(&g->lock);
    g->report.epochs++;
    g->report.epoch_bytes = e->len;
    g->report.kept_at = e->at;
    g->report.stopped_us = e->stopped_ns / 1000;
    pthread_mutex_unlock(&g->lock);
    if (g->report.epochs == 1)
        loop_call(&g->vm->loop, begun, g);
}

static int one_epoch(struct epoch *e, struct error *err)
{
    e->len = 0;
    e->over = false;
    e->rc = 0;
    e->out.io = &e->io;
    loop_call(&e->g->vm->loop, take, e);
    int rc = wait_taken(e, err);
    if (!rc)
        rc = send_epoch(e, err);
    if (!rc)
        kept(e);
    return rc;
}

static int rest_until(const struct migrate *g, uint64_t ns, struct error *err)
{
    int rc = migrate_cancelled(g, err);

    for (uint64_t now; !rc && (now = monotonic_ns()) < ns; rc = migrate_cancelled(g, err)) {
        const struct timespec ts = {0, (long)MIN(ns - now, UINT64_C(100000000))};
        nanosleep(&ts, NULL);
    }
    return rc;
}

int replicate_epochs(struct migrate *g, struct error *err)
{
    struct epoch *e = g->epoch = xcalloc(1, sizeof(*e));
    int rc = 0;

    *e = (struct epoch){.g = g, .io = {.write = epoch_write}};
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->cond, NULL);
    while (!rc) {
        uint64_t began = monotonic_ns();
        rc = one_epoch(e, err);
        if (!rc)
            rc = rest_until(g, began + g->options.every_ms * 1000000, err);
    }
    return rc;
}

void replicate_free(struct migrate *g)
{
    struct epoch *e = g->epoch;

    if (!e)
        return;
    save_fini(&e->out);
    free(e->data);
    pthread_cond_destroy(&e->cond);
    pthread_mutex_destroy(&e->lock);
    free(e);
    g->epoch = NULL;
}
