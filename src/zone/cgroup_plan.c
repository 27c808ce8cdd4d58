/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a container's groups are, on this host and in its state; nothing is made here.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "zone/cgroup_part.h"

const struct cgroup_ctrl_info cgroup_ctrl_info[CG_COUNT] = {
    [CG_CPU] = {"cpu", "cpu"},           [CG_CPUACCT] = {"cpuacct", NULL},
    [CG_CPUSET] = {"cpuset", "cpuset"},  [CG_MEMORY] = {"memory", "memory"},
    [CG_IO] = {"blkio", "io"},           [CG_PIDS] = {"pids", "pids"},
    [CG_DEVICES] = {"devices", NULL},    [CG_FREEZER] = {"freezer", NULL},
    [CG_HUGETLB] = {"hugetlb", "hugetlb"}, [CG_NET_CLS] = {"net_cls", NULL},
    [CG_NET_PRIO] = {"net_prio", NULL},  [CG_RDMA] = {"rdma", "rdma"},
    [CG_MISC] = {"misc", "misc"},        [CG_PERF] = {"perf_event", NULL},
};

/* What every container takes part in where the host has it: to limit, count, pause and kill. The
 * others are joined when the configuration uses them. */
#define ALWAYS                                                                                \
    (BIT(CG_CPU) | BIT(CG_CPUACCT) | BIT(CG_MEMORY) | BIT(CG_IO) | BIT(CG_PIDS) |             \
     BIT(CG_DEVICES) | BIT(CG_FREEZER))

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
char *cgroup_clean_path(const char *path)
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
        d->path = cgroup_clean_path(full);
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
        d->path = cgroup_clean_path(path);
        d->ctrls = (uint32_t)jr_uint(&r, e, "cgroup", "controllers", UINT32_MAX, 0);
        d->made = jr_bool(&r, e, "cgroup", "made");
    }
    return r.rc;
}

int cgroup_plan_more(struct cgroup *cg, const json_t *resources, unsigned *first, struct error *err)
{
    uint32_t have = 0;
    struct cgroup_dir *like = NULL;
    struct cgroup more = {0};

    *first = cg->count;
    for (unsigned i = 0; i < cg->count; i++) {
        if (cg->dir[i].v2 || !cg->dir[i].ctrls)
            continue;
        have |= cg->dir[i].ctrls;
        like = like ? like : &cg->dir[i];
    }
    uint32_t want = ctrls_wanted(resources) & ~ALWAYS & ~have;
    if (!like || !want)
        return 0;
    int rc = read_layout(&more, want, err);
    for (unsigned i = 0; !rc && i < more.count; i++) {
        struct cgroup_dir *m = &more.dir[i], *d;
        if (m->v2 || !(m->ctrls & want) || !(d = add_dir(cg, m->mount, false, m->names)))
            continue;
        d->ctrls = m->ctrls;
        d->path = xstrdup(like->path);
    }
    cgroup_fini(&more);
    return rc;
}

/* "PATH" below every group, or "CONTROLLER,...:PATH" below those of v1 that have one of them. */
int cgroup_descend(struct cgroup *cg, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':'), *path = colon ? colon + 1 : text;
    bool hybrid = cg->count > 1, hit = false;
    auto_free char *names = colon ? strndup(text, (size_t)(colon - text)) : NULL;
    auto_free char *copy = xstrdup(path);
    uint32_t want = names ? ctrls_of(names) : 0;
    char *save = NULL;

    /* below the container's own, never beside it: S21 */
    for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save))
        if (!strcmp(p, ".."))
            return fail(err, EINVAL, "bad sub cgroup path: %s", text);
    for (unsigned i = 0; i < cg->count; i++) {
        struct cgroup_dir *d = &cg->dir[i];
        if (colon && !(d->ctrls & want))
            continue;
        hit = true;
        char *sub = xasprintf("%s/%s", d->path, path);
        auto_free char *full = xasprintf("%s%s", d->mount, sub);
        /* beside v1 the v2 hierarchy limits nothing: who made no group there means none */
        if (!colon && d->v2 && hybrid && access(full, F_OK) < 0) {
            free(sub);
            continue;
        }
        free(d->path);
        d->path = cgroup_clean_path(sub);
        free(sub);
        if (d->fd >= 0)
            close(d->fd);
        d->fd = -1;
    }
    return hit ? 0 : fail(err, EINVAL, "unknown controller %s in --cgroup %s", names ? names : "",
                          text);
}
