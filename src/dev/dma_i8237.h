/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dma_i8237: the pair of DMA controllers of a PC with their page registers, registers only.
 * The board maps WIN_LOW at 0x00, WIN_HIGH at 0xc0 and WIN_PAGES at 0x81.
 */
#ifndef QUAD_DEV_DMA_I8237_H
#define QUAD_DEV_DMA_I8237_H

#include "core/dev.h"

extern const struct dev_type dma_i8237_type;

enum { DMA_I8237_WIN_LOW, DMA_I8237_WIN_HIGH, DMA_I8237_WIN_PAGES }; /* 16, 32, 15 bytes */

#endif
