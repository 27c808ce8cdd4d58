/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * serial_16550: UART. The board maps window 0 at a port (0x3f8 ...), wires line 0 (IRQ 4 ...) and
 * gives it a character stream.
 */
#ifndef QUAD_DEV_SERIAL_16550_H
#define QUAD_DEV_SERIAL_16550_H

#include "core/dev.h"

struct chr;

extern const struct dev_type serial_16550_type;

enum { SERIAL_16550_WIN_REGS };  /* 8 bytes */
enum { SERIAL_16550_LINE_IRQ };

/* chr: borrowed, may be NULL (bytes go nowhere); must outlive the device. Takes chr's front. */
void serial_16550_configure(struct dev *dev, struct chr *chr);

#endif
