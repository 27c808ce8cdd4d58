/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See float_gen.h. One call of the generator a statement: the numbers must not depend on a
 * compiler's order of evaluation.
 */
#include "lib/float_gen.h"

#include "lib/test.h"

/* A significand of `bits` bits: random, sparse at either end, runs of ones. */
static uint64_t gen_man(uint64_t *rng, unsigned bits)
{
    uint64_t mask = UINT64_MAX >> (64 - bits);
    uint64_t r = test_random(rng);
    unsigned n = (unsigned)(test_random(rng) % bits);

    switch (test_random(rng) % 8) {
    case 0: return 0;
    case 1: return mask;
    case 2: return r & 3;
    case 3: return UINT64_C(1) << n;
    case 4: return mask - (r & 3);
    case 5: return (mask << n) & mask;
    case 6: /* short: many products and quotients are exact or ties */
        return (r & 0xfff) << n & mask;
    default: return r & mask;
    }
}

static unsigned gen_exp(uint64_t *rng, unsigned bits)
{
    unsigned max = (1u << bits) - 1, bias = max / 2;
    uint64_t r = test_random(rng);

    switch (test_random(rng) % 10) {
    case 0: return 0;
    case 1: return max;
    case 2: return 1 + r % 3;
    case 3: return max - 1 - r % 3;
    case 4:
    case 5:
    case 6: return bias - 2 + r % 5;
    case 7: return (bias - 70 + (unsigned)(r % 140)) & max;
    case 8: /* the square is at the end of the range */
        return (bias / 2 - 2 + (unsigned)(r % 5) + (r >> 60 & 1 ? bias : 0)) & max;
    default: return r & max;
    }
}

static uint64_t gen_small(uint64_t *rng, unsigned man_bits, unsigned exp_bits)
{
    uint64_t sign = test_random(rng) >> 63;
    uint64_t exp = gen_exp(rng, exp_bits);

    return sign << (man_bits + exp_bits) | exp << man_bits | gen_man(rng, man_bits);
}

uint16_t gen_f16(uint64_t *rng)
{
    return (uint16_t)gen_small(rng, 10, 5);
}

uint32_t gen_f32(uint64_t *rng)
{
    return (uint32_t)gen_small(rng, 23, 8);
}

uint64_t gen_f64(uint64_t *rng)
{
    return gen_small(rng, 52, 11);
}

struct f80 gen_f80(uint64_t *rng)
{
    struct f80 a;
    unsigned exp = gen_exp(rng, 15);
    bool integer_bit = exp != 0;

    if (test_random(rng) % 32 == 0)
        integer_bit = !integer_bit;
    a.mant = gen_man(rng, 63) | (uint64_t)integer_bit << 63;
    a.se = (uint16_t)((test_random(rng) >> 63) << 15 | exp);
    return a;
}

uint64_t gen_int(uint64_t *rng)
{
    uint64_t r = test_random(rng);
    uint64_t v = gen_man(rng, 64) >> r % 64;

    return r >> 63 ? -v : v;
}

static uint64_t gen_small_near(uint64_t *rng, uint64_t a, unsigned man_bits, unsigned exp_bits)
{
    uint64_t sign = UINT64_C(1) << (man_bits + exp_bits);
    uint64_t r = test_random(rng);

    switch (test_random(rng) % 8) {
    case 0: return r & 1 ? a : a ^ sign;
    case 1: return (a ^ (r & sign)) + (r & 3) - 1;
    case 2:
    case 3: {
        uint64_t max = (UINT64_C(1) << exp_bits) - 1;
        uint64_t exp = ((a >> man_bits) + r % 128 - 64) & max;

        return (r & sign) | exp << man_bits | gen_man(rng, man_bits);
    }
    default: return gen_small(rng, man_bits, exp_bits);
    }
}

uint32_t gen_f32_near(uint64_t *rng, uint32_t a)
{
    return (uint32_t)gen_small_near(rng, a, 23, 8);
}

uint64_t gen_f64_near(uint64_t *rng, uint64_t a)
{
    return gen_small_near(rng, a, 52, 11);
}

struct f80 gen_f80_near(uint64_t *rng, struct f80 a)
{
    uint64_t r = test_random(rng);
    uint16_t sign = (uint16_t)(r >> 63 << 15);

    switch (test_random(rng) % 8) {
    case 0: return (struct f80){a.mant, a.se ^ sign};
    case 1: return (struct f80){a.mant + (r & 3) - 1, a.se ^ sign};
    case 2:
    case 3:
        return (struct f80){gen_man(rng, 63) | UINT64_C(1) << 63,
                            (uint16_t)(sign | ((a.se + r % 160 - 80) & 0x7fff))};
    default: return gen_f80(rng);
    }
}
