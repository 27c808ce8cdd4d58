/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vga_bochs: VGA with the Bochs VBE extensions (1234:1111).
 *
 * The board maps WIN_PORTS at 0x3b0, WIN_DISPI at 0x1ce and WIN_LEGACY at 0xa0000; the linear
 * framebuffer is behind BAR 0.
 */
#ifndef QUAD_DEV_VGA_BOCHS_H
#define QUAD_DEV_VGA_BOCHS_H

#include "core/dev.h"

struct fb;

extern const struct dev_type vga_bochs_type;

enum { VGA_BOCHS_WIN_FB, VGA_BOCHS_WIN_MMIO, VGA_BOCHS_WIN_PORTS, VGA_BOCHS_WIN_DISPI,
       VGA_BOCHS_WIN_LEGACY };

struct fb *vga_bochs_fb(struct dev *dev);

#endif
