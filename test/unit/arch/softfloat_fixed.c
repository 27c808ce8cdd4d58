/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The soft float without a host to compare with: a few values that a person can check, and for
 * every function a digest over 20,000 operands of a fixed seed, all roundings. The digests were
 * taken on an x86-64 host on which host_softfloat_*.c and softfloat_mpfr.c passed; any other host
 * must come to the same.
 */
#include "lib/test.h"

#include "arch/x86/softfloat.h"
#include "lib/float_gen.h"

/* ---- values ---- */

static void test_values(void **state)
{
    struct float_status st = float_status_mxcsr(0x1f80);

    (void)state;
    assert_int_equal(f32_add(0x3f800000, 0x40000000, &st), 0x40400000); /* 1 + 2 = 3 */
    assert_int_equal(f64_mul(0x4008000000000000, 0xc000000000000000, &st), 0xc018000000000000);
    assert_int_equal(f64_sqrt(0x4022000000000000, &st), 0x4008000000000000); /* sqrt 9 = 3 */
    assert_int_equal(f64_to_i32(0xc00c000000000000, ROUND_ZERO, &st), (uint32_t)-3);
    assert_int_equal(st.flags, FLOAT_PE);
    st.flags = 0;
    assert_int_equal(f64_div(0x3ff0000000000000, 0x4008000000000000, &st), 0x3fd5555555555555);
    assert_int_equal(st.flags, FLOAT_PE);
    st.flags = 0;
    assert_int_equal(f32_div(0x3f800000, 0x80000000, &st), 0xff800000); /* 1 / -0 */
    assert_int_equal(st.flags, FLOAT_ZE);
    st.flags = 0;
    assert_int_equal(f64_sub(0x7ff0000000000000, 0x7ff0000000000000, &st), 0xfff8000000000000);
    assert_int_equal(st.flags, FLOAT_IE);
    st.flags = 0;
    assert_int_equal(f64_fma(0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002, &st),
                     0x3970000000000000); /* (1 + e)^2 - (1 + 2e) = e^2 */
    assert_int_equal(st.flags, 0);
}

/* ---- digests ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

typedef uint64_t round_fn(uint64_t *rng, struct float_status *st);

#define BOTH_2(name)                                                       \
    static uint64_t f32_##name##_1(uint64_t *rng, struct float_status *st) \
    {                                                                      \
        uint32_t a = gen_f32(rng);                                         \
                                                                           \
        return (uint64_t)f32_##name(a, gen_f32_near(rng, a), st);          \
    }                                                                      \
    static uint64_t f64_##name##_1(uint64_t *rng, struct float_status *st) \
    {                                                                      \
        uint64_t a = gen_f64(rng);                                         \
                                                                           \
        return (uint64_t)f64_##name(a, gen_f64_near(rng, a), st);          \
    }
BOTH_2(add)
BOTH_2(sub)
BOTH_2(mul)
BOTH_2(div)
BOTH_2(min)
BOTH_2(max)

#define ONE(id, expr)                                              \
    static uint64_t id##_1(uint64_t *rng, struct float_status *st) \
    {                                                              \
        return (uint64_t)(expr);                                   \
    }
ONE(f32_sqrt, f32_sqrt(gen_f32(rng), st))
ONE(f64_sqrt, f64_sqrt(gen_f64(rng), st))
ONE(f32_round_int, f32_round_int(gen_f32(rng), st->rounding, false, st))
ONE(f64_round_int, f64_round_int(gen_f64(rng), st->rounding, false, st))
ONE(f32_to_i32, f32_to_i32(gen_f32(rng), st->rounding, st))
ONE(f32_to_i64, f32_to_i64(gen_f32(rng), st->rounding, st))
ONE(f64_to_i32, f64_to_i32(gen_f64(rng), st->rounding, st))
ONE(f64_to_i64, f64_to_i64(gen_f64(rng), st->rounding, st))
ONE(f32_from_i64, f32_from_i64(gen_int(rng), st))
ONE(f64_from_i64, f64_from_i64(gen_int(rng), st))
ONE(f32_to_f64, f32_to_f64(gen_f32(rng), st))
ONE(f64_to_f32, f64_to_f32(gen_f64(rng), st))
ONE(f16_to_f32, f16_to_f32(gen_f16(rng), st))
ONE(f32_to_f16, f32_to_f16(gen_f32(rng), st->rounding, st))

static uint64_t f32_fma_1(uint64_t *rng, struct float_status *st)
{
    uint32_t a = gen_f32(rng), b = gen_f32_near(rng, a);

    return f32_fma(a, b, gen_f32_near(rng, a), st);
}

static uint64_t f64_fma_1(uint64_t *rng, struct float_status *st)
{
    uint64_t a = gen_f64(rng), b = gen_f64_near(rng, a);

    return f64_fma(a, b, gen_f64_near(rng, a), st);
}

static uint64_t f64_compare_1(uint64_t *rng, struct float_status *st)
{
    uint64_t a = gen_f64(rng);

    return (uint64_t)f64_compare(a, gen_f64_near(rng, a), false, st);
}

static uint64_t fold(struct f80 a)
{
    return mix(a.mant, a.se);
}

#define F80_2(name, fn)                                                    \
    static uint64_t f80_##name##_1(uint64_t *rng, struct float_status *st) \
    {                                                                      \
        struct f80 a = gen_f80(rng);                                       \
                                                                           \
        return fold(fn(a, gen_f80_near(rng, a), st));                      \
    }
F80_2(add, f80_add)
F80_2(sub, f80_sub)
F80_2(mul, f80_mul)
F80_2(div, f80_div)
F80_2(scale, f80_scale)
F80_2(atan2, f80_atan2)
F80_2(y_log2_x, f80_y_log2_x)
F80_2(y_log2_x1, f80_y_log2_x1)
ONE(f80_sqrt, fold(f80_sqrt(gen_f80(rng), st)))
ONE(f80_round_int, fold(f80_round_int(gen_f80(rng), st)))
ONE(f80_exp2_m1, fold(f80_exp2_m1(gen_f80(rng), st)))
ONE(f80_to_f32, f80_to_f32(gen_f80(rng), st))
ONE(f80_to_f64, f80_to_f64(gen_f80(rng), st))
ONE(f80_to_i64, f80_to_i64(gen_f80(rng), st->rounding, st))

static uint64_t f80_rem_1(uint64_t *rng, struct float_status *st)
{
    struct f80 a = gen_f80(rng), b = gen_f80_near(rng, a);
    struct f80_quotient q;
    struct f80 r = f80_rem(a, b, st->rounding & 1, &q, st);

    return mix(fold(r), q.low | q.partial << 3);
}

static uint64_t f80_sin_cos_1(uint64_t *rng, struct float_status *st)
{
    struct f80 s = {0}, c = {0};
    bool done = f80_sin_cos(gen_f80(rng), &s, &c, st);

    return mix(mix(fold(s), fold(c)), done);
}

static uint64_t f80_tan_1(uint64_t *rng, struct float_status *st)
{
    struct f80 t = {0};
    bool done = f80_tan(gen_f80(rng), &t, st);

    return mix(fold(t), done);
}

struct digest_case {
    const char *name;
    round_fn *fn;
    uint64_t digest;
};

#define D(id, digest)                 \
    {                                 \
#id, id##_1, UINT64_C(digest) \
    }

static const struct digest_case cases[] = {
    D(f32_add, 0xe93dc4c5df19484c),       D(f32_sub, 0x6628116bec100a65),
    D(f32_mul, 0xff97157ef7427a45),       D(f32_div, 0xe80ecfa60d65e358),
    D(f32_min, 0x2391978f066dc4b8),       D(f32_max, 0xb8ea44c5215d3b72),
    D(f64_add, 0x1bb4e363608c8359),       D(f64_sub, 0xf727b51e35638e02),
    D(f64_mul, 0xffcda33e733a4c08),       D(f64_div, 0xc4bc2b01ceb2aa5c),
    D(f64_min, 0x0bde6604429a1ce3),       D(f64_max, 0x37227fc5ffbb70a5),
    D(f32_sqrt, 0xc8c7da6606c6448e),      D(f64_sqrt, 0x1fc73354b54a7113),
    D(f32_fma, 0xc3635dbb62034ea2),       D(f64_fma, 0x02dcbdc387543566),
    D(f64_compare, 0x82278167f95ca6a5),   D(f32_round_int, 0x2df699d8875f1602),
    D(f64_round_int, 0xd4d7f31d05a91213), D(f32_to_i32, 0x86b325f6958c55f2),
    D(f32_to_i64, 0x0cba5c7508959a50),    D(f64_to_i32, 0x7f9b95883e1ed310),
    D(f64_to_i64, 0xb0a26322e4bbca67),    D(f32_from_i64, 0xa74ebe7d6f56bc56),
    D(f64_from_i64, 0x06501bdafd5dc25c),  D(f32_to_f64, 0x529f2c7ceb4a827a),
    D(f64_to_f32, 0x11b17bf636ad315e),    D(f16_to_f32, 0x7be6ab1ebdad4522),
    D(f32_to_f16, 0x75a99975da1ebf79),    D(f80_add, 0x14ff8da55c2b5635),
    D(f80_sub, 0x6490a5c839219619),       D(f80_mul, 0x83c69dbd0f8eb759),
    D(f80_div, 0xc479238732dc048c),       D(f80_scale, 0xdef5711254f25c3a),
    D(f80_sqrt, 0x7382048b15d0b611),      D(f80_round_int, 0x2e8661966f839782),
    D(f80_rem, 0x254871a7a708d1dc),       D(f80_to_f32, 0xdefb01cf26b0fff7),
    D(f80_to_f64, 0x0805b460650c2610),    D(f80_to_i64, 0xf17ef284c7c7bb70),
    D(f80_sin_cos, 0x578df168e6c291d2),   D(f80_tan, 0xe4623eed492e6e9a),
    D(f80_atan2, 0x9c398a16b081f9c2),     D(f80_y_log2_x, 0xc6abee45304f57fb),
    D(f80_y_log2_x1, 0xec9d34567589bcdd), D(f80_exp2_m1, 0xb411d8e1be72064e),
};

static uint64_t digest(const struct digest_case *t)
{
    uint64_t rng = 1234567, h = 1;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t mode = test_random(&rng);
        struct float_status st = {
            .rounding = mode & 3,
            .precision = mode & 4 ? PRECISION_64 : PRECISION_53,
            .masks = mode & 8 ? FLOAT_ALL : (uint8_t)(mode >> 8 & FLOAT_ALL),
            .daz = mode & 16 && mode & 32,
            .ftz = mode & 64 && mode & 32,
        };

        h = mix(h, t->fn(&rng, &st));
        h = mix(h, st.flags);
    }
    return h;
}

static void test_digests(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t h = digest(&cases[i]);

        if (h != cases[i].digest) {
            print_error("%s: digest %#018" PRIx64 ", expected %#018" PRIx64 "\n", cases[i].name, h,
                        cases[i].digest);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
