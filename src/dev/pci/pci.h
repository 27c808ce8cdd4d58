/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pci: bus 0 and what every function on it has: config space, BARs, interrupts, capabilities.
 *
 * A function's struct starts with `struct pci_dev pci`, its saved record with `struct pci_regs pci`.
 * Its init calls pci_init() and then declares BARs and capabilities; the board puts it on a bus with
 * pci_add(). Its reset and loaded hooks call pci_reset() and pci_loaded() first.
 *
 *     struct foo { struct pci_dev pci; struct foo_regs regs; };   regs.pci is struct pci_regs
 *
 * A host bridge's lock is held while it passes a config access on, then the function's own lock;
 * never the other way round. Bus lines are leaves.
 */
#ifndef QUAD_DEV_PCI_PCI_H
#define QUAD_DEV_PCI_PCI_H

#include "core/dev.h"

#define PCI_DEVFN(dev, fn) ((dev) << 3 | (fn))
#define PCI_BARS 6
#define PCI_MSIX_MAX 64
#define PCI_PIRQS 8

enum {
    PCI_BAR_MEM32 = 0,
    PCI_BAR_IO = 1,
    PCI_BAR_MEM64 = 4, /* takes this BAR and the next */
    PCI_BAR_PREFETCH = 8,
};

struct pci_msix_entry {
    uint32_t addr_lo, addr_hi, data, control;
};

struct pci_regs { /* saved; no padding */
    uint8_t config[256];
    struct pci_msix_entry msix[PCI_MSIX_MAX];
    uint64_t msix_pending;
    uint32_t intx; /* the function asserts its INTx */
    uint32_t unused;
};

extern const struct field pci_fields[]; /* of struct pci_regs, for FIELD_SUB() */

struct pci_id {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
    uint8_t revision;
    uint8_t header_type; /* 0x80: multi-function */
    uint8_t pin;         /* interrupt pin: 0 none, 1 INTA .. 4 INTD */
};

struct pci_bar {
    struct window *window; /* NULL: not implemented */
    uint8_t kind;
};

struct pci_dev {
    struct dev dev;
    struct pci_bus *bus;
    struct pci_regs *regs; /* in the device's saved record */
    uint8_t devfn;
    uint8_t msi_cap, msix_cap; /* offsets, 0: none */
    uint8_t cap_next;          /* where the next capability goes */
    uint16_t msix_vectors;
    uint8_t reset_config[256]; /* const after init */
    uint8_t wmask[256], w1c[256];
    struct pci_bar bars[PCI_BARS];
    /* After a config write changed bytes [off, off+size). May be NULL. */
    void (*config_written)(struct pci_dev *pci, unsigned off, unsigned size);
    /* MSI-X (per vector) or MSI became unmasked or masked; may be NULL. */
    void (*vector_masked)(struct pci_dev *pci, unsigned vector, bool masked);
    uint64_t n_bad_config, n_msi_sent;
    bool intx_out; /* what the bus was told last */
};

struct pci_bus {
    struct pci_dev *fn[256];
    struct bus *ports, *mmio; /* where BARs appear */
    pthread_mutex_t lock;     /* guards counts and lines' order */
    unsigned counts[PCI_PIRQS];
    struct irq pirq[PCI_PIRQS];
    uint64_t n_absent; /* config accesses to functions that are not there */
};

void pci_bus_init(struct pci_bus *bus, struct bus *ports, struct bus *mmio);
void pci_bus_fini(struct pci_bus *bus);
/* Which of the eight lines a function's pin (1..4) ends in: slots 0..24 PIRQE..H swizzled by slot,
 * slots 25..31 PIRQA..D by pin (the ICH9's routes after reset). */
unsigned pci_pirq_of(uint8_t devfn, unsigned pin);
static inline void pci_bus_wire(struct pci_bus *bus, unsigned pirq, struct irq to)
{
    bus->pirq[pirq] = to;
}
/* bdf: bus << 8 | devfn. An access lies in one aligned dword. */
uint32_t pci_config_read(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size);
void pci_config_write(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size, uint32_t v);

/* In the function's init, in this order. */
void pci_init(struct pci_dev *pci, struct pci_regs *regs, const struct pci_id *id);
void pci_fini(struct pci_dev *pci);
/* Window `w` of the device (size a power of two, at least 16 bytes) is behind BAR `bar`. */
void pci_bar(struct pci_dev *pci, unsigned bar, unsigned kind, struct window *w);
/* Reserves a capability of len bytes (with its two header bytes); returns its offset. */
uint8_t pci_cap(struct pci_dev *pci, uint8_t id, unsigned len);
/* MSI (64-bit, one vector, maskable). */
void pci_msi(struct pci_dev *pci);
/* MSI-X: table at table_off and pending bits at pba_off of BAR `bar`. The window behind them
 * passes accesses on with pci_msix_read/write, or is pci_msix_window_ops itself. */
void pci_msix(struct pci_dev *pci, unsigned vectors, unsigned bar, uint32_t table_off,
              uint32_t pba_off);
extern const struct window_ops pci_msix_window_ops; /* table at 0, pending bits at 0x800 */
#define PCI_MSIX_WINDOW_SIZE 0x1000
#define PCI_MSIX_WINDOW_PBA 0x800
uint64_t pci_msix_read(struct pci_dev *pci, uint64_t off, unsigned size);
void pci_msix_write(struct pci_dev *pci, uint64_t off, unsigned size, uint64_t v);
uint64_t pci_pba_read(struct pci_dev *pci, uint64_t off, unsigned size);

/* The board: ENODEV when the slot is taken. */
int pci_add(struct pci_bus *bus, struct dev *dev, uint8_t devfn, struct error *err);

void pci_reset(struct pci_dev *pci);
void pci_loaded(struct pci_dev *pci);

/* Interrupts, with the device's lock held. pci_notify uses MSI-X, else MSI (vector 0 only). */
void pci_intx(struct pci_dev *pci, bool level);
bool pci_msi_enabled(const struct pci_dev *pci);
bool pci_msix_enabled(const struct pci_dev *pci);
void pci_notify(struct pci_dev *pci, unsigned vector);

bool pci_bus_master(const struct pci_dev *pci);

#endif
