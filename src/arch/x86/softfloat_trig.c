/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_trig: FSIN, FCOS, FPTAN, FPATAN.
 *
 * The x87 reduces an argument by a pi of 66 bits [SDM1 8.3.8], and so do we: the functions have
 * 2 * 0x3.243f6a8885a308d3 as their period. Within |x| <= pi/4 no reduction takes place.
 */
#include "arch/x86/softfloat_wide.h"

/* pi/2 in units of 2^-65: the significand of the 66-bit pi. */
#define HALF_PI_66 ((u128)3 << 64 | UINT64_C(0x243f6a8885a308d3))

/* An argument x = +- (quadrant * pi/2 +- r), 0 < r <= pi/4. It is never zero: no number of 64 bits
 * is a multiple of an odd one of 66. */
struct reduced {
    struct wide r;
    bool negative; /* r counts with a minus */
    unsigned quadrant;
};

static struct reduced reduce(const struct parts *p)
{
    struct reduced out = {.r = wide_from_parts(p)};
    int e = p->exp - F80_BIAS;
    u128 rest = p->frac;
    unsigned q = 0;

    /* Units of 2^-65: the argument is p->frac << (e + 2), the last bit of pi/4 is half a unit. */
    if (e < -1 || (e == -1 && ((u128)p->frac << 2) < HALF_PI_66))
        return out;
    for (int left = e + 2; left > 0;) {
        int n = MIN(left, 31);

        rest <<= n;
        q = q << n | (unsigned)(rest / HALF_PI_66);
        rest %= HALF_PI_66;
        left -= n;
    }
    if (rest > HALF_PI_66 / 2) {
        rest = HALF_PI_66 - rest;
        out.negative = true;
        q++;
    }
    out.quadrant = q & 3;
    out.r = wide_norm(rest, 62);
    return out;
}

static u128 square(struct wide r) /* Q128; r < 1 */
{
    u128 x = wide_fixed(r, 128);

    return wide_mulhi(x, x);
}

static struct wide sin_core(struct wide r)
{
    u128 z = square(r);

    return wide_shrink(r, wide_mulhi(z, wide_series(z, wide_sin_coef, 16, true)));
}

static struct wide cos_core(struct wide r)
{
    u128 z = square(r);
    u128 t = wide_mulhi(z, wide_series(z, wide_cos_coef, 17, true));

    return wide_norm(-(t ? t : 1), -1); /* 1 - t, as Q128 */
}

/* sin(x + turn * pi/2) for a finite x that is not zero. */
static struct f80 sin_turned(const struct parts *p, unsigned turn, struct float_status *st)
{
    struct reduced a = reduce(p);
    unsigned quadrant = (p->sign ? 0u - a.quadrant : a.quadrant) + turn;
    bool negative = a.negative ^ p->sign;
    bool sign = quadrant & 2;

    if (quadrant & 1)
        return wide_round(sign, cos_core(a.r), st);
    return wide_round(sign ^ negative, sin_core(a.r), st);
}

/* What the functions of one argument have in common. True: *r is the answer. */
static bool trig_special(struct f80 a, const struct parts *p, struct f80 *r,
                         struct float_status *st)
{
    st->up = false;
    if (f80_is_nanlike(p)) {
        *r = f80_nan1(a, st);
        return true;
    }
    if (p->cls == PARTS_INF) {
        *r = f80_invalid(st);
        return true;
    }
    if (p->denormal)
        st->flags |= FLOAT_DE;
    return false;
}

static bool is_out_of_range(const struct parts *p)
{
    return p->cls == PARTS_FINITE && p->exp >= F80_BIAS + 63;
}

bool f80_sin_cos(struct f80 a, struct f80 *sine, struct f80 *cosine, struct float_status *st)
{
    struct parts p = f80_unpack(a);
    struct f80 r;

    if (is_out_of_range(&p)) {
        st->up = false;
        return false;
    }
    if (trig_special(a, &p, &r, st)) {
        if (sine)
            *sine = r;
        if (cosine)
            *cosine = r;
        return true;
    }
    if (sine)
        *sine = p.cls == PARTS_ZERO ? a : sin_turned(&p, 0, st);
    if (cosine)
        *cosine =
            p.cls == PARTS_ZERO ? f80_make(false, F80_BIAS, F80_INT_BIT) : sin_turned(&p, 1, st);
    return true;
}

static struct f80 tan_finite(const struct parts *p, struct float_status *st)
{
    struct reduced a = reduce(p);
    bool sign = p->sign ^ a.negative ^ (a.quadrant & 1);
    struct wide s, c;

    if (a.r.exp < -32 && !(a.quadrant & 1)) {
        u128 z = square(a.r);

        return wide_round(sign, wide_grow(a.r, wide_mulhi(z, wide_odd_coef[0])), st);
    }
    s = sin_core(a.r);
    c = cos_core(a.r);
    return wide_round(sign, a.quadrant & 1 ? wide_div(c, s) : wide_div(s, c), st);
}

bool f80_tan(struct f80 a, struct f80 *r, struct float_status *st)
{
    struct parts p = f80_unpack(a);

    if (is_out_of_range(&p)) {
        st->up = false;
        return false;
    }
    if (trig_special(a, &p, r, st))
        return true;
    *r = p.cls == PARTS_ZERO ? a : tan_finite(&p, st);
    return true;
}

/* ---- arctangent ---- */

/* arctan(u) for u up to 1/32 */
static struct wide atan_core(struct wide u)
{
    u128 z = square(u);

    if (u.exp < -64 && u.frac & 1) /* u fell short by more than the arctangent does */
        return u;
    return wide_shrink(u, wide_mulhi(z, wide_series(z, wide_odd_coef, 12, true)));
}

/* arctan(a / b), 0 < a <= b. With c = i/32 near a/b: arctan(c) + arctan((a - cb) / (b + ca)). */
static struct wide atan_ratio(const struct parts *a, const struct parts *b)
{
    int d = b->exp - a->exp;
    unsigned i = 0;
    u128 x, y, sum;
    struct wide u;

    if (d < 8)
        i = (unsigned)((((u128)a->frac << 56 >> d) / b->frac + ((u128)1 << 50)) >> 51);
    if (!i)
        return atan_core(wide_div(wide_from_parts(a), wide_from_parts(b)));
    x = (u128)a->frac << 5;
    y = (u128)b->frac * i << d;
    sum = (u128)b->frac << (5 + d);
    sum += (u128)a->frac * i;
    if (x == y)
        return wide_norm(wide_atan_tab[i], 0);
    u = atan_core(wide_div(wide_norm(x > y ? x - y : y - x, 127), wide_norm(sum, 127)));
    if (x > y)
        return wide_norm(wide_atan_tab[i] + wide_fixed(u, 127), 0);
    return wide_norm(wide_atan_tab[i] - wide_fixed(u, 127), 0);
}

/* n * pi/4, signed. */
static struct f80 pi_quarters(bool sign, unsigned n, struct float_status *st)
{
    return wide_round(sign, wide_norm((wide_pi >> 2) * n, 2), st);
}

static struct f80 atan2_finite(const struct parts *y, const struct parts *x,
                               struct float_status *st)
{
    bool steep = y->exp > x->exp || (y->exp == x->exp && y->frac > x->frac);
    struct wide w = steep ? atan_ratio(x, y) : atan_ratio(y, x);
    u128 q; /* Q125 */

    if (!steep && !x->sign)
        return wide_round(y->sign, w, st);
    q = wide_fixed(w, 125);
    if (!steep)
        q = wide_pi - q;
    else
        q = x->sign ? (wide_pi >> 1) + q : (wide_pi >> 1) - q;
    return wide_round(y->sign, wide_norm(q, 2), st);
}

/* The angle of the point (x, y). */
struct f80 f80_atan2(struct f80 y, struct f80 x, struct float_status *st)
{
    struct parts py = f80_unpack(y), px = f80_unpack(x);

    st->up = false;
    if (f80_is_nanlike(&py) || f80_is_nanlike(&px))
        return f80_nan2(y, x, st);
    if (py.denormal || px.denormal)
        st->flags |= FLOAT_DE;
    if (py.cls == PARTS_INF && px.cls == PARTS_INF)
        return pi_quarters(py.sign, px.sign ? 3 : 1, st);
    if (py.cls == PARTS_INF)
        return pi_quarters(py.sign, 2, st);
    if (px.cls == PARTS_INF || py.cls == PARTS_ZERO)
        return px.sign ? pi_quarters(py.sign, 4, st) : f80_zero(py.sign);
    if (px.cls == PARTS_ZERO)
        return pi_quarters(py.sign, 2, st);
    return atan2_finite(&py, &px, st);
}
