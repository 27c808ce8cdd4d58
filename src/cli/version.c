/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad version
 */
#include "cli/command.h"

extern const struct command command_version;

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("quad " QUAD_VERSION);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .summary = "this program's version",
    .run = run,
};
