/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * leftover: names in the file system that this process takes away when it ends: sockets, locks, the
 * folder of a guest that keeps nothing. Who makes such a name says so; who ends with it takes it away.
 *
 *     leftover_add(path, unlink);
 *     leftover_remove(path);
 *
 * A process that will be able to remove nothing (guest/sandbox.h) starts a helper before; from then on
 * it does the removing, of the names added until then and of no others. One list for the process, on
 * its main thread.
 */
#ifndef QUAD_BASE_LEFTOVER_H
#define QUAD_BASE_LEFTOVER_H

#include "base/base.h"

/* path is copied; a relative one means what it means now. */
void leftover_add(const char *path, int (*remove)(const char *path));
/* Now; nothing happens if it was not added. It is gone on return. */
void leftover_remove(const char *path);

int leftover_helper(struct error *err);

#endif
