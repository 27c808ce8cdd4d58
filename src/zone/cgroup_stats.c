/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a container uses, in the form that `runc events --stats` made known.
 */
#include <stdio.h>
#include <unistd.h>

#include "zone/cgroup.h"
#include "base/file.h"

static uint64_t number(int fd, const char *file)
{
    uint64_t v = 0;
    char buf[64];

    if (file_read_buf(fd, file, buf, sizeof(buf)) > 0 && !strncmp(buf, "max", 3))
        return UINT64_MAX;
    file_read_u64(fd, file, &v);
    return v;
}

static json_t *json_u64(uint64_t v)
{
    return json_integer((json_int_t)MIN(v, (uint64_t)INT64_MAX));
}

/* "key value" lines as an object. */
static json_t *flat_keys(int fd, const char *file)
{
    char buf[8192];
    json_t *o = json_object();
    char *save = NULL;

    if (file_read_buf(fd, file, buf, sizeof(buf)) <= 0)
        return o;
    for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        char *sp = strchr(l, ' ');
        if (!sp)
            continue;
        *sp = 0;
        json_object_set_new(o, l, json_u64(strtoull(sp + 1, NULL, 10)));
    }
    return o;
}

static uint64_t get(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static json_t *cpu_v1(struct cgroup *cg)
{
    struct cgroup_dir *acct = cgroup_find(cg, CG_CPUACCT), *cpu = cgroup_find(cg, CG_CPU);
    int a = acct ? cgroup_dir_fd(acct) : -1, c = cpu ? cgroup_dir_fd(cpu) : -1;
    json_t *per = json_array(), *stat = flat_keys(c, "cpu.stat");
    char buf[16384];
    char *save = NULL;

    if (file_read_buf(a, "cpuacct.usage_percpu", buf, sizeof(buf)) > 0)
        for (char *w = strtok_r(buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
            json_array_append_new(per, json_u64(strtoull(w, NULL, 10)));
    json_t *o = json_pack("{s:{s:o,s:o,s:o,s:o},s:{s:o,s:o,s:o}}", "usage", "total",
                          json_u64(number(a, "cpuacct.usage")), "percpu", per, "kernel",
                          json_u64(number(a, "cpuacct.usage_sys")), "user",
                          json_u64(number(a, "cpuacct.usage_user")), "throttling", "periods",
                          json_u64(get(stat, "nr_periods")), "throttledPeriods",
                          json_u64(get(stat, "nr_throttled")), "throttledTime",
                          json_u64(get(stat, "throttled_time")));
    json_decref(stat);
    return o;
}

static json_t *cpu_v2(int fd)
{
    json_t *stat = flat_keys(fd, "cpu.stat");
    json_t *o = json_pack("{s:{s:o,s:o,s:o},s:{s:o,s:o,s:o}}", "usage", "total",
                          json_u64(get(stat, "usage_usec") * 1000), "kernel",
                          json_u64(get(stat, "system_usec") * 1000), "user",
                          json_u64(get(stat, "user_usec") * 1000), "throttling", "periods",
                          json_u64(get(stat, "nr_periods")), "throttledPeriods",
                          json_u64(get(stat, "nr_throttled")), "throttledTime",
                          json_u64(get(stat, "throttled_usec") * 1000));
    json_decref(stat);
    return o;
}

static json_t *memory_entry(int fd, const char *usage, const char *max, const char *limit,
                            const char *fails)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "usage", json_u64(number(fd, usage)), "max",
                     json_u64(number(fd, max)), "limit", json_u64(number(fd, limit)), "failcnt",
                     json_u64(fails ? number(fd, fails) : 0));
}

static json_t *memory(struct cgroup_dir *d)
{
    int fd = d ? cgroup_dir_fd(d) : -1;
    json_t *raw = flat_keys(fd, "memory.stat");

    if (d && d->v2)
        return json_pack("{s:o,s:o,s:o,s:o}", "usage",
                         memory_entry(fd, "memory.current", "memory.peak", "memory.max", NULL),
                         "swap",
                         memory_entry(fd, "memory.swap.current", "memory.swap.peak",
                                      "memory.swap.max", NULL),
                         "cache", json_u64(get(raw, "file")), "raw", raw);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "usage",
                     memory_entry(fd, "memory.usage_in_bytes", "memory.max_usage_in_bytes",
                                  "memory.limit_in_bytes", "memory.failcnt"),
                     "swap",
                     memory_entry(fd, "memory.memsw.usage_in_bytes",
                                  "memory.memsw.max_usage_in_bytes",
                                  "memory.memsw.limit_in_bytes", "memory.memsw.failcnt"),
                     "kernel",
                     memory_entry(fd, "memory.kmem.usage_in_bytes",
                                  "memory.kmem.max_usage_in_bytes",
                                  "memory.kmem.limit_in_bytes", "memory.kmem.failcnt"),
                     "kernelTCP",
                     memory_entry(fd, "memory.kmem.tcp.usage_in_bytes",
                                  "memory.kmem.tcp.max_usage_in_bytes",
                                  "memory.kmem.tcp.limit_in_bytes", "memory.kmem.tcp.failcnt"),
                     "cache", json_u64(get(raw, "cache")), "raw", raw);
}

static void add_io(json_t *list, unsigned long major, unsigned long minor, const char *op,
                   uint64_t v)
{
    json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:o}", "major", (int)major, "minor",
                                          (int)minor, "op", op, "value", json_u64(v)));
}

/* v1 "8:0 Read 4096"; v2 "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." */
static json_t *io(struct cgroup_dir *d)
{
    int fd = d ? cgroup_dir_fd(d) : -1;
    json_t *bytes = json_array(), *count = json_array();
    static const char *const files[] = {"blkio.throttle.io_service_bytes_recursive",
                                        "blkio.throttle.io_serviced_recursive"};
    char buf[16384];

    for (int i = 0; i < (d && d->v2 ? 1 : 2); i++) {
        char *save = NULL;
        if (file_read_buf(fd, d && d->v2 ? "io.stat" : files[i], buf, sizeof(buf)) <= 0)
            continue;
        for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
            char *at;
            unsigned long major = strtoul(l, &at, 10);
            if (*at != ':')
                continue;
            unsigned long minor = strtoul(at + 1, &at, 10);
            char *word_save = NULL;
            char *w = strtok_r(at, " ", &word_save);
            if (d && d->v2) {
                for (; w; w = strtok_r(NULL, " ", &word_save)) {
                    char *eq = strchr(w, '=');
                    if (!eq)
                        continue;
                    *eq = 0;
                    uint64_t v = strtoull(eq + 1, NULL, 10);
                    const char *op = *w == 'r' ? "read" : *w == 'w' ? "write" : "discard";
                    add_io(strstr(w, "bytes") ? bytes : count, major, minor, op, v);
                }
            } else if (w) {
                char *v = strtok_r(NULL, " ", &word_save);
                add_io(i ? count : bytes, major, minor, w, v ? strtoull(v, NULL, 10) : 0);
            }
        }
    }
    return json_pack("{s:o,s:o}", "ioServiceBytesRecursive", bytes, "ioServicedRecursive", count);
}

json_t *cgroup_stats(struct cgroup *cg)
{
    struct cgroup_dir *cpu = cgroup_find(cg, CG_CPU), *pids = cgroup_find(cg, CG_PIDS);
    int p = pids ? cgroup_dir_fd(pids) : -1;
    uint64_t limit = number(p, "pids.max");
    json_t *o = json_object();

    json_object_set_new(o, "cpu",
                        cpu && cpu->v2 ? cpu_v2(cgroup_dir_fd(cpu)) : cpu_v1(cg));
    json_object_set_new(o, "memory", memory(cgroup_find(cg, CG_MEMORY)));
    json_object_set_new(o, "pids",
                        json_pack("{s:o,s:o}", "current", json_u64(number(p, "pids.current")),
                                  "limit", json_u64(limit == UINT64_MAX ? 0 : limit)));
    json_object_set_new(o, "blkio", io(cgroup_find(cg, CG_IO)));
    return o;
}
