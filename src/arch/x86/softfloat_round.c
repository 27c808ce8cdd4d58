/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_round: rounding at the ends of the exponent range, to integers, and the integer
 * square root.
 */
#include "arch/x86/softfloat_core.h"

static uint64_t round_overflow(bool sign, bool inexact, const struct float_format *f,
                               struct float_status *st)
{
    bool to_inf = st->rounding == ROUND_NEAREST || st->rounding == (sign ? ROUND_DOWN : ROUND_UP);

    st->flags |= FLOAT_OE;
    if (inexact || st->masks & FLOAT_OE)
        st->flags |= FLOAT_PE;
    st->up = to_inf;
    return to_inf ? small_inf(sign, f) : small_pack(sign, f->exp_max - 1, man_mask(f), f);
}

/* Tiny: below the smallest normal number after rounding with an unbounded exponent.
 * [SDM1 4.9.1.5] */
static uint64_t round_tiny(bool sign, int exp, uint64_t frac, const struct float_format *f,
                           struct float_status *st)
{
    const int shift = 63 - f->man_bits;
    const uint64_t mask = (UINT64_C(1) << shift) - 1;
    uint64_t rest, kept, inc;

    if (!(st->masks & FLOAT_UE)) {
        /* No result is delivered; PE tells of the significand with an unbounded exponent. */
        st->flags |= FLOAT_UE | (frac & mask ? FLOAT_PE : 0);
        return small_pack(sign, 0, 0, f);
    }
    if (st->ftz) {
        st->flags |= FLOAT_UE | FLOAT_PE;
        return small_pack(sign, 0, 0, f);
    }
    frac = shift_sticky(frac, (unsigned)(1 - exp));
    rest = frac & mask;
    kept = frac >> shift;
    inc = (rest + round_addend(st->rounding, sign, kept & 1, mask)) >> shift;
    st->up = inc;
    if (rest)
        st->flags |= FLOAT_UE | FLOAT_PE;
    return (sign ? sign_bit(f) : 0) + kept + inc;
}

uint64_t round_pack_edge(bool sign, int exp, uint64_t frac, const struct float_format *f,
                         struct float_status *st)
{
    const int shift = 63 - f->man_bits;
    const uint64_t mask = (UINT64_C(1) << shift) - 1;
    uint64_t rest = frac & mask;
    uint64_t kept = frac >> shift;
    uint64_t inc = (rest + round_addend(st->rounding, sign, kept & 1, mask)) >> shift;
    int carry = (int)((kept + inc) >> (f->man_bits + 1));

    if (exp + carry >= f->exp_max)
        return round_overflow(sign, rest != 0, f, st);
    if (exp + carry < 1)
        return round_tiny(sign, exp, frac, f, st);
    if (exp < 1) {
        /* Rounds up to the smallest normal number: not tiny, but its low bits are all zero
         * at either position, so the value is the same. */
        st->flags |= FLOAT_PE;
        st->up = true;
        return small_pack(sign, 1, 0, f);
    }
    st->up = inc;
    st->flags |= rest ? FLOAT_PE : 0;
    return (sign ? sign_bit(f) : 0) + exp_field(exp - 1, f) + kept + inc;
}

static uint64_t int_indefinite(unsigned bits, struct float_status *st)
{
    st->flags |= FLOAT_IE;
    return UINT64_C(1) << (bits - 1);
}

uint64_t parts_to_int(const struct parts *p, int e, unsigned bits, unsigned rounding,
                      struct float_status *st)
{
    uint64_t limit = (UINT64_C(1) << (bits - 1)) - !p->sign;
    uint64_t whole, rest;
    bool inc;

    st->up = false;
    if (p->cls == PARTS_ZERO)
        return 0;
    if (p->cls != PARTS_FINITE || e > 63)
        return int_indefinite(bits, st);
    if (e == 63) {
        whole = p->frac;
        rest = 0;
    } else if (e < 0) {
        whole = 0;
        rest = shift_sticky(p->frac, (unsigned)MIN(-1 - e, 64));
    } else {
        whole = p->frac >> (63 - e);
        rest = p->frac << (e + 1);
    }
    if (rounding == ROUND_NEAREST)
        inc = rest > F80_INT_BIT || (rest == F80_INT_BIT && whole & 1);
    else
        inc = rest && rounding == (p->sign ? ROUND_DOWN : ROUND_UP);
    if (whole > limit || limit - whole < inc)
        return int_indefinite(bits, st);
    whole += inc;
    st->up = inc;
    if (rest)
        st->flags |= FLOAT_PE;
    return p->sign ? -whole : whole;
}

/* Root and remainder of a 2n-bit number from those of its upper half (Zimmermann's Karatsuba
 * square root): one division a step. The top two bits of the argument are not both zero. */
static uint32_t root16(uint32_t x)
{
    static const uint8_t first[48] = {
        /* floor(sqrt(i << 10)) for i = 16..63: a first guess from the upper six bits */
        128, 131, 135, 139, 143, 146, 150, 153, 156, 160, 163, 166, 169, 172, 175, 178,
        181, 183, 186, 189, 192, 194, 197, 199, 202, 204, 207, 209, 212, 214, 217, 219,
        221, 224, 226, 228, 230, 232, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253,
    };
    uint32_t r = first[(x >> 10) - 16];

    while ((r + 1) * (r + 1) <= x)
        r++;
    return r;
}

static uint32_t root32(uint32_t x, uint32_t *rest)
{
    uint32_t s = root16(x >> 16);
    uint32_t r = (x >> 16) - s * s;
    uint32_t t = r << 8 | (x >> 8 & 0xff);
    uint32_t q = t / (2 * s), u = t % (2 * s);
    int64_t left = (int64_t)((uint64_t)u << 8 | (x & 0xff)) - (int64_t)((uint64_t)q * q);

    s = (s << 8) + q;
    if (left < 0) {
        left += 2 * (int64_t)s - 1;
        s--;
    }
    *rest = (uint32_t)left;
    return s;
}

static uint64_t root64(uint64_t x, uint64_t *rest)
{
    uint32_t high_rest;
    uint64_t s = root32((uint32_t)(x >> 32), &high_rest);
    uint64_t t = (uint64_t)high_rest << 16 | (x >> 16 & 0xffff);
    uint64_t q = t / (2 * s), u = t % (2 * s);
    int64_t left = (int64_t)(u << 16 | (x & 0xffff)) - (int64_t)(q * q);

    s = (s << 16) + q;
    if (left < 0) {
        left += 2 * (int64_t)s - 1;
        s--;
    }
    *rest = (uint64_t)left;
    return s;
}

uint64_t root128(u128 x, u128 *rest)
{
    uint64_t lo = (uint64_t)x;
    uint64_t high_rest;
    uint64_t s = root64((uint64_t)(x >> 64), &high_rest);
    /* (high_rest << 32 | lo >> 32) / (2 * s), halved to fit 64 bits */
    uint64_t t = high_rest << 31 | lo >> 33;
    uint64_t q = t / s, u = t % s << 1 | (lo >> 32 & 1);
    u128 left = ((u128)u << 32 | (uint32_t)lo);
    u128 square = (u128)q * q;
    u128 root = ((u128)s << 32) + q; /* may be 2^64 before the correction */

    if (left < square) {
        left += 2 * root - 1;
        root--;
    }
    *rest = left - square;
    return (uint64_t)root;
}
