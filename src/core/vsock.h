/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vsock: streams between ports of the guest and ports of the host: the contract between the socket
 * device (front), which holds the connections, and where the host's ends are (back end, in src/net).
 *
 * The device calls `kick` when there may be something to do; the back end then works through the
 * connections by the front's functions, on the loop's thread, with no lock held (each takes the
 * device's). A connection is a number below VSOCK_CONNS; `serial` differs each time it is used anew.
 */
#ifndef QUAD_CORE_VSOCK_H
#define QUAD_CORE_VSOCK_H

#include "base/base.h"

#define VSOCK_CONNS 64
#define VSOCK_BUFFER 65536u /* what the guest may send before the host has taken it */

enum vsock_state {
    VSOCK_FREE,
    VSOCK_CALLING, /* the host called and the guest has not answered */
    VSOCK_WANTED,  /* the guest called: answer() */
    VSOCK_OPEN,
};

struct vsock_look {
    enum vsock_state state;
    uint64_t serial;
    uint32_t host_port;
    uint32_t waiting; /* bytes from the guest */
    bool sends, reads; /* the guest: it may send more; it wants more */
};

struct vsock_front {
    void (*look)(void *opaque, unsigned conn, struct vsock_look *look);
    int (*call)(void *opaque, uint32_t port); /* to the guest: a connection, or negative errno */
    void (*answer)(void *opaque, unsigned conn, bool yes);
    size_t (*put)(void *opaque, unsigned conn, const uint8_t *buf, size_t len); /* bytes taken */
    size_t (*peek)(void *opaque, unsigned conn, uint8_t *buf, size_t len);
    void (*take)(void *opaque, unsigned conn, size_t len); /* of what was seen by peek */
    void (*end)(void *opaque, unsigned conn);  /* the host sends no more */
    void (*drop)(void *opaque, unsigned conn); /* it is over */
    void *opaque;
};

struct vsock;

struct vsock_ops {
    void (*kick)(struct vsock *v); /* any thread, with the device's lock held */
    void (*destroy)(struct vsock *v);
};

struct vsock {
    const struct vsock_ops *ops;
    struct vsock_front front; /* set by the device before the guest runs */
};

static inline void vsock_destroy(struct vsock *v)
{
    if (v)
        v->ops->destroy(v);
}

#endif
