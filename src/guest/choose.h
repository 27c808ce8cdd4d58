/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * choose: what a new guest gets so that it can move between the engines of this host later: a
 * processor that all of them can be, a TSC that all of them can show.
 */
#ifndef QUAD_GUEST_CHOOSE_H
#define QUAD_GUEST_CHOOSE_H

#include "base/base.h"

struct engine_type;
struct vm;

/* Sets the machine's processor model and why. */
int choose_model(struct vm *vm, const struct engine_type *engine, struct error *err);

/* The rate that some engine of this host insists on, else `otherwise`. */
uint64_t choose_tsc_khz(uint64_t otherwise);

#endif
