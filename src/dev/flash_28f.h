/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * flash_28f: a flash chip with the commands of Intel's 28F family, which keeps firmware's variables.
 *
 * The board maps WIN_ARRAY. What the guest changes goes to a back end, where there is one.
 */
#ifndef QUAD_DEV_FLASH_28F_H
#define QUAD_DEV_FLASH_28F_H

#include "core/dev.h"

struct blk;

extern const struct dev_type flash_28f_type;

enum { FLASH_28F_WIN_ARRAY };

#define FLASH_28F_SIZE 0x84000u /* at most: OVMF's variables */

/* The contents (size: a multiple of 4 KiB up to FLASH_28F_SIZE; copied), and where changes go: blk
 * is borrowed, as large as the contents, may be NULL. Before dev_map. */
void flash_28f_configure(struct dev *dev, const void *data, size_t size, struct blk *blk);

#endif
