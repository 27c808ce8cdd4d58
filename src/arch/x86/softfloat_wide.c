/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See softfloat_wide.h.
 */
#include "arch/x86/softfloat_wide.h"

/* floor(*rest * 2^64 / d) for *rest < d, d with its top bit set; *rest becomes the remainder. */
static uint64_t div_digit(u128 *rest, u128 d)
{
    uint64_t dh = (uint64_t)(d >> 64);
    uint64_t q = (uint64_t)(*rest >> 64) >= dh ? UINT64_MAX : (uint64_t)(*rest / dh);
    u128 high = *rest - (u128)q * dh;
    u128 low = (u128)q * (uint64_t)d;
    bool enough = high >> 64; /* high * 2^64 is beyond any low */
    u128 r = high << 64;

    while (!enough && r < low) {
        q--;
        r += d;
        enough = r < d;
    }
    *rest = r - low;
    return q;
}

struct wide wide_div(struct wide a, struct wide b)
{
    bool shorter = a.frac >= b.frac;
    u128 rest = shorter ? a.frac >> 1 : a.frac;
    uint64_t hi = div_digit(&rest, b.frac);
    uint64_t lo = div_digit(&rest, b.frac);

    return wide_norm((u128)hi << 64 | lo | (rest != 0), a.exp - b.exp - !shorter);
}

u128 wide_series(u128 z, const u128 *coef, int n, bool minus)
{
    u128 s = coef[n - 1];

    for (int i = n - 2; i >= 0; i--) {
        u128 t = wide_mulhi(z, s);

        s = minus ? coef[i] - t : coef[i] + t;
    }
    return s;
}

struct wide wide_grow(struct wide a, u128 t)
{
    u128 more = wide_mulhi(a.frac, t) + 1;
    u128 sum = a.frac + more;

    if (sum >= a.frac)
        return (struct wide){sum, a.exp};
    return (struct wide){sum >> 1 | (u128)1 << 127, a.exp + 1};
}

struct wide wide_shrink(struct wide a, u128 t)
{
    return wide_norm(a.frac - wide_mulhi(a.frac, t) - 1, a.exp);
}
