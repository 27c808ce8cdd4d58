/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     \_SB.PCI0        host bridge: windows, interrupt routing (_PRT by _PIC)
 *     \_SB.PCI0.LPC    what sits behind the LPC bridge: RTC, keyboard, serial ports ...
 *     \_SB.Cnnn        processors (acpi_cpus.c)
 *     \_SB.VGEN        the machine's generation, and \_GPE._Enn that says it is another one
 *     \_S5             soft off
 */
#include "board/acpi_dsdt.h"

#include <stdio.h>

#include "board/acpi_cpus.h"
#include "board/aml.h"

static void hid(struct aml *a, const char *id)
{
    aml_name(a, "_HID");
    aml_eisaid(a, id);
}

static void put_pci_windows(struct aml *a, const struct acpi_config *c)
{
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_bus_window(a, 0, 255);
    aml_io(a, 0xcf8, 8);
    aml_io_window(a, 0, 0xcf7);
    aml_io_window(a, 0xd00, 0xffff);
    aml_memory_window32(a, 0xa0000, 0xbffff);
    aml_memory_window32(a, c->pci_start, c->pci_end - 1);
    if (c->pci64_start)
        aml_memory_window64(a, c->pci64_start, c->pci64_end - 1);
    aml_end(a);
}

/* Every slot's four pins: {address, pin, 0, global interrupt}. With I/O APIC the PIRQs are inputs
 * 16..23, without it the 8259 inputs that they are routed to. */
static void put_routes(struct aml *a, const struct acpi_config *c, const char *name, bool apic)
{
    aml_name(a, name);
    aml_package_begin(a, 128);
    for (unsigned slot = 0; slot < 32; slot++)
        for (unsigned pin = 1; pin <= 4; pin++) {
            unsigned pirq = c->pirq_of((uint8_t)(slot << 3), pin) & 7;
            aml_package_begin(a, 4);
            aml_int(a, (uint64_t)slot << 16 | 0xffff);
            aml_int(a, pin - 1);
            aml_int(a, 0);
            aml_int(a, apic ? ACPI_GSI_PIRQ + pirq : c->pirq_irq[pirq]);
            aml_end(a);
        }
    aml_end(a);
}

static void put_prt(struct aml *a, const struct acpi_config *c)
{
    put_routes(a, c, "PRTA", true);
    put_routes(a, c, "PRTP", false);
    aml_method_begin(a, "_PRT", 0);
    aml_if_begin(a);
    aml_path(a, "\\PICF");
    aml_op(a, AML_RETURN);
    aml_path(a, "PRTA");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_path(a, "PRTP");
    aml_end(a);
}

struct isa_device {
    const char *name, *id;
    uint16_t io[2];
    uint8_t io_len[2];
    uint8_t irq; /* 0: none */
};

static void put_isa_device(struct aml *a, const struct isa_device *d)
{
    aml_device_begin(a, d->name);
    hid(a, d->id);
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    for (unsigned i = 0; i < 2; i++)
        if (d->io_len[i])
            aml_io(a, d->io[i], d->io_len[i]);
    if (d->irq)
        aml_irq(a, d->irq);
    aml_end(a);
    aml_end(a);
}

static void put_serial(struct aml *a, unsigned n)
{
    static const struct {
        uint16_t io;
        uint8_t irq;
    } at[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
    char name[16];

    snprintf(name, sizeof(name), "COM%u", n + 1);
    aml_device_begin(a, name);
    hid(a, "PNP0501");
    aml_name_int(a, "_UID", n + 1);
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_io(a, at[n].io, 8);
    aml_irq(a, at[n].irq);
    aml_end(a);
    aml_end(a);
}

/* Devices that are known by name rather than by a PNP id. */
static void put_named_device(struct aml *a, const char *name, const char *id, uint16_t port,
                             uint8_t len)
{
    if (!port)
        return;
    aml_device_begin(a, name);
    aml_name(a, "_HID");
    aml_string(a, id);
    aml_name_int(a, "_STA", 0xb); /* present, decoding, working; not shown to people */
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_io(a, port, len);
    aml_end(a);
    aml_end(a);
}

static void put_lpc(struct aml *a, const struct acpi_config *c)
{
    static const struct isa_device devices[] = {
        {"RTC", "PNP0B00", {0x70}, {8}, 8},
        {"KBD", "PNP0303", {0x60, 0x64}, {1, 1}, 1},
        {"MOU", "PNP0F13", {0}, {0}, 12},
        {"SPKR", "PNP0800", {0x61}, {1}, 0},
    };

    aml_device_begin(a, "LPC");
    aml_name_int(a, "_ADR", 0x001f0000);
    for (size_t i = 0; !c->no_legacy && i < ARRAY_LEN(devices); i++)
        put_isa_device(a, &devices[i]);
    for (unsigned i = 0; i < c->serials; i++)
        put_serial(a, i);
    put_named_device(a, "PEVT", "QEMU0001", c->pvpanic, 1);
    put_named_device(a, "FWCF", "QEMU0002", c->fw_cfg, 12);
    aml_end(a);
}

/* Claimed by the board: ports and memory that no driver may take [ACPI 6.1.5: PNP0C02]. */
static void put_motherboard(struct aml *a, const struct acpi_config *c)
{
    aml_device_begin(a, "MBRD");
    hid(a, "PNP0C02");
    aml_name_int(a, "_UID", 1);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_io(a, c->pm_base, 128);
    aml_io(a, c->smi_cmd, 2);
    aml_io(a, 0x4d0, 2);
    if (c->cpu_hotplug)
        aml_io(a, c->cpu_hotplug, 12);
    if (c->ecam)
        aml_memory32(a, c->ecam, 0x10000000, true);
    aml_end(a);
    aml_end(a);
}

static void put_hpet_device(struct aml *a, const struct acpi_config *c)
{
    if (!c->hpet)
        return;
    aml_device_begin(a, "HPET");
    hid(a, "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_memory32(a, c->hpet, 0x400, false);
    aml_end(a);
    aml_end(a);
}

/* [VMGENID]: ADDR is {low, high} half of the id's address. */
static void put_generation(struct aml *a, const struct acpi_config *c)
{
    if (!c->generation)
        return;
    aml_device_begin(a, "VGEN");
    aml_name(a, "_HID");
    aml_string(a, "QUAD0001");
    aml_name(a, "_CID");
    aml_string(a, "VM_Gen_Counter");
    aml_name(a, "_DDN");
    aml_string(a, "VM_Gen_Counter");
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "ADDR");
    aml_package_begin(a, 2);
    aml_int(a, c->generation);
    aml_int(a, 0);
    aml_end(a);
    aml_end(a);
}

static void put_events(struct aml *a, const struct acpi_config *c)
{
    char name[16];

    if (!c->generation)
        return;
    snprintf(name, sizeof(name), "_E%02X", c->generation_event & 0xff);
    aml_scope_begin(a, "\\_GPE");
    aml_method_begin(a, name, 0);
    aml_op(a, AML_NOTIFY);
    aml_path(a, "\\_SB.VGEN");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);
}

static void put_pci(struct aml *a, const struct acpi_config *c)
{
    aml_device_begin(a, "PCI0");
    hid(a, "PNP0A08");
    aml_name(a, "_CID");
    aml_eisaid(a, "PNP0A03");
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_SEG", 0);
    put_pci_windows(a, c);
    put_prt(a, c);
    put_lpc(a, c);
    aml_end(a);
}

bool acpi_dsdt(const struct acpi_config *c, uint8_t *buf, size_t size, size_t *len)
{
    struct aml a;

    aml_init(&a, buf, size);
    /* The system tells by _PIC which interrupt controllers it uses: 1: I/O APIC. */
    aml_name_int(&a, "\\PICF", 0);
    aml_method_begin(&a, "\\_PIC", 1);
    aml_op(&a, AML_STORE);
    aml_arg(&a, 0);
    aml_path(&a, "\\PICF");
    aml_end(&a);
    aml_scope_begin(&a, "\\_SB");
    put_pci(&a, c);
    put_motherboard(&a, c);
    put_hpet_device(&a, c);
    put_generation(&a, c);
    acpi_put_cpus(&a, c);
    aml_end(&a);
    put_events(&a, c);
    acpi_put_cpu_event(&a, c);
    aml_name(&a, "\\_S5");
    aml_package_begin(&a, 4);
    aml_int(&a, c->slp_typ_s5);
    aml_int(&a, c->slp_typ_s5);
    aml_int(&a, 0);
    aml_int(&a, 0);
    aml_end(&a);
    *len = a.n;
    return !a.full;
}
