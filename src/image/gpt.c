/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   sector 0        boot code (440 bytes), protective record: one partition of type EEh, 55 AA
 *   1               header        2..33   128 entries of 128 bytes
 *   ...             partitions
 *   last-32..last-1 the entries again     last   the header again, pointing here
 */
#include "image/gpt.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/endian.h"

enum { ENTRIES = 128, ENTRY = 128, TABLE_SECTORS = ENTRIES * ENTRY / 512, HEADER = 92 };

/* 21686148-6449-6E6F-744E-656564454649, C12A7328-F81F-11D2-BA4B-00A0C93EC93B,
 * 4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 */
const uint8_t gpt_type_bios_boot[16] = {0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e,
                                        0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
const uint8_t gpt_type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                  0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
const uint8_t gpt_type_linux_root[16] = {0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d,
                                         0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09};

static uint32_t crc32(const uint8_t *p, size_t n)
{
    uint32_t c = ~0u;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (unsigned k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

static int put(int fd, uint64_t sector, const void *data, size_t len, struct error *err)
{
    if (pwrite(fd, data, len, (off_t)(sector * GPT_SECTOR)) != (ssize_t)len)
        return fail_errno(err, errno ? errno : EIO, "cannot write the partition table");
    return 0;
}

static void fill_entry(uint8_t *e, const struct gpt_part *p)
{
    memcpy(e, p->type, 16);
    memcpy(e + 16, p->uuid, 16);
    st_le64(e + 32, p->start);
    st_le64(e + 40, p->start + p->sectors - 1);
    for (unsigned i = 0; i < 35 && p->name[i]; i++)
        st_le16(e + 56 + 2 * i, (uint8_t)p->name[i]);
}

static int put_header(int fd, uint64_t at, uint64_t other, uint64_t table, uint64_t sectors,
                      const uint8_t uuid[16], uint32_t table_crc, struct error *err)
{
    uint8_t h[GPT_SECTOR] = {0};

    memcpy(h, "EFI PART", 8);
    st_le32(h + 8, 0x00010000);
    st_le32(h + 12, HEADER);
    st_le64(h + 24, at);
    st_le64(h + 32, other);
    st_le64(h + 40, 2 + TABLE_SECTORS);
    st_le64(h + 48, sectors - 2 - TABLE_SECTORS);
    memcpy(h + 56, uuid, 16);
    st_le64(h + 72, table);
    st_le32(h + 80, ENTRIES);
    st_le32(h + 84, ENTRY);
    st_le32(h + 88, table_crc);
    st_le32(h + 16, crc32(h, HEADER));
    return put(fd, at, h, sizeof(h), err);
}

int gpt_write(int fd, uint64_t size, const uint8_t disk_uuid[16], const struct gpt_part *parts,
              unsigned n, struct error *err)
{
    uint64_t sectors = size / GPT_SECTOR, last = sectors - 1;
    uint8_t mbr[72] = {0}, *table;
    int rc;

    if (sectors < 128 || n > ENTRIES)
        return fail(err, EINVAL, "the disk is too small for its partition table");
    for (unsigned i = 0; i < n; i++)
        if (parts[i].start < 2 + TABLE_SECTORS || !parts[i].sectors ||
            parts[i].start + parts[i].sectors > last - TABLE_SECTORS)
            return fail(err, EINVAL, "partition %u does not fit on the disk", i + 1);
    table = xcalloc(ENTRIES, ENTRY);
    for (unsigned i = 0; i < n; i++)
        fill_entry(table + (size_t)i * ENTRY, &parts[i]);
    uint32_t crc = crc32(table, (size_t)ENTRIES * ENTRY);
    mbr[6] = 0; /* from byte 440: signature, then four entries, then 55 AA */
    memcpy(mbr + 6, (const uint8_t[]){0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0}, 12);
    st_le32(mbr + 18, (uint32_t)MIN(last, UINT64_C(0xffffffff)));
    mbr[70] = 0x55;
    mbr[71] = 0xaa;
    rc = pwrite(fd, mbr, sizeof(mbr), 440) == (ssize_t)sizeof(mbr)
             ? 0
             : fail_errno(err, errno, "cannot write the boot record");
    if (!rc)
        rc = put(fd, 2, table, (size_t)ENTRIES * ENTRY, err);
    if (!rc)
        rc = put(fd, last - TABLE_SECTORS, table, (size_t)ENTRIES * ENTRY, err);
    if (!rc)
        rc = put_header(fd, 1, last, 2, sectors, disk_uuid, crc, err);
    if (!rc)
        rc = put_header(fd, last, 1, last - TABLE_SECTORS, sectors, disk_uuid, crc, err);
    free(table);
    return rc;
}

void uuid_text(const uint8_t u[16], char text[37])
{
    char *p = text;

    for (unsigned i = 0; i < 16; i++)
        p += snprintf(p, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

void gpt_uuid_text(const uint8_t u[16], char text[37])
{
    uint8_t n[16];

    memcpy(n, u, 16);
    st_be32(n, ld_le32(u));
    st_be16(n + 4, ld_le16(u + 4));
    st_be16(n + 6, ld_le16(u + 6));
    uuid_text(n, text);
}

void uuid_random(uint8_t uuid[16])
{
    if (getrandom(uuid, 16, 0) != 16)
        abort(); /* sixteen bytes never fail once the kernel is up */
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
