/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The clock's time, its formats, its three interrupts, its memory. Guest time 0 is the wall clock's
 * 2023-11-14 22:13:20 UTC, a Tuesday (deterministic mode).
 */
#include "dev/rtc_mc146818.h"

#include "unit/dev/fake.h"

#define S 1000000000ull

static struct fake f;
static struct dev *rtc;

static uint8_t rd(uint8_t index)
{
    OUTB(&f, 0x70, index);
    return INB(&f, 0x71);
}

static void wr(uint8_t index, uint8_t v)
{
    OUTB(&f, 0x70, index);
    OUTB(&f, 0x71, v);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    rtc = fake_dev(&f, &rtc_mc146818_type, 0);
    rtc_mc146818_configure(rtc, 512ull << 20, 1ull << 30);
    dev_map(rtc, RTC_MC146818_WIN_PORTS, &f.m.ports, 0x70);
    dev_reset(rtc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void time_is(unsigned century, unsigned year, unsigned month, unsigned day, unsigned hour,
                    unsigned minute, unsigned second)
{
    assert_int_equal(rd(0x32), century);
    assert_int_equal(rd(9), year);
    assert_int_equal(rd(8), month);
    assert_int_equal(rd(7), day);
    assert_int_equal(rd(4), hour);
    assert_int_equal(rd(2), minute);
    assert_int_equal(rd(0), second);
}

static void wall_clock_in_bcd_and_binary(void **state)
{
    (void)state;
    time_is(0x20, 0x23, 0x11, 0x14, 0x22, 0x13, 0x20);
    assert_int_equal(rd(6), 3); /* Tuesday */
    assert_int_equal(rd(0x0d), 0x80);
    fake_sleep(&f, 100 * S);
    time_is(0x20, 0x23, 0x11, 0x14, 0x22, 0x15, 0x00);
    wr(0x0b, 0x06);
    time_is(20, 23, 11, 14, 22, 15, 0);
    wr(0x0b, 0x04); /* 12 hours */
    time_is(20, 23, 11, 14, 10 | 0x80, 15, 0);
    fake_sleep(&f, 2 * 3600 * S);
    time_is(20, 23, 11, 15, 12, 15, 0);
}

static void set_the_time(void **state)
{
    (void)state;
    wr(0x0b, 0x82);
    wr(0x32, 0x20);
    wr(9, 0x24);
    wr(8, 0x02);
    wr(7, 0x28);
    wr(4, 0x23);
    wr(2, 0x59);
    wr(0, 0x58);
    fake_sleep(&f, 5 * S);
    time_is(0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x58); /* it stands while SET is on */
    wr(0x0b, 0x02);
    fake_sleep(&f, 3 * S);
    time_is(0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x01); /* a leap year */
    assert_int_equal(rd(6), 5);                        /* Thursday */
}

static void divider_reset_starts_half_a_second_before(void **state)
{
    (void)state;
    fake_sleep(&f, 300000000);
    wr(0x0a, 0x76);
    uint8_t second = rd(0);
    fake_sleep(&f, 10 * S);
    assert_int_equal(rd(0), second);
    wr(0x0a, 0x26);
    fake_sleep(&f, 499000000);
    assert_int_equal(rd(0), second);
    fake_sleep(&f, 2000000);
    assert_int_equal(rd(0), second + 1);
}

static void update_in_progress(void **state)
{
    (void)state;
    assert_false(rd(0x0a) & 0x80);
    fake_sleep(&f, 999700000);
    assert_false(rd(0x0a) & 0x80);
    fake_sleep(&f, 100000);
    assert_true(rd(0x0a) & 0x80);
    fake_sleep(&f, 300000);
    assert_false(rd(0x0a) & 0x80);
}

static void update_interrupt(void **state)
{
    (void)state;
    rd(0x0c);
    fake_sleep(&f, 3 * S);
    assert_int_equal(rd(0x0c), 0x50); /* UF and PF without being enabled, no interrupt */
    assert_int_equal(f.rises[0], 0);
    wr(0x0b, 0x12);
    fake_sleep(&f, 2 * S);
    assert_true(f.level[0]);
    assert_int_equal(f.rises[0], 1); /* held until C is read */
    assert_int_equal(rd(0x0c), 0xd0);
    assert_false(f.level[0]);
    assert_int_equal(rd(0x0c), 0);
    wr(0x0b, 0x92); /* SET clears UIE */
    assert_int_equal(rd(0x0b), 0x82);
}

static void alarm_at_a_time(void **state)
{
    (void)state;
    wr(1, 0x00);
    wr(3, 0x15);
    wr(5, 0x22);
    wr(0x0b, 0x22);
    fake_sleep(&f, 99 * S);
    assert_false(f.level[0]);
    fake_sleep(&f, 1 * S);
    assert_true(f.level[0]);
    assert_int_equal(rd(0x0c) & 0xa0, 0xa0);
    wr(3, 0xff); /* any minute */
    wr(5, 0xc0); /* any hour */
    f.rises[0] = 0;
    for (unsigned i = 0; i < 5; i++) {
        fake_sleep(&f, 60 * S);
        rd(0x0c);
    }
    assert_int_equal(f.rises[0], 5);
}

static void periodic_interrupt(void **state)
{
    static const struct {
        uint8_t rate;
        unsigned hz;
    } rates[] = {{3, 8192}, {6, 1024}, {15, 2}, {1, 256}, {2, 128}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        wr(0x0a, 0x20 | rates[i].rate);
        wr(0x0b, 0x42);
        rd(0x0c);
        f.rises[0] = 0;
        for (unsigned t = 0; t < 100000; t++) { /* 10 s, looking each 100 us */
            fake_sleep(&f, 100000);
            if (f.level[0])
                rd(0x0c);
        }
        assert_in_range(f.rises[0], 10 * rates[i].hz - 1, 10 * rates[i].hz + 1);
    }
    wr(0x0a, 0x20);
    rd(0x0c);
    f.rises[0] = 0;
    fake_sleep(&f, S);
    assert_int_equal(f.rises[0], 0);
}

static void memory_and_presets(void **state)
{
    (void)state;
    assert_int_equal(rd(0x15) | rd(0x16) << 8, 640);
    assert_int_equal(rd(0x17) | rd(0x18) << 8, 65535);
    assert_int_equal(rd(0x34) | rd(0x35) << 8, (512 - 16) * 16);
    assert_int_equal(rd(0x5b) | rd(0x5c) << 8 | rd(0x5d) << 16, 16384);
    unsigned sum = 0;
    for (uint8_t i = 0x10; i <= 0x2d; i++)
        sum += rd(i);
    assert_int_equal(rd(0x2e) << 8 | rd(0x2f), sum & 0xffff);
    wr(0x0f, 0x0a);
    wr(0x40, 0x77);
    OUTB(&f, 0x72, 0x40);
    OUTB(&f, 0x73, 0x88); /* the upper bank is other memory */
    wr(0x0b, 0x42);
    dev_reset(rtc);
    assert_int_equal(rd(0x0f), 0x0a); /* the battery */
    assert_int_equal(rd(0x40), 0x77);
    OUTB(&f, 0x72, 0x40);
    assert_int_equal(INB(&f, 0x73), 0x88);
    assert_int_equal(rd(0x0b), 0x02);
    assert_int_equal(INB(&f, 0x70), 0xff);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(wall_clock_in_bcd_and_binary),
        T(set_the_time),
        T(divider_reset_starts_half_a_second_before),
        T(update_in_progress),
        T(update_interrupt),
        T(alarm_at_a_time),
        T(periodic_interrupt),
        T(memory_and_presets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
