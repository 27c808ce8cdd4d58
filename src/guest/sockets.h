/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sockets: --vsock cid=N,unix=PATH: sockets between guest and host.
 */
#ifndef QUAD_GUEST_SOCKETS_H
#define QUAD_GUEST_SOCKETS_H

#include "base/base.h"

struct board;
struct loop;
struct vsock;

/* *out: to be destroyed after the machine; NULL where the option has no path. */
int sockets_open(struct vsock **out, const char *option, struct board *board, struct loop *loop,
                 struct error *err);

#endif
