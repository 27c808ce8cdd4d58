/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state: what the runtime remembers of a container, one directory each below its root directory:
 *
 *   ROOT/ID/state.json    pid, cgroups, ... (rewritten atomically)
 *   ROOT/ID/config.json   the configuration as it was at create
 *   ROOT/ID/start         socket on which the created container waits; gone once started
 *
 * The directory exists before anything else of the container does, and goes last.
 */
#ifndef QUAD_ZONE_STATE_H
#define QUAD_ZONE_STATE_H

#include "zone/cgroup.h"
#include "zone/spec.h"

enum container_status { ST_CREATING, ST_CREATED, ST_RUNNING, ST_PAUSED, ST_STOPPED };
extern const char *const status_names[];

struct container {
    char *id;
    int dir; /* the state directory, O_PATH */
    pid_t pid;
    uint64_t start_time; /* of the process, in clock ticks: guards against a reused pid */
    char *bundle, *rootfs, *created, *owner;
    bool no_pivot, rootless;
    bool own_pids; /* it has a pid namespace of its own, which ends with its first process */
    json_t *annotations;
    struct cgroup cg;
};

/* Letters, digits, '_', '+', '-', '.', the last not in front: S21. */
[[nodiscard]] int id_check(const char *id, struct error *err);

/* Not root, or root of a user namespace only. */
bool is_unprivileged(void);

/* The runtime's root directory; a descriptor, or -ENOENT where it is missing and not to be made. */
[[nodiscard]] int state_root(const char *path, bool make, struct error *err);
/* The default for this user. Heap. */
char *state_root_default(void);

/* Make the directory of a new container; EEXIST where the id is in use. */
[[nodiscard]] int state_create(int root, const char *id, struct error *err);
/* `first`: there is none yet. */
[[nodiscard]] int state_save(const struct container *c, bool first, struct error *err);
/* Read a container; `c` is to be finished also after a failure. A directory without a state file
 * (its maker died) gives ENODATA, and c->dir open. */
[[nodiscard]] int state_load(int root, const char *id, struct container *c, struct error *err);
void container_fini(struct container *c);
/* Remove the directory. */
[[nodiscard]] int state_remove(int root, const char *id, struct error *err);

enum container_status container_status(struct container *c);
/* A pidfd of the container's process, checked to be the one; -ESRCH where it is gone. */
int container_pidfd(const struct container *c);
/* Start time of a process, and its state letter; false where it is gone. */
bool process_stat(pid_t pid, uint64_t *start_time, char *state);

/* The state object of the specification, as hooks and `state` get it. Heap text. */
char *state_text(struct container *c, enum container_status status, bool full);
/* The saved configuration. */
[[nodiscard]] int state_spec(const struct container *c, struct spec *s, struct error *err);
/* RFC 3339 time of now. Heap. */
char *time_text(void);

#endif
