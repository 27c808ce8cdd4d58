/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad set: change what a running guest may use.
 */
#include <fcntl.h>

#include "base/log.h"
#include "cli/guests.h"
#include "core/engine.h"
#include "registry/registry.h"

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
static int set_engine(struct client *c, const char *name, json_t **r, struct error *err)
{
    json_t *args = json_pack("{s:s}", "name", name);
    const struct engine_type *type;
    struct error unknown;
    auto_close int fd = -1;

    /* The guest's process cannot open it. Where this one cannot either, the engine says so. */
    if (!registry_find_engine(name, &type, &unknown) && type->host_device)
        fd = open(type->host_device, O_RDWR | O_CLOEXEC);
    int rc = client_call_fds(c, "engine", args, &fd, fd >= 0 ? 1 : 0, r, err);
    json_decref(args);
    return rc;
}

static void print_engine(const json_t *r, const struct set_options *o)
{
    if (o->json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        printf("engine=%s: way %s\n", json_string_value(json_object_get(r, "engine")),
               json_string_value(json_object_get(r, "way")));
    }
}

/* ----------------------------------------------------------------------------- all or nothing
 *
 * One after the other; where one is refused those before it get their old values again. What cannot
 * go back comes last: a disk's size, and the engine. */

struct pair {
    const char *text, *eq;
    json_t *answer;
};

static bool is_engine(const struct pair *p)
{
    return p->eq - p->text == 6 && !strncmp(p->text, "engine", 6);
}

static bool goes_back(const struct pair *p)
{
    return !is_engine(p) && (p->eq - p->text < 5 || strncmp(p->eq - 5, ".size", 5) != 0);
}

static int parse_pairs(struct pair *pairs, char **words, int n, struct error *err)
{
    int at = 0;

    for (int last = 0; last < 2; last++)
        for (int i = 0; i < n; i++) {
            const struct pair p = {.text = words[i], .eq = strchr(words[i], '=')};
            if (!p.eq || p.eq == p.text)
                return fail(err, EINVAL, "\"%s\" is no KEY=VALUE; try: disk.0.iops=500", words[i]);
            if (goes_back(&p) == !last)
                pairs[at++] = p;
        }
    return 0;
}

static int set_one(struct client *c, struct pair *p, struct error *err)
{
    if (is_engine(p))
        return set_engine(c, p->eq + 1, &p->answer, err);
    json_t *args = json_pack("{s:s#, s:s}", "key", p->text, (int)(p->eq - p->text), "value", p->eq + 1);
    int rc = client_call(c, "set", args, &p->answer, err);
    json_decref(args);
    return rc;
}

static int put_back(struct client *c, const struct pair *p, const json_t *before)
{
    auto_free char *key = xasprintf("%.*s", (int)(p->eq - p->text), p->text);
    const json_t *old = json_object_get(before, key);
    auto_free char *text =
        json_is_string(old) ? xstrdup(json_string_value(old))
                            : xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(old));
    struct error ignored;

    if (!old || !goes_back(p))
        return -ENOENT;
    json_t *args = json_pack("{s:s, s:s}", "key", key, "value", text);
    int rc = client_call(c, "set", args, NULL, &ignored);
    json_decref(args);
    return rc;
}

static int set_all(struct client *c, struct pair *pairs, int n, struct error *err)
{
    json_t *before = NULL;
    int rc = n > 1 ? client_call(c, "limits", NULL, &before, err) : 0, done = 0;

    while (!rc && done < n) {
        rc = set_one(c, &pairs[done], err);
        done += !rc;
    }
    for (int i = done; rc && i--;)
        if (put_back(c, &pairs[i], before))
            log_warn("%s stays as it is now", pairs[i].text);
    if (rc && n > 1)
        log_notice("%.*s was refused: the others have their old values",
                   (int)(pairs[done].eq - pairs[done].text), pairs[done].text);
    json_decref(before);
    return rc;
}

static int set_pairs(struct client *c, char **words, int n, const struct set_options *o,
                     struct error *err)
{
    struct pair *pairs = xcalloc((size_t)n + 1, sizeof(*pairs));
    int rc = parse_pairs(pairs, words, n, err);

    if (!rc)
        rc = set_all(c, pairs, n, err);
    for (int i = 0; i < n; i++) {
        if (!rc && is_engine(&pairs[i]))
            print_engine(pairs[i].answer, o);
        else if (!rc)
            print_answer(pairs[i].answer, o);
        json_decref(pairs[i].answer);
    }
    free(pairs);
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
    if (!rc)
        rc = set_pairs(&c, argv + rest + 1, argc - rest - 1, &o, &err);
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
    .text = "Each line of the answer says what the guest really has now. Of several pairs all are set, or "
            "none: where one is refused the others get their old values again. Sizes and rates are in "
            "bytes, with K, M, G. engine=NAME changes what runs its processors (quad list engines).",
    .options = options,
    .examples = examples,
    .run = run,
};
