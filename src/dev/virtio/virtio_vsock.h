/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_vsock: sockets between guest and host that need no network.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_VSOCK_H
#define QUAD_DEV_VIRTIO_VIRTIO_VSOCK_H

#include "core/dev.h"
#include "core/vsock.h"

extern const struct dev_type virtio_vsock_type;

/* Before the guest runs. cid: the guest's address, from 3 up; back may be NULL: nobody is there. */
void virtio_vsock_configure(struct dev *dev, uint32_t cid, struct vsock *back);

#endif
