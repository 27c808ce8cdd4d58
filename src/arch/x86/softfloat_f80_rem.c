/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_f80_rem: FPREM and FPREM1. The remainder is exact; an exponent difference of 64 or
 * more is worked off in parts of 32 to 63 bits. [SDM2 FPREM]
 */
#include "arch/x86/softfloat_core.h"

/* One step: how many bits of the quotient to produce for an exponent difference. */
static int rem_step(int diff)
{
    return diff < 64 ? diff : 32 + (diff & 31);
}

static struct f80 rem_finite(const struct parts *a, const struct parts *b, bool nearest,
                             struct f80_quotient *out, struct float_status *st)
{
    int diff = a->exp - b->exp;
    int step = rem_step(diff);
    bool sign = a->sign;
    uint64_t q = 0, rest = a->frac;
    int exp = a->exp;

    if (diff >= 0) {
        u128 n = (u128)a->frac << step;

        q = (uint64_t)(n / b->frac);
        rest = (uint64_t)(n % b->frac);
        exp = a->exp - step;
    }
    out->partial = diff >= 64;
    if (nearest && diff >= -1 && diff < 64) {
        /* At diff -1 the rest is still in a's units: b is 2 * b->frac. */
        uint64_t half_gap = diff < 0 ? b->frac : b->frac - rest;

        if (rest > half_gap || (rest == half_gap && q & 1)) {
            rest = diff < 0 ? (uint64_t)(((u128)b->frac << 1) - rest) : half_gap;
            q++;
            sign = !sign;
        }
    }
    out->low = out->partial ? 0 : q & 7;
    if (!rest)
        return f80_zero(a->sign);
    int n = __builtin_clzll(rest);

    return f80_round_pack64(sign, exp - n, rest << n, 0, st);
}

struct f80 f80_rem(struct f80 a, struct f80 b, bool nearest, struct f80_quotient *q,
                   struct float_status *st)
{
    struct parts pa = f80_unpack(a), pb = f80_unpack(b);

    *q = (struct f80_quotient){0};
    st->up = false;
    if (f80_is_nanlike(&pa) || f80_is_nanlike(&pb))
        return f80_nan2(a, b, st);
    if (pa.cls == PARTS_INF || pb.cls == PARTS_ZERO)
        return f80_invalid(st);
    if (pa.denormal || pb.denormal)
        st->flags |= FLOAT_DE;
    if (pa.cls == PARTS_ZERO)
        return a;
    if (pb.cls == PARTS_INF)
        return f80_round_pack64(pa.sign, pa.exp, pa.frac, 0, st);
    return rem_finite(&pa, &pb, nearest, q, st);
}
