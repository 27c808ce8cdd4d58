/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad set: change what a running guest may use.
 */
#include "cli/guests.h"

extern const struct command command_set;

struct set_options {
    bool list, json, help;
};

static const struct opt options[] = {
    OPT(struct set_options, list, .name = "list", .letter = 'l', .kind = OPT_FLAG,
        .help = "what can be set in this guest, and its values now"),
    OPT(struct set_options, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct set_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int list(struct client *c, const struct set_options *o, struct error *err)
{
    json_t *r = NULL, *v;
    const char *key;
    int rc = client_call(c, "limits", NULL, &r, err);

    if (!rc && o->json) {
        json_dumpf(r, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!rc) {
        json_object_foreach(r, key, v)
            printf("%s=%" JSON_INTEGER_FORMAT "\n", key, json_integer_value(v));
    }
    json_decref(r);
    return rc;
}

static void print_answer(const json_t *r, const struct set_options *o)
{
    const char *text = json_string_value(json_object_get(r, "text"));
    json_int_t asked = json_integer_value(json_object_get(r, "asked"));
    json_int_t now = json_integer_value(json_object_get(r, "now"));

    if (o->json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    printf("%s=%" JSON_INTEGER_FORMAT, json_string_value(json_object_get(r, "key")), now);
    if (now != asked)
        printf(" (asked for %" JSON_INTEGER_FORMAT ")", asked);
    printf("%s%s\n", text ? ": " : "", text ? text : "");
}

/* Not a limit, but what runs it. */
static int set_engine(struct client *c, const char *name, const struct set_options *o,
                      struct error *err)
{
    json_t *args = json_pack("{s:s}", "name", name), *r = NULL;
    int rc = client_call(c, "engine", args, &r, err);

    json_decref(args);
    if (!rc && o->json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (!rc) {
        printf("engine=%s: way %s\n", json_string_value(json_object_get(r, "engine")),
               json_string_value(json_object_get(r, "way")));
    }
    json_decref(r);
    return rc;
}

static int set_one(struct client *c, const char *pair, const struct set_options *o,
                   struct error *err)
{
    const char *eq = strchr(pair, '=');
    json_t *r = NULL;

    if (!eq || eq == pair)
        return fail(err, EINVAL, "\"%s\" is no KEY=VALUE; try: disk.0.iops=500", pair);
    if (!strncmp(pair, "engine=", 7))
        return set_engine(c, eq + 1, o, err);
    json_t *args = json_pack("{s:s#, s:s}", "key", pair, (int)(eq - pair), "value", eq + 1);
    int rc = client_call(c, "set", args, &r, err);
    json_decref(args);
    if (!rc)
        print_answer(r, o);
    json_decref(r);
    return rc;
}

static int run(int argc, char **argv)
{
    struct set_options o = {0};
    struct client c = {0};
    struct error err = {0};
    int rest, code = guests_parse(&command_set, &o, offsetof(struct set_options, help), argc, argv,
                                  1, &rest);

    if (code >= 0)
        return code;
    int rc = client_open(&c, argv[rest], &err);
    for (int i = rest + 1; !rc && i < argc; i++)
        rc = set_one(&c, argv[i], &o, &err);
    if (!rc && (o.list || rest + 1 == argc))
        rc = list(&c, &o, &err);
    client_close(&c);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad set web disk.0.iops=500 nic.0.rate=20M", "limits; 0 takes a limit away"},
    {"quad set web engine=interp", "it goes on under another engine and does not notice"},
    {"quad set --list web", "what can be set"},
    {NULL, NULL},
};

const struct command command_set = {
    .name = "set",
    .summary = "change what a running guest may use",
    .operands = "GUEST [KEY=VALUE]...",
    .text = "Each line of the answer says what the guest really has now. Sizes and rates are in "
            "bytes, with K, M, G. engine=NAME changes what runs its processors (quad list engines).",
    .options = options,
    .examples = examples,
    .run = run,
};
