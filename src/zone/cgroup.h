/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cgroup: a container's control groups, on a v1, hybrid or v2 host. [OCI config-linux#control-groups]
 *
 * A container has one directory in each hierarchy that it takes part in. Where those are is worked
 * out once (cgroup_plan), written to the container's state before any is made, and read back from
 * there by later commands; so a runtime that dies at any point leaves nothing unknown.
 * All functions work on the directories by descriptor.
 */
#ifndef QUAD_ZONE_CGROUP_H
#define QUAD_ZONE_CGROUP_H

#include <sys/types.h>

#include "base/json.h"

enum cgroup_ctrl {
    CG_CPU,
    CG_CPUACCT,
    CG_CPUSET,
    CG_MEMORY,
    CG_IO,
    CG_PIDS,
    CG_DEVICES,
    CG_FREEZER,
    CG_HUGETLB,
    CG_NET_CLS,
    CG_NET_PRIO,
    CG_RDMA,
    CG_MISC,
    CG_PERF,
    CG_COUNT,
};

struct cgroup_ctrl_info {
    const char *v1, *v2; /* NULL where that version has none */
};
extern const struct cgroup_ctrl_info cgroup_ctrl_info[CG_COUNT];

struct cgroup_dir {
    char *mount; /* where the hierarchy is mounted */
    char *path;  /* of the container, below it: "/a/b" */
    bool v2;
    char *names;    /* "cpu,cpuacct", "name=systemd", "" for v2 */
    uint32_t ctrls; /* 1 << enum cgroup_ctrl; v1 only */
    int fd;         /* the directory, O_PATH; -1 until opened */
    bool made;      /* it exists and is ours */
};

enum cgroup_manager { CGROUP_FS, CGROUP_SYSTEMD, CGROUP_NONE };

struct cgroup {
    enum cgroup_manager manager;
    bool rootless; /* what may not be made is left out */
    struct cgroup_dir dir[24];
    unsigned count;
    char *slice, *scope; /* systemd's names */
    pid_t systemd_pid;
};

/* Where a container of this cgroupsPath (NULL = default by id) has its groups; `resources` says
 * which optional hierarchies are needed. Makes nothing. */
[[nodiscard]] int cgroup_plan(struct cgroup *cg, enum cgroup_manager manager, bool rootless,
                              const char *path, const char *id, const json_t *resources,
                              struct error *err);
void cgroup_fini(struct cgroup *cg);

[[nodiscard]] json_t *cgroup_to_json(const struct cgroup *cg);
[[nodiscard]] int cgroup_from_json(struct cgroup *cg, const json_t *o, struct error *err);

/* Are the groups of the plan those of nobody else: without processes, and not frozen? */
[[nodiscard]] int cgroup_check_free(struct cgroup *cg, struct error *err);
/* exec --cgroup: go on to a group below the container's. */
[[nodiscard]] int cgroup_descend(struct cgroup *cg, const char *text, struct error *err);
/* A running container takes part in what new limits need and it has no group in: 1 where something
 * was added, for the state to be saved. */
[[nodiscard]] int cgroup_extend(struct cgroup *cg, const json_t *resources, struct error *err);

/* Make the directories (parents too). */
[[nodiscard]] int cgroup_create(struct cgroup *cg, struct error *err);
/* Move a process; 0 = the caller. On v2 the caller may have cloned into cgroup_clone_fd. */
[[nodiscard]] int cgroup_join(struct cgroup *cg, pid_t pid, bool skip_v2, struct error *err);
/* Move the caller to the group of v2 that `other` is in. */
[[nodiscard]] int cgroup_join_beside(struct cgroup *cg, pid_t other, struct error *err);
/* Descriptor of the v2 directory, or -1. */
int cgroup_v2_fd(struct cgroup *cg);
/* The directory of a hierarchy that has this controller (v2 serves all), or NULL. */
struct cgroup_dir *cgroup_find(struct cgroup *cg, enum cgroup_ctrl ctrl);
/* The directory's descriptor, opened where needed; -errno. */
int cgroup_dir_fd(struct cgroup_dir *d);

/* Write every limit of `resources`; where one fails, those written before get their old values
 * back when `undo`. */
[[nodiscard]] int cgroup_limit(struct cgroup *cg, const json_t *resources, bool undo,
                               struct error *err);
/* Device rules: the specification's list. */
[[nodiscard]] int cgroup_devices(struct cgroup *cg, const json_t *rules, bool defaults,
                                 struct error *err);

[[nodiscard]] int cgroup_freeze(struct cgroup *cg, bool freeze, struct error *err);
bool cgroup_is_frozen(struct cgroup *cg);

/* Every process, sub-groups included: heap array. */
[[nodiscard]] int cgroup_pids(struct cgroup *cg, pid_t **pids, size_t *count, struct error *err);
/* Signal every process. SIGKILL leaves none alive, whatever forks meanwhile. */
[[nodiscard]] int cgroup_signal(struct cgroup *cg, int sig, struct error *err);
/* Remove the directories (and what the container made below). Kills what is left inside. */
[[nodiscard]] int cgroup_destroy(struct cgroup *cg, struct error *err);

/* The statistics object of `events`. */
[[nodiscard]] json_t *cgroup_stats(struct cgroup *cg);

/* cgroup_systemd.c: a transient scope through systemd's bus. */
[[nodiscard]] int systemd_plan(struct cgroup *cg, const char *path, const char *id,
                               struct error *err);
[[nodiscard]] int systemd_start_scope(struct cgroup *cg, pid_t pid, struct error *err);
[[nodiscard]] int systemd_stop_scope(struct cgroup *cg, struct error *err);

#endif
