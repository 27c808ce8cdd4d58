/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpus: how many processors a running guest has.
 */
#ifndef QUAD_GUEST_CPUS_H
#define QUAD_GUEST_CPUS_H

#include "guest/control.h"

unsigned cpus_count(const struct vm *vm); /* 1 where the board can change them, else 0 */
uint64_t cpus_now(struct vm *vm, unsigned n);
/* Puts them in or asks the guest to let some go, and answers the call (if there is one) when it runs
 * them, has let them go, or does no more. */
int cpus_ask(struct vm *vm, unsigned n, uint64_t want, struct control_call *call, struct error *err);

#endif
