/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_root: a zone's file tree: the image's at the bottom, never written; layers that snapshots and
 * clones share; and on top what the zone itself changed.
 *
 *     images/IMAGE/rootfs/       the image (import.h)
 *     layers/ID/                 a frozen layer; goes with the last zone or snapshot that names it
 *     guests/ZONE/layers         the ids that this zone stands on, bottom first, one a line
 *     guests/ZONE/upper, work    what it changed since, and overlayfs' own
 *     guests/ZONE/root           where the mount is, in the mount namespace of the worker that made it
 *     guests/ZONE/snapshots/S    as `layers`, of the snapshot S
 *
 * A zone with a user namespace has its image mounted through a map of ids; what it changes carries
 * the host's ids, which are the same for all zones, so layers fit any of them.
 */
#ifndef QUAD_ZONE_ZONE_ROOT_H
#define QUAD_ZONE_ZONE_ROOT_H

#include "base/base.h"

#define ZONE_LAYERS_MAX 64

/* Where zones' user ids begin on the host, and how many there are. */
#define ZONE_ID_BASE 1000000000u
#define ZONE_ID_COUNT 65536u

/* Make the folders of a new zone at `folder`. */
[[nodiscard]] int zone_root_make(const char *folder, bool userns, struct error *err);
struct image_root;
/* In a mount namespace of the caller's own: the tree at FOLDER/root. */
[[nodiscard]] int zone_root_mount(const char *folder, const struct image_root *image, bool userns,
                                  struct error *err);

/* Snapshot `name` of the zone at `folder`. Stopped: what changed becomes a layer at once. Running
 * (the caller froze it): it is copied, by reflink where the file system can. */
[[nodiscard]] int zone_root_snapshot(const char *folder, const char *name, bool running,
                                     struct error *err);
/* Back to a snapshot: what changed since is gone. The zone is stopped. */
[[nodiscard]] int zone_root_revert(const char *folder, const char *name, struct error *err);
[[nodiscard]] int zone_root_forget(const char *folder, const char *name, struct error *err);
/* The folder `to`, made already, begins as the snapshot `name` of `from`. */
[[nodiscard]] int zone_root_clone(const char *from, const char *name, const char *to,
                                  struct error *err);
/* Remove layers that no zone and no snapshot names. */
void zone_root_collect(void);

#endif
