/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * choose: the way and the engine, and what a new guest gets so that it can move between the
 * engines of this host later: a processor that all of them can be, a TSC that all of them can show.
 */
#ifndef QUAD_GUEST_CHOOSE_H
#define QUAD_GUEST_CHOOSE_H

#include "base/base.h"

struct engine_type;
struct vm;

/* The way: the one asked for, or the strongest that can take this guest here; its engine likewise. */
int choose_way(struct vm *vm, struct error *err);
int choose_engine(struct vm *vm, const struct engine_type **out, struct error *err);

/* Sets the machine's processor model and why. */
int choose_model(struct vm *vm, const struct engine_type *engine, struct error *err);

/* The rate that some engine of this host insists on, else `otherwise`. */
uint64_t choose_tsc_khz(uint64_t otherwise);

#endif
