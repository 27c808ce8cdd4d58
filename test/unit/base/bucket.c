/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Token buckets: the mean over some seconds is the rate, whatever the sizes; a change of rate holds
 * from then on; a long pause saves up one burst only.
 */
#include "base/bucket.h"

#include "lib/test.h"

/* Units that pass from *now on in `seconds`, taking as fast as allowed. */
static uint64_t pass(struct bucket *b, uint64_t *now, unsigned seconds, uint64_t size)
{
    uint64_t end = *now + seconds * UINT64_C(1000000000), sum = 0;

    for (;;) {
        uint64_t wait = bucket_wait(b, *now);
        if (*now + wait >= end)
            break;
        *now += wait;
        bucket_take(b, size);
        sum += size;
    }
    *now = end;
    return sum;
}

static void the_mean_is_the_rate(void **state)
{
    static const uint64_t sizes[] = {1, 512, 4096, 1 << 20};
    uint64_t now = 12345;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bucket b = {0};
        bucket_set(&b, 20 << 20, 0, now);
        uint64_t got = pass(&b, &now, 5, sizes[i]);
        assert_in_range(got, 95 * (UINT64_C(1) << 20), 105 * (UINT64_C(1) << 20));
        bucket_set(&b, 2 << 20, 0, now);
        got = pass(&b, &now, 10, sizes[i]);
        assert_in_range(got, 19 * (UINT64_C(1) << 20), 21 * (UINT64_C(1) << 20));
    }
}

static void a_pause_saves_one_burst(void **state)
{
    struct bucket b = {0};
    uint64_t now = 1;

    (void)state;
    bucket_set(&b, 1000, 50, now);
    now += UINT64_C(3600) * 1000000000;
    assert_in_range(pass(&b, &now, 1, 1), 1040, 1060);
}

static void no_rate_no_limit(void **state)
{
    struct bucket b = {0};

    (void)state;
    bucket_take(&b, UINT64_MAX);
    assert_int_equal(bucket_wait(&b, 5), 0);
    bucket_set(&b, 10, 0, 5);
    bucket_take(&b, 100);
    assert_true(bucket_wait(&b, 5) > UINT64_C(9000000000));
    bucket_set(&b, 0, 0, 6);
    assert_int_equal(bucket_wait(&b, 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_is_the_rate),
        cmocka_unit_test(a_pause_saves_one_burst),
        cmocka_unit_test(no_rate_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
