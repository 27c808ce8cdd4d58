/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/client.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/loop.h"
#include "proto/folder.h"
#include "proto/place.h"

#define GREETING_MS 10000

/* The next message within timeout_ms (-1: any time). */
static int next_message(struct client *c, int timeout_ms, json_t **out, struct error *err)
{
    uint64_t until = monotonic_ns() / 1000000 + (uint64_t)MAX(timeout_ms, 0);
    struct error e = {0};

    for (;;) {
        *out = wire_next(&c->wire, &e);
        if (*out)
            return 0;
        if (e.code)
            return fail(err, e.code, "%s: %s", c->name, e.text);
        uint64_t now = monotonic_ns() / 1000000;
        if (timeout_ms >= 0 && now > until)
            return fail(err, ETIMEDOUT, "%s does not answer", c->name);
        struct pollfd p = {.fd = c->wire.fd, .events = POLLIN};
        int n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)(until - now) + 1);
        if (n < 0 && errno != EINTR)
            return fail_errno(err, errno, "%s", c->name);
        if (n > 0 && wire_fill(&c->wire, &e) < 0)
            return fail(err, e.code, "%s: %s", c->name, e.text);
    }
}

static int not_running(const char *name, struct error *err)
{
    if (folder_exists(name))
        return fail(err, ENOTCONN, "%s does not run; try: quad start %s", name, name);
    return roster_unknown(name, err);
}

int client_open(struct client *c, const char *name, struct error *err)
{
    struct error e = {0};
    auto_close int run_fd = -1;
    json_t *hello = NULL;
    int fd, rc;

    *c = (struct client){.wire.fd = -1};
    if (place_name_check(name, &e) || place_run(false, &run_fd, &e))
        return e.code == EPERM ? fail(err, e.code, "%s", e.text) : not_running(name, err);
    rc = place_connect(run_fd, name, &fd, &e);
    if (rc == -ENOENT || rc == -ECONNREFUSED)
        return not_running(name, err);
    if (rc)
        return fail(err, e.code, "%s", e.text);
    wire_init(&c->wire, fd);
    c->events = json_array();
    c->name = xstrdup(name);
    rc = next_message(c, GREETING_MS, &hello, err);
    if (!rc && json_integer_value(json_object_get(hello, "proto")) != WIRE_PROTO)
        rc = fail(err, EPROTO, "%s is run by another version of Quadrivium", name);
    c->pid = (int)json_integer_value(json_object_get(hello, "pid"));
    json_decref(hello);
    if (rc)
        client_close(c);
    return rc;
}

void client_close(struct client *c)
{
    wire_fini(&c->wire);
    json_decref(c->events);
    free(c->name);
    *c = (struct client){.wire.fd = -1};
}

static int take_answer(struct client *c, json_t *m, json_t **result, struct error *err)
{
    json_t *e = json_object_get(m, "error");

    if (e) {
        const char *text = json_string_value(json_object_get(e, "text"));
        int code = (int)json_integer_value(json_object_get(e, "code"));
        return fail(err, code > 0 ? code : EIO, "%s: %s", c->name, text ? text : "it refuses");
    }
    if (result)
        *result = json_incref(json_object_get(m, "ok"));
    return 0;
}

static int call(struct client *c, const char *what, json_t *args, const int *fds, unsigned nfds,
                int timeout_ms, json_t **result, struct error *err)
{
    json_t *m = json_pack("{s:I, s:s, s:O*, s:i}", "id", (json_int_t)++c->id, "do", what, "args",
                          args, "fds", (int)nfds);
    int rc = wire_put(&c->wire, m, fds, nfds, err);

    json_decref(m);
    if (!rc && wire_flush_all(&c->wire, timeout_ms))
        rc = fail(err, EPIPE, "%s has gone", c->name);
    while (!rc) {
        rc = next_message(c, timeout_ms, &m, err);
        if (rc)
            break;
        json_t *id = json_object_get(m, "id");
        if (id && (uint64_t)json_integer_value(id) == c->id) {
            rc = take_answer(c, m, result, err);
            json_decref(m);
            break;
        }
        if (json_object_get(m, "event"))
            json_array_append(c->events, m);
        json_decref(m);
    }
    return rc;
}

int client_call(struct client *c, const char *what, json_t *args, json_t **result,
                struct error *err)
{
    return call(c, what, args, NULL, 0, -1, result, err);
}

int client_call_fds(struct client *c, const char *what, json_t *args, const int *fds, unsigned nfds,
                    json_t **result, struct error *err)
{
    return call(c, what, args, fds, nfds, -1, result, err);
}

int client_call_timeout(struct client *c, const char *what, json_t *args, int timeout_ms,
                        json_t **result, struct error *err)
{
    return call(c, what, args, NULL, 0, timeout_ms, result, err);
}

int client_event(struct client *c, int timeout_ms, json_t **event, struct error *err)
{
    if (json_array_size(c->events)) {
        *event = json_incref(json_array_get(c->events, 0));
        json_array_remove(c->events, 0);
        return 0;
    }
    for (;;) {
        int rc = next_message(c, timeout_ms, event, err);
        if (rc || json_object_get(*event, "event"))
            return rc;
        json_decref(*event);
    }
}
