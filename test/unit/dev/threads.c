/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Devices wired as on a board and driven from several threads at once: vCPUs that access them,
 * acknowledge and end interrupts, and one that serves the timers. It must come to an end (no lock
 * waits for itself); a build with -fsanitize=thread says more.
 */
#include "dev/acpi_pm_ich9.h"
#include "dev/hpet.h"
#include "dev/i6300esb.h"
#include "dev/i8042.h"
#include "dev/ioapic_82093aa.h"
#include "dev/pci/ich9_lpc.h"
#include "dev/pci/pci.h"
#include "dev/pci/q35_host.h"
#include "dev/pic_i8259.h"
#include "dev/pit_i8254.h"
#include "dev/rtc_mc146818.h"
#include "dev/serial_16550.h"

#include "core/machine.h"
#include "lib/test.h"

#define ROUNDS 30000

static struct machine m;
static struct dev *pic, *ioapic, *pit, *hpet, *rtc, *serial, *kbc, *pm, *host, *lpc, *esb;
static struct irq_fanout fan[16];
static uint64_t messages, intr;
static bool done;

static void count_msi(struct machine *machine, uint64_t addr, uint32_t data)
{
    (void)machine;
    (void)addr;
    (void)data;
    __atomic_add_fetch(&messages, 1, __ATOMIC_RELAXED);
}

static void count_intr(void *opaque, unsigned n, bool level)
{
    (void)opaque;
    (void)n;
    __atomic_add_fetch(&intr, level, __ATOMIC_RELAXED);
}

static struct dev *make(const struct dev_type *type)
{
    struct dev *dev = NULL;
    struct error err = {0};

    if (dev_create(type, type->name, &m, &dev, &err))
        fail_msg("%s: %s", type->name, err.text);
    return dev;
}

static struct irq isa(unsigned n)
{
    fan[n].out[0] = pic_i8259_input(pic, n);
    fan[n].out[1] = ioapic_82093aa_input(ioapic, n ? n : 2);
    fan[n].n = 2;
    return irq_fanout_line(&fan[n]);
}

static void make_timers(void)
{
    pit = make(&pit_i8254_type);
    hpet = make(&hpet_type);
    rtc = make(&rtc_mc146818_type);
    dev_map(pit, PIT_I8254_WIN_COUNTERS, &m.ports, 0x40);
    dev_map(pit, PIT_I8254_WIN_PORT61, &m.ports, 0x61);
    dev_map(rtc, RTC_MC146818_WIN_PORTS, &m.ports, 0x70);
    dev_map(hpet, HPET_WIN_REGS, &m.mmio, 0xfed00000);
    dev_wire(pit, PIT_I8254_LINE_OUT0, hpet_input(hpet, 0));
    dev_wire(rtc, RTC_MC146818_LINE_IRQ, hpet_input(hpet, 1));
    dev_wire(hpet, HPET_LINE_IRQ0, isa(0));
    dev_wire(hpet, HPET_LINE_IRQ8, isa(8));
    for (unsigned pin = 20; pin < 24; pin++)
        dev_wire(hpet, HPET_LINE_PIN0 + pin, ioapic_82093aa_input(ioapic, pin));
}

static void make_pci(void)
{
    struct ich9_lpc_config config = {.pm = &pm->windows[ACPI_PM_ICH9_WIN_PM],
                                     .pmbase = 0x600,
                                     .rcba = 0xfed1c000,
                                     .pirq_route = {10, 10, 11, 11, 10, 10, 11, 11}};

    host = make(&q35_host_type);
    lpc = make(&ich9_lpc_type);
    esb = make(&i6300esb_type);
    q35_host_configure(host, &(struct q35_host_config){.pciexbar = 0xb0000001});
    ich9_lpc_configure(lpc, &config);
    dev_map(host, Q35_HOST_WIN_CONFIG, &m.ports, 0xcf8);
    assert_int_equal(pci_add(q35_host_bus(host), lpc, PCI_DEVFN(31, 0), NULL), 0);
    assert_int_equal(pci_add(q35_host_bus(host), esb, PCI_DEVFN(3, 0), NULL), 0);
    for (unsigned i = 0; i < PCI_PIRQS; i++) {
        pci_bus_wire(q35_host_bus(host), i, ich9_lpc_pirq(lpc, i));
        dev_wire(lpc, ICH9_LPC_LINE_GSI16 + i, ioapic_82093aa_input(ioapic, 16 + i));
    }
    dev_wire(lpc, ICH9_LPC_LINE_ISA0 + 10, pic_i8259_input(pic, 10));
    dev_wire(lpc, ICH9_LPC_LINE_ISA0 + 11, pic_i8259_input(pic, 11));
}

static void make_board(void)
{
    static const struct arch arch = {.name = "none", .msi_send = count_msi};

    machine_init(&m, &arch, NULL, true);
    pic = make(&pic_i8259_type);
    ioapic = make(&ioapic_82093aa_type);
    dev_map(pic, PIC_I8259_WIN_MASTER, &m.ports, 0x20);
    dev_map(pic, PIC_I8259_WIN_SLAVE, &m.ports, 0xa0);
    dev_map(pic, PIC_I8259_WIN_ELCR, &m.ports, 0x4d0);
    dev_wire(pic, PIC_I8259_LINE_INTR, (struct irq){.set = count_intr});
    dev_map(ioapic, IOAPIC_82093AA_WIN_REGS, &m.mmio, 0xfec00000);
    make_timers();
    serial = make(&serial_16550_type);
    kbc = make(&i8042_type);
    pm = make(&acpi_pm_ich9_type);
    dev_map(serial, SERIAL_16550_WIN_REGS, &m.ports, 0x3f8);
    dev_map(kbc, I8042_WIN_DATA, &m.ports, 0x60);
    dev_map(kbc, I8042_WIN_COMMAND, &m.ports, 0x64);
    dev_wire(serial, SERIAL_16550_LINE_IRQ, isa(4));
    dev_wire(kbc, I8042_LINE_KBD, isa(1));
    dev_wire(kbc, I8042_LINE_AUX, isa(12));
    dev_wire(pm, ACPI_PM_ICH9_LINE_SCI, isa(9));
    make_pci();
    list_for_each(it, &m.devs)
        dev_reset(list_entry(it, struct dev, node));
}

/* I/O APIC entries open, half of them level-triggered; timers on; 8259s programmed. */
static void open_everything(void)
{
    for (unsigned pin = 0; pin < 24; pin++) {
        bus_write(&m.mmio, 0xfec00000, 4, 0x10 + 2 * pin);
        bus_write(&m.mmio, 0xfec00010, 4, 0x30 + pin + (pin >= 16 ? 0x8000 : 0));
    }
    for (unsigned chip = 0; chip < 2; chip++) {
        uint16_t port = chip ? 0xa0 : 0x20;
        static const uint8_t icw[2][4] = {{0x11, 0x20, 4, 1}, {0x11, 0x28, 2, 1}};
        for (unsigned i = 0; i < 4; i++)
            bus_write(&m.ports, port + (i > 0), 1, icw[chip][i]);
    }
    bus_write(&m.ports, 0x43, 1, 0x34);
    bus_write(&m.ports, 0x40, 1, 100);
    bus_write(&m.ports, 0x40, 1, 0);
    bus_write(&m.mmio, 0xfed00120, 8, 0x4e | 20 << 9);
    bus_write(&m.mmio, 0xfed00128, 8, 10000);
    bus_write(&m.mmio, 0xfed00010, 8, 1);
    bus_write(&m.ports, 0x3fc, 1, 8);
    bus_write(&m.ports, 0x3f9, 1, 15);
    bus_write(&m.ports, 0x70, 1, 0x0b);
    bus_write(&m.ports, 0x71, 1, 0x72);
}

static void random_access(uint64_t *seed)
{
    static const uint16_t ports[] = {0x20,  0x21,  0xa0,  0xa1,  0x40,  0x42,  0x61, 0x71,
                                     0x3f8, 0x3f9, 0x3fa, 0x3fd, 0x3fe, 0x60,  0x64, 0x600,
                                     0x602, 0x620, 0xcf8, 0xcfc, 0x4d1, 0x608, 0xb2};
    static const uint32_t mmio[] = {0xfec00000, 0xfec00010, 0xfed00020, 0xfed000f0,
                                    0xfed00120, 0xfed00128, 0xb0018010, 0xb0018004,
                                    0xb00f8060, 0xb00f8040, 0xc0000000, 0xfed1f404};
    uint64_t r = test_random(seed);
    unsigned size = r >> 20 & 1 ? 4 : 1;

    if (r & 1) {
        uint32_t at = mmio[(r >> 8 & 0xff) % ARRAY_LEN(mmio)];
        if (r & 2)
            bus_write(&m.mmio, at, 4, test_random(seed));
        else
            bus_read(&m.mmio, at, 4);
    } else {
        uint16_t at = ports[(r >> 8 & 0xff) % ARRAY_LEN(ports)];
        if (r & 2)
            bus_write(&m.ports, at, size, test_random(seed));
        else
            bus_read(&m.ports, at, size);
    }
}

static void *vcpu(void *opaque)
{
    uint64_t seed = (uintptr_t)opaque;

    for (unsigned i = 0; i < ROUNDS; i++) {
        random_access(&seed);
        if (i % 16 == 0)
            pic_i8259_ack(pic);
        if (i % 8 == 0)
            ioapic_82093aa_eoi(ioapic, (uint8_t)(0x30 + i / 8 % 24));
        if (i % 256 == 0)
            open_everything();
    }
    return NULL;
}

static void *timers(void *opaque)
{
    (void)opaque;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&m.clock.det_ns, 50000, __ATOMIC_RELAXED);
        clock_run_timers(&m.clock);
        i8042_key(kbc, 0x1e, true);
        acpi_pm_ich9_power_button(pm);
    }
    return NULL;
}

static void threads_do_not_wait_for_themselves(void **state)
{
    pthread_t t[4];
    uint64_t seed = test_seed();

    (void)state;
    make_board();
    open_everything();
    pthread_create(&t[3], NULL, timers, NULL);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, vcpu, (void *)(uintptr_t)(test_random(&seed) | 1));
    for (unsigned i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    pthread_join(t[3], NULL);
    assert_true(messages > 100);
    assert_true(intr > 10);
    machine_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_do_not_wait_for_themselves)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
