/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry: all that Quadrivium can do, as plain lists. The .def files hold one line per entry;
 * each list ends with NULL. (Commands have their list too, commands.def, which cli/ expands.)
 */
#ifndef QUAD_REGISTRY_REGISTRY_H
#define QUAD_REGISTRY_REGISTRY_H

#include "base/base.h"

struct arch;
struct board_type;
struct dev_type;
struct disk_format;
struct engine_type;
struct way;

extern const struct way *const registry_ways[];
extern const struct engine_type *const registry_engines[];
extern const struct arch *const registry_arches[];
extern const struct board_type *const registry_boards[];
extern const struct dev_type *const registry_devices[];
extern const struct disk_format *const registry_disks[];

/* By name; failure names the nearest one and lists all. */
int registry_find_way(const char *name, const struct way **out, struct error *err);
int registry_find_engine(const char *name, const struct engine_type **out, struct error *err);
int registry_find_board(const char *name, const struct board_type **out, struct error *err);

#endif
