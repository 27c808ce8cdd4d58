/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ide_piix3: IDE controller of the PIIX3 (8086:7010): two channels with two drives each, at the
 * addresses and interrupts of old.
 *
 * The board maps the channels' windows at 0x1f0, 0x3f6, 0x170, 0x376 and wires the lines to the ISA
 * interrupts 14 and 15; the bus master registers are behind BAR 4.
 */
#ifndef QUAD_DEV_ATA_IDE_PIIX3_H
#define QUAD_DEV_ATA_IDE_PIIX3_H

#include "core/dev.h"

struct blk;

extern const struct dev_type ide_piix3_type;

enum { IDE_PIIX3_WIN_COMMAND0, IDE_PIIX3_WIN_CONTROL0, IDE_PIIX3_WIN_COMMAND1,
       IDE_PIIX3_WIN_CONTROL1, IDE_PIIX3_WIN_BUS_MASTER };
enum { IDE_PIIX3_LINE_IRQ0, IDE_PIIX3_LINE_IRQ1 };

#define IDE_PIIX3_DRIVES 4 /* 0, 1 on the first channel */

/* Before the first reset. blk is borrowed; it may be NULL for a CD drive without a disc. */
void ide_piix3_attach(struct dev *dev, unsigned drive, struct blk *blk, bool cdrom,
                      const char *serial);

#endif
