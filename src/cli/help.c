/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad help [COMMAND]
 */
#include "base/log.h"
#include "cli/command.h"

extern const struct command command_help;

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_print_all(stdout);
        return EXIT_OK;
    }
    const struct command *c = command_find(argv[1]);
    if (!c) {
        log_error("no command is called \"%s\"; try: quad help", argv[1]);
        return EXIT_USAGE;
    }
    help_print(c, stdout);
    return EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad help run", "options, examples and exit codes of quad run"},
    {NULL, NULL},
};

const struct command command_help = {
    .name = "help",
    .summary = "what the commands do and take",
    .operands = "[COMMAND]",
    .examples = examples,
    .run = run,
};
