/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of a zone share: zone.c (its life), zone_folder.c (its configuration on disk),
 * zone_job.c (children that work for it), zone_inside.c (programs and files in it) and zone_guest.c
 * (the zone as any other guest).
 */
#ifndef QUAD_ZONE_ZONE_PART_H
#define QUAD_ZONE_ZONE_PART_H

#include "zone/container.h"
#include "zone/zone.h"
#include "zone/zone_spec.h"

extern const struct guest_ops zone_guest_ops;

struct runtime_opts zone_runtime(const struct zone *z);
struct zone_place zone_place_of(const struct zone *z, const char *root);
/* Where a running zone's tree can be seen. */
char *zone_live_root(const struct zone *z);
/* 0, or -ESRCH and words for it. */
[[nodiscard]] int zone_runs(const struct zone *z, struct error *err);

/* What a job does, in its own process: 0 and the exit status in *status, or an error. */
typedef int zone_work(struct zone *z, const void *arg, int *status, struct error *err);
/* Start a job; zone_job_end takes what became of it. */
[[nodiscard]] int zone_job_start(struct zone *z, zone_work *work, const void *arg,
                                 struct zone_job *job, struct error *err);

/* For a job: these become its standard streams; or nothing to read and the log in the zone's folder
 * to write. */
[[nodiscard]] int zone_use_streams(const int fds[3], struct error *err);
[[nodiscard]] int zone_use_log(const struct zone *z, struct error *err);

#endif
