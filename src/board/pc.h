/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pc: the PC boards.
 */
#ifndef QUAD_BOARD_PC_H
#define QUAD_BOARD_PC_H

#include "board/board.h"

struct x86_cpu;

extern const struct board_type board_pc_1;

/* As firmware leaves them, for the PC's layout of memory. */
void pc_set_mtrrs(struct x86_cpu *c);

#endif
