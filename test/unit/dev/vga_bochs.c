/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VGA: text with its shapes, planes and write modes, chained memory, the Bochs modes; the picture and
 * the file made of it; keys by name.
 */
#include "dev/vga_bochs.h"

#include <zlib.h>

#include "base/endian.h"
#include "core/fb.h"
#include "display/keymap.h"
#include "display/png.h"
#include "unit/dev/fake.h"

static struct fake f;
static struct dev *vga;
static struct fb *fb;

static void set(uint16_t port, uint8_t index, uint8_t value)
{
    OUTB(&f, port, index);
    OUTB(&f, port + 1, value);
}

static void attribute(uint8_t index, uint8_t value)
{
    (void)INB(&f, 0x3da);
    OUTB(&f, 0x3c0, index);
    OUTB(&f, 0x3c0, value);
}

static void dispi(uint16_t index, uint16_t value)
{
    bus_write(&f.m.ports, 0x1ce, 2, index);
    bus_write(&f.m.ports, 0x1cf, 2, value);
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    vga = fake_dev(&f, &vga_bochs_type, 0);
    dev_map(vga, VGA_BOCHS_WIN_PORTS, &f.m.ports, 0x3b0);
    dev_map(vga, VGA_BOCHS_WIN_DISPI, &f.m.ports, 0x1ce);
    dev_map(vga, VGA_BOCHS_WIN_LEGACY, &f.m.mmio, 0xa0000);
    dev_map(vga, VGA_BOCHS_WIN_FB, &f.m.mmio, 0xd0000000);
    dev_reset(vga);
    fb = vga_bochs_fb(vga);
    OUTB(&f, 0x3c2, 0x67); /* colour addresses */
    for (unsigned i = 0; i < 16; i++)
        attribute((uint8_t)i, (uint8_t)i);
    attribute(0x12, 15);
    for (unsigned i = 0; i < 256; i++) { /* colour n: red n, green 0, blue 63 - n */
        OUTB(&f, 0x3c8, i);
        OUTB(&f, 0x3c9, i & 63);
        OUTB(&f, 0x3c9, 0);
        OUTB(&f, 0x3c9, 63 - (i & 63));
    }
    (void)INB(&f, 0x3da);
    OUTB(&f, 0x3c0, 0x20); /* the screen is on */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static uint32_t colour(unsigned n)
{
    return (n & 63) << 18 | (63 - (n & 63)) << 2;
}

static uint32_t pixel(unsigned x, unsigned y)
{
    return fb->pixels[y * fb->width + x];
}

static void size(unsigned columns, unsigned rows_of_dots, unsigned cell, unsigned offset)
{
    set(0x3d4, 0x11, 0);
    set(0x3d4, 1, (uint8_t)(columns - 1));
    set(0x3d4, 7, (rows_of_dots - 1) >> 7 & 2);
    set(0x3d4, 0x12, (uint8_t)(rows_of_dots - 1));
    set(0x3d4, 9, (uint8_t)(cell - 1));
    set(0x3d4, 0x13, (uint8_t)offset);
    set(0x3d4, 0x17, 0xa3);
}

static void text_mode(void)
{
    size(80, 400, 16, 40);
    set(0x3c4, 1, 1); /* 8 dots */
    set(0x3c4, 2, 3);
    set(0x3c4, 4, 2); /* odd and even */
    set(0x3ce, 5, 0x10);
    set(0x3ce, 6, 0x0e); /* b8000 */
    set(0x3ce, 8, 0xff);
    set(0x3d4, 0x0a, 0x20);
}

static void text(void **state)
{
    uint8_t cells[80 * 25];
    unsigned columns;

    (void)state;
    text_mode();
    /* The shape of 'A' through plane 2: row 3 is 10000001. */
    set(0x3c4, 2, 4);
    set(0x3c4, 4, 6);
    set(0x3ce, 5, 0);
    set(0x3ce, 6, 4);
    WR32(&f, 0xa0000 + 'A' * 32, 0x81000000);
    text_mode();
    bus_write(&f.m.mmio, 0xb8000 + 2 * (80 + 3), 2, 'A' | 0x1e00); /* yellow on blue: 14 on 1 */
    assert_int_equal(bus_read(&f.m.mmio, 0xb8000 + 2 * (80 + 3), 2), 'A' | 0x1e00);
    assert_true(fb_update(fb));
    assert_int_equal(fb->width, 640);
    assert_int_equal(fb->height, 400);
    assert_int_equal(pixel(24, 19), colour(14));
    assert_int_equal(pixel(25, 19), colour(1));
    assert_int_equal(pixel(31, 19), colour(14));
    assert_int_equal(pixel(24, 20), colour(1));
    assert_int_equal(fb->ops->text(fb, cells, sizeof(cells), &columns), 25);
    assert_int_equal(columns, 80);
    assert_int_equal(cells[83], 'A');
    assert_false(fb_update(fb)); /* nothing new */
    bus_write(&f.m.mmio, 0xb8000 + 2 * 160, 2, 'A' | 0x0f00);
    assert_true(fb_update(fb));
    assert_in_range(fb->dirty_from, 32, 47); /* of that row only */
    assert_in_range(fb->dirty_to, 33, 48);
}

static void planes(void **state)
{
    (void)state;
    size(80, 480, 1, 40);
    set(0x3c4, 2, 15);
    set(0x3c4, 4, 6);
    set(0x3ce, 5, 2); /* write mode 2: the value is a colour */
    set(0x3ce, 6, 5);
    set(0x3ce, 8, 0x40); /* one dot of eight */
    bus_read(&f.m.mmio, 0xa0000 + 80, 1);
    bus_write(&f.m.mmio, 0xa0000 + 80, 1, 9);
    fb_update(fb);
    assert_int_equal(fb->width, 640);
    assert_int_equal(pixel(1, 1), colour(9));
    assert_int_equal(pixel(0, 1), colour(0));
    set(0x3ce, 5, 8); /* read mode 1: where is colour 9? */
    set(0x3ce, 2, 9);
    set(0x3ce, 7, 15);
    assert_int_equal(bus_read(&f.m.mmio, 0xa0000 + 80, 1), 0x40);
    /* Write mode 0 with XOR; mode 1 copies the latches. */
    set(0x3ce, 5, 0);
    set(0x3ce, 8, 0xff);
    set(0x3ce, 3, 0x18);
    bus_read(&f.m.mmio, 0xa0000 + 80, 1);
    bus_write(&f.m.mmio, 0xa0000 + 80, 1, 0xff);
    fb_update(fb);
    assert_int_equal(pixel(1, 1), colour(6));
    assert_int_equal(pixel(0, 1), colour(15));
    set(0x3ce, 5, 1);
    bus_read(&f.m.mmio, 0xa0000 + 80, 1);
    bus_write(&f.m.mmio, 0xa0000 + 81, 1, 0);
    fb_update(fb);
    assert_int_equal(pixel(9, 1), colour(6));
}

static void linear(void **state)
{
    uint8_t *png;
    size_t n;
    struct error err = {0};

    (void)state;
    assert_int_equal(bus_read(&f.m.ports, 0x1ce, 2), 0);
    assert_int_equal(bus_read(&f.m.ports, 0x1cf, 2) & 0xfff0, 0xb0c0);
    dispi(1, 320);
    dispi(2, 200);
    dispi(3, 32);
    dispi(4, 0x41);
    WR32(&f, 0xd0000000 + 4 * (320 * 10 + 7), 0x00123456);
    fb_update(fb);
    assert_int_equal(fb->width, 320);
    assert_int_equal(fb->height, 200);
    assert_int_equal(pixel(7, 10), 0x123456);
    bus_write(&f.m.mmio, 0xa0000 + 4 * 5, 4, 0xabcdef); /* the bank */
    fb_update(fb);
    assert_int_equal(pixel(5, 0), 0xabcdef);
    dispi(9, 10); /* ten rows down */
    fb_update(fb);
    assert_int_equal(pixel(7, 0), 0x123456);
    /* A size that memory cannot hold is made smaller. */
    dispi(4, 0);
    dispi(1, 0xffff);
    dispi(2, 0xffff);
    dispi(4, 0x41);
    fb_update(fb);
    assert_true((uint64_t)fb->width * fb->height * 4 <= 16u << 20);
    dispi(4, 0);
    dispi(1, 8);
    dispi(2, 2);
    dispi(4, 0x41);
    WR32(&f, 0xd0000000 + 4 * 9, 0x00112233);
    assert_int_equal(png_from_fb(fb, &png, &n, &err), 0);
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    assert_int_equal(ld_be32(png + 16), 8);
    assert_int_equal(ld_be32(png + 20), 2);
    uint8_t raw[2 * 25];
    uLongf len = sizeof(raw);
    assert_memory_equal(png + 37, "IDAT", 4);
    assert_int_equal(uncompress(raw, &len, png + 41, ld_be32(png + 33)), Z_OK);
    assert_int_equal(len, sizeof(raw));
    assert_memory_equal(raw + 25 + 1 + 3, "\x11\x22\x33", 3);
    assert_int_equal(crc32(0, png + 37, 4 + ld_be32(png + 33)), ld_be32(png + 41 + ld_be32(png + 33)));
    free(png);
}

static void keys(void **state)
{
    unsigned k[KEYMAP_CHORD], n;
    bool shift;
    struct error err = {0};

    (void)state;
    assert_int_equal(keymap_chord("ctrl-alt-delete", k, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(k[0], 0x1d);
    assert_int_equal(k[2], 0x153);
    assert_int_equal(keymap_chord("A", k, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(keymap_chord("ctrl--", k, &n, &err), 0);
    assert_int_equal(k[1], 0x0c);
    assert_int_equal(keymap_chord("crtl-c", k, &n, &err), -EINVAL);
    assert_int_equal(keymap_chord("", k, &n, &err), -EINVAL);
    assert_int_equal(keymap_char('?', &shift), 0x35);
    assert_true(shift);
    assert_int_equal(keymap_keysym(0xff0d), 0x1c);
    assert_int_equal(keymap_keysym('q'), 0x10);
    assert_int_equal(keymap_keysym(0xfe03), 0);
    assert_int_equal(keymap_keysym(0x1f600), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text, setup, teardown),
        cmocka_unit_test_setup_teardown(planes, setup, teardown),
        cmocka_unit_test_setup_teardown(linear, setup, teardown),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
