/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ich9_lpc: LPC interface bridge of the ICH9 [ICH9 13.1], function 00:1f.0.
 *
 *   40 PMBASE   44 ACPI_CNTL (bit 7: PM block decoded)   60..63, 68..6b PIRQA..H routing
 *   64 SIRQ_CNTL   80..91 decode ranges (stored)   a0..af power management (stored)
 *   dc BIOS_CNTL (stored)   f0 RCBA: base, bit 0 enable
 *
 * PIRQA..H reach I/O APIC inputs 16..23 always, and the ISA interrupt that their routing register
 * names while its bit 7 is clear.
 *
 * Not modelled: the root complex registers behind RCBA but for their reset values (device interrupt
 * routes, HPET and I/O APIC enables: writes are counted and ignored), serial interrupts, decode
 * ranges, GPIO, the SCI's selection (the board wires it), BIOS write protection.
 */
#include "dev/pci/ich9_lpc.h"

#include "base/endian.h"
#include "core/machine.h"
#include "dev/pci/pci.h"

enum { PMBASE = 0x40, ACPI_CNTL = 0x44, PIRQA = 0x60, SIRQ = 0x64, PIRQE = 0x68, RCBA = 0xf0 };
enum { ACPI_EN = 0x80, ROUTE_OFF = 0x80, ROUTES_VALID = 0xdef8 }; /* 3..7, 9..12, 14, 15 */

struct lpc_regs {
    struct pci_regs pci;
    uint8_t pirq[PCI_PIRQS]; /* levels */
};

struct lpc {
    struct pci_dev pci;
    struct lpc_regs regs;
    struct ich9_lpc_config config;
    uint16_t isa_out; /* what the lines were told last */
    uint64_t n_rcba_writes;
};

static const struct field lpc_fields[] = {
    FIELD_SUB(struct lpc_regs, pci, pci_fields),
    FIELD_BYTES(struct lpc_regs, pirq),
    FIELD_END,
};
static const struct state lpc_state = {"ich9_lpc", 1, sizeof(struct lpc_regs), lpc_fields};

static struct lpc *lpc_of(struct dev *dev)
{
    return container_of(dev, struct lpc, pci.dev);
}

static unsigned route_at(unsigned n)
{
    return n < 4 ? PIRQA + n : PIRQE + n - 4;
}

static void isa_update(struct lpc *l)
{
    uint16_t out = 0;

    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        uint8_t route = l->regs.pci.config[route_at(n)];
        if (l->regs.pirq[n] && !(route & ROUTE_OFF))
            out |= (uint16_t)(1u << (route & 15));
    }
    out &= ROUTES_VALID;
    uint16_t changed = out ^ l->isa_out;
    l->isa_out = out;
    for (unsigned i = 0; i < 16; i++)
        if (changed >> i & 1)
            irq_set(&l->pci.dev.lines[ICH9_LPC_LINE_ISA0 + i], out >> i & 1);
}

static void pirq_set(void *opaque, unsigned n, bool level)
{
    struct lpc *l = opaque;

    pthread_mutex_lock(&l->pci.dev.lock);
    l->regs.pirq[n] = level;
    irq_set(&l->pci.dev.lines[ICH9_LPC_LINE_GSI16 + n], level);
    isa_update(l);
    pthread_mutex_unlock(&l->pci.dev.lock);
}

struct irq ich9_lpc_pirq(struct dev *dev, unsigned n)
{
    return (struct irq){.set = pirq_set, .opaque = lpc_of(dev), .n = n & 7};
}

static void window_place(struct window *w, struct bus *bus, uint64_t base)
{
    if (!base) {
        bus_remove(w);
    } else if (!w->bus) {
        bus_add(bus, w, base);
    } else if (w->base != base) {
        bus_move(w, base);
    }
}

static void windows_update(struct lpc *l)
{
    const uint8_t *c = l->regs.pci.config;
    uint32_t rcba = ld_le32(c + RCBA);

    if (!l->pci.bus)
        return;
    if (l->config.pm)
        window_place(l->config.pm, l->pci.bus->ports,
                     c[ACPI_CNTL] & ACPI_EN ? ld_le16(c + PMBASE) & 0xff80 : 0);
    window_place(&l->pci.dev.windows[ICH9_LPC_WIN_RCBA], l->pci.bus->mmio,
                 rcba & 1 ? rcba & 0xffffc000 : 0);
}

static void lpc_config_written(struct pci_dev *pci, unsigned off, unsigned size)
{
    struct lpc *l = container_of(pci, struct lpc, pci);

    (void)off;
    (void)size;
    windows_update(l);
    isa_update(l);
}

/* Reset values of what software looks at [ICH9 10.1]. */
static uint32_t rcba_reg(unsigned reg)
{
    if (reg >= 0x3140 && reg < 0x314c)
        return 0x32103210; /* D31IR..D26IR: INTA to PIRQA, INTB to PIRQB ... */
    switch (reg) {
    case 0x3100: return 0x03243200; /* D31IP */
    case 0x31fc: return 0x01000000; /* OIC: the I/O APIC is enabled */
    case 0x3404: return 0x00000080; /* HPTC: the HPET is at 0xfed00000 */
    default: return 0;
    }
}

static uint64_t rcba_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)dev;
    (void)size;
    return rcba_reg((unsigned)off & ~3u);
}

static void rcba_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    (void)off;
    (void)size;
    (void)v;
    lpc_of(dev)->n_rcba_writes++;
}

void ich9_lpc_configure(struct dev *dev, const struct ich9_lpc_config *config)
{
    struct lpc *l = lpc_of(dev);
    uint8_t *c = l->pci.reset_config;

    l->config = *config;
    st_le16(c + PMBASE, (config->pmbase & 0xff80) | 1);
    c[ACPI_CNTL] = config->pmbase ? ACPI_EN : 0;
    st_le32(c + RCBA, config->rcba ? (config->rcba & 0xffffc000) | 1 : 0);
    for (unsigned n = 0; n < PCI_PIRQS; n++)
        c[route_at(n)] = config->pirq_route[n] & 0x8f;
}

static void lpc_reset(struct dev *dev)
{
    struct lpc *l = lpc_of(dev);

    pci_reset(&l->pci); /* PIRQ levels stay: their sources say when they fall */
    windows_update(l);
    isa_update(l);
}

static void lpc_loaded(struct dev *dev)
{
    struct lpc *l = lpc_of(dev);

    pci_loaded(&l->pci);
    windows_update(l);
    isa_update(l);
}

static int lpc_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x2918,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x060100,
                                     .revision = 2,
                                     .header_type = 0x80};
    struct lpc *l = lpc_of(dev);
    uint8_t *w = l->pci.wmask;

    (void)err;
    pci_init(&l->pci, &l->regs.pci, &id);
    l->pci.config_written = lpc_config_written;
    l->pci.reset_config[PMBASE] = 1; /* an I/O address */
    l->pci.reset_config[SIRQ] = 0x10;
    w[PMBASE] = 0x80;
    w[PMBASE + 1] = 0xff;
    w[ACPI_CNTL] = 0x87;
    w[SIRQ] = 0xff;
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        l->pci.reset_config[route_at(n)] = ROUTE_OFF;
        w[route_at(n)] = 0x8f;
    }
    memset(w + 0x80, 0xff, 0x12);
    memset(w + 0xa0, 0xff, 0x10);
    w[0xdc] = 0x01;
    st_le32(w + RCBA, 0xffffc001);
    return 0;
}

static void lpc_fini(struct dev *dev)
{
    pci_fini(&lpc_of(dev)->pci);
}

static const struct window_ops rcba_ops = {rcba_read, rcba_write, 4, 4};
static const struct dev_window_desc lpc_windows[] = {{"rcba", 0x4000, &rcba_ops}, {0}};
static const char *const lpc_lines[] = {
    "gsi16", "gsi17", "gsi18", "gsi19", "gsi20", "gsi21", "gsi22", "gsi23", "isa0",
    "isa1",  "isa2",  "isa3",  "isa4",  "isa5",  "isa6",  "isa7",  "isa8",  "isa9",
    "isa10", "isa11", "isa12", "isa13", "isa14", "isa15", NULL};
static const struct dev_counter lpc_counters[] = {
    {"rcba_writes", offsetof(struct lpc, n_rcba_writes)},
    {0},
};

const struct dev_type ich9_lpc_type = {
    .name = "ich9_lpc",
    .help = "LPC bridge of the ICH9",
    .size = sizeof(struct lpc),
    .regs = offsetof(struct lpc, regs),
    .state = &lpc_state,
    .windows = lpc_windows,
    .lines = lpc_lines,
    .counters = lpc_counters,
    .init = lpc_init,
    .fini = lpc_fini,
    .reset = lpc_reset,
    .loaded = lpc_loaded,
};
