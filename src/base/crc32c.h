/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * crc32c: Castagnoli's CRC [RFC 3720 B.4]: crc32c(crc32c(0, a), b) is that of a followed by b.
 */
#ifndef QUAD_BASE_CRC32C_H
#define QUAD_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The portable one, which the other must agree with. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t len);

#endif
