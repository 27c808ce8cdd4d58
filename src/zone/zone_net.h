/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_net: zones' network: a bridge on this host, a pair of interfaces for each zone, addresses that
 * stay a zone's own, translation to the outside, and published ports.
 *
 *     outside -- host ---- quad0 10.90.0.1/16 ---- qzABCD | eth0 10.90.x.y -- zone
 *                  \_ nftables table "quad": masquerade, published ports
 *
 * A published port leads to the zone from outside and from this host itself. QUAD_ZONE_NET=A.B sets
 * another network A.B.0.0/16. Everything is made when the first zone needs it and stays.
 */
#ifndef QUAD_ZONE_ZONE_NET_H
#define QUAD_ZONE_ZONE_NET_H

#include <sys/types.h>

#include "zone/zone_config.h"

#define ZONE_BRIDGE "quad0"

/* The zone's address, host order; chosen at the first call and kept in its folder. */
[[nodiscard]] int zone_net_address(const char *folder, uint32_t *address, struct error *err);
/* "10.90.0.2" */
void zone_net_text(uint32_t address, char text[16]);
/* resolv.conf and hosts in the zone's folder. */
[[nodiscard]] int zone_net_files(const struct zone_config *c, const char *folder, uint32_t address,
                                 struct error *err);
/* Give the network namespace of `pid` its interface. */
[[nodiscard]] int zone_net_attach(const struct zone_config *c, uint32_t address, pid_t pid,
                                  struct error *err);
/* Published ports on or off; and the interface's rate. */
[[nodiscard]] int zone_net_publish(const struct zone_config *c, uint32_t address, bool on,
                                   struct error *err);
/* Bytes a second each way; 0: no limit. The running zone's. */
[[nodiscard]] int zone_net_rate(uint32_t address, pid_t pid, uint64_t rate, struct error *err);

#endif
