/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * micro-1: a machine for kernels that need nothing of an old PC: local APICs, an I/O APIC, ACPI's power
 * registers, a PCI bus, a serial port, memory. What is not there need not be looked for, calibrated or
 * waited for, and a guest is up sooner.
 *
 *     I/O APIC input 4  serial port     9  ACPI     16..23  PIRQA..H
 *
 * A system must take its time from the local APIC and from the TSC, whose rate kvm-clock tells (every
 * stock Linux can). The kernel is loaded, best by its PVH entry; there is no firmware.
 *
 * Not there: 8259, PIT, HPET, RTC, keyboard controller, DMA, second serial port, display, LPC bridge,
 * memory-mapped PCI configuration, processors and memory that come later.
 */
#include "arch/x86/cpu.h"
#include "board/acpi.h"
#include "board/board.h"
#include "board/loader.h"
#include "board/pc.h"
#include "core/machine.h"
#include "dev/acpi_pm_ich9.h"
#include "dev/ioapic_82093aa.h"
#include "dev/pci/pci.h"
#include "dev/pci/q35_host.h"
#include "dev/pvpanic.h"
#include "dev/reset_control.h"
#include "dev/serial_16550.h"

#define PM_BASE 0x600
#define APM_PORT 0xb2
#define SCI_IRQ 9
#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ 4
#define PVPANIC_PORT 0x505
#define ACPI_TABLES 0xe0000u
#define ACPI_ROOM 0x10000u
#define ACPI_FACS 0x9f400u
#define ACPI_NVS 0x9f000u /* the page of low RAM with the FACS */
#define PCI64_SIZE (UINT64_C(32) << 30)

struct micro {
    struct board board;
    struct board_config config;
    struct dev *ioapic, *pm, *reset, *host, *serial, *panic;
};

extern const struct board_type board_micro_1;

/* ------------------------------------------------------------------------------------- memory */

static int add_memory(struct micro *u, struct error *err)
{
    struct mem *mem = &u->board.machine->mem;
    const struct memmap *map = &u->board.map;
    int rc = mem_add(mem, "ram.low", SLOT_RAM, 0, PC_LOW_RAM_END, NULL, err);

    if (!rc)
        rc = mem_add(mem, "rom", SLOT_ROM, PC_ROM_BASE, PC_ROM_END - PC_ROM_BASE, NULL, err);
    if (!rc)
        rc = mem_add(mem, "ram.main", SLOT_RAM, PC_ROM_END, map->low_top - PC_ROM_END, NULL, err);
    if (!rc && map->ram > map->low_top)
        rc = mem_add(mem, "ram.high", SLOT_RAM, PC_HIGH_RAM_BASE, map->ram - map->low_top, NULL,
                     err);
    return rc;
}

static void make_map(struct micro *u)
{
    struct memmap *map = &u->board.map;

    memmap_pc(map, u->config.memory, 0);
    map->range[0].size = ACPI_NVS;
    for (unsigned i = map->n++; i > 1; i--)
        map->range[i] = map->range[i - 1];
    map->range[1] = (struct memmap_range){ACPI_NVS, PC_LOW_RAM_END - ACPI_NVS, MEMMAP_NVS};
    map->rsdp = ACPI_TABLES;
}

/* ------------------------------------------------------------------------------------ devices */

static int add_chips(struct micro *u, struct error *err)
{
    struct machine *m = u->board.machine;

    if (dev_create(&ioapic_82093aa_type, "ioapic", m, &u->ioapic, err) ||
        dev_create(&acpi_pm_ich9_type, "acpi", m, &u->pm, err) ||
        dev_create(&reset_control_type, "reset", m, &u->reset, err) ||
        dev_create(&pvpanic_type, "pvpanic", m, &u->panic, err) ||
        dev_create(&serial_16550_type, "serial0", m, &u->serial, err))
        return -err->code;
    dev_map(u->ioapic, IOAPIC_82093AA_WIN_REGS, &m->mmio, PC_IOAPIC_BASE);
    m->eoi_broadcast = ioapic_82093aa_eoi;
    m->eoi_opaque = u->ioapic;
    acpi_pm_ich9_configure(u->pm, true, false);
    dev_map(u->pm, ACPI_PM_ICH9_WIN_PM, &m->ports, PM_BASE);
    dev_map(u->pm, ACPI_PM_ICH9_WIN_APM, &m->ports, APM_PORT);
    dev_wire(u->pm, ACPI_PM_ICH9_LINE_SCI, ioapic_82093aa_input(u->ioapic, SCI_IRQ));
    dev_map(u->reset, RESET_CONTROL_WIN_CF9, &m->ports, 0xcf9);
    dev_map(u->panic, PVPANIC_WIN_PORT, &m->ports, PVPANIC_PORT);
    serial_16550_configure(u->serial, u->config.serial[0]);
    dev_map(u->serial, SERIAL_16550_WIN_REGS, &m->ports, SERIAL_PORT);
    dev_wire(u->serial, SERIAL_16550_LINE_IRQ, ioapic_82093aa_input(u->ioapic, SERIAL_IRQ));
    return 0;
}

static int add_bus(struct micro *u, struct error *err)
{
    struct machine *m = u->board.machine;
    int rc = dev_create(&q35_host_type, "pci", m, &u->host, err);

    if (rc)
        return rc;
    q35_host_configure(u->host, &(struct q35_host_config){0});
    dev_map(u->host, Q35_HOST_WIN_CONFIG, &m->ports, 0xcf8);
    for (unsigned n = 0; n < PCI_PIRQS; n++)
        pci_bus_wire(q35_host_bus(u->host), n,
                     ioapic_82093aa_input(u->ioapic, ACPI_GSI_PIRQ + n));
    return 0;
}

/* ------------------------------------------------------------------------------------- tables */

static int put_acpi(struct micro *u, struct error *err)
{
    struct machine *m = u->board.machine;
    const struct memmap *map = &u->board.map;
    uint64_t pci64 = ALIGN_UP(PC_HIGH_RAM_BASE + (map->ram - map->low_top), PCI64_SIZE);
    const struct acpi_config c = {
        .no_legacy = true,
        .cpus = m->nvcpus,
        .cpus_present = UINT64_MAX,
        .pm_base = PM_BASE,
        .smi_cmd = APM_PORT,
        .acpi_enable = ACPI_PM_ICH9_ENABLE,
        .acpi_disable = ACPI_PM_ICH9_DISABLE,
        .gpe0_len = ACPI_PM_ICH9_GPE0_LEN,
        .sci_irq = SCI_IRQ,
        .slp_typ_s5 = ACPI_PM_ICH9_S5,
        .ioapic = PC_IOAPIC_BASE,
        .lapic = PC_LAPIC_BASE,
        .pvpanic = PVPANIC_PORT,
        .pci_start = PC_PCI_BASE,
        .pci_end = PC_PCI_END,
        .ram_low = map->low_top,
        .ram_high = map->ram - map->low_top,
        .pci64_start = pci64,
        .pci64_end = pci64 + PCI64_SIZE,
        .serials = 1,
        .pirq_irq = {SCI_IRQ, SCI_IRQ, SCI_IRQ, SCI_IRQ, SCI_IRQ, SCI_IRQ, SCI_IRQ, SCI_IRQ},
        .pirq_of = pci_pirq_of,
    };
    const struct acpi_place place = {.tables = ACPI_TABLES, .facs = ACPI_FACS};
    auto_free uint8_t *buf = xcalloc(1, ACPI_ROOM);
    uint8_t facs[ACPI_FACS_SIZE];
    size_t used;

    int rc = acpi_build(&c, &place, buf, ACPI_ROOM, &used, facs, err);
    if (rc)
        return rc;
    mem_load(&m->mem, ACPI_TABLES, buf, used);
    mem_write(&m->mem, ACPI_FACS, facs, sizeof(facs));
    return 0;
}

/* ---------------------------------------------------------------------------------- the board */

static int micro_load(struct board *b, struct loader *l, struct error *err)
{
    struct machine *m = b->machine;
    int rc = put_acpi(container_of(b, struct micro, board), err);

    if (!rc)
        rc = loader_load(l, m, &b->map, err);
    for (unsigned i = 0; !rc && i < m->nvcpus; i++) {
        pc_set_mtrrs(m->vcpus[i]->cpu);
        if (m->engine.type)
            rc = m->engine.type->vcpu_put(m->vcpus[i], ~0u, err);
    }
    return rc;
}

static void micro_destroy(struct board *b)
{
    if (b)
        free(container_of(b, struct micro, board));
}

static int check(const struct board_config *c, struct error *err)
{
    const uint64_t mib = UINT64_C(1) << 20;

    if (c->memory < 2 * mib || c->memory % mib)
        return fail(err, EINVAL, "memory: %" PRIu64 " bytes is no multiple of 1 MiB from 2 up",
                    c->memory);
    if (c->firmware)
        return fail(err, EINVAL, "board micro starts kernels, no firmware; try: --board pc-1");
    if (c->screen)
        return fail(err, EINVAL, "board micro has no display; try: --board pc-1");
    return 0;
}

static int micro_create(struct board **out, struct machine *m, const struct board_config *config,
                        struct error *err)
{
    int rc = check(config, err);

    if (rc)
        return rc;
    struct micro *u = xcalloc(1, sizeof(*u));
    u->board = (struct board){.type = &board_micro_1, .machine = m};
    u->config = *config;
    make_map(u);
    rc = add_memory(u, err);
    for (unsigned i = 0; !rc && i < config->cpus; i++)
        rc = machine_add_vcpu(m, err);
    if (!rc)
        rc = add_chips(u, err);
    if (!rc)
        rc = add_bus(u, err);
    *out = &u->board; /* devices hold wires into it: the caller destroys it after them */
    return rc;
}

static int micro_add_pci(struct board *b, struct dev *dev, struct error *err)
{
    struct pci_bus *bus = q35_host_bus(container_of(b, struct micro, board)->host);
    unsigned slot = 1;

    while (slot < 31 && bus->fn[PCI_DEVFN(slot, 0)])
        slot++;
    return pci_add(bus, dev, PCI_DEVFN(slot, 0), err);
}

static void micro_power_button(struct board *b)
{
    acpi_pm_ich9_power_button(container_of(b, struct micro, board)->pm);
}

const struct board_type board_micro_1 = {
    .name = "micro-1",
    .help = "no parts of an old PC: PCI, one serial port, ACPI; starts sooner",
    .console = "ttyS0",
    .create = micro_create,
    .load = micro_load,
    .add_pci = micro_add_pci,
    .power_button = micro_power_button,
    .destroy = micro_destroy,
};
