/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/standby.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/blocks.h"
#include "guest/move.h"
#include "guest/vm.h"
#include "proto/place.h"
#include "save/ram.h"

#define ASK_MS 30000
#define WORD 16

struct kept {
    struct save_section s;
    uint8_t *data;
};

struct list {
    struct kept *items;
    size_t n, room;
    uint64_t bytes;
};

struct standby {
    struct saved *saved;
    struct save_io io, *link;
    int listen_fd, run_fd;
    char *place;        /* in the run directory */
    bool linked, open;  /* open: an epoch is under way */
    bool go;
    uint64_t epochs, at; /* CLOCK_REALTIME of the last complete one */
    struct list coming, records;
};

/* ------------------------------------------------------------------------------------ sections */

static void forget(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].data);
    l->n = 0;
    l->bytes = 0;
}

static int keep(struct list *l, const struct save_section *s, uint64_t most, struct error *err)
{
    if (l->bytes + s->len > most)
        return fail(err, EFBIG, "an epoch of more than %" PRIu64 " bytes", most);
    if (l->n == l->room) {
        size_t room = 2 * l->room + 64;
        struct kept *items = xcalloc(room, sizeof(*items));
        if (l->n)
            memcpy(items, l->items, l->n * sizeof(*items));
        free(l->items);
        l->items = items;
        l->room = room;
    }
    uint8_t *data = malloc(s->len + 1);
    if (!data)
        return fail(err, ENOMEM, "no memory for an epoch of %" PRIu64 " bytes", l->bytes + s->len);
    memcpy(data, s->data, s->len);
    l->items[l->n] = (struct kept){*s, data};
    l->items[l->n++].s.data = data;
    l->bytes += s->len;
    return 0;
}

static int apply_one(struct vm *vm, const struct save_section *s, struct error *err)
{
    switch (s->kind) {
    case SAVE_PAGES: return ram_take_pages(&vm->machine, s, err);
    case SAVE_BLOCKS: return blocks_take(&vm->disks, s, err);
    default: return 0;
    }
}

/* All of an epoch is there: pages and blocks go where they belong, records stay for the day. */
static int complete(struct standby *sb, struct vm *vm, uint64_t at, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < sb->coming.n; i++)
        rc = apply_one(vm, &sb->coming.items[i].s, err);
    if (rc)
        return rc;
    disks_flush(&vm->disks);
    forget(&sb->records);
    for (size_t i = 0; !rc && i < sb->coming.n; i++)
        if (sb->coming.items[i].s.kind == SAVE_RECORD)
            rc = keep(&sb->records, &sb->coming.items[i].s, UINT64_MAX, err);
    forget(&sb->coming);
    sb->open = false;
    sb->at = at;
    if (!rc && !sb->epochs++)
        log_notice("%s: standing by", vm->guest.name);
    return rc ? rc : move_say(&sb->saved->answers, "kept", at, NULL, err);
}

static uint64_t most(const struct vm *vm)
{
    uint64_t n = UINT64_C(256) << 20;

    for (size_t i = 0; i < vm->machine.mem.nslots; i++)
        n += vm->machine.mem.slots[i]->size;
    for (unsigned i = 0; i < vm->disks.n; i++)
        n += vm->disks.blk[i]->size;
    return n;
}

static int take(struct standby *sb, struct vm *vm, const struct save_section *s, struct error *err)
{
    bool known = s->kind == SAVE_PAGES || s->kind == SAVE_BLOCKS || (s->kind == SAVE_RECORD && sb->open);

    if (s->kind == SAVE_MOVE && !strcmp(s->name, "begin") && !sb->open) {
        sb->open = true;
        return 0;
    }
    if (s->kind == SAVE_MOVE && !strcmp(s->name, "epoch") && sb->open)
        return complete(sb, vm, move_value(s), err);
    if (!known)
        return fail(err, EPROTO, "\"%s\" came out of turn", s->name);
    return sb->open ? keep(&sb->coming, s, most(vm), err) : apply_one(vm, s, err);
}

/* ------------------------------------------------------------------------------------ questions */

/* A word comes, an answer goes; true: the guest goes on here. */
static bool answer(struct standby *sb)
{
    auto_close int fd = accept4(sb->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    const struct timeval limit = {2, 0};
    char word[WORD] = "", text[200];

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (recv(fd, word, sizeof(word) - 1, 0) <= 0)
        return false;
    bool go = sb->epochs && (!strcmp(word, "force") || (!strcmp(word, "go") && !sb->linked));
    uint64_t now = move_now();
    int n = snprintf(text, sizeof(text), "{\"epochs\":%" PRIu64 ",\"age_ms\":%" PRIu64
                                         ",\"linked\":%s,\"taken\":%s}",
                     sb->epochs, sb->epochs && now > sb->at ? (now - sb->at) / 1000000 : 0,
                     sb->linked ? "true" : "false", go ? "true" : "false");
    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n && go;
}

/* What comes over the link; a question meanwhile is answered. -ECANCELED: the guest goes on here. */
static ssize_t standby_read(struct save_io *io, void *buf, size_t n)
{
    struct standby *sb = container_of(io, struct standby, io);

    for (;;) {
        struct pollfd p[2] = {{.fd = sb->saved->fd, .events = POLLIN},
                              {.fd = sb->listen_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (p[1].revents && answer(sb)) {
            sb->go = true;
            return -ECANCELED;
        }
        if (p[0].revents)
            return sb->link->read(sb->link, buf, n);
    }
}

static void wait_for_word(struct standby *sb)
{
    struct pollfd p = {.fd = sb->listen_fd, .events = POLLIN};

    while (!sb->go)
        if (poll(&p, 1, -1) > 0)
            sb->go = answer(sb);
}

/* -------------------------------------------------------------------------------------- whole */

int standby_create(struct saved *s, struct error *err)
{
    struct standby *sb = s->standby = xcalloc(1, sizeof(*sb));

    *sb = (struct standby){.saved = s,
                           .io = {.read = standby_read},
                           .link = s->in.io,
                           .listen_fd = -1,
                           .run_fd = -1,
                           .linked = true,
                           .place = xasprintf("%s.standby", s->description.config.name)};
    int rc = place_name_check(sb->place, err);
    if (!rc)
        rc = place_run(true, &sb->run_fd, err);
    if (!rc)
        rc = place_listen(sb->run_fd, sb->place, &sb->listen_fd, err);
    s->in.io = &sb->io;
    return rc;
}

void standby_destroy(struct standby *sb)
{
    if (!sb)
        return;
    if (sb->listen_fd >= 0) {
        auto_free char *file = xasprintf("%s.sock", sb->place);
        unlinkat(sb->run_fd, file, 0);
        close(sb->listen_fd);
    }
    base_close_fd(&sb->run_fd);
    forget(&sb->coming);
    forget(&sb->records);
    free(sb->coming.items);
    free(sb->records.items);
    free(sb->place);
    free(sb);
}

int standby_load(struct saved *s, struct vm *vm, struct save_machine_load *l, struct error *err)
{
    struct standby *sb = s->standby;
    struct save_section sec;
    int rc = 0;

    while (!rc) {
        rc = save_next(&s->in, &sec, err);
        if (!rc)
            rc = take(sb, vm, &sec, err);
    }
    sb->linked = false;
    if (!sb->go && !sb->epochs)
        return rc; /* nothing that could run */
    if (!sb->go) {
        log_warn("%s: nothing comes from the source any more (%s); its last complete state is here; try: "
                 "quad failover %s", vm->guest.name, err->text, vm->guest.name);
        wait_for_word(sb);
    }
    shutdown(s->fd, SHUT_RDWR);
    s->moving = false; /* it goes on from a state that was kept */
    rc = 0;
    for (size_t i = 0; !rc && i < sb->records.n; i++)
        rc = save_machine_take(l, &sb->records.items[i].s, err);
    return rc;
}

int standby_ask(const char *name, const char *how, json_t **out, struct error *err)
{
    auto_free char *place = xasprintf("%s.standby", name);
    const struct timeval limit = {ASK_MS / 1000, 0};
    auto_close int run_fd = -1;
    struct error ignored;
    char text[201] = "";
    int fd = -1;

    int rc = place_name_check(name, err);
    if (!rc && (place_run(false, &run_fd, &ignored) || place_connect(run_fd, place, &fd, &ignored)))
        rc = fail(err, ENOENT, "nothing stands by here for a guest %s; try: quad receive here, quad "
                               "replicate there", name);
    if (rc)
        return rc;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(fd, how, strlen(how), MSG_NOSIGNAL) < 0 || recv(fd, text, sizeof(text) - 1, 0) <= 0)
        rc = fail(err, ETIMEDOUT, "the standby of %s does not answer", name);
    close(fd);
    *out = rc ? NULL : json_loads(text, 0, NULL);
    return rc || *out ? rc : fail(err, EPROTO, "the standby of %s answers nonsense", name);
}
