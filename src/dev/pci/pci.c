/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pci: config space, BARs, interrupts of the functions on bus 0 [PCI 6].
 *
 *   00 vendor device  04 command status  08 revision class  0c line latency header BIST
 *   10..24 BARs       2c subsystem       34 first capability     3c line pin
 *
 * Not modelled: buses behind bridges, parity and system errors, power management states, expansion
 * ROMs, extended config space (reads as all ones above 0xff).
 */
#include "dev/pci/pci.h"

#include "base/bits.h"
#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"

enum {
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CACHE_LINE = 0x0c,
    PCI_HEADER = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM = 0x2c,
    PCI_CAPS = 0x34,
    PCI_LINE = 0x3c,
    PCI_PIN = 0x3d,
};
enum { CMD_IO = 1, CMD_MEM = 2, CMD_MASTER = 4, CMD_INTX_OFF = 1 << 10, CMD_WRITABLE = 0x0547 };
enum { STATUS_INTX = 1 << 3, STATUS_CAPS = 1 << 4, STATUS_W1C = 0xf900 };
enum { CAP_MSI = 0x05, CAP_MSIX = 0x11, CAP_FIRST = 0x40 };

/* MSI capability, 64-bit and maskable: +2 control, +4 address, +8 high, +12 data, +16 mask,
 * +20 pending. MSI-X: +2 control, +4 table, +8 pending bits. */
enum { MSI_ENABLE = 1, MSI_LEN = 24, MSIX_ENABLE = 0x8000, MSIX_MASK_ALL = 0x4000, MSIX_LEN = 12 };

static const struct field msix_fields[] = {
    FIELD(struct pci_msix_entry, addr_lo),
    FIELD(struct pci_msix_entry, addr_hi),
    FIELD(struct pci_msix_entry, data),
    FIELD(struct pci_msix_entry, control),
    FIELD_END,
};
const struct field pci_fields[] = {
    FIELD_BYTES(struct pci_regs, config),
    FIELD_SUBS(struct pci_regs, msix, msix_fields),
    FIELD(struct pci_regs, msix_pending),
    FIELD(struct pci_regs, intx),
    FIELD(struct pci_regs, unused),
    FIELD_END,
};

static uint16_t config16(const struct pci_dev *pci, unsigned off)
{
    return ld_le16(pci->regs->config + off);
}

static uint16_t command(const struct pci_dev *pci)
{
    return config16(pci, PCI_COMMAND);
}

/* ---- the bus ------------------------------------------------------------------------------ */

void pci_bus_init(struct pci_bus *bus, struct bus *ports, struct bus *mmio)
{
    *bus = (struct pci_bus){.ports = ports, .mmio = mmio};
    pthread_mutex_init(&bus->lock, NULL);
}

void pci_bus_fini(struct pci_bus *bus)
{
    for (unsigned i = 0; i < ARRAY_LEN(bus->fn); i++)
        if (bus->fn[i])
            bus->fn[i]->bus = NULL;
    pthread_mutex_destroy(&bus->lock);
}

unsigned pci_pirq_of(uint8_t devfn, unsigned pin)
{
    unsigned slot = devfn >> 3, line = (pin - 1) & 3;

    return slot >= 25 ? line : 4 + ((line + slot) & 3);
}

static void bus_intx(struct pci_bus *bus, unsigned pirq, bool level)
{
    pthread_mutex_lock(&bus->lock);
    bool was = bus->counts[pirq] != 0;
    bus->counts[pirq] += level ? 1u : -1u;
    bool is = bus->counts[pirq] != 0;
    if (was != is)
        irq_set(&bus->pirq[pirq], is);
    pthread_mutex_unlock(&bus->lock);
}

static uint32_t ones(unsigned size)
{
    return size == 4 ? UINT32_MAX : (1u << 8 * size) - 1;
}

static struct pci_dev *bus_function(struct pci_bus *bus, unsigned bdf)
{
    struct pci_dev *pci = bdf < ARRAY_LEN(bus->fn) ? bus->fn[bdf] : NULL;

    if (!pci)
        __atomic_add_fetch(&bus->n_absent, 1, __ATOMIC_RELAXED);
    return pci;
}

uint32_t pci_config_read(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size)
{
    struct pci_dev *pci = bus_function(bus, bdf);
    uint32_t v = 0;

    if (!pci || off + size > sizeof(pci->regs->config))
        return ones(size);
    pthread_mutex_lock(&pci->dev.lock);
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)pci->regs->config[off + i] << 8 * i;
    pthread_mutex_unlock(&pci->dev.lock);
    TRACE(pci_config_read, "%s off=%#x size=%u value=%#x", pci->dev.name, off, size, v);
    return v;
}

/* ---- BARs --------------------------------------------------------------------------------- */

/* Where the BAR's window belongs by now; 0: nowhere. */
static uint64_t bar_address(const struct pci_dev *pci, unsigned n)
{
    const struct pci_bar *bar = &pci->bars[n];
    const uint8_t *at = pci->regs->config + PCI_BAR0 + 4 * n;
    uint64_t base, top;

    if (!(command(pci) & (bar->kind & PCI_BAR_IO ? CMD_IO : CMD_MEM)))
        return 0;
    if (bar->kind & PCI_BAR_IO) {
        base = ld_le32(at) & ~3u;
        top = 0xffff;
    } else if (bar->kind & PCI_BAR_MEM64) {
        base = ld_le64(at) & ~UINT64_C(15);
        top = UINT64_MAX;
    } else {
        base = ld_le32(at) & ~15u;
        top = UINT32_MAX;
    }
    /* The very top is what a size probe leaves there. */
    return base > top - bar->window->size ? 0 : base;
}

static void bars_update(struct pci_dev *pci)
{
    if (!pci->bus)
        return;
    for (unsigned n = 0; n < PCI_BARS; n++) {
        struct window *w = pci->bars[n].window;
        if (!w)
            continue;
        uint64_t base = bar_address(pci, n);
        struct bus *bus = pci->bars[n].kind & PCI_BAR_IO ? pci->bus->ports : pci->bus->mmio;
        if (!base) {
            bus_remove(w);
        } else if (!w->bus) {
            bus_add(bus, w, base);
        } else if (w->base != base) {
            bus_move(w, base);
        }
        TRACE(pci_bar, "%s bar=%u base=%#" PRIx64, pci->dev.name, n, base);
    }
}

/* ---- interrupts --------------------------------------------------------------------------- */

static void intx_update(struct pci_dev *pci)
{
    uint8_t *status = pci->regs->config + PCI_STATUS, pin = pci->regs->config[PCI_PIN];
    bool out = pci->regs->intx && !(command(pci) & CMD_INTX_OFF);

    *status = (uint8_t)((*status & ~STATUS_INTX) | (pci->regs->intx ? STATUS_INTX : 0));
    if (out == pci->intx_out || !pci->bus || !pin)
        return;
    pci->intx_out = out;
    bus_intx(pci->bus, pci_pirq_of(pci->devfn, pin), out);
}

void pci_intx(struct pci_dev *pci, bool level)
{
    pci->regs->intx = level;
    intx_update(pci);
}

bool pci_bus_master(const struct pci_dev *pci)
{
    return command(pci) & CMD_MASTER;
}

bool pci_msi_enabled(const struct pci_dev *pci)
{
    return pci->msi_cap && (config16(pci, pci->msi_cap + 2) & MSI_ENABLE);
}

bool pci_msix_enabled(const struct pci_dev *pci)
{
    return pci->msix_cap && (config16(pci, pci->msix_cap + 2) & MSIX_ENABLE);
}

static void message(struct pci_dev *pci, uint64_t addr, uint32_t data)
{
    struct machine *m = pci->dev.machine;

    if (!pci_bus_master(pci))
        return; /* a message is a memory write of its own */
    pci->n_msi_sent++;
    TRACE(pci_msi, "%s addr=%#" PRIx64 " data=%#x", pci->dev.name, addr, data);
    if (m->arch && m->arch->msi_send)
        m->arch->msi_send(m, addr, data);
}

static bool msix_masked(const struct pci_dev *pci, unsigned vector)
{
    return (config16(pci, pci->msix_cap + 2) & MSIX_MASK_ALL) ||
           (pci->regs->msix[vector].control & 1);
}

static void msix_send(struct pci_dev *pci, unsigned vector)
{
    const struct pci_msix_entry *e = &pci->regs->msix[vector];

    message(pci, (uint64_t)e->addr_hi << 32 | e->addr_lo, e->data);
}

static void msi_send_now(struct pci_dev *pci)
{
    const uint8_t *cap = pci->regs->config + pci->msi_cap;

    message(pci, ld_le64(cap + 4), ld_le16(cap + 12));
}

void pci_notify(struct pci_dev *pci, unsigned vector)
{
    if (pci_msix_enabled(pci)) {
        if (vector >= pci->msix_vectors)
            return;
        if (msix_masked(pci, vector))
            pci->regs->msix_pending |= BIT64(vector);
        else
            msix_send(pci, vector);
    } else if (pci_msi_enabled(pci)) {
        uint8_t *cap = pci->regs->config + pci->msi_cap;
        if (ld_le32(cap + 16) & 1)
            st_le32(cap + 20, 1);
        else
            msi_send_now(pci);
    }
}

/* Masks may have gone: send what waits. */
static void flush_pending(struct pci_dev *pci)
{
    if (pci_msix_enabled(pci)) {
        for (unsigned v = 0; v < pci->msix_vectors; v++) {
            if (!(pci->regs->msix_pending >> v & 1) || msix_masked(pci, v))
                continue;
            pci->regs->msix_pending &= ~BIT64(v);
            msix_send(pci, v);
        }
    } else if (pci_msi_enabled(pci)) {
        uint8_t *cap = pci->regs->config + pci->msi_cap;
        if ((ld_le32(cap + 20) & 1) && !(ld_le32(cap + 16) & 1)) {
            st_le32(cap + 20, 0);
            msi_send_now(pci);
        }
    }
}

/* Tell the device which vectors' masks a config or table write changed. */
static uint64_t masks_now(const struct pci_dev *pci)
{
    uint64_t masks = 0;

    if (pci_msix_enabled(pci)) {
        for (unsigned v = 0; v < pci->msix_vectors; v++)
            masks |= (uint64_t)msix_masked(pci, v) << v;
        return masks;
    }
    if (pci_msi_enabled(pci))
        return ld_le32(pci->regs->config + pci->msi_cap + 16) & 1;
    return UINT64_MAX;
}

static void masks_changed(struct pci_dev *pci, uint64_t before)
{
    uint64_t now = masks_now(pci);

    flush_pending(pci);
    if (!pci->vector_masked)
        return;
    unsigned n = pci->msix_vectors ? pci->msix_vectors : pci->msi_cap ? 1 : 0;
    for (unsigned v = 0; v < n; v++)
        if ((before ^ now) >> v & 1)
            pci->vector_masked(pci, v, now >> v & 1);
}

uint64_t pci_msix_read(struct pci_dev *pci, uint64_t off, unsigned size)
{
    const uint32_t *words = (const uint32_t *)pci->regs->msix;
    uint64_t n = pci->msix_vectors * 4u, at = off / 4;

    if (at >= n || (off & 3))
        return size == 8 ? UINT64_MAX : UINT32_MAX;
    return words[at] | (size == 8 && at + 1 < n ? (uint64_t)words[at + 1] << 32 : 0);
}

void pci_msix_write(struct pci_dev *pci, uint64_t off, unsigned size, uint64_t v)
{
    uint32_t *words = (uint32_t *)pci->regs->msix;
    uint64_t n = pci->msix_vectors * 4u, before = masks_now(pci);

    if (off & 3) {
        pci->n_bad_config++;
        return;
    }
    for (uint64_t at = off / 4; at < off / 4 + size / 4 && at < n; at++, v >>= 32)
        words[at] = at % 4 == 3 ? (uint32_t)v & 1 : (uint32_t)v;
    masks_changed(pci, before);
}

uint64_t pci_pba_read(struct pci_dev *pci, uint64_t off, unsigned size)
{
    uint64_t v = off < 8 ? pci->regs->msix_pending >> 8 * off : 0;

    return size == 8 ? v : (uint32_t)v;
}

static uint64_t msix_window_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct pci_dev *pci = container_of(dev, struct pci_dev, dev);

    if (off >= PCI_MSIX_WINDOW_PBA)
        return pci_pba_read(pci, off - PCI_MSIX_WINDOW_PBA, size);
    return pci_msix_read(pci, off, size);
}

static void msix_window_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    if (off < PCI_MSIX_WINDOW_PBA)
        pci_msix_write(container_of(dev, struct pci_dev, dev), off, size, v);
}

const struct window_ops pci_msix_window_ops = {msix_window_read, msix_window_write, 4, 8};

/* ---- config writes ------------------------------------------------------------------------ */

static bool overlaps(unsigned off, unsigned size, unsigned reg, unsigned len)
{
    return off < reg + len && reg < off + size;
}

static void config_store(struct pci_dev *pci, unsigned off, unsigned size, uint32_t v)
{
    for (unsigned i = off; i < off + size; i++, v >>= 8) {
        uint8_t *b = &pci->regs->config[i];
        *b = (uint8_t)((*b & ~pci->wmask[i]) | (v & pci->wmask[i]));
        *b &= (uint8_t) ~(v & pci->w1c[i]);
    }
}

static void config_write_locked(struct pci_dev *pci, unsigned off, unsigned size, uint32_t v)
{
    uint64_t masks = masks_now(pci);

    config_store(pci, off, size, v);
    if (overlaps(off, size, PCI_COMMAND, 2) || overlaps(off, size, PCI_BAR0, 4 * PCI_BARS))
        bars_update(pci);
    if (overlaps(off, size, PCI_COMMAND, 2))
        intx_update(pci);
    if ((pci->msi_cap && overlaps(off, size, pci->msi_cap, MSI_LEN)) ||
        (pci->msix_cap && overlaps(off, size, pci->msix_cap, MSIX_LEN)))
        masks_changed(pci, masks);
    if (pci->config_written)
        pci->config_written(pci, off, size);
}

void pci_config_write(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size, uint32_t v)
{
    struct pci_dev *pci = bus_function(bus, bdf);

    if (!pci)
        return;
    TRACE(pci_config_write, "%s off=%#x size=%u value=%#x", pci->dev.name, off, size, v);
    pthread_mutex_lock(&pci->dev.lock);
    if (off + size > sizeof(pci->regs->config))
        pci->n_bad_config++;
    else
        config_write_locked(pci, off, size, v);
    pthread_mutex_unlock(&pci->dev.lock);
}

/* ---- making a function -------------------------------------------------------------------- */

void pci_init(struct pci_dev *pci, struct pci_regs *regs, const struct pci_id *id)
{
    uint8_t *c = pci->reset_config;

    pci->regs = regs;
    pci->cap_next = CAP_FIRST;
    st_le16(c, id->vendor);
    st_le16(c + 2, id->device);
    st_le32(c + PCI_REVISION, id->class_code << 8 | id->revision);
    c[PCI_HEADER] = id->header_type;
    st_le16(c + PCI_SUBSYSTEM, id->subsystem_vendor);
    st_le16(c + PCI_SUBSYSTEM + 2, id->subsystem);
    c[PCI_PIN] = id->pin;
    st_le16(pci->wmask + PCI_COMMAND, CMD_WRITABLE);
    st_le16(pci->w1c + PCI_STATUS, STATUS_W1C);
    pci->wmask[PCI_CACHE_LINE] = pci->wmask[PCI_CACHE_LINE + 1] = 0xff;
    pci->wmask[PCI_LINE] = 0xff;
    memcpy(regs->config, c, sizeof(regs->config));
}

void pci_fini(struct pci_dev *pci)
{
    if (!pci->bus)
        return;
    if (pci->intx_out)
        bus_intx(pci->bus, pci_pirq_of(pci->devfn, pci->regs->config[PCI_PIN]), false);
    pci->bus->fn[pci->devfn] = NULL;
    pci->bus = NULL;
}

void pci_bar(struct pci_dev *pci, unsigned bar, unsigned kind, struct window *w)
{
    unsigned at = PCI_BAR0 + 4 * bar;
    uint64_t mask = ~(w->size - 1);

    pci->bars[bar] = (struct pci_bar){.window = w, .kind = (uint8_t)kind};
    st_le32(pci->reset_config + at, kind);
    st_le32(pci->wmask + at, (uint32_t)mask);
    if (kind & PCI_BAR_MEM64)
        st_le32(pci->wmask + at + 4, (uint32_t)(mask >> 32));
}

uint8_t pci_cap(struct pci_dev *pci, uint8_t id, unsigned len)
{
    uint8_t at = pci->cap_next, *link = pci->reset_config + PCI_CAPS;

    while (*link)
        link = pci->reset_config + *link + 1;
    *link = at;
    pci->reset_config[at] = id;
    pci->reset_config[PCI_STATUS] |= STATUS_CAPS;
    pci->cap_next = (uint8_t)ALIGN_UP(at + len, 4u);
    return at;
}

void pci_msi(struct pci_dev *pci)
{
    uint8_t at = pci_cap(pci, CAP_MSI, MSI_LEN);

    pci->msi_cap = at;
    st_le16(pci->reset_config + at + 2, 0x0180); /* 64-bit, maskable, one vector */
    pci->wmask[at + 2] = MSI_ENABLE;
    st_le32(pci->wmask + at + 4, 0xfffffffc);
    st_le32(pci->wmask + at + 8, 0xffffffff);
    st_le16(pci->wmask + at + 12, 0xffff);
    pci->wmask[at + 16] = 1;
}

void pci_msix(struct pci_dev *pci, unsigned vectors, unsigned bar, uint32_t table_off,
              uint32_t pba_off)
{
    uint8_t at = pci_cap(pci, CAP_MSIX, MSIX_LEN);

    pci->msix_cap = at;
    pci->msix_vectors = (uint16_t)MIN(vectors, (unsigned)PCI_MSIX_MAX);
    st_le16(pci->reset_config + at + 2, (uint16_t)(pci->msix_vectors - 1));
    st_le32(pci->reset_config + at + 4, table_off | bar);
    st_le32(pci->reset_config + at + 8, pba_off | bar);
    st_le16(pci->wmask + at + 2, MSIX_ENABLE | MSIX_MASK_ALL);
}

int pci_add(struct pci_bus *bus, struct dev *dev, uint8_t devfn, struct error *err)
{
    struct pci_dev *pci = container_of(dev, struct pci_dev, dev);

    if (bus->fn[devfn])
        return fail(err, ENODEV, "PCI slot %02x.%x holds %s already", devfn >> 3, devfn & 7,
                    bus->fn[devfn]->dev.name);
    pci->bus = bus;
    pci->devfn = devfn;
    bus->fn[devfn] = pci;
    return 0;
}

void pci_reset(struct pci_dev *pci)
{
    struct pci_regs *r = pci->regs;

    r->intx = 0;
    intx_update(pci);
    *r = (struct pci_regs){0};
    memcpy(r->config, pci->reset_config, sizeof(r->config));
    for (unsigned v = 0; v < PCI_MSIX_MAX; v++)
        r->msix[v].control = 1;
    bars_update(pci);
}

void pci_loaded(struct pci_dev *pci)
{
    struct pci_regs *r = pci->regs;

    /* What no guest can change is not the stream's to say. */
    for (unsigned i = 0; i < sizeof(r->config); i++) {
        uint8_t free_bits = pci->wmask[i] | pci->w1c[i];
        r->config[i] = (uint8_t)((r->config[i] & free_bits) | (pci->reset_config[i] & ~free_bits));
    }
    for (unsigned v = 0; v < PCI_MSIX_MAX; v++)
        r->msix[v].control &= 1;
    bars_update(pci);
    intx_update(pci);
}
