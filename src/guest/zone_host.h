/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_host: the process that hosts zones: one zone in the foreground, or all zones of a user in the
 * background. Each zone has a control socket under its own name (control.h), so every command that
 * knows guests knows zones; the background process has one more, for starting zones in it
 * (proto/place.h, name ZONE_HOST). No process waits for a zone: they are children of the host process,
 * seen through pidfds. A host process that dies leaves its zones running; the next one takes them over.
 */
#ifndef QUAD_GUEST_ZONE_HOST_H
#define QUAD_GUEST_ZONE_HOST_H

#include <jansson.h>

#include "base/base.h"

struct zone;
struct control_call;

#define ZONE_HOST ".zones"

/* Run one zone here to its end: its exit status in *status. A terminal of the zone is this one's. */
[[nodiscard]] int zone_host_run(const char *name, int *status, struct error *err);

/* Boot a zone in the background process, which is started where there is none. */
[[nodiscard]] int zone_host_boot(const char *name, struct error *err);

/* Wait for a job of a control command, then answer it: `done` gives the answer's members. */
struct zone_job;
void zone_host_job(struct control_call *call, const struct zone_job *job);

/* The folder of containers' states of this user, to be freed. */
char *zone_run_dir(void);

#endif
