/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * update: new limits, from a file in the specification's form or from options.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "oci/oci.h"
#include "base/file.h"

struct update_opts {
    const char *resources;
    const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_rt_period, *cpu_rt_runtime,
        *cpu_share, *cpu_idle, *cpus, *mems, *memory, *reservation, *swap, *kernel, *kernel_tcp,
        *pids, *l3, *mem_bw;
};

#define TEXT(member, opt_name, text) \
    OPT(struct update_opts, member, .name = opt_name, .kind = OPT_STRING, .arg = "N", .help = text)

const struct opt opts_update[] = {
    OPT(struct update_opts, resources, .name = "resources", .letter = 'r', .kind = OPT_STRING,
        .arg = "FILE", .help = "limits as JSON (- = standard input)"),
    TEXT(blkio_weight, "blkio-weight", "relative share of I/O"),
    TEXT(cpu_period, "cpu-period", "microseconds"),
    TEXT(cpu_quota, "cpu-quota", "microseconds in a period, -1 = no limit"),
    TEXT(cpu_burst, "cpu-burst", "microseconds that may be saved up"),
    TEXT(cpu_share, "cpu-share", "relative share of the processors"),
    TEXT(cpu_rt_period, "cpu-rt-period", "microseconds"),
    TEXT(cpu_rt_runtime, "cpu-rt-runtime", "microseconds"),
    TEXT(cpu_idle, "cpu-idle", "1 = only idle time"),
    TEXT(cpus, "cpuset-cpus", "processors (0-2,4)"),
    TEXT(mems, "cpuset-mems", "memory nodes"),
    TEXT(memory, "memory", "bytes, -1 = no limit"),
    TEXT(reservation, "memory-reservation", "bytes"),
    TEXT(swap, "memory-swap", "bytes of memory and swap together"),
    TEXT(kernel, "kernel-memory", "accepted; the kernel has no such limit any more"),
    TEXT(kernel_tcp, "kernel-memory-tcp", "bytes"),
    TEXT(pids, "pids-limit", "processes, -1 = no limit"),
    TEXT(l3, "l3-cache-schema", "not changed by update"),
    TEXT(mem_bw, "mem-bw-schema", "not changed by update"),
    OPT_END,
};

/* "512M", "-1", "100": sizes are allowed everywhere, as people write them. */
static int parse_amount(const char *name, const char *text, json_int_t *v, struct error *err)
{
    uint64_t n;

    if (!strcmp(text, "-1")) {
        *v = -1;
        return 0;
    }
    if (opt_parse_size(text, &n, err) || n > INT64_MAX)
        return fail(err, EINVAL, "--%s: \"%s\" is no amount", name, text);
    *v = (json_int_t)n;
    return 0;
}

static int set_number(json_t *res, const char *section, const char *key, const char *name,
                      const char *text, struct error *err)
{
    json_int_t v = 0;
    json_t *o = json_object_get(res, section);

    if (!text || !*text)
        return 0;
    int rc = parse_amount(name, text, &v, err);
    if (rc)
        return rc;
    if (!o) {
        o = json_object();
        json_object_set_new(res, section, o);
    }
    json_object_set_new(o, key, json_integer(v));
    return 0;
}

static json_t *from_options(const struct update_opts *u, struct error *err)
{
    const struct {
        const char *section, *key, *name, *text;
    } numbers[] = {
        {"blockIO", "weight", "blkio-weight", u->blkio_weight},
        {"cpu", "period", "cpu-period", u->cpu_period},
        {"cpu", "quota", "cpu-quota", u->cpu_quota},
        {"cpu", "burst", "cpu-burst", u->cpu_burst},
        {"cpu", "shares", "cpu-share", u->cpu_share},
        {"cpu", "realtimePeriod", "cpu-rt-period", u->cpu_rt_period},
        {"cpu", "realtimeRuntime", "cpu-rt-runtime", u->cpu_rt_runtime},
        {"cpu", "idle", "cpu-idle", u->cpu_idle},
        {"memory", "limit", "memory", u->memory},
        {"memory", "reservation", "memory-reservation", u->reservation},
        {"memory", "swap", "memory-swap", u->swap},
        {"memory", "kernelTCP", "kernel-memory-tcp", u->kernel_tcp},
        {"pids", "limit", "pids-limit", u->pids},
    };
    json_t *res = json_object();

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (set_number(res, numbers[i].section, numbers[i].key, numbers[i].name, numbers[i].text,
                       err)) {
            json_decref(res);
            return NULL;
        }
    for (int i = 0; i < 2; i++) {
        const char *text = i ? u->mems : u->cpus;
        json_t *cpu = json_object_get(res, "cpu");
        if (!text)
            continue;
        if (!cpu) {
            cpu = json_object();
            json_object_set_new(res, "cpu", cpu);
        }
        json_object_set_new(cpu, i ? "mems" : "cpus", json_string(text));
    }
    return res;
}

static json_t *from_file(const char *path, struct error *err)
{
    auto_free char *text = NULL;
    size_t len;
    json_t *doc = NULL;
    bool in = !strcmp(path, "-");
    int rc = in ? file_slurp(0, &text, &len, err) : file_read(AT_FDCWD, path, &text, &len, err);

    if (rc || json_parse(text, len, in ? "standard input" : path, &doc, err))
        return NULL;
    return doc;
}

int cmd_update(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct update_opts u = {0};
    int at = oci_parse(opts_update, &u, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    if (u.l3 || u.mem_bw)
        return fail(err, ENOTSUP, "update does not change intelRdt");
    json_t *res = u.resources && *u.resources ? from_file(u.resources, err) : from_options(&u, err);
    if (!res)
        return -(err->code ? err->code : EINVAL);
    int rc = container_update(&g->rt, argv[at], res, err);
    json_decref(res);
    return rc;
}
