/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guests: what the commands about guests that exist have in common: one guest or several as
 * operands, exit codes from errors, waiting for something to happen in a guest.
 */
#ifndef QUAD_CLI_GUESTS_H
#define QUAD_CLI_GUESTS_H

#include "cli/command.h"
#include "proto/client.h"

/* The exit code that an error means; the message is printed. */
int guests_failed(const struct error *err);

/* Options parsed, help printed where asked for; *rest is the first operand. Returns -1 to go on, or
 * the exit code. `help` is the offset of the help flag. */
int guests_parse(const struct command *c, void *record, size_t help, int argc, char **argv,
                 int min_operands, int *rest);

/* `do_one` for each operand, all of them whatever happens; the worst exit code. */
int guests_each(int argc, char **argv, int rest, int (*do_one)(const char *name, void *opaque),
                void *opaque);

/* A command that is nothing but one control command: "pause". */
int guests_simple(const struct command *c, int argc, char **argv, const char *what,
                  const char *done);
extern const struct opt guests_help_only[]; /* the options of such a command */

/* Wait until `what` (boot, ssh, port:N) is so. -ETIMEDOUT, -EPIPE (it ended), -EINVAL. */
int guests_wait_for(const char *name, const char *what, uint64_t seconds, struct error *err);
/* Wait until the guest has ended and its name is free; *how is "poweroff" ..., to be freed. */
int guests_wait_end(struct client *c, int64_t ms, char **how, struct error *err);
/* The exit code for how a guest ended. */
int guests_end_code(const char *how);

/* "3d 4h", "12m 5s" */
void guests_print_time(char out[32], uint64_t seconds);

#endif
