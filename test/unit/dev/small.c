/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The small ones: reset control, pvpanic, debug port, POST port, DMA registers.
 */
#include "core/chr.h"
#include "dev/coproc_ich9.h"
#include "dev/debugcon.h"
#include "dev/dma_i8237.h"
#include "dev/post_port.h"
#include "dev/pvpanic.h"
#include "dev/reset_control.h"
#include "unit/dev/fake.h"

static struct fake f;

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void reset_control(void **state)
{
    struct dev *dev = fake_dev(&f, &reset_control_type, 0);

    (void)state;
    dev_map(dev, RESET_CONTROL_WIN_CF9, &f.m.ports, 0xcf9);
    dev_map(dev, RESET_CONTROL_WIN_PORT92, &f.m.ports, 0x92);
    dev_reset(dev);
    OUTB(&f, 0xcf9, 0x02);
    assert_false(fake_event(&f, EV_RESET));
    OUTB(&f, 0xcf9, 0x06);
    assert_true(fake_event(&f, EV_RESET));
    OUTB(&f, 0xcf9, 0x0e); /* no new rise */
    assert_false(fake_event(&f, EV_RESET));
    assert_int_equal(INB(&f, 0xcf9), 0x0e);
    OUTB(&f, 0x92, 0x02);
    assert_true(f.level[0]);
    assert_int_equal(INB(&f, 0x92), 0x02);
    OUTB(&f, 0x92, 0x00);
    assert_false(f.level[0]);
    OUTB(&f, 0x92, 0x01);
    assert_true(fake_event(&f, EV_RESET));
}

static void pvpanic(void **state)
{
    struct dev *dev = fake_dev(&f, &pvpanic_type, 0);

    (void)state;
    dev_map(dev, PVPANIC_WIN_PORT, &f.m.ports, 0x505);
    dev_reset(dev);
    assert_int_equal(INB(&f, 0x505), 3);
    OUTB(&f, 0x505, 4);
    assert_int_equal(f.m.pending_events, 0);
    OUTB(&f, 0x505, 1);
    assert_true(fake_event(&f, EV_PANIC));
    OUTB(&f, 0x505, 2);
    assert_true(fake_event(&f, EV_CRASH_LOADED));
}

static char said[16];

static void say(struct chr *chr, const uint8_t *buf, size_t len)
{
    (void)chr;
    strncat(said, (const char *)buf, len);
}

static void debugcon(void **state)
{
    static const struct chr_ops ops = {.write = say};
    struct chr chr = {.ops = &ops};
    struct dev *dev = fake_dev(&f, &debugcon_type, 0);

    (void)state;
    dev_map(dev, DEBUGCON_WIN_PORT, &f.m.ports, 0x402);
    dev_reset(dev);
    OUTB(&f, 0x402, '!'); /* into nothing */
    debugcon_configure(dev, &chr);
    assert_int_equal(INB(&f, 0x402), 0xe9);
    OUTB(&f, 0x402, 'h');
    OUTB(&f, 0x402, 'i');
    assert_string_equal(said, "hi");
}

static void coproc(void **state)
{
    struct dev *dev = fake_dev(&f, &coproc_ich9_type, 0);
    struct irq ferr = coproc_ich9_ferr(dev);

    (void)state;
    dev_map(dev, COPROC_ICH9_WIN_PORT, &f.m.ports, 0xf0);
    dev_reset(dev);
    OUTB(&f, 0xf0, 0); /* without an error: no IGNNE# */
    assert_false(f.level[COPROC_ICH9_LINE_IRQ] || f.level[COPROC_ICH9_LINE_IGNNE]);
    irq_set(&ferr, true);
    assert_true(f.level[COPROC_ICH9_LINE_IRQ] && !f.level[COPROC_ICH9_LINE_IGNNE]);
    OUTB(&f, 0xf0, 0);
    assert_true(!f.level[COPROC_ICH9_LINE_IRQ] && f.level[COPROC_ICH9_LINE_IGNNE]);
    irq_set(&ferr, false);
    assert_false(f.level[COPROC_ICH9_LINE_IRQ] || f.level[COPROC_ICH9_LINE_IGNNE]);
    irq_set(&ferr, true);
    irq_set(&ferr, false); /* the request stays until the port is written */
    assert_true(f.level[COPROC_ICH9_LINE_IRQ] && !f.level[COPROC_ICH9_LINE_IGNNE]);
    OUTB(&f, 0xf0, 0);
    assert_false(f.level[COPROC_ICH9_LINE_IRQ] || f.level[COPROC_ICH9_LINE_IGNNE]);
}

static void post_port(void **state)
{
    struct dev *dev = fake_dev(&f, &post_port_type, 0);

    (void)state;
    dev_map(dev, POST_PORT_WIN_PORT, &f.m.ports, 0x80);
    dev_reset(dev);
    OUTB(&f, 0x80, 0x5a);
    assert_int_equal(INB(&f, 0x80), 0x5a);
}

static void dma_registers(void **state)
{
    struct dev *dev = fake_dev(&f, &dma_i8237_type, 0);

    (void)state;
    dev_map(dev, DMA_I8237_WIN_LOW, &f.m.ports, 0x00);
    dev_map(dev, DMA_I8237_WIN_HIGH, &f.m.ports, 0xc0);
    dev_map(dev, DMA_I8237_WIN_PAGES, &f.m.ports, 0x81);
    dev_reset(dev);
    assert_int_equal(INB(&f, 0x0f) & 0x0f, 0x0f); /* masked */
    OUTB(&f, 0x0c, 0);
    OUTB(&f, 0x04, 0x34);
    OUTB(&f, 0x04, 0x12);
    OUTB(&f, 0x0c, 0);
    assert_int_equal(INB(&f, 0x04), 0x34);
    assert_int_equal(INB(&f, 0x04), 0x12);
    OUTB(&f, 0x0a, 0x02);
    assert_int_equal(INB(&f, 0x0f) & 0x0f, 0x0b);
    OUTB(&f, 0xd8, 0);
    OUTB(&f, 0xc6, 0x78); /* count of channel 5 */
    OUTB(&f, 0xc6, 0x56);
    assert_int_equal(INB(&f, 0xc6), 0x78);
    assert_int_equal(INB(&f, 0xc6), 0x56);
    OUTB(&f, 0x83, 0x99);
    assert_int_equal(INB(&f, 0x83), 0x99);
    OUTB(&f, 0xd2, 0x05); /* channel 5 by software */
    assert_int_equal(INB(&f, 0xd0), 0x20);
    OUTB(&f, 0xda, 0); /* master clear */
    assert_int_equal(INB(&f, 0xd0), 0);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reset_control), T(pvpanic), T(debugcon), T(post_port), T(coproc), T(dma_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
