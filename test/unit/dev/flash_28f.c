/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flash chip: array, program, erase, status, query; what was changed reaches the back end.
 */
#include "dev/flash_28f.h"

#include "block/pool.h"
#include "lib/disk_mem.h"
#include "unit/dev/fake.h"

#define BASE 0xffc00000u
#define SIZE 0x4000u

static struct fake f;
static struct dev *flash;
static struct disk_mem file;
static struct blk *blk;

static uint8_t rd(uint32_t off)
{
    return (uint8_t)bus_read(&f.m.mmio, BASE + off, 1);
}

static void wr(uint32_t off, uint8_t v)
{
    bus_write(&f.m.mmio, BASE + off, 1, v);
}

static int setup(void **state)
{
    static uint8_t data[SIZE];
    struct disk_options o = {.path = "vars", .format = "raw", .formats = disk_mem_formats};
    struct disk *disk;
    struct error err = {0};

    (void)state;
    memset(data, 0xff, sizeof(data));
    data[5] = 0x3c;
    fake_init(&f);
    disk_mem_init(&file, SIZE);
    file.size = file.durable_size = SIZE;
    assert_int_equal(disk_mem_open(&file, &o, &disk, &err), 0);
    blk = pool_create(disk, POOL_WRITEBACK);
    flash = fake_dev(&f, &flash_28f_type, 0);
    flash_28f_configure(flash, data, SIZE, blk);
    dev_map(flash, FLASH_28F_WIN_ARRAY, &f.m.mmio, BASE);
    dev_reset(flash);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    blk_destroy(blk);
    disk_mem_fini(&file);
    return 0;
}

/* How OVMF finds out what it has [EDK2 QemuFlash.c]. */
static void it_is_no_rom_and_no_ram(void **state)
{
    (void)state;
    assert_int_equal(rd(5), 0x3c);
    wr(5, 0x50);
    assert_int_not_equal(rd(5), 0x50);
    wr(5, 0x70);
    assert_int_equal(rd(5), 0);
    wr(5, 0xff);
    assert_int_equal(rd(5), 0x3c);
}

static void program_and_erase(void **state)
{
    (void)state;
    wr(0x1001, 0x10);
    wr(0x1001, 0x5a);
    assert_int_equal(rd(0), 0x80);
    wr(0x1001, 0x40);
    wr(0x1001, 0xf0); /* bits fall, none rises */
    wr(0, 0xff);
    assert_int_equal(rd(0x1001), 0x50);
    blk_drain(blk);
    assert_int_equal(file.durable[0x1001], 0x50);
    wr(0x1fff, 0x20);
    wr(0x1fff, 0x12); /* not confirmed */
    assert_int_equal(rd(0) & 0x20, 0x20);
    wr(0, 0x50);
    wr(0x1fff, 0x20);
    wr(0x1fff, 0xd0);
    wr(0, 0xff);
    assert_int_equal(rd(0x1001), 0xff);
    assert_int_equal(rd(5), 0x3c); /* of another block */
    blk_drain(blk);
    assert_int_equal(file.durable[0x1001], 0xff);
    wr(0, 0x98);
    assert_int_equal(rd(0x10), 'Q');
    assert_int_equal(rd(0x2d), SIZE / 4096 - 1);
    dev_reset(flash);
    assert_int_equal(rd(5), 0x3c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_no_rom_and_no_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(program_and_erase, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
