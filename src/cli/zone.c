/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad zone: what only zones have: snapshots and clones of their files, brands, starting those that
 * start by themselves.
 */
#include "base/log.h"
#include "cli/guests.h"
#include "guest/zone_host.h"
#include "image/store.h"
#include "guest/zone_admin.h"
#include "proto/place.h"

extern const struct command command_zone;

struct zone_cli_options {
    bool json, help;
};

static const struct opt options[] = {
    OPT(struct zone_cli_options, json, .name = "json", .kind = OPT_FLAG, .help = "ls, snapshots: as JSON"),
    OPT(struct zone_cli_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int do_snapshot(char **w, struct error *err)
{
    return zone_admin_snapshot(w[0], w[1], err);
}

static int do_revert(char **w, struct error *err)
{
    return zone_admin_revert(w[0], w[1], err);
}

static int do_forget(char **w, struct error *err)
{
    return zone_admin_forget(w[0], w[1], err);
}

static bool as_json;

static int do_snapshots(char **w, struct error *err)
{
    json_t *list = zone_admin_snapshots(w[0], err), *v;
    size_t i;

    if (!list)
        return -err->code;
    if (as_json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        json_array_foreach(list, i, v)
            puts(json_string_value(v));
    }
    json_decref(list);
    return 0;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "-";
}

static int do_ls(char **w, struct error *err)
{
    json_t *all = zone_admin_list(), *z;
    size_t i;

    (void)w;
    (void)err;
    if (as_json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (json_array_size(all)) {
        printf("%-20s %-10s %-14s %-12s %-15s %s\n", "NAME", "STAGE", "IMAGE", "BRAND", "ADDRESS",
               "AUTOSTART");
    }
    json_array_foreach(all, i, z)
        if (!as_json)
            printf("%-20s %-10s %-14s %-12s %-15s %" JSON_INTEGER_FORMAT "\n", text_of(z, "name"),
                   text_of(z, "stage"), text_of(z, "image"), text_of(z, "brand"),
                   text_of(z, "address"), json_integer_value(json_object_get(z, "autostart")));
    json_decref(all);
    return 0;
}

/* FROM[@SNAPSHOT] TO */
static int do_clone(char **w, struct error *err)
{
    auto_free char *from = xstrdup(w[0]);
    char *at = strchr(from, '@');

    if (at)
        *at++ = 0;
    return zone_admin_clone(from, at, w[1], err);
}

static int do_autostart(char **w, struct error *err)
{
    (void)w;
    return zone_admin_autostart(err);
}

static int do_brands(char **w, struct error *err)
{
    (void)w;
    (void)err;
    zone_admin_print_brands(stdout);
    return 0;
}

static const struct verb {
    const char *name;
    int words;
    int (*run)(char **words, struct error *err);
} verbs[] = {
    {"ls", 0, do_ls},
    {"snapshot", 2, do_snapshot}, {"snapshots", 1, do_snapshots}, {"revert", 2, do_revert},
    {"forget", 2, do_forget},     {"clone", 2, do_clone},         {"autostart", 0, do_autostart},
    {"brands", 0, do_brands},
};

static int run(int argc, char **argv)
{
    struct zone_cli_options o = {0};
    struct error err = {0};
    int rest, code = guests_parse(&command_zone, &o, offsetof(struct zone_cli_options, help), argc,
                                  argv, 1, &rest);

    if (code >= 0)
        return code;
    as_json = o.json;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, argv[rest]))
            continue;
        if (argc - rest - 1 != verbs[i].words) {
            fail(&err, EINVAL, "%s wants %d operands; try: quad zone --help", verbs[i].name,
                 verbs[i].words);
            return command_usage(&command_zone, &err);
        }
        return verbs[i].run(argv + rest + 1, &err) ? guests_failed(&err) : EXIT_OK;
    }
    fail(&err, EINVAL, "zone wants one of: ls, snapshot, snapshots, revert, forget, clone, autostart, "
                       "brands; not \"%s\"", argv[rest]);
    return command_usage(&command_zone, &err);
}

static const struct command_example examples[] = {
    {"quad zone ls", "all zones and their stages: configured, installed, ready, running, down"},
    {"quad zone snapshot web clean", "keep its files as they are now, also while it runs"},
    {"quad zone revert web clean", "back to them; it must be stopped"},
    {"quad zone clone web@clean web2", "a new zone that begins so and shares them"},
    {"quad zone autostart", "start all zones with --autostart, in their order"},
    {NULL, NULL},
};

const struct command command_zone = {
    .name = "zone",
    .summary = "snapshots and clones of zones, and zones that start by themselves",
    .operands = "ls | snapshot ZONE NAME | snapshots ZONE | revert ZONE NAME | forget ZONE NAME | clone "
                "ZONE[@NAME] NEW | autostart | brands",
    .text = "Zones are run, listed, stopped and changed like all guests: quad run IMAGE --mode zone, ls, "
            "stop, set, rm; quad exec and quad cp reach into them.",
    .options = options,
    .examples = examples,
    .run = run,
};
