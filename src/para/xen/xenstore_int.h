/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore_int: what the files of xenstore share: xenstore.c (ring, watches, back ends, life),
 * xenstore_ops.c (the guest's requests, transactions), xenstore_save.c. All of it with s->lock held.
 */
#ifndef QUAD_PARA_XEN_XENSTORE_INT_H
#define QUAD_PARA_XEN_XENSTORE_INT_H

#include <pthread.h>

#include "base/list.h"
#include "para/xen/xenstore.h"
#include "para/xen/xenstore_tree.h"

/* clang-format off */
enum {
    XS_CONTROL, XS_DIRECTORY, XS_READ, XS_GET_PERMS, XS_WATCH, XS_UNWATCH, XS_TRANSACTION_START,
    XS_TRANSACTION_END, XS_INTRODUCE, XS_RELEASE, XS_GET_DOMAIN_PATH, XS_WRITE, XS_MKDIR, XS_RM,
    XS_SET_PERMS, XS_WATCH_EVENT, XS_ERROR, XS_IS_DOMAIN_INTRODUCED, XS_RESUME, XS_SET_TARGET,
    XS_RESET_WATCHES = 21, XS_DIRECTORY_PART = 22,
};
/* clang-format on */

enum { RING_REQ = 0, RING_RSP = 1024, RING = 1024, REQ_CONS = 2048, REQ_PROD = 2052, RSP_CONS = 2056,
       RSP_PROD = 2060, HEADER = 16, PAYLOAD_MAX = 4096, OUT_MAX = 65536 };
enum { WATCHES_MAX = 256, TRANSACTIONS_MAX = 16, TX_LOG_MAX = 4096, TOKEN_MAX = 256 };

struct watch {
    struct list_node node;
    char *path;            /* absolute */
    char *shown;           /* as the guest said it */
    char *token;
    void (*fn)(void *opaque); /* a back end's; NULL: the guest's */
    void *opaque;
    bool fired;
};

/* What a transaction did, for its end. */
struct step {
    uint8_t op; /* XS_READ: looked at; XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS: to be done again */
    char *path;
    uint64_t generation; /* when it began; 0: was not there */
    uint8_t *value;
    size_t len;
};

struct transaction {
    uint32_t id;
    struct tree tree;
    struct step *step;
    size_t nsteps;
    bool lost; /* begun before a restore: it ends with EAGAIN */
};

struct xenstore {
    struct xen_domain *d;
    pthread_mutex_t lock;
    struct tree tree;
    struct list_node watches;
    unsigned nwatches;
    struct transaction *tx[TRANSACTIONS_MAX];
    uint32_t next_tx;
    char home[32]; /* "/local/domain/1" */
    /* the guest's connection */
    uint8_t *page;
    uint64_t mfn;
    uint32_t port;
    uint8_t in[HEADER + PAYLOAD_MAX];
    size_t have;
    bool broken; /* it has sent what is no message: nothing more is read */
    uint8_t *out;
    size_t out_len, out_room;
    bool scheduled; /* internal watches wait for the loop */
};

/* xenstore.c: what waits for the guest, and who is told of a change. */
void xs_out(struct xenstore *s, const void *p, size_t n);
void xs_reply(struct xenstore *s, const uint8_t *head, uint32_t type, const void *p, size_t n);
bool xs_covers(const char *watched, const char *path); /* the same, or above it */
void xs_fire(struct xenstore *s, struct watch *w, const char *path);
void xs_changed(struct xenstore *s, const char *path, bool removed);
void xs_watch_free(struct xenstore *s, struct watch *w);
/* All of them, or a back end's (by its opaque), or (NULL) the guest's. */
void xs_drop_watches(struct xenstore *s, bool all, const void *opaque);
void xs_forget(struct xenstore *s); /* watches, transactions, nodes, connection */

/* xenstore_ops.c */
struct transaction *xs_tx_start(struct xenstore *s, unsigned slot, uint32_t id);
void xs_tx_free(struct xenstore *s, unsigned slot);
/* One change of a tree, as domid; the caller has checked the path. 1: it was so already. */
int xs_change(struct tree *t, uint8_t op, const char *path, uint16_t domid, const void *value,
              size_t len);

#endif
