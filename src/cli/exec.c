/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad exec: a program in a running zone.
 */
#include <unistd.h>

#include "cli/guests.h"
#include "guest/zone_run.h"

extern const struct command command_exec;

struct exec_options {
    const char *user;
    bool tty, interactive, help;
};

static const struct opt options[] = {
    OPT(struct exec_options, tty, .name = "tty", .letter = 't', .kind = OPT_FLAG,
        .help = "on a terminal of its own"),
    OPT(struct exec_options, interactive, .name = "interactive", .letter = 'i', .kind = OPT_FLAG,
        .help = "accepted; standard input always goes to the program"),
    OPT(struct exec_options, user, .name = "user", .letter = 'u', .kind = OPT_STRING,
        .arg = "NAME[:GROUP]", .help = "as whom (as the zone's own program)"),
    OPT(struct exec_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int run(int argc, char **argv)
{
    struct exec_options o = {0};
    struct client c = {0};
    struct error err = {0};
    int rest, status = 0,
        code = guests_parse(&command_exec, &o, offsetof(struct exec_options, help), argc, argv, 2, &rest);

    if (code >= 0)
        return code;
    int first = rest + 1;
    if (!strcmp(argv[first], "--"))
        first++;
    int rc = first < argc ? client_open(&c, argv[rest], &err)
                          : fail(&err, EINVAL, "exec wants a program; try: quad exec %s -- sh",
                                 argv[rest]);
    if (!rc)
        rc = zone_run_exec(&c, (const char *const *)argv + first, o.user, o.tty, &status, &err);
    client_close(&c);
    return rc ? guests_failed(&err) : status;
}

static const struct command_example examples[] = {
    {"quad exec -t web -- sh", "a shell in the zone"},
    {"quad exec web -- cat /etc/os-release", "its output is this command's"},
    {NULL, NULL},
};

const struct command command_exec = {
    .name = "exec",
    .summary = "run a program in a running zone",
    .operands = "ZONE [--] PROGRAM [ARGUMENT]...",
    .text = "Its exit status is the program's; 128 and the signal's number where one ended it.",
    .options = options,
    .examples = examples,
    .run = run,
};
