/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuse_node: the files that a guest knows: number -> O_PATH descriptor, found again by device and
 * inode. Numbers are used again after the guest forgot them, with another generation.
 */
#ifndef QUAD_SHARE_FUSE_NODE_H
#define QUAD_SHARE_FUSE_NODE_H

#include <sys/stat.h>

#include "base/base.h"

struct fuse_node {
    int fd; /* O_PATH; -1: free */
    uint32_t next; /* of its hash chain, or of the free list */
    dev_t dev;
    ino_t ino;
    uint64_t lookups, generation;
};

struct fuse_nodes {
    struct fuse_node *node; /* [1] is the root; [0] is not used */
    uint32_t *hash, size, used, free;
};

void nodes_init(struct fuse_nodes *t, int root_fd); /* takes root_fd */
void nodes_fini(struct fuse_nodes *t);

struct fuse_node *node_get(struct fuse_nodes *t, uint64_t id); /* NULL: no such number */
/* The number of the file behind fd (taken over), one look-up more; 0: no room. */
uint32_t node_put(struct fuse_nodes *t, int fd, const struct stat *st);
void node_forget(struct fuse_nodes *t, uint64_t id, uint64_t lookups);

#endif
