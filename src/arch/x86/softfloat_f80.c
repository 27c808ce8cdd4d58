/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_f80: the x87's format: unpacking, rounding, NaNs, sum, product, quotient, root.
 *
 *    79   78      64 63  62                     0
 *   | s | exponent  | i | fraction               |     value = i.fraction * 2^(exponent - 16383)
 *
 * exponent 0 counts as 1 (denormal; with i set "pseudo-denormal"). A non-zero exponent with i
 * clear (unnormal, pseudo-infinity, pseudo-NaN) is unsupported: an invalid operand. [SDM1 8.2.2]
 */
#include "arch/x86/softfloat_core.h"

/* What the bias is changed by when overflow or underflow is unmasked. [SDM1 8.5.4, 8.5.5]
 * Where that does not bring it into range (FSCALE), infinity or zero result. */
enum { F80_BIAS_ADJUST = 24576 };

struct parts f80_unpack(struct f80 a)
{
    struct parts p = {.frac = a.mant, .exp = a.se & F80_EXP_MAX, .sign = a.se >> 15};

    if (p.exp == 0) {
        if (!a.mant) {
            p.cls = PARTS_ZERO;
        } else {
            int n = __builtin_clzll(a.mant);

            p.denormal = true;
            p.frac = a.mant << n;
            p.exp = 1 - n;
        }
    } else if (!(a.mant & F80_INT_BIT)) {
        p.cls = PARTS_UNSUPPORTED;
    } else if (p.exp == F80_EXP_MAX) {
        p.cls = a.mant == F80_INT_BIT    ? PARTS_INF
                : a.mant & F80_QUIET_BIT ? PARTS_QNAN
                                         : PARTS_SNAN;
    }
    return p;
}

enum f80_class f80_classify(struct f80 a)
{
    struct parts p = f80_unpack(a);

    switch (p.cls) {
    case PARTS_ZERO: return F80_ZERO;
    case PARTS_INF: return F80_INFINITY;
    case PARTS_QNAN:
    case PARTS_SNAN: return F80_NAN;
    case PARTS_UNSUPPORTED: return F80_UNSUPPORTED;
    case PARTS_FINITE: break;
    }
    return p.denormal ? F80_DENORMAL : F80_NORMAL;
}

/* ---- NaNs ---- */

struct f80 f80_nan1(struct f80 a, struct float_status *st)
{
    return f80_nan2(a, a, st);
}

/* [SDM1 table 4-7], x87 column: an unsupported operand is invalid; a quiet NaN wins over a
 * signalling one; of two alike the larger significand, of equal ones the positive. */
struct f80 f80_nan2(struct f80 a, struct f80 b, struct float_status *st)
{
    enum parts_class ca = f80_unpack(a).cls, cb = f80_unpack(b).cls;
    bool na = ca == PARTS_QNAN || ca == PARTS_SNAN;
    bool nb = cb == PARTS_QNAN || cb == PARTS_SNAN;
    struct f80 r;

    if (ca == PARTS_UNSUPPORTED || cb == PARTS_UNSUPPORTED)
        return f80_invalid(st);
    if (ca == PARTS_SNAN || cb == PARTS_SNAN)
        st->flags |= FLOAT_IE;
    if (!nb)
        r = a;
    else if (!na)
        r = b;
    else if (ca != cb)
        r = ca == PARTS_QNAN ? a : b;
    else if (a.mant != b.mant)
        r = a.mant > b.mant ? a : b;
    else
        r = a.se < b.se ? a : b;
    r.mant |= F80_QUIET_BIT;
    return r;
}

/* ---- rounding ---- */

/* The significand as 64 bits of which the lowest `drop` are zero, plus what was cut off. */
struct rounded {
    uint64_t mant;
    bool inexact;
    bool up;
    bool carry; /* mant overflowed: it is 1.0 of the next exponent */
};

static struct rounded round_at(bool sign, uint64_t hi, uint64_t lo, int drop, unsigned rounding)
{
    struct rounded r = {0};

    if (drop == 0) {
        r.inexact = lo != 0;
        if (likely(rounding == ROUND_NEAREST))
            r.up = lo > F80_INT_BIT || (lo == F80_INT_BIT && hi & 1);
        else
            r.up = lo && rounding == (sign ? ROUND_DOWN : ROUND_UP);
        r.mant = hi + r.up;
    } else {
        uint64_t mask = (UINT64_C(1) << drop) - 1;
        uint64_t rest, kept;

        hi |= lo != 0;
        rest = hi & mask;
        kept = hi >> drop;
        r.inexact = rest != 0;
        r.up = (rest + round_addend(rounding, sign, kept & 1, mask)) >> drop;
        r.mant = (kept + r.up) << drop;
    }
    r.carry = r.up && !r.mant;
    if (r.carry)
        r.mant = F80_INT_BIT;
    return r;
}

static struct f80 round_overflow80(bool sign, int exp, int drop, const struct rounded *r,
                                   struct float_status *st)
{
    bool to_inf = st->rounding == ROUND_NEAREST || st->rounding == (sign ? ROUND_DOWN : ROUND_UP);

    st->flags |= FLOAT_OE;
    if (!(st->masks & FLOAT_OE)) {
        exp -= F80_BIAS_ADJUST;
        to_inf = exp >= F80_EXP_MAX;
        if (!to_inf) {
            st->up = r->up;
            st->flags |= r->inexact ? FLOAT_PE : 0;
            return f80_make(sign, exp, r->mant);
        }
    }
    st->flags |= FLOAT_PE;
    st->up = to_inf;
    return to_inf ? f80_inf(sign) : f80_make(sign, F80_EXP_MAX - 1, UINT64_MAX << drop);
}

static struct f80 round_tiny80(bool sign, int exp, uint64_t hi, uint64_t lo, int drop,
                               struct float_status *st)
{
    u128 v = shift_sticky128((u128)hi << 64 | lo, (unsigned)(1 - exp));
    struct rounded r = round_at(sign, (uint64_t)(v >> 64), (uint64_t)v, drop, st->rounding);

    st->up = r.up;
    if (r.inexact)
        st->flags |= FLOAT_UE | FLOAT_PE;
    return f80_make(sign, r.mant >> 63, r.mant);
}

static struct f80 round_edge80(bool sign, int exp, uint64_t hi, uint64_t lo, int drop,
                               struct float_status *st)
{
    struct rounded r = round_at(sign, hi, lo, drop, st->rounding);
    int rounded_exp = exp + r.carry;

    if (rounded_exp >= F80_EXP_MAX)
        return round_overflow80(sign, rounded_exp, drop, &r, st);
    if (rounded_exp < 1) {
        if (st->masks & FLOAT_UE)
            return round_tiny80(sign, exp, hi, lo, drop, st);
        st->flags |= FLOAT_UE;
        rounded_exp += F80_BIAS_ADJUST;
        if (rounded_exp < 1) {
            st->flags |= FLOAT_PE;
            st->up = false;
            return f80_zero(sign);
        }
    }
    st->up = r.up;
    st->flags |= r.inexact ? FLOAT_PE : 0;
    return f80_make(sign, rounded_exp, r.mant);
}

force_inline struct f80 round_pack80(bool sign, int exp, uint64_t hi, uint64_t lo, int drop,
                                     struct float_status *st)
{
    struct rounded r;

    if (unlikely((unsigned)(exp - 1) >= F80_EXP_MAX - 2))
        return round_edge80(sign, exp, hi, lo, drop, st);
    r = round_at(sign, hi, lo, drop, st->rounding);
    st->up = r.up;
    st->flags |= r.inexact ? FLOAT_PE : 0;
    return f80_make(sign, exp + r.carry, r.mant);
}

struct f80 f80_round_pack64(bool sign, int exp, uint64_t hi, uint64_t lo, struct float_status *st)
{
    return round_pack80(sign, exp, hi, lo, 0, st);
}

struct f80 f80_round_pack(bool sign, int exp, uint64_t hi, uint64_t lo, struct float_status *st)
{
    static const uint8_t drop[4] = {
        [PRECISION_24] = 40,
        [PRECISION_RESERVED] = 0,
        [PRECISION_53] = 11,
        [PRECISION_64] = 0,
    };

    if (likely(st->precision == PRECISION_64))
        return round_pack80(sign, exp, hi, lo, 0, st);
    return round_pack80(sign, exp, hi, lo, drop[st->precision], st);
}

/* ---- sum ---- */

static struct f80 add80(const struct parts *a, const struct parts *b, bool sb,
                        struct float_status *st)
{
    const struct parts *big = a, *small = b;
    bool sign = a->sign;
    u128 x, y;
    int exp, n;

    if (a->exp < b->exp || (a->exp == b->exp && a->frac < b->frac)) {
        big = b;
        small = a;
        sign = sb;
    }
    exp = big->exp;
    x = (u128)big->frac << 63;
    y = shift_sticky128((u128)small->frac << 63, (unsigned)(exp - small->exp));
    if (a->sign == sb) {
        x += y;
    } else {
        x -= y;
        if (!x) {
            st->up = false;
            return f80_zero(st->rounding == ROUND_DOWN);
        }
    }
    n = clz128(x);
    x <<= n;
    return f80_round_pack(sign, exp + 1 - n, (uint64_t)(x >> 64), (uint64_t)x, st);
}

static struct f80 add_sub80(struct f80 a, struct f80 b, bool subtract, struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);
    bool sb = pb.sign ^ subtract;

    if (likely((pa.cls | pb.cls) == PARTS_FINITE)) {
        if (unlikely(pa.denormal || pb.denormal))
            st->flags |= FLOAT_DE;
        return add80(&pa, &pb, sb, st);
    }
    st->up = false;
    if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb))
        return f80_nan2(a, b, st);
    if (pa.cls == PARTS_INF && pb.cls == PARTS_INF && pa.sign != sb)
        return f80_invalid(st);
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_INF)
        return a;
    if (pb.cls == PARTS_INF)
        return f80_inf(sb);
    if (pa.cls == PARTS_ZERO && pb.cls == PARTS_ZERO)
        return f80_zero(pa.sign == sb ? sb : st->rounding == ROUND_DOWN);
    if (pa.cls == PARTS_ZERO)
        return f80_round_pack(sb, pb.exp, pb.frac, 0, st);
    return f80_round_pack(pa.sign, pa.exp, pa.frac, 0, st);
}

struct f80 f80_add(struct f80 a, struct f80 b, struct float_status *st)
{
    return add_sub80(a, b, false, st);
}

struct f80 f80_sub(struct f80 a, struct f80 b, struct float_status *st)
{
    return add_sub80(a, b, true, st);
}

/* ---- product, quotient, root ---- */

struct f80 f80_mul(struct f80 a, struct f80 b, struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);
    bool sign = pa.sign ^ pb.sign;
    u128 x;
    int n;

    if (unlikely((pa.cls | pb.cls) != PARTS_FINITE)) {
        st->up = false;
        if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb))
            return f80_nan2(a, b, st);
        if ((pa.cls == PARTS_INF && pb.cls == PARTS_ZERO) ||
            (pa.cls == PARTS_ZERO && pb.cls == PARTS_INF))
            return f80_invalid(st);
        if (pa.denormal || pb.denormal)
            st->flags |= FLOAT_DE;
        if (pa.cls == PARTS_INF || pb.cls == PARTS_INF)
            return f80_inf(sign);
        return f80_zero(sign);
    }
    if (unlikely(pa.denormal || pb.denormal))
        st->flags |= FLOAT_DE;
    x = (u128)pa.frac * pb.frac;
    n = !(x >> 127);
    x <<= n;
    return f80_round_pack(sign, pa.exp + pb.exp - F80_BIAS + 1 - n, (uint64_t)(x >> 64),
                          (uint64_t)x, st);
}

static struct f80 div80(const struct parts *a, const struct parts *b, struct float_status *st)
{
    bool shorter = a->frac >= b->frac;
    u128 n = (u128)a->frac << (shorter ? 63 : 64);
    uint64_t q = (uint64_t)(n / b->frac);
    uint64_t rest = (uint64_t)n - q * b->frac;
    /* What is left, against half the divisor: a quarter or three quarters stand for it. A tie is
     * impossible: it would be a quotient of 65 significant bits, times b still as long, and a has
     * only 64. */
    uint64_t lo = !rest ? 0 : rest > b->frac - rest ? 3 : 1;

    return f80_round_pack(a->sign ^ b->sign, a->exp - b->exp + F80_BIAS - !shorter, q, lo << 62,
                          st);
}

struct f80 f80_div(struct f80 a, struct f80 b, struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);
    bool sign = pa.sign ^ pb.sign;

    if (unlikely((pa.cls | pb.cls) != PARTS_FINITE)) {
        st->up = false;
        if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb))
            return f80_nan2(a, b, st);
        if (pa.cls == pb.cls) /* both zeros or both infinities */
            return f80_invalid(st);
        if (pb.cls == PARTS_ZERO && pa.cls == PARTS_FINITE) {
            st->flags |= FLOAT_ZE;
            return f80_inf(sign);
        }
        if (pa.denormal || pb.denormal)
            st->flags |= FLOAT_DE;
        return pa.cls == PARTS_INF ? f80_inf(sign) : f80_zero(sign);
    }
    if (unlikely(pa.denormal || pb.denormal))
        st->flags |= FLOAT_DE;
    return div80(&pa, &pb, st);
}

struct f80 f80_sqrt(struct f80 a, struct float_status *st)
{
    struct parts p = f80_unpack(a);
    bool odd = !(p.exp & 1); /* the bias is odd */
    u128 rest;
    uint64_t root, lo;

    st->up = false;
    if (f80_is_nanlike(&p))
        return f80_nan1(a, st);
    if (p.cls == PARTS_ZERO)
        return a;
    if (p.sign)
        return f80_invalid(st);
    if (p.cls == PARTS_INF)
        return a;
    if (p.denormal)
        st->flags |= FLOAT_DE;
    root = root128((u128)p.frac << (63 + odd), &rest);
    lo = !rest ? 0 : rest > root ? 3 : 1; /* a tie is impossible */
    return f80_round_pack(false, (p.exp - F80_BIAS - odd) / 2 + F80_BIAS, root, lo << 62, st);
}

enum float_relation f80_compare(struct f80 a, struct f80 b, bool signalling,
                                struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);

    st->up = false;
    if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb)) {
        if (signalling || pa.cls >= PARTS_SNAN || pb.cls >= PARTS_SNAN)
            st->flags |= FLOAT_IE;
        return FLOAT_UNORDERED;
    }
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_ZERO && pb.cls == PARTS_ZERO)
        return FLOAT_EQUAL;
    if (pa.cls == PARTS_ZERO)
        return pb.sign ? FLOAT_GREATER : FLOAT_LESS;
    if (pb.cls == PARTS_ZERO || pa.sign != pb.sign)
        return pa.sign ? FLOAT_LESS : FLOAT_GREATER;
    /* Infinities have the largest exponent, so they order like numbers. */
    if (pa.exp != pb.exp)
        return (pa.exp < pb.exp) != pa.sign ? FLOAT_LESS : FLOAT_GREATER;
    if (pa.frac != pb.frac)
        return (pa.frac < pb.frac) != pa.sign ? FLOAT_LESS : FLOAT_GREATER;
    return FLOAT_EQUAL;
}
