/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tables are built for address 0, so that each address in them is an offset into the file; the
 * script then names these fields, as a linker's relocations.
 *
 *   command, 128 bytes, little-endian: +0 kind
 *     1 allocate      +4 file (56 letters)  +60 alignment 32  +64 zone 8 (1 high, 2 F segment)
 *     2 add pointer   +4 file  +60 file pointed into  +116 offset 32  +120 size 8
 *     3 add checksum  +4 file  +60 offset of the sum 32  +64 start 32  +68 length 32
 */
#include "board/acpi_files.h"

#include "base/endian.h"
#include "dev/fw_cfg.h"

#define RSDP_FILE "etc/acpi/rsdp"
#define TABLES_FILE "etc/acpi/tables"
#define COMMAND 128
#define COMMANDS_MAX 64
#define RSDP_SIZE 36
#define HEADER 36
#define TABLES_MAX 0x20000u

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3, ZONE_HIGH = 1, ZONE_FSEG = 2 };

struct script {
    uint8_t buf[COMMAND * COMMANDS_MAX];
    unsigned n;
};

static uint8_t *command(struct script *s, uint32_t kind, const char *file)
{
    uint8_t *p = s->buf + (size_t)COMMAND * (s->n < COMMANDS_MAX - 1 ? s->n++ : s->n);

    st_le32(p, kind);
    memcpy(p + 4, file, strlen(file) + 1);
    return p;
}

static void allocate(struct script *s, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *p = command(s, ALLOCATE, file);

    st_le32(p + 60, align);
    p[64] = zone;
}

static void pointer(struct script *s, const char *file, size_t at, uint8_t size)
{
    uint8_t *p = command(s, ADD_POINTER, file);

    memcpy(p + 60, TABLES_FILE, sizeof(TABLES_FILE));
    st_le32(p + 116, (uint32_t)at);
    p[120] = size;
}

/* The sum's byte is zeroed first: the firmware adds to what is there. */
static void checksum(struct script *s, const char *file, uint8_t *data, size_t at, size_t start,
                     size_t len)
{
    uint8_t *p = command(s, ADD_CHECKSUM, file);

    data[at] = 0;
    st_le32(p + 60, (uint32_t)at);
    st_le32(p + 64, (uint32_t)start);
    st_le32(p + 68, (uint32_t)len);
}

/* The FADT's pointers to FACS and DSDT [ACPI 5.2.9]. */
static void link_fadt(struct script *s, uint8_t *t, size_t at)
{
    pointer(s, TABLES_FILE, at + 36, 4);
    pointer(s, TABLES_FILE, at + 40, 4);
    pointer(s, TABLES_FILE, at + 132, 8);
    pointer(s, TABLES_FILE, at + 140, 8);
    checksum(s, TABLES_FILE, t, at + 9, at, ld_le32(t + at + 4));
}

static void link_rsdt(struct script *s, uint8_t *t, size_t at)
{
    size_t len = ld_le32(t + at + 4);

    for (size_t e = HEADER; e < len; e += 4)
        pointer(s, TABLES_FILE, at + e, 4);
    checksum(s, TABLES_FILE, t, at + 9, at, len);
}

static void link_xsdt(struct script *s, uint8_t *t, size_t at)
{
    size_t len = ld_le32(t + at + 4);

    for (size_t e = HEADER; e < len; e += 8) {
        size_t table = (size_t)ld_le64(t + at + e);
        if (!memcmp(t + table, "FACP", 4))
            link_fadt(s, t, table);
        pointer(s, TABLES_FILE, at + e, 8);
    }
    checksum(s, TABLES_FILE, t, at + 9, at, len);
}

int acpi_files_put(struct dev *fw_cfg, const struct acpi_config *c, struct error *err)
{
    struct acpi_place place = {.tables = 0, .facs = 64};
    auto_free uint8_t *t = xcalloc(1, TABLES_MAX);
    auto_free struct script *s = xcalloc(1, sizeof(*s));
    uint8_t rsdp[RSDP_SIZE], facs[ACPI_FACS_SIZE];
    size_t used, size;

    int rc = acpi_build(c, &place, t, TABLES_MAX - 128, &used, facs, err);
    if (rc)
        return rc;
    place.facs = ALIGN_UP(used, 64); /* the tables' size does not depend on its address */
    size = place.facs + ACPI_FACS_SIZE;
    rc = acpi_build(c, &place, t, TABLES_MAX - 128, &used, t + place.facs, err);
    if (rc)
        return rc;
    memcpy(rsdp, t, sizeof(rsdp));
    memset(t, 0, sizeof(rsdp));
    allocate(s, RSDP_FILE, 16, ZONE_FSEG);
    allocate(s, TABLES_FILE, 64, ZONE_HIGH);
    link_xsdt(s, t, (size_t)ld_le64(rsdp + 24));
    link_rsdt(s, t, ld_le32(rsdp + 16));
    pointer(s, RSDP_FILE, 16, 4);
    pointer(s, RSDP_FILE, 24, 8);
    checksum(s, RSDP_FILE, rsdp, 8, 0, 20);
    checksum(s, RSDP_FILE, rsdp, 32, 0, RSDP_SIZE);
    if (s->n == COMMANDS_MAX - 1)
        return fail(err, ENOSPC, "ACPI tables need more than %u loader commands", s->n);
    if (fw_cfg_add_file(fw_cfg, RSDP_FILE, rsdp, sizeof(rsdp), err) ||
        fw_cfg_add_file(fw_cfg, TABLES_FILE, t, size, err) ||
        fw_cfg_add_file(fw_cfg, "etc/table-loader", s->buf, (size_t)s->n * COMMAND, err))
        return -err->code;
    return 0;
}
