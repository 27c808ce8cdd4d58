/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sandbox_ns: the steps of guest/sandbox.c that give its process a world of its own, in this order.
 * Before the first thread.
 */
#ifndef QUAD_GUEST_SANDBOX_NS_H
#define QUAD_GUEST_SANDBOX_NS_H

#include "base/base.h"

/* Mounts, network, IPC, host name. *own_user: in a user namespace. */
int sandbox_namespaces(bool *own_user, struct error *err);

/* An empty, read-only root directory; of the host's mounts nothing is left. In own namespaces only. */
int sandbox_empty_root(struct error *err);

/* Of root: a user that nobody else is. */
int sandbox_own_user(struct error *err);

#endif
