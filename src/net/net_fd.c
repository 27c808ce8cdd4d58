/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net_fd: frames over a descriptor (tap, socket pair), one for each read and write.
 *
 * Limits: a token bucket a direction. What the guest sends too fast waits in a short queue; what
 * comes too fast waits in the host's.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/trace.h"
#include "net/net_open.h"

#define BURST 32      /* frames in a row before others have a turn */
#define QUEUE_MAX 128 /* frames held back by the limit */

struct frame {
    struct list_node node;
    size_t len;
    uint8_t data[];
};

struct net_fd {
    struct net net;
    struct loop *loop;
    struct loop_io io, timer;
    int fd, timer_fd;
    uint8_t *held; /* the frame that the front had no room for */
    size_t held_len;
    bool stopped; /* reading waits for the front, or for the limit */
    bool asked;   /* atomic: a resume is on its way to the loop */
    pthread_mutex_t lock; /* guards queue and tx */
    struct list_node queue;
    unsigned queued;
    struct bucket tx, rx;
    uint8_t ports[65536 / 8]; /* TCP ports on which the guest took a connection */
    uint8_t buf[NET_FRAME_MAX];
};

static struct net_fd *fd_of(struct net *net)
{
    return container_of(net, struct net_fd, net);
}

static void bump(uint64_t *counter, uint64_t n)
{
    __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static void arm(struct net_fd *f, uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};

    timerfd_settime(f->timer_fd, 0, &when, NULL);
}

/* ------------------------------------------------------------------------------ from the guest */

/* A guest's SYN and ACK: somebody listens there. Ethernet, IPv4 and TCP headers lie in the first 54
 * bytes or somewhat more. [RFC 791 3.1, RFC 9293 3.1] */
static void note_port(struct net_fd *f, const struct iovec *iov, unsigned n)
{
    uint8_t h[96];
    size_t len = 0;

    for (unsigned i = 0; i < n && len < sizeof(h); i++) {
        size_t piece = MIN(iov[i].iov_len, sizeof(h) - len);
        memcpy(h + len, iov[i].iov_base, piece);
        len += piece;
    }
    if (len < 54 || (h[12] << 8 | h[13]) != 0x0800 || h[23] != 6)
        return;
    size_t tcp = 14 + 4 * (size_t)(h[14] & 15);
    if (tcp + 14 <= len && (h[tcp + 13] & 0x12) == 0x12) {
        unsigned port = (unsigned)h[tcp] << 8 | h[tcp + 1];
        f->ports[port / 8] |= (uint8_t)(1u << port % 8);
    }
}

static void write_frame(struct net_fd *f, const struct iovec *iov, unsigned n, size_t len)
{
    ssize_t done = writev(f->fd, iov, (int)n);

    if (done < 0) {
        bump(&f->net.n_tx_dropped, 1);
        return;
    }
    bump(&f->net.n_tx, 1);
    bump(&f->net.tx_bytes, len);
}

static void hold_locked(struct net_fd *f, const struct iovec *iov, unsigned n, size_t len)
{
    struct frame *k = f->queued < QUEUE_MAX ? malloc(sizeof(*k) + len) : NULL;

    if (!k) {
        bump(&f->net.n_tx_dropped, 1);
        return;
    }
    k->len = 0;
    for (unsigned i = 0; i < n; i++) {
        memcpy(k->data + k->len, iov[i].iov_base, iov[i].iov_len);
        k->len += iov[i].iov_len;
    }
    list_append(&f->queue, &k->node);
    f->queued++;
}

static void fd_send(struct net *net, const struct iovec *iov, unsigned n)
{
    struct net_fd *f = fd_of(net);
    size_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += iov[i].iov_len;
    if (!len || len > NET_FRAME_MAX)
        return;
    pthread_mutex_lock(&f->lock);
    note_port(f, iov, n);
    uint64_t wait = f->queued ? 0 : bucket_wait(&f->tx, monotonic_ns());
    if (f->queued || wait) {
        hold_locked(f, iov, n, len);
        if (wait)
            arm(f, wait);
    } else {
        bucket_take(&f->tx, len);
        write_frame(f, iov, n, len);
    }
    pthread_mutex_unlock(&f->lock);
}

static void send_held(struct net_fd *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->queued) {
        uint64_t wait = bucket_wait(&f->tx, monotonic_ns());
        if (wait) {
            arm(f, wait);
            break;
        }
        struct frame *k = list_entry(f->queue.next, struct frame, node);
        list_remove(&k->node);
        f->queued--;
        bucket_take(&f->tx, k->len);
        write_frame(f, &(struct iovec){k->data, k->len}, 1, k->len);
        free(k);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ------------------------------------------------------------------------------- to the guest */

static bool deliver(struct net_fd *f, const uint8_t *frame, size_t len)
{
    if (!f->net.front.receive) {
        bump(&f->net.n_rx_dropped, 1);
        return true;
    }
    bool taken = net_front_receive(&f->net.front, frame, len);
    if (taken) {
        bump(&f->net.n_rx, 1);
        bump(&f->net.rx_bytes, len);
    }
    return taken;
}

static void stop(struct net_fd *f, bool on)
{
    f->stopped = on;
    loop_change(f->loop, &f->io, on ? 0 : LOOP_READ);
}

static void receive_some(struct net_fd *f)
{
    for (unsigned n = 0; n < BURST; n++) {
        uint64_t wait = bucket_wait(&f->rx, monotonic_ns());
        if (wait) {
            stop(f, true);
            arm(f, wait);
            return;
        }
        ssize_t len = read(f->fd, f->buf, sizeof(f->buf));
        if (len < 0)
            return;
        if (!len) { /* the other side is gone */
            loop_change(f->loop, &f->io, 0);
            return;
        }
        bucket_take(&f->rx, (uint64_t)len);
        if (!deliver(f, f->buf, (size_t)len)) {
            f->held_len = (size_t)len;
            f->held = malloc(f->held_len);
            if (f->held)
                memcpy(f->held, f->buf, f->held_len);
            stop(f, true);
            return;
        }
    }
}

/* Loop thread: room again, or time has passed. */
static void resume(void *opaque)
{
    struct net_fd *f = opaque;

    __atomic_store_n(&f->asked, false, __ATOMIC_SEQ_CST);
    if (f->held) {
        if (!deliver(f, f->held, f->held_len))
            return;
        free(take_ptr(f->held));
    }
    if (f->stopped) {
        stop(f, false);
        receive_some(f);
    }
}

static void fd_accept(struct net *net)
{
    struct net_fd *f = fd_of(net);

    if (!__atomic_exchange_n(&f->asked, true, __ATOMIC_SEQ_CST))
        loop_call(f->loop, resume, f);
}

static void fd_ready(void *opaque, unsigned events)
{
    struct net_fd *f = opaque;

    if (events & LOOP_READ)
        receive_some(f);
    else if (events & LOOP_HANGUP)
        loop_remove(f->loop, &f->io);
}

static void timer_ready(void *opaque, unsigned events)
{
    struct net_fd *f = opaque;
    uint64_t n;
    ssize_t done = read(f->timer_fd, &n, sizeof(n));

    (void)events;
    (void)done;
    send_held(f);
    resume(f);
}

static void fd_destroy(struct net *net)
{
    struct net_fd *f = fd_of(net);

    if (!f->io.dead)
        loop_remove(f->loop, &f->io);
    loop_remove(f->loop, &f->timer);
    list_for_each_safe(it, &f->queue)
        free(list_entry(it, struct frame, node));
    close(f->fd);
    close(f->timer_fd);
    pthread_mutex_destroy(&f->lock);
    free(f->held);
    free(f);
}

static const struct net_ops fd_ops = {fd_send, fd_accept, fd_destroy};

bool net_fd_port_open(struct net *net, uint16_t port)
{
    struct net_fd *f = fd_of(net);

    if (net->ops != &fd_ops)
        return false;
    pthread_mutex_lock(&f->lock);
    bool open = f->ports[port / 8] >> port % 8 & 1;
    pthread_mutex_unlock(&f->lock);
    return open;
}

void net_fd_limit(struct net *net, uint64_t tx, uint64_t rx)
{
    struct net_fd *f = fd_of(net);
    uint64_t now = monotonic_ns();

    if (net->ops != &fd_ops)
        return;
    pthread_mutex_lock(&f->lock);
    bucket_set(&f->tx, tx, 0, now);
    bucket_set(&f->rx, rx, 0, now);
    pthread_mutex_unlock(&f->lock);
    arm(f, 1);
}

int net_fd_open(int fd, struct loop *loop, struct net **out, struct error *err)
{
    struct net_fd *f = xcalloc(1, sizeof(*f));
    int size = 4 << 20;

    f->net.ops = &fd_ops;
    f->loop = loop;
    f->fd = fd;
    f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    f->io = (struct loop_io){.fd = fd, .events = LOOP_READ, .ready = fd_ready, .opaque = f};
    f->timer = (struct loop_io){
        .fd = f->timer_fd, .events = LOOP_READ, .ready = timer_ready, .opaque = f};
    pthread_mutex_init(&f->lock, NULL);
    list_init(&f->queue);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* a tap has none */
    int rc = f->timer_fd < 0 ? fail_errno(err, errno, "net: no timer") : 0;
    if (!rc)
        rc = loop_add(loop, &f->io, err);
    if (!rc && (rc = loop_add(loop, &f->timer, err)))
        loop_remove(loop, &f->io);
    if (rc) {
        close(fd);
        base_close_fd(&f->timer_fd);
        free(f);
        return rc;
    }
    *out = &f->net;
    return 0;
}
