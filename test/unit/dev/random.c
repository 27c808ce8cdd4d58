/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every device of the registry takes random accesses, times, resets and loaded records. Guest
 * nonsense never ends the process; the build with sanitizers is the judge.
 */
#include "fuzz/dev_drive.h"
#include "lib/test.h"

static void random_accesses_are_survived(void **state)
{
    uint64_t seed = test_seed();
    unsigned rounds = test_long() ? 2000 : 40;
    static uint8_t bytes[8192];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++)
        for (unsigned round = 0; round < rounds; round++) {
            for (size_t b = 0; b < sizeof(bytes); b++)
                bytes[b] = (uint8_t)(test_random(&seed) >> 32);
            struct tape t = {bytes, sizeof(bytes), 0};
            drive(drive_types[i], &t);
            assert_int_equal(t.at, sizeof(bytes)); /* it was made, and driven to the end */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_accesses_are_survived)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
