/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * e1000_82540em: Intel's gigabit Ethernet controller, for systems that know no virtio.
 */
#ifndef QUAD_DEV_E1000_82540EM_H
#define QUAD_DEV_E1000_82540EM_H

#include "core/dev.h"

struct net;

extern const struct dev_type e1000_82540em_type;

/* Before the guest runs; net is borrowed, NULL: no cable. */
void e1000_82540em_configure(struct dev *dev, struct net *net, const uint8_t mac[6]);

#endif
