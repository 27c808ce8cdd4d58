/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines that fan out and lines that are shared.
 */
#include "core/irq.h"

#include "lib/test.h"

static int level[8];
static unsigned changes[8];

static void set(void *opaque, unsigned n, bool on)
{
    (void)opaque;
    changes[n]++;
    level[n] = on;
}

static struct irq to(unsigned n)
{
    return (struct irq){.set = set, .n = n};
}

static void nobody_listens(void **state)
{
    struct irq none = {0};

    (void)state;
    irq_set(&none, true);
    irq_pulse(&none);
}

static void fanout_reaches_all(void **state)
{
    struct irq_fanout f = {.out = {to(0), to(1), to(2)}, .n = 2};
    struct irq line = irq_fanout_line(&f);

    (void)state;
    irq_set(&line, true);
    assert_int_equal(level[0] + level[1], 2);
    assert_int_equal(level[2], 0);
    irq_pulse(&line);
    assert_int_equal(level[0] + level[1], 0);
    assert_int_equal(changes[0], 3);
}

static void shared_is_high_while_any_is(void **state)
{
    struct irq_or o = {.out = to(5)};
    struct irq a = irq_or_line(&o, 0), b = irq_or_line(&o, 63);

    (void)state;
    irq_set(&a, false); /* low already: nothing to tell */
    assert_int_equal(changes[5], 0);
    irq_set(&a, true);
    irq_set(&b, true);
    irq_set(&b, true);
    assert_int_equal(changes[5], 1);
    irq_set(&a, false);
    assert_int_equal(level[5], 1);
    irq_set(&b, false);
    assert_int_equal(level[5], 0);
    assert_int_equal(changes[5], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(fanout_reaches_all),
        cmocka_unit_test(shared_is_high_while_any_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
