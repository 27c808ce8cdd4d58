/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This process can open no socket once its guest runs: a helper connects to PATH_P and hands the
 * descriptor back. It is asked with a port (32 bits) and answers one byte, with a descriptor or without.
 *
 * An end is one socket of the host: first without a connection (its line has not come), then with one.
 * pump() moves what can be moved, and is called when the socket or the device has something new.
 */
#include "net/vsock_unix.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/leftover.h"

#define ENDS_MAX (2 * VSOCK_CONNS)
#define PIECE 16384u
#define LINE_MAX_ 32u /* "CONNECT 4294967295\n" */

struct vsock_unix;

struct end {
    struct vsock_unix *owner;
    struct list_node node;
    struct loop_io io;
    int fd;
    int conn;        /* -1: the line is awaited */
    uint64_t serial; /* of the connection */
    bool called;     /* by the host: it wants to hear that it is open */
    bool eof, ended; /* the socket's stream has ended; the guest knows */
    bool shut;       /* the guest's has ended, and the socket knows */
    bool blocked;    /* the socket takes no more now */
    size_t len;
    uint8_t in[PIECE]; /* from the socket */
};

struct vsock_unix {
    struct vsock vsock;
    struct loop *loop;
    struct loop_io listener, kicked;
    int listen_fd, kick_fd;
    int helper_fd; /* where connections to the host's sockets come from */
    struct list_node ends;
    unsigned n;
    struct sockaddr_un addr;
};

static void end_close(struct end *e)
{
    loop_remove(e->owner->loop, &e->io);
    list_remove(&e->node);
    close(e->fd);
    e->owner->n--;
    free(e);
}

/* ------------------------------------------------------------------------------------- moving */

/* The first line says which port; what follows it is the stream's. False: it is none. */
static bool take_line(struct end *e)
{
    const struct vsock_front *f = &e->owner->vsock.front;
    const uint8_t *nl = memchr(e->in, '\n', e->len);
    char line[LINE_MAX_ + 1] = "", *rest;

    if (!nl)
        return e->len < LINE_MAX_ && !e->eof;
    size_t n = (size_t)(nl - e->in);
    if (n > LINE_MAX_)
        return false;
    memcpy(line, e->in, n);
    unsigned long port = strncmp(line, "CONNECT ", 8) ? 0 : strtoul(line + 8, &rest, 10);
    if (strncmp(line, "CONNECT ", 8) || rest == line + 8 || (*rest && *rest != '\r') || port > UINT32_MAX)
        return false;
    e->len -= n + 1;
    memmove(e->in, nl + 1, e->len);
    e->conn = f->call(f->opaque, (uint32_t)port);
    if (e->conn < 0)
        return false;
    struct vsock_look look;
    f->look(f->opaque, (unsigned)e->conn, &look);
    e->serial = look.serial;
    return true;
}

static void read_socket(struct end *e)
{
    size_t room = (e->conn < 0 ? LINE_MAX_ + 1 : PIECE) - e->len;

    if (e->eof || !room || (e->conn >= 0 && e->len))
        return;
    ssize_t n = read(e->fd, e->in + e->len, room);
    if (n > 0)
        e->len += (size_t)n;
    else if (!n || (errno != EAGAIN && errno != EINTR))
        e->eof = true;
}

/* False: nobody reads there any more. */
static bool to_socket(struct end *e)
{
    const struct vsock_front *f = &e->owner->vsock.front;
    uint8_t buf[PIECE];
    size_t len;

    e->blocked = false;
    while ((len = f->peek(f->opaque, (unsigned)e->conn, buf, sizeof(buf)))) {
        ssize_t n = send(e->fd, buf, len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            e->blocked = true;
            return true;
        }
        if (n <= 0)
            return false;
        f->take(f->opaque, (unsigned)e->conn, (size_t)n);
    }
    return true;
}

static bool to_guest(struct end *e, const struct vsock_look *look)
{
    const struct vsock_front *f = &e->owner->vsock.front;

    do {
        read_socket(e);
        size_t n = look->reads ? f->put(f->opaque, (unsigned)e->conn, e->in, e->len) : e->len;
        e->len -= n;
        memmove(e->in, e->in + n, e->len);
        if (!n)
            break;
    } while (!e->len);
    if (e->eof && !e->len && !e->ended) {
        f->end(f->opaque, (unsigned)e->conn);
        e->ended = true;
    }
    return true;
}

/* False: the end is over. */
static bool pump_open(struct end *e, const struct vsock_look *look)
{
    const struct vsock_front *f = &e->owner->vsock.front;
    struct vsock_look after;

    if (e->called) {
        char line[LINE_MAX_];
        int n = snprintf(line, sizeof(line), "OK %u\n", look->host_port);
        if (send(e->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
            return false;
        e->called = false;
    }
    if (!to_socket(e) || !to_guest(e, look))
        return false;
    f->look(f->opaque, (unsigned)e->conn, &after);
    if (after.serial != e->serial || after.state == VSOCK_FREE || (!after.sends && !after.reads))
        return after.serial == e->serial && after.waiting; /* the last bytes go first */
    if (!after.sends && !after.waiting && !e->shut) {
        shutdown(e->fd, SHUT_WR);
        e->shut = true;
    }
    return true;
}

static bool pump_once(struct end *e)
{
    const struct vsock_front *f = &e->owner->vsock.front;
    struct vsock_look look;

    if (!f->look)
        return false;
    if (e->conn < 0) {
        read_socket(e);
        return take_line(e);
    }
    f->look(f->opaque, (unsigned)e->conn, &look);
    if (look.serial != e->serial || look.state == VSOCK_FREE) {
        e->conn = -1; /* no longer its own */
        return false;
    }
    return look.state != VSOCK_OPEN || pump_open(e, &look);
}

static void pump(struct end *e)
{
    const struct vsock_front *f = &e->owner->vsock.front;

    if (!pump_once(e)) {
        if (e->conn >= 0 && f->drop)
            f->drop(f->opaque, (unsigned)e->conn);
        end_close(e);
        return;
    }
    bool reads = !e->eof && (e->conn < 0 || (!e->len && !e->called));
    loop_change(e->owner->loop, &e->io, (reads ? LOOP_READ : 0u) | (e->blocked ? LOOP_WRITE : 0u));
}

static void end_ready(void *opaque, unsigned events)
{
    struct end *e = opaque;

    /* A peer that is gone altogether, and has left nothing: there is no event to wait for. */
    if ((events & LOOP_HANGUP) && e->eof) {
        const struct vsock_front *f = &e->owner->vsock.front;
        if (e->conn >= 0 && f->drop)
            f->drop(f->opaque, (unsigned)e->conn);
        end_close(e);
        return;
    }
    pump(e);
}

/* ------------------------------------------------------------------------------- ends that come */

/* Takes fd. */
static struct end *end_new(struct vsock_unix *u, int fd)
{
    struct end *e = u->n < ENDS_MAX ? xcalloc(1, sizeof(*e)) : NULL;

    if (e) {
        e->owner = u;
        e->fd = fd;
        e->conn = -1;
        e->io = (struct loop_io){.fd = fd, .events = LOOP_READ, .ready = end_ready, .opaque = e};
    }
    if (!e || loop_add(u->loop, &e->io, NULL)) {
        close(fd);
        free(e);
        return NULL;
    }
    list_append(&u->ends, &e->node);
    u->n++;
    return e;
}

static void accept_one(void *opaque, unsigned events)
{
    struct vsock_unix *u = opaque;
    int fd = accept4(u->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct end *e = fd < 0 ? NULL : end_new(u, fd);

    (void)events;
    if (e)
        e->called = true;
}

static int connect_to(const struct sockaddr_un *path, uint32_t port)
{
    struct sockaddr_un a = *path;
    size_t at = strlen(a.sun_path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(a.sun_path + at, sizeof(a.sun_path) - at, "_%u", port); /* it fits: vsock_unix_open */
    return fd >= 0 && !connect(fd, (const struct sockaddr *)&a, sizeof(a)) ? take_fd(&fd) : -1;
}

union fd_message {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
};

/* The helper's process. */
static void connector(void *opaque)
{
    uint32_t port;

    while (recv(HELPER_FD, &port, sizeof(port), 0) == sizeof(port)) {
        auto_close int fd = connect_to(opaque, port);
        union fd_message c = {0};
        uint8_t yes = fd >= 0;
        struct iovec iov = {&yes, 1};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
        if (yes) {
            m.msg_control = &c;
            m.msg_controllen = sizeof(c);
            struct cmsghdr *h = CMSG_FIRSTHDR(&m);
            h->cmsg_level = SOL_SOCKET;
            h->cmsg_type = SCM_RIGHTS;
            h->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(h), &fd, sizeof(int));
        }
        if (sendmsg(HELPER_FD, &m, 0) < 0)
            return;
    }
}

/* A socket connected to PATH_port; negative: nobody listens there. */
static int ask_connector(struct vsock_unix *u, uint32_t port)
{
    union fd_message c;
    uint8_t yes = 0;
    struct iovec iov = {&yes, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    int fd = -1;

    if (send(u->helper_fd, &port, sizeof(port), MSG_NOSIGNAL) < 0 ||
        recvmsg(u->helper_fd, &m, MSG_CMSG_CLOEXEC) <= 0 || !yes)
        return -1;
    const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(h), sizeof(int));
    return fd;
}

/* The guest wants a port of the host. */
static void answer(struct vsock_unix *u, unsigned conn, const struct vsock_look *look)
{
    int fd = ask_connector(u, look->host_port);
    struct end *e = fd < 0 ? NULL : end_new(u, fd);

    if (e) {
        e->conn = (int)conn;
        e->serial = look->serial;
    }
    u->vsock.front.answer(u->vsock.front.opaque, conn, e != NULL);
}

static void on_kick(void *opaque, unsigned events)
{
    struct vsock_unix *u = opaque;
    const struct vsock_front *f = &u->vsock.front;
    uint64_t n;

    (void)events;
    if (read(u->kick_fd, &n, sizeof(n)) != sizeof(n))
        return;
    for (unsigned i = 0; f->look && i < VSOCK_CONNS; i++) {
        struct vsock_look look;
        f->look(f->opaque, i, &look);
        if (look.state == VSOCK_WANTED)
            answer(u, i, &look);
    }
    list_for_each_safe(it, &u->ends)
        pump(list_entry(it, struct end, node));
}

static void vsock_unix_kick(struct vsock *v)
{
    const uint64_t one = 1;

    if (write(container_of(v, struct vsock_unix, vsock)->kick_fd, &one, sizeof(one)) < 0)
        return; /* it is full of kicks */
}

static void vsock_unix_destroy(struct vsock *v)
{
    struct vsock_unix *u = container_of(v, struct vsock_unix, vsock);

    while (!list_empty(&u->ends))
        end_close(list_entry(u->ends.next, struct end, node));
    if (u->listener.node.next)
        loop_remove(u->loop, &u->listener);
    if (u->kicked.node.next)
        loop_remove(u->loop, &u->kicked);
    if (u->listen_fd >= 0) {
        close(u->listen_fd);
        leftover_remove(u->addr.sun_path);
    }
    base_close_fd(&u->kick_fd);
    base_close_fd(&u->helper_fd);
    free(u);
}

/* A socket file that nobody listens at is left over from a process that died. */
static int listen_at(struct vsock_unix *u, struct error *err)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    auto_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr *a = (const struct sockaddr *)&u->addr;

    if (connect(probe, a, sizeof(u->addr)) && errno == ECONNREFUSED)
        unlink(u->addr.sun_path);
    if (fd < 0 || bind(fd, a, sizeof(u->addr)) || listen(fd, 16))
        return fail_errno(err, errno, "cannot listen at %s", u->addr.sun_path);
    u->listen_fd = take_fd(&fd);
    leftover_add(u->addr.sun_path, unlink);
    u->listener = (struct loop_io){
        .fd = u->listen_fd, .events = LOOP_READ, .ready = accept_one, .opaque = u};
    return loop_add(u->loop, &u->listener, err);
}

int vsock_unix_open(const char *path, struct loop *loop, struct vsock **out, struct error *err)
{
    static const struct vsock_ops ops = {vsock_unix_kick, vsock_unix_destroy};
    struct vsock_unix *u = xcalloc(1, sizeof(*u));

    *u = (struct vsock_unix){.vsock.ops = &ops, .loop = loop, .listen_fd = -1, .kick_fd = -1, .helper_fd = -1};
    list_init(&u->ends);
    u->addr.sun_family = AF_UNIX;
    int rc = 0;
    if (!*path || strlen(path) >= sizeof(u->addr.sun_path) - 11)
        rc = fail(err, ENAMETOOLONG, "a socket's path has 1 to %zu bytes: \"%s\"",
                  sizeof(u->addr.sun_path) - 12, path);
    else
        strcpy(u->addr.sun_path, path);
    u->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!rc && u->kick_fd < 0)
        rc = fail_errno(err, errno, "eventfd");
    u->kicked = (struct loop_io){
        .fd = u->kick_fd, .events = LOOP_READ, .ready = on_kick, .opaque = u};
    if (!rc)
        rc = loop_add(loop, &u->kicked, err);
    if (!rc)
        rc = listen_at(u, err);
    if (!rc)
        rc = helper_start(
            &(struct helper){.name = "quad-vsock", .main = connector, .opaque = &u->addr},
            &u->helper_fd, err);
    if (rc) {
        vsock_unix_destroy(&u->vsock);
        return rc;
    }
    *out = &u->vsock;
    return 0;
}
