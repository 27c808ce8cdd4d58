/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The root partition of a disk: found where gpt_write() put it; tables that are damaged in every byte
 * give an error or a place on the disk, never one beyond it.
 */
#include <stdio.h>
#include <unistd.h>

#include "image/gpt.h"
#include "image/gpt_find.h"
#include "lib/test.h"

#define SIZE (UINT64_C(8) << 20)

static FILE *disk(const uint8_t *type)
{
    const uint8_t uuid[16] = {1};
    struct gpt_part parts[] = {{gpt_type_esp, {2}, 2048, 2048, "efi"},
                               {type, {3}, 4096, 4096, "root"}};
    struct error err;
    FILE *f = tmpfile();

    assert_int_equal(ftruncate(fileno(f), (off_t)SIZE), 0);
    assert_int_equal(gpt_write(fileno(f), SIZE, uuid, parts, 2, &err), 0);
    return f;
}

static void test_found(void **state)
{
    uint64_t offset, size;
    struct error err;
    FILE *f = disk(gpt_type_linux_root);

    (void)state;
    assert_int_equal(gpt_find_root(fileno(f), &offset, &size, &err), 0);
    assert_int_equal(offset, 4096 * 512);
    assert_int_equal(size, 4096 * 512);
    fclose(f);
    f = disk(gpt_type_bios_boot);
    assert_int_equal(gpt_find_root(fileno(f), &offset, &size, &err), -ENOENT);
    fclose(f);
    f = tmpfile();
    assert_int_equal(gpt_find_root(fileno(f), &offset, &size, &err), -ENOENT);
    fclose(f);
}

static void test_damaged(void **state)
{
    uint64_t rng = test_seed() | 1;
    FILE *f = disk(gpt_type_linux_root);
    uint64_t offset, size;
    struct error err;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        /* the header's fields and the two entries */
        off_t at = (off_t)(test_random(&rng) % 2 ? 512 + test_random(&rng) % 96
                                                 : 1024 + test_random(&rng) % 256);
        uint8_t old, bad = (uint8_t)test_random(&rng);
        assert_int_equal(pread(fileno(f), &old, 1, at), 1);
        assert_int_equal(pwrite(fileno(f), &bad, 1, at), 1);
        int rc = gpt_find_root(fileno(f), &offset, &size, &err);
        if (!rc)
            assert_true(size && offset < SIZE && size <= SIZE - offset);
        assert_int_equal(pwrite(fileno(f), &old, 1, at), 1);
    }
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found), cmocka_unit_test(test_damaged)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
