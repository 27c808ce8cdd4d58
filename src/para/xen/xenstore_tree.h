/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore_tree: the nodes of xenstore: names, values, permissions, generations. Paths are absolute and
 * valid (xs_path_ok()). A tree is copied for a transaction, which works on its copy.
 */
#ifndef QUAD_PARA_XEN_XENSTORE_TREE_H
#define QUAD_PARA_XEN_XENSTORE_TREE_H

#include "base/base.h"

#define STORE_PATH_MAX 3072
#define STORE_VALUE_MAX 2048
#define STORE_NODES_MAX 4096

enum { PERM_NONE = 0, PERM_READ = 1, PERM_WRITE = 2 };

struct perm {
    uint16_t domid;
    uint8_t bits;
};

#define STORE_PERMS_MAX 8

struct node {
    char *name;
    struct node *parent, *child, *next; /* first child; next sibling */
    uint8_t *value;
    size_t len;
    uint64_t generation; /* of the last change, also of its list of children */
    struct perm perm[STORE_PERMS_MAX]; /* the first: the owner, and what all others may */
    unsigned nperm;
};

struct tree {
    struct node *root;
    unsigned nodes;
    uint64_t generation;
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t);
void tree_copy(struct tree *to, const struct tree *from);

bool xs_path_ok(const char *path);

struct node *tree_find(const struct tree *t, const char *path);
/* The node, made with its parents if need be, owned by `domid`; NULL: too many nodes. */
struct node *tree_make(struct tree *t, const char *path, uint16_t domid);
void tree_set(struct tree *t, struct node *n, const void *value, size_t len);
void tree_remove(struct tree *t, struct node *n);

/* What domid may do with the node at path, or, where there is none, with the nearest above it. */
unsigned tree_may(const struct tree *t, const char *path, uint16_t domid);

#endif
