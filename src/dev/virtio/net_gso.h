/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net_gso: what a guest leaves to its card: checksums, and cutting long TCP segments.
 */
#ifndef QUAD_DEV_VIRTIO_NET_GSO_H
#define QUAD_DEV_VIRTIO_NET_GSO_H

#include "base/base.h"

enum { NET_HDR_LEN = 12 };
enum { NET_HDR_NEEDS_CSUM = 1, NET_HDR_DATA_VALID = 2 };
enum { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1, NET_GSO_TCPV6 = 4, NET_GSO_ECN = 0x80 };

struct net_hdr { /* [VIRTIO 5.1.6] */
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

void net_hdr_load(struct net_hdr *h, const uint8_t *p);

/* Finish `frame` (len bytes, writable) as the header asks and hand each resulting frame to `emit`.
 * False: the header and the frame do not fit together; nothing was emitted. */
bool net_gso(const struct net_hdr *h, uint8_t *frame, size_t len,
             void (*emit)(void *opaque, const uint8_t *frame, size_t len), void *opaque);

#endif
