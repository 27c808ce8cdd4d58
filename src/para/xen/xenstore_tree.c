/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/xenstore_tree.h"

static struct node *node_new(const char *name, size_t len)
{
    struct node *n = xcalloc(1, sizeof(*n));

    n->name = xcalloc(1, len + 1);
    memcpy(n->name, name, len);
    return n;
}

static void node_free(struct node *n)
{
    while (n->child) {
        struct node *c = n->child;
        n->child = c->next;
        node_free(c);
    }
    free(n->name);
    free(n->value);
    free(n);
}

void tree_init(struct tree *t)
{
    *t = (struct tree){.root = node_new("", 0), .nodes = 1, .generation = 1};
    t->root->nperm = 1; /* domain 0's, nobody else's */
}

void tree_fini(struct tree *t)
{
    if (t->root)
        node_free(t->root);
    *t = (struct tree){0};
}

static struct node *node_copy(const struct node *from, struct node *parent)
{
    struct node *n = node_new(from->name, strlen(from->name)), **link = &n->child;

    n->parent = parent;
    n->generation = from->generation;
    n->nperm = from->nperm;
    memcpy(n->perm, from->perm, sizeof(n->perm));
    if (from->len) {
        n->value = xcalloc(1, from->len);
        memcpy(n->value, from->value, from->len);
        n->len = from->len;
    }
    for (const struct node *c = from->child; c; c = c->next) {
        *link = node_copy(c, n);
        link = &(*link)->next;
    }
    return n;
}

void tree_copy(struct tree *to, const struct tree *from)
{
    *to = *from;
    to->root = node_copy(from->root, NULL);
}

bool xs_path_ok(const char *path)
{
    size_t len = strlen(path);

    if (path[0] != '/' || len > STORE_PATH_MAX || (len > 1 && path[len - 1] == '/') ||
        strstr(path, "//"))
        return false;
    return strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@") == len;
}

static struct node *child_named(const struct node *n, const char *name, size_t len)
{
    for (struct node *c = n->child; c; c = c->next)
        if (strlen(c->name) == len && !memcmp(c->name, name, len))
            return c;
    return NULL;
}

/* The deepest node on the way to path; *rest: what is missing, "" if it is all there. */
static struct node *descend(const struct tree *t, const char *path, const char **rest)
{
    struct node *n = t->root;
    const char *p = path + 1;

    while (*p) {
        size_t len = strcspn(p, "/");
        struct node *c = child_named(n, p, len);
        if (!c)
            break;
        n = c;
        p += len;
        p += *p == '/';
    }
    *rest = p;
    return n;
}

struct node *tree_find(const struct tree *t, const char *path)
{
    const char *rest;
    struct node *n = descend(t, path, &rest);

    return *rest ? NULL : n;
}

struct node *tree_make(struct tree *t, const char *path, uint16_t domid)
{
    const char *p;
    struct node *n = descend(t, path, &p);
    unsigned more = 0;

    for (const char *q = p; *q; q += strcspn(q, "/"), q += *q == '/')
        more++;
    if (t->nodes + more > STORE_NODES_MAX)
        return NULL;
    while (*p) {
        size_t len = strcspn(p, "/");
        struct node *c = node_new(p, len), **link = &n->child;
        c->parent = n;
        memcpy(c->perm, n->perm, sizeof(c->perm));
        c->nperm = n->nperm;
        if (domid)
            c->perm[0].domid = domid;
        while (*link)
            link = &(*link)->next;
        *link = c;
        c->generation = n->generation = ++t->generation;
        t->nodes++;
        n = c;
        p += len;
        p += *p == '/';
    }
    return n;
}

void tree_set(struct tree *t, struct node *n, const void *value, size_t len)
{
    free(n->value);
    n->value = xcalloc(1, len ? len : 1);
    memcpy(n->value, value, len);
    n->len = len;
    n->generation = ++t->generation;
}

static unsigned count(const struct node *n)
{
    unsigned k = 1;

    for (const struct node *c = n->child; c; c = c->next)
        k += count(c);
    return k;
}

void tree_remove(struct tree *t, struct node *n)
{
    struct node **link = &n->parent->child;

    while (*link != n)
        link = &(*link)->next;
    *link = n->next;
    n->parent->generation = ++t->generation;
    t->nodes -= count(n);
    node_free(n);
}

unsigned tree_may(const struct tree *t, const char *path, uint16_t domid)
{
    const char *rest;
    const struct node *n = descend(t, path, &rest);

    if (domid == 0 || n->perm[0].domid == domid)
        return PERM_READ | PERM_WRITE;
    for (unsigned i = 1; i < n->nperm; i++)
        if (n->perm[i].domid == domid)
            return n->perm[i].bits;
    return n->perm[0].bits;
}
