/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ich9_lpc: LPC bridge of the ICH9 (8086:2918), function 00:1f.0: PMBASE, routing of the eight PCI
 * interrupt lines to ISA interrupts, root complex registers.
 *
 * The board adds it with pci_add(bus, dev, PCI_DEVFN(31, 0)), connects the bus' PIRQ lines to
 * ich9_lpc_pirq(n), wires LINE_GSI16 + n to I/O APIC input 16 + n, and LINE_ISA0 + n (n = 3..7,
 * 9..12, 14, 15) to the 8259's input n beside the ISA device that uses it.
 */
#ifndef QUAD_DEV_PCI_ICH9_LPC_H
#define QUAD_DEV_PCI_ICH9_LPC_H

#include "core/dev.h"

extern const struct dev_type ich9_lpc_type;

enum { ICH9_LPC_WIN_RCBA }; /* 16 KiB; mapped by the device */
enum { ICH9_LPC_LINE_GSI16, ICH9_LPC_LINE_ISA0 = 8, ICH9_LPC_LINES = 24 };

struct ich9_lpc_config {
    struct window *pm;    /* the ACPI block, moved to where PMBASE says; may be NULL */
    uint16_t pmbase;      /* values after reset, as firmware would leave them; 0: disabled */
    uint32_t rcba;
    uint8_t pirq_route[8]; /* PIRQA..H: ISA interrupt, or 0x80: none */
};

void ich9_lpc_configure(struct dev *dev, const struct ich9_lpc_config *config);

/* Input line PIRQA (0) .. PIRQH (7), active high. */
struct irq ich9_lpc_pirq(struct dev *dev, unsigned n);

#endif
