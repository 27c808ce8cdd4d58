/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pit_i8254: interval timer with three counters, and port 0x61 (speaker, gate of counter 2).
 *
 * The board maps WIN_COUNTERS at 0x40, WIN_PORT61 at 0x61 and wires LINE_OUT0 to IRQ 0 (through
 * hpet_input() where there is an HPET).
 */
#ifndef QUAD_DEV_PIT_I8254_H
#define QUAD_DEV_PIT_I8254_H

#include "core/dev.h"

extern const struct dev_type pit_i8254_type;

enum { PIT_I8254_WIN_COUNTERS, PIT_I8254_WIN_PORT61 };
enum { PIT_I8254_LINE_OUT0 };

#endif
