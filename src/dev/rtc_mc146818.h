/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rtc_mc146818: real-time clock with 256 bytes of CMOS memory. The time is the guest's wall clock
 * (clock_wall_ns), in UTC. The board maps WIN_PORTS at 0x70 and wires LINE_IRQ to IRQ 8 (through
 * hpet_input() where there is an HPET).
 */
#ifndef QUAD_DEV_RTC_MC146818_H
#define QUAD_DEV_RTC_MC146818_H

#include "core/dev.h"

extern const struct dev_type rtc_mc146818_type;

enum { RTC_MC146818_WIN_PORTS }; /* index, data, index and data of the upper bank */
enum { RTC_MC146818_LINE_IRQ };

/* The memory-size bytes that firmware finds there; sizes in bytes. */
void rtc_mc146818_configure(struct dev *dev, uint64_t ram_below_4g, uint64_t ram_above_4g);

/* One more CMOS byte (0x0e..0xff) that the board presets; survives reset. */
void rtc_mc146818_set_cmos(struct dev *dev, uint8_t index, uint8_t value);

#endif
