/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The processes of a container's groups: freeze, count, signal.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "zone/cgroup_part.h"

void cgroup_pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int freeze_v1(int fd, bool freeze, struct error *err)
{
    const char *want = freeze ? "FROZEN" : "THAWED";

    /* v1 has no event for the change. A process may fork while the group freezes; writing again
     * catches what was missed [cgroup-v1/freezer-subsystem]. */
    for (int i = 0; i < 2000; i++) {
        char state[32];
        int rc = file_write(fd, "freezer.state", want);
        if (rc)
            return fail_errno(err, -rc, "freezer.state");
        if (file_read_buf(fd, "freezer.state", state, sizeof(state)) > 0 &&
            !strncmp(state, want, 6))
            return 0;
        cgroup_pause_ms(1);
    }
    file_write(fd, "freezer.state", "THAWED");
    return fail(err, EBUSY, "the group does not freeze");
}

/* Wait until `key` of cgroup.events has this value; the kernel wakes pollers of the file. */
bool cgroup_v2_wait(int fd, const char *key, char value, int timeout_ms)
{
    auto_fd int ev = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    char buf[256];

    for (int waited = 0; ev >= 0; waited++) {
        ssize_t n = pread(ev, buf, sizeof(buf) - 1, 0);
        if (n < 0)
            return false;
        buf[n] = 0;
        char *at = strstr(buf, key);
        if (at && at[strlen(key)] == ' ' && at[strlen(key) + 1] == value)
            return true;
        struct pollfd p = {.fd = ev, .events = POLLPRI};
        if (waited > 1000 || poll(&p, 1, timeout_ms) <= 0)
            return false;
    }
    return false;
}

int cgroup_freeze(struct cgroup *cg, bool freeze, struct error *err)
{
    struct cgroup_dir *d = cgroup_find(cg, CG_FREEZER);
    int fd = d ? cgroup_dir_fd(d) : -ENOENT;

    if (fd < 0)
        return fail(err, ENOTSUP, "the container has no cgroup that can be frozen");
    if (!d->v2)
        return freeze_v1(fd, freeze, err);
    int rc = file_write(fd, "cgroup.freeze", freeze ? "1" : "0");
    if (rc)
        return fail_errno(err, -rc, "cgroup.freeze");
    if (!cgroup_v2_wait(fd, "frozen", freeze ? '1' : '0', 10000))
        return fail(err, ETIMEDOUT, "the group does not %s", freeze ? "freeze" : "thaw");
    return 0;
}

bool cgroup_is_frozen(struct cgroup *cg)
{
    struct cgroup_dir *d = cgroup_find(cg, CG_FREEZER);
    int fd = d ? cgroup_dir_fd(d) : -1;
    char state[32];

    if (fd < 0)
        return false;
    if (d->v2)
        return file_read_buf(fd, "cgroup.freeze", state, sizeof(state)) > 0 && *state == '1';
    return file_read_buf(fd, "freezer.state", state, sizeof(state)) > 0 && *state == 'F';
}

struct pid_list {
    pid_t *v;
    size_t n, cap;
};

static void read_procs(int dir, struct pid_list *l)
{
    auto_fd int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    auto_free char *text = NULL;

    if (fd < 0 || file_slurp(fd, &text, NULL, NULL))
        return;
    for (char *p = text; *p;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p)
            break;
        if (l->n == l->cap) {
            l->cap = l->cap ? l->cap * 2 : 64;
            l->v = realloc(l->v, l->cap * sizeof(*l->v));
            if (!l->v)
                abort();
        }
        if (v > 0)
            l->v[l->n++] = (pid_t)v;
        p = end + strspn(end, "\n");
    }
}

void cgroup_each_child(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && is_component(e->d_name))
            fn(dir, e->d_name, arg);
    closedir(d);
}

static void read_procs_below(int dir, const char *name, void *arg)
{
    auto_fd int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    read_procs(fd, arg);
    cgroup_each_child(fd, read_procs_below, arg);
}

int cgroup_pids(struct cgroup *cg, pid_t **pids, size_t *count, struct error *err)
{
    struct cgroup_dir *d = cgroup_find(cg, CG_DEVICES);
    struct pid_list l = {0};
    int fd = d ? cgroup_dir_fd(d) : -ENOENT;

    if (fd < 0)
        return fail_errno(err, -fd, "the container's cgroup");
    read_procs(fd, &l);
    cgroup_each_child(fd, read_procs_below, &l);
    *pids = l.v;
    *count = l.n;
    return 0;
}

int cgroup_signal(struct cgroup *cg, int sig, struct error *err)
{
    int v2 = cgroup_v2_fd(cg);

    if (sig == SIGKILL && v2 >= 0 && file_write(v2, "cgroup.kill", "1") == 0)
        return 0;
    /* Without cgroup.kill: again until a round finds nobody, as members may fork. */
    for (int round = 0; round < (sig == SIGKILL ? 100 : 1); round++) {
        auto_free pid_t *pids = NULL;
        size_t n = 0;
        int rc = cgroup_pids(cg, &pids, &n, err);
        if (rc)
            return rc == -ENOENT ? 0 : rc;
        if (!n)
            return 0;
        for (size_t i = 0; i < n; i++)
            kill(pids[i], sig);
        if (sig == SIGKILL)
            cgroup_pause_ms(1);
    }
    return 0;
}

int cgroup_check_free(struct cgroup *cg, struct error *err)
{
    static const enum cgroup_ctrl looked_at[] = {CG_FREEZER, CG_PIDS};

    for (size_t i = 0; i < ARRAY_LEN(looked_at); i++) {
        struct cgroup_dir *d = cgroup_find(cg, looked_at[i]);
        struct pid_list l = {0};
        int fd = d ? cgroup_dir_fd(d) : -1;
        if (fd < 0)
            continue;
        if (looked_at[i] == CG_FREEZER && cgroup_is_frozen(cg))
            return fail(err, EBUSY, "container's cgroup unexpectedly frozen: %s%s", d->mount,
                        d->path);
        read_procs(fd, &l);
        free(l.v);
        if (l.n)
            return fail(err, EBUSY, "container's cgroup is not empty: %zu process(es) found in "
                                    "%s%s", l.n, d->mount, d->path);
    }
    return 0;
}
