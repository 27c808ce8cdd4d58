/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * limits: what of a running guest can be changed by name: "disk.0.iops", "nic.0.rate" ... One table
 * (limits.c); `quad set`, the control commands `set` and `limits` and the manual read it.
 *
 * A number in a key picks the disk or card. A setter may need time (the guest must give memory or
 * take a processor): then it returns CONTROL_LATER and calls control_done().
 */
#ifndef QUAD_GUEST_LIMITS_H
#define QUAD_GUEST_LIMITS_H

#include "guest/control.h"

struct vm;

struct limit {
    const char *key;  /* "disk.N.iops": N stands for a number */
    const char *unit; /* "bytes", "bytes/s" ...: a size may have K, M, G; NULL: a plain number */
    const char *help;
    /* How many N there are; NULL: the key has none. */
    unsigned (*count)(const struct vm *vm);
    uint64_t (*get)(struct vm *vm, unsigned n);
    /* 0: done; call is for those that answer later (NULL: nobody waits for it). */
    int (*set)(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
               struct error *err);
};

extern const struct limit limits[]; /* ends with key NULL */

#endif
