/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * runner: a guest from its description: in this process until it ends, or in a process of its own.
 */
#ifndef QUAD_CLI_RUNNER_H
#define QUAD_CLI_RUNNER_H

#include "cli/command.h"
#include "config/guest_config.h"

struct saved;

/* Checks, runs, prints messages; returns the exit code. In the background (c->detach) it returns when
 * the guest runs and what c->wait names is so; one that runs already with the same description is
 * no error. */
int run_guest(const struct command *command, struct guest_config *c);
/* The same with a guest that was saved (guest/save.h), by its description. */
int run_saved(const struct command *command, struct saved *saved);

#endif
