/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_net: a network card over PCI; its frames go to a `struct net`.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_NET_H
#define QUAD_DEV_VIRTIO_VIRTIO_NET_H

#include "core/dev.h"

struct net;

extern const struct dev_type virtio_net_type;

struct virtio_net_config {
    struct net *net; /* borrowed; outlives the device */
    uint8_t mac[6];
    unsigned pairs; /* of queues: 1..8 */
};

void virtio_net_configure(struct dev *dev, const struct virtio_net_config *config);
/* Tell the network where the card's addresses are now; nothing while no driver drives it. Any thread. */
void virtio_net_announce(struct dev *dev);
void virtio_net_link(struct dev *dev, bool up); /* any thread */

#endif
