/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Resource limits: from the specification's names to the files of v1 and v2, as a table.
 * [OCI config-linux#control-groups], kernel documents cgroup-v1 and cgroup-v2.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "zone/cgroup.h"
#include "base/file.h"

struct cg_write {
    struct cgroup_dir *dir;
    char file[80];
    char value[160];
    char *old; /* what was there, for undo; heap */
    bool done;
};

struct cg_writes {
    struct cg_write *v;
    size_t n, cap;
    struct cgroup *cg;
    struct json_reader r;
};

static struct cg_write *new_write(struct cg_writes *w, struct cgroup_dir *d, const char *file)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 16;
        w->v = realloc(w->v, w->cap * sizeof(*w->v));
        if (!w->v)
            abort();
    }
    struct cg_write *x = &w->v[w->n++];
    *x = (struct cg_write){.dir = d};
    snprintf(x->file, sizeof(x->file), "%s", file);
    return x;
}

static void add(struct cg_writes *w, enum cgroup_ctrl ctrl, const char *v1, const char *v2,
                const char *fmt, ...) printf_like(5, 6);

/* One value for whichever file this host has; a NULL name = that version has no such limit, and
 * the specification allows to leave it out. */
static void add(struct cg_writes *w, enum cgroup_ctrl ctrl, const char *v1, const char *v2,
                const char *fmt, ...)
{
    struct cgroup_dir *d = cgroup_find(w->cg, ctrl);
    va_list ap;

    if (!d || (d->v2 && cgroup_ctrl_info[ctrl].v2 == NULL)) {
        if (!v1 || (d && d->v2 && !v2))
            return;
        jr_fail(&w->r, "cgroup: this host offers no %s controller to the container",
                cgroup_ctrl_info[ctrl].v1);
        return;
    }
    const char *file = d->v2 ? v2 : v1;
    if (!file)
        return;
    struct cg_write *x = new_write(w, d, file);
    va_start(ap, fmt);
    vsnprintf(x->value, sizeof(x->value), fmt, ap);
    va_end(ap);
}

static bool on_v2(struct cg_writes *w, enum cgroup_ctrl ctrl)
{
    struct cgroup_dir *d = cgroup_find(w->cg, ctrl);

    return d && d->v2;
}

/* v2 says "max" where v1 says -1. */
static void add_limit(struct cg_writes *w, enum cgroup_ctrl ctrl, const char *v1, const char *v2,
                      int64_t v)
{
    if (v < 0 && on_v2(w, ctrl))
        add(w, ctrl, v1, v2, "max");
    else
        add(w, ctrl, v1, v2, "%" PRId64, v < 0 ? -1 : v);
}

static bool has(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    return v && !json_is_null(v);
}

static bool swap_is_counted(struct cg_writes *w)
{
    struct cgroup_dir *d = cgroup_find(w->cg, CG_MEMORY);
    int fd = d ? cgroup_dir_fd(d) : -1;

    return fd >= 0 &&
           faccessat(fd, d->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
}

static void memory_limits(struct cg_writes *w, const json_t *m)
{
    static const char where[] = "linux.resources.memory";
    struct json_reader *r = &w->r;

    if (!m)
        return;
    int64_t limit = jr_int(r, m, where, "limit", 0), swap = jr_int(r, m, where, "swap", 0);
    if (limit < 0 && !swap && swap_is_counted(w)) /* without a limit there is none on the sum */
        swap = -1;
    if (has(m, "reservation"))
        add_limit(w, CG_MEMORY, "memory.soft_limit_in_bytes", "memory.low",
                  jr_int(r, m, where, "reservation", 0));
    if (limit > 0 && jr_bool(r, m, where, "checkBeforeUpdate")) {
        struct cgroup_dir *d = cgroup_find(w->cg, CG_MEMORY);
        uint64_t used = 0;
        int fd = d ? cgroup_dir_fd(d) : -1;
        if (fd >= 0 &&
            file_read_u64(fd, d->v2 ? "memory.current" : "memory.usage_in_bytes", &used) &&
            used > (uint64_t)limit)
            jr_fail(r, "rejecting memory%s limit %" PRId64 ": %" PRIu64 " are in use",
                    swap > 0 ? "+swap" : "", limit, used);
    }
    if (limit)
        add_limit(w, CG_MEMORY, "memory.limit_in_bytes", "memory.max", limit);
    if (swap && !on_v2(w, CG_MEMORY)) {
        if (swap > 0 && limit > swap)
            jr_fail(r, "%s.swap (memory and swap together) is below limit", where);
        add_limit(w, CG_MEMORY, "memory.memsw.limit_in_bytes", NULL, swap);
    } else if (swap) {
        /* the specification's value counts memory and swap, v2's file swap alone */
        if (swap > 0 && limit <= 0)
            jr_fail(r, "%s.swap needs limit beside it on cgroup v2", where);
        else if (swap > 0 && swap < limit)
            jr_fail(r, "%s.swap (memory and swap together) is below limit", where);
        add_limit(w, CG_MEMORY, NULL, "memory.swap.max", swap < 0 ? -1 : swap - limit);
    }
    if (has(m, "kernelTCP"))
        add_limit(w, CG_MEMORY, "memory.kmem.tcp.limit_in_bytes", NULL,
                  jr_int(r, m, where, "kernelTCP", 0));
    if (has(m, "swappiness")) {
        uint64_t v = jr_uint(r, m, where, "swappiness", 100, 0);
        add(w, CG_MEMORY, "memory.swappiness", NULL, "%" PRIu64, v);
    }
    if (jr_bool(r, m, where, "disableOOMKiller"))
        add(w, CG_MEMORY, "memory.oom_control", NULL, "1");
    /* memory.kernel is gone from the kernel and from the specification's duties: left out */
}

static void cpu_limits(struct cg_writes *w, const json_t *c)
{
    static const char where[] = "linux.resources.cpu";
    struct json_reader *r = &w->r;

    if (!c)
        return;
    uint64_t shares = jr_uint(r, c, where, "shares", UINT64_MAX, 0);
    uint64_t period = jr_uint(r, c, where, "period", UINT64_MAX, 0);
    int64_t quota = jr_int(r, c, where, "quota", 0);
    if (shares && on_v2(w, CG_CPU)) {
        /* 2..262144 -> 1..10000 [cgroup-v2 cpu.weight] */
        uint64_t s = MIN(MAX(shares, 2), 262144);
        add(w, CG_CPU, NULL, "cpu.weight", "%" PRIu64, 1 + (s - 2) * 9999 / 262142);
    } else if (shares) {
        add(w, CG_CPU, "cpu.shares", NULL, "%" PRIu64, shares);
    }
    if (has(c, "idle"))
        add(w, CG_CPU, "cpu.idle", "cpu.idle", "%" PRId64, jr_int(r, c, where, "idle", 0));
    if (on_v2(w, CG_CPU)) {
        if (quota || period) {
            char q[32] = "max";
            if (quota > 0)
                snprintf(q, sizeof(q), "%" PRId64, quota);
            else if (!quota) { /* the period alone: keep the quota */
                struct cgroup_dir *d = cgroup_find(w->cg, CG_CPU);
                char now[64];
                if (file_read_buf(cgroup_dir_fd(d), "cpu.max", now, sizeof(now)) > 0)
                    snprintf(q, sizeof(q), "%.*s", (int)strcspn(now, " \n"), now);
            }
            if (period)
                add(w, CG_CPU, NULL, "cpu.max", "%s %" PRIu64, q, period);
            else
                add(w, CG_CPU, NULL, "cpu.max", "%s", q);
        }
    } else {
        if (period)
            add(w, CG_CPU, "cpu.cfs_period_us", NULL, "%" PRIu64, period);
        if (quota)
            add(w, CG_CPU, "cpu.cfs_quota_us", NULL, "%" PRId64, quota < 0 ? -1 : quota);
    }
    if (has(c, "burst"))
        add(w, CG_CPU, "cpu.cfs_burst_us", "cpu.max.burst", "%" PRIu64,
            jr_uint(r, c, where, "burst", UINT64_MAX, 0));
    if (has(c, "realtimePeriod"))
        add(w, CG_CPU, "cpu.rt_period_us", NULL, "%" PRIu64,
            jr_uint(r, c, where, "realtimePeriod", UINT64_MAX, 0));
    if (has(c, "realtimeRuntime"))
        add(w, CG_CPU, "cpu.rt_runtime_us", NULL, "%" PRId64,
            jr_int(r, c, where, "realtimeRuntime", 0));
    const char *cpus = jr_string(r, c, where, "cpus"), *mems = jr_string(r, c, where, "mems");
    if (cpus && *cpus)
        add(w, CG_CPUSET, "cpuset.cpus", "cpuset.cpus", "%s", cpus);
    if (mems && *mems)
        add(w, CG_CPUSET, "cpuset.mems", "cpuset.mems", "%s", mems);
}

static bool io_file_exists(struct cg_writes *w, const char *file)
{
    struct cgroup_dir *d = cgroup_find(w->cg, CG_IO);
    int fd = d ? cgroup_dir_fd(d) : -1;

    return fd >= 0 && faccessat(fd, file, F_OK, 0) == 0;
}

static void io_weights(struct cg_writes *w, const json_t *b)
{
    static const char where[] = "linux.resources.blockIO";
    struct json_reader *r = &w->r;
    bool bfq = io_file_exists(w, on_v2(w, CG_IO) ? "io.bfq.weight" : "blkio.bfq.weight");
    uint64_t weight = jr_uint(r, b, where, "weight", 1000, 0);
    const json_t *a = jr_array(r, b, where, "weightDevice");

    if (weight && on_v2(w, CG_IO) && !bfq) /* 10..1000 -> 1..10000 [cgroup-v2 io.weight] */
        add(w, CG_IO, NULL, "io.weight", "%" PRIu64, 1 + (MAX(weight, 10) - 10) * 9999 / 990);
    else if (weight)
        add(w, CG_IO, bfq ? "blkio.bfq.weight" : "blkio.weight", "io.bfq.weight", "%" PRIu64,
            weight);
    uint64_t leaf = jr_uint(r, b, where, "leafWeight", 1000, 0);
    if (leaf)
        add(w, CG_IO, "blkio.leaf_weight", NULL, "%" PRIu64, leaf);
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *e = json_array_get(a, i);
        uint64_t major = jr_uint(r, e, "weightDevice[]", "major", UINT32_MAX, 0);
        uint64_t minor = jr_uint(r, e, "weightDevice[]", "minor", UINT32_MAX, 0);
        uint64_t dev = jr_uint(r, e, "weightDevice[]", "weight", 1000, 0);
        if (dev)
            add(w, CG_IO, bfq ? "blkio.bfq.weight_device" : "blkio.weight_device",
                bfq ? "io.bfq.weight" : "io.weight", "%" PRIu64 ":%" PRIu64 " %" PRIu64, major,
                minor, dev);
        uint64_t lw = jr_uint(r, e, "weightDevice[]", "leafWeight", 1000, 0);
        if (lw)
            add(w, CG_IO, "blkio.leaf_weight_device", NULL,
                "%" PRIu64 ":%" PRIu64 " %" PRIu64, major, minor, lw);
    }
}

static void io_limits(struct cg_writes *w, const json_t *b)
{
    static const struct {
        const char *key, *v1, *v2;
    } throttles[] = {
        {"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
        {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"},
        {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"},
        {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"},
    };

    if (!b)
        return;
    io_weights(w, b);
    for (size_t t = 0; t < ARRAY_LEN(throttles); t++) {
        const json_t *a = jr_array(&w->r, b, "linux.resources.blockIO", throttles[t].key);
        for (size_t i = 0; i < json_array_size(a); i++) {
            const json_t *e = json_array_get(a, i);
            const char *key = throttles[t].key;
            uint64_t major = jr_uint(&w->r, e, key, "major", UINT32_MAX, 0);
            uint64_t minor = jr_uint(&w->r, e, key, "minor", UINT32_MAX, 0);
            uint64_t rate = jr_uint(&w->r, e, key, "rate", UINT64_MAX, 0);
            if (on_v2(w, CG_IO) && !rate)
                add(w, CG_IO, NULL, "io.max", "%" PRIu64 ":%" PRIu64 " %s=max", major, minor,
                    throttles[t].v2);
            else if (on_v2(w, CG_IO))
                add(w, CG_IO, NULL, "io.max", "%" PRIu64 ":%" PRIu64 " %s=%" PRIu64, major,
                    minor, throttles[t].v2, rate);
            else
                add(w, CG_IO, throttles[t].v1, NULL, "%" PRIu64 ":%" PRIu64 " %" PRIu64, major,
                    minor, rate);
        }
    }
}

static void other_limits(struct cg_writes *w, const json_t *res)
{
    struct json_reader *r = &w->r;
    const json_t *pids = jr_object(r, res, "linux.resources", "pids");
    const json_t *huge = jr_array(r, res, "linux.resources", "hugepageLimits");
    const json_t *net = jr_object(r, res, "linux.resources", "network");
    const json_t *prio = jr_array(r, net, "linux.resources.network", "priorities");
    json_t *rdma = jr_object(r, res, "linux.resources", "rdma");
    const char *key;
    json_t *v;

    if (has(pids, "limit")) {
        int64_t n = jr_int(r, pids, "linux.resources.pids", "limit", 0);
        if (n < 0) /* the same word in both versions */
            add(w, CG_PIDS, "pids.max", "pids.max", "max");
        else /* none at all could not even be the first process */
            add(w, CG_PIDS, "pids.max", "pids.max", "%" PRId64, MAX(n, 1));
    }
    for (size_t i = 0; i < json_array_size(huge); i++) {
        const json_t *e = json_array_get(huge, i);
        const char *size = jr_string(r, e, "hugepageLimits[]", "pageSize");
        uint64_t limit = jr_uint(r, e, "hugepageLimits[]", "limit", UINT64_MAX, 0);
        char v1[80], v2[80];
        /* the kernel's names are 64KB, 2MB, 1GB */
        size_t digits = size ? strspn(size, "0123456789") : 0;
        if (!digits || digits > 9 ||
            (strcmp(size + digits, "KB") && strcmp(size + digits, "MB") &&
             strcmp(size + digits, "GB"))) {
            jr_fail(r, "linux.resources.hugepageLimits: page size \"%s\"", size ? size : "");
            continue;
        }
        snprintf(v1, sizeof(v1), "hugetlb.%s.limit_in_bytes", size);
        snprintf(v2, sizeof(v2), "hugetlb.%s.max", size);
        add(w, CG_HUGETLB, v1, v2, "%" PRIu64, limit);
        snprintf(v1, sizeof(v1), "hugetlb.%s.rsvd.limit_in_bytes", size);
        snprintf(v2, sizeof(v2), "hugetlb.%s.rsvd.max", size);
        add(w, CG_HUGETLB, v1, v2, "%" PRIu64, limit);
    }
    if (has(net, "classID"))
        add(w, CG_NET_CLS, "net_cls.classid", NULL, "%" PRIu64,
            jr_uint(r, net, "linux.resources.network", "classID", UINT32_MAX, 0));
    for (size_t i = 0; i < json_array_size(prio); i++) {
        const json_t *e = json_array_get(prio, i);
        const char *name = jr_string(r, e, "priorities[]", "name");
        uint64_t p = jr_uint(r, e, "priorities[]", "priority", UINT32_MAX, 0);
        add(w, CG_NET_PRIO, "net_prio.ifpriomap", NULL, "%s %" PRIu64, name ? name : "", p);
    }
    json_object_foreach(rdma, key, v)
    {
        char text[128];
        int n = snprintf(text, sizeof(text), "%.60s", key);
        if (has(v, "hcaHandles"))
            n += snprintf(text + n, sizeof(text) - (size_t)n, " hca_handle=%" PRIu64,
                          jr_uint(r, v, "rdma{}", "hcaHandles", UINT32_MAX, 0));
        if (has(v, "hcaObjects"))
            snprintf(text + n, sizeof(text) - (size_t)n, " hca_object=%" PRIu64,
                     jr_uint(r, v, "rdma{}", "hcaObjects", UINT32_MAX, 0));
        add(w, CG_RDMA, "rdma.max", "rdma.max", "%s", text);
    }
}

static void no_unified_file(struct cg_writes *w, struct cgroup_dir *d, const char *key)
{
    char have[512];
    size_t n = strcspn(key, ".");
    bool known = !strncmp(key, "cgroup.", 7);

    if (d->fd >= 0 && file_read_buf(d->fd, "cgroup.controllers", have, sizeof(have)) > 0) {
        char *save = NULL;
        for (char *c = strtok_r(have, " \n", &save); c; c = strtok_r(NULL, " \n", &save))
            known |= strlen(c) == n && !strncmp(c, key, n);
    }
    if (known)
        jr_fail(&w->r, "invalid configuration: linux.resources.unified: %s: no such file or "
                       "directory", key);
    else
        jr_fail(&w->r, "invalid configuration: linux.resources.unified: the requested cgroup "
                       "controller `%.*s` is not available", (int)n, key);
}

static void unified_limits(struct cg_writes *w, const json_t *res)
{
    json_t *u = jr_object(&w->r, res, "linux.resources", "unified");
    const char *key;
    json_t *v;

    if (!json_object_size(u))
        return;
    struct cgroup_dir *d = NULL;
    for (unsigned i = 0; i < w->cg->count; i++)
        if (w->cg->dir[i].v2 && w->cg->dir[i].made)
            d = &w->cg->dir[i];
    if (!d) {
        jr_fail(&w->r, "invalid configuration: linux.resources.unified needs cgroup v2");
        return;
    }
    json_object_foreach(u, key, v)
    {
        if (!is_component(key) || !strchr(key, '.') || !json_is_string(v)) {
            jr_fail(&w->r, "invalid configuration: linux.resources.unified: the specified key has "
                           "not the form CONTROLLER.VALUE `%s`", key);
            return;
        }
        if (cgroup_dir_fd(d) < 0 || faccessat(d->fd, key, F_OK, 0) < 0) {
            no_unified_file(w, d, key);
            return;
        }
        /* several lines are several writes (io.max) */
        auto_free char *lines = xstrdup(json_string_value(v));
        char *save = NULL;
        for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
            struct cg_write *x = new_write(w, d, key);
            snprintf(x->value, sizeof(x->value), "%s", l);
        }
    }
}

static int write_one(struct cg_write *x)
{
    int fd = cgroup_dir_fd(x->dir);

    return fd < 0 ? fd : file_write(fd, x->file, x->value);
}

static void undo_writes(struct cg_writes *w, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        struct cg_write *x = &w->v[i];
        if (!x->done || !x->old)
            continue;
        if (file_write(x->dir->fd, x->file, x->old))
            log_warn("%s keeps its new value: the old one was refused", x->file);
    }
}

static int run_writes(struct cg_writes *w, bool undo, struct error *err)
{
    for (size_t i = 0; undo && i < w->n; i++) {
        struct cg_write *x = &w->v[i];
        char buf[4096];
        int fd = cgroup_dir_fd(x->dir);
        /* files of one value can be put back; per-device lists cannot, by the kernel's design */
        if (fd >= 0 && file_read_buf(fd, x->file, buf, sizeof(buf)) > 0) {
            char *nl = strchr(buf, '\n');
            if (!nl || !nl[1]) {
                buf[strcspn(buf, "\n")] = 0;
                x->old = xstrdup(buf);
            }
        }
    }
    for (size_t i = 0; i < w->n; i++) {
        struct cg_write *x = &w->v[i];
        int rc = write_one(x);
        /* v1: memory may not exceed memory+swap, so when both grow swap goes first; and a shorter
         * period with the old quota may be more than the parent has */
        if (rc == -EINVAL && i + 1 < w->n && x->dir == w->v[i + 1].dir &&
            (!strcmp(x->file, "memory.limit_in_bytes") ||
             !strcmp(x->file, "cpu.cfs_period_us"))) {
            struct cg_write t = *x;
            *x = w->v[i + 1];
            w->v[i + 1] = t;
            rc = write_one(x);
        }
        /* hugetlb's reservation files are new in 5.7, v1 swap accounting may be off */
        if (rc == -ENOENT && strstr(x->file, ".rsvd."))
            rc = 0;
        if (rc == -ENOENT && strstr(x->file, "memsw") && !strcmp(x->value, "-1"))
            rc = 0;
        if (rc) {
            undo_writes(w, i);
            return fail_errno(err, -rc, "cgroup: write \"%s\" to %s%s/%s", x->value,
                              x->dir->mount, x->dir->path, x->file);
        }
        x->done = true;
    }
    return 0;
}

int cgroup_limit(struct cgroup *cg, const json_t *res, bool undo, struct error *err)
{
    struct cg_writes w = {.cg = cg, .r = {.err = err}};
    static const char where[] = "linux.resources";

    if (!res)
        return 0;
    memory_limits(&w, jr_object(&w.r, res, where, "memory"));
    cpu_limits(&w, jr_object(&w.r, res, where, "cpu"));
    io_limits(&w, jr_object(&w.r, res, where, "blockIO"));
    other_limits(&w, res);
    unified_limits(&w, res);
    int rc = w.r.rc ? w.r.rc : run_writes(&w, undo, err);
    for (size_t i = 0; i < w.n; i++)
        free(w.v[i].old);
    free(w.v);
    return rc;
}
