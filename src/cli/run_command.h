/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * run_command: quad run IMAGE -- COMMAND: the guest runs in the background as long as one command
 * in it.
 */
#ifndef QUAD_CLI_RUN_COMMAND_H
#define QUAD_CLI_RUN_COMMAND_H

#include "config/guest_config.h"

/* `machine` runs the guest, in a process of its own; returns the command's exit code. words end with
 * NULL. */
int run_command(struct guest_config *c, int (*machine)(struct guest_config *c), char **words);

#endif
