/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "base/file.h"
#include "base/sys.h"
#include "zone/cgroup_part.h"

/* ------------------------------------------------------------------------------ make and join */

int cgroup_dir_fd(struct cgroup_dir *d)
{
    if (d->fd >= 0)
        return d->fd;
    auto_free char *full = xasprintf("%s%s", d->mount, d->path);
    d->fd = open(full, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return d->fd < 0 ? -errno : d->fd;
}

/* A cpuset starts empty in v1 and takes no process before it has cpus and mems: from its parent. */
static void cpuset_inherit(int parent, int dir)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char own[4096], up[4096];
        if (file_read_buf(dir, files[i], own, sizeof(own)) < 0 || own[strspn(own, " \n")])
            continue;
        if (file_read_buf(parent, files[i], up, sizeof(up)) > 0)
            file_write(dir, files[i], up);
    }
}

static void v2_enable(int dir)
{
    char have[512], on[512], cmd[512] = "";

    if (file_read_buf(dir, "cgroup.controllers", have, sizeof(have)) <= 0 ||
        file_read_buf(dir, "cgroup.subtree_control", on, sizeof(on)) < 0)
        return;
    char *save = NULL;
    for (char *c = strtok_r(have, " \n", &save); c; c = strtok_r(NULL, " \n", &save)) {
        bool ours = false;
        for (int k = 0; k < CG_COUNT; k++)
            ours |= cgroup_ctrl_info[k].v2 && !strcmp(c, cgroup_ctrl_info[k].v2);
        char *at = strstr(on, c);
        size_t n = strlen(c);
        bool is_on = at && (at == on || at[-1] == ' ') && (!at[n] || strchr(" \n", at[n]));
        if (ours && !is_on)
            sprintf(cmd + strlen(cmd), "%s+%s", *cmd ? " " : "", c);
    }
    if (!*cmd || file_write(dir, "cgroup.subtree_control", cmd) == 0)
        return;
    /* one that cannot be enabled must not keep the others off */
    save = NULL;
    for (char *c = strtok_r(cmd, " ", &save); c; c = strtok_r(NULL, " ", &save))
        file_write(dir, "cgroup.subtree_control", c);
}

static int make_dir(struct cgroup_dir *d, bool hybrid, struct error *err)
{
    bool cpuset = d->ctrls & BIT(CG_CPUSET);
    auto_free char *full = xasprintf("%s%s", d->mount, d->path);

    /* the common case is one new directory below an existing one */
    if (!cpuset && (!d->v2 || hybrid) && mkdir(full, 0755) == 0)
        return 0;
    auto_fd int at = open(d->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return fail_errno(err, errno, "cgroup %s", d->mount);
    auto_free char *copy = xstrdup(d->path);
    char *save = NULL;
    for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
        if (d->v2)
            v2_enable(at);
        if (mkdirat(at, p, 0755) < 0 && errno != EEXIST)
            return fail_errno(err, errno, "make cgroup %s", full);
        int next = openat(at, p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return fail_errno(err, errno, "cgroup %s", full);
        if (cpuset)
            cpuset_inherit(at, next);
        fd_drop(&at);
        at = next;
    }
    if (d->fd >= 0)
        close(d->fd);
    d->fd = take_fd(&at);
    return 0;
}

int cgroup_create(struct cgroup *cg, struct error *err)
{
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        int rc = make_dir(d, cg->count > 1, err);
        bool refused = rc == -EACCES || rc == -EPERM || rc == -EROFS;
        /* hybrid: the v2 hierarchy has no controllers that we must have */
        if (rc && !(refused && (cg->rootless || (d->v2 && cg->count > 1))))
            return rc;
        d->made = rc == 0;
    }
    return 0;
}

int cgroup_join(struct cgroup *cg, pid_t pid, bool skip_v2, struct error *err)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", (int)pid);
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if (!d->made || (skip_v2 && d->v2))
            continue;
        /* The caller alone, by v1's "tasks": the kernel then needs no lock against forks and exits of
         * all processes, whose taking waits for an RCU grace period (milliseconds). We have one
         * thread, so it is the same. */
        const char *file = !pid && !d->v2 ? "tasks" : "cgroup.procs";
        auto_free char *procs = xasprintf("%s%s/%s", d->mount, d->path, file);
        int rc = file_write(AT_FDCWD, procs, text);
        if (rc == -ESRCH)
            return fail(err, ESRCH, "the process is gone");
        if (rc && !cg->rootless)
            return fail_errno(err, -rc, "error adding pid %d to cgroups %s%s",
                              (int)(pid ? pid : getpid()), d->mount, d->path);
    }
    return 0;
}

int cgroup_join_beside(struct cgroup *cg, pid_t other, struct error *err)
{
    char path[40], text[4096];

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)other);
    if (file_read_buf(AT_FDCWD, path, text, sizeof(text)) <= 0)
        return fail_errno(err, ESRCH, "%s", path);
    char *line = strstr(text, "0::/");
    if (!line || (line != text && line[-1] != '\n'))
        return fail(err, ENOENT, "%s names no group of v2", path);
    line += 3;
    line[strcspn(line, "\n")] = 0;
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if (!d->v2)
            continue;
        auto_free char *procs = xasprintf("%s%s/cgroup.procs", d->mount, line);
        int rc = file_write(AT_FDCWD, procs, "0");
        if (rc)
            return fail_errno(err, -rc, "error adding pid %d to cgroups %s%s", (int)getpid(),
                              d->mount, line);
    }
    return 0;
}

int cgroup_extend(struct cgroup *cg, const json_t *resources, struct error *err)
{
    unsigned first;
    int rc = cgroup_plan_more(cg, resources, &first, err);
    auto_free pid_t *pids = NULL;
    size_t n = 0;

    if (rc || first == cg->count)
        return rc;
    if ((rc = cgroup_pids(cg, &pids, &n, err)))
        return rc;
    for (unsigned i = first; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if ((rc = make_dir(d, true, err)))
            return rc;
        for (size_t k = 0; k < n; k++) {
            char text[16];
            snprintf(text, sizeof(text), "%d", (int)pids[k]);
            rc = file_write(d->fd >= 0 ? d->fd : cgroup_dir_fd(d), "cgroup.procs", text);
            if (rc && rc != -ESRCH)
                return fail_errno(err, -rc, "error adding pid %s to cgroups %s%s", text, d->mount,
                                  d->path);
        }
    }
    return 1;
}

int cgroup_v2_fd(struct cgroup *cg)
{
    for (unsigned i = 0; i < cg->count; i++)
        if (cg->dir[i].v2 && cg->dir[i].made)
            return cgroup_dir_fd(&cg->dir[i]);
    return -1;
}

struct cgroup_dir *cgroup_find(struct cgroup *cg, enum cgroup_ctrl ctrl)
{
    struct cgroup_dir *v2 = NULL;

    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if (!d->made)
            continue;
        if (d->v2)
            v2 = d;
        else if (d->ctrls & BIT(ctrl))
            return d;
    }
    return v2;
}

static void remove_below(int dir, const char *name, void *arg)
{
    auto_fd int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        cgroup_each_child(fd, remove_below, arg);
    unlinkat(dir, name, AT_REMOVEDIR);
}

static int remove_dir(struct cgroup *cg, struct cgroup_dir *d, struct error *err)
{
    auto_free char *full = xasprintf("%s%s", d->mount, d->path);

    for (int i = 0; i < 1000; i++) {
        if (rmdir(full) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY && errno != ENOTEMPTY && errno != EAGAIN)
            return fail_errno(err, errno, "remove cgroup %s", full);
        int fd = cgroup_dir_fd(d);
        if (fd >= 0)
            cgroup_each_child(fd, remove_below, NULL);
        if (rmdir(full) == 0 || errno == ENOENT)
            return 0;
        /* a process that is still dying, or one that joined by exec */
        struct error ignored;
        if (i > 2 && cgroup_signal(cg, SIGKILL, &ignored))
            return fail(err, EBUSY, "%s", ignored.text);
        if (!d->v2 || !cgroup_v2_wait(fd, "populated", '0', 10))
            cgroup_pause_ms(i < 20 ? 1 : 5);
    }
    return fail(err, EBUSY, "cgroup %s stays busy", full);
}

int cgroup_destroy(struct cgroup *cg, struct error *err)
{
    int rc = 0;

    /* systemd removes the groups with the scope; what it leaves is ours */
    if (cg->manager == CGROUP_SYSTEMD)
        rc = systemd_stop_scope(cg, err);
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if (!d->made)
            continue;
        int one = remove_dir(cg, d, rc ? NULL : err);
        rc = rc ? rc : one;
    }
    return rc;
}
