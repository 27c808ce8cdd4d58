/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rootfs_part: what rootfs.c and rootfs_dev.c share.
 */
#ifndef QUAD_ZONE_ROOTFS_PART_H
#define QUAD_ZONE_ROOTFS_PART_H

#include "zone/mount.h"
#include "zone/rootfs.h"

/* Nodes and links in /dev: those of the specification and those of the configuration. */
[[nodiscard]] int rootfs_devices(struct rootfs *r, struct error *err);
/* mount(2) with MS_REMOUNT | MS_BIND on an attached mount. */
[[nodiscard]] int mount_remount_old(int fd, const struct mount_opts *o, struct error *err);
/* The host's /dev/null, checked to be one; r->null_fd. */
[[nodiscard]] int rootfs_null(struct rootfs *r, struct error *err);

#endif
