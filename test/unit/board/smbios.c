/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SMBIOS tables: both entry points find a well-formed chain of structures with distinct handles,
 * the UUID in the order that the format wants, and all of the memory.
 */
#include "board/smbios.h"

#include "base/endian.h"
#include "lib/test.h"

#define BASE 0xf1000u

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;

    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

static struct smbios_config config(void)
{
    return (struct smbios_config){
        .ram = UINT64_C(5) << 30,
        .low_top = 0xb0000000,
        .cpus = 3,
        .uuid = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        .version = "pc-1",
        .cpu = "v3-1",
    };
}

static void chain_is_well_formed(void **state)
{
    static const uint8_t uuid[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    static uint8_t buf[8192];
    struct smbios_config c = config();
    struct error err = {0};
    unsigned seen[256] = {0}, count = 0;
    uint16_t handles[64];
    size_t used;

    (void)state;
    assert_int_equal(smbios_build(&c, BASE, buf, sizeof(buf), &used, &err), 0);
    assert_memory_equal(buf, "_SM_", 4);
    assert_int_equal(sum(buf, 31), 0);
    assert_int_equal(sum(buf + 16, 15), 0);
    assert_memory_equal(buf + 32, "_SM3_", 5);
    assert_int_equal(sum(buf + 32, 24), 0);
    size_t at = ld_le32(buf + 24) - BASE, end = at + ld_le16(buf + 22);
    assert_int_equal(end, used);
    assert_true(ld_le64(buf + 32 + 16) == BASE + at);
    while (at < end) {
        const uint8_t *s = buf + at;
        assert_in_range(s[1], 4, end - at);
        seen[s[0]]++;
        for (unsigned i = 0; i < count; i++)
            assert_int_not_equal(handles[i], ld_le16(s + 2));
        handles[count++] = ld_le16(s + 2);
        if (s[0] == 1)
            assert_memory_equal(s + 8, uuid, 16);
        if (s[0] == 17)
            assert_int_equal(ld_le16(s + 12), 5120);
        at += s[1];
        while (buf[at] || buf[at + 1]) /* strings end with an empty one */
            at++;
        at += 2;
    }
    assert_int_equal(at, end);
    assert_int_equal(count, ld_le16(buf + 28));
    static const uint8_t once[] = {0, 1, 3, 16, 17, 32, 127};
    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        assert_int_equal(seen[once[i]], 1);
    assert_int_equal(seen[4], 3);
    assert_int_equal(seen[19], 2);
}

static void no_room_is_an_error(void **state)
{
    uint8_t buf[256];
    struct smbios_config c = config();
    struct error err = {0};
    size_t used;

    (void)state;
    for (size_t n = 0; n < sizeof(buf); n += 7)
        assert_int_equal(smbios_build(&c, BASE, buf, n, &used, &err), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_is_well_formed),
        cmocka_unit_test(no_room_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
