/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The bus with a function made for the test: config space, BARs, INTx, MSI, MSI-X; the host
 * bridge's two mechanisms; the LPC bridge's routing; the watchdog on the bus.
 */
#include "dev/pci/pci.h"

#include "dev/acpi_pm_ich9.h"
#include "dev/i6300esb.h"
#include "dev/pci/ich9_lpc.h"
#include "dev/pci/q35_host.h"
#include "unit/dev/fake.h"

#define ECAM 0xb0000000u

/* ---- a function with one BAR of each kind ------------------------------------------------- */

struct probe_regs {
    struct pci_regs pci;
    uint64_t last;
};

struct probe {
    struct pci_dev pci;
    struct probe_regs regs;
    unsigned masked_calls;
};

static uint64_t probe_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)dev;
    return off << 8 | size;
}

static void probe_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    (void)off;
    (void)size;
    container_of(dev, struct probe, pci.dev)->regs.last = v;
}

static void probe_masked(struct pci_dev *pci, unsigned vector, bool masked)
{
    (void)vector;
    (void)masked;
    container_of(pci, struct probe, pci)->masked_calls++;
}

static int probe_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {
        .vendor = 0x1af4, .device = 0x1041, .class_code = 0x020000, .revision = 1, .pin = 1};
    struct probe *p = container_of(dev, struct probe, pci.dev);

    (void)err;
    pci_init(&p->pci, &p->regs.pci, &id);
    pci_bar(&p->pci, 0, PCI_BAR_IO, &dev->windows[0]);
    pci_bar(&p->pci, 1, PCI_BAR_MEM32, &dev->windows[1]);
    pci_bar(&p->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &dev->windows[2]);
    pci_bar(&p->pci, 4, PCI_BAR_MEM32, &dev->windows[3]);
    pci_msi(&p->pci);
    pci_msix(&p->pci, 3, 4, 0, PCI_MSIX_WINDOW_PBA);
    p->pci.vector_masked = probe_masked;
    return 0;
}

static void probe_fini(struct dev *dev)
{
    pci_fini(&container_of(dev, struct probe, pci.dev)->pci);
}

static void probe_reset(struct dev *dev)
{
    pci_reset(&container_of(dev, struct probe, pci.dev)->pci);
}

static void probe_loaded(struct dev *dev)
{
    pci_loaded(&container_of(dev, struct probe, pci.dev)->pci);
}

static const struct field probe_fields[] = {
    FIELD_SUB(struct probe_regs, pci, pci_fields),
    FIELD(struct probe_regs, last),
    FIELD_END,
};
static const struct state probe_state = {"probe", 1, sizeof(struct probe_regs), probe_fields};
static const struct window_ops probe_ops = {probe_read, probe_write, 1, 8};
static const struct dev_window_desc probe_windows[] = {
    {"io", 32, &probe_ops},
    {"mem", 0x1000, &probe_ops},
    {"mem64", 0x4000, &probe_ops},
    {"msix", PCI_MSIX_WINDOW_SIZE, &pci_msix_window_ops},
    {0},
};
static const struct dev_type probe_type = {
    .name = "probe",
    .help = "a function for tests",
    .size = sizeof(struct probe),
    .regs = offsetof(struct probe, regs),
    .state = &probe_state,
    .windows = probe_windows,
    .init = probe_init,
    .fini = probe_fini,
    .reset = probe_reset,
    .loaded = probe_loaded,
};

/* ------------------------------------------------------------------------------------------- */

static struct fake f;
static struct dev *host, *dev;
static struct pci_bus *bus;
#define SLOT PCI_DEVFN(3, 0)

static int setup(void **state)
{
    struct error err;

    (void)state;
    fake_init(&f);
    host = fake_dev(&f, &q35_host_type, 0);
    q35_host_configure(host, &(struct q35_host_config){.pciexbar = ECAM | 1});
    dev_map(host, Q35_HOST_WIN_CONFIG, &f.m.ports, 0xcf8);
    bus = q35_host_bus(host);
    for (unsigned i = 0; i < PCI_PIRQS; i++)
        pci_bus_wire(bus, i, fake_irq(&f, i));
    dev = fake_dev(&f, &probe_type, 0);
    assert_int_equal(pci_add(bus, dev, SLOT, &err), 0);
    dev_reset(host);
    dev_reset(dev);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static uint32_t cfg(unsigned devfn, unsigned off)
{
    OUTL(&f, 0xcf8, 0x80000000u | devfn << 8 | off);
    return INL(&f, 0xcfc);
}

static void cfg_set(unsigned devfn, unsigned off, uint32_t v)
{
    OUTL(&f, 0xcf8, 0x80000000u | devfn << 8 | off);
    OUTL(&f, 0xcfc, v);
}

static void mechanism_1(void **state)
{
    (void)state;
    assert_int_equal(cfg(0, 0), 0x29c08086);
    assert_int_equal(cfg(0, 8), 0x06000000);
    assert_int_equal(cfg(SLOT, 0), 0x10411af4);
    assert_int_equal(cfg(PCI_DEVFN(4, 0), 0), 0xffffffff);
    OUTL(&f, 0xcf8, 0x80010000); /* bus 1 */
    assert_int_equal(INL(&f, 0xcfc), 0xffffffff);
    OUTL(&f, 0xcf8, 0x80000000u | SLOT << 8 | 8);
    assert_int_equal(INB(&f, 0xcfc), 0x01);
    assert_int_equal(bus_read(&f.m.ports, 0xcfe, 2), 0x0200);
    OUTL(&f, 0xcf8, SLOT << 8); /* not enabled */
    assert_int_equal(INL(&f, 0xcfc), 0xffffffff);
    OUTB(&f, 0xcf8, 0x55); /* bytes do not reach the address register */
    assert_int_equal(INL(&f, 0xcf8), SLOT << 8);
    cfg_set(SLOT, 0, 0x12345678); /* identity is for reading */
    assert_int_equal(cfg(SLOT, 0), 0x10411af4);
}

static void ecam_follows_its_register(void **state)
{
    (void)state;
    assert_int_equal(RD32(&f, ECAM + (SLOT << 12)), 0x10411af4);
    cfg_set(SLOT, 4, 0x0006);
    assert_int_equal(bus_read(&f.m.mmio, ECAM + (SLOT << 12) + 3, 2), 0x0610); /* two dwords */
    assert_int_equal(RD32(&f, ECAM + (SLOT << 12) + 0x100), 0xffffffff);
    assert_int_equal(RD32(&f, ECAM + (1 << 20)), 0xffffffff);
    WR32(&f, ECAM + (SLOT << 12) + 0x3c, 0x0b);
    assert_int_equal(cfg(SLOT, 0x3c), 0x0000010b);
    cfg_set(0, 0x60, 0xe0000001);
    assert_int_equal(RD32(&f, 0xe0000000u + (SLOT << 12)), 0x10411af4);
    assert_false(bus_claimed(&f.m.mmio, ECAM));
    cfg_set(0, 0x60, 0xe0000000);
    assert_false(bus_claimed(&f.m.mmio, 0xe0000000u));
    dev_reset(host);
    assert_true(bus_claimed(&f.m.mmio, ECAM));
}

static void bars_are_sized_and_mapped(void **state)
{
    (void)state;
    assert_int_equal(cfg(SLOT, 0x10), 1);
    assert_int_equal(cfg(SLOT, 0x18), 12);
    for (unsigned off = 0x10; off < 0x28; off += 4)
        cfg_set(SLOT, off, 0xffffffff);
    assert_int_equal(cfg(SLOT, 0x10), 0xffffffe1);
    assert_int_equal(cfg(SLOT, 0x14), 0xfffff000);
    assert_int_equal(cfg(SLOT, 0x18), 0xffffc00c);
    assert_int_equal(cfg(SLOT, 0x1c), 0xffffffff);
    assert_int_equal(cfg(SLOT, 0x24), 0); /* not there */
    cfg_set(SLOT, 0x10, 0xc001);
    cfg_set(SLOT, 0x14, 0xc0000000);
    cfg_set(SLOT, 0x18, 0x0000000c);
    cfg_set(SLOT, 0x1c, 0x8);
    assert_false(bus_claimed(&f.m.ports, 0xc000));
    cfg_set(SLOT, 4, 3);
    assert_int_equal(INL(&f, 0xc004), 0x404);
    assert_int_equal(RD32(&f, 0xc0000ff0u), 0xff004);
    assert_int_equal(RD64(&f, 0x800000008ull), 0x808);
    WR32(&f, 0xc0000000u, 0x1234);
    assert_int_equal(container_of(dev, struct probe, pci.dev)->regs.last, 0x1234);
    cfg_set(SLOT, 0x14, 0xd0000000); /* moves while it is decoded */
    assert_false(bus_claimed(&f.m.mmio, 0xc0000000u));
    assert_true(bus_claimed(&f.m.mmio, 0xd0000000u));
    cfg_set(SLOT, 4, 1);
    assert_true(bus_claimed(&f.m.ports, 0xc000));
    assert_false(bus_claimed(&f.m.mmio, 0xd0000000u));
    dev_reset(dev);
    assert_false(bus_claimed(&f.m.ports, 0xc000));
}

static void intx_is_shared_and_swizzled(void **state)
{
    struct pci_dev *pci = container_of(dev, struct pci_dev, dev);
    struct error err;

    (void)state;
    assert_int_equal(pci_pirq_of(PCI_DEVFN(3, 0), 1), 7);
    assert_int_equal(pci_pirq_of(PCI_DEVFN(4, 0), 1), 4);
    assert_int_equal(pci_pirq_of(PCI_DEVFN(4, 0), 2), 5);
    assert_int_equal(pci_pirq_of(PCI_DEVFN(31, 0), 1), 0);
    assert_int_equal(pci_pirq_of(PCI_DEVFN(31, 0), 4), 3);
    struct dev *other = fake_dev(&f, &probe_type, 0);
    assert_int_equal(pci_add(bus, other, SLOT, &err), -ENODEV);
    assert_int_equal(pci_add(bus, other, PCI_DEVFN(7, 0), &err), 0); /* the same line */
    dev_reset(other);
    pci_intx(pci, true);
    pci_intx(container_of(other, struct pci_dev, dev), true);
    assert_true(f.level[7]);
    assert_true(cfg(SLOT, 4) >> 16 & 8);
    pci_intx(pci, false);
    assert_true(f.level[7]);
    cfg_set(PCI_DEVFN(7, 0), 4, 0x400); /* interrupt disable */
    assert_false(f.level[7]);
    cfg_set(PCI_DEVFN(7, 0), 4, 0);
    assert_true(f.level[7]);
    dev_reset(other);
    assert_false(f.level[7]);
    pci_intx(container_of(other, struct pci_dev, dev), true);
    dev_destroy(other); /* takes its level along */
    assert_false(f.level[7]);
}

static void capabilities_are_chained(void **state)
{
    (void)state;
    assert_true(cfg(SLOT, 4) >> 16 & 0x10);
    unsigned at = cfg(SLOT, 0x34) & 0xff;
    assert_int_equal(cfg(SLOT, at) & 0xff, 0x05);
    at = cfg(SLOT, at) >> 8 & 0xff;
    assert_int_equal(cfg(SLOT, at) & 0xff, 0x11);
    assert_int_equal(cfg(SLOT, at) >> 16, 2); /* three vectors */
    assert_int_equal(cfg(SLOT, at + 4), 4);
    assert_int_equal(cfg(SLOT, at + 8), 0x804);
    assert_int_equal(cfg(SLOT, at) >> 8 & 0xff, 0);
}

static void msi(void **state)
{
    struct pci_dev *pci = container_of(dev, struct pci_dev, dev);

    (void)state;
    cfg_set(SLOT, 4, 4);
    cfg_set(SLOT, 0x44, 0xfee01003);
    cfg_set(SLOT, 0x4c, 0x4051);
    pci_notify(pci, 0);
    assert_int_equal(f.n_msi, 0); /* not enabled */
    cfg_set(SLOT, 0x40, 1 << 16);
    assert_true(pci_msi_enabled(pci));
    pci_notify(pci, 0);
    assert_int_equal(f.n_msi, 1);
    assert_int_equal(f.msi[0].addr, 0xfee01000);
    assert_int_equal(f.msi[0].data, 0x4051);
    cfg_set(SLOT, 0x50, 1);
    pci_notify(pci, 0);
    assert_int_equal(f.n_msi, 1);
    assert_int_equal(cfg(SLOT, 0x54), 1);
    cfg_set(SLOT, 0x50, 0);
    assert_int_equal(f.n_msi, 2);
    assert_int_equal(cfg(SLOT, 0x54), 0);
    cfg_set(SLOT, 4, 0); /* no bus master, no message */
    pci_notify(pci, 0);
    assert_int_equal(f.n_msi, 2);
}

static void msix(void **state)
{
    struct pci_dev *pci = container_of(dev, struct pci_dev, dev);
    struct probe *p = container_of(pci, struct probe, pci);

    (void)state;
    cfg_set(SLOT, 0x20, 0xc0100000);
    cfg_set(SLOT, 4, 6);
    assert_int_equal(RD32(&f, 0xc010000cu), 1); /* masked after reset */
    WR32(&f, 0xc0100010u, 0xfee02000);
    WR32(&f, 0xc0100018u, 0x61);
    WR64(&f, 0xc0100020u, 0xfee03000);
    WR64(&f, 0xc0100028u, 0x62);
    cfg_set(SLOT, pci->msix_cap, 0x80000000);
    pci_notify(pci, 1);
    assert_int_equal(f.n_msi, 0);
    assert_int_equal(RD64(&f, 0xc0100800u), 2);
    WR32(&f, 0xc010001cu, 0);
    assert_int_equal(f.n_msi, 1);
    assert_int_equal(f.msi[0].addr, 0xfee02000);
    assert_int_equal(f.msi[0].data, 0x61);
    assert_int_equal(RD64(&f, 0xc0100800u), 0);
    cfg_set(SLOT, pci->msix_cap, 0xc0000000); /* the whole function */
    pci_notify(pci, 2);
    assert_int_equal(f.n_msi, 1);
    unsigned calls = p->masked_calls;
    cfg_set(SLOT, pci->msix_cap, 0x80000000);
    assert_int_equal(f.n_msi, 2);
    assert_int_equal(f.msi[1].data, 0x62);
    assert_int_equal(p->masked_calls, calls + 2);
    pci_notify(pci, 3); /* no such vector */
    assert_int_equal(f.n_msi, 2);
    assert_int_equal(RD32(&f, 0xc0100030u), 0xffffffff); /* behind the table */
}

static void a_loaded_record_maps_its_bars(void **state)
{
    struct probe *p = container_of(dev, struct probe, pci.dev);

    (void)state;
    cfg_set(SLOT, 0x14, 0xc0000000);
    cfg_set(SLOT, 4, 2);
    struct probe_regs saved = p->regs;
    dev_reset(dev);
    assert_false(bus_claimed(&f.m.mmio, 0xc0000000u));
    p->regs = saved;
    p->regs.pci.config[0] = 0x77; /* a stream does not change the identity */
    probe_loaded(dev);
    assert_true(bus_claimed(&f.m.mmio, 0xc0000000u));
    assert_int_equal(cfg(SLOT, 0), 0x10411af4);
}

static void lpc_places_and_routes(void **state)
{
    struct dev *pm = fake_dev(&f, &acpi_pm_ich9_type, 60);
    struct dev *lpc = fake_dev(&f, &ich9_lpc_type, 8);
    struct ich9_lpc_config config = {.pm = &pm->windows[ACPI_PM_ICH9_WIN_PM],
                                     .pmbase = 0x600,
                                     .rcba = 0xfed1c000,
                                     .pirq_route = {10, 10, 11, 11, 0x80, 0x80, 0x80, 0x80}};
    const unsigned fn = PCI_DEVFN(31, 0), gsi = 8, isa = 16;
    struct error err;

    (void)state;
    ich9_lpc_configure(lpc, &config);
    assert_int_equal(pci_add(bus, lpc, fn, &err), 0);
    dev_reset(lpc);
    assert_int_equal(cfg(fn, 0), 0x29188086);
    assert_int_equal(cfg(fn, 0x40), 0x601);
    assert_true(bus_claimed(&f.m.ports, 0x600));
    cfg_set(fn, 0x40, 0x1000);
    assert_false(bus_claimed(&f.m.ports, 0x600));
    assert_true(bus_claimed(&f.m.ports, 0x1000));
    cfg_set(fn, 0x44, 0); /* not decoded */
    assert_false(bus_claimed(&f.m.ports, 0x1000));
    assert_int_equal(RD32(&f, 0xfed1f404u), 0x80);
    assert_int_equal(bus_read(&f.m.mmio, 0xfed1f140u, 2), 0x3210);

    struct irq a = ich9_lpc_pirq(lpc, 0), b = ich9_lpc_pirq(lpc, 1), e = ich9_lpc_pirq(lpc, 4);
    irq_set(&a, true);
    irq_set(&b, true);
    assert_true(f.level[gsi + 0] && f.level[gsi + 1] && f.level[isa + 10]);
    irq_set(&a, false);
    assert_true(f.level[isa + 10]); /* b still holds it */
    cfg_set(fn, 0x60, 0x0b0b800a);  /* b is routed nowhere now */
    assert_false(f.level[isa + 10]);
    assert_true(f.level[gsi + 1]);
    irq_set(&e, true);
    assert_true(f.level[gsi + 4]);
    cfg_set(fn, 0x68, 0x80808005);
    assert_true(f.level[isa + 5]);
    cfg_set(fn, 0x68, 0x80808008); /* 8 cannot be chosen */
    assert_false(f.level[isa + 5] || f.level[isa + 8]);
}

static void the_watchdog_bites_once_not_pinged(void **state)
{
    struct dev *esb = fake_dev(&f, &i6300esb_type, 60);
    const unsigned fn = PCI_DEVFN(5, 0);
    const uint32_t base = 0xc0200000;
    struct error err;

    (void)state;
    assert_int_equal(pci_add(bus, esb, fn, &err), 0);
    dev_reset(esb);
    assert_int_equal(cfg(fn, 0), 0x25ab8086);
    cfg_set(fn, 0x10, base);
    cfg_set(fn, 4, 2);
    WR32(&f, base, 512); /* locked */
    assert_int_equal(RD32(&f, base), 0xfffff);
    for (unsigned i = 0; i < 2; i++) {
        WR32(&f, base + 0xc, 0x80);
        WR32(&f, base + 0xc, 0x86);
        WR32(&f, base + 4 * i, 512); /* about half a second each */
    }
    assert_int_equal(RD32(&f, base + 4), 512);
    cfg_set(fn, 0x60, 3);
    cfg_set(fn, 0x68, 2);
    for (unsigned i = 0; i < 5; i++) {
        fake_sleep(&f, 900000000);
        WR32(&f, base + 0xc, 0x80);
        WR32(&f, base + 0xc, 0x86);
        bus_write(&f.m.mmio, base + 0xc, 2, 0x100);
    }
    assert_false(fake_event(&f, EV_WATCHDOG));
    fake_sleep(&f, 1000000000);
    assert_false(fake_event(&f, EV_WATCHDOG));
    fake_sleep(&f, 30000000);
    assert_true(fake_event(&f, EV_WATCHDOG));
    assert_int_equal(RD32(&f, base + 0xc), 0x200);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(mechanism_1),
        T(ecam_follows_its_register),
        T(bars_are_sized_and_mapped),
        T(intx_is_shared_and_swizzled),
        T(capabilities_are_chained),
        T(msi),
        T(msix),
        T(a_loaded_record_maps_its_bars),
        T(lpc_places_and_routes),
        T(the_watchdog_bites_once_not_pinged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
