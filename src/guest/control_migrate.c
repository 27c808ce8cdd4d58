/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands of a move to another process.
 */
#include <unistd.h>

#include "guest/control.h"
#include "guest/migrate.h"
#include "guest/move.h"
#include "guest/vm.h"

static json_t *report(struct vm *vm)
{
    struct migrate_report r;

    if (!migrate_status(vm, &r))
        return json_pack("{s:s}", "phase", "none");
    json_t *j = json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "phase", r.phase, "rounds",
                     (int)r.rounds, "slowed", (int)r.slowed, "sent", (json_int_t)r.sent, "left",
                     (json_int_t)r.left, "total", (json_int_t)r.total, "rate", (json_int_t)r.rate,
                     "ms", (json_int_t)r.ms, "stopped_us", (json_int_t)r.stopped_us);
    if (r.epochs) {
        json_object_set_new(j, "epochs", json_integer((json_int_t)r.epochs));
        json_object_set_new(j, "epoch_bytes", json_integer((json_int_t)r.epoch_bytes));
        json_object_set_new(j, "age_ms", json_integer((json_int_t)((move_now() - r.kept_at) / 1000000)));
    }
    return j;
}

static void done(void *opaque, int rc, const struct error *err)
{
    struct control_call *call = opaque;

    call->result = report(control_config(call->control)->vm);
    control_done(call, rc, err);
}

static void add(void *opaque, const char *text)
{
    json_array_append_new(opaque, json_string(text));
}

/* What the other host must have, and what does not come along. */
static json_t *notes(const struct vm *vm)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < vm->disks.n; i++)
        json_array_append_new(all, json_sprintf("disk%u is %s: the other side sees it too%s", i,
                                                vm->disks.path[i],
                                                vm->disks.readonly[i] ? "" : ", or --copy-disks"));
    for (unsigned i = 0; i < vm->nics.n; i++)
        if (vm->nics.is_user[i])
            json_array_append_new(all, json_sprintf("nic%u is on a user network: its connections are "
                                                    "reset", i));
    if (vm->loader_ready)
        json_array_append_new(all, json_string("it reboots there if the kernel's file is given: --kernel"));
    return all;
}

static void check(struct control_call *call)
{
    struct vm *vm = control_config(call->control)->vm;
    json_t *blockers = json_array();

    migrate_blockers(vm, add, blockers);
    call->result = json_pack("{s:o, s:o}", "blockers", blockers, "notes", notes(vm));
}

static int migrate(struct control_call *call, struct error *err)
{
    struct vm *vm = control_config(call->control)->vm;
    const struct migrate_options o = {
        .bandwidth = (uint64_t)MAX(control_integer(call, "bandwidth", 0), 0),
        .downtime_ms = (uint64_t)MAX(control_integer(call, "downtime", 20), 1),
        .rounds = (unsigned)MAX(control_integer(call, "rounds", 30), 1),
        .compress = json_is_true(json_object_get(call->args, "compress")),
        .copy_disks = json_is_true(json_object_get(call->args, "copy_disks")) ||
                      control_integer(call, "every", 0) > 0,
        .every_ms = (uint64_t)MAX(control_integer(call, "every", 0), 0),
        .remote = json_is_true(json_object_get(call->args, "remote")),
        .converge = json_is_true(json_object_get(call->args, "converge")),
    };
    auto_close int fd = control_fd(call);

    if (json_is_true(json_object_get(call->args, "check"))) {
        check(call);
        return 0;
    }
    if (fd < 0)
        return fail(err, EINVAL, "migrate needs a connected socket");
    int rc = migrate_start(vm, take_fd(&fd), &o, done, call, err);
    return rc ? rc : CONTROL_LATER;
}

static const struct control_arg migrate_args[] = {
    {"bandwidth", 'i', false, "bytes a second at most while the guest runs (no limit)"},
    {"downtime", 'i', false, "milliseconds that it may stand still: the goal (20)"},
    {"rounds", 'i', false, "of copying at most; then it stops whatever is left (30)"},
    {"compress", 'b', false, "zstd"},
    {"converge", 'b', false, "slow the guest down where it writes faster than the link"},
    {"copy_disks", 'b', false, "send the disks' contents to images that the other side has"},
    {"every", 'i', false, "no move: a state to a standby every so many milliseconds (disks are copied); "
                          "the answer comes when it has the first"},
    {"remote", 'b', false, "the socket is local, and leads to another host"},
    {"check", 'b', false, "do nothing; say what is in the way"},
    {0},
};

const struct control_command control_migrate = {
    .name = "migrate",
    .help = "Move the running guest over a socket to a `quad receive`. Error 115 (EINPROGRESS): the "
            "link died inside the commit and nobody here knows where the guest is",
    .args = migrate_args,
    .result = "as `migration`; with check: blockers (each a text), notes (what to mind there)",
    .fds = 1,
    .machine = true,
    .run = migrate,
};

static int migration(struct control_call *call, struct error *err)
{
    (void)err;
    call->result = report(control_config(call->control)->vm);
    return 0;
}

const struct control_command control_migration = {
    .name = "migration",
    .help = "How a move goes",
    .result = "phase (none, connect, copy, stop, standby, done, failed, doubt), rounds, slowed (percent), sent, "
              "left, total (bytes), rate (bytes a second), ms, stopped_us (how long it stood still); "
              "of a replication epochs (kept by the standby), epoch_bytes (of the last one), age_ms",
    .machine = true,
    .run = migration,
};

static int cancel(struct control_call *call, struct error *err)
{
    return migrate_cancel(control_config(call->control)->vm, err);
}

const struct control_command control_migrate_cancel = {
    .name = "migrate_cancel",
    .help = "Give a move up; the guest stays",
    .machine = true,
    .run = cancel,
};

static int resolve(struct control_call *call, struct error *err)
{
    const char *where = control_string(call, "where");

    if (strcmp(where, "here") && strcmp(where, "there"))
        return fail(err, EINVAL, "where is here or there");
    return migrate_resolve(control_config(call->control)->vm, !strcmp(where, "here"), err);
}

static const struct control_arg resolve_args[] = {
    {"where", 's', true, "here: it goes on; there: it ends here"},
    {0},
};

const struct control_command control_migrate_resolve = {
    .name = "migrate_resolve",
    .help = "After a link died inside the commit: where the guest runs, as a person has seen it",
    .args = resolve_args,
    .machine = true,
    .run = resolve,
};
