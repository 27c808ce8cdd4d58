/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenbus: a device that guest and back end agree on through xenstore [XEN io/xenbus]: two folders of
 * nodes, one each, with a `state` that goes Initialising, InitWait, Initialised, Connected, Closing,
 * Closed. The guest's folder is device/CLASS/ID, ours /local/domain/0/backend/CLASS/DOMID/ID.
 */
#ifndef QUAD_PARA_XEN_XENBUS_H
#define QUAD_PARA_XEN_XENBUS_H

#include "base/list.h"

struct xen_domain;
struct xenbus_dev;

enum xenbus_state {
    XENBUS_UNKNOWN, XENBUS_INITIALISING, XENBUS_INIT_WAIT, XENBUS_INITIALISED, XENBUS_CONNECTED,
    XENBUS_CLOSING, XENBUS_CLOSED,
};

struct xenbus_class {
    const char *name;
    /* What we offer, before InitWait; what the guest's folder holds at first. */
    void (*offer)(struct xenbus_dev *dev);
    /* The guest has written its side. False: it makes no sense. Loop thread. */
    bool (*connect)(struct xenbus_dev *dev);
    void (*disconnect)(struct xenbus_dev *dev);
    void (*destroy)(struct xenbus_dev *dev);
    void (*presave)(struct xenbus_dev *dev); /* end what is in flight; may be missing */
    enum xenbus_state ready; /* the guest's state at which to connect */
};

struct xenbus_dev {
    const struct xenbus_class *class;
    struct xen_domain *d;
    unsigned id;
    enum xenbus_state state;
    bool connected;
    char front[64], back[80];
    struct list_node node; /* d->devices */
};

void xenbus_add(struct xen_domain *d, struct xenbus_dev *dev, const struct xenbus_class *class,
                unsigned id);
/* Write the nodes of all devices into a store that was just reset. */
void xenbus_reset(struct xen_domain *d);
/* Nothing is in flight, and every ring is as it is told to the guest. */
void xenbus_presave(struct xen_domain *d);
/* The store was restored: take up again what was connected. Loop thread. */
void xenbus_reconnect(struct xen_domain *d);
/* Disks and networks are about to go; then only xenbus_destroy() follows. */
void xenbus_let_go(struct xen_domain *d);
void xenbus_destroy(struct xen_domain *d);

/* Nodes of either side. */
void xenbus_put(struct xenbus_dev *dev, const char *name, const char *fmt, ...) printf_like(3, 4);
void xenbus_put_front(struct xenbus_dev *dev, const char *name, const char *fmt, ...)
    printf_like(3, 4);
bool xenbus_get(struct xenbus_dev *dev, const char *name, uint64_t *value); /* the guest's */
bool xenbus_get_text(struct xenbus_dev *dev, const char *name, char *text, size_t size);

/* The kinds that there are. */
struct blk;
struct net;
void blkback_add(struct xen_domain *d, struct blk *blk, unsigned index);
void netback_add(struct xen_domain *d, struct net *net, const uint8_t mac[6], unsigned index);

#endif
