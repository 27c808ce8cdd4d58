/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad reset: press a guest's reset button.
 */
#include "cli/guests.h"

extern const struct command command_reset;

static int run(int argc, char **argv)
{
    return guests_simple(&command_reset, argc, argv, "reset", "starts again");
}

static const struct command_example examples[] = {
    {"quad reset web", "start again at once; what was not written is lost"},
    {NULL, NULL},
};

const struct command command_reset = {
    .name = "reset",
    .summary = "press a guest's reset button",
    .operands = "GUEST...",
    .options = guests_help_only,
    .examples = examples,
    .run = run,
};
