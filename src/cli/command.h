/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * command: one command of `quad`. The table feeds --help, the manual page and shell completion.
 */
#ifndef QUAD_CLI_COMMAND_H
#define QUAD_CLI_COMMAND_H

#include <stdio.h>

#include "base/opt.h"
#include "cli/exit.h"

struct command_example {
    const char *line, *what;
};

struct command {
    const char *name;
    const char *summary;       /* one line */
    const char *operands;      /* "[TOPIC]" or NULL */
    const char *text;          /* what there is to know beyond the options; may be NULL */
    const struct opt *options; /* may be NULL */
    const struct command_example *examples; /* ends with line NULL; may be NULL */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit code */
};

extern const struct command *const commands[]; /* ends with NULL */
const struct command *command_find(const char *name);

/* Errors of the command line: prints the message and the way to help; returns EXIT_USAGE. */
int command_usage(const struct command *c, const struct error *err);
/* Failures: prints the message; returns EXIT_FAILED. */
int command_failed(const struct error *err);

void help_print(const struct command *c, FILE *out);
void help_print_all(FILE *out);

#endif
