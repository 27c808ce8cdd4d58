/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ahci_ich9: SATA controller of the ICH9 in AHCI mode (8086:2922), six ports.
 */
#ifndef QUAD_DEV_ATA_AHCI_ICH9_H
#define QUAD_DEV_ATA_AHCI_ICH9_H

#include "core/dev.h"

struct blk;

extern const struct dev_type ahci_ich9_type;

#define AHCI_ICH9_PORTS 6

/* A drive at a port, before the first reset. blk is borrowed; it may be NULL for a CD drive without
 * a disc. */
void ahci_ich9_attach(struct dev *dev, unsigned port, struct blk *blk, bool cdrom,
                      const char *serial);

#endif
