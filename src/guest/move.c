/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/move.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REASON_MS 1000

/* -------------------------------------------------------------------------------- connections */

static int unix_address(const char *path, struct sockaddr_un *a, struct error *err)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof(a->sun_path))
        return fail(err, EINVAL, "unix:%s: a path of 1 to %zu bytes", path, sizeof(a->sun_path) - 1);
    strcpy(a->sun_path, path);
    return 0;
}

static int tcp_addresses(const char *where, bool passive, struct addrinfo **list, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    auto_free char *host = xstrdup(where);
    char *port = strrchr(host, ':'), *name = host;

    if (!port || port == host)
        return fail(err, EINVAL, "tcp:%s: no port; try: tcp:HOST:PORT", where);
    *port++ = 0;
    if (*name == '[' && name[strlen(name) - 1] == ']') {
        name[strlen(name) - 1] = 0;
        name++;
    }
    int rc = getaddrinfo(name, port, &hints, list);
    return rc ? fail(err, EINVAL, "tcp:%s: %s", where, gai_strerror(rc)) : 0;
}

static void set_up(int fd)
{
    const int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* no TCP socket: no matter */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

/* A socket of the first address that takes it. */
static int open_tcp(const char *where, bool passive, int *fd, struct error *err)
{
    struct addrinfo *list = NULL;
    const int one = 1;
    int rc = tcp_addresses(where, passive, &list, err);

    if (rc)
        return rc;
    rc = fail(err, EADDRNOTAVAIL, "tcp:%s: no such address", where);
    for (const struct addrinfo *a = list; a && rc; a = a->ai_next) {
        *fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (*fd < 0)
            continue;
        if (passive)
            setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (passive ? !bind(*fd, a->ai_addr, a->ai_addrlen) && !listen(*fd, 1)
                    : !connect(*fd, a->ai_addr, a->ai_addrlen))
            rc = 0;
        else
            rc = fail_errno(err, errno, "tcp:%s", where);
        if (rc)
            base_close_fd(fd);
    }
    freeaddrinfo(list);
    return rc;
}

static int open_unix(const char *path, bool passive, int *fd, struct error *err)
{
    struct sockaddr_un a;
    int rc = unix_address(path, &a, err);

    if (rc)
        return rc;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return fail_errno(err, errno, "socket");
    if (passive)
        unlink(path);
    if (passive ? bind(*fd, (struct sockaddr *)&a, sizeof(a)) || listen(*fd, 1)
                : connect(*fd, (struct sockaddr *)&a, sizeof(a))) {
        rc = fail_errno(err, errno, "unix:%s", path);
        base_close_fd(fd);
    }
    return rc;
}

static int open_any(const char *where, bool passive, int *fd, struct error *err)
{
    int rc;

    *fd = -1;
    if (!strncmp(where, "tcp:", 4))
        rc = open_tcp(where + 4, passive, fd, err);
    else if (!strncmp(where, "unix:", 5))
        rc = open_unix(where + 5, passive, fd, err);
    else
        return fail(err, EINVAL, "\"%s\" is no place; try: tcp:HOST:PORT or unix:PATH", where);
    if (!rc)
        set_up(*fd);
    return rc;
}

int move_connect(const char *where, int *fd, struct error *err)
{
    return open_any(where, false, fd, err);
}

int move_listen(const char *where, int *fd, struct error *err)
{
    return open_any(where, true, fd, err);
}

int move_accept(int listen_fd, int *fd, struct error *err)
{
    do
        *fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return fail_errno(err, errno, "accept");
    set_up(*fd);
    return 0;
}

bool move_is_local(int fd)
{
    int domain;
    socklen_t len = sizeof(domain);

    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX;
}

/* ----------------------------------------------------------------------------------- messages */

int move_say(struct save_out *o, const char *what, uint64_t value, const char *text,
             struct error *err)
{
    save_begin(o, SAVE_MOVE, what, 1);
    save_put_le(o, value, 8);
    save_put(o, text, text ? MIN(strlen(text), (size_t)400) : 0);
    return save_end(o, err);
}

uint64_t move_value(const struct save_section *s)
{
    struct save_cursor c = save_cursor(s);

    return save_take_le(&c, 8);
}

static int refused(const struct save_section *s, struct error *err)
{
    struct save_cursor c = save_cursor(s);
    char text[401] = "";
    size_t n = 0;

    save_take(&c, 8);
    for (; !c.bad && c.p < c.end && n < sizeof(text) - 1; c.p++)
        text[n++] = *c.p >= 0x20 && *c.p < 0x7f ? (char)*c.p : '?';
    return fail(err, ECONNREFUSED, "the other side refused: %s", text);
}

int move_hear(struct save_in *in, int fd, const char *what, int ms, uint64_t *value,
              struct error *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct save_section s;
    int n;

    do
        n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR);
    if (!n)
        return fail(err, ETIMEDOUT, "the other side does not say \"%s\"", what);
    uint64_t before = in->pos;
    int rc = save_next(in, &s, err);
    if (rc)
        return in->pos == before ? fail(err, EPIPE, "the other side has gone") : rc;
    if (s.kind == SAVE_MOVE && !strcmp(s.name, "refused"))
        return refused(&s, err);
    if (s.kind != SAVE_MOVE || strcmp(s.name, what))
        return fail(err, EPROTO, "the other side said \"%s\" where \"%s\" was due", s.name, what);
    if (value)
        *value = move_value(&s);
    return 0;
}

int move_reason(struct save_in *in, int fd, int rc, struct error *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct save_section s;
    struct error ignored;

    if ((rc != -EPIPE && rc != -ECONNRESET) || poll(&p, 1, REASON_MS) != 1 ||
        save_next(in, &s, &ignored) || s.kind != SAVE_MOVE || strcmp(s.name, "refused"))
        return rc;
    return refused(&s, err);
}

bool move_fault(const char *stage, int fd)
{
    static bool used; /* once in a process' life */
    const char *fault = getenv("QUAD_MOVE_FAULT");
    size_t n = strlen(stage);

    if (!fault || used || strncmp(fault, stage, n) || fault[n] != ':')
        return false;
    used = true;
    if (!strcmp(fault + n + 1, "kill"))
        kill(getpid(), SIGKILL);
    if (!strcmp(fault + n + 1, "cut"))
        shutdown(fd, SHUT_RDWR);
    return !strcmp(fault + n + 1, "fail");
}

uint64_t move_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}
