/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_rng: random numbers over PCI. Nothing to configure.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_RNG_H
#define QUAD_DEV_VIRTIO_VIRTIO_RNG_H

#include "core/dev.h"

extern const struct dev_type virtio_rng_type;

#endif
