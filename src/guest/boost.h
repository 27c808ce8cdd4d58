/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * boost: limits that are changed for a while and return by themselves. The guest's process keeps the
 * time: who asked may be gone by then. Another boost of the same limit moves the end and keeps the
 * value to return to.
 */
#ifndef QUAD_GUEST_BOOST_H
#define QUAD_GUEST_BOOST_H

#include "base/loop.h"
#include "guest/limits.h"

struct boost {
    const struct limit *limit;
    unsigned n;
    uint64_t before;
    uint64_t until; /* monotonic ns */
    struct list_node node;
};

struct boosts {
    struct list_node list;
    struct vm *vm;
    struct loop *loop;
    struct loop_io io;
    int timer_fd;
};

int boosts_init(struct boosts *b, struct vm *vm, struct loop *loop, struct error *err);
void boosts_fini(struct boosts *b); /* a zeroed record is fine */

/* The value before is remembered, for `seconds` from now on. */
void boost_begin(struct boosts *b, const struct limit *limit, unsigned n, uint64_t seconds);
/* Somebody set it for good: there is nothing to return to any more. */
void boost_forget(struct boosts *b, const struct limit *limit, unsigned n);
/* The seconds that it still lasts; 0: it is not boosted. */
uint64_t boost_left(const struct boosts *b, const struct limit *limit, unsigned n);

#endif
