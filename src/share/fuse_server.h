/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuse_server: answers FUSE messages [FUSE] from a folder. One thread; every message is hostile.
 *
 * A file that the guest knows is a node: an O_PATH descriptor, found by device and inode, counted
 * as the protocol counts look-ups. Names are single components, looked up from their folder's
 * descriptor without following links; the guest follows links itself, inside.
 *
 * Owners: where we are root, numbers are the same on both sides. Where we are not, our own files
 * belong to the guest's root and all others to nobody (65534).
 *
 * Not modelled: extended attributes, locks among host and guest (the guest's own work), POSIX ACLs,
 * direct mapping of file pages.
 */
#ifndef QUAD_SHARE_FUSE_SERVER_H
#define QUAD_SHARE_FUSE_SERVER_H

#include "base/base.h"

struct fuse_server;

#define FUSE_NODES_MAX 65536u /* descriptors are what limits us */

struct fuse_server *fuse_server_create(int root_fd, bool readonly); /* takes root_fd */
void fuse_server_destroy(struct fuse_server *s);

/* One message; the reply's length, 0: none. `reply` has room for reply_max bytes. */
uint32_t fuse_serve(struct fuse_server *s, const uint8_t *message, uint32_t len, uint8_t *reply,
                    uint32_t reply_max);

#endif
