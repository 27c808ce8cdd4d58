/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pvpanic: one port (0x505) where a guest says that it panicked: machine_event(EV_PANIC) or
 * EV_CRASH_LOADED (its crash kernel takes over).
 */
#ifndef QUAD_DEV_PVPANIC_H
#define QUAD_DEV_PVPANIC_H

#include "core/dev.h"

extern const struct dev_type pvpanic_type;

enum { PVPANIC_WIN_PORT }; /* 1 byte */
#define PVPANIC_EVENTS 0x03 /* for the ACPI device: panicked, crash loaded */

#endif
