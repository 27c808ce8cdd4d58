/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Priorities, end of interrupt, masks and modes of the 8259 pair.
 */
#include "dev/pic_i8259.h"

#include "unit/dev/fake.h"

static struct fake f;
static struct dev *pic;

static void line(unsigned n, bool level)
{
    struct irq i = pic_i8259_input(pic, n);

    irq_set(&i, level);
}

static void edge(unsigned n)
{
    line(n, false);
    line(n, true);
}

/* Vectors 0x20 and 0x28, as systems do; ICW4 as given. */
static void program(uint8_t icw4)
{
    OUTB(&f, 0x20, 0x11);
    OUTB(&f, 0x21, 0x20);
    OUTB(&f, 0x21, 0x04);
    OUTB(&f, 0x21, icw4);
    OUTB(&f, 0xa0, 0x11);
    OUTB(&f, 0xa1, 0x28);
    OUTB(&f, 0xa1, 0x02);
    OUTB(&f, 0xa1, icw4);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    pic = fake_dev(&f, &pic_i8259_type, 0);
    dev_map(pic, PIC_I8259_WIN_MASTER, &f.m.ports, 0x20);
    dev_map(pic, PIC_I8259_WIN_SLAVE, &f.m.ports, 0xa0);
    dev_map(pic, PIC_I8259_WIN_ELCR, &f.m.ports, 0x4d0);
    dev_reset(pic);
    program(1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static uint8_t isr(uint16_t port)
{
    OUTB(&f, port, 0x0b);
    return INB(&f, port);
}

static uint8_t irr(uint16_t port)
{
    OUTB(&f, port, 0x0a);
    return INB(&f, port);
}

static void lower_number_first(void **state)
{
    (void)state;
    edge(5);
    edge(3);
    assert_true(f.level[0]);
    assert_int_equal(irr(0x20), 0x28);
    assert_int_equal(pic_i8259_ack(pic), 0x23);
    assert_int_equal(isr(0x20), 0x08);
    assert_false(f.level[0]); /* 5 waits for 3 */
    edge(1);
    assert_true(f.level[0]); /* 1 does not */
    assert_int_equal(pic_i8259_ack(pic), 0x21);
    OUTB(&f, 0x20, 0x20); /* ends 1 */
    assert_int_equal(isr(0x20), 0x08);
    assert_false(f.level[0]);
    OUTB(&f, 0x20, 0x63); /* specific end of 3 */
    assert_true(f.level[0]);
    assert_int_equal(pic_i8259_ack(pic), 0x25);
}

static void slave_through_the_cascade(void **state)
{
    (void)state;
    edge(12);
    edge(8);
    assert_int_equal(pic_i8259_ack(pic), 0x28);
    assert_int_equal(isr(0x20), 0x04);
    assert_int_equal(isr(0xa0), 0x01);
    edge(5); /* below the cascade: waits */
    assert_false(f.level[0]);
    OUTB(&f, 0xa0, 0x20);
    OUTB(&f, 0x20, 0x20);
    assert_true(f.level[0]);
    assert_int_equal(pic_i8259_ack(pic), 0x2c); /* 12 before 5 */
    OUTB(&f, 0xa0, 0x20);
    OUTB(&f, 0x20, 0x20);
    assert_int_equal(pic_i8259_ack(pic), 0x25);
}

static void masks(void **state)
{
    (void)state;
    OUTB(&f, 0x21, 0xff);
    edge(4);
    assert_false(f.level[0]);
    assert_int_equal(INB(&f, 0x21), 0xff);
    OUTB(&f, 0x21, 0xef); /* the edge was kept */
    assert_true(f.level[0]);
    OUTB(&f, 0x21, 0xff);
    assert_false(f.level[0]);
    assert_int_equal(pic_i8259_ack(pic), 0x27); /* gone meanwhile: spurious */
    assert_int_equal(isr(0x20), 0);
}

static void edges_need_a_fall(void **state)
{
    (void)state;
    edge(6);
    assert_int_equal(pic_i8259_ack(pic), 0x26);
    OUTB(&f, 0x20, 0x20);
    line(6, true); /* still high: no new edge */
    assert_false(f.level[0]);
    edge(6);
    assert_true(f.level[0]);
}

static void levels_stay(void **state)
{
    (void)state;
    OUTB(&f, 0x4d1, 0x02); /* IRQ 9 */
    assert_int_equal(INB(&f, 0x4d1), 0x02);
    OUTB(&f, 0x4d0, 0xff); /* 0, 1 and 2 are edge-triggered always */
    assert_int_equal(INB(&f, 0x4d0), 0xf8);
    line(9, true);
    assert_int_equal(pic_i8259_ack(pic), 0x29);
    OUTB(&f, 0xa0, 0x20);
    OUTB(&f, 0x20, 0x20);
    assert_true(f.level[0]); /* as long as the line is high */
    line(9, false);
    assert_false(f.level[0]);
}

static void automatic_end(void **state)
{
    (void)state;
    program(3);
    edge(4);
    edge(4);
    assert_int_equal(pic_i8259_ack(pic), 0x24);
    assert_int_equal(isr(0x20), 0);
    edge(5);
    assert_int_equal(pic_i8259_ack(pic), 0x25);
}

static void rotation(void **state)
{
    (void)state;
    edge(0);
    edge(4);
    assert_int_equal(pic_i8259_ack(pic), 0x20);
    OUTB(&f, 0x20, 0xa0); /* end with rotation: 0 is last now */
    edge(0);
    assert_int_equal(pic_i8259_ack(pic), 0x24);
    OUTB(&f, 0x20, 0x20);
    assert_int_equal(pic_i8259_ack(pic), 0x20);
    OUTB(&f, 0x20, 0x20);
    OUTB(&f, 0x20, 0xc0 | 3); /* set priority: 3 last, 4 first */
    edge(3);
    edge(7);
    edge(4);
    assert_int_equal(pic_i8259_ack(pic), 0x24);
    OUTB(&f, 0x20, 0xe0 | 4); /* rotate on specific end */
    assert_int_equal(pic_i8259_ack(pic), 0x27);
}

static void special_mask_lets_lower_ones_in(void **state)
{
    (void)state;
    edge(2 + 1);
    assert_int_equal(pic_i8259_ack(pic), 0x23);
    edge(6);
    assert_false(f.level[0]);
    OUTB(&f, 0x20, 0x68); /* special mask mode */
    OUTB(&f, 0x21, 0x08);
    assert_true(f.level[0]);
    assert_int_equal(pic_i8259_ack(pic), 0x26);
    OUTB(&f, 0x20, 0x48); /* off again */
    assert_int_equal(isr(0x20), 0x48);
}

static void special_fully_nested(void **state)
{
    (void)state;
    program(0x11);
    OUTB(&f, 0xa0, 0x11);
    OUTB(&f, 0xa1, 0x28);
    OUTB(&f, 0xa1, 0x02);
    OUTB(&f, 0xa1, 0x01);
    edge(12);
    assert_int_equal(pic_i8259_ack(pic), 0x2c);
    edge(9); /* a better one of the same slave */
    assert_true(f.level[0]);
    assert_int_equal(pic_i8259_ack(pic), 0x29);
}

static void poll_command(void **state)
{
    (void)state;
    OUTB(&f, 0x20, 0x0c);
    assert_int_equal(INB(&f, 0x20) & 0x80, 0);
    edge(5);
    OUTB(&f, 0x20, 0x0c);
    assert_int_equal(INB(&f, 0x20), 0x85);
    assert_int_equal(isr(0x20), 0x20);
}

static void icw1_forgets(void **state)
{
    (void)state;
    edge(1);
    OUTB(&f, 0x21, 0xff);
    program(1);
    assert_int_equal(INB(&f, 0x21), 0);
    assert_int_equal(irr(0x20), 0);
    assert_false(f.level[0]);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(lower_number_first), T(slave_through_the_cascade),       T(masks),
        T(edges_need_a_fall),  T(levels_stay),                     T(automatic_end),
        T(rotation),           T(special_mask_lets_lower_ones_in), T(special_fully_nested),
        T(poll_command),       T(icw1_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
