/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bzimage: the setup header of a Linux kernel image [LINUX x86/boot]. Offsets are from the start of
 * the file and, in boot_params, from the start of the zero page.
 *
 *   0x1f1 .. end of header   setup header, first 16-bit code from 0x200
 *   (setup_sects + 1) * 512  the protected-mode part: decompressor and payload
 */
#ifndef QUAD_BOARD_BZIMAGE_H
#define QUAD_BOARD_BZIMAGE_H

#include "board/blob.h"

/* clang-format off */
enum {
    /* setup header */
    BZ_SETUP_SECTS = 0x1f1, BZ_SYSSIZE = 0x1f4, BZ_VID_MODE = 0x1fa, BZ_BOOT_FLAG = 0x1fe,
    BZ_JUMP = 0x200, BZ_HEADER = 0x202, BZ_VERSION = 0x206, BZ_TYPE_OF_LOADER = 0x210,
    BZ_LOADFLAGS = 0x211, BZ_CODE32_START = 0x214, BZ_RAMDISK_IMAGE = 0x218,
    BZ_RAMDISK_SIZE = 0x21c, BZ_HEAP_END_PTR = 0x224, BZ_CMD_LINE_PTR = 0x228,
    BZ_INITRD_ADDR_MAX = 0x22c, BZ_KERNEL_ALIGNMENT = 0x230, BZ_RELOCATABLE = 0x234,
    BZ_XLOADFLAGS = 0x236, BZ_CMDLINE_SIZE = 0x238, BZ_PAYLOAD_OFFSET = 0x248,
    BZ_PAYLOAD_LENGTH = 0x24c, BZ_PREF_ADDRESS = 0x258, BZ_INIT_SIZE = 0x260,
    /* boot_params (zero page) only */
    BP_EXT_MEM_K = 0x002, BP_ACPI_RSDP = 0x070, BP_EXT_RAMDISK_IMAGE = 0x0c0,
    BP_EXT_RAMDISK_SIZE = 0x0c4, BP_EXT_CMD_LINE_PTR = 0x0c8, BP_ALT_MEM_K = 0x1e0,
    BP_E820_ENTRIES = 0x1e8, BP_E820_TABLE = 0x2d0, BP_SIZE = 0x1000,
};
/* clang-format on */

#define BZ_MAGIC 0x53726448u /* "HdrS" */
enum { BZ_LOADED_HIGH = 1, BZ_CAN_USE_HEAP = 0x80 };
enum { BZ_XLF_KERNEL_64 = 1, BZ_XLF_CAN_BE_LOADED_ABOVE_4G = 2 };

struct bzimage {
    const uint8_t *file, *kernel; /* kernel: the protected-mode part */
    size_t setup_size, kernel_size, header_size; /* header_size: bytes from 0x1f1 */
    uint16_t version, xloadflags;
    uint8_t loadflags;
    bool relocatable;
    uint32_t code32_start, initrd_max, alignment, cmdline_max, init_size;
    uint64_t pref_address;
    const uint8_t *payload;
    size_t payload_size;
};

/* Has the file the header's magic at all? */
bool bzimage_is(const struct blob *b);
/* Check and take apart; fails on truncated and on too old images (before protocol 2.00). */
int bzimage_open(struct bzimage *bz, const struct blob *b, struct error *err);

#endif
