/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rootfs: a container's file tree, made inside its own mount namespace.
 *
 *   rootfs_sources    (runtime)    clones what the container's user could not reach by path
 *   rootfs_prepare    (container)  root, mounts, devices; then the runtime's hooks run
 *   rootfs_protect    (container)  sysctl, masked and read-only paths
 *   rootfs_enter      (container)  pivot_root; afterwards "/" is the container's
 *   rootfs_finish     (container)  propagation, read-only root
 *
 * Nothing below the root is ever reached by a path of the host: see root.h.
 */
#ifndef QUAD_ZONE_ROOTFS_H
#define QUAD_ZONE_ROOTFS_H

#include "zone/cgroup.h"
#include "zone/spec.h"

struct rootfs {
    const struct spec *spec;
    struct cgroup *cg;
    const char *path;  /* absolute host path of the root */
    bool userns;       /* in a user namespace of its own */
    bool privileged;   /* the runtime has CAP_SYS_ADMIN where it runs */
    bool no_pivot;
    bool old_api;      /* mount(2) only */
    int root;          /* O_PATH of the root's mount */
    int root_clone;    /* detached clone of it, or -1 */
    int *source;       /* per mount: detached clone, or -1 */
    int *idmap;        /* per mount: user namespace of its id map, or -1 */
    int proc, sys;     /* procfs and sysfs that we mounted, or -1 */
    int dev;           /* the tmpfs at /dev that we mounted, or -1 */
    int *late_ro;      /* mounts that become read-only at the end */
    size_t late_ro_count;
    int null_fd;       /* the host's /dev/null, checked */
    int empty_dir;     /* an empty read-only tmpfs that is attached somewhere, or -1 */
};

void rootfs_init(struct rootfs *r, const struct spec *s, struct cgroup *cg, const char *path);
[[nodiscard]] int rootfs_sources(struct rootfs *r, struct error *err);
[[nodiscard]] int rootfs_prepare(struct rootfs *r, struct error *err);
[[nodiscard]] int rootfs_protect(struct rootfs *r, struct error *err);
[[nodiscard]] int rootfs_enter(struct rootfs *r, struct error *err);
[[nodiscard]] int rootfs_finish(struct rootfs *r, struct error *err);

/* A user namespace with these maps, held by its descriptor. */
[[nodiscard]] int userns_open(const struct id_maps *uids, const struct id_maps *gids,
                              struct error *err);
/* Become the root of the user namespace that we are in, or where it has none the first id of its maps
 * (of its files where they are not given). */
void userns_become_owner(const struct id_maps *uids, const struct id_maps *gids);
/* Write the maps of process `pid`; uses newuidmap and newgidmap where the kernel refuses us. */
[[nodiscard]] int userns_write_maps(pid_t pid, const struct id_maps *uids,
                                    const struct id_maps *gids, bool privileged,
                                    struct error *err);

/* copyup.c: copy the tree below `from` into `to`, both directories, owners and modes kept. */
[[nodiscard]] int copy_tree(int from, int to, struct error *err);

#endif
