/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * payload: unpack what kernels are packed with, on the host. Input is hostile: every size is
 * checked, the result is bounded.
 */
#ifndef QUAD_BOARD_PAYLOAD_H
#define QUAD_BOARD_PAYLOAD_H

#include "board/blob.h"

/* The packer's name by its first bytes ("gzip", "lz4", "xz", "bzip2", "lzma", "lzo", "zstd"), or
 * NULL when the bytes belong to none. */
const char *payload_packer(const uint8_t *data, size_t size);

/* Can this build unpack it? */
bool payload_known(const char *packer);

/* Unpack into out (the caller frees it), at most `limit` bytes. Bytes behind the packed stream are
 * ignored. Errors: EINVAL damaged, ENOTSUP no library in this build, EFBIG over the limit. */
int payload_unpack(const uint8_t *data, size_t size, uint64_t limit, struct blob *out,
                   struct error *err);

#endif
