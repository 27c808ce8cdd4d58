/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * keymap: from names, characters and X key symbols to the keys of a PC keyboard (US layout), as scan
 * code set 1 numbers them; 0x100: with the e0 prefix.
 */
#ifndef QUAD_DISPLAY_KEYMAP_H
#define QUAD_DISPLAY_KEYMAP_H

#include "base/base.h"

#define KEYMAP_SHIFT 0x2a

/* 0: there is no such key. *shift: the character needs it. */
unsigned keymap_char(unsigned char c, bool *shift);
unsigned keymap_name(const char *name, size_t len); /* "ret", "f1", "ctrl" ... */
unsigned keymap_keysym(uint32_t keysym); /* X11's; letters and digits are ASCII */

#define KEYMAP_CHORD 8

/* "ctrl-alt-delete", "a", "F2": the keys in the order of pressing; how many; EINVAL names the word. */
int keymap_chord(const char *text, unsigned keys[KEYMAP_CHORD], unsigned *n, struct error *err);

#endif
