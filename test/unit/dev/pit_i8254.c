/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counts and outputs of the 8254 against its data sheet's wave forms.
 */
#include "dev/pit_i8254.h"

#include "unit/dev/fake.h"

#define HZ 1193182ull

static struct fake f;
static struct dev *pit;

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    pit = fake_dev(&f, &pit_i8254_type, 0);
    dev_map(pit, PIT_I8254_WIN_COUNTERS, &f.m.ports, 0x40);
    dev_map(pit, PIT_I8254_WIN_PORT61, &f.m.ports, 0x61);
    dev_reset(pit);
    f.rises[0] = 0; /* OUT is high after reset */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

/* To the tick with that number since the machine was made. */
static void to_tick(uint64_t tick)
{
    uint64_t ns = (uint64_t)(((unsigned __int128)tick * 1000000000 + HZ - 1) / HZ);

    assert_true(ns >= f.m.clock.det_ns);
    fake_sleep(&f, ns - f.m.clock.det_ns);
}

static void load(unsigned counter, unsigned mode, uint16_t count)
{
    OUTB(&f, 0x43, counter << 6 | 0x30 | mode << 1);
    OUTB(&f, 0x40 + counter, count & 0xff);
    OUTB(&f, 0x40 + counter, count >> 8);
}

static uint16_t read_count(unsigned counter)
{
    OUTB(&f, 0x43, counter << 6);
    uint8_t low = INB(&f, 0x40 + counter);
    return (uint16_t)(low | INB(&f, 0x40 + counter) << 8);
}

static bool out2(void)
{
    return INB(&f, 0x61) & 0x20;
}

static void mode_0_rises_once_after_n(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 0, 100);
    assert_false(out2());
    assert_int_equal(read_count(2), 100);
    to_tick(30);
    assert_int_equal(read_count(2), 70);
    to_tick(99);
    assert_false(out2());
    to_tick(100);
    assert_true(out2());
    to_tick(103);
    assert_true(out2());
    assert_int_equal(read_count(2), 0xfffd); /* it counts on */
}

static void mode_0_stands_while_the_gate_is_low(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 0, 100);
    to_tick(40);
    OUTB(&f, 0x61, 0);
    to_tick(1000);
    assert_int_equal(read_count(2), 60);
    OUTB(&f, 0x61, 1);
    to_tick(1059);
    assert_false(out2());
    to_tick(1060);
    assert_true(out2());
}

static void mode_0_first_byte_stops_it(void **state)
{
    (void)state;
    load(0, 0, 50);
    to_tick(10);
    OUTB(&f, 0x40, 50);
    to_tick(200);
    assert_false(f.level[0]);
    assert_int_equal(f.rises[0], 0);
    OUTB(&f, 0x40, 0);
    to_tick(249);
    assert_int_equal(f.rises[0], 0);
    to_tick(250);
    assert_int_equal(f.rises[0], 1);
}

static void mode_1_starts_with_the_gate(void **state)
{
    (void)state;
    load(2, 1, 20);
    assert_true(out2());
    to_tick(10);
    assert_true(out2());
    OUTB(&f, 0x61, 1);
    assert_false(out2());
    to_tick(29);
    assert_false(out2());
    OUTB(&f, 0x61, 0);
    OUTB(&f, 0x61, 1); /* triggered again */
    to_tick(48);
    assert_false(out2());
    to_tick(49);
    assert_true(out2());
}

static void mode_2_is_low_for_the_last_tick(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 2, 5);
    for (unsigned tick = 0; tick < 23; tick++) {
        to_tick(tick);
        assert_int_equal(out2(), tick % 5 != 4);
        assert_int_equal(read_count(2), 5 - tick % 5);
    }
}

static void mode_2_takes_a_new_count_at_the_end(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 2, 100);
    to_tick(30);
    OUTB(&f, 0x42, 40); /* no control word: the period goes on */
    OUTB(&f, 0x42, 0);
    to_tick(60);
    assert_int_equal(read_count(2), 40);
    to_tick(99);
    assert_false(out2());
    to_tick(100);
    assert_int_equal(read_count(2), 40);
    to_tick(139);
    assert_false(out2());
}

static void mode_3_is_square(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 3, 7); /* odd: high for 4, low for 3 */
    for (unsigned tick = 0; tick < 30; tick++) {
        to_tick(tick);
        assert_int_equal(out2(), tick % 7 < 4);
    }
    load(2, 3, 8);
    uint64_t from = 29;
    static const uint8_t counts[8] = {8, 6, 4, 2, 8, 6, 4, 2};
    for (unsigned i = 0; i < 16; i++) {
        to_tick(from + i);
        assert_int_equal(read_count(2), counts[i % 8]);
    }
}

static void mode_4_strobes_once(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    load(2, 4, 10);
    for (unsigned tick = 0; tick < 30; tick++) {
        to_tick(tick);
        assert_int_equal(out2(), tick != 10);
    }
}

static void periodic_interrupts_keep_the_rate(void **state)
{
    (void)state;
    load(0, 2, 11932); /* 100 Hz */
    f.rises[0] = 0;
    fake_sleep(&f, 10000000000ull);
    assert_in_range(f.rises[0], 999, 1000);
    load(0, 3, 0); /* 65536: 18.2 Hz */
    f.rises[0] = 0;
    fake_sleep(&f, 10000000000ull);
    assert_int_equal(f.rises[0], 182);
    OUTB(&f, 0x43, 0x30); /* mode 0 without a count: quiet */
    f.rises[0] = 0;
    fake_sleep(&f, 10000000000ull);
    assert_int_equal(f.rises[0], 0);
}

static void latches_hold(void **state)
{
    (void)state;
    load(0, 2, 1000);
    to_tick(100);
    OUTB(&f, 0x43, 0x00);
    to_tick(200);
    OUTB(&f, 0x43, 0x00); /* a second latch before the first is read does nothing */
    assert_int_equal(INB(&f, 0x40), 900 & 0xff);
    assert_int_equal(INB(&f, 0x40), 900 >> 8);
    assert_int_equal(INB(&f, 0x40), 800 & 0xff); /* live again */
    assert_int_equal(INB(&f, 0x40), 800 >> 8);
}

static void read_back_gives_status_then_count(void **state)
{
    (void)state;
    load(0, 3, 1000);
    to_tick(1);
    OUTB(&f, 0x43, 0xc2);
    assert_int_equal(INB(&f, 0x40), 0x80 | 0x30 | 3 << 1); /* OUT high, both bytes, mode 3 */
    assert_int_equal(INB(&f, 0x40), 998 & 0xff);
    assert_int_equal(INB(&f, 0x40), 998 >> 8);
    OUTB(&f, 0x43, 0x34);
    OUTB(&f, 0x43, 0xe2); /* status only; no count yet: null */
    assert_int_equal(INB(&f, 0x40) & 0x7f, 0x40 | 0x30 | 2 << 1);
}

static void bcd_counts_in_decimal(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    OUTB(&f, 0x43, 0xb1); /* counter 2, mode 0, BCD */
    OUTB(&f, 0x42, 0x00);
    OUTB(&f, 0x42, 0x10);
    to_tick(1);
    OUTB(&f, 0x43, 0x80);
    assert_int_equal(INB(&f, 0x42), 0x99);
    assert_int_equal(INB(&f, 0x42), 0x09);
    to_tick(1000);
    assert_true(out2());
    to_tick(1001);
    OUTB(&f, 0x43, 0x80);
    assert_int_equal(INB(&f, 0x42), 0x99);
    assert_int_equal(INB(&f, 0x42), 0x99);
}

static void single_byte_access(void **state)
{
    (void)state;
    OUTB(&f, 0x61, 1);
    OUTB(&f, 0x43, 0xa0); /* counter 2, high byte, mode 0 */
    OUTB(&f, 0x42, 0x02);
    to_tick(0x100);
    assert_int_equal(INB(&f, 0x42), 0x01);
    to_tick(0x200);
    assert_true(out2());
}

static void refresh_bit_toggles(void **state)
{
    unsigned changes = 0;
    uint8_t last = INB(&f, 0x61) & 0x10;

    (void)state;
    for (unsigned us = 0; us < 1000; us++) {
        fake_sleep(&f, 1000);
        uint8_t now = INB(&f, 0x61) & 0x10;
        changes += now != last;
        last = now;
    }
    assert_in_range(changes, 64, 68); /* one each 15.085 us */
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(mode_0_rises_once_after_n),
        T(mode_0_stands_while_the_gate_is_low),
        T(mode_0_first_byte_stops_it),
        T(mode_1_starts_with_the_gate),
        T(mode_2_is_low_for_the_last_tick),
        T(mode_2_takes_a_new_count_at_the_end),
        T(mode_3_is_square),
        T(mode_4_strobes_once),
        T(periodic_interrupts_keep_the_rate),
        T(latches_hold),
        T(read_back_gives_status_then_count),
        T(bcd_counts_in_decimal),
        T(single_byte_access),
        T(refresh_bit_toggles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
