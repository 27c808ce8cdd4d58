/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * memory: how much of its memory a running guest may use, by its balloon.
 */
#ifndef QUAD_GUEST_MEMORY_H
#define QUAD_GUEST_MEMORY_H

#include "guest/control.h"

unsigned memory_count(const struct vm *vm); /* 1 with a balloon, else 0 */
uint64_t memory_now(struct vm *vm, unsigned n); /* bytes: what it has less what it gave */
/* Asks the guest, and answers the call (if there is one) when it has done that, or stopped on the
 * way. */
int memory_ask(struct vm *vm, unsigned n, uint64_t bytes, struct control_call *call,
               struct error *err);

#endif
