/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad pause: stop a guest's processors and clock until resume.
 */
#include "cli/guests.h"

extern const struct command command_pause;

static int run(int argc, char **argv)
{
    return guests_simple(&command_pause, argc, argv, "pause", "paused");
}

static const struct command_example examples[] = {
    {"quad pause web", "the guest stands still; it keeps its memory"},
    {NULL, NULL},
};

const struct command command_pause = {
    .name = "pause",
    .summary = "stop a guest's processors and clock until resume",
    .operands = "GUEST...",
    .options = guests_help_only,
    .examples = examples,
    .run = run,
};
