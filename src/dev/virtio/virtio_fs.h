/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_fs: a folder of the host over PCI; FUSE messages go to a `struct share`.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_FS_H
#define QUAD_DEV_VIRTIO_VIRTIO_FS_H

#include "core/dev.h"

struct share;

extern const struct dev_type virtio_fs_type;

/* share: borrowed; it ends before the device does. */
void virtio_fs_configure(struct dev *dev, struct share *share);

#endif
