/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     disk   sector 0: code, 64 bytes of partition table at 446, 55h AAh; GPT's header in sector 1,
 *            its entries where that says. UEFI starts from a partition of a certain type, a BIOS by
 *            the code of sector 0 [UEFI 5.2, 5.3]
 *     CD     2048-byte sectors; 16 the volume, 17 the boot record, which names the catalog: 32-byte
 *            entries, each section for one platform [EL TORITO 2]
 */
#include "guest/boots.h"

#include "base/endian.h"
#include "block/disk.h"

enum { SECTOR = 512, CD_SECTOR = 2048, ENTRIES_MAX = 128 };
enum { PLATFORM_PC = 0, PLATFORM_EFI = 0xef };

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B, as on the disk */
static const uint8_t efi_system[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                       0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

/* What is beyond the end is not there: zeroes. */
static int look(struct disk *d, uint64_t at, void *buf, size_t len, struct error *err)
{
    memset(buf, 0, len);
    if (at > d->size || len > d->size - at)
        return 0;
    int rc = disk_read_buf(d, at, buf, len);
    return rc ? fail_errno(err, -rc, "%s cannot be read", d->file.path) : 0;
}

/* ------------------------------------------------------------------------------------------ CD */

static bool is_start(const uint8_t *entry)
{
    return entry[0] == 0x88;
}

static int look_cd(struct boots *b, struct disk *d, struct error *err)
{
    uint8_t record[CD_SECTOR], catalog[CD_SECTOR];
    int rc = look(d, 17 * CD_SECTOR, record, sizeof(record), err);

    if (rc || record[0] || memcmp(record + 1, "CD001\1EL TORITO SPECIFICATION", 29))
        return rc;
    rc = look(d, (uint64_t)ld_le32(record + 0x47) * CD_SECTOR, catalog, sizeof(catalog), err);
    if (rc || catalog[0] != 1)
        return rc;
    uint8_t platform = catalog[1];
    bool pc = false, efi = false;
    for (size_t at = 32; at < sizeof(catalog); at += 32) {
        const uint8_t *e = catalog + at;
        if (e[0] == 0x90 || e[0] == 0x91)
            platform = e[1];
        pc = pc || (is_start(e) && platform == PLATFORM_PC);
        efi = efi || (is_start(e) && platform == PLATFORM_EFI);
    }
    b->uefi = efi && !pc;
    return 0;
}

/* ---------------------------------------------------------------------------------------- disk */

static bool has_code(const uint8_t *mbr)
{
    for (unsigned i = 0; i < 440; i++)
        if (mbr[i])
            return true;
    return false;
}

static int gpt_has_efi(struct disk *d, bool *has, struct error *err)
{
    uint8_t header[SECTOR], entry[16];
    int rc = look(d, SECTOR, header, sizeof(header), err);

    if (rc || memcmp(header, "EFI PART", 8))
        return rc;
    uint64_t table = ld_le64(header + 72);
    uint32_t count = MIN(ld_le32(header + 80), (uint32_t)ENTRIES_MAX), len = ld_le32(header + 84);
    if (table > d->size / SECTOR || len < 128 || len > 4096)
        return 0;
    for (uint32_t i = 0; !rc && !*has && i < count; i++) {
        rc = look(d, table * SECTOR + (uint64_t)i * len, entry, sizeof(entry), err);
        *has = !memcmp(entry, efi_system, sizeof(entry));
    }
    return rc;
}

static int look_disk(struct boots *b, struct disk *d, struct error *err)
{
    uint8_t mbr[SECTOR];
    bool efi = false;
    int rc = look(d, 0, mbr, sizeof(mbr), err);

    if (rc || mbr[510] != 0x55 || mbr[511] != 0xaa || has_code(mbr))
        return rc;
    for (unsigned i = 0; i < 4; i++)
        efi = efi || mbr[446 + 16 * i + 4] == 0xef;
    rc = efi ? 0 : gpt_has_efi(d, &efi, err);
    b->uefi = efi;
    return rc;
}

int boots_look(struct boots *b, struct disk *d, struct error *err)
{
    uint8_t volume[8];
    int rc = look(d, 16 * CD_SECTOR, volume, sizeof(volume), err);

    *b = (struct boots){0};
    if (rc)
        return rc;
    b->cdrom = !strcmp(d->format->name, "raw") && !memcmp(volume + 1, "CD001", 5);
    return b->cdrom ? look_cd(b, d, err) : look_disk(b, d, err);
}
