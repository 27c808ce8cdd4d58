/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ACPI fixed registers: timer, events and SCI, sleep, the APM port.
 */
#include "dev/acpi_pm_ich9.h"

#include "unit/dev/fake.h"

#define PM 0x600

static struct fake f;
static struct dev *pm;

static uint16_t rd16(uint16_t port)
{
    return (uint16_t)bus_read(&f.m.ports, port, 2);
}

static void wr16(uint16_t port, uint16_t v)
{
    bus_write(&f.m.ports, port, 2, v);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    pm = fake_dev(&f, &acpi_pm_ich9_type, 0);
    acpi_pm_ich9_configure(pm, true, false);
    dev_map(pm, ACPI_PM_ICH9_WIN_PM, &f.m.ports, PM);
    dev_map(pm, ACPI_PM_ICH9_WIN_APM, &f.m.ports, 0xb2);
    dev_reset(pm);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void the_timer_runs_at_its_rate(void **state)
{
    (void)state;
    assert_int_equal(INL(&f, PM + 8), 0);
    fake_sleep(&f, 1000000000);
    assert_int_equal(INL(&f, PM + 8), 3579545);
    assert_int_equal(rd16(PM + 8), 3579545 & 0xffff);
    fake_sleep(&f, 4000000000);
    assert_int_equal(INL(&f, PM + 8), 5ull * 3579545 & 0xffffff); /* 24 bits */
}

static void timer_carry(void **state)
{
    (void)state;
    assert_int_equal(rd16(PM) & 1, 0);
    fake_sleep(&f, 2400000000ull); /* bit 23 has changed once (2.34 s) */
    assert_int_equal(rd16(PM) & 1, 1);
    wr16(PM, 1);
    assert_int_equal(rd16(PM) & 1, 0);
    wr16(PM + 2, 1);
    fake_sleep(&f, 2400000000ull);
    assert_true(f.level[0]);
    wr16(PM, 1);
    assert_false(f.level[0]);
}

static void power_button(void **state)
{
    (void)state;
    acpi_pm_ich9_power_button(pm);
    assert_false(f.level[0]);
    assert_int_equal(rd16(PM), 0x100);
    wr16(PM + 2, 0x100);
    assert_true(f.level[0]);
    OUTB(&f, 0xb2, ACPI_PM_ICH9_DISABLE); /* no SCI without SCI_EN */
    assert_int_equal(rd16(PM + 4) & 1, 0);
    assert_false(f.level[0]);
    OUTB(&f, 0xb2, ACPI_PM_ICH9_ENABLE);
    assert_int_equal(rd16(PM + 4) & 1, 1);
    assert_true(f.level[0]);
    wr16(PM, 0x200); /* another bit */
    assert_true(f.level[0]);
    OUTB(&f, PM + 1, 0x01); /* by byte */
    assert_false(f.level[0]);
    acpi_pm_ich9_sleep_button(pm);
    assert_int_equal(INL(&f, PM), 0x01000200);
}

static void general_purpose_events(void **state)
{
    (void)state;
    acpi_pm_ich9_gpe(pm, 33);
    assert_false(f.level[0]);
    assert_int_equal(INL(&f, PM + 0x24), 2);
    OUTB(&f, PM + 0x2c, 0x02);
    assert_true(f.level[0]);
    OUTL(&f, PM + 0x24, 2);
    assert_false(f.level[0]);
    assert_int_equal(INL(&f, PM + 0x2c), 2);
}

static void sleep_states(void **state)
{
    (void)state;
    wr16(PM + 4, 7 << 10); /* the type alone does nothing */
    assert_false(fake_event(&f, EV_POWEROFF));
    wr16(PM + 4, 7 << 10 | 1 << 13);
    assert_true(fake_event(&f, EV_POWEROFF));
    assert_int_equal(rd16(PM + 4), 7 << 10 | 1); /* SLP_EN reads as 0, SCI_EN stays */
    wr16(PM + 4, 5 << 10 | 1 << 13);
    assert_true(fake_event(&f, EV_SUSPEND));
    assert_false(fake_event(&f, EV_POWEROFF));
    acpi_pm_ich9_wake(pm);
    assert_int_equal(rd16(PM), 0x8000);
    wr16(PM + 4, 2 << 10 | 1 << 13);
    assert_int_equal(f.m.pending_events, 0);
}

static void dword_writes_reach_both_halves(void **state)
{
    (void)state;
    OUTL(&f, PM, 0x0300ffff);
    assert_int_equal(rd16(PM + 2), 0x300);
    assert_int_equal(rd16(PM), 0);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_timer_runs_at_its_rate), T(timer_carry),  T(power_button),
        T(general_purpose_events),     T(sleep_states), T(dword_writes_reach_both_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
