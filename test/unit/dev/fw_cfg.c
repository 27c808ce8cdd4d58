/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fw_cfg: selecting and reading by port, the directory, DMA.
 */
#include "dev/fw_cfg.h"

#include "base/endian.h"
#include "unit/dev/fake.h"

static struct fake f;
static struct dev *fw;

static void sel(uint16_t key)
{
    bus_write(&f.m.ports, 0x510, 2, key);
}

static void get(void *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = INB(&f, 0x511);
}

static int setup(void **state)
{
    struct mem_slot *slot;

    (void)state;
    fake_init(&f);
    assert_int_equal(mem_add(&f.m.mem, "ram", SLOT_RAM, 0, 0x10000, &slot, NULL), 0);
    fw = fake_dev(&f, &fw_cfg_type, 0);
    dev_map(fw, FW_CFG_WIN_PORTS, &f.m.ports, 0x510);
    dev_map(fw, FW_CFG_WIN_DMA, &f.m.ports, 0x514);
    dev_reset(fw);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void signature_and_items(void **state)
{
    char buf[8];
    struct error err;

    (void)state;
    sel(0);
    get(buf, 6);
    assert_memory_equal(buf, "QEMU\0\0", 6); /* zeros past the end */
    sel(1);
    get(buf, 4);
    assert_int_equal(ld_le32(buf), 3);
    assert_int_equal(fw_cfg_add_item(fw, FW_CFG_KEY_CMDLINE_DATA, "quiet", 6, &err), 0);
    sel(FW_CFG_KEY_CMDLINE_DATA);
    get(buf, 6);
    assert_string_equal(buf, "quiet");
    assert_int_equal(fw_cfg_add_item(fw, FW_CFG_KEY_CMDLINE_DATA, "x", 2, &err), 0);
    sel(FW_CFG_KEY_CMDLINE_DATA);
    get(buf, 3);
    assert_memory_equal(buf, "x\0\0", 3);
    assert_int_equal(fw_cfg_add_item(fw, 0x20, "", 0, &err), -EINVAL);
    sel(0x7777); /* nobody's */
    get(buf, 1);
    assert_int_equal(buf[0], 0);
}

static void the_directory_names_files(void **state)
{
    uint8_t dir[4 + 3 * 64], buf[16];
    char long_name[57];
    struct error err;

    (void)state;
    memset(long_name, 'a', 56);
    long_name[56] = 0;
    assert_int_equal(fw_cfg_add_file(fw, long_name, "", 0, &err), -EINVAL);
    assert_int_equal(fw_cfg_add_file(fw, long_name + 1, "first", 5, &err), 0);
    assert_int_equal(fw_cfg_add_file(fw, "etc/e820", "0123456789", 10, &err), 0);
    assert_int_equal(fw_cfg_add_file(fw, long_name + 1, "again!", 6, &err), 0);
    sel(FW_CFG_KEY_FILE_DIR);
    get(dir, sizeof(dir));
    assert_int_equal(ld_be32(dir), 2);
    assert_int_equal(ld_be32(dir + 4), 6);
    assert_int_equal(ld_be16(dir + 8), 0x20);
    assert_string_equal((char *)dir + 12, long_name + 1);
    assert_int_equal(ld_be32(dir + 68), 10);
    assert_int_equal(ld_be16(dir + 72), 0x21);
    assert_string_equal((char *)dir + 76, "etc/e820");
    assert_int_equal(dir[132], 0);
    sel(0x20);
    get(buf, 6);
    assert_memory_equal(buf, "again!", 6);
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t to)
{
    uint8_t record[16];

    st_be32(record, control);
    st_be32(record + 4, len);
    st_be64(record + 8, to);
    mem_write(&f.m.mem, 0x100, record, sizeof(record));
    OUTL(&f, 0x514, 0);
    OUTL(&f, 0x518, 0x00010000); /* 0x100, big-endian */
    mem_read(&f.m.mem, 0x100, record, 4);
    return ld_be32(record);
}

static void dma_reads_skips_and_fails(void **state)
{
    uint8_t buf[16];
    struct error err;

    (void)state;
    assert_int_equal(INL(&f, 0x514), 0x554d4551); /* "QEMU" in memory order */
    assert_int_equal(INL(&f, 0x518), 0x47464320);
    fw_cfg_add_file(fw, "data", "0123456789", 10, &err);
    assert_int_equal(dma(0x00200000 | 8 | 2, 4, 0x1000), 0); /* select and read */
    mem_read(&f.m.mem, 0x1000, buf, 4);
    assert_memory_equal(buf, "0123", 4);
    assert_int_equal(dma(4, 2, 0), 0); /* skip */
    assert_int_equal(dma(2, 6, 0x1000), 0);
    mem_read(&f.m.mem, 0x1000, buf, 6);
    assert_memory_equal(buf, "6789\0\0", 6);
    assert_int_equal(dma(16, 4, 0x1000), 1);     /* write: refused */
    assert_int_equal(dma(2, 8, 0xfffc), 1);      /* memory ends there */
    assert_int_equal(dma(2, UINT32_MAX, 0), 1);  /* and does so soon */
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(signature_and_items),
        T(the_directory_names_files),
        T(dma_reads_skips_and_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
