/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad boost: more (or less) for a while.
 */
#include "base/log.h"
#include "cli/guests.h"

extern const struct command command_boost;

struct boost_options {
    const char *duration;
    bool help;
};

static const struct opt options[] = {
    OPT(struct boost_options, duration, .name = "for", .kind = OPT_STRING, .arg = "TIME",
        .help = "how long: 90s, 30m, 2h, 1d"),
    OPT(struct boost_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int parse_time(const char *text, uint64_t *seconds, struct error *err)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    for (size_t i = 0; !errno && end != text && *text != '-' && i < ARRAY_LEN(units); i++)
        if (*end == units[i].letter && !end[1] && n && n < UINT64_C(1000000000) / units[i].seconds) {
            *seconds = n * units[i].seconds;
            return 0;
        }
    return fail(err, EINVAL, "--for: \"%s\" is no time; try: 90s, 30m, 2h, 1d", text);
}

static int boost_one(struct client *c, const char *pair, uint64_t seconds, struct error *err)
{
    const char *eq = strchr(pair, '=');
    json_t *r = NULL;

    if (!eq || eq == pair)
        return fail(err, EINVAL, "\"%s\" is no KEY=VALUE; try: cpu.cap=200%%", pair);
    json_t *args = json_pack("{s:s#, s:s, s:I}", "key", pair, (int)(eq - pair), "value", eq + 1,
                             "seconds", (json_int_t)seconds);
    int rc = client_call(c, "set", args, &r, err);
    json_decref(args);
    if (!rc)
        printf("%.*s=%" JSON_INTEGER_FORMAT " for %" PRIu64 " s\n", (int)(eq - pair), pair,
               json_integer_value(json_object_get(r, "now")), seconds);
    json_decref(r);
    return rc;
}

/* Options may stand behind the operands, as one says it. */
static int parse(struct boost_options *o, int argc, char **argv, char **words, int *n,
                 struct error *err)
{
    int rest, rc = 0;

    *n = 0;
    for (int at = 0; !rc && at < argc;) {
        rc = opt_parse(options, o, argc - at, argv + at, &rest, err);
        at += rest;
        if (!rc && at < argc)
            words[(*n)++] = argv[at];
    }
    return rc;
}

static int run(int argc, char **argv)
{
    auto_free char **words = xcalloc((size_t)argc + 1, sizeof(*words));
    struct boost_options o = {0};
    struct client c = {0};
    struct error err = {0};
    uint64_t seconds = 0;
    int n;

    int rc = parse(&o, argc, argv, words, &n, &err);
    if (!rc && o.help) {
        help_print(&command_boost, stdout);
        return EXIT_OK;
    }
    if (!rc && (n < 2 || !o.duration))
        rc = fail(&err, EINVAL, "boost what, and how long? try: quad boost web cpu.cap=200%% --for 2h");
    if (!rc)
        rc = parse_time(o.duration, &seconds, &err);
    if (rc)
        return command_usage(&command_boost, &err);
    rc = client_open(&c, words[0], &err);
    for (int i = 1; !rc && i < n; i++)
        rc = boost_one(&c, words[i], seconds, &err);
    client_close(&c);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad boost web cpu.cap=200% disk.0.iops=0 --for 2h", "then it is as before, by itself"},
    {NULL, NULL},
};

const struct command command_boost = {
    .name = "boost",
    .summary = "change what a running guest may use, for a while",
    .operands = "GUEST KEY=VALUE... --for TIME",
    .text = "The guest's own process keeps the time. quad set ends a boost: what it sets stays.",
    .options = options,
    .examples = examples,
    .run = run,
};
