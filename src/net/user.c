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
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/helper.h"
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

struct nat { /* the process' only object */
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
    struct pollfd p = {.fd = HELPER_FD, .events = POLLOUT};

    (void)opaque;
    for (unsigned tries = 0; tries < 2; tries++) {
        ssize_t n = send(HELPER_FD, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
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
    struct nat *h = opaque;

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
    struct nat *h = opaque;

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
    const struct nat *h = opaque;
    int r = i >= 0 && i < h->n ? h->polls[i].revents : 0;

    return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
           (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/* False: the guest's process has gone. */
static bool from_guest(struct nat *h)
{
    for (unsigned n = 0; n < 64; n++) {
        ssize_t len = recv(HELPER_FD, h->buf, sizeof(h->buf), MSG_DONTWAIT);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        if (!len)
            return false;
        h->input(h->slirp, h->buf, (int)len);
    }
    return true;
}

static uint32_t run_timers(struct nat *h, uint32_t timeout)
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

static void serve(struct nat *h)
{
    for (;;) {
        uint32_t timeout = 60000;
        h->n = 0;
        h->fill(h->slirp, &timeout, poll_add, h);
        int own = h->n == POLLS ? POLLS - 1 : h->n;
        h->polls[own] = (struct pollfd){.fd = HELPER_FD, .events = POLLIN};
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

static int load(struct nat *h, struct error *err)
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

static int start(struct nat *h, const struct net_forward *forwards, unsigned n,
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

struct ports {
    const struct net_forward *forwards;
    unsigned n;
};

/* The first message says how it went: nothing but a zero byte, or the error's text. */
static void nat_main(void *opaque)
{
    static struct nat h;
    const struct ports *p = opaque;
    struct error err = {0};
    int rc = start(&h, p->forwards, p->n, &err);
    ssize_t sent = send(HELPER_FD, err.text, rc ? strlen(err.text) : 1, MSG_NOSIGNAL);

    if (!rc && sent == 1)
        serve(&h);
}

int net_user_open(const struct net_forward *forwards, unsigned n, struct loop *loop,
                  struct net **out, struct error *err)
{
    struct ports ports = {forwards, n};
    const struct helper h = {
        .name = "quad-net", .main = nat_main, .opaque = &ports, .buffer = 4 << 20};
    char text[ERROR_TEXT_MAX];
    int fd, rc = helper_start(&h, &fd, err);

    if (rc)
        return error_prefix(err, "user network");
    ssize_t len = recv(fd, text, sizeof(text) - 1, 0);
    if (len != 1 || text[0]) {
        close(fd);
        return fail(err, EIO, "%.*s", len > 0 ? (int)len : 31,
                    len > 0 ? text : "user network: helper has ended");
    }
    rc = net_fd_open(fd, loop, out, err);
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
