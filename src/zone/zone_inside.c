/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sched.h>
#include <stdio.h>

#include "base/file.h"
#include "base/root.h"
#include "image/unpack.h"
#include "zone/zone_part.h"

struct exec_plan {
    const char *const *args;
    const char *user;
    bool tty;
    const int *fds;
};

static int run_inside(struct zone *z, const void *arg, int *status, struct error *err)
{
    const struct exec_plan *plan = arg;
    const struct runtime_opts rt = zone_runtime(z);
    auto_free char *root = zone_live_root(z);
    const struct zone_place p = zone_place_of(z, root);
    int rc = plan->tty ? zone_use_log(z, err) : zone_use_streams(plan->fds, err);

    if (rc)
        return rc;
    json_t *process = zone_process(&z->config, &p, plan->args, plan->user, plan->tty, err);
    if (!process)
        return -err->code;
    const struct exec_opts o = {.id = z->config.name,
                                .process = process,
                                .tty = plan->tty,
                                .console_fd = plan->tty ? plan->fds[0] : -1};
    return container_exec(&rt, &o, status, err);
}

int zone_exec(struct zone *z, const char *const *args, const char *user, bool tty, const int fds[3],
              struct zone_job *job, struct error *err)
{
    const struct exec_plan plan = {.args = args, .user = user, .tty = tty, .fds = fds};
    int rc = zone_runs(z, err);

    return rc ? rc : zone_job_start(z, run_inside, &plan, job, err);
}

struct copy_plan {
    const char *path;
    int fd;
};

/* An open directory of the zone's tree, resolved inside it. */
static int open_inside(struct zone *z, const char *path, int flags, struct error *err)
{
    auto_free char *root = zone_live_root(z);
    auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -errno : root_open(dir, path, flags);

    return fd < 0 ? fail_errno(err, -fd, "%s in %s", path, z->config.name) : fd;
}

static int send_tree(struct zone *z, const void *arg, [[maybe_unused]] int *status,
                     struct error *err)
{
    const struct copy_plan *plan = arg;
    auto_free char *copy = xstrdup(plan->path);
    size_t n = strlen(copy);

    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = 0;
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (slash)
        *slash = 0;
    int dir = open_inside(z, slash && *copy ? copy : "/", O_RDONLY | O_DIRECTORY, err);
    if (dir < 0)
        return dir;
    if (fchdir(dir) < 0 || dup2(plan->fd, 1) != 1)
        return fail_errno(err, errno, "%s", plan->path);
    /* GNU tar opens what is below by descriptor and follows no link */
    execlp("tar", "tar", "--numeric-owner", "--sparse", "-c", "--", *last ? last : ".",
           (char *)NULL);
    return fail_errno(err, errno, "program tar");
}

int zone_copy_out(struct zone *z, const char *path, int fd, struct zone_job *job, struct error *err)
{
    const struct copy_plan plan = {.path = path, .fd = fd};
    int rc = zone_runs(z, err);

    return rc ? rc : zone_job_start(z, send_tree, &plan, job, err);
}

/* Files made in the zone belong to the zone's root: as it, not as the host's. */
static int become_zone_root(const struct zone *z, struct error *err)
{
    char path[64];

    if (!z->userns)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)z->pid);
    auto_close int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return fail_errno(err, errno, "the zone's user namespace");
    return 0;
}

static int take_tree(struct zone *z, const void *arg, [[maybe_unused]] int *status,
                     struct error *err)
{
    const struct unpack_opts o = {.owners = true};
    const struct copy_plan *plan = arg;
    int dir = open_inside(z, plan->path, O_RDONLY | O_DIRECTORY, err);
    int rc = dir < 0 ? dir : become_zone_root(z, err);

    return rc ? rc : unpack_tar(plan->fd, dir, "the copy", &o, NULL, err);
}

int zone_copy_in(struct zone *z, const char *path, int fd, struct zone_job *job, struct error *err)
{
    const struct copy_plan plan = {.path = path, .fd = fd};
    int rc = zone_runs(z, err);

    return rc ? rc : zone_job_start(z, take_tree, &plan, job, err);
}
