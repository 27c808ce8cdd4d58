/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi: the PC boards' ACPI tables [ACPI 5], made in C: RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET, MCFG,
 * SRAT, DSDT. They are built for the address that they will have.
 */
#ifndef QUAD_BOARD_ACPI_H
#define QUAD_BOARD_ACPI_H

#include "base/base.h"

#define ACPI_GPE_CPU 2   /* of the processors' hot-plug */
#define ACPI_GSI_PIRQ 16 /* PIRQA..H end in I/O APIC inputs 16..23 */

/* What the tables say; addresses 0 mean that the part is not there. */
struct acpi_config {
    bool no_legacy;        /* neither 8259s nor CMOS clock, keyboard, timer and speaker */
    unsigned cpus;         /* all that there may ever be */
    uint64_t cpus_present; /* bit a processor */
    uint16_t cpu_hotplug;  /* port of the controller; general-purpose event 2 is its */
    uint16_t pm_base; /* ICH9 layout: PM1 events +0, control +4, timer +8, GPE0 +0x20 */
    uint16_t smi_cmd;
    uint8_t acpi_enable, acpi_disable;
    uint8_t gpe0_len;
    uint8_t sci_irq;
    uint8_t slp_typ_s5;
    uint32_t ioapic, lapic, hpet, ecam;
    uint32_t hpet_block_id;
    uint32_t pci_start, pci_end;     /* memory for PCI devices below 4 GiB: [start, end) */
    uint64_t ram_low, ram_high;      /* bytes of RAM from 0 and from 4 GiB */
    uint64_t hot, hot_size;          /* where memory may come */
    uint64_t pci64_start, pci64_end; /* above 4 GiB */
    uint16_t pvpanic, fw_cfg;        /* ports */
    uint32_t generation;             /* memory with the generation id */
    unsigned generation_event;       /* GPE that tells that it changed */
    bool screen;                     /* a VGA */
    unsigned serials;                /* COM1.. */
    uint8_t pirq_irq[8];             /* where PIRQA..H end without an I/O APIC */
    /* Which of the eight lines a PCI function's pin (1..4) ends in. */
    unsigned (*pirq_of)(uint8_t devfn, unsigned pin);
};

/* Guest-physical places. FACS is written by the guest and needs RAM; the rest may be ROM. */
struct acpi_place {
    uint64_t tables; /* 16-aligned: RSDP first */
    uint64_t facs;   /* 64-aligned */
};

#define ACPI_FACS_SIZE 64

/* Fills buf (`size` bytes, to be put at place->tables) and facs[64]; *used: bytes of buf.
 * ENOSPC when it does not fit. */
int acpi_build(const struct acpi_config *c, const struct acpi_place *place, uint8_t *buf,
               size_t size, size_t *used, uint8_t facs[ACPI_FACS_SIZE], struct error *err);

#endif
