/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hpet: high precision event timers, three comparators on one counter of 100 MHz.
 *
 * The board maps WIN_REGS at 0xfed00000. Lines: LINE_IRQ0 and LINE_IRQ8 go where the PIT's and the
 * RTC's interrupt went, whose lines now end in hpet_input(0) and hpet_input(1): they pass through
 * unless legacy replacement is on. LINE_PIN0 + n is I/O APIC input n (20..23 can be chosen by the
 * guest; the timers announce no other).
 */
#ifndef QUAD_DEV_HPET_H
#define QUAD_DEV_HPET_H

#include "core/dev.h"

extern const struct dev_type hpet_type;

#define HPET_PERIOD_FS 10000000u /* 10 ns */
#define HPET_TIMERS 3

enum { HPET_WIN_REGS };
enum { HPET_LINE_IRQ0, HPET_LINE_IRQ8, HPET_LINE_PIN0, HPET_LINES = HPET_LINE_PIN0 + 24 };

/* which: 0 the PIT's interrupt, 1 the RTC's. */
struct irq hpet_input(struct dev *dev, unsigned which);

/* Value for the ACPI table: "Event timer block id", low half of the capability register. */
uint32_t hpet_block_id(void);

#endif
