/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/smbios.h"

#include "base/endian.h"
#include "board/memmap.h"

#define ENTRY32 0x00 /* 31 bytes */
#define ENTRY64 0x20 /* 24 bytes */
#define TABLE 0x40

struct smbios {
    uint8_t *buf;
    size_t size, n;
    size_t start; /* of the open structure */
    unsigned strings, count, largest;
    bool full;
};

static void put(struct smbios *s, const void *p, size_t n)
{
    if (n > s->size - s->n) {
        s->full = true;
        return;
    }
    memcpy(s->buf + s->n, p, n);
    s->n += n;
}

/* A structure: its formatted part, whose type, length and handle are filled in here. */
static void begin(struct smbios *s, uint8_t type, uint8_t *body, size_t len)
{
    s->start = s->n;
    s->strings = 0;
    body[0] = type;
    body[1] = (uint8_t)len;
    st_le16(body + 2, (uint16_t)(type << 8));
    put(s, body, len);
}

/* Append a string and write its number to offset `at` of the formatted part. */
static void string(struct smbios *s, size_t at, const char *text)
{
    put(s, text, strlen(text) + 1);
    if (!s->full)
        s->buf[s->start + at] = (uint8_t)++s->strings;
}

static void end(struct smbios *s)
{
    static const uint8_t zero[2];

    put(s, zero, s->strings ? 1 : 2);
    s->count++;
    s->largest = MAX(s->largest, (unsigned)(s->n - s->start));
}

static void put_system(struct smbios *s, const struct smbios_config *c)
{
    uint8_t bios[0x18] = {0}, sys[0x1b] = {0}, chassis[0x16] = {0};

    st_le16(bios + 6, 0xf000);
    bios[9] = 0;
    st_le64(bios + 10, 1 << 3); /* characteristics not given */
    bios[0x13] = 0x14;          /* a virtual machine; UEFI no */
    bios[0x16] = bios[0x17] = 0xff;
    begin(s, 0, bios, sizeof(bios));
    string(s, 4, "Quadrivium");
    string(s, 5, c->version);
    string(s, 8, "01/01/2024");
    end(s);

    /* The first three fields of a UUID are little-endian [SMBIOS 7.2.1]. */
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < 16; i++)
        sys[8 + i] = c->uuid[order[i]];
    sys[0x18] = 6; /* woken by the power switch */
    begin(s, 1, sys, sizeof(sys));
    string(s, 4, "Quadrivium");
    string(s, 5, "Quadrivium PC");
    string(s, 6, c->version);
    end(s);

    chassis[5] = 1;
    chassis[9] = chassis[10] = chassis[11] = 3;
    chassis[12] = 2;
    chassis[0x13] = 0;
    begin(s, 3, chassis, sizeof(chassis));
    string(s, 4, "Quadrivium");
    string(s, 6, c->version);
    end(s);
}

static void put_processors(struct smbios *s, const struct smbios_config *c)
{
    for (unsigned i = 0; i < c->cpus; i++) {
        uint8_t cpu[0x30] = {0};
        cpu[5] = 3; /* central processor */
        cpu[6] = 1; /* family: other */
        st_le16(cpu + 0x16, 0);
        cpu[0x18] = 0x41; /* populated, enabled */
        cpu[0x19] = 1;    /* upgrade: other */
        st_le16(cpu + 0x1a, 0xffff);
        st_le16(cpu + 0x1c, 0xffff);
        st_le16(cpu + 0x1e, 0xffff);
        cpu[0x23] = cpu[0x24] = cpu[0x25] = 1;
        st_le16(cpu + 0x26, 0x0c); /* 64-bit, multi-core */
        st_le16(cpu + 0x28, 1);
        begin(s, 4, cpu, sizeof(cpu));
        if (!s->full)
            st_le16(s->buf + s->start + 2, (uint16_t)(0x400 + i));
        string(s, 4, "CPU");
        string(s, 7, "Quadrivium");
        string(s, 0x10, c->cpu);
        end(s);
    }
}

static void put_memory(struct smbios *s, const struct smbios_config *c)
{
    uint8_t array[0x17] = {0}, dimm[0x28] = {0};
    uint64_t mib = c->ram >> 20;

    array[4] = 1;
    array[5] = 3;
    array[6] = 6; /* multi-bit ECC */
    st_le32(array + 7, 0x80000000);
    st_le16(array + 11, 0xfffe);
    st_le16(array + 13, 1);
    st_le64(array + 15, c->ram);
    begin(s, 16, array, sizeof(array));
    end(s);

    st_le16(dimm + 4, 0x1000);
    st_le16(dimm + 6, 0xfffe);
    st_le16(dimm + 8, 0xffff);
    st_le16(dimm + 10, 0xffff);
    st_le16(dimm + 12, (uint16_t)(mib < 0x7fff ? mib : 0x7fff));
    dimm[14] = 9; /* DIMM */
    dimm[18] = 7; /* RAM */
    st_le16(dimm + 19, 2);
    st_le32(dimm + 0x1c, (uint32_t)mib);
    begin(s, 17, dimm, sizeof(dimm));
    string(s, 16, "DIMM 0");
    string(s, 23, "Quadrivium");
    end(s);

    for (unsigned i = 0; i < 2; i++) {
        uint8_t map[0x1f] = {0};
        uint64_t start = i ? PC_HIGH_RAM_BASE : 0;
        uint64_t bytes = i ? c->ram - c->low_top : c->low_top;
        if (!bytes)
            continue;
        st_le32(map + 4, (uint32_t)(start >> 10));
        st_le32(map + 8, (uint32_t)((start + bytes - 1) >> 10));
        if (start) {
            st_le32(map + 4, 0xffffffff);
            st_le32(map + 8, 0xffffffff);
            st_le64(map + 15, start);
            st_le64(map + 23, start + bytes - 1);
        }
        st_le16(map + 12, 0x1000);
        map[14] = 1;
        begin(s, 19, map, sizeof(map));
        if (!s->full)
            st_le16(s->buf + s->start + 2, (uint16_t)(0x1300 + i));
        end(s);
    }
}

static uint8_t checksum(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;

    while (n--)
        sum = (uint8_t)(sum + *p++);
    return (uint8_t)-sum;
}

static void put_entries(struct smbios *s, uint64_t base)
{
    uint8_t *p = s->buf + ENTRY32;
    size_t len = s->n - TABLE;

    memcpy(p, "_SM_", 4);
    p[5] = 31;
    p[6] = 3; /* version 3.0 */
    st_le16(p + 8, (uint16_t)s->largest);
    memcpy(p + 16, "_DMI_", 5);
    st_le16(p + 22, (uint16_t)len);
    st_le32(p + 24, (uint32_t)base + TABLE);
    st_le16(p + 28, (uint16_t)s->count);
    p[30] = 0x30;
    p[21] = checksum(p + 16, 15);
    p[4] = checksum(p, 31);

    p = s->buf + ENTRY64;
    memcpy(p, "_SM3_", 5);
    p[6] = 24;
    p[7] = 3;
    p[10] = 1;
    st_le32(p + 12, (uint32_t)len);
    st_le64(p + 16, base + TABLE);
    p[5] = checksum(p, 24);
}

int smbios_build(const struct smbios_config *c, uint64_t base, uint8_t *buf, size_t size,
                 size_t *used, struct error *err)
{
    struct smbios s = {.buf = buf, .size = size, .n = TABLE};
    uint8_t boot[0x0b] = {0}, last[4] = {0};

    if (size < TABLE)
        return fail(err, ENOSPC, "SMBIOS tables: no room");
    memset(buf, 0, TABLE);
    put_system(&s, c);
    put_processors(&s, c);
    put_memory(&s, c);
    begin(&s, 32, boot, sizeof(boot)); /* boot status: no errors */
    end(&s);
    begin(&s, 127, last, sizeof(last));
    end(&s);
    if (s.full)
        return fail(err, ENOSPC, "SMBIOS tables do not fit into %zu bytes", size);
    put_entries(&s, base);
    *used = s.n;
    return 0;
}
