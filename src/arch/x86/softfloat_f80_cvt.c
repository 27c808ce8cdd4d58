/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_f80_cvt: the x87's format to and from the others and integers; FRNDINT, FSCALE,
 * FXTRACT.
 */
#include "arch/x86/softfloat_core.h"

/* ---- memory formats ---- */

force_inline struct f80 widen(uint64_t a, const struct float_format *f, bool *denormal)
{
    struct parts p = small_unpack(a, f, false);

    *denormal = p.denormal;
    switch (p.cls) {
    case PARTS_ZERO: return f80_zero(p.sign);
    case PARTS_INF: return f80_inf(p.sign);
    case PARTS_FINITE: return f80_make(p.sign, p.exp - f->exp_max / 2 + F80_BIAS, p.frac);
    default: return f80_make(p.sign, F80_EXP_MAX, p.frac << (63 - f->man_bits) | F80_INT_BIT);
    }
}

force_inline struct f80 from_small(uint64_t a, const struct float_format *f,
                                   struct float_status *st)
{
    bool denormal;
    struct f80 r = widen(a, f, &denormal);

    st->up = false;
    if (denormal)
        st->flags |= FLOAT_DE;
    if (small_is_snan(a, f)) {
        st->flags |= FLOAT_IE;
        r.mant |= F80_QUIET_BIT;
    }
    return r;
}

force_inline uint64_t to_small(struct f80 a, const struct float_format *f, struct float_status *st)
{
    struct parts p = f80_unpack(a);
    uint64_t r;

    st->up = false;
    switch (p.cls) {
    case PARTS_ZERO: return small_pack(p.sign, 0, 0, f);
    case PARTS_INF: return small_inf(p.sign, f);
    case PARTS_UNSUPPORTED: return small_invalid(f, st);
    case PARTS_SNAN:
        st->flags |= FLOAT_IE;
        /* fall through */
    case PARTS_QNAN:
        return small_pack(p.sign, f->exp_max, (p.frac << 1 >> (64 - f->man_bits)) | quiet_bit(f),
                          f);
    default: break;
    }
    r = round_pack(p.sign, p.exp - F80_BIAS + f->exp_max / 2, p.frac, f, st);
    if (st->flags & ~st->masks & (FLOAT_OE | FLOAT_UE)) {
        /* Nothing is stored, and unlike SSE the x87 says nothing of precision. */
        st->flags &= (uint8_t)~FLOAT_PE;
        st->up = false;
    }
    return r;
}

struct f80 f80_from_f32(uint32_t a, struct float_status *st)
{
    return from_small(a, &format_f32, st);
}

struct f80 f80_from_f64(uint64_t a, struct float_status *st)
{
    return from_small(a, &format_f64, st);
}

struct f80 f80_widen_f32(uint32_t a, bool *denormal)
{
    return widen(a, &format_f32, denormal);
}

struct f80 f80_widen_f64(uint64_t a, bool *denormal)
{
    return widen(a, &format_f64, denormal);
}

uint32_t f80_to_f32(struct f80 a, struct float_status *st)
{
    return (uint32_t)to_small(a, &format_f32, st);
}

uint64_t f80_to_f64(struct f80 a, struct float_status *st)
{
    return to_small(a, &format_f64, st);
}

/* ---- integers ---- */

struct f80 f80_from_i64(uint64_t i)
{
    bool sign = i >> 63;
    uint64_t mant = sign ? -i : i;
    int n;

    if (!mant)
        return f80_zero(false);
    n = __builtin_clzll(mant);
    return f80_make(sign, F80_BIAS + 63 - n, mant << n);
}

static uint64_t to_int(struct f80 a, unsigned bits, unsigned rounding, struct float_status *st)
{
    struct parts p = f80_unpack(a);

    return parts_to_int(&p, p.exp - F80_BIAS, bits, rounding, st);
}

uint16_t f80_to_i16(struct f80 a, unsigned rounding, struct float_status *st)
{
    return (uint16_t)to_int(a, 16, rounding, st);
}

uint32_t f80_to_i32(struct f80 a, unsigned rounding, struct float_status *st)
{
    return (uint32_t)to_int(a, 32, rounding, st);
}

uint64_t f80_to_i64(struct f80 a, unsigned rounding, struct float_status *st)
{
    return to_int(a, 64, rounding, st);
}

struct f80 f80_round_int(struct f80 a, struct float_status *st)
{
    struct parts p = f80_unpack(a);
    int e = p.exp - F80_BIAS;
    u128 v;

    st->up = false;
    if (f80_is_nanlike(&p))
        return f80_nan1(a, st);
    if (p.cls != PARTS_FINITE)
        return a;
    if (p.denormal)
        st->flags |= FLOAT_DE;
    if (e >= 63)
        return a;
    /* v: 64 whole bits and 64 of fraction */
    v = shift_sticky128((u128)p.frac << 64, (unsigned)(63 - e));
    uint64_t whole = (uint64_t)(v >> 64), rest = (uint64_t)v;

    if (!rest)
        return a;
    st->flags |= FLOAT_PE;
    if (st->rounding == ROUND_NEAREST)
        st->up = rest > F80_INT_BIT || (rest == F80_INT_BIT && whole & 1);
    else
        st->up = st->rounding == (p.sign ? ROUND_DOWN : ROUND_UP);
    whole += st->up;
    if (!whole)
        return f80_zero(p.sign);
    int n = __builtin_clzll(whole);

    return f80_make(p.sign, F80_BIAS + 63 - n, whole << n);
}

/* ---- scale and extract ---- */

/* trunc(b) as a number of exponent steps, limited to what takes any number out of range. */
static int scale_steps(const struct parts *b)
{
    const int limit = 0x18000;
    int e = b->exp - F80_BIAS;
    int steps;

    if (b->cls == PARTS_ZERO || e < 0)
        return 0;
    steps = e > 16 ? limit : (int)(b->frac >> (63 - e));
    return b->sign ? -steps : steps;
}

struct f80 f80_scale(struct f80 a, struct f80 b, struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);

    st->up = false;
    if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb))
        return f80_nan2(a, b, st);
    if (pb.cls == PARTS_INF) {
        if (pa.cls == (pb.sign ? PARTS_INF : PARTS_ZERO))
            return f80_invalid(st);
        if (pa.denormal)
            st->flags |= FLOAT_DE;
        return pb.sign ? f80_zero(pa.sign) : f80_inf(pa.sign);
    }
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls != PARTS_FINITE)
        return a;
    return f80_round_pack64(pa.sign, pa.exp + scale_steps(&pb), pa.frac, 0, st);
}

struct f80 f80_extract(struct f80 a, struct f80 *exponent, struct float_status *st)
{
    struct parts p = f80_unpack(a);

    st->up = false;
    if (f80_is_nanlike(&p))
        return *exponent = f80_nan1(a, st);
    if (p.cls == PARTS_ZERO) {
        st->flags |= FLOAT_ZE;
        *exponent = f80_inf(true);
        return a;
    }
    if (p.cls == PARTS_INF) {
        *exponent = f80_inf(false);
        return a;
    }
    if (p.denormal)
        st->flags |= FLOAT_DE;
    *exponent = f80_from_i64((uint64_t)(int64_t)(p.exp - F80_BIAS));
    return f80_make(p.sign, F80_BIAS, p.frac);
}
