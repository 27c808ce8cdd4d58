/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_blk: a disk over PCI; its contents are a `struct blk`.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_BLK_H
#define QUAD_DEV_VIRTIO_VIRTIO_BLK_H

#include "core/dev.h"

struct blk;

extern const struct dev_type virtio_blk_type;

struct virtio_blk_config {
    struct blk *blk;    /* borrowed; outlives the device */
    const char *serial; /* up to 20 bytes; NULL: none */
    unsigned queues;    /* 1..16 */
};

void virtio_blk_configure(struct dev *dev, const struct virtio_blk_config *config);
/* The back end's size changed. Any thread. */
void virtio_blk_resized(struct dev *dev);

#endif
