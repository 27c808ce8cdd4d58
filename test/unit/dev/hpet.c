/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counter, comparators, periodic mode, status and legacy replacement of the HPET.
 */
#include "dev/hpet.h"

#include "unit/dev/fake.h"

#define BASE 0xfed00000u
#define CFG (BASE + 0x10)
#define ISR (BASE + 0x20)
#define CNT (BASE + 0xf0)
#define T_CFG(n) (BASE + 0x100 + 0x20 * (n))
#define T_CMP(n) (BASE + 0x108 + 0x20 * (n))

static struct fake f;
static struct dev *hpet;

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    hpet = fake_dev(&f, &hpet_type, 0);
    dev_map(hpet, HPET_WIN_REGS, &f.m.mmio, BASE);
    dev_reset(hpet);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void capabilities(void **state)
{
    (void)state;
    assert_int_equal(RD64(&f, BASE), 0x0098968080860000ull | 0xa201);
    assert_int_equal(RD32(&f, BASE + 4), 10000000); /* fs a tick */
    assert_int_equal(RD32(&f, BASE), hpet_block_id());
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(RD64(&f, T_CFG(n)), 0x00f0000000000030ull);
}

static void the_counter_runs_at_100_mhz(void **state)
{
    (void)state;
    fake_sleep(&f, 1000000);
    assert_int_equal(RD64(&f, CNT), 0);
    WR64(&f, CFG, 1);
    fake_sleep(&f, 1000000);
    assert_int_equal(RD64(&f, CNT), 100000);
    WR64(&f, CFG, 0);
    fake_sleep(&f, 1000000);
    assert_int_equal(RD64(&f, CNT), 100000);
    WR32(&f, CNT, 0xfffffff0);
    WR64(&f, CFG, 1);
    fake_sleep(&f, 1000);
    assert_int_equal(RD64(&f, CNT), 0x100000054ull);
    assert_int_equal(RD32(&f, CNT + 4), 1);
}

static void one_shot_to_a_pin(void **state)
{
    (void)state;
    WR64(&f, CFG, 1);
    WR64(&f, T_CFG(2), 0x04 | 20 << 9);
    WR64(&f, T_CMP(2), 5000);
    fake_sleep(&f, 49999);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 20], 0);
    fake_sleep(&f, 1);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 20], 1);
    fake_sleep(&f, 1000000000);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 20], 1);
    assert_int_equal(RD64(&f, ISR), 0); /* edges leave no status */
}

static void a_32_bit_timer_comes_round(void **state)
{
    (void)state;
    WR64(&f, CFG, 1);
    WR64(&f, T_CFG(1), 0x104 | 21 << 9);
    WR64(&f, T_CMP(1), 0x500000100ull); /* cut to 32 bits */
    assert_int_equal(RD64(&f, T_CMP(1)), 0x100);
    fake_sleep(&f, 3000);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 21], 1);
    fake_sleep(&f, 0x100000000ull * 10);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 21], 2);
}

static void periodic_keeps_its_rate(void **state)
{
    (void)state;
    WR64(&f, T_CFG(0), 0x4c | 22 << 9); /* periodic, value set */
    WR64(&f, T_CMP(0), 100000);         /* first */
    WR64(&f, T_CMP(0), 250000);         /* then each 2.5 ms */
    assert_int_equal(RD64(&f, T_CMP(0)), 100000);
    WR64(&f, CFG, 1);
    fake_sleep(&f, 1000000);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 22], 1);
    fake_sleep(&f, 1000000000);
    assert_int_equal(f.rises[HPET_LINE_PIN0 + 22], 401);
}

static void level_status_is_cleared_by_writing(void **state)
{
    (void)state;
    WR64(&f, CFG, 1);
    WR64(&f, T_CFG(1), 0x06 | 23 << 9);
    WR64(&f, T_CMP(1), 10);
    fake_sleep(&f, 1000);
    assert_true(f.level[HPET_LINE_PIN0 + 23]);
    assert_int_equal(RD64(&f, ISR), 2);
    WR32(&f, ISR, 1);
    assert_true(f.level[HPET_LINE_PIN0 + 23]);
    WR32(&f, ISR, 2);
    assert_false(f.level[HPET_LINE_PIN0 + 23]);
    assert_int_equal(RD64(&f, ISR), 0);
}

static void legacy_replacement(void **state)
{
    struct irq pit = hpet_input(hpet, 0), rtc = hpet_input(hpet, 1);

    (void)state;
    irq_set(&pit, true);
    irq_set(&rtc, true);
    assert_true(f.level[HPET_LINE_IRQ0] && f.level[HPET_LINE_IRQ8]); /* they pass */
    WR64(&f, T_CFG(0), 0x04);
    WR64(&f, T_CMP(0), 1000);
    WR64(&f, CFG, 3);
    assert_false(f.level[HPET_LINE_IRQ0] || f.level[HPET_LINE_IRQ8]); /* cut off */
    irq_set(&rtc, false);
    irq_set(&rtc, true);
    assert_false(f.level[HPET_LINE_IRQ8]);
    unsigned rises = f.rises[HPET_LINE_IRQ0];
    fake_sleep(&f, 20000);
    assert_int_equal(f.rises[HPET_LINE_IRQ0], rises + 1);
    WR64(&f, CFG, 1);
    assert_true(f.level[HPET_LINE_IRQ0] && f.level[HPET_LINE_IRQ8]); /* back */
}

static void halves_of_a_comparator(void **state)
{
    (void)state;
    WR32(&f, T_CMP(2), 0x11111111);
    WR32(&f, T_CMP(2) + 4, 0x22222222);
    assert_int_equal(RD64(&f, T_CMP(2)), 0x2222222211111111ull);
    assert_int_equal(RD32(&f, T_CMP(2) + 4), 0x22222222);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(capabilities),
        T(the_counter_runs_at_100_mhz),
        T(one_shot_to_a_pin),
        T(a_32_bit_timer_comes_round),
        T(periodic_keeps_its_rate),
        T(level_status_is_cleared_by_writing),
        T(legacy_replacement),
        T(halves_of_a_comparator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
