/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nics: the guest's network cards and the networks behind them.
 */
#ifndef QUAD_GUEST_NICS_H
#define QUAD_GUEST_NICS_H

#include "base/loop.h"
#include "base/opt.h"

struct board;
struct net;

#define NICS_MAX 8

struct nics {
    struct net *net[NICS_MAX];   /* the networks */
    struct net *front[NICS_MAX]; /* what the devices use: the same, or a tape before it */
    char *name[NICS_MAX];
    unsigned n;
};

struct nics_config {
    const struct opt_list *nics, *forwards;
    const uint8_t *uuid; /* addresses are made from it */
};

int nics_open(struct nics *n, const struct nics_config *c, struct board *board, struct loop *loop,
              struct error *err);
void nics_close(struct nics *n); /* after the machine is gone */

#endif
