/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/cgroup.h"

#include <dirent.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/log.h"
#include "base/file.h"
#include "base/sys.h"

const struct cgroup_ctrl_info cgroup_ctrl_info[CG_COUNT] = {
    [CG_CPU] = {"cpu", "cpu"},           [CG_CPUACCT] = {"cpuacct", NULL},
    [CG_CPUSET] = {"cpuset", "cpuset"},  [CG_MEMORY] = {"memory", "memory"},
    [CG_IO] = {"blkio", "io"},           [CG_PIDS] = {"pids", "pids"},
    [CG_DEVICES] = {"devices", NULL},    [CG_FREEZER] = {"freezer", NULL},
    [CG_HUGETLB] = {"hugetlb", "hugetlb"}, [CG_NET_CLS] = {"net_cls", NULL},
    [CG_NET_PRIO] = {"net_prio", NULL},  [CG_RDMA] = {"rdma", "rdma"},
    [CG_MISC] = {"misc", "misc"},        [CG_PERF] = {"perf_event", NULL},
};

#define BIT(c) (1u << (c))
/* What every container takes part in where the host has it: to limit, count, pause and kill. The
 * others are joined when the configuration uses them. */
#define ALWAYS                                                                                \
    (BIT(CG_CPU) | BIT(CG_CPUACCT) | BIT(CG_MEMORY) | BIT(CG_IO) | BIT(CG_PIDS) |             \
     BIT(CG_DEVICES) | BIT(CG_FREEZER))

/* ----------------------------------------------------------------------------------- the plan */

static uint32_t ctrls_wanted(const json_t *res)
{
    uint32_t want = ALWAYS;
    const json_t *cpu = json_object_get(res, "cpu");
    const json_t *net = json_object_get(res, "network");

    if (json_object_get(cpu, "cpus") || json_object_get(cpu, "mems"))
        want |= BIT(CG_CPUSET);
    if (json_object_get(res, "hugepageLimits"))
        want |= BIT(CG_HUGETLB);
    if (json_object_get(net, "classID"))
        want |= BIT(CG_NET_CLS);
    if (json_object_get(net, "priorities"))
        want |= BIT(CG_NET_PRIO);
    if (json_object_get(res, "rdma"))
        want |= BIT(CG_RDMA);
    return want;
}

static uint32_t ctrls_of(const char *options)
{
    uint32_t set = 0;
    auto_free char *copy = xstrdup(options);
    char *save = NULL;

    for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save))
        for (int c = 0; c < CG_COUNT; c++)
            if (!strcmp(o, cgroup_ctrl_info[c].v1))
                set |= BIT(c);
    return set;
}

/* This process's own path in a hierarchy, from the text of /proc/self/cgroup:
 * "4:memory:/path" "1:name=systemd:/path" "0::/path". */
static char *own_path(const char *text, const char *names)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += !!line) {
        const char *a = strchr(line, ':');
        const char *b = a ? strchr(a + 1, ':') : NULL;
        if (!b)
            break;
        size_t n = (size_t)(b - a - 1);
        if (n != strlen(names) || strncmp(a + 1, names, n) != 0)
            continue;
        return strndup(b + 1, strcspn(b + 1, "\n"));
    }
    return xstrdup("/");
}

static struct cgroup_dir *add_dir(struct cgroup *cg, const char *mount, bool v2, const char *names)
{
    if (cg->count == ARRAY_LEN(cg->dir))
        return NULL;
    struct cgroup_dir *d = &cg->dir[cg->count++];
    *d = (struct cgroup_dir){
        .mount = xstrdup(mount), .v2 = v2, .names = xstrdup(names), .fd = -1,
        .made = true, /* as good as: from the plan on, delete looks for it */
    };
    return d;
}

/* The n-th word of a line (from 0), cut at its end; NULL where there is none. */
static char *nth_word(char *line, unsigned n)
{
    while (n--) {
        line = strchr(line, ' ');
        if (!line)
            return NULL;
        line++;
    }
    line[strcspn(line, " ")] = 0;
    return line;
}

/* The hierarchies of this host from mountinfo [proc_pid_mountinfo(5)]:
 * "36 35 0:32 ROOT MOUNTPOINT rw,... opt:1 - cgroup SOURCE SUPEROPTIONS" */
static int read_layout(struct cgroup *cg, uint32_t want, struct error *err)
{
    struct statfs fs;

    if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
        add_dir(cg, "/sys/fs/cgroup", true, "");
        return 0;
    }
    auto_free char *text = NULL;
    if (file_read(AT_FDCWD, "/proc/self/mountinfo", &text, NULL, err))
        return -err->code;
    char *save = NULL;
    int systemd = -1;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *dash = strstr(line, " - cgroup");
        char *point = line, *opts = dash;
        if (!dash)
            continue;
        *dash = 0;
        point = nth_word(point, 4);
        bool v2 = !strncmp(dash + 3, "cgroup2 ", 8);
        opts = nth_word(dash + 3, 2);
        if (!point || !opts)
            continue;
        bool known = false;
        for (unsigned i = 0; i < cg->count; i++)
            known |= cg->dir[i].v2 && v2;
        if (known || strncmp(point, "/sys/fs/cgroup", 14) != 0)
            continue;
        char *name = strstr(opts, "name=");
        if (v2) {
            add_dir(cg, point, true, "");
            continue;
        }
        if (name) {
            name[strcspn(name, ",")] = 0;
            if (systemd < 0)
                systemd = access("/run/systemd/system", F_OK) == 0;
            if (systemd)
                add_dir(cg, point, false, name);
            continue;
        }
        uint32_t set = ctrls_of(opts);
        if (!(set & want))
            continue;
        /* /proc/self/cgroup names controllers in the order of the superblock's options */
        char names[256] = "";
        char *osave = NULL;
        for (char *o = strtok_r(opts, ",", &osave); o; o = strtok_r(NULL, ",", &osave))
            if (ctrls_of(o)) {
                if (*names)
                    strcat(names, ",");
                strcat(names, o);
            }
        struct cgroup_dir *d = add_dir(cg, point, false, names);
        if (d)
            d->ctrls = set;
    }
    return 0;
}

/* "a/../b" and the like never leave the hierarchy [OCI config-linux#cgroups-path] (S21) */
static char *clean_path(const char *path)
{
    char *out = xcalloc(1, strlen(path) + 2);
    size_t n = 0;
    auto_free char *copy = xstrdup(path);
    char *save = NULL;

    for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
        if (!strcmp(p, "."))
            continue;
        if (!strcmp(p, "..")) {
            while (n && out[--n] != '/')
                ;
            out[n] = 0;
            continue;
        }
        out[n++] = '/';
        n = (size_t)(stpcpy(out + n, p) - out);
    }
    if (!n)
        strcpy(out, "/");
    return out;
}

int cgroup_plan(struct cgroup *cg, enum cgroup_manager manager, bool rootless, const char *path,
                const char *id, const json_t *resources, struct error *err)
{
    *cg = (struct cgroup){.manager = manager, .rootless = rootless};
    if (manager == CGROUP_NONE)
        return 0;
    int rc = read_layout(cg, ctrls_wanted(resources), err);
    if (rc)
        return rc;
    if (manager == CGROUP_SYSTEMD)
        return systemd_plan(cg, path, id, err);

    auto_free char *self = NULL;
    bool absolute = path && *path == '/';
    if (!absolute && (rc = file_read(AT_FDCWD, "/proc/self/cgroup", &self, NULL, err)))
        return rc;
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        auto_free char *full = NULL;
        if (absolute) {
            full = xstrdup(path);
        } else {
            auto_free char *own = own_path(self, d->names);
            /* In v2 a group with processes cannot have children with controllers: beside ours,
             * not below it. */
            const char *up = d->v2 && strcmp(own, "/") != 0 ? "/.." : "";
            full = xasprintf("%s%s/%s", own, up, path && *path ? path : id);
        }
        d->path = clean_path(full);
        if (!strcmp(d->path, "/"))
            return fail(err, EINVAL, "cgroupsPath \"%s\" names a root group", path ? path : "");
    }
    return 0;
}

void cgroup_fini(struct cgroup *cg)
{
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        free(d->mount);
        free(d->path);
        free(d->names);
        if (d->fd >= 0)
            close(d->fd);
    }
    free(cg->slice);
    free(cg->scope);
    *cg = (struct cgroup){0};
}

json_t *cgroup_to_json(const struct cgroup *cg)
{
    json_t *dirs = json_array();

    for (unsigned i = 0; i < cg->count; i++) {
        const struct cgroup_dir *d = &cg->dir[i];
        json_array_append_new(dirs, json_pack("{s:s,s:s,s:b,s:s,s:i,s:b}", "mount", d->mount,
                                              "path", d->path, "v2", d->v2, "names", d->names,
                                              "controllers", (int)d->ctrls, "made", d->made));
    }
    json_t *o = json_pack("{s:i,s:b,s:o}", "manager", (int)cg->manager, "rootless", cg->rootless,
                          "dirs", dirs);
    if (cg->scope) {
        json_object_set_new(o, "scope", json_string(cg->scope));
        json_object_set_new(o, "slice", json_string(cg->slice));
    }
    return o;
}

int cgroup_from_json(struct cgroup *cg, const json_t *o, struct error *err)
{
    struct json_reader r = {.err = err};
    const json_t *dirs = jr_array(&r, o, "cgroup", "dirs");

    *cg = (struct cgroup){
        .manager = (enum cgroup_manager)jr_uint(&r, o, "cgroup", "manager", CGROUP_NONE, 0),
        .rootless = jr_bool(&r, o, "cgroup", "rootless"),
    };
    const char *scope = jr_string(&r, o, "cgroup", "scope");
    const char *slice = jr_string(&r, o, "cgroup", "slice");
    cg->scope = scope ? xstrdup(scope) : NULL;
    cg->slice = slice ? xstrdup(slice) : NULL;
    for (size_t i = 0; i < json_array_size(dirs); i++) {
        const json_t *e = json_array_get(dirs, i);
        const char *mount = jr_string(&r, e, "cgroup", "mount");
        const char *path = jr_string(&r, e, "cgroup", "path");
        const char *names = jr_string(&r, e, "cgroup", "names");
        if (!mount || !path || !names)
            return fail(err, EINVAL, "state: a cgroup without mount, path or names");
        struct cgroup_dir *d = add_dir(cg, mount, jr_bool(&r, e, "cgroup", "v2"), names);
        if (!d)
            return fail(err, EINVAL, "state: too many cgroups");
        d->path = clean_path(path);
        d->ctrls = (uint32_t)jr_uint(&r, e, "cgroup", "controllers", UINT32_MAX, 0);
        d->made = jr_bool(&r, e, "cgroup", "made");
    }
    return r.rc;
}

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
        /* v2 with domain controllers enabled below (systemd inside the container): a leaf of it
         * takes the process instead */
        int fd = rc == -EBUSY && d->v2 ? cgroup_dir_fd(d) : -1;
        if (fd >= 0) {
            mkdirat(fd, "exec", 0755);
            rc = file_write(fd, "exec/cgroup.procs", text);
        }
        if (rc == -ESRCH)
            return fail(err, ESRCH, "the process is gone");
        if (rc && !cg->rootless)
            return fail_errno(err, -rc, "join cgroup %s%s", d->mount, d->path);
    }
    return 0;
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

/* ----------------------------------------------------------------- freeze, signal, processes */

static void pause_ms(long ms)
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
        pause_ms(1);
    }
    file_write(fd, "freezer.state", "THAWED");
    return fail(err, EBUSY, "the group does not freeze");
}

/* Wait until `key` of cgroup.events has this value; the kernel wakes pollers of the file. */
static bool v2_wait_event(int fd, const char *key, char value, int timeout_ms)
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
    if (!v2_wait_event(fd, "frozen", freeze ? '1' : '0', 10000))
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

static void each_child(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg)
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
    each_child(fd, read_procs_below, arg);
}

int cgroup_pids(struct cgroup *cg, pid_t **pids, size_t *count, struct error *err)
{
    struct cgroup_dir *d = cgroup_find(cg, CG_DEVICES);
    struct pid_list l = {0};
    int fd = d ? cgroup_dir_fd(d) : -ENOENT;

    if (fd < 0)
        return fail_errno(err, -fd, "the container's cgroup");
    read_procs(fd, &l);
    each_child(fd, read_procs_below, &l);
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
            pause_ms(1);
    }
    return 0;
}

static void remove_below(int dir, const char *name, void *arg)
{
    auto_fd int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        each_child(fd, remove_below, arg);
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
            each_child(fd, remove_below, NULL);
        if (rmdir(full) == 0 || errno == ENOENT)
            return 0;
        /* a process that is still dying, or one that joined by exec */
        struct error ignored;
        if (i > 2 && cgroup_signal(cg, SIGKILL, &ignored))
            return fail(err, EBUSY, "%s", ignored.text);
        if (!d->v2 || !v2_wait_event(fd, "populated", '0', 10))
            pause_ms(i < 20 ? 1 : 5);
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
