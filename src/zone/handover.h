/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * handover: what a process is given by whoever starts it, and what that one is told of it.
 */
#ifndef QUAD_ZONE_HANDOVER_H
#define QUAD_ZONE_HANDOVER_H

#include <sys/types.h>

#include "base/base.h"

/* Is any of the `n` descriptors from 3 on open that the program is to get? */
[[nodiscard]] int handover_check(int n, struct error *err);
/* The pid into `file`, a pidfd over `socket`; each may be NULL, names are relative to `at`. */
[[nodiscard]] int handover_report(int at, pid_t pid, const char *file, const char *socket,
                                  struct error *err);

#endif
