/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone: a guest that shares this host's kernel and lives on: a root of its own made of an image and
 * what the zone changed, an init or a program, an address, limits that can be changed while it runs.
 *
 * Its stages are those of Solaris zones:
 *
 *     configured  its folder and configuration are there
 *     installed   its root is
 *     ready       processes' world is made: namespaces, groups, mounts, network; nothing runs yet
 *     running     its program runs
 *     down        it is being taken apart
 *
 * One process hosts any number of zones (guest/zones.c) and leaves no process waiting for one: what
 * takes time or must not touch the host process is done by a job, a child that ends with its work;
 * the zone's first process then becomes a child of the host process (PR_SET_CHILD_SUBREAPER).
 * All functions are for the loop's thread.
 */
#ifndef QUAD_ZONE_ZONE_H
#define QUAD_ZONE_ZONE_H

#include <sys/types.h>

#include "core/guest.h"
#include "image/import.h"
#include "zone/zone_config.h"

enum zone_stage { ZONE_CONFIGURED, ZONE_INSTALLED, ZONE_READY, ZONE_RUNNING, ZONE_DOWN };
extern const char *const zone_stage_names[];

struct zone {
    struct guest guest;
    struct zone_config config;
    char *folder;  /* its own, in the store */
    char *run_dir; /* containers' state, of all zones of this user */
    struct image_root image;
    enum zone_stage stage;
    bool userns;
    uint32_t address; /* host order; 0: no network of its own */
    pid_t pid;
    int pidfd;  /* of its first process; readable when it has ended; -1: does not run */
    int master; /* of its console, -1: none */
    int status; /* exit status at its last end; 128 + signal */
    char *notify; /* socket for seccomp listeners; NULL */
    uint64_t booted_ns;
    bool again; /* boot it again when it has ended */
};

/* ---- configuration: folders in the store */

/* A new zone of this configuration (its "name" says where): configured, then installed. */
[[nodiscard]] int zone_install(json_t *config, struct error *err);
/* Change a stopped zone's configuration, or a running zone's on disk. */
[[nodiscard]] int zone_save(const char *folder, const json_t *config, struct error *err);
/* Its configuration, or NULL with *err filled; -ENOENT: it is no zone. */
json_t *zone_load(const char *name, struct error *err);
bool zone_is(const char *name);
/* Remove a stopped zone's folder. */
[[nodiscard]] int zone_uninstall(const char *name, struct error *err);
/* A new zone TO that begins as snapshot SNAP of FROM. */
[[nodiscard]] int zone_clone(const char *from, const char *snap, const char *to, struct error *err);

/* ---- life */

/* Not running yet; or taken over where it runs already. */
[[nodiscard]] int zone_open(struct zone **out, const char *name, const char *run_dir,
                            struct error *err);
void zone_close(struct zone *z); /* does not stop it */

/* Boot. `fds`: its standard streams, borrowed; NULL: a log in its folder. With a terminal they are not
 * used and z->master is its other side. Returns when its program runs. */
[[nodiscard]] int zone_boot(struct zone *z, const int fds[3], struct error *err);
/* z->pidfd is readable: take its status and what it held. False: it still runs. */
bool zone_reap(struct zone *z);
[[nodiscard]] int zone_stop(struct zone *z, bool force, struct error *err);
[[nodiscard]] int zone_pause(struct zone *z, bool freeze, struct error *err);
/* Change limits, all or none: an object of names and values ("memory": "64M"). Kept for later boots. */
[[nodiscard]] int zone_set(struct zone *z, const json_t *changes, struct error *err);
[[nodiscard]] int zone_snapshot(struct zone *z, const char *name, struct error *err);
/* What it uses: heap JSON. */
json_t *zone_stats(struct zone *z);

/* ---- jobs */

struct zone_job {
    pid_t pid;
    int pidfd;  /* readable when it has ended */
    int err_fd; /* its error, if it has one */
};
/* A program in the zone: args, user (NULL: the zone's). With `tty` fds[0] is a socket that the
 * terminal's other side is sent to; else its standard streams. */
[[nodiscard]] int zone_exec(struct zone *z, const char *const *args, const char *user, bool tty,
                            const int fds[3], struct zone_job *job, struct error *err);
/* A file or folder of the zone as a tar stream into fd; or a tar stream from fd into the zone's
 * folder `path`. */
[[nodiscard]] int zone_copy_out(struct zone *z, const char *path, int fd, struct zone_job *job,
                                struct error *err);
[[nodiscard]] int zone_copy_in(struct zone *z, const char *path, int fd, struct zone_job *job,
                               struct error *err);
/* The job has ended: its exit status, or its error. */
[[nodiscard]] int zone_job_end(struct zone_job *job, int *status, struct error *err);

/* May this process host zones with a user namespace, a bridge, ...? Checked at install. */
[[nodiscard]] int zone_can(struct error *err);

#endif
