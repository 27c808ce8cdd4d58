/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bios16: the few BIOS services that boot code in real mode asks for (memory map, A20, text mode),
 * put into ROM at 0xf0000 with an interrupt vector table at 0 and a BIOS data area at 0x400. The
 * map's first range is low RAM; what follows it up to 640 KiB is the extended BIOS data area. The code is bios16.asm.
 */
#ifndef QUAD_BOARD_BIOS16_H
#define QUAD_BOARD_BIOS16_H

#include "board/memmap.h"

struct mem;

#define BIOS16_BASE 0xf0000u

void bios16_install(struct mem *mem, const struct memmap *map);

#endif
