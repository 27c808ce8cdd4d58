/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire_out {
    struct list_node node;
    char *text;
    size_t len, done;
    int fds[WIRE_FDS_MAX];
    unsigned nfds;
};

void wire_init(struct wire *w, int fd)
{
    *w = (struct wire){.fd = fd};
    list_init(&w->out);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void out_free(struct wire_out *o)
{
    list_remove(&o->node);
    for (unsigned i = 0; i < o->nfds; i++)
        close(o->fds[i]);
    free(o->text);
    free(o);
}

void wire_fini(struct wire *w)
{
    if (!w->out.next)
        return;
    while (!list_empty(&w->out))
        out_free(list_entry(w->out.next, struct wire_out, node));
    for (unsigned i = 0; i < w->nfds; i++)
        close(w->fds[i]);
    free(w->in);
    base_close_fd(&w->fd);
    *w = (struct wire){.fd = -1};
}

/* What came beside the bytes; more than there is room for is closed, and told. */
static bool take_rights(struct wire *w, struct msghdr *m)
{
    bool fits = !(m->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (w->nfds < WIRE_FDS_MAX) {
                w->fds[w->nfds++] = fd;
            } else {
                close(fd);
                fits = false;
            }
        }
    }
    return fits;
}

int wire_fill(struct wire *w, struct error *err)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
        struct cmsghdr align;
    } control;

    if (w->in_room - w->in_len < 4096) {
        size_t room = MAX(w->in_room * 2, (size_t)8192);
        char *in = realloc(w->in, room);
        if (!in)
            return fail(err, ENOMEM, "out of memory");
        w->in = in;
        w->in_room = room;
    }
    struct iovec iov = {w->in + w->in_len, w->in_room - w->in_len};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(w->fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return fail_errno(err, errno, "the connection broke");
    if (!take_rights(w, &m))
        return fail(err, E2BIG, "more than %d descriptors are under way", WIRE_FDS_MAX);
    if (n == 0)
        return fail(err, EPIPE, "the other end has closed");
    w->in_len += (size_t)n;
    if (w->in_len > WIRE_LINE_MAX && !memchr(w->in, '\n', w->in_len))
        return fail(err, E2BIG, "a message of more than %u bytes", WIRE_LINE_MAX);
    return 1;
}

json_t *wire_next(struct wire *w, struct error *err)
{
    json_error_t why;

    err->code = 0;
    char *end = w->in_len ? memchr(w->in, '\n', w->in_len) : NULL;
    if (!end)
        return NULL;
    size_t len = (size_t)(end - w->in);
    json_t *msg = json_loadb(w->in, len, JSON_REJECT_DUPLICATES, &why);
    w->in_len -= len + 1;
    memmove(w->in, end + 1, w->in_len);
    if (!msg)
        fail(err, EPROTO, "not JSON: %s (column %d)", why.text, why.column);
    else if (!json_is_object(msg)) {
        json_decref(msg);
        msg = NULL;
        fail(err, EPROTO, "a message is an object");
    }
    return msg;
}

int wire_take_fd(struct wire *w)
{
    if (!w->nfds)
        return -1;
    int fd = w->fds[0];
    memmove(w->fds, w->fds + 1, --w->nfds * sizeof(int));
    return fd;
}

int wire_put(struct wire *w, const json_t *msg, const int *fds, unsigned nfds, struct error *err)
{
    struct wire_out *o = xcalloc(1, sizeof(*o));

    list_append(&w->out, &o->node);
    o->text = json_dumps(msg, JSON_COMPACT);
    o->len = o->text ? strlen(o->text) : 0;
    char *text = o->text ? realloc(o->text, o->len + 2) : NULL;
    if (!text) {
        out_free(o);
        return fail(err, ENOMEM, "a message that JSON cannot say");
    }
    memcpy(text + o->len++, "\n", 2);
    o->text = text;
    for (unsigned i = 0; i < nfds && i < WIRE_FDS_MAX; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            int code = errno;
            out_free(o);
            return fail_errno(err, code, "cannot pass descriptor %d", fds[i]);
        }
        o->fds[o->nfds++] = fd;
    }
    w->out_bytes += o->len;
    return w->out_bytes > WIRE_OUT_MAX ? fail(err, ENOBUFS, "the peer does not read") : 0;
}

static ssize_t out_send(struct wire *w, struct wire_out *o)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {o->text + o->done, o->len - o->done};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (!o->done && o->nfds) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * o->nfds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * o->nfds);
        memcpy(CMSG_DATA(c), o->fds, sizeof(int) * o->nfds);
    }
    return sendmsg(w->fd, &m, MSG_NOSIGNAL);
}

int wire_flush(struct wire *w)
{
    while (!list_empty(&w->out)) {
        struct wire_out *o = list_entry(w->out.next, struct wire_out, node);
        ssize_t n = out_send(w, o);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 1 : -errno;
        o->done += (size_t)n;
        w->out_bytes -= (size_t)n;
        if (o->done == o->len)
            out_free(o);
    }
    return 0;
}

int wire_flush_all(struct wire *w, int timeout_ms)
{
    int rc;

    while ((rc = wire_flush(w)) > 0) {
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        int n = poll(&p, 1, timeout_ms);
        if (n == 0)
            return -ETIMEDOUT;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
    return rc;
}
