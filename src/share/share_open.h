/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * share_open: a folder served by a process of its own, which may reach nothing else: it sees the
 * folder as its root where it may (as root, or in a user namespace of its own), Landlock confines it
 * to the folder where the kernel has that, and each look-up stays below the folder by openat2.
 */
#ifndef QUAD_SHARE_SHARE_OPEN_H
#define QUAD_SHARE_SHARE_OPEN_H

#include "core/share.h"

struct loop;

/* tag: up to 35 bytes, borrowed. Before the loop runs. */
int share_open(const char *dir, const char *tag, bool readonly, struct loop *loop,
               struct share **out, struct error *err);

#endif
