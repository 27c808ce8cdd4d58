/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad stat: a running guest's state, limits and counters.
 */
#include "cli/guests.h"

extern const struct command command_stat;

struct stat_options {
    bool json, help;
};

static const struct opt options[] = {
    OPT(struct stat_options, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct stat_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int ask(const char *name, json_t **out, struct error *err)
{
    static const char *const parts[] = {"status", "limits", "stats"};
    struct client c = {0};
    int rc = client_open(&c, name, err);

    *out = json_object();
    for (size_t i = 0; !rc && i < ARRAY_LEN(parts); i++) {
        json_t *r = NULL;
        rc = client_call(&c, parts[i], NULL, &r, err);
        if (rc == -EOPNOTSUPP) /* not a machine */
            rc = 0;
        else if (!rc)
            json_object_set_new(*out, parts[i], r);
    }
    client_close(&c);
    return rc;
}

static void print_part(const json_t *part)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)part, key, v) {
        auto_free char *text = json_is_string(v) ? xstrdup(json_string_value(v))
                                                 : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        printf("%s: %s\n", key, text ? text : "");
    }
}

static int stat_one(const char *name, void *opaque)
{
    const struct stat_options *o = opaque;
    struct error err = {0};
    json_t *all;
    int rc = ask(name, &all, &err);

    if (!rc && o->json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!rc) {
        print_part(json_object_get(all, "status"));
        print_part(json_object_get(all, "limits"));
        print_part(json_object_get(all, "stats"));
    }
    json_decref(all);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct stat_options o = {0};
    int rest, code = guests_parse(&command_stat, &o, offsetof(struct stat_options, help), argc,
                                  argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, stat_one, &o);
}

static const struct command_example examples[] = {
    {"quad stat web", "one value a line"},
    {"quad stat --json web | jq .stats", "for programs"},
    {NULL, NULL},
};

const struct command command_stat = {
    .name = "stat",
    .summary = "state, limits and counters of a running guest",
    .operands = "GUEST...",
    .options = options,
    .examples = examples,
    .run = run,
};
