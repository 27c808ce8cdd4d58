/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket: a Unix stream socket that waits for one peer at a time. Output without a peer is kept
 * (the newest part) and is the first thing that the next peer gets.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/leftover.h"
#include "chr/chr_fd.h"

struct chr_socket {
    struct chr_fd fd;
    int listen_fd;
    struct loop_io listen_io;
    bool listening; /* watched */
};

static void socket_listen(struct chr_socket *s, bool on)
{
    if (on == s->listening)
        return;
    if (on) {
        s->listening = !loop_add(s->fd.loop, &s->listen_io, NULL);
    } else {
        loop_remove(s->fd.loop, &s->listen_io);
        s->listening = false;
    }
}

static void socket_peer(void *opaque, unsigned events)
{
    struct chr_socket *s = opaque;
    auto_close int peer = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (peer < 0)
        return;
    auto_close int out_fd = fcntl(peer, F_DUPFD_CLOEXEC, 3);
    if (out_fd < 0)
        return;
    socket_listen(s, false);
    chr_fd_attach(&s->fd, take_fd(&peer), take_fd(&out_fd), false, NULL);
    chr_front_event(&s->fd.chr.front, CHR_OPENED);
}

static void socket_closed(struct chr_fd *c)
{
    struct chr_socket *s = container_of(c, struct chr_socket, fd);

    chr_fd_detach(c);
    chr_front_event(&c->chr.front, CHR_CLOSED);
    socket_listen(s, true);
}

static void socket_fini(struct chr_fd *c)
{
    struct chr_socket *s = container_of(c, struct chr_socket, fd);

    socket_listen(s, false);
    if (s->listen_fd >= 0)
        leftover_remove(c->where);
    base_close_fd(&s->listen_fd);
}

/* A socket file that nobody listens at is left over from a dead process. */
static void unlink_stale(const struct sockaddr_un *addr)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
        errno == ECONNREFUSED)
        unlink(addr->sun_path);
}

int chr_socket_open(const char *path, struct loop *loop, struct chr **out, struct error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path))
        return fail(err, ENAMETOOLONG, "socket path longer than %zu letters: %s",
                    sizeof(addr.sun_path) - 1, path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    unlink_stale(&addr);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
        return fail_errno(err, errno, "cannot listen at %s", path);
    struct chr_socket *s =
        container_of(chr_fd_create(sizeof(*s), loop, path), struct chr_socket, fd);
    s->fd.on_close = socket_closed;
    s->fd.on_fini = socket_fini;
    s->listen_fd = take_fd(&fd);
    leftover_add(path, unlink);
    s->listen_io = (struct loop_io){
        .fd = s->listen_fd, .events = LOOP_READ, .ready = socket_peer, .opaque = s};
    socket_listen(s, true);
    if (!s->listening) {
        chr_destroy(&s->fd.chr);
        return fail(err, EINVAL, "cannot watch the socket %s", path);
    }
    *out = &s->fd.chr;
    return 0;
}
