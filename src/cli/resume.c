/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad resume: let a paused guest go on.
 */
#include "cli/guests.h"

extern const struct command command_resume;

static int run(int argc, char **argv)
{
    return guests_simple(&command_resume, argc, argv, "resume", "goes on");
}

static const struct command_example examples[] = {
    {"quad resume web", "its clock goes on where it stopped"},
    {NULL, NULL},
};

const struct command command_resume = {
    .name = "resume",
    .summary = "let a paused guest go on",
    .operands = "GUEST...",
    .options = guests_help_only,
    .examples = examples,
    .run = run,
};
