/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_mem: memory that a running guest is given in blocks, and gives back.
 *
 * The board keeps a range of addresses free for it; whoever asks for memory sees to it that the part
 * of the range that may be used is there (memory slots) before it asks.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_MEM_H
#define QUAD_DEV_VIRTIO_VIRTIO_MEM_H

#include "core/dev.h"

extern const struct dev_type virtio_mem_type;

struct virtio_mem_state {
    bool driver;      /* somebody in the guest serves it */
    uint64_t block;   /* bytes; what is asked for is a multiple */
    uint64_t plugged; /* bytes that the guest has taken */
};

/* Before the guest runs. Both multiples of 128 MiB. */
void virtio_mem_configure(struct dev *dev, uint64_t gpa, uint64_t size);
/* Any thread. usable: the guest may take blocks below that offset; it never shrinks while it runs. */
void virtio_mem_ask(struct dev *dev, uint64_t bytes, uint64_t usable);
void virtio_mem_look(struct dev *dev, struct virtio_mem_state *state);

#endif
