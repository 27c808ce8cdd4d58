/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * screen: what --display says, connected to the board's display adapter, keyboard and mouse.
 */
#ifndef QUAD_GUEST_SCREEN_H
#define QUAD_GUEST_SCREEN_H

#include "base/loop.h"

struct board;
struct vnc;

/* Does the guest get a display adapter? With firmware, which draws on it, always. */
bool screen_wanted(const char *display, bool firmware);
/* *out stays NULL where nobody is to look. EINVAL: no such display. */
int screen_open(struct vnc **out, const char *display, const char *name, struct board *board,
                struct loop *loop, struct error *err);

#endif
