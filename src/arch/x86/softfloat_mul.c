/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_mul: product, quotient and square root of binary32 and binary64.
 */
#include "arch/x86/softfloat_core.h"

force_inline uint64_t mul_finite(bool sign, int exp, uint64_t fa, uint64_t fb,
                                 const struct float_format *f, struct float_status *st)
{
    uint64_t frac = fold128((u128)fa * fb);
    int n = frac >> 63 ? 0 : 1;

    return round_pack(sign, exp + 1 - n, frac << n, f, st);
}

force_inline uint64_t mul_special(uint64_t a, uint64_t b, const struct float_format *f,
                                  struct float_status *st)
{
    struct parts pa = small_unpack(a, f, st->daz);
    struct parts pb = small_unpack(b, f, st->daz);
    bool sign = pa.sign ^ pb.sign;

    if (parts_is_nan(&pa) || parts_is_nan(&pb))
        return small_pick_nan(a, b, f, st);
    if ((pa.cls == PARTS_INF && pb.cls == PARTS_ZERO) ||
        (pa.cls == PARTS_ZERO && pb.cls == PARTS_INF))
        return small_invalid(f, st);
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_INF || pb.cls == PARTS_INF)
        return small_inf(sign, f);
    if (pa.cls == PARTS_ZERO || pb.cls == PARTS_ZERO)
        return small_pack(sign, 0, 0, f);
    return mul_finite(sign, pa.exp + pb.exp - f->exp_max / 2, pa.frac, pb.frac, f, st);
}

force_inline uint64_t mul(uint64_t a, uint64_t b, const struct float_format *f,
                          struct float_status *st)
{
    if (unlikely(!small_is_normal(a, f) || !small_is_normal(b, f)))
        return mul_special(a, b, f, st);
    return mul_finite((a ^ b) & sign_bit(f), small_exp(a, f) + small_exp(b, f) - f->exp_max / 2,
                      small_frac(a, f), small_frac(b, f), f, st);
}

/* The quotient of the fractions with its top bit at 63, sticky. */
force_inline uint64_t div_fracs(uint64_t fa, uint64_t fb, bool shorter,
                                const struct float_format *f)
{
    if (f->man_bits <= 23) { /* 24 bits by 24 bits: a 64-bit division will do */
        uint64_t d = fb >> 40;
        uint64_t n = fa >> (shorter ? 1 : 0);
        uint64_t q = n / d;

        return q << 24 | (n % d != 0) << 23;
    }
    u128 n = (u128)fa << (shorter ? 63 : 64);

    return (uint64_t)(n / fb) | (n % fb != 0);
}

force_inline uint64_t div_finite(bool sign, int exp, uint64_t fa, uint64_t fb,
                                 const struct float_format *f, struct float_status *st)
{
    bool shorter = fa >= fb;

    return round_pack(sign, exp - !shorter, div_fracs(fa, fb, shorter, f), f, st);
}

force_inline uint64_t div_special(uint64_t a, uint64_t b, const struct float_format *f,
                                  struct float_status *st)
{
    struct parts pa = small_unpack(a, f, st->daz);
    struct parts pb = small_unpack(b, f, st->daz);
    bool sign = pa.sign ^ pb.sign;

    if (parts_is_nan(&pa) || parts_is_nan(&pb))
        return small_pick_nan(a, b, f, st);
    if ((pa.cls == PARTS_INF && pb.cls == PARTS_INF) ||
        (pa.cls == PARTS_ZERO && pb.cls == PARTS_ZERO))
        return small_invalid(f, st);
    if (pb.cls == PARTS_ZERO && pa.cls != PARTS_INF) {
        st->flags |= FLOAT_ZE;
        return small_inf(sign, f);
    }
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_INF)
        return small_inf(sign, f);
    if (pb.cls == PARTS_INF || pa.cls == PARTS_ZERO)
        return small_pack(sign, 0, 0, f);
    return div_finite(sign, pa.exp - pb.exp + f->exp_max / 2, pa.frac, pb.frac, f, st);
}

force_inline uint64_t div_small(uint64_t a, uint64_t b, const struct float_format *f,
                                struct float_status *st)
{
    if (unlikely(!small_is_normal(a, f) || !small_is_normal(b, f)))
        return div_special(a, b, f, st);
    return div_finite((a ^ b) & sign_bit(f), small_exp(a, f) - small_exp(b, f) + f->exp_max / 2,
                      small_frac(a, f), small_frac(b, f), f, st);
}

force_inline uint64_t sqrt_small(uint64_t a, const struct float_format *f, struct float_status *st)
{
    struct parts p = small_unpack(a, f, st->daz);
    int bias = f->exp_max / 2;
    bool odd = (p.exp - bias) & 1;
    u128 rest;
    uint64_t root;

    if (unlikely(parts_is_nan(&p)))
        return small_pick_nan(a, a, f, st);
    if (p.cls == PARTS_ZERO)
        return small_pack(p.sign, 0, 0, f);
    if (unlikely(p.sign))
        return small_invalid(f, st);
    if (p.cls == PARTS_INF)
        return a;
    if (p.denormal)
        st->flags |= FLOAT_DE;
    root = root128((u128)p.frac << (63 + odd), &rest);
    return round_pack(false, (p.exp - bias - odd) / 2 + bias, root | (rest != 0), f, st);
}

uint32_t f32_mul(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)mul(a, b, &format_f32, st);
}

uint64_t f64_mul(uint64_t a, uint64_t b, struct float_status *st)
{
    return mul(a, b, &format_f64, st);
}

uint32_t f32_div(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)div_small(a, b, &format_f32, st);
}

uint64_t f64_div(uint64_t a, uint64_t b, struct float_status *st)
{
    return div_small(a, b, &format_f64, st);
}

uint32_t f32_sqrt(uint32_t a, struct float_status *st)
{
    return (uint32_t)sqrt_small(a, &format_f32, st);
}

uint64_t f64_sqrt(uint64_t a, struct float_status *st)
{
    return sqrt_small(a, &format_f64, st);
}
