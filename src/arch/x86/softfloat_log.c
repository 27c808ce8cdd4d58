/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_log: FYL2X, FYL2XP1, F2XM1.
 */
#include "arch/x86/softfloat_wide.h"

/* A logarithm: sign and magnitude; exact says that w is all of it (then it is a whole number). */
struct log2_value {
    struct wide w; /* w.frac = 0: zero */
    bool sign;
    bool exact;
};

/* 2 / ln 2 * artanh(n / d) for n / d up to 1/64 */
static struct wide log2_core(struct wide n, struct wide d)
{
    struct wide s = wide_div(n, d);
    u128 x = wide_fixed(s, 128);
    u128 z = wide_mulhi(x, x);

    s = wide_grow(s, wide_mulhi(z, wide_series(z, wide_odd_coef, 12, false)));
    return wide_mul(s, (struct wide){wide_2_ln2, 1});
}

/* log2(m * 2^k); m in Q126, 0.7 < m < 1.42. Near m a number c = j/64 is found in the table, and
 * log2(m) = log2(c) + 2 / ln 2 * artanh((m - c) / (m + c)). */
static struct log2_value log2_reduced(u128 m, int k)
{
    unsigned j = (unsigned)((m + ((u128)1 << 119)) >> 120);
    u128 c = (u128)j << 120;
    struct log2_value out = {.sign = m < c};
    int bits = k ? 110 : 124;
    __int128 sum;

    if (m != c)
        out.w = log2_core(wide_norm(m < c ? c - m : m - c, 1), wide_norm(m + c, 1));
    if (!k && j == 64)
        return out;
    sum = m == c ? 0 : (__int128)wide_fixed(out.w, bits);
    if (out.sign)
        sum = -sum;
    if (j < 64)
        sum -= (__int128)(wide_log2_tab[j - 45] >> (127 - bits));
    else
        sum += (__int128)(wide_log2_tab[j - 45] >> (127 - bits));
    sum += k * ((__int128)1 << bits);
    out.sign = sum < 0;
    out.w = wide_norm((u128)(sum < 0 ? -sum : sum), 127 - bits);
    return out;
}

/* log2 of frac / 2^127 * 2^k */
static struct log2_value log2_wide(u128 frac, int k)
{
    if (frac == (u128)1 << 127) {
        struct log2_value out = {.sign = k < 0, .exact = true};

        if (k)
            out.w = wide_norm((u128)(k < 0 ? -k : k), 127);
        return out;
    }
    /* The square root of two divides. */
    if ((uint64_t)(frac >> 64) > UINT64_C(0xb504f333f9de6484))
        return log2_reduced(frac >> 2, k + 1);
    return log2_reduced(frac >> 1, k);
}

static struct f80 times_log2(const struct parts *y, const struct log2_value *l,
                             struct float_status *st)
{
    bool sign = y->sign ^ l->sign;
    struct wide w;

    if (!l->w.frac)
        return f80_zero(sign);
    if (l->exact) { /* at most 15 bits times 64; called inexact all the same, as processors do */
        u128 product = (l->w.frac >> 64) * y->frac;
        int n = clz128(product);
        struct f80 r;

        product <<= n;
        r = f80_round_pack64(sign, y->exp + l->w.exp + 1 - n, (uint64_t)(product >> 64),
                             (uint64_t)product, st);
        st->flags |= FLOAT_PE | (r.se & F80_EXP_MAX ? 0 : FLOAT_UE);
        return r;
    }
    w = wide_mul(wide_from_parts(y), l->w);
    return wide_round(sign, w, st);
}

/* The product of y and a logarithm where one of them is zero or infinite. */
static struct f80 times_special(const struct parts *y, bool log_sign, bool log_zero, bool log_inf,
                                struct float_status *st)
{
    bool sign = y->sign ^ log_sign;

    if ((y->cls == PARTS_INF && log_zero) || (y->cls == PARTS_ZERO && log_inf))
        return f80_invalid(st);
    if (y->cls == PARTS_INF || log_inf)
        return f80_inf(sign);
    return f80_zero(sign);
}

/* y * log2(x) */
struct f80 f80_y_log2_x(struct f80 y, struct f80 x, struct float_status *st)
{
    struct parts py = f80_unpack(y), px = f80_unpack(x);
    struct log2_value l;
    bool one = px.cls == PARTS_FINITE && px.exp == F80_BIAS && px.frac == F80_INT_BIT;

    st->up = false;
    if (f80_is_nanlike(&py) || f80_is_nanlike(&px))
        return f80_nan2(y, x, st);
    if (px.cls == PARTS_ZERO) {
        if (py.cls == PARTS_ZERO)
            return f80_invalid(st);
        if (py.cls == PARTS_FINITE)
            st->flags |= FLOAT_ZE;
        return f80_inf(!py.sign);
    }
    if (px.sign)
        return f80_invalid(st);
    if ((py.cls == PARTS_INF && one) || (py.cls == PARTS_ZERO && px.cls == PARTS_INF))
        return f80_invalid(st);
    if (py.denormal || px.denormal)
        st->flags |= FLOAT_DE;
    if (py.cls != PARTS_FINITE || px.cls == PARTS_INF)
        return times_special(&py, px.cls != PARTS_INF && px.exp < F80_BIAS, one,
                             px.cls == PARTS_INF, st);
    l = log2_wide((u128)px.frac << 64, px.exp - F80_BIAS);
    return times_log2(&py, &l, st);
}

/* log2(1 + x) for a finite x > -1 that is not zero */
static struct log2_value log2_plus1(const struct parts *x)
{
    int e = x->exp - F80_BIAS;
    u128 one, xq;

    if (e < -7) { /* x / (2 + x) by its own exponent */
        struct log2_value out = {.sign = x->sign};
        u128 small = wide_fixed(wide_from_parts(x), 126);
        u128 sum = x->sign ? ((u128)1 << 127) - small : ((u128)1 << 127) + small;

        out.w = log2_core(wide_from_parts(x), wide_norm(sum, 1));
        return out;
    }
    if (e > 60) /* far outside of what FYL2XP1 is for: the one does not count */
        return log2_wide((u128)x->frac << 64, e);
    one = (u128)1 << (e < 0 ? 126 : 126 - e - 1);
    xq = wide_fixed(wide_from_parts(x), e < 0 ? 126 : 126 - e - 1);
    xq = x->sign ? one - xq : one + xq;
    int n = clz128(xq);

    return log2_wide(xq << n, (e < 0 ? 1 : e + 2) - n);
}

/* y * log2(x + 1) */
struct f80 f80_y_log2_x1(struct f80 y, struct f80 x, struct float_status *st)
{
    struct parts py = f80_unpack(y), px = f80_unpack(x);
    struct log2_value l;

    st->up = false;
    if (f80_is_nanlike(&py) || f80_is_nanlike(&px))
        return f80_nan2(y, x, st);
    if (px.sign && px.cls == PARTS_INF)
        return f80_invalid(st);
    if ((py.cls == PARTS_INF && px.cls == PARTS_ZERO) ||
        (py.cls == PARTS_ZERO && px.cls == PARTS_INF))
        return f80_invalid(st);
    if (py.denormal || px.denormal)
        st->flags |= FLOAT_DE;
    if (py.cls != PARTS_FINITE || px.cls != PARTS_FINITE)
        return times_special(&py, px.sign, px.cls == PARTS_ZERO, px.cls == PARTS_INF, st);
    if (px.sign && px.exp >= F80_BIAS) { /* x <= -1: nothing is promised; AMD's give x */
        st->flags |= FLOAT_PE;
        return x;
    }
    l = log2_plus1(&px);
    return times_log2(&py, &l, st);
}

/* ---- 2^x - 1 ---- */

/* 2^x - 1, or 1 - 2^-x if negative, for 0 < x < 1. With x = i/32 + f and h = 2^f - 1:
 * 2^x - 1 = (2^(i/32) - 1) + 2^(i/32) * h. */
static struct wide exp2m1_core(struct wide x, bool negative)
{
    u128 q = wide_fixed(x, 128), f, base, g;
    unsigned i = (unsigned)((q >> 123) + (q >> 122 & 1));
    bool below;
    struct wide h;

    i = MIN(i, 31u);
    below = q < (u128)i << 123;
    f = below ? ((u128)i << 123) - q : q - ((u128)i << 123);
    below ^= negative; /* 2^f - 1 is negative */
    if (i && !f) {
        h = (struct wide){0};
    } else {
        h = wide_mul(i ? wide_norm(f, -1) : x, (struct wide){wide_ln2, -1});
        g = wide_fixed(h, 128);
        g = wide_mulhi(g, wide_series(g, wide_exp_coef, 18, below));
        h = below ? wide_shrink(h, g) : wide_grow(h, g);
    }
    if (!i)
        return h;
    base = negative ? wide_exp2_tab[32 - i] >> 2 : wide_exp2_tab[i] >> 1; /* Q126 */
    g = h.frac ? wide_mulhi(base, wide_fixed(h, 128)) : 0;
    if (negative)
        return wide_norm(((u128)1 << 126) - base + (below ? g : -g), 1);
    return wide_norm(base - ((u128)1 << 126) + (below ? -g : g), 1);
}

struct f80 f80_exp2_m1(struct f80 a, struct float_status *st)
{
    struct parts p = f80_unpack(a);

    st->up = false;
    if (f80_is_nanlike(&p))
        return f80_nan1(a, st);
    if (p.cls == PARTS_ZERO)
        return a;
    if (p.cls == PARTS_INF)
        return p.sign ? f80_make(true, F80_BIAS, F80_INT_BIT) : a;
    if (p.denormal)
        st->flags |= FLOAT_DE;
    if (p.exp >= F80_BIAS) { /* -1, 1, or outside of the domain, where nothing is promised */
        st->flags |= FLOAT_PE;
        if (p.exp == F80_BIAS && p.frac == F80_INT_BIT && p.sign)
            return f80_make(true, F80_BIAS - 1, F80_INT_BIT);
        return a;
    }
    return wide_round(p.sign, exp2m1_core(wide_from_parts(&p), p.sign), st);
}
