/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * list: intrusive doubly linked list. The head is a list_node that links to itself when empty.
 * Whoever owns the head says which lock guards the list.
 */
#ifndef QUAD_BASE_LIST_H
#define QUAD_BASE_LIST_H

#include "base/base.h"

struct list_node {
    struct list_node *prev, *next;
};

static inline void list_init(struct list_node *n)
{
    n->prev = n->next = n;
}

static inline bool list_empty(const struct list_node *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list_node *at, struct list_node *n)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}

/* Append to the list of `head`. */
static inline void list_append(struct list_node *head, struct list_node *n)
{
    list_insert_before(head, n);
}

/* Unlink; safe on a node that is not in a list if it was initialised. */
static inline void list_remove(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define list_entry(node, type, member) container_of(node, type, member)

/* `it` is a struct list_node *; the body must not remove `it` (use list_for_each_safe). */
#define list_for_each(it, head) \
    for (struct list_node *it = (head)->next; it != (head); it = it->next)
#define list_for_each_safe(it, head)                                                        \
    for (struct list_node *it = (head)->next, *it##_next = it->next; it != (head);          \
         it = it##_next, it##_next = it->next)

#endif
