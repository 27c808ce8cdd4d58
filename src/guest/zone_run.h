/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_run: from a guest's description to a zone that runs; and the person's side of commands inside.
 */
#ifndef QUAD_GUEST_ZONE_RUN_H
#define QUAD_GUEST_ZONE_RUN_H

#include "config/guest_config.h"
#include "proto/client.h"

/* Is this description to be run as a zone? (--mode zone, or auto and nothing else can run it.) */
bool zone_run_wanted(const struct guest_config *c);
/* Install the zone, or give the one of that name this description. */
[[nodiscard]] int zone_run_prepare(const struct guest_config *c, struct error *err);
/* Here until its end, or in the background. */
[[nodiscard]] int zone_run(const struct guest_config *c, int *status, struct error *err);

/* A program in a running zone, on this process' streams (`tty`: through a terminal of its own). */
[[nodiscard]] int zone_run_exec(struct client *c, const char *const *args, const char *user, bool tty,
                                int *status, struct error *err);
/* Copy a file or folder of this host into a folder of the zone, or the other way round. */
[[nodiscard]] int zone_run_copy_in(struct client *c, const char *from, const char *to,
                                   struct error *err);
[[nodiscard]] int zone_run_copy_out(struct client *c, const char *from, const char *to,
                                    struct error *err);

#endif
