/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * record: the tape of a deterministic guest (core/tape.h): which guest it belongs to.
 */
#ifndef QUAD_GUEST_RECORD_H
#define QUAD_GUEST_RECORD_H

#include "base/base.h"

struct error;
struct vm;

/* All of the guest is made, nothing has run. Without a tape to record or to play back: nothing. */
int record_start(struct vm *vm, struct error *err);

#endif
