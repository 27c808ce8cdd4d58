/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad ways: which of the four ways this host can, and why.
 */
#include <unistd.h>

#include "cli/command.h"
#include "core/way.h"
#include "registry/registry.h"

extern const struct command command_ways;

struct ways_options {
    bool verbose, json, help;
};

static const struct opt options[] = {
    OPT(struct ways_options, verbose, .name = "verbose", .letter = 'v', .kind = OPT_FLAG,
        .help = "say what each way is for, and what was found out about this host"),
    OPT(struct ways_options, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct ways_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static void print_json_string(const char *s)
{
    putchar('"');
    for (; *s; s++)
        if ((unsigned char)*s < 0x20)
            printf("\\u%04x", (unsigned)*s);
        else
            printf(*s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    putchar('"');
}

static void print_json(void)
{
    putchar('[');
    for (size_t i = 0; registry_ways[i]; i++) {
        struct way_report r = {0};
        registry_ways[i]->probe(&r);
        printf("%s\n  {\"way\": ", i ? "," : "");
        print_json_string(registry_ways[i]->name);
        printf(", \"available\": %s, \"reason\": ", r.available ? "true" : "false");
        print_json_string(r.reason);
        printf(", \"help\": ");
        print_json_string(registry_ways[i]->help);
        putchar('}');
    }
    puts("\n]");
}

static void print_text(bool verbose)
{
    bool color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

    for (size_t i = 0; registry_ways[i]; i++) {
        struct way_report r = {0};
        registry_ways[i]->probe(&r);
        const char *on = !color ? "" : r.available ? "\033[32m" : "\033[33m";
        printf("%-7s %s%-4s%s %s\n", registry_ways[i]->name, on, r.available ? "yes" : "no",
               color ? "\033[0m" : "", r.reason);
        if (verbose)
            printf("             %s\n", registry_ways[i]->help);
        if (verbose && registry_ways[i]->show)
            registry_ways[i]->show(stdout);
    }
}

static int run(int argc, char **argv)
{
    struct ways_options o = {0};
    struct error err = {0};
    int rest;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_ways, &err);
    if (o.help) {
        help_print(&command_ways, stdout);
        return EXIT_OK;
    }
    if (rest < argc) {
        fail(&err, EINVAL, "ways takes no operand \"%s\"", argv[rest]);
        return command_usage(&command_ways, &err);
    }
    if (o.json)
        print_json();
    else
        print_text(o.verbose);
    return EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad ways", "one line for each way"},
    {"quad ways --json", "the same for a program"},
    {NULL, NULL},
};

const struct command command_ways = {
    .name = "ways",
    .summary = "which ways to run a guest this host can, and why",
    .options = options,
    .examples = examples,
    .run = run,
};
