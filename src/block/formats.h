/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * formats: magic numbers of image formats with a header, also of those that have no driver here.
 */
#ifndef QUAD_BLOCK_FORMATS_H
#define QUAD_BLOCK_FORMATS_H

#include "base/endian.h"

#define MAGIC_QCOW 0x514649fbu /* "QFI\xfb" */
#define MAGIC_VMDK_SPARSE 0x564d444bu /* "KDMV", little-endian */
#define MAGIC_VDI 0xbeda107fu /* at 64 */

/* Does a file that begins so look like an image with a header? len at least 512. */
static inline bool disk_has_header(const uint8_t *head, size_t len)
{
    if (len < 512)
        return false;
    return ld_be32(head) == MAGIC_QCOW || ld_le32(head) == MAGIC_VMDK_SPARSE ||
           !memcmp(head, "COWD", 4) || !memcmp(head, "# Disk DescriptorFile", 21) ||
           !memcmp(head, "vhdxfile", 8) || !memcmp(head, "conectix", 8) ||
           ld_le32(head + 64) == MAGIC_VDI || !memcmp(head, "QED", 4) ||
           !memcmp(head, "WithoutFreeSpace", 16) || !memcmp(head, "WithouFreSpacExt", 16);
}

#endif
