/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tape_back: back ends of a deterministic machine, with the tape between them and the device. The
 * real one behind them may be NULL while a tape is played back: what the guest says then goes
 * nowhere. Names are borrowed.
 */
#ifndef QUAD_CORE_TAPE_BACK_H
#define QUAD_CORE_TAPE_BACK_H

#include "core/blk.h"
#include "core/chr.h"
#include "core/net.h"
#include "core/tape.h"

/* Takes `inner`. */
struct chr *tape_chr(struct tape *t, const char *name, struct chr *inner);
/* `inner` is borrowed, and destroyed later than these. */
struct net *tape_net(struct tape *t, const char *name, struct net *inner);
struct blk *tape_blk(struct tape *t, struct blk *inner);

#endif
