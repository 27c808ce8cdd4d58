/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * q35_host: PCI host bridge of the Q35 chipset (82G33 MCH, 8086:29c0), function 00:00.0 of the bus
 * that it makes.
 *
 * The board maps WIN_CONFIG at 0xcf8. The ECAM window follows the guest's PCIEXBAR register.
 */
#ifndef QUAD_DEV_PCI_Q35_HOST_H
#define QUAD_DEV_PCI_Q35_HOST_H

#include "core/dev.h"

struct pci_bus;

extern const struct dev_type q35_host_type;

enum { Q35_HOST_WIN_CONFIG, Q35_HOST_WIN_ECAM }; /* 8 bytes; ECAM is mapped by the device */

struct q35_host_config {
    uint64_t pciexbar; /* value after reset, as firmware would leave it: base | 1 (256 MiB), or 0 */
    /* PAM: region 0..11 from 0xc0000 by 16 KiB, 12 the 64 KiB from 0xf0000; bit 0: reads, bit 1:
     * writes go to memory. Called with the device's lock held, also at reset; may be NULL. */
    void (*pam)(void *opaque, unsigned region, unsigned attributes);
    void *pam_opaque;
};

void q35_host_configure(struct dev *dev, const struct q35_host_config *config);

/* Where the guest has put the ECAM window; 0: nowhere. */
uint64_t q35_host_ecam(struct dev *dev);

struct pci_bus *q35_host_bus(struct dev *dev);

#endif
