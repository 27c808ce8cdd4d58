/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad migrate: move a running guest to a quad receive.
 */
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"
#include "guest/move.h"
#include "guest/move_tls.h"

extern const struct command command_migrate;

struct migrate_args {
    uint64_t bandwidth, downtime, rounds;
    const char *resolve;
    struct move_tls tls;
    bool compress, converge, copy_disks, check, cancel, status, json, help;
};

static const struct opt options[] = {
    OPT(struct migrate_args, bandwidth, .name = "bandwidth", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "bytes a second at most while the guest runs"),
    OPT(struct migrate_args, downtime, .name = "downtime", .kind = OPT_UINT, .arg = "MS", .max = 60000,
        .help = "how long the guest may stand still, the goal (20)"),
    OPT(struct migrate_args, rounds, .name = "rounds", .kind = OPT_UINT, .arg = "N", .max = 10000,
        .help = "of copying what was written meanwhile; then it stops whatever is left (30)"),
    OPT(struct migrate_args, converge, .name = "auto-converge", .kind = OPT_FLAG,
        .help = "slow the guest down where it writes faster than the link carries"),
    OPT(struct migrate_args, compress, .name = "compress", .kind = OPT_FLAG,
        .help = "less to send, more to compute"),
    OPT(struct migrate_args, copy_disks, .name = "copy-disks", .kind = OPT_FLAG,
        .help = "send the disks, too: the other side has images of its own, of the same sizes"),
    OPT(struct migrate_args, tls.folder, .name = "tls", .kind = OPT_STRING, .arg = "DIR",
        .help = "encrypted, with DIR/ca.pem, cert.pem, key.pem: both sides show certificates"),
    OPT(struct migrate_args, tls.psk, .name = "tls-psk", .kind = OPT_STRING, .arg = "FILE",
        .help = "encrypted, by a key that both sides have: a line NAME:HEX"),
    OPT(struct migrate_args, check, .name = "check", .kind = OPT_FLAG,
        .help = "say what is in the way of a move, and do nothing"),
    OPT(struct migrate_args, status, .name = "status", .kind = OPT_FLAG, .help = "how a move goes"),
    OPT(struct migrate_args, cancel, .name = "cancel", .kind = OPT_FLAG, .help = "give it up"),
    OPT(struct migrate_args, resolve, .name = "resolve", .kind = OPT_ENUM, .choices = "here|there",
        .help = "after the link died inside the commit: where the guest is, as you have seen it"),
    OPT(struct migrate_args, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct migrate_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static json_int_t number(const json_t *r, const char *key)
{
    return json_integer_value(json_object_get(r, key));
}

static void print_report(const json_t *r, const struct migrate_args *o)
{
    const char *phase = json_string_value(json_object_get(r, "phase"));

    if (o->json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    printf("%s: %" JSON_INTEGER_FORMAT " KiB sent of %" JSON_INTEGER_FORMAT
           " KiB memory in %" JSON_INTEGER_FORMAT " rounds, %" JSON_INTEGER_FORMAT
           " KiB left, %" JSON_INTEGER_FORMAT " KiB/s, %" JSON_INTEGER_FORMAT
           " ms, slowed by %" JSON_INTEGER_FORMAT "%%, stood still for %.1f ms\n",
           phase ? phase : "?", number(r, "sent") / 1024, number(r, "total") / 1024,
           number(r, "rounds"), number(r, "left") / 1024, number(r, "rate") / 1024, number(r, "ms"),
           number(r, "slowed"), (double)number(r, "stopped_us") / 1000);
}

static int print_check(const char *guest, const json_t *r, const struct migrate_args *o)
{
    const json_t *blockers = json_object_get(r, "blockers"), *text;
    size_t i;

    if (o->json) {
        print_report(r, o);
    } else {
        json_array_foreach(blockers, i, text)
            printf("in the way: %s\n", json_string_value(text));
        json_array_foreach(json_object_get(r, "notes"), i, text)
            printf("mind: %s\n", json_string_value(text));
    }
    if (!json_array_size(blockers))
        log_notice("%s: nothing is in the way", guest);
    return json_array_size(blockers) ? EXIT_FAILED : EXIT_OK;
}

static int move(struct client *c, const char *where, const struct migrate_args *o, json_t **r,
                struct error *err)
{
    auto_close int fd = -1;
    int rc = o->check ? 0 : move_connect(where, &fd, err);

    if (!rc && !o->check && move_tls_wanted(&o->tls))
        rc = move_tls_wrap(&fd, &o->tls, where, err);
    if (rc)
        return rc;
    json_t *args = json_pack("{s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:b}", "bandwidth", (json_int_t)o->bandwidth,
                             "downtime", (json_int_t)o->downtime, "rounds", (json_int_t)o->rounds,
                             "compress", o->compress, "copy_disks",
                             o->copy_disks, "converge", o->converge, "check", o->check, "remote",
                             where && strncmp(where, "unix:", 5));
    rc = client_call_fds(c, "migrate", args, &fd, o->check ? 0 : 1, r, err);
    json_decref(args);
    return rc;
}

static int do_it(struct client *c, const char *where, const struct migrate_args *o, json_t **r,
                 struct error *err)
{
    if (o->status)
        return client_call(c, "migration", NULL, r, err);
    if (o->cancel)
        return client_call(c, "migrate_cancel", NULL, NULL, err);
    if (!o->resolve)
        return move(c, where, o, r, err);
    json_t *args = json_pack("{s:s}", "where", o->resolve);
    int rc = client_call(c, "migrate_resolve", args, NULL, err);
    json_decref(args);
    return rc;
}

static int run(int argc, char **argv)
{
    struct migrate_args o = {.downtime = 20, .rounds = 30};
    struct client c = {0};
    struct error err = {0};
    json_t *r = NULL;
    int rest, code = guests_parse(&command_migrate, &o, offsetof(struct migrate_args, help), argc,
                                  argv, 1, &rest);

    if (code >= 0)
        return code;
    bool needs_place = !o.status && !o.cancel && !o.resolve && !o.check;
    if (argc - rest != (needs_place ? 2 : 1)) {
        fail(&err, EINVAL, needs_place ? "migrate where? try: quad migrate web tcp:HOST:PORT"
                                       : "one guest, and nothing else");
        return command_usage(&command_migrate, &err);
    }
    int rc = client_open(&c, argv[rest], &err);
    if (!rc)
        rc = do_it(&c, needs_place ? argv[rest + 1] : NULL, &o, &r, &err);
    client_close(&c);
    code = EXIT_OK;
    if (!rc && o.check)
        code = print_check(argv[rest], r, &o);
    else if (!rc && r)
        print_report(r, &o);
    json_decref(r);
    return rc ? guests_failed(&err) : code;
}

static const struct command_example examples[] = {
    {"quad migrate web tcp:10.0.0.2:4711", "to a host where quad receive waits"},
    {"quad migrate --tls-psk key web tcp:10.0.0.2:4711", "encrypted; quad receive has the same file"},
    {"quad migrate --check web", "is anything in the way?"},
    {"quad migrate --status web", "how it goes"},
    {NULL, NULL},
};

const struct command command_migrate = {
    .name = "migrate",
    .summary = "move a running guest to another host",
    .operands = "GUEST [tcp:HOST:PORT|unix:PATH]",
    .text = "The guest runs on while its memory is copied, stands still for the rest, and goes on "
            "there. Whatever breaks before that, it goes on here. If the link dies just while it is "
            "handed over, it stays paused here until --resolve says where it is: it never runs twice. "
            "With --copy-disks what the disks hold goes with it, and the images here are old from then "
            "on. Without --tls or --tls-psk memory travels as it is: use a link that nobody else reads.",
    .options = options,
    .examples = examples,
    .run = run,
};
