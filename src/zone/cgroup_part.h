/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cgroup_part: what the files of cgroup.h share among themselves.
 */
#ifndef QUAD_ZONE_CGROUP_PART_H
#define QUAD_ZONE_CGROUP_PART_H

#include "zone/cgroup.h"

#define BIT(c) (1u << (c))

/* "/a/b" without "." and "..", which never leave the hierarchy. Heap. */
char *cgroup_clean_path(const char *path);
/* Add the v1 hierarchies that `resources` needs and the plan lacks: from *first on. */
[[nodiscard]] int cgroup_plan_more(struct cgroup *cg, const json_t *resources, unsigned *first,
                                   struct error *err);

void cgroup_pause_ms(long ms);
/* Wait until `key` of cgroup.events has this value; the kernel wakes pollers of the file. */
bool cgroup_v2_wait(int fd, const char *key, char value, int timeout_ms);
void cgroup_each_child(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg);

#endif
