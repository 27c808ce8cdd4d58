/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * container: the life of an OCI container, as the runtime's commands see it. [OCI runtime]
 */
#ifndef QUAD_ZONE_CONTAINER_H
#define QUAD_ZONE_CONTAINER_H

#include "zone/state.h"

struct runtime_opts {
    const char *root; /* state directory, or NULL for the default */
    enum cgroup_manager manager;
    int rootless; /* -1 = find out */
    char **argv;  /* of this program, to run it again from a sealed copy */
};

struct create_opts {
    const char *id, *bundle, *config;
    const char *pid_file, *console_socket, *pidfd_socket;
    int console_fd; /* > 0: a connected socket that the terminal goes to, instead of its path */
    int preserve_fds;
    bool no_pivot, no_new_keyring;
    bool detach, keep; /* run */
};

struct exec_opts {
    const char *id;
    const char *process_file; /* JSON, or NULL: args and the fields below */
    json_t *process;          /* the same, read already; or NULL */
    const char **args;
    bool tty, detach, no_new_privs, ignore_paused;
    const char *cwd, *user, *apparmor, *selinux;
    const char **env, **caps, **groups, **cgroups;
    size_t env_count, cap_count, group_count, cgroup_count;
    const char *pid_file, *console_socket, *pidfd_socket, *wait_fifo;
    int console_fd; /* as in create_opts */
    int preserve_fds;
};

/* Each returns 0, or -errno with *err filled. */
[[nodiscard]] int container_create(const struct runtime_opts *rt, const struct create_opts *o,
                                   struct error *err);
/* create + start; without detach waits, and gives the program's exit status in *status. */
[[nodiscard]] int container_run(const struct runtime_opts *rt, const struct create_opts *o,
                                int *status, struct error *err);
[[nodiscard]] int container_start(const struct runtime_opts *rt, const char *id,
                                  struct error *err);
[[nodiscard]] int container_kill(const struct runtime_opts *rt, const char *id, int sig, bool all,
                                 struct error *err);
[[nodiscard]] int container_delete(const struct runtime_opts *rt, const char *id, bool force,
                                   struct error *err);
[[nodiscard]] int container_pause(const struct runtime_opts *rt, const char *id, bool freeze,
                                  struct error *err);
[[nodiscard]] int container_exec(const struct runtime_opts *rt, const struct exec_opts *o,
                                 int *status, struct error *err);
/* `resources` is an object of the specification's form. */
[[nodiscard]] int container_update(const struct runtime_opts *rt, const char *id,
                                   json_t *resources, struct error *err);
/* Open a container for a command that looks at it; c is to be finished in every case. */
[[nodiscard]] int container_open(const struct runtime_opts *rt, const char *id,
                                 struct container *c, struct error *err);
/* The descriptor of the state root; -ENOENT where it is missing and not to be made. */
[[nodiscard]] int runtime_root(const struct runtime_opts *rt, bool make, struct error *err);
bool runtime_is_rootless(const struct runtime_opts *rt);

#endif
