/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad replicate: a guest's state, again and again, to a host where it could go on.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"
#include "guest/move.h"
#include "guest/move_tls.h"

extern const struct command command_replicate;

struct replicate_args {
    const char *every;
    struct move_tls tls;
    uint64_t bandwidth;
    bool compress, stop, status, json, help;
};

static const struct opt options[] = {
    OPT(struct replicate_args, every, .name = "every", .kind = OPT_STRING, .arg = "TIME",
        .help = "how often: 500ms, 5s, 2m (5s)"),
    OPT(struct replicate_args, bandwidth, .name = "bandwidth", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "bytes a second at most for the first copy"),
    OPT(struct replicate_args, compress, .name = "compress", .kind = OPT_FLAG,
        .help = "less to send, more to compute"),
    OPT(struct replicate_args, tls.folder, .name = "tls", .kind = OPT_STRING, .arg = "DIR",
        .help = "encrypted, with DIR/ca.pem, cert.pem, key.pem: both sides show certificates"),
    OPT(struct replicate_args, tls.psk, .name = "tls-psk", .kind = OPT_STRING, .arg = "FILE",
        .help = "encrypted, by a key that both sides have: a line NAME:HEX"),
    OPT(struct replicate_args, status, .name = "status", .kind = OPT_FLAG, .help = "how it goes"),
    OPT(struct replicate_args, stop, .name = "stop", .kind = OPT_FLAG, .help = "no more of it"),
    OPT(struct replicate_args, json, .name = "json", .kind = OPT_FLAG, .help = "print JSON"),
    OPT(struct replicate_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int parse_time(const char *text, uint64_t *ms, struct error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    uint64_t unit = !strcmp(end, "ms") ? 1 : !*end || !strcmp(end, "s") ? 1000 : !strcmp(end, "m") ? 60000 : 0;

    if (end == text || *text == '-' || !unit || !n || n > 86400000 / unit)
        return fail(err, EINVAL, "--every: \"%s\" is no time; try: 500ms, 5s, 2m", text);
    *ms = n * unit;
    return 0;
}

static int start(struct client *c, const char *where, const struct replicate_args *o, json_t **r,
                 struct error *err)
{
    auto_close int fd = -1;
    uint64_t ms = 0;
    int rc = parse_time(o->every, &ms, err);

    if (!rc)
        rc = move_connect(where, &fd, err);
    if (!rc && move_tls_wanted(&o->tls))
        rc = move_tls_wrap(&fd, &o->tls, where, err);
    if (rc)
        return rc;
    json_t *args = json_pack("{s:I, s:I, s:b}", "every", (json_int_t)ms, "bandwidth",
                             (json_int_t)o->bandwidth, "compress", o->compress);
    rc = client_call_fds(c, "migrate", args, &fd, 1, r, err);
    json_decref(args);
    return rc;
}

static void print(const char *guest, const json_t *r, bool json)
{
    if (json) {
        json_dumpf(r, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    const char *phase = json_string_value(json_object_get(r, "phase"));
    bool stands = phase && !strcmp(phase, "standby");
    printf("%s: %s, %" JSON_INTEGER_FORMAT " states kept there, the last of %" JSON_INTEGER_FORMAT
           " KiB, %.1f s old; it stood still for %.1f ms\n",
           guest, stands ? "stands by" : phase ? phase : "?",
           json_integer_value(json_object_get(r, "epochs")),
           json_integer_value(json_object_get(r, "epoch_bytes")) / 1024,
           (double)json_integer_value(json_object_get(r, "age_ms")) / 1000,
           (double)json_integer_value(json_object_get(r, "stopped_us")) / 1000);
}

static int run(int argc, char **argv)
{
    struct replicate_args o = {.every = "5s"};
    struct client c = {0};
    struct error err = {0};
    json_t *r = NULL;
    int rest, code = guests_parse(&command_replicate, &o, offsetof(struct replicate_args, help), argc,
                                  argv, 1, &rest);

    if (code >= 0)
        return code;
    bool needs_place = !o.status && !o.stop;
    if (argc - rest != (needs_place ? 2 : 1)) {
        fail(&err, EINVAL, needs_place ? "replicate where? try: quad replicate web tcp:HOST:PORT"
                                       : "one guest, and nothing else");
        return command_usage(&command_replicate, &err);
    }
    int rc = client_open(&c, argv[rest], &err);
    if (!rc)
        rc = o.status  ? client_call(&c, "migration", NULL, &r, &err)
             : o.stop ? client_call(&c, "migrate_cancel", NULL, NULL, &err)
                      : start(&c, argv[rest + 1], &o, &r, &err);
    client_close(&c);
    if (!rc && r)
        print(argv[rest], r, o.json);
    json_decref(r);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad replicate web tcp:10.0.0.2:4711 --every 5s", "quad receive waits there, with disks of the same sizes"},
    {"quad replicate --status web", "how old is what is there?"},
    {NULL, NULL},
};

const struct command command_replicate = {
    .name = "replicate",
    .summary = "a guest's state, again and again, to a standby",
    .operands = "GUEST [tcp:HOST:PORT|unix:PATH]",
    .text = "Memory and disks go to a quad receive on another host, then what changed of them, of one "
            "moment each time. If this host dies, quad failover there goes on from the last complete "
            "state. The command returns when the first one is there; the guest goes on sending. It "
            "stands still while what changed is copied within this host.",
    .options = options,
    .examples = examples,
    .run = run,
};
