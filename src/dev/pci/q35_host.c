/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * q35_host: memory controller hub of the Q35 chipset [Q35 5]: PCI configuration mechanism #1,
 * the ECAM window, and its own function 00:00.0.
 *
 *   port 0xcf8  CONFIG_ADDRESS: bit 31 enable, bus 23..16, device 15..11, function 10..8, register
 *   port 0xcfc  CONFIG_DATA
 *   config 0x60 PCIEXBAR (64): base, bits 2..1 length (256, 128, 64 MiB), bit 0 enable
 *   config 0x90..0x96 PAM0..6: attributes of 0xc0000..0xfffff
 *
 * What PAM does to that memory is the board's.
 *
 * Not modelled: SMRAM (its registers read as zero: there is no system management mode), remapping
 * and top-of-memory registers, the DRAM controller's own windows, buses other than 0.
 */
#include "dev/pci/q35_host.h"

#include "base/bits.h"
#include "base/endian.h"
#include "core/machine.h"
#include "dev/pci/pci.h"

enum { PCIEXBAR = 0x60, PAM0 = 0x90, PAM_REGIONS = 13 };
enum { EXBAR_ENABLE = 1 };

struct q35_regs {
    struct pci_regs pci;
    uint32_t address; /* CONFIG_ADDRESS */
    uint32_t unused;
};

struct q35_host {
    struct pci_dev pci;
    struct q35_regs regs;
    struct pci_bus bus;
    struct q35_host_config config;
    uint64_t n_bad_accesses;
};

static const struct field q35_fields[] = {
    FIELD_SUB(struct q35_regs, pci, pci_fields),
    FIELD(struct q35_regs, address),
    FIELD(struct q35_regs, unused),
    FIELD_END,
};
static const struct state q35_state = {"q35_host", 1, sizeof(struct q35_regs), q35_fields};

static struct q35_host *q35_of(struct dev *dev)
{
    return container_of(dev, struct q35_host, pci.dev);
}

struct pci_bus *q35_host_bus(struct dev *dev)
{
    return &q35_of(dev)->bus;
}

uint64_t q35_host_ecam(struct dev *dev)
{
    const struct window *w = &dev->windows[Q35_HOST_WIN_ECAM];

    pthread_mutex_lock(&dev->lock);
    uint64_t base = w->bus ? w->base : 0;
    pthread_mutex_unlock(&dev->lock);
    return base;
}

/* Config space byte by byte where an access crosses a dword. */
static uint32_t config_read(struct q35_host *q, unsigned bdf, unsigned off, unsigned size)
{
    uint32_t v = 0;

    if ((off & 3) + size <= 4)
        return pci_config_read(&q->bus, bdf, off, size);
    for (unsigned i = 0; i < size; i++)
        v |= pci_config_read(&q->bus, bdf, off + i, 1) << 8 * i;
    return v;
}

static void config_write(struct q35_host *q, unsigned bdf, unsigned off, unsigned size, uint32_t v)
{
    if ((off & 3) + size <= 4) {
        pci_config_write(&q->bus, bdf, off, size, v);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        pci_config_write(&q->bus, bdf, off + i, 1, v >> 8 * i & 0xff);
}

/* CONFIG_ADDRESS takes 32 bits only; other accesses there go by it [PCI 3.2.2.3.2]. */
static uint64_t ports_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct q35_host *q = q35_of(dev);
    uint32_t a = q->regs.address;

    if (off == 0 && size == 4)
        return a;
    if (off >= 4 && (a & BIT32(31)))
        return config_read(q, a >> 8 & 0xffff, (a & 0xfc) | ((unsigned)off & 3), size);
    q->n_bad_accesses += off < 4;
    return UINT32_MAX;
}

static void ports_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct q35_host *q = q35_of(dev);
    uint32_t a = q->regs.address;

    if (off == 0 && size == 4)
        q->regs.address = (uint32_t)v & 0x80fffffc;
    else if (off >= 4 && (a & BIT32(31)))
        config_write(q, a >> 8 & 0xffff, (a & 0xfc) | ((unsigned)off & 3), size, (uint32_t)v);
    else
        q->n_bad_accesses += off < 4;
}

static uint64_t ecam_read(struct dev *dev, uint64_t off, unsigned size)
{
    return config_read(q35_of(dev), (unsigned)(off >> 12), (unsigned)off & 0xfff, size);
}

static void ecam_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    config_write(q35_of(dev), (unsigned)(off >> 12), (unsigned)off & 0xfff, size, (uint32_t)v);
}

static void ecam_update(struct q35_host *q)
{
    uint64_t v = ld_le64(q->regs.pci.config + PCIEXBAR);
    struct window *w = &q->pci.dev.windows[Q35_HOST_WIN_ECAM];
    unsigned length = v >> 1 & 3;
    uint64_t size = UINT64_C(256) << 20 >> MIN(length, 2u);
    uint64_t base = v & 0xffc000000 & ~(size - 1);

    if (w->bus && (v & EXBAR_ENABLE) && w->base == base && w->size == size)
        return;
    bus_remove(w);
    if (!(v & EXBAR_ENABLE) || length == 3 || !base)
        return;
    w->size = size;
    bus_add(q->bus.mmio, w, base);
}

/* PAM0 has the last region in its upper half, PAM1..6 two each. */
static void pam_update(struct q35_host *q)
{
    const uint8_t *pam = q->regs.pci.config + PAM0;

    if (!q->config.pam)
        return;
    for (unsigned n = 0; n < PAM_REGIONS - 1; n++)
        q->config.pam(q->config.pam_opaque, n, pam[1 + n / 2] >> 4 * (n & 1) & 3);
    q->config.pam(q->config.pam_opaque, PAM_REGIONS - 1, pam[0] >> 4 & 3);
}

static void q35_config_written(struct pci_dev *pci, unsigned off, unsigned size)
{
    struct q35_host *q = container_of(pci, struct q35_host, pci);

    if (off < PCIEXBAR + 8 && off + size > PCIEXBAR)
        ecam_update(q);
    if (off < PAM0 + 7 && off + size > PAM0)
        pam_update(q);
}

void q35_host_configure(struct dev *dev, const struct q35_host_config *config)
{
    q35_of(dev)->config = *config;
}

static void q35_reset(struct dev *dev)
{
    struct q35_host *q = q35_of(dev);

    pci_reset(&q->pci);
    q->regs.address = 0;
    st_le64(q->regs.pci.config + PCIEXBAR, q->config.pciexbar);
    ecam_update(q);
    pam_update(q);
}

static void q35_loaded(struct dev *dev)
{
    struct q35_host *q = q35_of(dev);

    pci_loaded(&q->pci);
    q->regs.address &= 0x80fffffc;
    ecam_update(q);
    pam_update(q);
}

static int q35_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x29c0,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x060000,
                                     .revision = 0};
    struct q35_host *q = q35_of(dev);

    pci_bus_init(&q->bus, &dev->machine->ports, &dev->machine->mmio);
    pci_init(&q->pci, &q->regs.pci, &id);
    q->pci.config_written = q35_config_written;
    st_le64(q->pci.wmask + PCIEXBAR, 0xffc000007);
    q->pci.wmask[PAM0] = 0x30;
    memset(q->pci.wmask + PAM0 + 1, 0x33, 6);
    return pci_add(&q->bus, dev, PCI_DEVFN(0, 0), err);
}

static void q35_fini(struct dev *dev)
{
    struct q35_host *q = q35_of(dev);

    pci_fini(&q->pci);
    pci_bus_fini(&q->bus);
}

static const struct window_ops ports_ops = {ports_read, ports_write, 1, 4};
static const struct window_ops ecam_ops = {ecam_read, ecam_write, 1, 4};
static const struct dev_window_desc q35_windows[] = {
    {"config", 8, &ports_ops},
    {"ecam", 256 << 20, &ecam_ops},
    {0},
};
static const struct dev_counter q35_counters[] = {
    {"absent_functions", offsetof(struct q35_host, bus.n_absent)},
    {"bad_accesses", offsetof(struct q35_host, n_bad_accesses)},
    {0},
};

const struct dev_type q35_host_type = {
    .name = "q35_host",
    .help = "PCI host bridge of the Q35 chipset",
    .size = sizeof(struct q35_host),
    .regs = offsetof(struct q35_host, regs),
    .state = &q35_state,
    .windows = q35_windows,
    .counters = q35_counters,
    .init = q35_init,
    .fini = q35_fini,
    .reset = q35_reset,
    .loaded = q35_loaded,
};
