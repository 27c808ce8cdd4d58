/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_spec: a zone's configuration as an OCI config.json, which src/zone runs like any other.
 */
#ifndef QUAD_ZONE_ZONE_SPEC_H
#define QUAD_ZONE_ZONE_SPEC_H

#include "zone/zone_config.h"

struct zone_place {
    const char *folder;  /* of the zone */
    const char *root;    /* where its tree can be seen: FOLDER/root, or /proc/PID/root */
    const json_t *image; /* image.json */
    bool userns;
    const char *notify;  /* socket that takes seccomp listeners; NULL: none needed */
    dev_t disk;          /* where its writes go, for limits on disk traffic; 0: not known */
};

/* The document; NULL with *err filled. */
json_t *zone_spec(const struct zone_config *c, const struct zone_place *p, struct error *err);
/* linux.resources for these limits; `all`: also those that are not set (as "no limit"). */
json_t *zone_resources(const struct zone_limits *l, dev_t disk, bool all);
/* The process object of a further program (exec), with the zone's environment and rights. `user`
 * NULL: the zone's. */
json_t *zone_process(const struct zone_config *c, const struct zone_place *p, const char *const *args,
                     const char *user, bool tty, struct error *err);

/* The signal that asks the zone to end. */
int zone_stop_signal(const struct zone_config *c, const struct zone_place *p);

#endif
