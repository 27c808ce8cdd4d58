/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nics: the guest's network cards and the networks behind them.
 */
#ifndef QUAD_GUEST_NICS_H
#define QUAD_GUEST_NICS_H

#include "base/loop.h"
#include "base/opt.h"
#include "net/net_open.h"

struct board;
struct net;

#define NICS_MAX 8
#define FORWARDS_MAX 64

struct nics {
    struct net *net[NICS_MAX];   /* the networks */
    struct net *front[NICS_MAX]; /* what the devices use: the same, or a tape before it */
    struct net *limited[NICS_MAX]; /* what net_fd_limit() takes, part of net; NULL: nothing */
    bool is_user[NICS_MAX];
    uint64_t rate[NICS_MAX];       /* bytes a second; 0: no limit */
    struct net_forward forwards[FORWARDS_MAX];
    unsigned n_forwards;
    struct dev *dev[NICS_MAX]; /* virtio cards; NULL: another kind */
    char *name[NICS_MAX];
    unsigned n;
};

struct nics_config {
    const struct opt_list *nics, *forwards;
    const uint8_t *uuid; /* addresses are made from it */
};

int nics_open(struct nics *n, const struct nics_config *c, struct board *board, struct loop *loop,
              struct error *err);
void nics_announce(struct nics *n); /* the guest is here now */
void nics_close(struct nics *n); /* after the machine is gone */

#endif
