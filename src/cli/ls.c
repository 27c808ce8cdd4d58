/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad ls: all guests of this user.
 */
#include <unistd.h>

#include "cli/agent.h"
#include "cli/guests.h"
#include "proto/folder.h"

extern const struct command command_ls;

#define ANSWER_MS 3000
#define AGENT_MS 500

struct ls_options {
    bool json, quiet, running, help;
};

static const struct opt options[] = {
    OPT(struct ls_options, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct ls_options, quiet, .name = "quiet", .letter = 'q', .kind = OPT_FLAG,
        .help = "names only"),
    OPT(struct ls_options, running, .name = "running", .letter = 'r', .kind = OPT_FLAG,
        .help = "only those that run"),
    OPT(struct ls_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* A busy guest's agent is not waited for long. */
static void add_addresses(json_t *g, const char *name)
{
    json_t *list = agent_is_there(name) ? agent_addresses(name, AGENT_MS) : NULL;

    if (list)
        json_object_set_new(g, "addresses", list);
}

static json_t *ask(const char *name, bool addresses)
{
    struct client c = {0};
    struct error err = {0};
    json_t *r = NULL;

    if (!client_open(&c, name, &err))
        client_call_timeout(&c, "status", NULL, ANSWER_MS, &r, &err);
    client_close(&c);
    if (r && addresses)
        add_addresses(r, name);
    return r ? r : json_pack("{s:s, s:s, s:s}", "name", name, "state", "silent", "error", err.text);
}

static json_t *remember(const char *name)
{
    struct error err = {0};
    json_t *end = folder_load(name, "end.json", &err);
    const char *how = json_string_value(json_object_get(end, "how"));
    json_t *r = json_pack("{s:s, s:s, s:s*}", "name", name, "state", "stopped", "how", how);

    json_decref(end);
    return r;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "-";
}

static void print_line(const json_t *g)
{
    json_int_t memory = json_integer_value(json_object_get(g, "memory"));
    json_t *seconds = json_object_get(g, "seconds"), *forwards = json_object_get(g, "forwards"), *f;
    json_int_t cpus = json_integer_value(json_object_get(g, "cpus"));
    char up[32] = "-", mem[24] = "-", ncpu[24] = "-";
    size_t i;

    if (seconds)
        guests_print_time(up, (uint64_t)json_integer_value(seconds));
    if (memory)
        snprintf(mem, sizeof(mem), "%" JSON_INTEGER_FORMAT "M", memory >> 20);
    if (cpus)
        snprintf(ncpu, sizeof(ncpu), "%" JSON_INTEGER_FORMAT, cpus);
    printf("%-20s %-9s %-7s %4s %8s %9s ", text_of(g, "name"), text_of(g, "state"),
           text_of(g, "way"), ncpu, mem, up);
    json_array_foreach(forwards, i, f)
        printf(" %" JSON_INTEGER_FORMAT "->%" JSON_INTEGER_FORMAT,
               json_integer_value(json_object_get(f, "port")),
               json_integer_value(json_object_get(f, "guest")));
    json_array_foreach(json_object_get(g, "addresses"), i, f)
        printf(" %s", json_string_value(f));
    putchar('\n');
}

static void print_all(json_t *all, const struct ls_options *o)
{
    json_t *g;
    size_t i;

    if (o->json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        return;
    }
    if (!o->quiet && json_array_size(all))
        printf("%-20s %-9s %-7s %4s %8s %9s  %s\n", "NAME", "STATE", "WAY", "CPUS", "MEMORY", "UP",
               "PORTS, ADDRESSES");
    json_array_foreach(all, i, g)
        if (o->quiet)
            puts(text_of(g, "name"));
        else
            print_line(g);
}

static int run(int argc, char **argv)
{
    struct ls_options o = {0};
    struct error err = {0};
    struct roster r;
    int rest,
        code = guests_parse(&command_ls, &o, offsetof(struct ls_options, help), argc, argv, 0, &rest);

    if (code >= 0)
        return code;
    if (rest < argc) {
        fail(&err, EINVAL, "ls takes no operand \"%s\"; try: quad stat %s", argv[rest], argv[rest]);
        return command_usage(&command_ls, &err);
    }
    if (roster_open(&r, &err))
        return guests_failed(&err);
    json_t *all = json_array();
    for (size_t i = 0; i < r.n; i++)
        if (r.running[i] || !o.running)
            json_array_append_new(all, r.running[i] ? ask(r.names[i], !o.quiet) : remember(r.names[i]));
    print_all(all, &o);
    json_decref(all);
    roster_free(&r);
    return EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad ls", "those that run, and those that can be started again"},
    {"quad ls --json", "for programs"},
    {NULL, NULL},
};

const struct command command_ls = {
    .name = "ls",
    .summary = "all your guests and what they do",
    .text = "Addresses are what the agent in a guest says of them.",
    .options = options,
    .examples = examples,
    .run = run,
};
