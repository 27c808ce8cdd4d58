/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad receive: wait for a guest that moves here.
 */
#include <unistd.h>

#include "base/log.h"
#include "cli/runner.h"
#include "guest/move.h"
#include "guest/move_tls.h"
#include "guest/receive.h"
#include "guest/standby.h"

extern const struct command command_receive;

struct receive_args {
    struct move_tls tls;
    bool as_saved, help;
};

static const struct opt options[] = {
    OPT(struct receive_args, as_saved, .name = "as-saved", .kind = OPT_FLAG,
        .help = "open the disks, networks and files that the guest names itself"),
    OPT(struct receive_args, tls.folder, .name = "tls", .kind = OPT_STRING, .arg = "DIR",
        .help = "encrypted, with DIR/ca.pem, cert.pem, key.pem: who sends shows a certificate, too"),
    OPT(struct receive_args, tls.psk, .name = "tls-psk", .kind = OPT_STRING, .arg = "FILE",
        .help = "encrypted, by a key that both sides have: a line NAME:HEX"),
    OPT(struct receive_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int accept_one(const char *where, int *fd, struct error *err)
{
    auto_close int listen_fd = -1;
    int rc = move_listen(where, &listen_fd, err);

    if (rc)
        return rc;
    log_notice("waiting for a guest at %s", where);
    return move_accept(listen_fd, fd, err);
}

static int receive(const struct receive_args *o, const char *where, struct guest_config *given)
{
    struct error err = {0};
    struct saved s = {0};
    auto_close int fd = -1;
    int code;

    if (accept_one(where, &fd, &err) ||
        (move_tls_wanted(&o->tls) && move_tls_wrap(&fd, &o->tls, NULL, &err)))
        return command_failed(&err);
    if (saved_open(&s, fd, given, o->as_saved, &err)) {
        receive_refuse(&s, &err);
        code = err.code == EINVAL ? command_usage(&command_receive, &err) : command_failed(&err);
    } else {
        s.moving = true;
        if ((s.in.features & SAVE_F_EPOCHS) && standby_create(&s, &err))
            code = command_failed(&err);
        else
            code = run_saved(&command_receive, &s);
        standby_destroy(s.standby);
    }
    saved_close(&s);
    return code;
}

static int run(int argc, char **argv)
{
    struct receive_args o = {0};
    struct guest_config given = {0};
    struct error err = {0};
    int rest, more, code;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_receive, &err);
    if (o.help) {
        help_print(&command_receive, stdout);
        return EXIT_OK;
    }
    if (rest >= argc) {
        fail(&err, EINVAL, "receive where? try: quad receive tcp:0.0.0.0:4711, unix:PATH");
        return command_usage(&command_receive, &err);
    }
    if (opt_parse(guest_options, &given, argc - rest, argv + rest, &more, &err) ||
        (rest + more < argc && fail(&err, EINVAL, "\"%s\" is one operand too many", argv[rest + more])))
        code = command_usage(&command_receive, &err);
    else
        code = receive(&o, argv[rest], &given);
    guest_config_fini(&given);
    return code;
}

static const struct command_example examples[] = {
    {"quad receive tcp:10.0.0.2:4711 -d --disk /srv/web.qcow2", "a guest whose disk both hosts see"},
    {"quad receive unix:/tmp/move --as-saved -d --name web2", "on the same host"},
    {NULL, NULL},
};

const struct command command_receive = {
    .name = "receive",
    .summary = "wait for a guest that moves here",
    .operands = "tcp:HOST:PORT|unix:PATH [RUN-OPTION]...",
    .text = "The guest that quad migrate sends goes on here. Options behind the place are those of "
            "quad restore: what of this host it gets. Its disks must be the same images, seen from "
            "both hosts, locked by whoever runs the guest; or images of the same size that are filled "
            "(quad migrate --copy-disks). From quad replicate it takes a state again and again, keeps "
            "the last complete one, and stands by until quad failover. Whoever can connect can send a "
            "guest: choose a place that only you reach, or put --tls or --tls-psk before it.",
    .options = options,
    .examples = examples,
    .run = run,
};
