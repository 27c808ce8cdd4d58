/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_wide: arithmetic of 128 bits for the transcendental functions; softfloat_trig.c and
 * softfloat_log.c only.
 *
 * Two kinds of number: struct wide, a magnitude frac / 2^127 * 2^exp with its top bit at 127, and
 * plain u128 as fixed point, of which the comment says how many fraction bits ("Q126"). Everything
 * truncates; a function's last step is wide_round(), which takes the result as inexact.
 */
#ifndef QUAD_ARCH_X86_SOFTFLOAT_WIDE_H
#define QUAD_ARCH_X86_SOFTFLOAT_WIDE_H

#include "arch/x86/softfloat_core.h"

struct wide {
    u128 frac;
    int exp;
};

extern const u128 wide_sin_coef[16], wide_cos_coef[17], wide_odd_coef[12], wide_exp_coef[18];
extern const u128 wide_atan_tab[33], wide_log2_tab[47], wide_exp2_tab[32];
extern const u128 wide_pi, wide_ln2, wide_2_ln2;

/* The upper half of the product. */
static inline u128 wide_mulhi(u128 a, u128 b)
{
    uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a;
    uint64_t bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
    u128 hl = (u128)ah * bl, lh = (u128)al * bh, ll = (u128)al * bl;
    u128 mid = (ll >> 64) + (uint64_t)hl + (uint64_t)lh;

    return (u128)ah * bh + (hl >> 64) + (lh >> 64) + (mid >> 64);
}

static inline struct wide wide_norm(u128 frac, int exp) /* frac != 0 */
{
    int n = clz128(frac);

    return (struct wide){frac << n, exp - n};
}

static inline struct wide wide_from_parts(const struct parts *p)
{
    return (struct wide){(u128)p->frac << 64, p->exp - F80_BIAS};
}

/* As fixed point with `bits` fraction bits; the value must fit. */
static inline u128 wide_fixed(struct wide w, int bits)
{
    int n = 127 - bits - w.exp;

    return n > 127 ? 0 : n >= 0 ? w.frac >> n : w.frac << -n;
}

static inline struct wide wide_mul(struct wide a, struct wide b)
{
    return wide_norm(wide_mulhi(a.frac, b.frac), a.exp + b.exp + 1);
}

struct wide wide_div(struct wide a, struct wide b); /* the lowest bit is sticky */

/* coef[0] +- z coef[1] + z^2 coef[2] +- ...; all Q128, z too; minus: signs alternate. */
u128 wide_series(u128 z, const u128 *coef, int n, bool minus);

/* a * (1 + t), a * (1 - t); t is Q128. The second is less than a in any case. */
struct wide wide_grow(struct wide a, u128 t);
struct wide wide_shrink(struct wide a, u128 t);

static inline struct f80 wide_round(bool sign, struct wide w, struct float_status *st)
{
    return f80_round_pack64(sign, w.exp + F80_BIAS, (uint64_t)(w.frac >> 64), (uint64_t)w.frac | 1,
                            st);
}

#endif
