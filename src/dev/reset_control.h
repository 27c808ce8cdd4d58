/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * reset_control: the chipset's reset control register (port 0xcf9) and system control port A
 * (0x92: fast A20, fast reset). A reset is machine_event(EV_RESET).
 */
#ifndef QUAD_DEV_RESET_CONTROL_H
#define QUAD_DEV_RESET_CONTROL_H

#include "core/dev.h"

extern const struct dev_type reset_control_type;

enum { RESET_CONTROL_WIN_CF9, RESET_CONTROL_WIN_PORT92 }; /* 1 byte each: at 0xcf9 and 0x92 */
enum { RESET_CONTROL_LINE_A20 }; /* high: address line 20 enabled by port 0x92 */

#endif
