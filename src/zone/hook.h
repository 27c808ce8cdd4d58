/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hook: programs that the runtime runs: the configuration's hooks, and set-uid helpers.
 */
#ifndef QUAD_ZONE_HOOK_H
#define QUAD_ZONE_HOOK_H

#include "zone/seccomp.h"
#include "zone/spec.h"

/* Open the files that annotations name for the hooks' output (run.oci.hooks.stdout and stderr), for
 * all hooks that this process and its children run. */
[[nodiscard]] int hooks_output(const struct spec *s, struct error *err);
/* What a hook in the container has of the program that is to come. */
struct hook_inside {
    const char **env;                     /* for a hook that has none of its own */
    const struct seccomp_program *filter; /* in force for hooks, too; or NULL */
};
/* Run each hook of a kind in order with `state` on its standard input; a hook's failure or time-out
 * ends the row, but for poststop, where each is only told. `inside` NULL: as for this process. */
[[nodiscard]] int hooks_run(const struct spec *s, enum hook_kind kind, const char *state,
                            const struct hook_inside *inside, struct error *err);
/* Run a program by PATH and wait; its exit status other than 0 is an error. */
[[nodiscard]] int program_run(const char *program, const char **argv, struct error *err);

#endif
