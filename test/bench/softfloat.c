/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nanoseconds a call of the soft float, on ordinary operands (both normal, inexact results).
 * Prints a table; fails only if a function is slower than a processor of this century would do it.
 *
 * test-long: it measures
 * test-alone: it measures
 */
#include "lib/test.h"

#include <stdio.h>
#include <time.h>

#include "arch/x86/softfloat.h"

enum { N = 64, CALLS = 400000, SLOW_NS = 20000 };

static uint32_t f32[N];
static uint64_t f64[N];
static struct f80 f80[N], small80[N];
static struct float_status st;
static volatile uint64_t sink;

#define FUNCTIONS(X)                                                     \
    X(f32_add, f32_add(f32[i], f32[j], &st))                             \
    X(f32_mul, f32_mul(f32[i], f32[j], &st))                             \
    X(f32_div, f32_div(f32[i], f32[j], &st))                             \
    X(f32_sqrt, f32_sqrt(f32[i] & 0x7fffffff, &st))                      \
    X(f32_fma, f32_fma(f32[i], f32[j], f32[k], &st))                     \
    X(f64_add, f64_add(f64[i], f64[j], &st))                             \
    X(f64_mul, f64_mul(f64[i], f64[j], &st))                             \
    X(f64_div, f64_div(f64[i], f64[j], &st))                             \
    X(f64_sqrt, f64_sqrt(f64[i] & ~(UINT64_C(1) << 63), &st))            \
    X(f64_fma, f64_fma(f64[i], f64[j], f64[k], &st))                     \
    X(f64_compare, (uint64_t)f64_compare(f64[i], f64[j], false, &st))    \
    X(f64_to_i64, f64_to_i64(f64[i], ROUND_ZERO, &st))                   \
    X(f64_from_i64, f64_from_i64(f64[i], &st))                           \
    X(f80_add, f80_add(f80[i], f80[j], &st).mant)                        \
    X(f80_mul, f80_mul(f80[i], f80[j], &st).mant)                        \
    X(f80_div, f80_div(f80[i], f80[j], &st).mant)                        \
    X(f80_sqrt, f80_sqrt(small80[i], &st).mant)                          \
    X(f80_sin, f80_sin_cos(f80[i], &r, NULL, &st) ? r.mant : 0)          \
    X(f80_tan, f80_tan(f80[i], &r, &st) ? r.mant : 0)                    \
    X(f80_atan2, f80_atan2(f80[i], f80[j], &st).mant)                    \
    X(f80_y_log2_x, f80_y_log2_x(f80[i], small80[j], &st).mant)          \
    X(f80_exp2_m1, f80_exp2_m1(small80[i], &st).mant)

#define MEASURE(name, expr)                                                \
    static uint64_t run_##name(void)                                       \
    {                                                                      \
        struct f80 r = {0};                                                \
        uint64_t sum = 0;                                                  \
                                                                           \
        (void)r;                                                           \
        for (unsigned n = 0; n < CALLS; n++) {                             \
            unsigned i = n % N, j = (n * 7 + 3) % N, k = (n * 5 + 1) % N;  \
                                                                           \
            (void)j, (void)k;                                              \
            sum += expr;                                                   \
        }                                                                  \
        return sum;                                                        \
    }
FUNCTIONS(MEASURE)

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void test_speed(void **state)
{
#define ROW(name, expr) {#name, run_##name},
    static const struct {
        const char *name;
        uint64_t (*run)(void);
    } rows[] = {FUNCTIONS(ROW)};
    uint64_t rng = test_seed();

    (void)state;
    st = float_status_fcw(0x37f);
    for (unsigned i = 0; i < N; i++) {
        uint64_t r = test_random(&rng);

        f64[i] = (r & 0x800fffffffffffff) | (1020 + test_random(&rng) % 7) << 52;
        f32[i] = f64_to_f32(f64[i], &st);
        f80[i] = f80_from_f64(f64[i], &st);
        f80[i].mant |= r & 0x7ff;
        small80[i] = (struct f80){f80[i].mant, 0x3ffc};
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double best = 1e9;

        for (unsigned turn = 0; turn < 3; turn++) {
            double start = now();

            sink = rows[i].run();
            best = MIN(best, (now() - start) / CALLS);
        }
        print_message("%-14s %7.1f ns\n", rows[i].name, best);
        assert_true(best < SLOW_NS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
