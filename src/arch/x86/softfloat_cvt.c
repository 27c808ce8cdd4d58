/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_cvt: conversions among binary16, binary32, binary64 and integers; ROUNDSS/SD.
 */
#include "arch/x86/softfloat_core.h"

/* ---- to and from integers: never DE, DAZ is obeyed ---- */

force_inline uint64_t to_int(uint64_t a, unsigned bits, unsigned rounding,
                             const struct float_format *f, struct float_status *st)
{
    struct parts p = small_unpack(a, f, st->daz);

    return parts_to_int(&p, p.exp - f->exp_max / 2, bits, rounding, st);
}

force_inline uint64_t from_int(uint64_t i, const struct float_format *f, struct float_status *st)
{
    bool sign = i >> 63;
    uint64_t frac = sign ? -i : i;
    int n;

    if (!frac)
        return 0;
    n = __builtin_clzll(frac);
    return round_pack(sign, f->exp_max / 2 + 63 - n, frac << n, f, st);
}

uint32_t f32_to_i32(uint32_t a, unsigned rounding, struct float_status *st)
{
    return (uint32_t)to_int(a, 32, rounding, &format_f32, st);
}

uint64_t f32_to_i64(uint32_t a, unsigned rounding, struct float_status *st)
{
    return to_int(a, 64, rounding, &format_f32, st);
}

uint32_t f64_to_i32(uint64_t a, unsigned rounding, struct float_status *st)
{
    return (uint32_t)to_int(a, 32, rounding, &format_f64, st);
}

uint64_t f64_to_i64(uint64_t a, unsigned rounding, struct float_status *st)
{
    return to_int(a, 64, rounding, &format_f64, st);
}

uint32_t f32_from_i32(uint32_t i, struct float_status *st)
{
    return (uint32_t)from_int((uint64_t)(int32_t)i, &format_f32, st);
}

uint32_t f32_from_i64(uint64_t i, struct float_status *st)
{
    return (uint32_t)from_int(i, &format_f32, st);
}

uint64_t f64_from_i32(uint32_t i)
{
    struct float_status exact = {0};

    return from_int((uint64_t)(int32_t)i, &format_f64, &exact);
}

uint64_t f64_from_i64(uint64_t i, struct float_status *st)
{
    return from_int(i, &format_f64, st);
}

force_inline uint64_t round_int(uint64_t a, unsigned rounding, bool quiet,
                                const struct float_format *f, struct float_status *st)
{
    const int bias = f->exp_max / 2;
    int e = small_exp(a, f) - bias;
    uint64_t mask, rest;

    if (small_is_nan(a, f))
        return small_pick_nan(a, a, f, st);
    if (e >= f->man_bits)
        return a;
    if (!(a & (sign_bit(f) - 1)))
        return a;
    if (small_is_denormal(a, f) && st->daz)
        return a & sign_bit(f);
    if (e < 0) { /* |a| < 1: to zero or one */
        bool sign = a & sign_bit(f);
        bool one = rounding == ROUND_NEAREST ? e == -1 && (a & man_mask(f))
                                             : rounding == (sign ? ROUND_DOWN : ROUND_UP);

        st->flags |= quiet ? 0 : FLOAT_PE;
        return small_pack(sign, one ? bias : 0, 0, f);
    }
    mask = man_mask(f) >> e;
    rest = a & mask;
    if (!rest)
        return a;
    st->flags |= quiet ? 0 : FLOAT_PE;
    a += round_addend(rounding, a & sign_bit(f), (a & (mask + 1)) != 0, mask);
    return a & ~mask;
}

uint32_t f32_round_int(uint32_t a, unsigned rounding, bool quiet, struct float_status *st)
{
    return (uint32_t)round_int(a, rounding, quiet, &format_f32, st);
}

uint64_t f64_round_int(uint64_t a, unsigned rounding, bool quiet, struct float_status *st)
{
    return round_int(a, rounding, quiet, &format_f64, st);
}

/* ---- among formats ---- */

/* The NaN's payload keeps its upper bits. */
force_inline uint64_t convert_nan(uint64_t a, const struct float_format *from,
                                  const struct float_format *to, struct float_status *st)
{
    uint64_t man = a & man_mask(from);
    int shift = to->man_bits - from->man_bits;

    if (small_is_snan(a, from))
        st->flags |= FLOAT_IE;
    man = shift >= 0 ? man << (shift & 63) : man >> (-shift & 63);
    return small_pack(a & sign_bit(from), to->exp_max, man | quiet_bit(to), to);
}

/* half: one side is binary16, where DE is never raised. */
force_inline uint64_t convert(uint64_t a, const struct float_format *from,
                              const struct float_format *to, bool half, struct float_status *st)
{
    struct parts p = small_unpack(a, from, st->daz);

    switch (p.cls) {
    case PARTS_FINITE: break;
    case PARTS_ZERO: return small_pack(p.sign, 0, 0, to);
    case PARTS_INF: return small_inf(p.sign, to);
    default: return convert_nan(a, from, to, st);
    }
    if (p.denormal && !half)
        st->flags |= FLOAT_DE;
    return round_pack(p.sign, p.exp - from->exp_max / 2 + to->exp_max / 2, p.frac, to, st);
}

uint64_t f32_to_f64(uint32_t a, struct float_status *st)
{
    return convert(a, &format_f32, &format_f64, false, st);
}

uint32_t f64_to_f32(uint64_t a, struct float_status *st)
{
    return (uint32_t)convert(a, &format_f64, &format_f32, false, st);
}

/* VCVTPH2PS ignores DAZ. */
uint32_t f16_to_f32(uint16_t a, struct float_status *st)
{
    bool daz = st->daz;
    uint32_t r;

    st->daz = false;
    r = (uint32_t)convert(a, &format_f16, &format_f32, true, st);
    st->daz = daz;
    return r;
}

/* VCVTPS2PH ignores FTZ. */
uint16_t f32_to_f16(uint32_t a, unsigned rounding, struct float_status *st)
{
    struct float_status own = *st;
    uint16_t r;

    own.rounding = rounding & 3;
    own.ftz = false;
    r = (uint16_t)convert(a, &format_f32, &format_f16, false, &own);
    st->flags = own.flags;
    return r;
}
