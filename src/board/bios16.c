/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/bios16.h"

#include "board/bios16_rom.h"
#include "core/mem.h"

#define TABLE 0x8000u

static void put_vectors(struct mem *mem)
{
    /* In the order of the ROM's entry points; entry 0 takes the rest. */
    static const uint8_t vectors[] = {0, 0x10, 0x11, 0x12, 0x13, 0x15, 0x16, 0x1a};
    uint8_t ivt[1024];

    for (unsigned v = 0; v < 256; v++)
        st_le32(ivt + 4 * (size_t)v, (BIOS16_BASE >> 4) << 16);
    for (unsigned i = 1; i < ARRAY_LEN(vectors); i++)
        st_le16(ivt + 4 * (size_t)vectors[i], (uint16_t)(8 * i));
    mem_write(mem, 0, ivt, sizeof(ivt));
}

static void put_table(struct mem *mem, const struct memmap *map)
{
    uint64_t kib = (map->low_top - PC_ROM_END) >> 10;
    uint8_t head[12];

    st_le16(head, (uint16_t)MIN(kib, 15u * 1024));
    st_le16(head + 2, (uint16_t)(kib > 15u * 1024 ? (kib - 15u * 1024) >> 6 : 0));
    st_le32(head + 4, (uint32_t)MIN(kib, 0xffffu));
    st_le32(head + 8, map->n);
    mem_load(mem, BIOS16_BASE + TABLE - 8, head, sizeof(head));
    for (unsigned i = 0; i < map->n; i++) {
        uint8_t e[20];
        st_le64(e, map->range[i].start);
        st_le64(e + 8, map->range[i].size);
        st_le32(e + 16, map->range[i].type);
        mem_load(mem, BIOS16_BASE + TABLE + 4 + 20 * i, e, sizeof(e));
    }
}

/* BIOS data area [what systems still look at]: serial ports, EBDA, base memory. */
static void put_data_area(struct mem *mem, const struct memmap *map)
{
    uint32_t base = (uint32_t)map->range[0].size; /* RAM from 0 to here */
    uint8_t bda[0x100] = {0}, ebda[1];

    st_le16(bda, 0x3f8);
    st_le16(bda + 2, 0x2f8);
    st_le16(bda + 0x0e, (uint16_t)(base >> 4));
    st_le16(bda + 0x10, 2 << 9); /* equipment: two serial ports */
    st_le16(bda + 0x13, (uint16_t)(base >> 10));
    bda[0x49] = 3; /* text mode */
    st_le16(bda + 0x4a, 80);
    bda[0x84] = 24;
    mem_write(mem, 0x400, bda, sizeof(bda));
    ebda[0] = (uint8_t)((PC_LOW_RAM_END - base) >> 10);
    mem_write(mem, base, ebda, sizeof(ebda));
}

void bios16_install(struct mem *mem, const struct memmap *map)
{
    static const uint8_t stop[] = {0xea, BIOS16_STOP & 0xff, BIOS16_STOP >> 8, 0x00, 0xf0};

    mem_load(mem, BIOS16_BASE, bios16_rom, sizeof(bios16_rom));
    mem_load(mem, BIOS16_BASE + 0xfff0, stop, sizeof(stop)); /* jmp F000:stop */
    put_vectors(mem);
    put_data_area(mem, map);
    put_table(mem, map);
}
