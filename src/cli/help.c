/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad help [COMMAND]: as text, or as a manual page.
 */
#include "base/log.h"
#include "cli/command.h"
#include "cli/man.h"

extern const struct command command_help;

struct help_options {
    bool man, help;
};

static const struct opt options[] = {
    OPT(struct help_options, man, .name = "man", .kind = OPT_FLAG,
        .help = "print the manual page, for man -l"),
    OPT(struct help_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int run(int argc, char **argv)
{
    struct help_options o = {0};
    struct error err = {0};
    int rest;

    if (!strcmp(argv[0], "help")) {
        if (opt_parse(options, &o, argc, argv, &rest, &err))
            return command_usage(&command_help, &err);
    } else {
        rest = argc; /* quad --help */
    }
    if (o.help) {
        help_print(&command_help, stdout);
        return EXIT_OK;
    }
    if (rest >= argc) {
        (o.man ? man_print_all : help_print_all)(stdout);
        return EXIT_OK;
    }
    const struct command *c = command_find(argv[rest]);
    if (!c) {
        log_error("no command is called \"%s\"; try: quad help", argv[rest]);
        return EXIT_USAGE;
    }
    (o.man ? man_print : help_print)(c, stdout);
    return EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad help run", "options, examples and exit codes of quad run"},
    {"quad help --man run | man -l -", "the same as a manual page"},
    {NULL, NULL},
};

const struct command command_help = {
    .name = "help",
    .summary = "what the commands do and take",
    .operands = "[COMMAND]",
    .options = options,
    .examples = examples,
    .run = run,
};
