/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * i8042: keyboard controller with a PS/2 keyboard and a PS/2 mouse behind it.
 *
 * The board maps WIN_DATA at 0x60, WIN_COMMAND at 0x64, wires LINE_KBD to IRQ 1, LINE_AUX to
 * IRQ 12 and LINE_A20 (high: address line 20 enabled) to its A20 gate. The reset pulse is
 * machine_event(EV_RESET).
 */
#ifndef QUAD_DEV_I8042_H
#define QUAD_DEV_I8042_H

#include "core/dev.h"

extern const struct dev_type i8042_type;

enum { I8042_WIN_DATA, I8042_WIN_COMMAND };
enum { I8042_LINE_KBD, I8042_LINE_AUX, I8042_LINE_A20 };

/* A key goes down or up. code: its make code in scan code set 1 (0x01 Esc, 0x1c Enter ...), plus
 * 0x100 for keys with the 0xe0 prefix (0x148 cursor up). Any thread. */
void i8042_key(struct dev *dev, unsigned code, bool down);

/* The mouse moved (counts; y grows upwards, wheel grows towards the person) or its buttons
 * changed (bit 0 left, 1 right, 2 middle). Any thread. */
void i8042_mouse(struct dev *dev, int dx, int dy, int dz, unsigned buttons);

#endif
