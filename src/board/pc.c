/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pc-1: a PC with the parts of the Q35 chipset that systems look for.
 *
 *     ISA 0  timer (I/O APIC input 2)    ISA 1  keyboard     ISA 3, 4  serial ports
 *     ISA 8  RTC                         ISA 9  ACPI         ISA 12    mouse
 *     ISA 14, 15  IDE, where drives are on it
 *     PIRQA..H: I/O APIC inputs 16..23, or the ISA interrupts 10 and 11
 *
 * Every ISA interrupt goes to the 8259 pair and to the I/O APIC (irq_fanout). With firmware the
 * machine starts at its reset vector and the tables are files for it (pc_firmware). Without,
 * pc_load() leaves the chips as firmware would and puts ACPI and SMBIOS tables into ROM.
 *
 * The machine's generation id lies at PC_GENERATION_ID; general-purpose event 5 says that it is new.
 *
 * Not modelled: SMM and SMRAM, floppy, parallel port; PAM registers where no firmware is (the
 * ROM area is always ROM then).
 */
#include "board/pc.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "board/acpi.h"
#include "board/acpi_files.h"
#include "board/bios16.h"
#include "board/loader.h"
#include "board/pc_firmware.h"
#include "board/smbios.h"
#include "core/machine.h"
#include "dev/acpi_pm_ich9.h"
#include "dev/ata/ahci_ich9.h"
#include "dev/ata/ide_piix3.h"
#include "dev/cpu_hotplug.h"
#include "dev/debugcon.h"
#include "dev/dma_i8237.h"
#include "dev/flash_28f.h"
#include "dev/fw_cfg.h"
#include "dev/hpet.h"
#include "dev/i6300esb.h"
#include "dev/i8042.h"
#include "dev/ioapic_82093aa.h"
#include "dev/pci/ich9_lpc.h"
#include "dev/pci/pci.h"
#include "dev/pci/q35_host.h"
#include "dev/pic_i8259.h"
#include "dev/pit_i8254.h"
#include "dev/coproc_ich9.h"
#include "dev/post_port.h"
#include "dev/pvpanic.h"
#include "dev/reset_control.h"
#include "dev/rtc_mc146818.h"
#include "dev/serial_16550.h"
#include "dev/vga_bochs.h"
#include "dev/vmgenid.h"

#define PM_BASE 0x600
#define APM_PORT 0xb2
#define CPU_HOTPLUG_PORT 0xcd8
#define SCI_IRQ 9
#define GENERATION_GPE 5
#define PVPANIC_PORT 0x505
#define FW_CFG_PORT 0x510
#define ACPI_TABLES 0xe0000u
#define ACPI_ROOM 0x10000u
#define SMBIOS_TABLES 0xf1000u /* behind bios16, before its table */
#define SMBIOS_ROOM 0x6000u
#define EBDA 0x9f000u /* the last page of low RAM; its first byte is its size */
#define ACPI_FACS 0x9f400u
#define PCI64_SIZE (UINT64_C(32) << 30)
#define HOT_SLOTS 4

enum { A20_PORT92, A20_KBD };

/* Where PIRQA..H go in the 8259s. */
static const uint8_t pirq_irq[PCI_PIRQS] = {10, 10, 11, 11, 10, 10, 11, 11};

struct pc {
    struct board board;
    struct board_config config;
    struct pc_firmware firmware;
    struct dev *cpus; /* hot-plug; NULL: there is room for no more */
    struct dev *pic, *ioapic, *pit, *hpet, *rtc, *pm, *reset, *kbd, *fw_cfg, *generation;
    struct dev *serial[BOARD_SERIALS];
    struct dev *host, *lpc;
    struct dev *vga; /* NULL: there is none */
    struct dev *ahci, *ide; /* NULL: no drive is on it */
    unsigned n_sata, n_ide;
    struct mem_slot *hot[HOT_SLOTS]; /* in the order of their addresses; mapped as they are needed */
    unsigned n_hot;
    struct irq_or pic_in[16];   /* source 0 the ISA device, 1 the LPC bridge's PIRQs */
    struct irq_or ioapic_in[8]; /* inputs 16..23; source 0 the PIRQ, 1 the HPET */
    struct irq_fanout isa[16];
    struct irq isa_line[16];
    uint32_t a20; /* atomic: bit per source that enables it */
};

/* ------------------------------------------------------------------------------------ memory */

/* Room for memory that may come: slots of equal size (but the last), not mapped before they are
 * wanted, so that a guest cannot use what it was not offered. */
static int add_hot_memory(struct pc *pc, struct error *err)
{
    static const char *const names[HOT_SLOTS] = {"ram.hot0", "ram.hot1", "ram.hot2", "ram.hot3"};
    struct mem *mem = &pc->board.machine->mem;
    const struct memmap *map = &pc->board.map;
    uint64_t each = ALIGN_UP(map->hot_size / HOT_SLOTS, MEMMAP_HOT_BLOCK);
    int rc = 0;

    for (uint64_t at = 0; !rc && at < map->hot_size; at += each) {
        rc = mem_add(mem, names[pc->n_hot], SLOT_RAM, map->hot + at, MIN(each, map->hot_size - at),
                     &pc->hot[pc->n_hot], err);
        if (!rc)
            mem_unmap(mem, pc->hot[pc->n_hot++]);
    }
    return rc;
}

static int add_memory(struct pc *pc, struct error *err)
{
    struct mem *mem = &pc->board.machine->mem;
    const struct memmap *map = &pc->board.map;
    int rc = mem_add(mem, "ram.low", SLOT_RAM, 0, PC_LOW_RAM_END, NULL, err);

    if (!rc && pc->config.firmware)
        rc = pc_firmware_memory(&pc->firmware, pc->board.machine, pc->config.firmware, err);
    else if (!rc)
        rc = mem_add(mem, "rom", SLOT_ROM, PC_ROM_BASE, PC_ROM_END - PC_ROM_BASE, NULL, err);
    if (!rc)
        rc = mem_add(mem, "ram.main", SLOT_RAM, PC_ROM_END, map->low_top - PC_ROM_END, NULL, err);
    if (!rc && map->ram > map->low_top)
        rc = mem_add(mem, "ram.high", SLOT_RAM, PC_HIGH_RAM_BASE, map->ram - map->low_top, NULL,
                     err);
    return rc ? rc : add_hot_memory(pc, err);
}

/* The PC layout; without firmware, which makes its own, with the page of low RAM that ACPI keeps. */
static void make_map(struct pc *pc)
{
    struct memmap *map = &pc->board.map;

    memmap_pc(map, pc->config.memory, pc->config.memory_max);
    if (pc->config.firmware)
        return;
    map->range[0].size = EBDA;
    for (unsigned i = map->n++; i > 1; i--)
        map->range[i] = map->range[i - 1];
    map->range[1] = (struct memmap_range){EBDA, PC_LOW_RAM_END - EBDA, MEMMAP_NVS};
    map->rsdp = ACPI_TABLES;
}

/* ------------------------------------------------------------------------------------- wires */

/* Address line 20 is let through while any source says so; on change every vCPU must forget its
 * translations. */
static void a20_set(void *opaque, unsigned source, bool level)
{
    struct pc *pc = opaque;
    struct machine *m = pc->board.machine;
    uint32_t old = level ? __atomic_fetch_or(&pc->a20, 1u << source, __ATOMIC_SEQ_CST)
                         : __atomic_fetch_and(&pc->a20, ~(1u << source), __ATOMIC_SEQ_CST);
    uint32_t now = level ? old | 1u << source : old & ~(1u << source);

    if (!old == !now)
        return;
    __atomic_store_n(&m->a20_mask, now ? UINT64_MAX : ~(UINT64_C(1) << 20), __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < m->nvcpus; i++)
        vcpu_request(m->vcpus[i], REQ_FLUSH);
}

static void intr_set(void *opaque, unsigned n, bool level)
{
    (void)n;
    lapic_lint0(opaque, level);
}

static void ignne_set(void *opaque, unsigned n, bool level)
{
    struct machine *m = opaque;

    (void)n;
    __atomic_store_n(&m->ignne, level, __ATOMIC_RELAXED);
}

/* ISA interrupt n ends in the 8259s and the I/O APIC; the timer in input 2 there. */
static void wire_isa(struct pc *pc)
{
    for (unsigned n = 0; n < 16; n++) {
        struct irq_fanout *f = &pc->isa[n];
        if (n == 2)
            continue; /* the cascade */
        pc->pic_in[n].out = pic_i8259_input(pc->pic, n);
        f->out[f->n++] = irq_or_line(&pc->pic_in[n], 0);
        f->out[f->n++] = ioapic_82093aa_input(pc->ioapic, n ? n : 2);
        pc->isa_line[n] = irq_fanout_line(f);
    }
    for (unsigned n = 0; n < ARRAY_LEN(pc->ioapic_in); n++)
        pc->ioapic_in[n].out = ioapic_82093aa_input(pc->ioapic, 16 + n);
}

/* ----------------------------------------------------------------------------------- devices */

static int add_interrupts(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;

    if (dev_create(&pic_i8259_type, "pic", m, &pc->pic, err) ||
        dev_create(&ioapic_82093aa_type, "ioapic", m, &pc->ioapic, err))
        return -err->code;
    dev_map(pc->pic, PIC_I8259_WIN_MASTER, &m->ports, 0x20);
    dev_map(pc->pic, PIC_I8259_WIN_SLAVE, &m->ports, 0xa0);
    dev_map(pc->pic, PIC_I8259_WIN_ELCR, &m->ports, 0x4d0);
    dev_wire(pc->pic, PIC_I8259_LINE_INTR, (struct irq){intr_set, m, 0});
    m->extint_ack = pic_i8259_ack;
    m->extint_opaque = pc->pic;
    dev_map(pc->ioapic, IOAPIC_82093AA_WIN_REGS, &m->mmio, PC_IOAPIC_BASE);
    m->eoi_broadcast = ioapic_82093aa_eoi;
    m->eoi_opaque = pc->ioapic;
    wire_isa(pc);
    return 0;
}

/* The PIT's and the RTC's interrupts pass through the HPET, which can take their place. */
static int add_timers(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;

    if (dev_create(&hpet_type, "hpet", m, &pc->hpet, err) ||
        dev_create(&pit_i8254_type, "pit", m, &pc->pit, err) ||
        dev_create(&rtc_mc146818_type, "rtc", m, &pc->rtc, err))
        return -err->code;
    dev_map(pc->hpet, HPET_WIN_REGS, &m->mmio, PC_HPET_BASE);
    dev_wire(pc->hpet, HPET_LINE_IRQ0, pc->isa_line[0]);
    dev_wire(pc->hpet, HPET_LINE_IRQ8, pc->isa_line[8]);
    for (unsigned pin = 20; pin < 24; pin++)
        dev_wire(pc->hpet, HPET_LINE_PIN0 + pin, irq_or_line(&pc->ioapic_in[pin - 16], 1));
    dev_map(pc->pit, PIT_I8254_WIN_COUNTERS, &m->ports, 0x40);
    dev_map(pc->pit, PIT_I8254_WIN_PORT61, &m->ports, 0x61);
    dev_wire(pc->pit, PIT_I8254_LINE_OUT0, hpet_input(pc->hpet, 0));
    dev_map(pc->rtc, RTC_MC146818_WIN_PORTS, &m->ports, 0x70);
    dev_wire(pc->rtc, RTC_MC146818_LINE_IRQ, hpet_input(pc->hpet, 1));
    rtc_mc146818_configure(pc->rtc, pc->board.map.low_top,
                           pc->board.map.ram - pc->board.map.low_top);
    return 0;
}

static int add_power(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;

    if (dev_create(&acpi_pm_ich9_type, "acpi", m, &pc->pm, err) ||
        dev_create(&reset_control_type, "reset", m, &pc->reset, err) ||
        dev_create(&vmgenid_type, "generation", m, &pc->generation, err))
        return -err->code;
    dev_map(pc->generation, VMGENID_WIN_ID, &m->mmio, PC_GENERATION_ID);
    acpi_pm_ich9_configure(pc->pm, true, pc->config.firmware != NULL);
    dev_map(pc->pm, ACPI_PM_ICH9_WIN_APM, &m->ports, APM_PORT);
    dev_wire(pc->pm, ACPI_PM_ICH9_LINE_SCI, pc->isa_line[SCI_IRQ]);
    dev_map(pc->reset, RESET_CONTROL_WIN_CF9, &m->ports, 0xcf9);
    dev_map(pc->reset, RESET_CONTROL_WIN_PORT92, &m->ports, 0x92);
    dev_wire(pc->reset, RESET_CONTROL_LINE_A20, (struct irq){a20_set, pc, A20_PORT92});
    return 0;
}

/* Out of the machine, or, where a saved state says so, in it. */
static void cpu_set(void *opaque, unsigned n, bool present)
{
    struct pc *pc = opaque;
    struct machine *m = pc->board.machine;

    if (!present)
        machine_remove_vcpu(m, n);
    else
        __atomic_store_n(&m->vcpus[n]->absent, false, __ATOMIC_SEQ_CST);
}

static void gpe_set(void *opaque, unsigned n, bool level)
{
    if (level)
        acpi_pm_ich9_gpe(opaque, n);
}

/* All that there may ever be; those beyond the first are absent. */
static int add_cpus(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    unsigned now = pc->config.cpus, possible = MAX(pc->config.cpus_max, now);
    int rc = 0;

    for (unsigned i = 0; !rc && i < possible; i++)
        rc = machine_add_vcpu(m, err);
    for (unsigned i = now; !rc && i < possible; i++)
        m->vcpus[i]->absent = true;
    if (rc || possible == now)
        return rc;
    rc = dev_create(&cpu_hotplug_type, "cpus", m, &pc->cpus, err);
    if (rc)
        return rc;
    cpu_hotplug_configure(pc->cpus, possible, now, cpu_set, pc);
    dev_map(pc->cpus, CPU_HOTPLUG_WIN_REGS, &m->ports, CPU_HOTPLUG_PORT);
    dev_wire(pc->cpus, CPU_HOTPLUG_LINE_EVENT, (struct irq){gpe_set, pc->pm, ACPI_GPE_CPU});
    return 0;
}

/* Bus 0 with the host bridge and the LPC bridge, which also places the ACPI registers. */
static int add_pci(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    struct ich9_lpc_config lpc = {
        .pm = &pc->pm->windows[ACPI_PM_ICH9_WIN_PM],
        .pmbase = PM_BASE,
    };

    struct dev *watchdog;

    memcpy(lpc.pirq_route, pirq_irq, sizeof(lpc.pirq_route));
    if (dev_create(&q35_host_type, "pci", m, &pc->host, err) ||
        dev_create(&ich9_lpc_type, "lpc", m, &pc->lpc, err))
        return -err->code;
    q35_host_configure(pc->host, &(struct q35_host_config){
                                     .pciexbar = PC_ECAM_BASE | 1,
                                     .pam = pc->config.firmware ? pc_firmware_pam : NULL,
                                     .pam_opaque = &pc->firmware});
    dev_map(pc->host, Q35_HOST_WIN_CONFIG, &m->ports, 0xcf8);
    struct pci_bus *bus = q35_host_bus(pc->host);
    ich9_lpc_configure(pc->lpc, &lpc);
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        pci_bus_wire(bus, n, ich9_lpc_pirq(pc->lpc, n));
        dev_wire(pc->lpc, ICH9_LPC_LINE_GSI16 + n, irq_or_line(&pc->ioapic_in[n], 0));
    }
    for (unsigned n = 3; n < 16; n++)
        if (n != 8 && n != 13)
            dev_wire(pc->lpc, ICH9_LPC_LINE_ISA0 + n, irq_or_line(&pc->pic_in[n], 1));
    int rc = pci_add(bus, pc->lpc, PCI_DEVFN(31, 0), err);
    if (!rc)
        rc = dev_create(&i6300esb_type, "watchdog", m, &watchdog, err);
    return rc ? rc : pci_add(bus, watchdog, PCI_DEVFN(30, 0), err);
}

static int add_keyboard(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;

    if (dev_create(&i8042_type, "kbd", m, &pc->kbd, err))
        return -err->code;
    dev_map(pc->kbd, I8042_WIN_DATA, &m->ports, 0x60);
    dev_map(pc->kbd, I8042_WIN_COMMAND, &m->ports, 0x64);
    dev_wire(pc->kbd, I8042_LINE_KBD, pc->isa_line[1]);
    dev_wire(pc->kbd, I8042_LINE_AUX, pc->isa_line[12]);
    dev_wire(pc->kbd, I8042_LINE_A20, (struct irq){a20_set, pc, A20_KBD});
    return 0;
}

/* Ports that only answer. */
static int add_ports(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    struct dev *dma, *post, *debug, *panic, *coproc;

    if (dev_create(&dma_i8237_type, "dma", m, &dma, err) ||
        dev_create(&post_port_type, "post", m, &post, err) ||
        dev_create(&debugcon_type, "debugcon", m, &debug, err) ||
        dev_create(&pvpanic_type, "pvpanic", m, &panic, err) ||
        dev_create(&coproc_ich9_type, "coproc", m, &coproc, err))
        return -err->code;
    dev_map(dma, DMA_I8237_WIN_LOW, &m->ports, 0x00);
    dev_map(dma, DMA_I8237_WIN_HIGH, &m->ports, 0xc0);
    dev_map(dma, DMA_I8237_WIN_PAGES, &m->ports, 0x81);
    dev_map(post, POST_PORT_WIN_PORT, &m->ports, 0x80);
    debugcon_configure(debug, pc->config.debug);
    dev_map(debug, DEBUGCON_WIN_PORT, &m->ports, 0x402);
    dev_map(panic, PVPANIC_WIN_PORT, &m->ports, PVPANIC_PORT);
    dev_map(coproc, COPROC_ICH9_WIN_PORT, &m->ports, 0xf0);
    dev_wire(coproc, COPROC_ICH9_LINE_IRQ, pc->isa_line[13]);
    dev_wire(coproc, COPROC_ICH9_LINE_IGNNE, (struct irq){ignne_set, m, 0});
    m->ferr = coproc_ich9_ferr(coproc);
    return 0;
}

/* The memory map as firmware finds it: 20 bytes an entry. */
static int put_fw_e820(struct pc *pc, struct error *err)
{
    const struct memmap *map = &pc->board.map;
    uint8_t e820[20 * MEMMAP_MAX];

    for (unsigned i = 0; i < map->n; i++) {
        st_le64(e820 + 20 * (size_t)i, map->range[i].start);
        st_le64(e820 + 20 * (size_t)i + 8, map->range[i].size);
        st_le32(e820 + 20 * (size_t)i + 16, map->range[i].type);
    }
    return fw_cfg_add_file(pc->fw_cfg, "etc/e820", e820, 20 * (size_t)map->n, err);
}

static int add_fw_cfg(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    uint8_t ram[8], max[2];

    if (dev_create(&fw_cfg_type, "fw_cfg", m, &pc->fw_cfg, err))
        return -err->code;
    dev_map(pc->fw_cfg, FW_CFG_WIN_PORTS, &m->ports, FW_CFG_PORT);
    dev_map(pc->fw_cfg, FW_CFG_WIN_DMA, &m->ports, FW_CFG_PORT + 4);
    st_le64(ram, pc->board.map.ram);
    st_le16(max, (uint16_t)m->nvcpus);
    if (fw_cfg_add_item(pc->fw_cfg, FW_CFG_KEY_RAM_SIZE, ram, sizeof(ram), err) ||
        fw_cfg_add_item(pc->fw_cfg, FW_CFG_KEY_MAX_CPUS, max, sizeof(max), err))
        return -err->code;
    if (pc->board.map.hot >= PC_HIGH_RAM_BASE) { /* firmware puts nothing below that */
        st_le64(ram, pc->board.map.hot + pc->board.map.hot_size);
        if (fw_cfg_add_file(pc->fw_cfg, "etc/reserved-memory-end", ram, sizeof(ram), err))
            return -err->code;
    }
    return pc->config.firmware ? 0 : put_fw_e820(pc, err);
}

static int add_screen(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;

    if (!pc->config.screen)
        return 0;
    if (dev_create(&vga_bochs_type, "vga", m, &pc->vga, err))
        return -err->code;
    dev_map(pc->vga, VGA_BOCHS_WIN_PORTS, &m->ports, 0x3b0);
    dev_map(pc->vga, VGA_BOCHS_WIN_DISPI, &m->ports, 0x1ce);
    dev_map(pc->vga, VGA_BOCHS_WIN_LEGACY, &m->mmio, 0xa0000);
    return pci_add(q35_host_bus(pc->host), pc->vga, PCI_DEVFN(1, 0), err);
}

static int add_serials(struct pc *pc, struct error *err)
{
    static const struct {
        const char *name;
        uint16_t port;
        uint8_t irq;
    } at[BOARD_SERIALS] = {{"serial0", 0x3f8, 4}, {"serial1", 0x2f8, 3}};
    struct machine *m = pc->board.machine;

    for (unsigned i = 0; i < BOARD_SERIALS; i++) {
        if (dev_create(&serial_16550_type, at[i].name, m, &pc->serial[i], err))
            return -err->code;
        serial_16550_configure(pc->serial[i], pc->config.serial[i]);
        dev_map(pc->serial[i], SERIAL_16550_WIN_REGS, &m->ports, at[i].port);
        dev_wire(pc->serial[i], SERIAL_16550_LINE_IRQ, pc->isa_line[at[i].irq]);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------ tables */

static struct acpi_config acpi_of(const struct pc *pc)
{
    const struct memmap *map = &pc->board.map;
    uint64_t pci64 = ALIGN_UP(MAX(PC_HIGH_RAM_BASE + (map->ram - map->low_top), map->hot + map->hot_size),
                              PCI64_SIZE);
    struct acpi_config c = {
        .cpus = pc->board.machine->nvcpus,
        .cpus_present = pc->cpus ? cpu_hotplug_present(pc->cpus) : UINT64_MAX,
        .cpu_hotplug = pc->cpus ? CPU_HOTPLUG_PORT : 0,
        .pm_base = PM_BASE,
        .smi_cmd = APM_PORT,
        .acpi_enable = ACPI_PM_ICH9_ENABLE,
        .acpi_disable = ACPI_PM_ICH9_DISABLE,
        .gpe0_len = ACPI_PM_ICH9_GPE0_LEN,
        .sci_irq = SCI_IRQ,
        .slp_typ_s5 = ACPI_PM_ICH9_S5,
        .ioapic = PC_IOAPIC_BASE,
        .lapic = PC_LAPIC_BASE,
        .hpet = PC_HPET_BASE,
        .hpet_block_id = hpet_block_id(),
        .pvpanic = PVPANIC_PORT,
        .fw_cfg = FW_CFG_PORT,
        .pci_start = PC_PCI_BASE,
        .pci_end = PC_PCI_END,
        .ram_low = map->low_top,
        .ram_high = map->ram - map->low_top,
        .hot = map->hot,
        .hot_size = map->hot_size,
        .pci64_start = pci64,
        .pci64_end = pci64 + PCI64_SIZE,
        .generation = PC_GENERATION_ID,
        .generation_event = GENERATION_GPE,
        .screen = pc->vga != NULL,
        .serials = BOARD_SERIALS,
        .ecam = PC_ECAM_BASE,
        .pirq_of = pci_pirq_of,
    };

    if (pc->config.firmware) /* which may have put it elsewhere, with its devices behind it */
        c.ecam = (uint32_t)q35_host_ecam(pc->host);
    if (c.ecam >= c.pci_start && c.ecam < c.pci_end - PC_ECAM_SIZE)
        c.pci_start = c.ecam + PC_ECAM_SIZE;
    memcpy(c.pirq_irq, pirq_irq, sizeof(c.pirq_irq));
    return c;
}

static int put_acpi(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    const struct acpi_config c = acpi_of(pc);
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

static struct smbios_config smbios_of(const struct pc *pc)
{
    struct smbios_config c = {
        .ram = pc->board.map.ram,
        .low_top = pc->board.map.low_top,
        .cpus = machine_vcpus_present(pc->board.machine),
        .version = pc->board.type->name,
        .cpu = pc->config.cpu_model,
    };

    memcpy(c.uuid, pc->config.uuid, sizeof(c.uuid));
    return c;
}

static int put_smbios(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    const struct smbios_config c = smbios_of(pc);
    auto_free uint8_t *buf = xcalloc(1, SMBIOS_ROOM);
    size_t used;

    int rc = smbios_build(&c, SMBIOS_TABLES, buf, SMBIOS_ROOM, &used, err);
    if (!rc)
        mem_load(&m->mem, SMBIOS_TABLES, buf, used);
    return rc;
}

/* ----------------------------------------------------------------------------------- the board */

/* Caches on, as firmware leaves them on every processor [SDM3 11.11]: memory write-back, the VGA
 * window and what lies between low RAM's limit and 4 GiB uncached, ROM write-protected. */
void pc_set_mtrrs(struct x86_cpu *c)
{
    const uint64_t uncached = 0, protect = 5, back = 6, valid = 1u << 11;
    struct x86_mtrr *t = &c->s.mtrr;

    t->def_type = back | 1u << 10 | 1u << 11;
    for (unsigned i = 0; i < ARRAY_LEN(t->fixed); i++) /* 640 KiB, VGA (128 KiB), ROM */
        t->fixed[i] = (i < 2 ? back : i < 3 ? uncached : protect) * UINT64_C(0x0101010101010101);
    t->base[0] = PC_ECAM_BASE | uncached;
    t->mask[0] = (c->pa_mask & ~UINT64_C(0x0fffffff)) | valid;
    t->base[1] = PC_PCI_BASE | uncached;
    t->mask[1] = (c->pa_mask & ~UINT64_C(0x3fffffff)) | valid;
}

/* Virtual wire mode, as firmware leaves it [82093AA 2; SDM3 11.5.1]: the 8259's interrupts reach the
 * first processor through LINT0, whether the kernel ever looks at its local APIC or not. */
static void set_virtual_wire(struct x86_cpu *c)
{
    lapic_mmio_write(c->lapic, PC_LAPIC_BASE + 0xf0, 4, 0x1ff);  /* SVR: enabled */
    lapic_mmio_write(c->lapic, PC_LAPIC_BASE + 0x350, 4, 0x700); /* LINT0: ExtINT */
    lapic_mmio_write(c->lapic, PC_LAPIC_BASE + 0x360, 4, 0x400); /* LINT1: NMI */
}

/* Firmware reads the tables after it has set the chipset up. */
static void refresh_acpi(void *opaque)
{
    struct pc *pc = opaque;
    const struct acpi_config c = acpi_of(pc);
    struct error ignored; /* they fitted before */

    acpi_files_put(pc->fw_cfg, &c, &ignored);
}

static int add_flash(struct pc *pc, struct error *err)
{
    const struct firmware *fw = pc->config.firmware;
    struct machine *m = pc->board.machine;
    struct dev *flash;

    if (!fw || !fw->vars.size)
        return 0;
    if (dev_create(&flash_28f_type, "flash", m, &flash, err))
        return -err->code;
    flash_28f_configure(flash, fw->vars.data, fw->vars.size, pc->config.firmware_vars);
    dev_map(flash, FLASH_28F_WIN_ARRAY, &m->mmio,
            PC_HIGH_RAM_BASE - fw->image.size - fw->vars.size);
    return 0;
}

/* Every processor stays as it comes out of its reset. The disk comes first, then the CD. */
static int load_firmware(struct pc *pc, struct error *err)
{
    const struct acpi_config acpi = acpi_of(pc);
    const struct smbios_config smbios = smbios_of(pc);
    unsigned cpus = machine_vcpus_present(pc->board.machine);
    uint8_t present[2];

    st_le16(present, (uint16_t)cpus);
    if (fw_cfg_add_item(pc->fw_cfg, FW_CFG_KEY_NB_CPUS, present, sizeof(present), err))
        return -err->code;
    rtc_mc146818_set_cmos(pc->rtc, 0x3d, 0x32); /* two nibbles: 1 floppy, 2 disk, 3 CD */
    rtc_mc146818_set_cmos(pc->rtc, 0x38, 0x10);
    rtc_mc146818_set_cmos(pc->rtc, 0x5f, (uint8_t)(cpus - 1));
    fw_cfg_on_read(pc->fw_cfg, "etc/table-loader", refresh_acpi, pc);
    pc_firmware_load(&pc->firmware);
    return pc_firmware_files(&pc->firmware, pc->fw_cfg, &acpi, &smbios, pc->config.serial_text, err);
}

static int pc_load(struct board *b, struct loader *l, struct error *err)
{
    struct pc *pc = container_of(b, struct pc, board);
    struct machine *m = b->machine;

    if (pc->config.firmware)
        return load_firmware(pc, err);
    int rc = put_acpi(pc, err);

    bios16_install(&m->mem, &b->map);
    if (!rc)
        rc = put_smbios(pc, err);
    if (!rc)
        rc = loader_load(l, m, &b->map, err);
    if (rc)
        return rc;
    bus_write(&m->ports, 0x92, 1, 2); /* A20 on, as firmware leaves it */
    for (unsigned i = 0; !rc && i < m->nvcpus; i++) {
        pc_set_mtrrs(m->vcpus[i]->cpu);
        if (i == 0)
            set_virtual_wire(m->vcpus[i]->cpu);
        if (m->engine.type)
            rc = m->engine.type->vcpu_put(m->vcpus[i], ~0u, err);
    }
    return rc;
}

static void pc_destroy(struct board *b)
{
    if (b)
        free(container_of(b, struct pc, board));
}

static int pc_create(struct board **out, struct machine *m, const struct board_config *config,
                     struct error *err)
{
    static int (*const parts[])(struct pc *, struct error *) = {
        add_memory,   add_interrupts, add_timers, add_power,   add_cpus,  add_pci,
        add_keyboard, add_ports,      add_fw_cfg, add_serials, add_flash, add_screen,
    };
    const uint64_t mib = UINT64_C(1) << 20;

    if (config->memory < 2 * mib || config->memory % mib)
        return fail(err, EINVAL, "memory: %" PRIu64 " bytes is no multiple of 1 MiB from 2 up",
                    config->memory);
    struct pc *pc = xcalloc(1, sizeof(*pc));
    pc->board = (struct board){.type = &board_pc_1, .machine = m};
    pc->config = *config;
    make_map(pc);
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(parts); i++)
        rc = parts[i](pc, err);
    *out = &pc->board; /* devices hold wires into it: the caller destroys it after them */
    return rc;
}

/* The new ones come as from their reset, with the memory types of the others. */
static int insert_cpu(struct pc *pc, unsigned n, struct error *err)
{
    struct machine *m = pc->board.machine;

    m->arch->vcpu_reset(m->vcpus[n]);
    if (!pc->config.firmware)
        pc_set_mtrrs(m->vcpus[n]->cpu);
    int rc = machine_insert_vcpu(m, n, err);
    if (!rc)
        cpu_hotplug_insert(pc->cpus, n);
    return rc;
}

/* The lowest free places first; the highest are asked for first. */
static int pc_set_cpus(struct board *b, unsigned want, struct error *err)
{
    struct pc *pc = container_of(b, struct pc, board);
    struct machine *m = b->machine;
    unsigned now = machine_vcpus_present(m);
    int rc = 0;

    if (!pc->cpus)
        return fail(err, EOPNOTSUPP, "it was started without room for other processors");
    cpu_hotplug_cancel(pc->cpus);
    for (unsigned n = 1; !rc && now < want && n < m->nvcpus; n++)
        if (vcpu_absent(m->vcpus[n])) {
            rc = insert_cpu(pc, n, err);
            now++;
        }
    for (unsigned n = m->nvcpus - 1; now > want && n; n--)
        if (!vcpu_absent(m->vcpus[n])) {
            cpu_hotplug_remove(pc->cpus, n);
            now--;
        }
    return rc;
}

static int pc_hot_memory(struct board *b, uint64_t bytes, uint64_t *usable, struct error *err)
{
    struct pc *pc = container_of(b, struct pc, board);
    struct machine *m = b->machine;
    int rc = 0;

    *usable = 0;
    for (unsigned i = 0; !rc && i < pc->n_hot && (*usable < bytes || pc->hot[i]->mapped); i++) {
        struct mem_slot *s = pc->hot[i];
        if (!s->mapped) {
            rc = mem_remap(&m->mem, s, s->gpa, err);
            if (!rc && m->engine.type)
                rc = m->engine.type->map(&m->engine, s, err);
        }
        *usable += s->size;
    }
    for (unsigned i = 0; i < m->nvcpus; i++) /* what was nothing there is memory now */
        vcpu_request(m->vcpus[i], REQ_FLUSH);
    return rc;
}

/* Slots from 2 up; 30 is the watchdog, 31 the LPC bridge. */
static int pc_add_pci(struct board *b, struct dev *dev, struct error *err)
{
    struct pci_bus *bus = q35_host_bus(container_of(b, struct pc, board)->host);
    unsigned slot = 2;

    while (slot < 30 && bus->fn[PCI_DEVFN(slot, 0)])
        slot++;
    return pci_add(bus, dev, PCI_DEVFN(slot, 0), err);
}

static int add_ahci(struct pc *pc, struct error *err)
{
    int rc = dev_create(&ahci_ich9_type, "sata", pc->board.machine, &pc->ahci, err);

    return rc ? rc : pci_add(q35_host_bus(pc->host), pc->ahci, PCI_DEVFN(31, 2), err);
}

static int add_ide(struct pc *pc, struct error *err)
{
    struct machine *m = pc->board.machine;
    int rc = dev_create(&ide_piix3_type, "ide", m, &pc->ide, err);

    if (rc)
        return rc;
    dev_map(pc->ide, IDE_PIIX3_WIN_COMMAND0, &m->ports, 0x1f0);
    dev_map(pc->ide, IDE_PIIX3_WIN_CONTROL0, &m->ports, 0x3f6);
    dev_map(pc->ide, IDE_PIIX3_WIN_COMMAND1, &m->ports, 0x170);
    dev_map(pc->ide, IDE_PIIX3_WIN_CONTROL1, &m->ports, 0x376);
    dev_wire(pc->ide, IDE_PIIX3_LINE_IRQ0, pc->isa_line[14]);
    dev_wire(pc->ide, IDE_PIIX3_LINE_IRQ1, pc->isa_line[15]);
    return pci_add(q35_host_bus(pc->host), pc->ide, PCI_DEVFN(29, 0), err);
}

static int pc_add_drive(struct board *b, const struct board_drive *d, struct error *err)
{
    struct pc *pc = container_of(b, struct pc, board);

    if (d->ide ? pc->n_ide == IDE_PIIX3_DRIVES : pc->n_sata == AHCI_ICH9_PORTS)
        return fail(err, ENOSPC, "board %s has room for %u drives on %s", b->type->name,
                    d->ide ? IDE_PIIX3_DRIVES : AHCI_ICH9_PORTS, d->ide ? "IDE" : "SATA");
    if (d->ide && !pc->ide && add_ide(pc, err))
        return -err->code;
    if (!d->ide && !pc->ahci && add_ahci(pc, err))
        return -err->code;
    if (d->ide)
        ide_piix3_attach(pc->ide, pc->n_ide++, d->blk, d->cdrom, d->serial);
    else
        ahci_ich9_attach(pc->ahci, pc->n_sata++, d->blk, d->cdrom, d->serial);
    return 0;
}

static struct fb *pc_screen(struct board *b)
{
    struct pc *pc = container_of(b, struct pc, board);

    return pc->vga ? vga_bochs_fb(pc->vga) : NULL;
}

static void pc_key(struct board *b, unsigned code, bool down)
{
    i8042_key(container_of(b, struct pc, board)->kbd, code, down);
}

static void pc_mouse(struct board *b, int dx, int dy, int dz, unsigned buttons)
{
    i8042_mouse(container_of(b, struct pc, board)->kbd, dx, dy, dz, buttons);
}

static void pc_power_button(struct board *b)
{
    acpi_pm_ich9_power_button(container_of(b, struct pc, board)->pm);
}

static void pc_generation(struct board *b, const uint8_t id[16])
{
    struct pc *pc = container_of(b, struct pc, board);

    vmgenid_set(pc->generation, id);
    acpi_pm_ich9_gpe(pc->pm, GENERATION_GPE);
}

const struct board_type board_pc_1 = {
    .name = "pc-1",
    .help = "PC with Q35 and ICH9 identities, ACPI",
    .console = "ttyS0",
    .create = pc_create,
    .load = pc_load,
    .add_pci = pc_add_pci,
    .add_drive = pc_add_drive,
    .screen = pc_screen,
    .key = pc_key,
    .mouse = pc_mouse,
    .power_button = pc_power_button,
    .generation = pc_generation,
    .set_cpus = pc_set_cpus,
    .hot_memory = pc_hot_memory,
    .destroy = pc_destroy,
};
