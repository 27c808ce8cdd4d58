/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * memmap: what a board tells its guest about guest-physical memory: the list that becomes E820
 * entries, PVH's and multiboot's memory map, and where a loader may put things.
 *
 * The layout of the PC boards (Q35 without the parts that nobody uses):
 *
 *   0 .. 0xa0000              RAM
 *   0xa0000 .. 0xc0000        VGA window (nothing there)
 *   0xc0000 .. 0x100000       ROM: option ROMs' place, then tables (ACPI, SMBIOS), then the BIOS stub
 *   0x100000 .. low_top       RAM, at most to 0xb0000000
 *   0xb0000000 .. 0xc0000000  PCI configuration space, memory mapped (ECAM)
 *   0xc0000000 .. 0xfec00000  PCI devices' memory
 *   0xfec00000, 0xfed00000, 0xfee00000  I/O APIC, HPET, local APIC
 *   0x100000000 ..            the rest of the RAM
 *
 * Memory that may come later has its room behind low_top where that is enough for it, else behind the
 * rest of the RAM: a system that can have memory above 4 GiB keeps some below for devices that do not
 * reach it (Linux: 64 MiB), wanted or not.
 */
#ifndef QUAD_BOARD_MEMMAP_H
#define QUAD_BOARD_MEMMAP_H

#include "base/base.h"

#define PC_LOW_RAM_END 0xa0000u
#define PC_ROM_BASE 0xc0000u
#define PC_ROM_END 0x100000u
#define PC_LOW_RAM_MAX 0xb0000000u
#define PC_ECAM_BASE 0xb0000000u
#define PC_ECAM_SIZE 0x10000000u
#define PC_PCI_BASE 0xc0000000u
#define PC_PCI_END 0xfec00000u
#define PC_IOAPIC_BASE 0xfec00000u
#define PC_HPET_BASE 0xfed00000u
#define PC_GENERATION_ID 0xfedf0000u
#define PC_LAPIC_BASE 0xfee00000u
#define PC_HIGH_RAM_BASE 0x100000000u

/* Types as in E820 [ACPI 15]. */
enum { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2, MEMMAP_ACPI = 3, MEMMAP_NVS = 4 };

struct memmap_range {
    uint64_t start, size;
    uint32_t type;
};

#define MEMMAP_MAX 24
#define MEMMAP_HOT_BLOCK (UINT64_C(128) << 20) /* in which Linux takes memory */

struct memmap {
    struct memmap_range range[MEMMAP_MAX]; /* ascending, not overlapping */
    unsigned n;
    uint64_t ram;     /* all of it, bytes */
    uint64_t low_top; /* end of the RAM that starts at 1 MiB */
    uint64_t hot, hot_size; /* addresses for memory that may come; size 0: none */
    uint64_t rsdp;    /* guest-physical address of the ACPI root pointer, 0: none */
};

/* The PC layout for `ram` bytes (a multiple of 4 KiB, at least 2 MiB), with room for more memory up
 * to `max`, in whole blocks of MEMMAP_HOT_BLOCK. */
void memmap_pc(struct memmap *map, uint64_t ram, uint64_t max);

void memmap_add(struct memmap *map, uint64_t start, uint64_t size, uint32_t type);

#endif
