/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad: finds the command and runs it.
 */
#include "base/log.h"
#include "cli/command.h"

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;

    for (; commands[n] && n < ARRAY_LEN(names); n++)
        names[n] = commands[n]->name;
    const char *near = opt_nearest(name, names, n);
    if (near)
        log_error("no command is called \"%s\"; did you mean quad %s?", name, near);
    else
        log_error("no command is called \"%s\"; try: quad help", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print_all(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    if (!strcmp(name, "--version") || !strcmp(name, "-V"))
        name = "version";
    const struct command *c = command_find(name);
    if (!c)
        return unknown_command(name);
    return c->run(argc - 1, argv + 1);
}
