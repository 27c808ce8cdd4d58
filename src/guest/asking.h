/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * asking: a guest was asked for something that takes time: it is looked at every tenth of a second
 * until it has done it, or has stopped doing it; then the waiting call is answered with what it really
 * gave or took.
 */
#ifndef QUAD_GUEST_ASKING_H
#define QUAD_GUEST_ASKING_H

#include "guest/control.h"

struct vm;

struct asking_what {
    const char *key; /* of the limit */
    uint64_t (*now)(struct vm *vm);
    /* It has stopped at `now`: why it may have (NULL: nothing to say), and what ends with that. */
    const char *(*stopped)(struct vm *vm, uint64_t asked, uint64_t now);
    unsigned patience; /* tenths of a second without any change: it does no more */
};

/* Returns CONTROL_LATER, or an error. Without a call nobody waits: 0. */
int asking_begin(struct vm *vm, const struct asking_what *what, uint64_t asked,
                 struct control_call *call, struct error *err);

#endif
