/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hook: programs that the runtime runs: the configuration's hooks, and set-uid helpers.
 */
#ifndef QUAD_ZONE_HOOK_H
#define QUAD_ZONE_HOOK_H

#include "zone/spec.h"

/* Run each hook in order with `state` on its standard input; a hook's failure or time-out ends
 * the row. `what` names the kind in messages. */
[[nodiscard]] int hooks_run(const struct spec_hooks *hooks, const char *state, const char *what,
                            struct error *err);
/* Run a program by PATH and wait; its exit status other than 0 is an error. */
[[nodiscard]] int program_run(const char *program, const char **argv, struct error *err);

#endif
