/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * share: a folder of the host for a guest: FUSE messages [FUSE] between a device (front) and who
 * serves them (back end: src/share, in a process of its own).
 *
 * share_submit() never blocks and may be called with a device's lock held; `done` runs once for each
 * request on the loop's thread, with no lock held: `reply` then holds reply_len bytes (0: none is
 * wanted, or the server has gone: then `lost` is true).
 */
#ifndef QUAD_CORE_SHARE_H
#define QUAD_CORE_SHARE_H

#include "base/list.h"

struct share;

#define SHARE_MESSAGE_MAX ((128u << 10) + 4096) /* of a request or a reply */

struct share_req {
    uint8_t *message; /* borrowed until done */
    uint32_t len, reply_max;
    uint8_t *reply; /* the back end's, until done returns */
    uint32_t reply_len;
    bool lost;
    void (*done)(struct share_req *req);
    struct list_node node; /* the back end's */
    uint64_t ticket;       /* likewise */
};

struct share_ops {
    void (*submit)(struct share *s, struct share_req *req);
    /* Loop thread, or after the loop has ended: what is on its way is done, lost. */
    void (*destroy)(struct share *s);
};

struct share {
    const struct share_ops *ops;
    const char *tag; /* the name by which the guest mounts it */
};

static inline void share_submit(struct share *s, struct share_req *req)
{
    s->ops->submit(s, req);
}

static inline void share_destroy(struct share *s)
{
    if (s)
        s->ops->destroy(s);
}

#endif
