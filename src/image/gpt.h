/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gpt: writes a GUID partition table [UEFI 5.3] with its protective master boot record and its copy
 * at the end of the disk.
 */
#ifndef QUAD_IMAGE_GPT_H
#define QUAD_IMAGE_GPT_H

#include "base/base.h"

#define GPT_SECTOR 512u

extern const uint8_t gpt_type_bios_boot[16]; /* where GRUB's core lives on a BIOS machine */
extern const uint8_t gpt_type_esp[16];       /* EFI system partition */
extern const uint8_t gpt_type_linux_root[16]; /* root of an x86-64 Linux [DPS] */

struct gpt_part {
    const uint8_t *type; /* bytes as on the disk */
    uint8_t uuid[16];    /* likewise */
    uint64_t start, sectors;
    const char *name; /* ASCII, up to 35 */
};

/* `size`: of the disk in bytes, a multiple of a sector. The first 440 bytes stay as they are. */
int gpt_write(int fd, uint64_t size, const uint8_t disk_uuid[16], const struct gpt_part *parts,
              unsigned n, struct error *err);

/* "8a3c..." as people write it; the first three groups are little-endian on the disk. */
void gpt_uuid_text(const uint8_t uuid[16], char text[37]);
/* The same for UUIDs in network order [RFC 9562]. */
void uuid_text(const uint8_t uuid[16], char text[37]);
void uuid_random(uint8_t uuid[16]);

#endif
