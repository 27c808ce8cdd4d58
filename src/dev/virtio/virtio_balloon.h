/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_balloon: memory that the guest gives back, when it is asked to and by itself.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_BALLOON_H
#define QUAD_DEV_VIRTIO_VIRTIO_BALLOON_H

#include "core/dev.h"

extern const struct dev_type virtio_balloon_type;

enum { /* [VIRTIO 5.5.6.3] */
    BALLOON_SWAP_IN,
    BALLOON_SWAP_OUT,
    BALLOON_MAJOR_FAULTS,
    BALLOON_MINOR_FAULTS,
    BALLOON_FREE,
    BALLOON_TOTAL,
    BALLOON_AVAILABLE,
    BALLOON_CACHES,
    BALLOON_HUGE_ALLOCATED,
    BALLOON_HUGE_FAILED,
    BALLOON_STATS,
};

struct balloon_state {
    bool driver;     /* somebody in the guest serves it */
    uint64_t wanted; /* bytes that the guest is asked to give */
    uint64_t given;  /* bytes that it says it has given */
    uint64_t reported; /* bytes of free memory that it told of, all in all; used again since, maybe */
    uint64_t stats[BALLOON_STATS]; /* bytes or counts; ~0: not known */
};

/* Any thread. */
void virtio_balloon_ask(struct dev *dev, uint64_t bytes);
void virtio_balloon_look(struct dev *dev, struct balloon_state *state);
/* Ask the guest for new statistics; they come soon. */
void virtio_balloon_poll(struct dev *dev);

#endif
