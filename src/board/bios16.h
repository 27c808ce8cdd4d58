/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bios16: the few BIOS services that boot code in real mode asks for (memory map, A20, text mode),
 * put into ROM at 0xf0000 with an interrupt vector table at 0. The code is bios16.asm.
 */
#ifndef QUAD_BOARD_BIOS16_H
#define QUAD_BOARD_BIOS16_H

#include "board/memmap.h"

struct mem;

#define BIOS16_BASE 0xf0000u

void bios16_install(struct mem *mem, const struct memmap *map);

#endif
