/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpu_hotplug: the controller that brings processors into a running system and takes them out.
 *
 * The board maps WIN_REGS where its tables say (0xcd8 on a Q35) and wires LINE_EVENT to the
 * general-purpose event of the tables' handler. It says what is there to begin with and is told what
 * the system lets go of.
 */
#ifndef QUAD_DEV_CPU_HOTPLUG_H
#define QUAD_DEV_CPU_HOTPLUG_H

#include "core/dev.h"

extern const struct dev_type cpu_hotplug_type;

enum { CPU_HOTPLUG_WIN_REGS };
enum { CPU_HOTPLUG_LINE_EVENT }; /* pulsed */

#define CPU_HOTPLUG_MAX 64

/* set: called with the device's lock held, when the system ejects processor n, and for each
 * possible one when a saved state was loaded. */
void cpu_hotplug_configure(struct dev *dev, unsigned possible, unsigned present,
                           void (*set)(void *opaque, unsigned n, bool present), void *opaque);

/* Any thread. */
uint64_t cpu_hotplug_present(struct dev *dev); /* bit a processor */
void cpu_hotplug_insert(struct dev *dev, unsigned n); /* it is there from now on: tell the system */
void cpu_hotplug_remove(struct dev *dev, unsigned n); /* ask the system to let go of it */
void cpu_hotplug_cancel(struct dev *dev);             /* forget what was asked and not done */

#endif
