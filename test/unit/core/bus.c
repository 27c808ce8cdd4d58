/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The bus: who gets an access and what of it; windows that overlap, end, move while others read.
 */
#include "core/bus.h"

#include "core/machine.h"
#include "lib/test.h"

struct echo {
    struct dev dev;
    uint64_t regs; /* 8 bytes */
    struct {
        uint64_t off, value;
        unsigned size;
        bool write;
    } log[16];
    unsigned n;
    uint64_t worst; /* the largest end of an access */
};

static uint64_t echo_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct echo *e = container_of(dev, struct echo, dev);

    e->log[e->n % 16].off = off;
    e->log[e->n % 16].size = size;
    e->log[e->n++ % 16].write = false;
    e->worst = MAX(e->worst, off + size);
    /* Byte n of the window is n. */
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= ((off + i) & 0xff) << 8 * i;
    return v;
}

static void echo_write(struct dev *dev, uint64_t off, unsigned size, uint64_t value)
{
    struct echo *e = container_of(dev, struct echo, dev);

    e->log[e->n % 16].off = off;
    e->log[e->n % 16].size = size;
    e->log[e->n % 16].value = value;
    e->log[e->n++ % 16].write = true;
    e->worst = MAX(e->worst, off + size);
}

static const struct window_ops any = {echo_read, echo_write, 0, 0};
static const struct window_ops bytes = {echo_read, echo_write, 1, 1};
static const struct window_ops dwords = {echo_read, echo_write, 4, 4};
enum { ANY, BYTES, DWORDS, SMALL };
static const struct dev_window_desc windows[] = {
    {"any", 0x100, &any}, {"bytes", 0x10, &bytes}, {"dwords", 0x20, &dwords}, {"small", 4, &any},
    {0},
};
static const struct dev_type echo_type = {
    .name = "echo", .size = sizeof(struct echo), .regs = offsetof(struct echo, regs),
    .windows = windows};

static struct machine m;
static struct echo *echo;
static struct bus *bus;

static int setup(void **state)
{
    struct dev *dev;

    (void)state;
    machine_init(&m, NULL, NULL, true);
    assert_int_equal(dev_create(&echo_type, "echo", &m, &dev, NULL), 0);
    echo = container_of(dev, struct echo, dev);
    bus = &m.mmio;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    machine_fini(&m);
    return 0;
}

static void nobody_is_all_ones(void **state)
{
    (void)state;
    assert_int_equal(bus_read(bus, 0x1000, 1), 0xff);
    assert_int_equal(bus_read(bus, 0x1000, 4), 0xffffffff);
    assert_true(bus_read(bus, UINT64_MAX - 3, 8) == UINT64_MAX);
    bus_write(bus, 0x1000, 2, 5);
    assert_int_equal(bus->unclaimed_reads, 3);
    assert_int_equal(bus->unclaimed_writes, 1);
}

static void offsets_and_sizes_are_passed(void **state)
{
    (void)state;
    dev_map(&echo->dev, ANY, bus, 0x1000);
    assert_true(bus_read(bus, 0x1010, 8) == 0x1716151413121110ull);
    assert_int_equal(echo->log[0].size, 8);
    bus_write(bus, 0x1021, 2, 0xabcdef);
    assert_int_equal(echo->log[1].off, 0x21);
    assert_int_equal(echo->log[1].value, 0xcdef);
}

static void wide_accesses_are_split(void **state)
{
    (void)state;
    dev_map(&echo->dev, BYTES, bus, 0x2000);
    assert_int_equal(bus_read(bus, 0x2004, 4), 0x07060504);
    assert_int_equal(echo->n, 4);
    bus_write(bus, 0x2008, 8, 0x1122334455667788ull);
    assert_int_equal(echo->n, 12);
    assert_int_equal(echo->log[4].value, 0x88);
    assert_int_equal(echo->log[11].value, 0x11);
    assert_int_equal(echo->log[11].off, 15);
    assert_int_equal(bus_read(bus, 0x200e, 4), 0xffff0f0e); /* over the end */
    assert_int_equal(bus_read(bus, 0x1ffe, 4), 0x0100ffff);
}

static void narrow_accesses_are_cut_out(void **state)
{
    (void)state;
    dev_map(&echo->dev, DWORDS, bus, 0x3000);
    assert_int_equal(bus_read(bus, 0x3006, 1), 0x06);
    assert_int_equal(echo->log[0].off, 4);
    assert_int_equal(echo->log[0].size, 4);
    assert_int_equal(bus_read(bus, 0x3006, 2), 0x0706);
    assert_int_equal(bus_read(bus, 0x3007, 2), 0x0807); /* of two registers */
    echo->n = 0;
    bus_write(bus, 0x3009, 1, 0xee); /* read, then written whole */
    assert_int_equal(echo->n, 2);
    assert_true(echo->log[1].write);
    assert_int_equal(echo->log[1].value, 0x0b0aee08);
}

static void the_higher_window_wins(void **state)
{
    (void)state;
    dev_map(&echo->dev, ANY, bus, 0x1000);
    dev_map(&echo->dev, SMALL, bus, 0x1010);
    bus_read(bus, 0x1012, 1);
    assert_int_equal(echo->log[0].off, 2); /* the later start */
    bus_remove(&echo->dev.windows[SMALL]);
    echo->dev.windows[ANY].priority = 0;
    echo->dev.windows[SMALL].priority = -1;
    bus_add(bus, &echo->dev.windows[SMALL], 0x1010);
    bus_read(bus, 0x1012, 1);
    assert_int_equal(echo->log[1].off, 0x12); /* priority before place */
    bus_move(&echo->dev.windows[ANY], 0x5000);
    assert_true(bus_claimed(bus, 0x50ff));
    assert_false(bus_claimed(bus, 0x1000));
    bus_read(bus, 0x1012, 1);
    assert_int_equal(echo->log[2].off, 2);
}

static void many_windows(void **state)
{
    static struct window w[200];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
        w[i] = (struct window){.name = "w", .ops = &any, .dev = &echo->dev, .size = 16};
        bus_add(bus, &w[i], 0x10000 + 32 * (i * 7 % 200));
    }
    for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
        assert_true(bus_claimed(bus, w[i].base + 15));
        assert_false(bus_claimed(bus, w[i].base + 16));
    }
    for (unsigned i = 0; i < ARRAY_LEN(w); i++)
        bus_remove(&w[i]);
    assert_false(bus_claimed(bus, 0x10000));
}

static void *mover(void *opaque)
{
    for (unsigned i = 0; i < 20000; i++)
        bus_move(opaque, i & 1 ? 0x8000 : 0x100000);
    return NULL;
}

static void a_window_on_the_move_gives_no_wild_offset(void **state)
{
    pthread_t thread;
    unsigned hits = 0;

    (void)state;
    dev_map(&echo->dev, ANY, bus, 0x8000);
    dev_map(&echo->dev, BYTES, bus, 0x200000); /* stays, and is always found */
    pthread_create(&thread, NULL, mover, &echo->dev.windows[ANY]);
    for (unsigned i = 0; i < 20000; i++) {
        hits += bus_read(bus, 0x8040, 1) == 0x40;
        hits += bus_read(bus, 0x100040, 1) == 0x40;
        assert_int_equal(bus_read(bus, 0x200003, 1), 3);
    }
    pthread_join(thread, NULL);
    assert_true(echo->worst <= 0x100);
    assert_true(hits > 0);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nobody_is_all_ones),
        T(offsets_and_sizes_are_passed),
        T(wide_accesses_are_split),
        T(narrow_accesses_are_cut_out),
        T(the_higher_window_wins),
        T(many_windows),
        T(a_window_on_the_move_gives_no_wild_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
