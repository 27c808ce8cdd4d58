/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/memmap.h"

#include <assert.h>

void memmap_add(struct memmap *map, uint64_t start, uint64_t size, uint32_t type)
{
    assert(map->n < MEMMAP_MAX);
    map->range[map->n++] = (struct memmap_range){start, size, type};
}

void memmap_pc(struct memmap *map, uint64_t ram, uint64_t max)
{
    uint64_t low = MIN(ram, (uint64_t)PC_LOW_RAM_MAX);

    *map = (struct memmap){.ram = ram, .low_top = low};
    memmap_add(map, 0, PC_LOW_RAM_END, MEMMAP_RAM);
    memmap_add(map, PC_ROM_BASE, PC_ROM_END - PC_ROM_BASE, MEMMAP_RESERVED);
    memmap_add(map, PC_ROM_END, low - PC_ROM_END, MEMMAP_RAM);
    memmap_add(map, PC_ECAM_BASE, PC_ECAM_SIZE, MEMMAP_RESERVED);
    if (ram > low)
        memmap_add(map, PC_HIGH_RAM_BASE, ram - low, MEMMAP_RAM);
    map->hot_size = max > ram ? ALIGN_UP(max - ram, MEMMAP_HOT_BLOCK) : 0;
    map->hot = ALIGN_UP(low, MEMMAP_HOT_BLOCK);
    if (map->hot + map->hot_size > PC_LOW_RAM_MAX)
        map->hot = ALIGN_UP(PC_HIGH_RAM_BASE + (ram - low), UINT64_C(1) << 30);
}
