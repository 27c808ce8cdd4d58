/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad failover: a guest whose host is gone goes on here.
 */
#include <stdio.h>

#include "base/log.h"
#include "cli/guests.h"
#include "guest/standby.h"

extern const struct command command_failover;

struct failover_args {
    bool test, force, json, help;
};

static const struct opt options[] = {
    OPT(struct failover_args, test, .name = "test", .kind = OPT_FLAG,
        .help = "say what would be lost, and do nothing"),
    OPT(struct failover_args, force, .name = "force", .kind = OPT_FLAG,
        .help = "also while its source is there: it may run twice then"),
    OPT(struct failover_args, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct failover_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int print(const char *name, const json_t *r, const struct failover_args *o, struct error *err)
{
    json_int_t epochs = json_integer_value(json_object_get(r, "epochs"));
    double age = (double)json_integer_value(json_object_get(r, "age_ms")) / 1000;
    bool linked = json_is_true(json_object_get(r, "linked")), taken = json_is_true(json_object_get(r, "taken"));

    if (o->json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
    }
    if (!epochs)
        return fail(err, EAGAIN, "%s: no complete state has come yet", name);
    if (!o->test && !taken)
        return fail(err, EBUSY, "%s: its source is there and sends, so it may run there; stop it there, "
                                "or try: quad failover --force %s", name, name);
    if (!o->json)
        printf("%s %s here with state %" JSON_INTEGER_FORMAT ", %.1f s old: what it did since is lost%s\n",
               name, taken ? "goes on" : "would go on", epochs, age,
               linked ? "; its source is there" : "");
    return 0;
}

static int run(int argc, char **argv)
{
    struct failover_args o = {0};
    struct error err = {0};
    json_t *r = NULL;
    int rest, code = guests_parse(&command_failover, &o, offsetof(struct failover_args, help), argc,
                                  argv, 1, &rest);

    if (code >= 0)
        return code;
    if (argc - rest != 1) {
        fail(&err, EINVAL, "failover takes one guest");
        return command_usage(&command_failover, &err);
    }
    int rc = standby_ask(argv[rest], o.test ? "status" : o.force ? "force" : "go", &r, &err);
    if (!rc)
        rc = print(argv[rest], r, &o, &err);
    json_decref(r);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad failover web", "its host is gone: it goes on here"},
    {"quad failover --test web", "how old is what stands by?"},
    {NULL, NULL},
};

const struct command command_failover = {
    .name = "failover",
    .summary = "a guest that stands by goes on here",
    .operands = "GUEST",
    .text = "The guest is one that quad receive keeps for quad replicate. It goes on from the last complete "
            "state that came, with the disks of that state, and is told that it is a copy. Whether the "
            "guest's own host is really gone nobody here can know: see to it first.",
    .options = options,
    .examples = examples,
    .run = run,
};
