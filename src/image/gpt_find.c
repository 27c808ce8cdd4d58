/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/gpt_find.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "image/gpt.h"

#define ENTRIES_MAX 128u

/* 0FC63DAF-8483-4772-8E79-3D69D8477DE4, as on the disk */
static const uint8_t linux_data[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                       0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

int gpt_find_root(int fd, uint64_t *offset, uint64_t *size, struct error *err)
{
    uint8_t header[GPT_SECTOR], entry[128];
    const uint8_t *const types[] = {gpt_type_linux_root, linux_data};
    struct stat st;

    if (fstat(fd, &st) < 0 || pread(fd, header, sizeof(header), GPT_SECTOR) != sizeof(header) ||
        memcmp(header, "EFI PART", 8))
        return fail(err, ENOENT, "the disk has no GPT partition table");
    uint64_t sectors = (uint64_t)st.st_size / GPT_SECTOR, table = ld_le64(header + 72);
    uint32_t count = ld_le32(header + 80), len = ld_le32(header + 84);
    if (len < sizeof(entry) || len > 4096 || table > sectors)
        return fail(err, EINVAL, "the disk's partition table is damaged");
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        for (uint32_t i = 0; i < MIN(count, ENTRIES_MAX); i++) {
            off_t at = (off_t)(table * GPT_SECTOR + (uint64_t)i * len);
            if (pread(fd, entry, sizeof(entry), at) != sizeof(entry))
                return fail(err, EINVAL, "the disk's partition table is cut off");
            uint64_t first = ld_le64(entry + 32), last = ld_le64(entry + 40);
            if (memcmp(entry, types[t], 16))
                continue;
            if (first > last || last >= sectors)
                return fail(err, EINVAL, "partition %u is beyond the disk's end", i + 1);
            *offset = first * GPT_SECTOR;
            *size = (last - first + 1) * GPT_SECTOR;
            return 0;
        }
    return fail(err, ENOENT, "the disk has no partition for a Linux root");
}
