/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VDI and VMDK: small images made by hand are read; the same with bytes changed at random are read
 * without harm, or refused with words.
 */
#include "base/endian.h"
#include "lib/disk_mem.h"
#include "lib/test.h"

#define ROOM (UINT64_C(1) << 20)

static uint64_t seed;

/* Three blocks of 4 KiB: data (0x11), nothing, data (0x22), stored the other way round. */
static void make_vdi(uint8_t *p, uint64_t *size)
{
    st_le32(p + 0x40, 0xbeda107f);
    st_le32(p + 0x44, 0x10001);
    st_le32(p + 0x4c, 1);
    st_le32(p + 0x154, 512);
    st_le32(p + 0x158, 1024);
    st_le64(p + 0x170, 3 * 4096);
    st_le32(p + 0x178, 4096);
    st_le32(p + 0x180, 3);
    st_le32(p + 512, 1);
    st_le32(p + 516, UINT32_MAX);
    st_le32(p + 520, 0);
    memset(p + 1024, 0x22, 4096);
    memset(p + 1024 + 4096, 0x11, 4096);
    *size = 1024 + 2 * 4096;
}

/* The same as grains of a sparse VMDK: directory in sector 1, table in sector 2. */
static void make_vmdk(uint8_t *p, uint64_t *size)
{
    memcpy(p, "KDMV", 4);
    st_le32(p + 4, 1);
    st_le64(p + 12, 24);
    st_le64(p + 20, 8);
    st_le32(p + 44, 512);
    st_le64(p + 56, 1);
    st_le32(p + 512, 2);
    st_le32(p + 1024, 24);
    st_le32(p + 1028, 0);
    st_le32(p + 1032, 16);
    memset(p + 16 * 512, 0x22, 4096);
    memset(p + 24 * 512, 0x11, 4096);
    *size = 32 * 512;
}

static int open_image(struct disk_mem *m, struct disk **d, struct error *err)
{
    return disk_mem_open(m, &(struct disk_options){.readonly = true, .no_backing = true}, d, err);
}

static void read_all(struct disk *d)
{
    uint8_t buf[8192];
    uint64_t step = MAX(d->size / 8, UINT64_C(512));

    for (uint64_t at = 0; at < d->size && at + step > at; at += step) {
        enum disk_status s;
        uint64_t len = 0;
        (void)disk_read_buf(d, at, buf, MIN((uint64_t)sizeof(buf), d->size - at));
        (void)d->format->status(d, at, &len, &s);
    }
}

static void check(void (*make)(uint8_t *p, uint64_t *size), const char *format)
{
    struct disk_mem m;
    struct error err = {0};
    struct disk *d;
    uint8_t buf[3 * 4096], want[3 * 4096] = {0};

    memset(want, 0x11, 4096);
    memset(want + 8192, 0x22, 4096);
    disk_mem_init(&m, ROOM);
    make(m.now, &m.size);
    if (open_image(&m, &d, &err))
        fail_msg("%s", err.text);
    assert_string_equal(d->format->name, format);
    assert_int_equal(d->size, sizeof(want));
    assert_int_equal(disk_read_buf(d, 0, buf, sizeof(buf)), 0);
    assert_memory_equal(buf, want, sizeof(buf));
    assert_int_equal(disk_read_buf(d, 4000, buf, 5000), 0);
    assert_memory_equal(buf, want + 4000, 5000);
    assert_int_equal(disk_write_buf(d, 0, buf, 512), -EROFS);
    assert_int_equal(disk_read_buf(d, 3 * 4096, buf, 1), -EINVAL);
    disk_close(d);
    for (unsigned i = 0; i < 3000; i++) {
        memset(m.now, 0, 4096);
        make(m.now, &m.size);
        for (unsigned n = 1 + (unsigned)(test_random(&seed) % 3); n; n--) {
            uint64_t x = test_random(&seed);
            uint8_t *at = m.now + 4 + (x % 1040);
            if (x >> 60 & 1)
                st_le32(at, (uint32_t)(test_random(&seed) >> (x >> 50 & 31)));
            else
                *at = (uint8_t)(x >> 40);
        }
        err = (struct error){0};
        if (open_image(&m, &d, &err)) {
            assert_true(err.code && err.text[0]);
        } else {
            read_all(d);
            disk_close(d);
        }
    }
    disk_mem_fini(&m);
}

static void test_vdi(void **state)
{
    (void)state;
    check(make_vdi, "vdi");
}

static void test_vmdk(void **state)
{
    (void)state;
    check(make_vmdk, "vmdk");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vdi), cmocka_unit_test(test_vmdk)};

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
