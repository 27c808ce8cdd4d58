/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ioapic_82093aa: I/O APIC with 24 inputs; delivers by message through machine->arch->msi_send.
 *
 * The board maps WIN_REGS at 0xfec00000, feeds the inputs, and sets machine->eoi_broadcast =
 * ioapic_82093aa_eoi with the device as opaque. msi_send is called with this device's lock held;
 * eoi must not be called with a lock held that msi_send takes.
 */
#ifndef QUAD_DEV_IOAPIC_82093AA_H
#define QUAD_DEV_IOAPIC_82093AA_H

#include "core/dev.h"

extern const struct dev_type ioapic_82093aa_type;

#define IOAPIC_82093AA_PINS 24

enum { IOAPIC_82093AA_WIN_REGS };

struct irq ioapic_82093aa_input(struct dev *dev, unsigned pin);

/* End of interrupt of a level-triggered vector, by broadcast from a local APIC. Any thread. */
void ioapic_82093aa_eoi(void *dev, uint8_t vector);

#endif
