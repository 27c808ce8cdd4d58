/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * png: a picture as a PNG file.
 */
#ifndef QUAD_DISPLAY_PNG_H
#define QUAD_DISPLAY_PNG_H

#include "base/base.h"

struct fb;

/* The screen by now, 24 bits a pixel [PNG]; *out is freed by the caller. ENOTSUP without zlib. */
int png_from_fb(struct fb *fb, uint8_t **out, size_t *size, struct error *err);

#endif
