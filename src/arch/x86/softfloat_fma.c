/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_fma: a * b + c with one rounding, binary32 and binary64.
 */
#include "arch/x86/softfloat_core.h"

force_inline uint64_t fma_nan(uint64_t a, uint64_t b, uint64_t c, const struct float_format *f,
                              struct float_status *st)
{
    if (small_is_snan(a, f) || small_is_snan(b, f) || small_is_snan(c, f))
        st->flags |= FLOAT_IE;
    if (small_is_nan(a, f))
        return a | quiet_bit(f);
    return (small_is_nan(b, f) ? b : c) | quiet_bit(f);
}

/* Product (top bit at 126 or 127) plus c, all finite and not zero. */
force_inline uint64_t fma_finite(bool sign, int exp, u128 product, const struct parts *c,
                                 const struct float_format *f, struct float_status *st)
{
    u128 addend = (u128)c->frac << 63;
    bool add_sign = c->sign;
    int add_exp = c->exp;
    int n = clz128(product);

    /* Both get their top bit at 126. A product has at least 128 - 2 * 53 zero bits at the bottom,
     * so nothing is lost; nor by a sticky shift that is followed by cancellation, which is of
     * one bit at most if the shift was by two or more. */
    product = product << n >> 1;
    exp += 1 - n;
    if (add_exp > exp || (add_exp == exp && addend > product)) {
        u128 frac = product;
        bool s = sign;
        int e = exp;

        product = addend;
        addend = frac;
        sign = add_sign;
        add_sign = s;
        exp = add_exp;
        add_exp = e;
    }
    addend = shift_sticky128(addend, (unsigned)(exp - add_exp));
    product = sign == add_sign ? product + addend : product - addend;
    if (!product) {
        st->up = false;
        return small_pack(st->rounding == ROUND_DOWN, 0, 0, f);
    }
    n = clz128(product);
    return round_pack(sign, exp + 1 - n, fold128(product << n), f, st);
}

force_inline uint64_t fma_small(uint64_t a, uint64_t b, uint64_t c, const struct float_format *f,
                                struct float_status *st)
{
    struct parts pa = small_unpack(a, f, st->daz);
    struct parts pb = small_unpack(b, f, st->daz);
    struct parts pc = small_unpack(c, f, st->daz);
    bool sign = pa.sign ^ pb.sign;
    int exp = pa.exp + pb.exp - f->exp_max / 2;
    u128 product;

    if (unlikely(parts_is_nan(&pa) || parts_is_nan(&pb) || parts_is_nan(&pc)))
        return fma_nan(a, b, c, f, st);
    if (unlikely((pa.cls == PARTS_INF && pb.cls == PARTS_ZERO) ||
                 (pa.cls == PARTS_ZERO && pb.cls == PARTS_INF)))
        return small_invalid(f, st);
    if (unlikely((pa.cls == PARTS_INF || pb.cls == PARTS_INF) && pc.cls == PARTS_INF &&
                 pc.sign != sign))
        return small_invalid(f, st);
    if (unlikely(pa.denormal || pb.denormal || pc.denormal))
        st->flags |= FLOAT_DE;
    if (unlikely(pa.cls == PARTS_INF || pb.cls == PARTS_INF))
        return small_inf(sign, f);
    if (unlikely(pc.cls == PARTS_INF))
        return small_inf(pc.sign, f);
    if (unlikely(pa.cls == PARTS_ZERO || pb.cls == PARTS_ZERO)) {
        if (pc.cls == PARTS_ZERO)
            return small_pack(sign == pc.sign ? sign : st->rounding == ROUND_DOWN, 0, 0, f);
        return round_pack(pc.sign, pc.exp, pc.frac, f, st);
    }
    product = (u128)pa.frac * pb.frac;
    if (unlikely(pc.cls == PARTS_ZERO)) {
        int n = clz128(product);

        return round_pack(sign, exp + 1 - n, fold128(product << n), f, st);
    }
    return fma_finite(sign, exp, product, &pc, f, st);
}

uint32_t f32_fma(uint32_t a, uint32_t b, uint32_t c, struct float_status *st)
{
    return (uint32_t)fma_small(a, b, c, &format_f32, st);
}

uint64_t f64_fma(uint64_t a, uint64_t b, uint64_t c, struct float_status *st)
{
    return fma_small(a, b, c, &format_f64, st);
}

uint32_t f32_negate_number(uint32_t a)
{
    return small_is_nan(a, &format_f32) ? a : a ^ (uint32_t)sign_bit(&format_f32);
}

uint64_t f64_negate_number(uint64_t a)
{
    return small_is_nan(a, &format_f64) ? a : a ^ sign_bit(&format_f64);
}
