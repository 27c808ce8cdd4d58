/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Edge and level semantics of the I/O APIC.
 */
#include "dev/ioapic_82093aa.h"

#include "unit/dev/fake.h"

#define BASE 0xfec00000u

static struct fake f;
static struct dev *io;

static uint32_t get(unsigned index)
{
    WR32(&f, BASE, index);
    return RD32(&f, BASE + 0x10);
}

static void set(unsigned index, uint32_t v)
{
    WR32(&f, BASE, index);
    WR32(&f, BASE + 0x10, v);
}

static void line(unsigned pin, bool level)
{
    struct irq i = ioapic_82093aa_input(io, pin);

    irq_set(&i, level);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    io = fake_dev(&f, &ioapic_82093aa_type, 0);
    dev_map(io, IOAPIC_82093AA_WIN_REGS, &f.m.mmio, BASE);
    dev_reset(io);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void identity(void **state)
{
    (void)state;
    assert_int_equal(get(1), 0x00170020); /* 24 entries, version 0x20 */
    for (unsigned pin = 0; pin < 24; pin++) {
        assert_int_equal(get(0x10 + 2 * pin), 0x10000); /* masked */
        assert_int_equal(get(0x11 + 2 * pin), 0);
    }
    set(0, 0xff000000);
    assert_int_equal(get(0), 0x0f000000);
    assert_int_equal(get(2), 0x0f000000);
    set(0x10, 0xffffffff);
    assert_int_equal(get(0x10), 0x1afff); /* status and remote IRR are for reading */
}

static void an_edge_is_one_message(void **state)
{
    (void)state;
    set(0x11 + 2 * 4, 3u << 24);
    set(0x10 + 2 * 4, 0x31);
    line(4, true);
    assert_int_equal(f.n_msi, 1);
    assert_int_equal(f.msi[0].addr, 0xfee03000);
    assert_int_equal(f.msi[0].data & 0x87ff, 0x31);
    line(4, true); /* no new edge */
    assert_int_equal(f.n_msi, 1);
    line(4, false);
    line(4, true);
    assert_int_equal(f.n_msi, 2);
    ioapic_82093aa_eoi(io, 0x31); /* means nothing to an edge */
    assert_int_equal(f.n_msi, 2);
}

static void logical_and_lowest_priority(void **state)
{
    (void)state;
    set(0x11, 0xffu << 24);
    set(0x10, 0x900 | 0x40);
    line(0, true);
    assert_int_equal(f.msi[0].addr, 0xfeeff000 | 4);
    assert_int_equal(f.msi[0].data & 0x7ff, 0x140);
}

static void a_masked_edge_is_lost(void **state)
{
    (void)state;
    set(0x10 + 2 * 7, 0x10031);
    line(7, true);
    set(0x10 + 2 * 7, 0x31);
    assert_int_equal(f.n_msi, 0);
    line(7, false);
    line(7, true);
    assert_int_equal(f.n_msi, 1);
}

static void a_level_comes_again_after_eoi(void **state)
{
    (void)state;
    set(0x10 + 2 * 16, 0xa050); /* level, active low: the line still means "asserted" */
    line(16, true);
    assert_int_equal(f.n_msi, 1);
    assert_int_equal(f.msi[0].data, 0xc050);
    assert_true(get(0x10 + 2 * 16) & 0x4000);
    line(16, true);
    line(16, false);
    line(16, true); /* remote IRR holds it back */
    assert_int_equal(f.n_msi, 1);
    ioapic_82093aa_eoi(io, 0x51); /* another vector */
    assert_int_equal(f.n_msi, 1);
    ioapic_82093aa_eoi(io, 0x50);
    assert_int_equal(f.n_msi, 2);
    line(16, false);
    WR32(&f, BASE + 0x40, 0x50); /* the EOI register */
    assert_int_equal(f.n_msi, 2);
    assert_false(get(0x10 + 2 * 16) & 0x4000);
}

static void a_masked_level_waits(void **state)
{
    (void)state;
    set(0x10 + 2 * 20, 0x18060);
    line(20, true);
    assert_int_equal(f.n_msi, 0);
    set(0x10 + 2 * 20, 0x8060);
    assert_int_equal(f.n_msi, 1);
    set(0x10 + 2 * 20, 0x18060); /* masked in service */
    ioapic_82093aa_eoi(io, 0x60);
    assert_int_equal(f.n_msi, 1);
    set(0x10 + 2 * 20, 0x8060);
    assert_int_equal(f.n_msi, 2);
}

static void edge_mode_clears_a_stuck_remote_irr(void **state)
{
    (void)state;
    set(0x10 + 2 * 18, 0x8070);
    line(18, true);
    assert_true(get(0x10 + 2 * 18) & 0x4000);
    set(0x10 + 2 * 18, 0x10070);
    set(0x10 + 2 * 18, 0x18070);
    assert_false(get(0x10 + 2 * 18) & 0x4000);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(identity),
        T(an_edge_is_one_message),
        T(logical_and_lowest_priority),
        T(a_masked_edge_is_lost),
        T(a_level_comes_again_after_eoi),
        T(a_masked_level_waits),
        T(edge_mode_clears_a_stuck_remote_irr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
