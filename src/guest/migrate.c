/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/migrate.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trace.h"
#include "config/guest_config.h"
#include "guest/blocks.h"
#include "guest/describe.h"
#include "guest/migrate_parts.h"
#include "guest/move.h"
#include "guest/replicate.h"
#include "guest/vm.h"
#include "save/machine.h"
#include "save/ram.h"

#define ANSWER_MS 60000 /* the other side makes a machine */
#define COMMIT_MS 20000
#define TAKE_BACK_MS 5000
#define SLOW_PERIOD_MS 20
#define SLOW_STEP 20
#define SLOW_MOST 80

/* -------------------------------------------------------------------------------------- memory */

static uint64_t pages_of(const struct mem_slot *s)
{
    return s->size / PAGE_SIZE_4K;
}

uint64_t migrate_fetch(struct migrate *g)
{
    struct machine *m = &g->vm->machine;
    uint64_t n = 0;

    for (size_t i = 0; i < m->mem.nslots; i++) {
        uint64_t words = (pages_of(m->mem.slots[i]) + 63) / 64;
        m->engine.type->dirty(&m->engine, m->mem.slots[i], DIRTY_FETCH, g->bitmap[i]);
        for (uint64_t w = 0; w < words; w++)
            n += (uint64_t)__builtin_popcountll(g->bitmap[i][w]);
    }
    return n;
}

void migrate_note(struct migrate *g, const char *phase, uint64_t left)
{
    uint64_t ns = monotonic_ns() - g->began;

    pthread_mutex_lock(&g->lock);
    g->report.phase = phase;
    g->report.sent = g->out.pos;
    g->report.left = left;
    g->report.ms = ns / 1000000;
    g->report.rate = ns ? (uint64_t)((double)g->out.pos * 1e9 / (double)ns) : 0;
    g->report.slowed = MAX(g->report.slowed, __atomic_load_n(&g->slowed, __ATOMIC_RELAXED));
    pthread_mutex_unlock(&g->lock);
}

int migrate_cancelled(const struct migrate *g, struct error *err)
{
    return __atomic_load_n(&g->cancel, __ATOMIC_SEQ_CST) ? fail(err, ECANCELED, "cancelled") : 0;
}

/* After each section: not faster than asked for. */
static int pace(void *opaque, struct error *err)
{
    struct migrate *g = opaque;
    uint64_t sent = g->out.pos - g->pace_pos, limit = g->options.bandwidth;

    migrate_note(g, "copy", g->report.left);
    while (limit && !migrate_cancelled(g, err)) {
        uint64_t due = (uint64_t)((double)sent * 1e9 / (double)limit);
        uint64_t now = monotonic_ns() - g->pace_began;
        if (due <= now)
            break;
        uint64_t wait = MIN(due - now, UINT64_C(100000000));
        const struct timespec ts = {0, (long)wait};
        nanosleep(&ts, NULL);
    }
    return migrate_cancelled(g, err);
}

static int pace_memory(struct ram_writer *w, struct error *err)
{
    return pace(w->opaque, err);
}

/* Of disks, what is marked. */
static int send_disks(struct migrate *g, struct error *err)
{
    return g->options.copy_disks ? blocks_send(&g->out, &g->vm->disks, pace, g, err) : 0;
}

/* The pools take it with nothing in flight. */
static void track(struct migrate *g, bool on)
{
    machine_stop(&g->vm->machine);
    save_machine_settle(&g->vm->machine);
    blocks_track(&g->vm->disks, on);
}

static int send_memory(struct migrate *g, bool all, struct error *err)
{
    struct machine *m = &g->vm->machine;
    struct ram_writer w = {.out = &g->out, .zstd = g->options.compress, .pace = pace_memory, .opaque = g};
    int rc = 0;

    for (size_t i = 0; !rc && i < m->mem.nslots; i++)
        rc = ram_write_pages(&w, m->mem.slots[i], all ? NULL : g->bitmap[i], err);
    ram_writer_fini(&w);
    return rc;
}

/* ---------------------------------------------------------------------------- slowing it down */

/* The guest stands still for a share of each period. */
static void slow(void *opaque)
{
    struct migrate *g = opaque;
    unsigned percent = __atomic_load_n(&g->slowed, __ATOMIC_RELAXED);
    const struct timespec ts = {0, (long)percent * SLOW_PERIOD_MS * 10000};

    if (g->over || g->holds || g->vm->paused || g->vm->end != VM_RUNNING)
        return;
    machine_stop(&g->vm->machine);
    nanosleep(&ts, NULL);
    vm_go_on(g->vm);
}

static void *slow_thread(void *opaque)
{
    struct migrate *g = opaque;
    const struct timespec ts = {0, SLOW_PERIOD_MS * 1000000};

    while (!__atomic_load_n(&g->cancel, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&g->slowed, __ATOMIC_SEQ_CST)) {
        loop_call(&g->vm->loop, slow, g);
        nanosleep(&ts, NULL);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- while it runs */

static int greet(struct migrate *g, struct error *err)
{
    uint8_t uuid[16];
    int rc = guest_config_uuid(g->vm->config, uuid, err);

    if (rc)
        return rc;
    save_open(&g->out, &g->io.io, SAVE_F_PAGES | (g->options.compress ? SAVE_F_ZSTD : 0) |
                                    (g->options.copy_disks ? SAVE_F_BLOCKS : 0) |
                                    (g->options.every_ms ? SAVE_F_EPOCHS : 0), uuid);
    rc = describe_write(&g->out, g->vm, err);
    if (!rc && move_fault("hello", g->fd))
        rc = fail(err, EIO, "fault: hello");
    if (!rc)
        rc = save_start(&g->in, &g->io.io, err);
    return rc ? rc : move_hear(&g->in, g->fd, "ready", ANSWER_MS, NULL, err);
}

/* Rounds until what is left goes in the time that the guest may stand still. */
static int copy_rounds(struct migrate *g, pthread_t *slower, bool *slowing, struct error *err)
{
    uint64_t before = UINT64_MAX;

    int rc = send_disks(g, err);
    migrate_fetch(g);
    if (!rc)
        rc = send_memory(g, true, err);
    for (unsigned round = 1; !rc; round++) {
        uint64_t left = migrate_fetch(g) * PAGE_SIZE_4K;
        left += g->options.copy_disks ? blocks_left(&g->vm->disks) : 0;
        uint64_t rate = MAX(g->report.rate, UINT64_C(1));
        if (g->options.bandwidth)
            rate = MIN(rate, g->options.bandwidth);
        migrate_note(g, "copy", left);
        g->report.rounds = round;
        TRACE(migrate_round, "round=%u left=%" PRIu64 " rate=%" PRIu64 " slowed=%u", round, left, rate,
              g->slowed);
        if (move_fault("round", g->fd))
            return fail(err, EIO, "fault: round");
        rc = send_disks(g, err);
        if (!rc)
            rc = send_memory(g, false, err);
        if (left * 1000 <= rate * g->options.downtime_ms || round >= g->options.rounds)
            break;
        if (g->options.converge && left > before / 2 && round > 1 && g->slowed < SLOW_MOST) {
            __atomic_add_fetch(&g->slowed, SLOW_STEP, __ATOMIC_SEQ_CST);
            if (!*slowing)
                *slowing = !pthread_create(slower, NULL, slow_thread, g);
        }
        before = left;
    }
    return rc;
}

static void finish(void *opaque);

static void *migrate_thread(void *opaque)
{
    struct migrate *g = opaque;
    pthread_t slower;
    bool slowing = false;

    g->rc = greet(g, &g->error);
    g->pace_began = monotonic_ns();
    g->pace_pos = g->out.pos;
    if (!g->rc)
        g->rc = copy_rounds(g, &slower, &slowing, &g->error);
    if (!g->rc && g->options.every_ms)
        g->rc = replicate_epochs(g, &g->error);
    g->rc = move_reason(&g->in, g->fd, g->rc, &g->error);
    if (!g->rc && !g->options.copy_disks)
        disks_flush(&g->vm->disks); /* so that little is left to wait for */
    if (slowing) {
        __atomic_store_n(&g->slowed, 0, __ATOMIC_SEQ_CST);
        pthread_join(slower, NULL);
    }
    loop_call(&g->vm->loop, finish, g);
    return NULL;
}

/* ------------------------------------------------------------------------------------ the commit */

static void give_up(struct migrate *g)
{
    struct vm *vm = g->vm;
    struct error err = {0};

    g->holds = false;
    /* The other side lets go of their locks as soon as it sees that the link is dead. */
    int rc = disks_take(&vm->disks, &err);
    for (unsigned ms = 0; rc && ms < TAKE_BACK_MS; ms += 20) {
        const struct timespec ts = {0, 20000000};
        nanosleep(&ts, NULL);
        rc = disks_take(&vm->disks, &err);
    }
    if (rc) {
        log_error("%s: it stays paused: %s; try: quad resume %s", vm->guest.name, err.text,
                  vm->guest.name);
        vm->paused = true;
        vm_set_state(vm, GUEST_PAUSED);
        return;
    }
    vm_go_on(vm);
}

static int send_rest(struct migrate *g, struct error *err)
{
    struct machine *m = &g->vm->machine;

    g->options.bandwidth = 0;
    uint64_t pages = migrate_fetch(g);
    int rc = send_disks(g, err);
    if (!rc)
        rc = send_memory(g, false, err);
    TRACE(migrate_stage, "memory sent, %" PRIu64 " pages", pages);
    if (!rc)
        rc = save_machine_write(&g->out, m, err);
    TRACE(migrate_stage, "records sent");
    if (!rc)
        rc = move_say(&g->out, "stopped", g->stopped_at, NULL, err);
    if (rc)
        return rc;
    save_begin(&g->out, SAVE_END, "", 1);
    rc = save_end(&g->out, err);
    if (!rc && move_fault("stopped", g->fd))
        rc = fail(err, EIO, "fault: stopped");
    return rc ? rc : move_hear(&g->in, g->fd, "loaded", COMMIT_MS, NULL, err);
}

/* 0: it runs there; -EINPROGRESS: nobody here knows; else it never left. */
static int commit(struct migrate *g, struct error *err)
{
    struct vm *vm = g->vm;
    const struct timeval limit = {COMMIT_MS / 1000, 0};
    struct error why;
    uint64_t began = monotonic_ns();

    setsockopt(g->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(g->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    machine_stop(&vm->machine);
    g->stopped_at = move_now();
    TRACE(migrate_stage, "stopped");
    g->holds = true;
    int rc = save_machine_check(&vm->machine, err);
    if (rc)
        return rc;
    save_machine_settle(&vm->machine);
    TRACE(migrate_stage, "settled");
    if (!g->options.copy_disks)
        rc = disks_give(&vm->disks, !g->options.remote && move_is_local(g->fd), err);
    if (rc)
        return rc;
    TRACE(migrate_stage, "disks given");
    migrate_note(g, "stop", 0);
    rc = move_reason(&g->in, g->fd, send_rest(g, err), err);
    if (!rc && move_fault("go", g->fd))
        rc = fail(err, EIO, "fault: go");
    if (rc)
        return rc;
    /* The point of no return: from the first byte of this on it is theirs. */
    uint64_t before = g->out.pos;
    rc = move_say(&g->out, "go", 0, NULL, &why);
    if (rc && g->out.pos == before)
        return fail(err, why.code, "%s", why.text);
    (void)move_fault("running", g->fd);
    if (!rc)
        rc = move_hear(&g->in, g->fd, "running", COMMIT_MS, NULL, &why);
    g->report.stopped_us = (monotonic_ns() - began) / 1000;
    if (!rc)
        return 0;
    return fail(err, EINPROGRESS, "the link died inside the commit (%s): the guest may run there, and "
                                  "stays paused here; try: quad migrate --resolve here|there %s",
                why.text, vm->guest.name);
}

static void tell(struct migrate *g, int rc, const struct error *err)
{
    migrate_note(g, !rc ? "done" : rc == -EINPROGRESS ? "doubt" : "failed", 0);
    if (g->done)
        g->done(g->opaque, rc, err);
    else if (rc && g->options.every_ms)
        log_warn("%s: nothing is sent to the standby any more: %s", g->vm->guest.name, err->text);
    g->done = NULL;
}

/* Loop's thread: the rest, with the guest standing still. */
static void finish(void *opaque)
{
    struct migrate *g = opaque;
    struct vm *vm = g->vm;
    struct error err = g->error;
    int rc = g->rc;

    if (!g->joined)
        pthread_join(g->thread, NULL);
    g->joined = true;
    if (!rc && (vm->end != VM_RUNNING || migrate_cancelled(g, &err)))
        rc = -ECANCELED;
    if (!rc && vm->paused)
        rc = fail(&err, EBUSY, "the guest was paused meanwhile");
    bool committing = !rc;
    if (!rc)
        rc = commit(g, &err);
    g->over = true;
    shutdown(g->fd, SHUT_RDWR); /* others may hold copies of it */
    close(take_fd(&g->fd));
    if (g->options.copy_disks) {
        track(g, false);
        if (!committing && vm->end == VM_RUNNING)
            vm_go_on(vm);
    }
    if (rc == -EINPROGRESS) {
        g->doubt = vm->paused = true;
        vm_set_state(vm, GUEST_PAUSED);
    } else if (rc && committing) {
        give_up(g);
    }
    tell(g, rc, &err);
    if (!rc)
        vm_end(vm, VM_MOVED);
}

/* ------------------------------------------------------------------------------------- outside */

void migrate_blockers(struct vm *vm, void (*say)(void *opaque, const char *text), void *opaque)
{
    if (vm->migrate && (!vm->migrate->over || vm->migrate->doubt))
        say(opaque, "the guest is moving already");
    else if (vm->paused)
        say(opaque, "the guest is paused; try: quad resume, quad save");
    if (vm->gdb)
        say(opaque, "a debugger holds the guest");
    if (vm->machine.tape || vm->machine.deterministic)
        say(opaque, "a deterministic guest's time is its own; it cannot move");
    save_machine_blockers(&vm->machine, say, opaque);
}

static void forget(struct vm *vm)
{
    struct migrate *g = vm->migrate;

    if (!g)
        return;
    for (size_t i = 0; i < MEM_SLOTS_MAX; i++)
        free(g->bitmap[i]);
    replicate_free(g);
    save_fini(&g->out);
    save_in_fini(&g->in);
    pthread_mutex_destroy(&g->lock);
    free(g);
    vm->migrate = NULL;
}

int migrate_start(struct vm *vm, int fd, const struct migrate_options *o,
                  void (*done)(void *opaque, int rc, const struct error *err), void *opaque,
                  struct error *err)
{
    struct error found = {0};

    migrate_blockers(vm, save_first_blocker, &found);
    if (found.code) {
        close(fd);
        return fail(err, found.code, "%s", found.text);
    }
    forget(vm);
    struct migrate *g = vm->migrate = xcalloc(1, sizeof(*g));
    *g = (struct migrate){.vm = vm,
                          .fd = fd,
                          .options = *o,
                          .done = done,
                          .opaque = opaque,
                          .began = monotonic_ns(),
                          .report = {.phase = "connect"}};
    pthread_mutex_init(&g->lock, NULL);
    save_io_fd_init(&g->io, fd);
    for (size_t i = 0; i < vm->machine.mem.nslots; i++) {
        g->report.total += vm->machine.mem.slots[i]->size;
        g->bitmap[i] = xcalloc((pages_of(vm->machine.mem.slots[i]) + 63) / 64, 8);
    }
    if (o->copy_disks) {
        track(g, true);
        for (unsigned i = 0; i < vm->disks.n; i++)
            g->report.total += vm->disks.readonly[i] ? 0 : vm->disks.blk[i]->size;
        vm_go_on(vm);
    }
    int rc = pthread_create(&g->thread, NULL, migrate_thread, g);
    if (rc) {
        close(fd);
        forget(vm);
        return fail_errno(err, rc, "cannot start a thread");
    }
    return 0;
}

bool migrate_status(struct vm *vm, struct migrate_report *r)
{
    struct migrate *g = vm->migrate;

    if (!g)
        return false;
    pthread_mutex_lock(&g->lock);
    *r = g->report;
    pthread_mutex_unlock(&g->lock);
    return true;
}

int migrate_cancel(struct vm *vm, struct error *err)
{
    struct migrate *g = vm->migrate;

    if (!g || g->over)
        return fail(err, ESRCH, "the guest is not moving");
    __atomic_store_n(&g->cancel, true, __ATOMIC_SEQ_CST);
    shutdown(g->fd, SHUT_RDWR);
    return 0;
}

int migrate_resolve(struct vm *vm, bool here, struct error *err)
{
    struct migrate *g = vm->migrate;

    if (!g || !g->doubt)
        return fail(err, ESRCH, "there is no doubt about where the guest runs");
    if (!here) {
        g->doubt = false;
        vm_end(vm, VM_MOVED);
        return 0;
    }
    /* Its disks tell, too: a guest that runs there holds their locks. */
    int rc = disks_take(&vm->disks, err);
    if (rc)
        return rc;
    g->doubt = g->holds = vm->paused = false;
    vm_set_state(vm, GUEST_RUNNING);
    vm_go_on(vm);
    return 0;
}

bool migrate_holds(const struct vm *vm)
{
    return vm->migrate && vm->migrate->holds;
}

void migrate_end(struct vm *vm)
{
    struct migrate *g = vm->migrate;
    struct error err;

    if (!g)
        return;
    if (!g->joined) {
        __atomic_store_n(&g->cancel, true, __ATOMIC_SEQ_CST);
        shutdown(g->fd, SHUT_RDWR);
        pthread_join(g->thread, NULL);
        close(g->fd);
        tell(g, fail(&err, ECANCELED, "the guest has ended"), &err);
    }
    forget(vm);
}
