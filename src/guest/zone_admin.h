/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_admin: snapshots, clones and start of zones, whether they run (then through their control
 * socket) or not.
 */
#ifndef QUAD_GUEST_ZONE_ADMIN_H
#define QUAD_GUEST_ZONE_ADMIN_H

#include <jansson.h>
#include <stdio.h>

#include "base/base.h"

[[nodiscard]] int zone_admin_snapshot(const char *zone, const char *name, struct error *err);
[[nodiscard]] int zone_admin_revert(const char *zone, const char *name, struct error *err);
[[nodiscard]] int zone_admin_forget(const char *zone, const char *name, struct error *err);
json_t *zone_admin_snapshots(const char *zone, struct error *err); /* array of names */
/* All zones, with their stage, image, brand, address and order of start. */
json_t *zone_admin_list(void);
/* From a snapshot, or (NULL) from what the zone is now. */
[[nodiscard]] int zone_admin_clone(const char *from, const char *snap, const char *to,
                                   struct error *err);
/* Boot in the background as it was last configured; *is_zone false: nothing done, it is none. */
[[nodiscard]] int zone_admin_start(const char *zone, bool *is_zone, struct error *err);
/* Start those that say so, lowest number first. */
[[nodiscard]] int zone_admin_autostart(struct error *err);
/* Does it stand on layers, or keep snapshots? And: remove layers that no zone needs any more. */
bool zone_admin_is_layered(const char *zone);
void zone_admin_collect(void);
void zone_admin_print_brands(FILE *out);

#endif
