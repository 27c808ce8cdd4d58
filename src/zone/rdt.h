/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rdt: cache and memory bandwidth allocation through resctrl. [OCI config-linux#intelrdt]
 */
#ifndef QUAD_ZONE_RDT_H
#define QUAD_ZONE_RDT_H

#include <sys/types.h>

#include "zone/spec.h"

[[nodiscard]] int rdt_join(const struct spec *s, const char *id, pid_t pid, struct error *err);
/* Remove the group that rdt_join made; one that was given by name stays. */
void rdt_remove(const struct spec *s, const char *id);

#endif
