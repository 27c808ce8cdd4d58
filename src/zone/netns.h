/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns: what the runtime does in a container's network namespace: loopback up, and interfaces
 * moved in with their addresses. [OCI config-linux#network-devices]
 */
#ifndef QUAD_ZONE_NETNS_H
#define QUAD_ZONE_NETNS_H

#include "zone/spec.h"

/* In the caller's own network namespace. */
[[nodiscard]] int net_loopback_up(struct error *err);
/* From the caller's network namespace into the one of `netns` (a descriptor of it). */
[[nodiscard]] int net_move_devices(const struct spec *s, int netns, struct error *err);

#endif
