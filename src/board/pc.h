/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pc: the PC boards.
 */
#ifndef QUAD_BOARD_PC_H
#define QUAD_BOARD_PC_H

#include "board/board.h"

extern const struct board_type board_pc_1;

#endif
