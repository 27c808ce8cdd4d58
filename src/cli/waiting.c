/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Waiting for something to happen in a guest.
 *
 *     boot     the console's last words are a prompt for a login or of a shell, and it is silent
 *     ssh      what answers on the port that leads to the guest's 22 says "SSH-"
 *     port:N   the guest has taken a connection on its port N
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "cli/guests.h"
#include "proto/place.h"

#define POLL_MS 200

struct waiting {
    struct client c;
    struct sockaddr_storage at;
    socklen_t at_len;
    unsigned port; /* of the guest */
    json_int_t written;
};

/* Prompts may be followed by questions to the terminal: ESC [ numbers letter. */
static size_t without_escapes(const char *text)
{
    size_t n = strlen(text);

    for (;;) {
        size_t k = n;
        if (!k || text[k - 1] < '@')
            return n;
        for (k--; k && strchr("0123456789;?", text[k - 1]);)
            k--;
        if (k < 2 || text[k - 1] != '[' || text[k - 2] != 033)
            return n;
        n = k - 2;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = without_escapes(text), m = strlen(end);

    return n >= m && !memcmp(text + n - m, end, m);
}

/* 1: it is so; 0: not yet. */
static int is_booted(struct waiting *w, struct error *err)
{
    static const char *const prompts[] = {"login: ", "# ", "$ ", "> "};
    json_t *args = json_pack("{s:i}", "bytes", 64), *r = NULL;
    int rc = client_call(&w->c, "tail", args, &r, err);

    json_decref(args);
    if (rc)
        return rc;
    const char *text = json_string_value(json_object_get(r, "text"));
    json_int_t written = json_integer_value(json_object_get(r, "written"));
    bool silent = written && written == w->written;
    w->written = written;
    for (size_t i = 0; silent && text && !rc && i < ARRAY_LEN(prompts); i++)
        rc = ends_with(text, prompts[i]);
    json_decref(r);
    return rc;
}

static int connect_port(const struct waiting *w)
{
    int fd = socket(w->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&w->at, w->at_len)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int has_ssh(struct waiting *w, struct error *err)
{
    auto_close int fd = connect_port(w);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char hello[4];

    (void)err;
    return fd >= 0 && poll(&p, 1, 5000) > 0 && recv(fd, hello, 4, MSG_WAITALL) == 4 &&
           !memcmp(hello, "SSH-", 4);
}

/* A connection that was taken by the guest stays open or says something. */
static int has_port(struct waiting *w, struct error *err)
{
    auto_close int fd = connect_port(w);
    json_t *args = json_pack("{s:i}", "port", (int)w->port), *r = NULL;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (fd >= 0)
        poll(&p, 1, POLL_MS); /* what we send in goes to the guest, its answer passes by */
    int rc = client_call(&w->c, "port", args, &r, err);
    json_decref(args);
    if (!rc)
        rc = json_is_true(json_object_get(r, "open"));
    json_decref(r);
    return rc;
}

/* Where on this host the way to the guest's port begins. */
static int find_forward(struct waiting *w, struct error *err)
{
    json_t *r = NULL, *f;
    size_t i;
    bool found = false;
    int rc = client_call(&w->c, "status", NULL, &r, err);

    if (rc)
        return rc;
    json_array_foreach(json_object_get(r, "forwards"), i, f) {
        struct sockaddr_in *in = (struct sockaddr_in *)&w->at;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&w->at;
        const char *address = json_string_value(json_object_get(f, "address"));
        uint16_t port = htons((uint16_t)json_integer_value(json_object_get(f, "port")));
        if (found || json_integer_value(json_object_get(f, "guest")) != (json_int_t)w->port ||
            !address || strcmp(json_string_value(json_object_get(f, "protocol")), "tcp"))
            continue;
        if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
            in->sin_family = AF_INET;
            in->sin_port = port;
            if (!in->sin_addr.s_addr)
                in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            w->at_len = sizeof(*in);
            found = true;
        } else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
            in6->sin6_family = AF_INET6;
            in6->sin6_port = port;
            w->at_len = sizeof(*in6);
            found = true;
        }
    }
    json_decref(r);
    return found ? 0
                 : fail(err, EINVAL, "%s: nothing leads to its port %u; try: --forward %u:%u",
                        w->c.name, w->port, w->port < 1024 ? w->port + 2200 : w->port, w->port);
}

static int parse(struct waiting *w, const char *what, int (**test)(struct waiting *, struct error *),
                 struct error *err)
{
    char *end;

    if (!strcmp(what, "boot")) {
        *test = is_booted;
        return 0;
    }
    if (!strcmp(what, "ssh")) {
        *test = has_ssh;
        w->port = 22;
        return 0;
    }
    if (!strncmp(what, "port:", 5)) {
        unsigned long n = strtoul(what + 5, &end, 10);
        *test = has_port;
        w->port = (unsigned)n;
        if (!*end && n && n < 65536)
            return 0;
    }
    return fail(err, EINVAL, "one can wait for boot, ssh or port:N, not for \"%s\"", what);
}

int guests_wait_for(const char *name, const char *what, uint64_t seconds, struct error *err)
{
    struct waiting w = {.written = -1};
    int (*test)(struct waiting *, struct error *) = NULL;
    uint64_t until = monotonic_ns() + seconds * 1000000000u;
    int rc = parse(&w, what, &test, err);

    if (!rc)
        rc = client_open(&w.c, name, err);
    if (rc)
        return rc;
    if (w.port)
        rc = find_forward(&w, err);
    while (!rc) {
        rc = test(&w, err);
        if (rc == -EPIPE)
            fail(err, EPIPE, "%s ended before that", name);
        if (rc)
            break;
        if (monotonic_ns() >= until)
            rc = fail(err, ETIMEDOUT, "%s: no sign of %s in %" PRIu64 " seconds", name, what,
                      seconds);
        else
            usleep(POLL_MS * 1000);
    }
    client_close(&w.c);
    return rc > 0 ? 0 : rc;
}

/* The name is free a moment after the last event. */
static void wait_free(const char *name)
{
    auto_close int run_fd = -1;
    struct error e;

    for (int i = 0; !place_run(false, &run_fd, &e) && place_is_claimed(run_fd, name) && i < 200;
         i++) {
        usleep(50000);
        base_close_fd(&run_fd);
        run_fd = -1;
    }
}

int guests_wait_end(struct client *c, int64_t ms, char **how, struct error *err)
{
    uint64_t until = monotonic_ns() + (uint64_t)MAX(ms, (int64_t)0) * 1000000u;

    *how = NULL;
    for (;;) {
        json_t *ev = NULL;
        int64_t left = ms < 0 ? -1 : ((int64_t)until - (int64_t)monotonic_ns()) / 1000000;
        int rc = left < 0 && ms >= 0 ? fail(err, ETIMEDOUT, "%s has not ended", c->name)
                                     : client_event(c, (int)left, &ev, err);
        if (rc == -EPIPE || rc == -ECONNRESET) {
            wait_free(c->name);
            if (!*how)
                *how = xstrdup("killed");
            return 0;
        }
        if (rc)
            return rc;
        if (!strcmp(json_string_value(json_object_get(ev, "event")), "end")) {
            const char *h =
                json_string_value(json_object_get(json_object_get(ev, "data"), "how"));
            free(*how);
            *how = xstrdup(h ? h : "failed");
        }
        json_decref(ev);
    }
}
