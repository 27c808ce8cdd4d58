/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/spec.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/spec_tab.h"

static void parse_version(struct json_reader *r, struct spec *s)
{
    s->version = jr_string(r, s->doc, "", "ociVersion");
    /* any 1.x: later minor versions only add [OCI spec#version] */
    if (!s->version)
        jr_fail(r, "ociVersion is missing");
    else if (strncmp(s->version, "1.", 2) != 0 || s->version[2] < '0' || s->version[2] > '9')
        jr_fail(r, "ociVersion \"%s\" is no 1.x version", s->version);
}

static struct id_maps parse_maps(struct json_reader *r, const json_t *o, const char *where,
                                 const char *key)
{
    json_t *a = jr_array(r, o, where, key);
    struct id_maps m = {.count = json_array_size(a)};

    if (!m.count)
        return m;
    m.map = xcalloc(m.count, sizeof(*m.map));
    for (size_t i = 0; i < m.count; i++) {
        const json_t *e = json_array_get(a, i);
        m.map[i].inside = (uint32_t)jr_uint(r, e, key, "containerID", UINT32_MAX, 0);
        m.map[i].outside = (uint32_t)jr_uint(r, e, key, "hostID", UINT32_MAX, 0);
        m.map[i].size = (uint32_t)jr_uint(r, e, key, "size", UINT32_MAX, 0);
        if (!m.map[i].size)
            jr_fail(r, "%s.%s[%zu].size must be at least 1", where, key, i);
        if ((uint64_t)m.map[i].inside + m.map[i].size > UINT64_C(1) << 32 ||
            (uint64_t)m.map[i].outside + m.map[i].size > UINT64_C(1) << 32)
            jr_fail(r, "%s.%s[%zu]: the range passes 2^32", where, key, i);
    }
    return m;
}

static void parse_mounts(struct json_reader *r, struct spec *s)
{
    json_t *a = jr_array(r, s->doc, "", "mounts");

    s->mount_count = json_array_size(a);
    s->mounts = xcalloc(s->mount_count, sizeof(*s->mounts));
    for (size_t i = 0; i < s->mount_count; i++) {
        struct spec_mount *m = &s->mounts[i];
        const json_t *e = json_array_get(a, i);
        char where[32];
        snprintf(where, sizeof(where), "mounts[%zu]", i);
        m->destination = jr_string(r, e, where, "destination");
        m->type = jr_string(r, e, where, "type");
        m->source = jr_string(r, e, where, "source");
        m->options = jr_strings(r, e, where, "options", NULL);
        m->uid_maps = parse_maps(r, e, where, "uidMappings");
        m->gid_maps = parse_maps(r, e, where, "gidMappings");
        if (!m->destination || !*m->destination) {
            jr_fail(r, "%s.destination is missing", where);
            m->destination = "/";
        }
        if (!m->uid_maps.count != !m->gid_maps.count)
            jr_fail(r, "%s: uidMappings and gidMappings must be given together", where);
    }
}

static uint64_t parse_cap_set(struct json_reader *r, const json_t *o, const char *key)
{
    size_t n;
    uint64_t set = 0;
    auto_free const char **names = jr_strings(r, o, "process.capabilities", key, &n);

    for (size_t i = 0; i < n; i++) {
        unsigned cap;
        /* a capability that this program does not know cannot be granted: not an error [OCI
         * config#linux-process] */
        if (cap_find(names[i], &cap))
            set |= UINT64_C(1) << cap;
        else
            log_warn("process.capabilities.%s: unknown capability %s is ignored", key, names[i]);
    }
    return set;
}

static void parse_caps(struct json_reader *r, const json_t *o, struct spec_caps *c)
{
    const json_t *v = jr_object(r, o, "process", "capabilities");

    if (!v)
        return;
    c->given = true;
    c->bounding = parse_cap_set(r, v, "bounding");
    c->effective = parse_cap_set(r, v, "effective");
    c->inheritable = parse_cap_set(r, v, "inheritable");
    c->permitted = parse_cap_set(r, v, "permitted");
    c->ambient = parse_cap_set(r, v, "ambient");
}

static void parse_rlimits(struct json_reader *r, const json_t *o, struct spec_process *p)
{
    const json_t *a = jr_array(r, o, "process", "rlimits");

    p->rlimit_count = json_array_size(a);
    p->rlimits = xcalloc(p->rlimit_count, sizeof(*p->rlimits));
    for (size_t i = 0; i < p->rlimit_count; i++) {
        struct spec_rlimit *l = &p->rlimits[i];
        const json_t *e = json_array_get(a, i);
        uint64_t v = 0;
        l->name = jr_string(r, e, "process.rlimits[]", "type");
        if (!l->name || !name_find(rlimit_names, l->name, &v)) {
            jr_fail(r, "process.rlimits[%zu].type \"%s\" is unknown", i, l->name ? l->name : "");
            continue;
        }
        for (size_t k = 0; k < i; k++)
            if (p->rlimits[k].resource == (int)v)
                jr_fail(r, "process.rlimits: %s is given twice", l->name);
        l->resource = (int)v;
        l->limit.rlim_cur = jr_uint(r, e, "process.rlimits[]", "soft", UINT64_MAX, 0);
        l->limit.rlim_max = jr_uint(r, e, "process.rlimits[]", "hard", UINT64_MAX, 0);
    }
}

/* The kernel's own rules [sched(7)], which it answers with one EINVAL for all. */
static void check_deadline(struct json_reader *r, const json_t *v, const struct spec_sched *s)
{
    static const char what[] = "sched_setattr: `SCHED_DEADLINE`";

    if (!json_object_get(v, "runtime"))
        jr_fail(r, "%s requires `runtime`", what);
    if (!json_object_get(v, "deadline"))
        jr_fail(r, "%s requires `deadline`", what);
    if (!s->runtime)
        jr_fail(r, "%s runtime must be greater than 0", what);
    if (s->runtime < 1024 || s->runtime > INT64_MAX)
        jr_fail(r, "%s runtime (%" PRIu64 ") must be between 1024 and %" PRId64, what, s->runtime,
                INT64_MAX);
    if (s->runtime > s->deadline)
        jr_fail(r, "%s runtime (%" PRIu64 ") must be <= deadline (%" PRIu64 ")", what, s->runtime,
                s->deadline);
    if (s->period && s->deadline > s->period)
        jr_fail(r, "%s deadline (%" PRIu64 ") must be <= period (%" PRIu64 ")", what, s->deadline,
                s->period);
}

static void parse_sched(struct json_reader *r, const json_t *o, struct spec_sched *s)
{
    const json_t *v = jr_object(r, o, "process", "scheduler");
    static const char where[] = "process.scheduler";
    uint64_t n = 0;

    if (!v)
        return;
    s->given = true;
    const char *policy = jr_string(r, v, where, "policy");
    if (!policy || !name_find(sched_names, policy, &n))
        jr_fail(r, "%s.policy \"%s\" is unknown", where, policy ? policy : "");
    s->policy = (uint32_t)n;
    s->nice = (int32_t)jr_int(r, v, where, "nice", 0);
    s->priority = (int32_t)jr_int(r, v, where, "priority", 0);
    s->runtime = jr_uint(r, v, where, "runtime", UINT64_MAX, 0);
    s->deadline = jr_uint(r, v, where, "deadline", UINT64_MAX, 0);
    s->period = jr_uint(r, v, where, "period", UINT64_MAX, 0);
    size_t count;
    auto_free const char **flags = jr_strings(r, v, where, "flags", &count);
    for (size_t i = 0; i < count; i++) {
        if (!name_find(sched_flag_names, flags[i], &n))
            jr_fail(r, "%s.flags: \"%s\" is unknown", where, flags[i]);
        s->flags |= n;
    }
    if (s->nice < -20 || s->nice > 19)
        jr_fail(r, "%s.nice is not in -20..19", where);
    bool rt = s->policy == 1 || s->policy == 2;
    if (s->priority && !rt)
        jr_fail(r, "%s.priority is for SCHED_FIFO and SCHED_RR only", where);
    if ((s->runtime || s->deadline || s->period) && s->policy != 6)
        jr_fail(r, "%s: runtime, deadline and period are for SCHED_DEADLINE only", where);
    if (s->policy == 6)
        check_deadline(r, v, s);
}

static void parse_user(struct json_reader *r, const json_t *o, struct spec_process *p)
{
    const json_t *u = jr_object(r, o, "process", "user");
    static const char where[] = "process.user";

    if (!u)
        return;
    p->uid = (uint32_t)jr_uint(r, u, where, "uid", UINT32_MAX - 1, 0);
    p->gid = (uint32_t)jr_uint(r, u, where, "gid", UINT32_MAX - 1, 0);
    p->umask_given = json_is_integer(json_object_get(u, "umask"));
    p->umask = (uint32_t)jr_uint(r, u, where, "umask", 07777, 0);
    const json_t *a = jr_array(r, u, where, "additionalGids");
    p->group_count = json_array_size(a);
    p->groups = xcalloc(p->group_count, sizeof(*p->groups));
    for (size_t i = 0; i < p->group_count; i++) {
        const json_t *g = json_array_get(a, i);
        json_int_t v = json_integer_value(g);
        if (!json_is_integer(g) || v < 0 || v >= UINT32_MAX)
            jr_fail(r, "%s.additionalGids[%zu] is no group id", where, i);
        p->groups[i] = (uint32_t)v;
    }
}

static void parse_process(struct json_reader *r, const json_t *o, struct spec_process *p)
{
    static const char where[] = "process";
    uint64_t n = 0;

    p->terminal = jr_bool(r, o, where, "terminal");
    const json_t *size = jr_object(r, o, where, "consoleSize");
    p->rows = (unsigned short)jr_uint(r, size, "process.consoleSize", "height", 65535, 0);
    p->cols = (unsigned short)jr_uint(r, size, "process.consoleSize", "width", 65535, 0);
    parse_user(r, o, p);
    p->cwd = jr_string(r, o, where, "cwd");
    if (!p->cwd || *p->cwd != '/')
        jr_fail(r, "process.cwd must be an absolute path");
    p->env = jr_strings(r, o, where, "env", &p->env_count);
    p->args = jr_strings(r, o, where, "args", NULL);
    if (!p->args || !p->args[0])
        jr_fail(r, "process.args must name a program");
    parse_rlimits(r, o, p);
    parse_caps(r, o, &p->caps);
    p->no_new_privileges = jr_bool(r, o, where, "noNewPrivileges");
    p->oom_given = json_is_integer(json_object_get(o, "oomScoreAdj"));
    int64_t oom = jr_int(r, o, where, "oomScoreAdj", 0);
    if (oom < -1000 || oom > 1000)
        jr_fail(r, "process.oomScoreAdj is not in -1000..1000");
    p->oom_score_adj = (int)oom;
    p->apparmor = jr_string(r, o, where, "apparmorProfile");
    p->selinux = jr_string(r, o, where, "selinuxLabel");
    const json_t *io = jr_object(r, o, where, "ioPriority");
    if (io) {
        const char *class = jr_string(r, io, "process.ioPriority", "class");
        p->io_given = true;
        if (!class || !name_find(ioprio_names, class, &n))
            jr_fail(r, "process.ioPriority.class \"%s\" is unknown", class ? class : "");
        p->io_class = (int)n;
        p->io_priority = (int)jr_uint(r, io, "process.ioPriority", "priority", 7, 0);
    }
    parse_sched(r, o, &p->sched);
    const json_t *aff = jr_object(r, o, where, "execCPUAffinity");
    p->affinity_initial = jr_string(r, aff, "process.execCPUAffinity", "initial");
    p->affinity_final = jr_string(r, aff, "process.execCPUAffinity", "final");
}

int spec_parse_process(const json_t *o, struct spec_process *p, struct error *err)
{
    struct json_reader r = {.err = err};

    parse_process(&r, o, p);
    return r.rc;
}

static void parse_hooks(struct json_reader *r, struct spec *s)
{
    static const char *const keys[HOOK_KINDS] = {
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
    };
    const json_t *o = jr_object(r, s->doc, "", "hooks");

    for (int k = 0; k < HOOK_KINDS; k++) {
        const json_t *a = jr_array(r, o, "hooks", keys[k]);
        struct spec_hooks *h = &s->hooks[k];
        h->count = json_array_size(a);
        h->hook = xcalloc(h->count, sizeof(*h->hook));
        for (size_t i = 0; i < h->count; i++) {
            const json_t *e = json_array_get(a, i);
            char where[48];
            snprintf(where, sizeof(where), "hooks.%s[%zu]", keys[k], i);
            h->hook[i].path = jr_string(r, e, where, "path");
            if (!h->hook[i].path || *h->hook[i].path != '/')
                jr_fail(r, "%s.path must be an absolute path", where);
            h->hook[i].args = jr_strings(r, e, where, "args", NULL);
            h->hook[i].env = jr_strings(r, e, where, "env", NULL);
            h->hook[i].timeout = (int)jr_int(r, e, where, "timeout", 0);
            if (json_object_get(e, "timeout") && h->hook[i].timeout <= 0)
                jr_fail(r, "%s.timeout must be greater than zero", where);
        }
    }
}

static void parse_namespaces(struct json_reader *r, struct spec *s, const json_t *l)
{
    const json_t *a = jr_array(r, l, "linux", "namespaces");
    uint64_t seen = 0;

    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *e = json_array_get(a, i);
        const char *type = jr_string(r, e, "linux.namespaces[]", "type");
        const char *path = jr_string(r, e, "linux.namespaces[]", "path");
        int k = 0;
        while (k < NS_KINDS && (!type || strcmp(type, ns_info[k].spec_name) != 0))
            k++;
        if (k == NS_KINDS) {
            jr_fail(r, "linux.namespaces[%zu].type \"%s\" is unknown", i, type ? type : "");
            return;
        }
        if (seen & ns_info[k].flag)
            jr_fail(r, "linux.namespaces: \"%s\" is given twice", type);
        seen |= ns_info[k].flag;
        if (path && *path) {
            if (*path != '/')
                jr_fail(r, "linux.namespaces[%zu].path must be absolute", i);
            s->ns_path[k] = path;
        } else {
            s->ns_new |= ns_info[k].flag;
        }
    }
}

static void parse_devices(struct json_reader *r, struct spec *s, const json_t *l)
{
    const json_t *a = jr_array(r, l, "linux", "devices");

    s->device_count = json_array_size(a);
    s->devices = xcalloc(s->device_count, sizeof(*s->devices));
    for (size_t i = 0; i < s->device_count; i++) {
        struct spec_device *d = &s->devices[i];
        const json_t *e = json_array_get(a, i);
        char where[40];
        snprintf(where, sizeof(where), "linux.devices[%zu]", i);
        const char *type = jr_string(r, e, where, "type");
        d->path = jr_string(r, e, where, "path");
        if (!d->path || *d->path != '/')
            jr_fail(r, "%s.path must be an absolute path", where);
        if (!type || strlen(type) != 1 || !strchr("cubp", *type)) {
            jr_fail(r, "%s.type must be one of c, b, u, p", where);
            continue;
        }
        d->type = *type == 'u' ? 'c' : *type;
        if (d->type != 'p' && (!json_object_get(e, "major") || !json_object_get(e, "minor")))
            jr_fail(r, "%s: major and minor are required for type %c", where, d->type);
        d->major = (uint32_t)jr_uint(r, e, where, "major", UINT32_MAX, 0);
        d->minor = (uint32_t)jr_uint(r, e, where, "minor", UINT32_MAX, 0);
        d->mode = (uint32_t)jr_uint(r, e, where, "fileMode", UINT32_MAX, 0666) & 07777;
        d->uid = (uint32_t)jr_uint(r, e, where, "uid", UINT32_MAX, 0);
        d->gid = (uint32_t)jr_uint(r, e, where, "gid", UINT32_MAX, 0);
    }
}

static void parse_netdevs(struct json_reader *r, struct spec *s, const json_t *l)
{
    json_t *o = jr_object(r, l, "linux", "netDevices");
    const char *key;
    json_t *v;

    s->netdevs = xcalloc(json_object_size(o), sizeof(*s->netdevs));
    json_object_foreach(o, key, v)
    {
        struct spec_netdev *d = &s->netdevs[s->netdev_count++];
        d->host_name = key;
        d->name = jr_string(r, v, "linux.netDevices{}", "name");
        if (!d->name || !*d->name)
            d->name = key;
        /* the kernel's own rule [dev_valid_name] */
        for (int i = 0; i < 2; i++) {
            const char *n = i ? d->name : d->host_name;
            if (!is_component(n) || strlen(n) > 15 || strpbrk(n, ": \t\n"))
                jr_fail(r, "linux.netDevices: \"%s\" is no interface name", n);
        }
    }
    if (s->netdev_count && !spec_has_ns(s, NS_NET))
        jr_fail(r, "linux.netDevices: unable to move network devices without a NET namespace");
}

static void parse_time(struct json_reader *r, struct spec *s, const json_t *l)
{
    const json_t *o = jr_object(r, l, "linux", "timeOffsets");

    if (!o)
        return;
    if (!(s->ns_new & ns_info[NS_TIME].flag))
        jr_fail(r, "linux.timeOffsets needs a new time namespace");
    s->time_offsets = true;
    const json_t *b = jr_object(r, o, "linux.timeOffsets", "boottime");
    const json_t *m = jr_object(r, o, "linux.timeOffsets", "monotonic");
    s->boottime.secs = jr_int(r, b, "linux.timeOffsets.boottime", "secs", 0);
    s->boottime.nanosecs =
        (uint32_t)jr_uint(r, b, "linux.timeOffsets.boottime", "nanosecs", 999999999, 0);
    s->monotonic.secs = jr_int(r, m, "linux.timeOffsets.monotonic", "secs", 0);
    s->monotonic.nanosecs =
        (uint32_t)jr_uint(r, m, "linux.timeOffsets.monotonic", "nanosecs", 999999999, 0);
}

static void parse_personality(struct json_reader *r, struct spec *s, const json_t *l)
{
    const json_t *o = jr_object(r, l, "linux", "personality");
    uint64_t v = 0;

    if (!o)
        return;
    const char *domain = jr_string(r, o, "linux.personality", "domain");
    if (!domain || !name_find(personality_names, domain, &v))
        jr_fail(r, "linux.personality.domain \"%s\" is unknown", domain ? domain : "");
    s->personality = v;
    size_t n;
    auto_free const char **flags = jr_strings(r, o, "linux.personality", "flags", &n);
    for (size_t i = 0; i < n; i++) {
        if (!name_find(personality_flag_names, flags[i], &v))
            jr_fail(r, "linux.personality.flags: \"%s\" is unknown", flags[i]);
        s->personality |= v;
    }
    s->personality_given = true;
}

/* A sysctl is allowed where it belongs to a namespace that the container has of its own: anything
 * else would change the host (S22). */
static void check_sysctl(struct json_reader *r, const struct spec *s, const char *key)
{
    static const char *const ipc[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
        "kernel.auto_msgmni", "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id",
    };
    char name[256];
    enum ns_kind need = NS_KINDS;

    if (strlen(key) >= sizeof(name) || strstr(key, "..") || *key == '/' || *key == '.') {
        jr_fail(r, "linux.sysctl: \"%s\" is no sysctl name", key);
        return;
    }
    strcpy(name, key);
    /* "net/ipv4/conf/eth0.1/x" and "net.ipv4.x" [sysctl(8)] */
    if (strcspn(name, "/") < strcspn(name, "."))
        for (char *p = name; *p; p++)
            if (*p == '/')
                *p = '.';
    for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
        if (!strcmp(name, ipc[i]))
            need = NS_IPC;
    if (!strncmp(name, "fs.mqueue.", 10))
        need = NS_IPC;
    else if (!strncmp(name, "net.", 4))
        need = NS_NET;
    else if (!strncmp(name, "user.", 5))
        need = NS_USER;
    else if (!strcmp(name, "kernel.domainname") || !strcmp(name, "kernel.hostname"))
        need = NS_UTS;
    if (need == NS_KINDS)
        jr_fail(r, "linux.sysctl: %s does not belong to a namespace; it would change the host",
                key);
    else if (!spec_has_ns(s, need))
        jr_fail(r, "linux.sysctl: %s needs a %s namespace", key, ns_info[need].spec_name);
    if (!strcmp(name, "kernel.hostname") && s->hostname)
        jr_fail(r, "linux.sysctl: kernel.hostname beside hostname");
    if (!strcmp(name, "kernel.domainname") && s->domainname)
        jr_fail(r, "linux.sysctl: kernel.domainname beside domainname");
}

static void parse_sysctl(struct json_reader *r, struct spec *s, const json_t *l)
{
    const char *key;
    json_t *v;

    s->sysctl = jr_object(r, l, "linux", "sysctl");
    json_object_foreach(s->sysctl, key, v)
    {
        if (!json_is_string(v))
            jr_fail(r, "linux.sysctl.%s must be a string", key);
        check_sysctl(r, s, key);
    }
}

/* A user namespace without maps: its root is who makes it. */
static void map_self(struct id_maps *m, uint32_t id)
{
    if (m->count)
        return;
    m->map = xcalloc(1, sizeof(*m->map));
    m->map[0] = (struct id_map){.inside = 0, .outside = id, .size = 1};
    m->count = 1;
}

static void check_paths(struct json_reader *r, const char **v, const char *key)
{
    for (size_t i = 0; v && v[i]; i++)
        if (*v[i] != '/')
            jr_fail(r, "linux.%s[%zu] must be an absolute path", key, i);
}

static const char *const resource_names[] = {
    "blockIO", "burst", "checkBeforeUpdate", "classID", "cpu", "cpus", "devices", "disableOOMKiller",
    "hugepageLimits", "idle", "kernel", "kernelTCP", "limit", "memory", "mems", "network",
    "pageSize", "period", "pids", "priorities", "quota", "rdma", "realtimePeriod",
    "realtimeRuntime", "reservation", "shares", "swap", "swappiness", "unified", "useHierarchy",
    "weight", "weightDevice",
};

static const char *folded(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(resource_names); i++)
        if (!strcasecmp(key, resource_names[i]))
            return strcmp(key, resource_names[i]) != 0 ? resource_names[i] : NULL;
    return NULL;
}

void spec_resources_fold(json_t *o)
{
    const char *key;
    json_t *v;
    void *next;
    size_t i;

    json_array_foreach(o, i, v) spec_resources_fold(v);
    json_object_foreach_safe(o, next, key, v)
    {
        const char *right = folded(key);
        if (strcmp(key, "unified") != 0 && strcmp(key, "rdma") != 0)
            spec_resources_fold(v);
        if (right && !json_object_get(o, right)) {
            json_object_set(o, right, v);
            json_object_del(o, key);
        }
    }
}

static void parse_linux(struct json_reader *r, struct spec *s)
{
    static const char *const propagations[] = {
        "shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable",
    };
    const json_t *l = jr_object(r, s->doc, "", "linux");

    parse_namespaces(r, s, l);
    s->uid_maps = parse_maps(r, l, "linux", "uidMappings");
    s->gid_maps = parse_maps(r, l, "linux", "gidMappings");
    if (s->ns_new & ns_info[NS_USER].flag) {
        map_self(&s->uid_maps, geteuid());
        map_self(&s->gid_maps, getegid());
    }
    parse_time(r, s, l);
    parse_devices(r, s, l);
    parse_netdevs(r, s, l);
    s->cgroups_path = jr_string(r, l, "linux", "cgroupsPath");
    s->resources = jr_object(r, l, "linux", "resources");
    spec_resources_fold(s->resources);
    s->rdt = jr_object(r, l, "linux", "intelRdt");
    s->mempolicy = jr_object(r, l, "linux", "memoryPolicy");
    parse_sysctl(r, s, l);
    s->seccomp = jr_object(r, l, "linux", "seccomp");
    s->rootfs_propagation = jr_string(r, l, "linux", "rootfsPropagation");
    if (s->rootfs_propagation && *s->rootfs_propagation) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
            known |= !strcmp(s->rootfs_propagation, propagations[i]);
        if (!known)
            jr_fail(r, "linux.rootfsPropagation \"%s\" is unknown", s->rootfs_propagation);
    } else {
        s->rootfs_propagation = NULL;
    }
    s->masked = jr_strings(r, l, "linux", "maskedPaths", NULL);
    s->readonly = jr_strings(r, l, "linux", "readonlyPaths", NULL);
    check_paths(r, s->masked, "maskedPaths");
    check_paths(r, s->readonly, "readonlyPaths");
    s->mount_label = jr_string(r, l, "linux", "mountLabel");
    parse_personality(r, s, l);
}

static void check_whole(struct json_reader *r, const struct spec *s)
{
    if ((s->uid_maps.count || s->gid_maps.count) && !spec_has_ns(s, NS_USER))
        jr_fail(r, "linux.uidMappings and gidMappings need a user namespace");
    if (s->hostname && *s->hostname && !spec_has_ns(s, NS_UTS))
        jr_fail(r, "hostname needs a uts namespace");
    if (s->domainname && *s->domainname && !spec_has_ns(s, NS_UTS))
        jr_fail(r, "domainname needs a uts namespace");
    if (!spec_has_ns(s, NS_MNT)) {
        if (s->masked && s->masked[0])
            jr_fail(r, "linux.maskedPaths needs a mount namespace");
        if (s->readonly && s->readonly[0])
            jr_fail(r, "linux.readonlyPaths needs a mount namespace");
    }
}

int spec_parse(json_t *doc, struct spec *s, struct error *err)
{
    struct json_reader r = {.err = err};

    *s = (struct spec){.doc = doc};
    parse_version(&r, s);
    const json_t *root = jr_object(&r, doc, "", "root");
    s->root_path = jr_string(&r, root, "root", "path");
    if (!s->root_path || !*s->root_path)
        jr_fail(&r, "root.path is missing");
    s->root_readonly = jr_bool(&r, root, "root", "readonly");
    s->hostname = jr_string(&r, doc, "", "hostname");
    s->domainname = jr_string(&r, doc, "", "domainname");
    parse_mounts(&r, s);
    const json_t *p = jr_object(&r, doc, "", "process");
    if (p) {
        s->process = xcalloc(1, sizeof(*s->process));
        parse_process(&r, p, s->process);
    }
    parse_hooks(&r, s);
    s->annotations = jr_object(&r, doc, "", "annotations");
    const char *key;
    json_t *v;
    json_object_foreach(s->annotations, key, v) if (!json_is_string(v) || !*key)
        jr_fail(&r, "annotations.%s must be a string", key);
    parse_linux(&r, s);
    check_whole(&r, s);
    if (r.rc) {
        spec_fini(s);
        return error_prefix(err, "config.json");
    }
    return 0;
}

static void free_maps(struct id_maps *m)
{
    free(m->map);
}

void spec_fini(struct spec *s)
{
    for (size_t i = 0; i < s->mount_count; i++) {
        free(s->mounts[i].options);
        free_maps(&s->mounts[i].uid_maps);
        free_maps(&s->mounts[i].gid_maps);
    }
    free(s->mounts);
    if (s->process) {
        free(s->process->env);
        free(s->process->args);
        free(s->process->groups);
        free(s->process->rlimits);
        free(s->process);
    }
    for (int k = 0; k < HOOK_KINDS; k++) {
        for (size_t i = 0; i < s->hooks[k].count; i++) {
            free(s->hooks[k].hook[i].args);
            free(s->hooks[k].hook[i].env);
        }
        free(s->hooks[k].hook);
    }
    free_maps(&s->uid_maps);
    free_maps(&s->gid_maps);
    free(s->devices);
    free(s->netdevs);
    free(s->masked);
    free(s->readonly);
    json_decref(s->doc);
    *s = (struct spec){0};
}

const char *spec_annotation(const struct spec *s, const char *key)
{
    return s->annotations ? json_string_value(json_object_get(s->annotations, key)) : NULL;
}
