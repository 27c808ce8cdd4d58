/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The processors' hot-plug controller, used in the order that its specification gives [QEMU
 * acpi_cpu_hotplug, typical usecases].
 */
#include "dev/cpu_hotplug.h"

#include "core/machine.h"
#include "lib/test.h"

#define PORT 0xcd8

static struct machine m;
static struct dev *dev;
static unsigned n_events;
static uint64_t out; /* bit a processor that the board was told of */

static void event(void *opaque, unsigned n, bool level)
{
    (void)opaque, (void)n;
    n_events += level;
}

static void set(void *opaque, unsigned n, bool present)
{
    (void)opaque;
    out = present ? out & ~(UINT64_C(1) << n) : out | UINT64_C(1) << n;
}

static int setup(void **state)
{
    (void)state;
    machine_init(&m, NULL, NULL, true);
    if (dev_create(&cpu_hotplug_type, "cpus", &m, &dev, NULL))
        return -1;
    cpu_hotplug_configure(dev, 5, 2, set, NULL);
    dev_map(dev, CPU_HOTPLUG_WIN_REGS, &m.ports, PORT);
    dev_wire(dev, CPU_HOTPLUG_LINE_EVENT, (struct irq){event, NULL, 0});
    dev_reset(dev);
    n_events = 0;
    out = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    machine_fini(&m);
    return 0;
}

static void enumerate(void **state)
{
    unsigned possible = 0, present = 0;

    (void)state;
    bus_write(&m.ports, PORT, 4, 0);
    bus_write(&m.ports, PORT + 5, 1, 0);
    assert_int_equal(bus_read(&m.ports, PORT, 4), 0); /* the interface is there */
    do {
        present += bus_read(&m.ports, PORT + 4, 1) & 1;
        bus_write(&m.ports, PORT, 4, ++possible);
    } while (bus_read(&m.ports, PORT + 8, 4));
    assert_int_equal(possible, 5);
    assert_int_equal(present, 2);
}

/* The selector and the flags of the next event. */
static unsigned next(unsigned *flags)
{
    bus_write(&m.ports, PORT, 4, 0);
    bus_write(&m.ports, PORT + 5, 1, 0);
    *flags = (unsigned)bus_read(&m.ports, PORT + 4, 1);
    return (unsigned)bus_read(&m.ports, PORT + 8, 4);
}

static void comes_and_goes(void **state)
{
    unsigned flags;

    (void)state;
    cpu_hotplug_insert(dev, 3);
    assert_int_equal(n_events, 1);
    assert_int_equal(next(&flags), 3);
    assert_int_equal(flags, 3);
    bus_write(&m.ports, PORT + 4, 1, 2); /* answered */
    assert_int_equal(next(&flags), 0);
    assert_int_equal(flags, 1);
    cpu_hotplug_remove(dev, 3);
    assert_int_equal(n_events, 2);
    assert_int_equal(next(&flags), 3);
    assert_int_equal(flags, 5);
    bus_write(&m.ports, PORT + 4, 1, 4);
    assert_int_equal(cpu_hotplug_present(dev), 0xb);
    bus_write(&m.ports, PORT + 4, 1, 8); /* out */
    assert_int_equal(cpu_hotplug_present(dev), 3);
    assert_int_equal(out, 8);
    cpu_hotplug_remove(dev, 4); /* it is not there */
    assert_int_equal(next(&flags), 0);
    cpu_hotplug_remove(dev, 1);
    cpu_hotplug_cancel(dev);
    next(&flags);
    assert_int_equal(flags, 1);
}

static void the_first_stays(void **state)
{
    (void)state;
    bus_write(&m.ports, PORT, 4, 0);
    bus_write(&m.ports, PORT + 4, 1, 8);
    bus_write(&m.ports, PORT, 4, 77); /* nobody */
    bus_write(&m.ports, PORT + 4, 1, 8);
    assert_int_equal(bus_read(&m.ports, PORT + 4, 1), 0);
    assert_int_equal(cpu_hotplug_present(dev), 3);
    assert_int_equal(out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(enumerate, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_and_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_stays, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
