/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec: config.json of a bundle as a typed record. [OCI config] [OCI config-linux]
 *
 * spec_load() reads and checks; what it accepts, the rest of zone/ may rely on. Strings live in the
 * document, which spec owns. Resources, seccomp and annotations stay JSON: they have tables of
 * their own (cgroup_res.c, seccomp.c).
 */
#ifndef QUAD_ZONE_SPEC_H
#define QUAD_ZONE_SPEC_H

#include <sys/resource.h>

#include "base/json.h"

struct id_map {
    uint32_t inside, outside, size;
};

struct id_maps {
    struct id_map *map;
    size_t count;
};

struct spec_mount {
    const char *destination, *type, *source;
    const char **options; /* NULL-terminated or NULL */
    struct id_maps uid_maps, gid_maps;
};

struct spec_rlimit {
    int resource;
    const char *name;
    struct rlimit limit;
};

/* Capability sets as bit masks; `given` false = the section is absent. */
struct spec_caps {
    bool given;
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_sched {
    bool given;
    uint32_t policy;
    int32_t nice, priority;
    uint64_t flags, runtime, deadline, period;
};

struct spec_process {
    bool terminal;
    unsigned short rows, cols; /* 0 = not given */
    uint32_t uid, gid;
    bool umask_given;
    uint32_t umask;
    uint32_t *groups;
    size_t group_count;
    const char *cwd;
    const char **env;
    size_t env_count;
    const char **args;
    struct spec_rlimit *rlimits;
    size_t rlimit_count;
    struct spec_caps caps;
    bool no_new_privileges;
    bool oom_given;
    int oom_score_adj;
    const char *apparmor, *selinux;
    bool io_given;
    int io_class, io_priority;
    struct spec_sched sched;
    const char *affinity_initial, *affinity_final; /* "0-3,7" */
};

struct spec_hook {
    const char *path;
    const char **args, **env;
    int timeout; /* seconds, 0 = none */
};

enum hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_KINDS,
};

struct spec_hooks {
    struct spec_hook *hook;
    size_t count;
};

/* Index into ns_path and the order in which namespaces are joined. */
enum ns_kind {
    NS_USER,
    NS_IPC,
    NS_UTS,
    NS_NET,
    NS_PID,
    NS_MNT,
    NS_CGROUP,
    NS_TIME,
    NS_KINDS,
};

struct ns_info {
    const char *spec_name; /* "network" */
    const char *proc_name; /* "net" */
    uint64_t flag;         /* CLONE_NEWNET */
};
extern const struct ns_info ns_info[NS_KINDS];

struct spec_device {
    const char *path;
    char type; /* c b p */
    uint32_t major, minor;
    uint32_t mode; /* permission bits */
    uint32_t uid, gid;
};

struct spec_netdev {
    const char *host_name, *name;
};

struct spec {
    json_t *doc;
    const char *version;
    const char *root_path;
    bool root_readonly;
    const char *hostname, *domainname;
    struct spec_mount *mounts;
    size_t mount_count;
    struct spec_process *process; /* NULL where absent */
    struct spec_hooks hooks[HOOK_KINDS];
    json_t *annotations;

    uint64_t ns_new;               /* CLONE_NEW* to make */
    const char *ns_path[NS_KINDS]; /* to join */
    struct id_maps uid_maps, gid_maps;
    bool time_offsets;
    struct {
        int64_t secs;
        uint32_t nanosecs;
    } boottime, monotonic;
    struct spec_device *devices;
    size_t device_count;
    struct spec_netdev *netdevs;
    size_t netdev_count;
    const char *cgroups_path;
    json_t *resources;
    json_t *rdt;
    json_t *mempolicy;
    json_t *sysctl;
    json_t *seccomp;
    const char *rootfs_propagation;
    const char **masked, **readonly;
    const char *mount_label;
    bool personality_given;
    unsigned long personality;
};

/* Take over `doc` (also on failure). */
[[nodiscard]] int spec_parse(json_t *doc, struct spec *s, struct error *err);
void spec_fini(struct spec *s);

/* Names of resources in other capitals ("CPU", "pagesize") become the specification's: runc takes
 * them so. */
void spec_resources_fold(json_t *resources);

/* A process object by itself (exec --process). */
[[nodiscard]] int spec_parse_process(const json_t *o, struct spec_process *p, struct error *err);

/* Is there a namespace of this kind of its own (made or joined)? */
static inline bool spec_has_ns(const struct spec *s, enum ns_kind k)
{
    return (s->ns_new & ns_info[k].flag) || s->ns_path[k];
}

/* "key" of the annotations, or NULL. */
const char *spec_annotation(const struct spec *s, const char *key);

#endif
