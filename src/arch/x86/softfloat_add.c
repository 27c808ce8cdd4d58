/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_add: sum and difference of binary32 and binary64.
 */
#include "arch/x86/softfloat_core.h"

/* Fractions come with their top bit at 63 and at least two zero bits at the bottom. */
force_inline uint64_t add_finite(bool sa, int ea, uint64_t fa, bool sb, int eb, uint64_t fb,
                                 const struct float_format *f, struct float_status *st)
{
    int n;

    if (ea < eb || (ea == eb && fa < fb)) {
        bool s = sa;
        int e = ea;
        uint64_t frac = fa;

        sa = sb;
        ea = eb;
        fa = fb;
        sb = s;
        eb = e;
        fb = frac;
    }
    fa >>= 1;
    fb = shift_sticky(fb >> 1, (unsigned)(ea - eb));
    if (sa == sb) {
        fa += fb;
        n = fa >> 63 ? 0 : 1;
    } else {
        fa -= fb;
        if (!fa) {
            st->up = false;
            return small_pack(st->rounding == ROUND_DOWN, 0, 0, f);
        }
        n = __builtin_clzll(fa);
    }
    return round_pack(sa, ea + 1 - n, fa << n, f, st);
}

force_inline uint64_t add_special(uint64_t a, uint64_t b, uint64_t flip,
                                  const struct float_format *f, struct float_status *st)
{
    struct parts pa = small_unpack(a, f, st->daz);
    struct parts pb = small_unpack(b, f, st->daz);

    if (parts_is_nan(&pa) || parts_is_nan(&pb))
        return small_pick_nan(a, b, f, st);
    pb.sign ^= flip != 0;
    if (pa.cls == PARTS_INF && pb.cls == PARTS_INF && pa.sign != pb.sign)
        return small_invalid(f, st);
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_INF)
        return small_inf(pa.sign, f);
    if (pb.cls == PARTS_INF)
        return small_inf(pb.sign, f);
    if (pa.cls == PARTS_ZERO && pb.cls == PARTS_ZERO)
        return small_pack(pa.sign == pb.sign ? pa.sign : st->rounding == ROUND_DOWN, 0, 0, f);
    if (pa.cls == PARTS_ZERO)
        return round_pack(pb.sign, pb.exp, pb.frac, f, st);
    if (pb.cls == PARTS_ZERO)
        return round_pack(pa.sign, pa.exp, pa.frac, f, st);
    return add_finite(pa.sign, pa.exp, pa.frac, pb.sign, pb.exp, pb.frac, f, st);
}

/* flip: 0, or the sign bit to subtract. It never touches a NaN operand. */
force_inline uint64_t add(uint64_t a, uint64_t b, uint64_t flip, const struct float_format *f,
                          struct float_status *st)
{
    if (unlikely(!small_is_normal(a, f) || !small_is_normal(b, f)))
        return add_special(a, b, flip, f, st);
    return add_finite(a & sign_bit(f), small_exp(a, f), small_frac(a, f), (b ^ flip) & sign_bit(f),
                      small_exp(b, f), small_frac(b, f), f, st);
}

uint32_t f32_add(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)add(a, b, 0, &format_f32, st);
}

uint32_t f32_sub(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)add(a, b, sign_bit(&format_f32), &format_f32, st);
}

uint64_t f64_add(uint64_t a, uint64_t b, struct float_status *st)
{
    return add(a, b, 0, &format_f64, st);
}

uint64_t f64_sub(uint64_t a, uint64_t b, struct float_status *st)
{
    return add(a, b, sign_bit(&format_f64), &format_f64, st);
}
