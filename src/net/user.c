/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * user: a network without rights: libslirp terminates the guest's TCP and UDP in ordinary sockets
 * of the host, and answers DHCP, DNS and ping.
 *
 *   10.0.2.0/24 (fec0::/64)   10.0.2.2 the host   10.0.2.3 DNS   10.0.2.15 the guest
 *
 * It runs in a process of its own: a socket pair carries the frames, its end ends the process. The
 * library is loaded there only, so that no other role pays for it.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "net/net_open.h"

int net_forward_parse(struct net_forward *f, const char *text, struct error *err)
{
    const char *p = text, *port, *guest;
    char *end;
    struct in_addr ignored;

    *f = (struct net_forward){.address = "127.0.0.1"};
    f->udp = !strncmp(p, "udp:", 4);
    p += f->udp || !strncmp(p, "tcp:", 4) ? 4 : 0;
    guest = strrchr(p, ':');
    if (!guest)
        goto bad;
    for (port = guest; port > p && port[-1] != ':';)
        port--;
    if (port > p) {
        size_t len = (size_t)(port - 1 - p);
        if (len >= sizeof(f->address))
            goto bad;
        memcpy(f->address, p, len);
        f->address[len] = 0;
        if (inet_pton(AF_INET, f->address, &ignored) != 1)
            goto bad;
    }
    unsigned long h = strtoul(port, &end, 10);
    if (end != guest || !h || h > 65535)
        goto bad;
    unsigned long g = strtoul(guest + 1, &end, 10);
    if (*end || end == guest + 1 || !g || g > 65535)
        goto bad;
    f->host_port = (uint16_t)h;
    f->guest_port = (uint16_t)g;
    return 0;
bad:
    return fail(err, EINVAL, "\"%s\" is no forward; try: 2222:22, udp:127.0.0.1:5353:53", text);
}

#if __has_include(<slirp/libslirp.h>)
#include <slirp/libslirp.h>

#define TIMERS 8
#define POLLS 1024

struct slirp_timer {
    SlirpTimerCb fn;
    void *opaque;
    int64_t at; /* ms; 0: not armed */
    bool used;
};

struct helper { /* the process' only object */
    int fd;
    Slirp *slirp;
    struct slirp_timer timers[TIMERS];
    struct pollfd polls[POLLS];
    int n;
    uint8_t buf[NET_FRAME_MAX];
    __typeof__(&slirp_new) make;
    __typeof__(&slirp_add_hostfwd) add_forward;
    __typeof__(&slirp_input) input;
    __typeof__(&slirp_pollfds_fill) fill;
    __typeof__(&slirp_pollfds_poll) poll;
};

static int64_t now_ns(void *opaque)
{
    (void)opaque;
    return (int64_t)monotonic_ns();
}

/* A guest that does not look for a moment loses nothing; one that sleeps does not hold us up. */
static ssize_t to_guest(const void *buf, size_t len, void *opaque)
{
    struct helper *h = opaque;
    struct pollfd p = {.fd = h->fd, .events = POLLOUT};

    for (unsigned tries = 0; tries < 2; tries++) {
        ssize_t n = send(h->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0 || errno != EAGAIN)
            break;
        poll(&p, 1, 20);
    }
    return (ssize_t)len;
}

static void guest_error(const char *text, void *opaque)
{
    (void)text; /* a guest's nonsense is its own business */
    (void)opaque;
}

static void *timer_make(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
    struct helper *h = opaque;

    for (unsigned i = 0; i < TIMERS; i++)
        if (!h->timers[i].used) {
            h->timers[i] = (struct slirp_timer){fn, fn_opaque, 0, true};
            return &h->timers[i];
        }
    abort(); /* the library has one */
}

static void timer_drop(void *timer, void *opaque)
{
    (void)opaque;
    *(struct slirp_timer *)timer = (struct slirp_timer){0};
}

static void timer_at(void *timer, int64_t ms, void *opaque)
{
    (void)opaque;
    ((struct slirp_timer *)timer)->at = ms;
}

static void no_fd(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void no_notify(void *opaque)
{
    (void)opaque;
}

static int poll_add(int fd, int events, void *opaque)
{
    struct helper *h = opaque;

    if (h->n == POLLS)
        return -1;
    h->polls[h->n] = (struct pollfd){.fd = fd};
    if (events & SLIRP_POLL_IN)
        h->polls[h->n].events |= POLLIN;
    if (events & SLIRP_POLL_OUT)
        h->polls[h->n].events |= POLLOUT;
    if (events & SLIRP_POLL_PRI)
        h->polls[h->n].events |= POLLPRI;
    return h->n++;
}

static int poll_result(int i, void *opaque)
{
    const struct helper *h = opaque;
    int r = i >= 0 && i < h->n ? h->polls[i].revents : 0;

    return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
           (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/* False: the guest's process has gone. */
static bool from_guest(struct helper *h)
{
    for (unsigned n = 0; n < 64; n++) {
        ssize_t len = recv(h->fd, h->buf, sizeof(h->buf), MSG_DONTWAIT);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        if (!len)
            return false;
        h->input(h->slirp, h->buf, (int)len);
    }
    return true;
}

static uint32_t run_timers(struct helper *h, uint32_t timeout)
{
    int64_t now = now_ns(NULL) / 1000000;

    for (unsigned i = 0; i < TIMERS; i++) {
        struct slirp_timer *t = &h->timers[i];
        if (t->at && t->at <= now) {
            t->at = 0;
            t->fn(t->opaque);
        }
        if (t->at)
            timeout = (uint32_t)MIN((int64_t)timeout, MAX(t->at - now, INT64_C(0)));
    }
    return timeout;
}

static void serve(struct helper *h)
{
    for (;;) {
        uint32_t timeout = 60000;
        h->n = 0;
        h->fill(h->slirp, &timeout, poll_add, h);
        int own = h->n == POLLS ? POLLS - 1 : h->n;
        h->polls[own] = (struct pollfd){.fd = h->fd, .events = POLLIN};
        timeout = run_timers(h, timeout);
        int rc = poll(h->polls, (nfds_t)own + 1, (int)timeout);
        if (rc < 0 && errno != EINTR)
            return;
        if (rc > 0 && h->polls[own].revents && !from_guest(h))
            return;
        h->n = own;
        h->poll(h->slirp, rc < 0, poll_result, h);
    }
}

static int load(struct helper *h, struct error *err)
{
    void *lib = dlopen("libslirp.so.0", RTLD_NOW);

    if (!lib)
        return fail(err, ENOENT, "user network: libslirp is not there; try: apt install libslirp0");
    h->make = (__typeof__(h->make))dlsym(lib, "slirp_new");
    h->add_forward = (__typeof__(h->add_forward))dlsym(lib, "slirp_add_hostfwd");
    h->input = (__typeof__(h->input))dlsym(lib, "slirp_input");
    h->fill = (__typeof__(h->fill))dlsym(lib, "slirp_pollfds_fill");
    h->poll = (__typeof__(h->poll))dlsym(lib, "slirp_pollfds_poll");
    if (!h->make || !h->add_forward || !h->input || !h->fill || !h->poll)
        return fail(err, ENOTSUP, "user network: this libslirp is too old");
    return 0;
}

static int start(struct helper *h, const struct net_forward *forwards, unsigned n,
                 struct error *err)
{
    static const SlirpCb callbacks = {.send_packet = to_guest,
                                      .guest_error = guest_error,
                                      .clock_get_ns = now_ns,
                                      .timer_new = timer_make,
                                      .timer_free = timer_drop,
                                      .timer_mod = timer_at,
                                      .register_poll_fd = no_fd,
                                      .unregister_poll_fd = no_fd,
                                      .notify = no_notify};
    SlirpConfig c = {.version = 1, .in_enabled = true, .in6_enabled = true, .vprefix_len = 64};
    struct in_addr guest, host;
    int rc = load(h, err);

    if (rc)
        return rc;
    inet_pton(AF_INET, "10.0.2.0", &c.vnetwork);
    inet_pton(AF_INET, "255.255.255.0", &c.vnetmask);
    inet_pton(AF_INET, "10.0.2.2", &c.vhost);
    inet_pton(AF_INET, "10.0.2.3", &c.vnameserver);
    inet_pton(AF_INET, "10.0.2.15", &c.vdhcp_start);
    inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &c.vhost6);
    inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
    h->slirp = h->make(&c, &callbacks, h);
    if (!h->slirp)
        return fail(err, EIO, "user network: libslirp does not start");
    guest = c.vdhcp_start;
    for (unsigned i = 0; i < n; i++) {
        inet_pton(AF_INET, forwards[i].address, &host);
        if (h->add_forward(h->slirp, forwards[i].udp, host, forwards[i].host_port, guest,
                           forwards[i].guest_port) < 0)
            return fail(err, EADDRINUSE, "user network: cannot listen on %s port %u: %s",
                        forwards[i].address, forwards[i].host_port, strerror(errno));
    }
    return 0;
}

/* The first message says how it went: nothing but a zero byte, or the error's text. */
static void noreturn_fn helper_main(int fd, const struct net_forward *forwards, unsigned n)
{
    static struct helper h;
    struct error err = {0};
    sigset_t none;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "quad-net");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* ctrl-c at a terminal is the guest's */
    h.fd = fcntl(fd, F_DUPFD, 3);
    if (h.fd != 3) {
        dup2(h.fd, 3);
        h.fd = 3;
    }
    syscall(SYS_close_range, 4, ~0u, 0);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2); /* or whoever reads the output of quad run -d would wait for us */
        close(null);
    }
    int rc = start(&h, forwards, n, &err);
    ssize_t sent = send(h.fd, err.text, rc ? strlen(err.text) : 1, MSG_NOSIGNAL);
    if (!rc && sent == 1)
        serve(&h);
    _exit(0);
}

int net_user_open(const struct net_forward *forwards, unsigned n, struct loop *loop,
                  struct net **out, struct error *err)
{
    char text[ERROR_TEXT_MAX];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "user network: no socket pair");
    int size = 4 << 20;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    pid_t pid = fork();
    if (pid < 0) {
        int code = errno;
        close(pair[0]);
        close(pair[1]);
        return fail_errno(err, code, "user network: no process");
    }
    if (!pid) {
        /* A grandchild: nobody has to wait for it. */
        if (fork())
            _exit(0);
        helper_main(pair[1], forwards, n);
    }
    close(pair[1]);
    waitpid(pid, NULL, 0);
    ssize_t len = recv(pair[0], text, sizeof(text) - 1, 0);
    if (len != 1 || text[0]) {
        close(pair[0]);
        return fail(err, EIO, "%.*s", len > 0 ? (int)len : 31,
                    len > 0 ? text : "user network: helper has ended");
    }
    int rc = net_fd_open(pair[0], loop, out, err);
    if (!rc)
        (*out)->checked = (*out)->whole = true;
    return rc;
}
#else
int net_user_open(const struct net_forward *forwards, unsigned n, struct loop *loop,
                  struct net **out, struct error *err)
{
    (void)forwards;
    (void)n;
    (void)loop;
    (void)out;
    return fail(err, ENOTSUP, "user network: built without libslirp; try: tools/setup and make");
}
#endif
