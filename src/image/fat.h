/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fat: writes a FAT12 or FAT16 volume that holds a few files [FAT]: the EFI system partition of an
 * image, the seed of a guest. Names may be long (ASCII).
 */
#ifndef QUAD_IMAGE_FAT_H
#define QUAD_IMAGE_FAT_H

#include "base/base.h"

struct fat_file {
    const char *path; /* "EFI/BOOT/BOOTX64.EFI": folders come into being */
    const void *data;
    size_t len;
};

#define FAT_SIZE_MAX (UINT64_C(64) << 20)

/* The volume at `offset` of fd, `size` bytes (64 KiB to 64 MiB); `label`: up to 11 characters. ENOSPC
 * when the files do not fit. */
int fat_write(int fd, uint64_t offset, uint64_t size, const char *label,
              const struct fat_file *files, unsigned n, struct error *err);

#endif
