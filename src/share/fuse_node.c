/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "share/fuse_node.h"

#include <unistd.h>

#include "share/fuse_server.h"

enum { BUCKETS = 8192 };

static uint32_t bucket(dev_t dev, ino_t ino)
{
    uint64_t x = (uint64_t)dev * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)ino;

    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 40) % BUCKETS;
}

void nodes_init(struct fuse_nodes *t, int root_fd)
{
    struct stat st = {0};

    fstat(root_fd, &st);
    t->hash = xcalloc(BUCKETS, sizeof(*t->hash));
    t->size = 64;
    t->node = xcalloc(t->size, sizeof(*t->node));
    t->used = 2;
    t->node[1] = (struct fuse_node){
        .fd = root_fd, .dev = st.st_dev, .ino = st.st_ino, .lookups = 1, .generation = 1};
    t->node[0].fd = -1;
    t->hash[bucket(st.st_dev, st.st_ino)] = 1;
}

void nodes_fini(struct fuse_nodes *t)
{
    for (uint32_t i = 1; i < t->used; i++)
        if (t->node[i].fd >= 0)
            close(t->node[i].fd);
    free(t->node);
    free(t->hash);
}

struct fuse_node *node_get(struct fuse_nodes *t, uint64_t id)
{
    return id && id < t->used && t->node[id].fd >= 0 ? &t->node[id] : NULL;
}

static uint32_t take_free(struct fuse_nodes *t)
{
    uint32_t id = t->free;

    if (id) {
        t->free = t->node[id].next;
        return id;
    }
    if (t->used == FUSE_NODES_MAX)
        return 0;
    if (t->used == t->size) {
        struct fuse_node *more = realloc(t->node, 2 * t->size * sizeof(*more));
        if (!more)
            return 0;
        memset(more + t->size, 0, t->size * sizeof(*more));
        t->node = more;
        t->size *= 2;
    }
    return t->used++;
}

uint32_t node_put(struct fuse_nodes *t, int fd, const struct stat *st)
{
    uint32_t *head = &t->hash[bucket(st->st_dev, st->st_ino)], id;

    for (id = *head; id; id = t->node[id].next)
        if (t->node[id].dev == st->st_dev && t->node[id].ino == st->st_ino) {
            close(fd);
            t->node[id].lookups++;
            return id;
        }
    id = take_free(t);
    if (!id) {
        close(fd);
        return 0;
    }
    t->node[id] = (struct fuse_node){.fd = fd,
                                     .next = *head,
                                     .dev = st->st_dev,
                                     .ino = st->st_ino,
                                     .lookups = 1,
                                     .generation = t->node[id].generation + 1};
    *head = id;
    return id;
}

void node_forget(struct fuse_nodes *t, uint64_t id, uint64_t lookups)
{
    struct fuse_node *n = node_get(t, id);

    if (!n || id == 1)
        return;
    n->lookups -= MIN(lookups, n->lookups);
    if (n->lookups)
        return;
    uint32_t *link = &t->hash[bucket(n->dev, n->ino)];
    while (*link != id)
        link = &t->node[*link].next;
    *link = n->next;
    close(n->fd);
    n->fd = -1;
    n->next = t->free;
    t->free = (uint32_t)id;
}
