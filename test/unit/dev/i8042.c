/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The keyboard controller as systems probe and use it, keys in both scan code sets, the mouse.
 */
#include "dev/i8042.h"

#include "unit/dev/fake.h"

static struct fake f;
static struct dev *kbc;

static void cmd(uint8_t v)
{
    OUTB(&f, 0x64, v);
}

static void data(uint8_t v)
{
    OUTB(&f, 0x60, v);
}

static uint8_t st(void)
{
    return INB(&f, 0x64);
}

static int get(void)
{
    return st() & 1 ? INB(&f, 0x60) : -1;
}

static void aux(uint8_t v)
{
    cmd(0xd4);
    data(v);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    kbc = fake_dev(&f, &i8042_type, 0);
    dev_map(kbc, I8042_WIN_DATA, &f.m.ports, 0x60);
    dev_map(kbc, I8042_WIN_COMMAND, &f.m.ports, 0x64);
    dev_reset(kbc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void controller_tests(void **state)
{
    (void)state;
    assert_int_equal(st() & 0x21, 0);
    cmd(0xaa);
    assert_int_equal(get(), 0x55);
    cmd(0xab);
    assert_int_equal(get(), 0x00);
    cmd(0xa9);
    assert_int_equal(get(), 0x00);
    assert_int_equal(get(), -1);
    cmd(0x20);
    assert_int_equal(get(), 0x44);
    cmd(0x60);
    data(0x30);
    cmd(0x20);
    assert_int_equal(get(), 0x30);
    cmd(0x65); /* the controller's memory */
    data(0x77);
    cmd(0x25);
    assert_int_equal(get(), 0x77);
    assert_int_equal(st() & 0x08, 0x08);
}

static void mouse_line_loopback(void **state)
{
    (void)state;
    cmd(0x60);
    data(0x47);
    cmd(0xd3);
    data(0xa5);
    assert_int_equal(st() & 0x21, 0x21);
    assert_true(f.level[I8042_LINE_AUX]);
    assert_false(f.level[I8042_LINE_KBD]);
    assert_int_equal(get(), 0xa5);
    assert_false(f.level[I8042_LINE_AUX]);
    cmd(0xd2);
    data(0x5a);
    assert_int_equal(st() & 0x21, 0x01);
    assert_true(f.level[I8042_LINE_KBD]);
    assert_int_equal(get(), 0x5a);
}

static void keyboard_identity(void **state)
{
    (void)state;
    cmd(0x60);
    data(0x00); /* no translation */
    data(0xff);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0xaa);
    data(0xf2);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0xab);
    assert_int_equal(get(), 0x83);
    data(0xee);
    assert_int_equal(get(), 0xee);
    data(0xfe);
    assert_int_equal(get(), 0xee); /* again */
    data(0xed);
    assert_int_equal(get(), 0xfa);
    data(0x07);
    assert_int_equal(get(), 0xfa);
    data(0xf0);
    get();
    data(0x00);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0x02);
    data(0x12);
    assert_int_equal(get(), 0xfe);
    cmd(0x60);
    data(0x40); /* translated, the identity is too */
    data(0xf2);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0xab);
    assert_int_equal(get(), 0x41);
}

static void every_key_translates_back(void **state)
{
    (void)state;
    for (unsigned code = 1; code < 0x59; code++) {
        if (code == 0x55 || code == 0x56)
            continue;
        i8042_key(kbc, code, true);
        assert_int_equal(get(), code);
        i8042_key(kbc, code, false);
        assert_int_equal(get(), code | 0x80);
        assert_int_equal(get(), -1);
    }
    i8042_key(kbc, 0x148, true); /* cursor up */
    assert_int_equal(get(), 0xe0);
    assert_int_equal(get(), 0x48);
    i8042_key(kbc, 0x148, false);
    assert_int_equal(get(), 0xe0);
    assert_int_equal(get(), 0xc8);
}

static void raw_set_2_and_set_1(void **state)
{
    (void)state;
    cmd(0x60);
    data(0x00);
    i8042_key(kbc, 0x1e, true); /* a */
    i8042_key(kbc, 0x1e, false);
    assert_int_equal(get(), 0x1c);
    assert_int_equal(get(), 0xf0);
    assert_int_equal(get(), 0x1c);
    i8042_key(kbc, 0x41, true); /* F7, the only one above 0x7f */
    assert_int_equal(get(), 0x83);
    data(0xf0);
    get();
    data(0x01);
    get();
    i8042_key(kbc, 0x1e, false);
    assert_int_equal(get(), 0x9e);
}

static void an_edge_for_each_byte(void **state)
{
    (void)state;
    cmd(0x60);
    data(0x41);
    i8042_key(kbc, 0x02, true);
    i8042_key(kbc, 0x02, false);
    assert_int_equal(f.rises[I8042_LINE_KBD], 1);
    get();
    assert_int_equal(f.rises[I8042_LINE_KBD], 2);
    get();
    assert_false(f.level[I8042_LINE_KBD]);
    cmd(0xad); /* the line is held: keys wait */
    i8042_key(kbc, 0x03, true);
    assert_int_equal(get(), -1);
    cmd(0xae);
    assert_int_equal(get(), 0x03);
}

static void keys_beyond_the_queue_are_lost_whole(void **state)
{
    (void)state;
    cmd(0xad);
    for (unsigned i = 0; i < 50; i++)
        i8042_key(kbc, 0x148, true);
    cmd(0xae);
    unsigned n = 0;
    for (int v; (v = get()) >= 0; n++)
        assert_int_equal(v, n & 1 ? 0x48 : 0xe0);
    assert_true(n >= 8 && n % 2 == 0);
    data(0xf5); /* scanning off */
    assert_int_equal(get(), 0xfa);
    i8042_key(kbc, 0x02, true);
    assert_int_equal(get(), -1);
}

static void mouse_protocol(void **state)
{
    static const uint8_t knock[] = {0xf3, 200, 0xf3, 100, 0xf3, 80};

    (void)state;
    aux(0xff);
    assert_int_equal(st() & 0x21, 0x21);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0xaa);
    assert_int_equal(get(), 0x00);
    i8042_mouse(kbc, 5, 5, 0, 1);
    assert_int_equal(get(), -1); /* not streaming yet */
    aux(0xf4);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0x09); /* the button that went down meanwhile */
    get();
    get();
    i8042_mouse(kbc, 10, -3, 0, 0);
    assert_int_equal(get(), 0x28);
    assert_int_equal(get(), 10);
    assert_int_equal(get(), 0xfd);
    assert_int_equal(get(), -1);
    for (size_t i = 0; i < sizeof(knock); i++) {
        aux(knock[i]);
        assert_int_equal(get(), 0xfa);
    }
    aux(0xf2);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0x03); /* a wheel */
    i8042_mouse(kbc, 300, 0, -1, 4);
    assert_int_equal(get(), 0x0c);
    assert_int_equal(get(), 0xff);
    assert_int_equal(get(), 0x00);
    assert_int_equal(get(), 0xff);
    assert_int_equal(get(), 0x0c); /* the rest of a long way */
    assert_int_equal(get(), 45);
    get();
    get();
    aux(0xe9);
    assert_int_equal(get(), 0xfa);
    assert_int_equal(get(), 0x22); /* streaming, middle button */
    assert_int_equal(get(), 0x02);
    assert_int_equal(get(), 80);
}

static void a20_and_reset(void **state)
{
    (void)state;
    assert_true(f.level[I8042_LINE_A20]);
    cmd(0xd0);
    assert_int_equal(get() & 3, 3);
    cmd(0xd1);
    data(0xdd);
    assert_false(f.level[I8042_LINE_A20]);
    cmd(0xdf);
    assert_true(f.level[I8042_LINE_A20]);
    cmd(0xdd);
    assert_false(f.level[I8042_LINE_A20]);
    cmd(0xff); /* pulses nothing */
    assert_false(fake_event(&f, EV_RESET));
    cmd(0xfe);
    assert_true(fake_event(&f, EV_RESET));
    cmd(0xd1);
    data(0xde);
    assert_true(fake_event(&f, EV_RESET));
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(controller_tests),
        T(mouse_line_loopback),
        T(keyboard_identity),
        T(every_key_translates_back),
        T(raw_set_2_and_set_1),
        T(an_edge_for_each_byte),
        T(keys_beyond_the_queue_are_lost_whole),
        T(mouse_protocol),
        T(a20_and_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
