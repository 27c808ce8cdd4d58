/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands of zones: run a program inside, copy files in and out, snapshots.
 */
#include "guest/control.h"
#include "guest/zone_host.h"
#include "zone/zone.h"

static struct zone *zone_of(struct control_call *call, struct error *err)
{
    struct guest *g = control_config(call->control)->guest;

    if (g->way && !strcmp(g->way, "zone"))
        return container_of(g, struct zone, guest);
    fail(err, EOPNOTSUPP, "%s is for zones; a machine has its console and ssh", call->command->name);
    return NULL;
}

static int exec(struct control_call *call, struct error *err)
{
    struct zone *z = zone_of(call, err);
    json_t *list = json_object_get(call->args, "args"), *v;
    bool tty = json_is_true(json_object_get(call->args, "tty"));
    int fds[3] = {-1, -1, -1}, rc = z ? 0 : -EOPNOTSUPP;
    struct zone_job job;
    size_t i;

    auto_free const char **args = xcalloc(json_array_size(list) + 1, sizeof(*args));
    json_array_foreach(list, i, v)
        if (!(args[i] = json_string_value(v)))
            rc = fail(err, EINVAL, "\"args\" has something that is no text");
    if (!rc && !args[0])
        rc = fail(err, EINVAL, "\"args\" is empty");
    if (!rc && call->nfds != (tty ? 1 : 3))
        rc = fail(err, EINVAL, "exec takes %s", tty ? "a socket for the terminal"
                                                    : "three descriptors, the standard streams");
    for (i = 0; !rc && i < (tty ? 1 : 3); i++)
        fds[i] = control_fd(call);
    if (!rc)
        rc = zone_exec(z, args, control_string(call, "user"), tty, fds, &job, err);
    for (i = 0; i < 3; i++)
        base_close_fd(&fds[i]);
    if (rc)
        return rc;
    zone_host_job(call, &job);
    return CONTROL_LATER;
}

static const struct control_arg exec_args[] = {
    {"args", 'a', true, "the program and its arguments"},
    {"tty", 'b', false, "on a terminal: the descriptor is a socket that its other side is sent to"},
    {"user", 's', false, "NAME or UID, with :GROUP (the zone's)"},
    {0},
};

const struct control_command control_exec = {
    .name = "exec",
    .help = "Run a program in a zone; answers when it has ended",
    .args = exec_args,
    .result = "status, its exit status",
    .fds = 3,
    .run = exec,
};

static int copy(struct control_call *call, struct error *err)
{
    struct zone *z = zone_of(call, err);
    const char *path = control_string(call, "path"), *to = control_string(call, "to");
    auto_close int fd = control_fd(call);
    struct zone_job job;

    if (!z)
        return -EOPNOTSUPP;
    if (fd < 0)
        return fail(err, EINVAL, "copy takes a descriptor for the tar stream");
    if (strcmp(to, "zone") && strcmp(to, "host"))
        return fail(err, EINVAL, "\"to\" is zone or host, not \"%s\"", to);
    int rc = *to == 'z' ? zone_copy_in(z, path, fd, &job, err)
                        : zone_copy_out(z, path, fd, &job, err);
    if (rc)
        return rc;
    zone_host_job(call, &job);
    return CONTROL_LATER;
}

static const struct control_arg copy_args[] = {
    {"path", 's', true, "in the zone: the folder to unpack into, or what to pack"},
    {"to", 's', true, "`zone` or `host`"},
    {0},
};

const struct control_command control_copy = {
    .name = "copy",
    .help = "Files of a zone as a tar stream, read from or written to the descriptor",
    .args = copy_args,
    .fds = 1,
    .run = copy,
};

static int snapshot(struct control_call *call, struct error *err)
{
    struct zone *z = zone_of(call, err);

    return z ? zone_snapshot(z, control_string(call, "name"), err) : -EOPNOTSUPP;
}

static const struct control_arg snapshot_args[] = {
    {"name", 's', true, "of the snapshot"},
    {0},
};

const struct control_command control_snapshot = {
    .name = "snapshot",
    .help = "Keep a zone's files as they are now; its processes stand still meanwhile",
    .args = snapshot_args,
    .run = snapshot,
};
