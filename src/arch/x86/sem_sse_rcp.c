/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RCPPS, RSQRTPS: approximations in integers, far within the manual's relative error of
 * 1.5 * 2^-12. Denormal sources are zeros, tiny results are zeros, no exceptions, no MXCSR.
 */
#include "arch/x86/simd.h"

#define F32_SIGN 0x80000000u
#define F32_INF 0x7f800000u
#define F32_QUIET 0x00400000u
#define F32_DEFAULT_NAN 0xffc00000u

/* 2^47 / 1.m scaled: q is in (2^23, 2^24], the quotient of 1 by the significand times 2^24. */
static uint32_t rcp32(uint32_t y)
{
    uint32_t sign = y & F32_SIGN, e = y >> 23 & 0xff, m = (y & 0x7fffff) | 0x800000;
    uint32_t q;
    int re;

    if (e == 0xff)
        return y & 0x7fffff ? y | F32_QUIET : sign;
    if (e == 0)
        return sign | F32_INF;
    q = (uint32_t)((UINT64_C(1) << 47) / m);
    re = 253 - (int)e; /* biased exponent of q * 2^-24 * 2^-(e - 127), q below 2^24 */
    if (q == 0x1000000) {
        q = 0x800000;
        re++;
    }
    return re <= 0 ? sign : sign | (uint32_t)re << 23 | (q & 0x7fffff);
}

static uint32_t isqrt(uint64_t v)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 20; bit; bit >>= 1)
        if ((root | bit) * (root | bit) <= v)
            root |= bit;
    return (uint32_t)root;
}

/* y = m * 4^k with m in [1, 4): the root of 2^40 / m is 2^20 / sqrt(m), in (2^19, 2^20]. */
static uint32_t rsqrt32(uint32_t y)
{
    uint32_t e = y >> 23 & 0xff, m = (y & 0x7fffff) | 0x800000, root;
    int k, re;

    if (e == 0xff && (y & 0x7fffff))
        return y | F32_QUIET;
    if (e == 0)
        return (y & F32_SIGN) | F32_INF;
    if (y & F32_SIGN)
        return F32_DEFAULT_NAN;
    if (e == 0xff)
        return 0;
    k = ((int)e - 127) >> 1;
    if (!(e & 1))
        m <<= 1; /* odd exponent */
    root = isqrt((UINT64_C(1) << 63) / m);
    re = 126 - k;
    if (root >= 1u << 20) {
        root >>= 1;
        re++;
    }
    return (uint32_t)re << 23 | (root << 4 & 0x7fffff);
}

#define APPROXIMATION(name)                                                                 \
    static void name##ps_lanes(union x86_ymm *r, const union x86_ymm *b, unsigned n)        \
    {                                                                                       \
        for (unsigned i = 0; i < n / 4; i++)                                                \
            r->d[i] = name##32(b->d[i]);                                                    \
    }                                                                                       \
    VEC_UNARY_X(name##ps)                                                                   \
    void sem_##name##ss(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                       \
        union x86_ymm r;                                                                    \
        uint32_t y;                                                                         \
                                                                                            \
        simd_check(c, in);                                                                  \
        y = vec_src32(c, in);                                                               \
        r = c->s.ymm[in->src2];                                                             \
        r.d[0] = name##32(y);                                                               \
        vec_dst(c, in, &r, 16);                                                             \
    }

APPROXIMATION(rcp)
APPROXIMATION(rsqrt)
