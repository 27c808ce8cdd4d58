/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dev_drive: drive one device of the registry with a tape of bytes: accesses of any size to any
 * offset of its windows, jumps of time, resets, "loaded" after its record was overwritten. Used by
 * the random unit test and by the libFuzzer target.
 */
#ifndef QUAD_TEST_FUZZ_DEV_DRIVE_H
#define QUAD_TEST_FUZZ_DEV_DRIVE_H

#include "core/machine.h"
#include "dev/pci/pci.h"
#include "dev/pci/q35_host.h"

#define DEVICE(x) extern const struct dev_type x##_type;
#include "registry/devices.def"
#undef DEVICE

static const struct dev_type *const drive_types[] = {
#define DEVICE(x) &x##_type,
#include "registry/devices.def"
#undef DEVICE
};

struct tape {
    const uint8_t *data;
    size_t len, at;
};

static inline bool tape_ends(const struct tape *t)
{
    return t->at >= t->len;
}

static inline uint64_t tape_take(struct tape *t, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)(t->at < t->len ? t->data[t->at++] : 0) << 8 * i;
    return v;
}

static inline void drive_msi(struct machine *m, uint64_t addr, uint32_t data)
{
    (void)m;
    (void)addr;
    (void)data;
}

static inline void drive_line(void *opaque, unsigned n, bool level)
{
    (void)opaque;
    (void)n;
    (void)level;
}

static inline bool drive_is_pci(const struct dev_type *type)
{
    return type->state->fields[0].sub == pci_fields;
}

/* The machine: the device, 64 KiB of RAM for its DMA, a host bridge for PCI functions. */
static inline struct dev *drive_make(struct machine *m, const struct dev_type *type)
{
    static const struct arch arch = {.name = "none", .msi_send = drive_msi};
    struct dev *dev = NULL, *host = NULL;
    struct mem_slot *slot;

    machine_init(m, &arch, NULL, true);
    if (mem_add(&m->mem, "ram", SLOT_RAM, 0, 0x10000, &slot, NULL) ||
        dev_create(type, type->name, m, &dev, NULL))
        return NULL;
    if (drive_is_pci(type) && type != &q35_host_type) {
        if (dev_create(&q35_host_type, "host", m, &host, NULL) ||
            pci_add(q35_host_bus(host), dev, PCI_DEVFN(31, 0), NULL))
            return NULL;
        dev_map(host, Q35_HOST_WIN_CONFIG, &m->ports, 0xcf8);
    }
    for (unsigned i = 0; i < dev->nlines; i++)
        dev_wire(dev, i, (struct irq){.set = drive_line});
    /* Windows that no BAR or register places: well apart on the memory bus. */
    for (unsigned i = 0; i < DEV_WINDOWS_MAX; i++)
        if (dev->windows[i].ops && !drive_is_pci(type))
            dev_map(dev, i, &m->mmio, 0x100000u * (i + 1));
    if (type == &q35_host_type)
        dev_map(dev, Q35_HOST_WIN_CONFIG, &m->ports, 0xcf8);
    list_for_each(it, &m->devs)
        dev_reset(list_entry(it, struct dev, node));
    return dev;
}

static inline void drive_time(struct machine *m, uint64_t ns)
{
    uint64_t until = m->clock.det_ns + ns;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t next = clock_next_deadline(&m->clock);
        if (next > until)
            break;
        m->clock.det_ns = MAX(m->clock.det_ns, next);
        clock_run_timers(&m->clock);
    }
    m->clock.det_ns = until;
}

/* A window of the device, also one that its BAR has not placed: called as the bus does. */
static inline void drive_window(struct dev *dev, struct tape *t)
{
    unsigned n = 0;

    while (n < DEV_WINDOWS_MAX && dev->windows[n].ops)
        n++;
    if (!n)
        return;
    struct window *w = &dev->windows[tape_take(t, 1) % n];
    unsigned what = (unsigned)tape_take(t, 1), size = 1u << (what & 3);
    uint64_t off = tape_take(t, w->size > 256 ? 3 : 1) % w->size;
    struct bus *bus = w->bus;
    if (!bus) {
        bus = &dev->machine->mmio;
        bus_add(bus, w, 0x40000000);
    }
    if (what & 4)
        bus_write(bus, w->base + off, size, tape_take(t, size));
    else
        (void)bus_read(bus, w->base + off, size);
}

/* Config space through mechanism #1. */
static inline void drive_config(struct machine *m, struct tape *t)
{
    unsigned what = (unsigned)tape_take(t, 1), size = 1u << (what & 3) % 3;
    uint64_t port = 0xcfc + (what >> 4 & 3);

    bus_write(&m->ports, 0xcf8, 4,
              0x80000000u | (what & 8 ? 0 : PCI_DEVFN(31, 0) << 8) | tape_take(t, 1));
    if (what & 4)
        bus_write(&m->ports, port, size, tape_take(t, size));
    else
        (void)bus_read(&m->ports, port, size);
}

/* A stream's bytes instead of the device's own, as a hostile save file would give it. */
static inline void drive_load(struct dev *dev, struct tape *t)
{
    uint8_t *regs = dev_regs(dev);
    size_t size = dev->type->state->size, from = tape_take(t, 2) % size;

    pthread_mutex_lock(&dev->lock);
    for (unsigned n = (unsigned)tape_take(t, 1); n && from < size && !tape_ends(t); n--)
        regs[from++] = (uint8_t)tape_take(t, 1);
    if (dev->type->loaded)
        dev->type->loaded(dev);
    pthread_mutex_unlock(&dev->lock);
}

static inline void drive(const struct dev_type *type, struct tape *t)
{
    struct machine m;
    struct dev *dev = drive_make(&m, type);

    while (dev && !tape_ends(t)) {
        unsigned op = (unsigned)tape_take(t, 1);
        if (op < 200)
            drive_window(dev, t);
        else if (op < 230 && drive_is_pci(type))
            drive_config(&m, t);
        else if (op < 245)
            drive_time(&m, tape_take(t, 1) << (tape_take(t, 1) % 40));
        else if (op < 250 && type->loaded)
            drive_load(dev, t);
        else if (op == 255)
            dev_reset(dev);
    }
    machine_fini(&m);
}

#endif
