/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How an image starts, from sectors laid out by hand as the specifications have them; and images full
 * of nonsense, which say nothing and break nothing.
 */
#include "guest/boots.h"

#include "base/endian.h"
#include "lib/disk_mem.h"
#include "lib/test.h"

#define SIZE (1u << 20)

static struct boots look(const uint8_t *image, size_t size)
{
    const struct disk_options o = {.format = "raw"};
    struct error err = {0};
    struct disk_mem m;
    struct boots b;
    struct disk *d;

    disk_mem_init(&m, size);
    memcpy(m.now, image, size);
    m.size = size;
    assert_int_equal(disk_mem_open(&m, &o, &d, &err), 0);
    assert_int_equal(boots_look(&b, d, &err), 0);
    disk_close(d);
    disk_mem_fini(&m);
    return b;
}

static void gpt(uint8_t *p)
{
    static const uint8_t system[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                       0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

    p[510] = 0x55;
    p[511] = 0xaa;
    memcpy(p + 512, "EFI PART", 8);
    st_le64(p + 512 + 72, 2);
    st_le32(p + 512 + 80, 128);
    st_le32(p + 512 + 84, 128);
    memcpy(p + 1024 + 3 * 128, system, 16);
}

static void disks(void **state)
{
    auto_free uint8_t *p = xcalloc(1, SIZE);

    (void)state;
    assert_false(look(p, SIZE).uefi || look(p, SIZE).cdrom); /* nothing at all */
    gpt(p);
    assert_true(look(p, SIZE).uefi);
    p[0] = 0xeb; /* code for a BIOS, too */
    assert_false(look(p, SIZE).uefi);
    p[0] = 0;
    p[1024 + 3 * 128] ^= 1; /* a partition of another type */
    assert_false(look(p, SIZE).uefi);
    p[446 + 4] = 0xef; /* in a table of the old kind */
    assert_true(look(p, SIZE).uefi);
    st_le64(p + 512 + 72, UINT64_MAX);
    p[446 + 4] = 0xee;
    assert_false(look(p, SIZE).uefi);
}

static void cd(uint8_t *p, uint8_t platform)
{
    memcpy(p + 16 * 2048, "\1CD001\1", 7);
    memcpy(p + 17 * 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
    st_le32(p + 17 * 2048 + 0x47, 20);
    p[20 * 2048] = 1;
    p[20 * 2048 + 1] = platform;
    p[20 * 2048 + 32] = 0x88;
}

static void cds(void **state)
{
    auto_free uint8_t *p = xcalloc(1, SIZE);

    (void)state;
    cd(p, 0);
    assert_true(look(p, SIZE).cdrom && !look(p, SIZE).uefi);
    cd(p, 0xef);
    assert_true(look(p, SIZE).cdrom && look(p, SIZE).uefi);
    cd(p, 0);
    p[20 * 2048 + 64] = 0x91; /* both, as most have it */
    p[20 * 2048 + 65] = 0xef;
    p[20 * 2048 + 96] = 0x88;
    assert_true(look(p, SIZE).cdrom && !look(p, SIZE).uefi);
    st_le32(p + 17 * 2048 + 0x47, UINT32_MAX); /* no catalog there */
    assert_true(look(p, SIZE).cdrom && !look(p, SIZE).uefi);
}

static void nonsense(void **state)
{
    auto_free uint8_t *p = xcalloc(1, SIZE);
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        gpt(p);
        if (i & 1)
            cd(p, (uint8_t)test_random(&seed));
        for (unsigned k = 0; k < 40; k++) {
            uint64_t r = test_random(&seed);
            p[(r >> 8) % (k & 1 ? 1536 : 21 * 2048)] = (uint8_t)r;
        }
        look(p, SIZE - 512 * (test_random(&seed) % 2000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks),
        cmocka_unit_test(cds),
        cmocka_unit_test(nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
