/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Requests and replies are JSON objects, one a line. Whoever comes first says a number of its own
 * behind a byte FFh, which ends whatever was begun before; the reply to that begins with FFh, too.
 */
#include "cli/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/loop.h"
#include "image/store.h"

#define REPLY_MAX (64u << 20) /* a guest's word for it is not enough */
#define CALL_MS 60000

/* ------------------------------------------------------------------------------------ base64 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
    const uint8_t *p = data;
    char *out = xcalloc(1, (len + 2) / 3 * 4 + 1), *o = out;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? p[i + 1] << 8 : 0) | (i + 2 < len ? p[i + 2] : 0);
        *o++ = digits[v >> 18];
        *o++ = digits[v >> 12 & 63];
        *o++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *o++ = i + 2 < len ? digits[v & 63] : '=';
    }
    return out;
}

uint8_t *base64_decode(const char *text, size_t *len)
{
    size_t n = strlen(text);
    uint8_t *out = xcalloc(1, n / 4 * 3 + 4), *o = out;
    uint32_t v = 0;
    unsigned bits = 0;

    for (; *text && *text != '='; text++) {
        const char *d = strchr(digits, *text);
        if (!d) {
            free(out);
            return NULL;
        }
        v = v << 6 | (uint32_t)(d - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (uint8_t)(v >> bits);
        }
    }
    *len = (size_t)(o - out);
    return out;
}

/* ------------------------------------------------------------------------------------- lines */

static int put(struct agent *a, const char *text, size_t len, uint64_t end, struct error *err)
{
    while (len) {
        struct pollfd p = {.fd = a->fd, .events = POLLOUT};
        if (monotonic_ns() > end)
            return fail(err, ETIMEDOUT, "the guest's agent takes nothing");
        poll(&p, 1, 100);
        ssize_t n = send(a->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return fail_errno(err, ENOTCONN, "the guest has gone");
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* One line, without its end, valid until the next; NULL: error. */
static char *get_line(struct agent *a, uint64_t end, struct error *err)
{
    size_t seen = 0;

    for (;;) {
        char *nl = a->len > seen ? memchr(a->buf + seen, '\n', a->len - seen) : NULL;
        if (nl) {
            *nl = 0;
            char *line = xstrdup(a->buf);
            a->len -= (size_t)(nl + 1 - a->buf);
            memmove(a->buf, nl + 1, a->len);
            return line;
        }
        seen = a->len;
        if (a->len + 65536 > a->room) {
            char *more = a->room < REPLY_MAX ? realloc(a->buf, a->room * 2 + 131072) : NULL;
            if (!more) {
                fail(err, EMSGSIZE, "the guest's agent answers without end");
                return NULL;
            }
            a->buf = more;
            a->room = a->room * 2 + 131072;
        }
        struct pollfd p = {.fd = a->fd, .events = POLLIN};
        if (monotonic_ns() > end) {
            fail(err, ETIMEDOUT, "the guest's agent does not answer");
            return NULL;
        }
        if (poll(&p, 1, 100) <= 0)
            continue;
        ssize_t n = recv(a->fd, a->buf + a->len, a->room - a->len, MSG_DONTWAIT);
        if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            fail(err, ENOTCONN, "the guest has gone");
            return NULL;
        }
        a->len += n > 0 ? (size_t)n : 0;
    }
}

static int request(struct agent *a, const char *what, json_t *args, const char *before, uint64_t end,
                   struct error *err)
{
    json_t *j = json_pack("{s:s, s:o*}", "execute", what, "arguments", args);
    auto_free char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    auto_free char *line = text ? xasprintf("%s%s\n", before, text) : NULL;

    json_decref(j);
    return line ? put(a, line, strlen(line), end, err) : fail(err, ENOMEM, "no memory");
}

int agent_call(struct agent *a, const char *what, json_t *args, json_t **answer, struct error *err)
{
    uint64_t end = monotonic_ns() + CALL_MS * UINT64_C(1000000);
    int rc = request(a, what, args, "", end, err);
    auto_free char *line = rc ? NULL : get_line(a, end, err);

    if (!line)
        return -err->code;
    json_t *j = json_loads(line, 0, NULL), *value = json_object_get(j, "return");
    const char *why = json_string_value(json_object_get(json_object_get(j, "error"), "desc"));
    if (!value)
        rc = fail(err, EIO, "the guest's agent refuses %s: %.300s", what, why ? why : "no reason given");
    else if (answer)
        *answer = json_incref(value);
    json_decref(j);
    return rc;
}

/* --------------------------------------------------------------------------------- beginning */

bool agent_is_there(const char *name)
{
    auto_free char *dir = store_path(STORE_GUESTS, name);
    auto_free char *path = xasprintf("%s/agent.sock", dir);

    return store_has(STORE_GUESTS, name) && !access(path, F_OK);
}

/* The socket's path may be longer than an address holds: it is named by its folder. */
static int connect_to(const char *name, struct error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    auto_free char *dir = store_path(STORE_GUESTS, name);

    if (!store_has(STORE_GUESTS, name))
        return fail(err, ENOENT, "there is no guest \"%s\"; try: quad run %s", name, name);
    auto_close int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (folder < 0 || fd < 0)
        return fail_errno(err, errno, "guest %s", name);
    snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/agent.sock", folder);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        return fail(err, ENOTCONN, "guest %s does not run, or has no channel for an agent (images "
                                   "have one)", name);
    return take_fd(&fd);
}

static int synchronize(struct agent *a, int ms, struct error *err)
{
    uint64_t end = monotonic_ns() + (uint64_t)ms * 1000000;
    uint32_t id = 0;

    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
        id = (uint32_t)monotonic_ns();
    id >>= 2;
    int rc = request(a, "guest-sync-delimited", json_pack("{s:i}", "id", (int)id), "\xff", end, err);
    while (!rc) {
        auto_free char *line = get_line(a, end, err);
        if (!line)
            return -err->code;
        const char *text = strrchr(line, '\xff');
        json_t *j = json_loads(text ? text + 1 : line, 0, NULL);
        bool ours = json_integer_value(json_object_get(j, "return")) == (json_int_t)id;
        json_decref(j);
        if (ours)
            return 0;
    }
    return rc;
}

int agent_open(struct agent *a, const char *name, int ms, struct error *err)
{
    *a = (struct agent){.fd = connect_to(name, err)};
    if (a->fd < 0)
        return a->fd;
    int rc = synchronize(a, ms, err);
    if (rc) {
        error_prefix(err, "guest %s", name);
        agent_close(a);
    }
    return rc;
}

void agent_close(struct agent *a)
{
    base_close_fd(&a->fd);
    free(a->buf);
    *a = (struct agent){.fd = -1};
}

json_t *agent_addresses(const char *name, int ms)
{
    json_t *cards = NULL, *card, *a, *list = json_array();
    struct error err;
    struct agent agent;
    size_t i, k;

    if (!agent_open(&agent, name, ms, &err)) {
        agent_call(&agent, "guest-network-get-interfaces", NULL, &cards, &err);
        agent_close(&agent);
    }
    json_array_foreach(cards, i, card)
        json_array_foreach(json_object_get(card, "ip-addresses"), k, a) {
            const char *text = json_string_value(json_object_get(a, "ip-address"));
            if (text && strncmp(text, "127.", 4) && strcmp(text, "::1") && strncmp(text, "fe80", 4))
                json_array_append_new(list, json_string(text));
        }
    if (!cards) {
        json_decref(list);
        return NULL;
    }
    json_decref(cards);
    return list;
}
