/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest time and timers, in real mode (with a loop) and in deterministic mode.
 */
#include "core/clock.h"

#include <unistd.h>

#include "lib/test.h"

static struct clock clk;
static struct loop loop;
static unsigned fired, order[8];

static void fire(void *opaque)
{
    order[fired % 8] = (unsigned)(uintptr_t)opaque;
    fired++;
}

static void deterministic_timers_run_in_order(void **state)
{
    struct timer t[4];

    (void)state;
    fired = 0;
    clock_init(&clk, NULL, true);
    assert_int_equal(clock_ns(&clk), 0);
    for (unsigned i = 0; i < 4; i++)
        timer_init(&t[i], &clk, fire, (void *)(uintptr_t)i, NULL);
    assert_true(clock_next_deadline(&clk) == UINT64_MAX);
    timer_set(&t[0], 300);
    timer_set(&t[1], 100);
    timer_set(&t[2], 200);
    timer_set(&t[3], 150);
    assert_int_equal(clock_next_deadline(&clk), 100);
    timer_set(&t[1], 250); /* moved */
    timer_cancel(&t[3]);
    assert_false(timer_armed(&t[3]));
    clk.det_ns = 260;
    assert_int_equal(clock_run_timers(&clk), 300);
    assert_int_equal(fired, 2);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_false(timer_armed(&t[1]));
    timer_set(&t[0], UINT64_MAX); /* the same as cancelling */
    assert_true(clock_next_deadline(&clk) == UINT64_MAX);
    clock_fini(&clk);
}

static unsigned again_left;
static void fire_again(void *opaque)
{
    struct timer *t = opaque;

    fired++;
    if (--again_left)
        timer_set(t, clock_ns(&clk) + 10);
}

static void a_callback_may_arm_its_timer(void **state)
{
    struct timer t;

    (void)state;
    fired = 0;
    again_left = 3;
    clock_init(&clk, NULL, true);
    timer_init(&t, &clk, fire_again, &t, NULL);
    timer_set(&t, 0);
    clock_run_timers(&clk);
    assert_int_equal(fired, 1); /* the next one is 10 ns away */
    clk.det_ns = 10;
    clock_run_timers(&clk);
    clk.det_ns = 100;
    clock_run_timers(&clk);
    assert_int_equal(fired, 3);
    clock_fini(&clk);
}

static void stop_loop(void *opaque)
{
    (void)opaque;
    fired++;
    loop_stop(&loop);
}

static void real_time_stands_while_paused(void **state)
{
    struct error err;
    struct timer t;

    (void)state;
    fired = 0;
    assert_int_equal(loop_init(&loop, &err), 0);
    clock_init(&clk, &loop, false);
    timer_init(&t, &clk, stop_loop, NULL, NULL);
    timer_set(&t, 30000000);
    usleep(5000);
    assert_int_equal(clock_ns(&clk), 0);
    clock_start(&clk);
    usleep(5000);
    clock_stop(&clk);
    uint64_t ns = clock_ns(&clk), wall = clock_wall_ns(&clk);
    assert_true(ns >= 5000000);
    usleep(5000);
    assert_int_equal(clock_ns(&clk), ns);
    assert_int_equal(clock_wall_ns(&clk), wall);
    clock_start(&clk);
    assert_int_equal(loop_run(&loop, &err), 0); /* until the timer stops it */
    assert_int_equal(fired, 1);
    assert_true(clock_ns(&clk) >= 30000000);
    clock_fini(&clk);
    loop_fini(&loop);
}

static void ticks_and_ns_convert(void **state)
{
    (void)state;
    clock_init(&clk, NULL, true);
    clk.tsc_khz = 2500000;
    clk.det_ns = UINT64_C(1) << 62; /* no overflow on the way */
    assert_true(clock_tsc(&clk) == (UINT64_C(1) << 61) * 5);
    assert_int_equal(clock_tsc_to_ns(&clk, 2500), 1000);
    clock_fini(&clk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deterministic_timers_run_in_order),
        cmocka_unit_test(a_callback_may_arm_its_timer),
        cmocka_unit_test(real_time_stands_while_paused),
        cmocka_unit_test(ticks_and_ns_convert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
