/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad list: what this build has: engines, boards, devices, processor models.
 */
#include "cli/command.h"
#include "guest/inventory.h"

extern const struct command command_list;

struct list_options {
    bool help;
};

static const struct opt options[] = {
    OPT(struct list_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int run(int argc, char **argv)
{
    struct list_options o = {0};
    struct error err = {0};
    int rest;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_list, &err);
    if (o.help) {
        help_print(&command_list, stdout);
        return EXIT_OK;
    }
    const char *kind = rest < argc ? argv[rest] : NULL;
    if (!inventory_print(kind, stdout)) {
        fail(&err, EINVAL, "nothing is called \"%s\"; try: %s", kind, inventory_kinds);
        return command_usage(&command_list, &err);
    }
    return EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad list", "everything"},
    {"quad list engines", "one kind"},
    {NULL, NULL},
};

const struct command command_list = {
    .name = "list",
    .summary = "what this build has: engines, boards, devices, processor models",
    .operands = "[engines|boards|devices|models]",
    .options = options,
    .examples = examples,
    .run = run,
};
