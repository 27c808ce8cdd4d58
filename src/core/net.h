/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net: Ethernet frames between a network device (front) and where they go (back end: user-mode
 * network, tap, nothing; in src/net). A frame is whole, without checksum at its end.
 *
 * Front to back: net_send() from any thread, with the device's lock held; never blocks: what finds
 * no room is dropped and counted. Back to front: `receive` on the loop thread, under `lock`; false
 * means "no room now": the back end keeps that frame and stops until the front calls net_accept().
 */
#ifndef QUAD_CORE_NET_H
#define QUAD_CORE_NET_H

#include <pthread.h>
#include <sys/uio.h>

#include "base/base.h"

#define NET_FRAME_MAX 65550u

struct net;

struct net_ops {
    void (*send)(struct net *net, const struct iovec *iov, unsigned n);
    void (*accept)(struct net *net); /* any thread; may be NULL */
    void (*destroy)(struct net *net); /* loop thread, or after the loop has ended */
};

struct net_front {
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len); /* NULL: not connected */
    void *opaque;
    pthread_mutex_t *lock;
};

struct net {
    const struct net_ops *ops;
    struct net_front front;
    bool whole; /* takes IP packets of up to 64 KiB: nobody has to cut long TCP segments for it */
    bool checked; /* frames that come from here need no verification of checksums */
    /* Counters, atomic: tx is from the guest. */
    uint64_t n_tx, n_rx, n_tx_dropped, n_rx_dropped, tx_bytes, rx_bytes;
};

/* A frame for the front, under its lock; false: not now. Nobody there loses it. */
static inline bool net_front_receive(const struct net_front *f, const uint8_t *frame, size_t len)
{
    if (!f->receive)
        return true;
    pthread_mutex_lock(f->lock);
    bool taken = f->receive(f->opaque, frame, len);
    pthread_mutex_unlock(f->lock);
    return taken;
}

static inline void net_send(struct net *net, const struct iovec *iov, unsigned n)
{
    if (net)
        net->ops->send(net, iov, n);
}

static inline void net_accept(struct net *net)
{
    if (net && net->ops->accept)
        net->ops->accept(net);
}

static inline void net_destroy(struct net *net)
{
    if (net)
        net->ops->destroy(net);
}

#endif
