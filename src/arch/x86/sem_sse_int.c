/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packed integers: arithmetic, comparison, logic, lane by lane. [SDM1 9.3, 11.4, 14]
 */
#include "arch/x86/simd.h"

// clang-format off
LANES(paddb, b, uint8_t, x + y)
LANES(paddw, w, uint16_t, x + y)
LANES(paddd, d, uint32_t, x + y)
LANES(paddq, q, uint64_t, x + y)
LANES(psubb, b, uint8_t, x - y)
LANES(psubw, w, uint16_t, x - y)
LANES(psubd, d, uint32_t, x - y)
LANES(psubq, q, uint64_t, x - y)
LANES(paddsb, b, int8_t, sat_s8(x + y))
LANES(paddsw, w, int16_t, sat_s16(x + y))
LANES(paddusb, b, uint8_t, sat_u8(x + y))
LANES(paddusw, w, uint16_t, sat_u16(x + y))
LANES(psubsb, b, int8_t, sat_s8(x - y))
LANES(psubsw, w, int16_t, sat_s16(x - y))
LANES(psubusb, b, uint8_t, sat_u8(x - y))
LANES(psubusw, w, uint16_t, sat_u16(x - y))

LANES(pmullw, w, uint16_t, (uint32_t)x * y)
LANES(pmulhw, w, int16_t, x * y >> 16)
LANES(pmulhuw, w, uint16_t, (uint32_t)x * y >> 16)
LANES(pmulhrsw, w, int16_t, ((x * y >> 14) + 1) >> 1)
LANES_X(pmulld, d, uint32_t, x * y)
LANES(pmuludq, q, uint64_t, (x & 0xffffffff) * (y & 0xffffffff))
LANES_X(pmuldq, q, uint64_t, (int64_t)(int32_t)x * (int32_t)y)

LANES(pavgb, b, uint8_t, (x + y + 1) >> 1)
LANES(pavgw, w, uint16_t, (x + y + 1) >> 1)
LANES(pminub, b, uint8_t, MIN(x, y))
LANES_X(pminuw, w, uint16_t, MIN(x, y))
LANES_X(pminud, d, uint32_t, MIN(x, y))
LANES_X(pminsb, b, int8_t, MIN(x, y))
LANES(pminsw, w, int16_t, MIN(x, y))
LANES_X(pminsd, d, int32_t, MIN(x, y))
LANES(pmaxub, b, uint8_t, MAX(x, y))
LANES_X(pmaxuw, w, uint16_t, MAX(x, y))
LANES_X(pmaxud, d, uint32_t, MAX(x, y))
LANES_X(pmaxsb, b, int8_t, MAX(x, y))
LANES(pmaxsw, w, int16_t, MAX(x, y))
LANES_X(pmaxsd, d, int32_t, MAX(x, y))

LANES1(pabsb, b, int8_t, y < 0 ? -y : y)
LANES1(pabsw, w, int16_t, y < 0 ? -y : y)
LANES1(pabsd, d, uint32_t, y >> 31 ? -y : y)
LANES(psignb, b, int8_t, y < 0 ? -x : y ? x : 0)
LANES(psignw, w, int16_t, y < 0 ? -x : y ? x : 0)
LANES(psignd, d, uint32_t, y >> 31 ? -x : y ? x : 0)

LANES(pcmpeqb, b, uint8_t, x == y ? 0xff : 0)
LANES(pcmpeqw, w, uint16_t, x == y ? 0xffff : 0)
LANES(pcmpeqd, d, uint32_t, x == y ? UINT32_MAX : 0)
LANES_X(pcmpeqq, q, uint64_t, x == y ? UINT64_MAX : 0)
LANES(pcmpgtb, b, int8_t, x > y ? 0xff : 0)
LANES(pcmpgtw, w, int16_t, x > y ? 0xffff : 0)
LANES(pcmpgtd, d, int32_t, x > y ? UINT32_MAX : 0)
LANES_X(pcmpgtq, q, int64_t, x > y ? UINT64_MAX : 0)

LANES(pand, q, uint64_t, x & y)
LANES(pandn, q, uint64_t, ~x & y)
LANES(por, q, uint64_t, x | y)
LANES(pxor, q, uint64_t, x ^ y)
LANES_X(andps, q, uint64_t, x & y)
LANES_X(andpd, q, uint64_t, x & y)
LANES_X(andnps, q, uint64_t, ~x & y)
LANES_X(andnpd, q, uint64_t, ~x & y)
LANES_X(orps, q, uint64_t, x | y)
LANES_X(orpd, q, uint64_t, x | y)
LANES_X(xorps, q, uint64_t, x ^ y)
LANES_X(xorpd, q, uint64_t, x ^ y)
// clang-format on

/* Sums of neighbouring products. */
static always_inline_fn void pmaddwd_lanes(union x86_ymm *r, const union x86_ymm *a,
                                           const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++) {
        uint32_t lo = (uint32_t)((int16_t)a->w[2 * i] * (int16_t)b->w[2 * i]);
        uint32_t hi = (uint32_t)((int16_t)a->w[2 * i + 1] * (int16_t)b->w[2 * i + 1]);

        r->d[i] = lo + hi;
    }
}
VEC_BINARY(pmaddwd)

/* The first source is unsigned, the second signed. */
static always_inline_fn void pmaddubsw_lanes(union x86_ymm *r, const union x86_ymm *a,
                                             const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        int32_t lo = a->b[2 * i] * (int8_t)b->b[2 * i];
        int32_t hi = a->b[2 * i + 1] * (int8_t)b->b[2 * i + 1];

        r->w[i] = (uint16_t)sat_s16(lo + hi);
    }
}
VEC_BINARY(pmaddubsw)

static always_inline_fn void psadbw_lanes(union x86_ymm *r, const union x86_ymm *a,
                                          const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 8; i++) {
        uint64_t sum = 0;

        for (unsigned j = 8 * i; j < 8 * i + 8; j++)
            sum += (uint64_t)(a->b[j] > b->b[j] ? a->b[j] - b->b[j] : b->b[j] - a->b[j]);
        r->q[i] = sum;
    }
}
VEC_BINARY(psadbw)

/* Sums of absolute differences of one block of four bytes with eight overlapping ones; each 128-bit
 * lane has its own three control bits: block of b in bits 1:0, start in a in bit 2. */
static always_inline_fn void mpsadbw_lanes(union x86_ymm *r, const union x86_ymm *a,
                                           const union x86_ymm *b, unsigned n, unsigned imm)
{
    for (unsigned lane = 0; lane < n; lane += 16, imm >>= 3) {
        const uint8_t *block = &b->b[lane + 4 * (imm & 3)];
        const uint8_t *window = &a->b[lane + (imm & 4)];

        for (unsigned i = 0; i < 8; i++) {
            int sum = 0;

            for (unsigned j = 0; j < 4; j++)
                sum += abs(window[i + j] - block[j]);
            r->w[lane / 2 + i] = (uint16_t)sum;
        }
    }
}
VEC_IMM_X(mpsadbw)

/* Horizontal operations: pairs of a make the low half of each 128-bit lane (of the 64 bits of an
 * MMX register), pairs of b the high half. */
#define HORIZONTAL(name, f, type, expr)                                                      \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,      \
                                              const union x86_ymm *b, unsigned n)            \
    {                                                                                        \
        const unsigned per = (n == 8 ? 8 : 16) / sizeof(r->f[0]);                            \
                                                                                             \
        for (unsigned lane = 0; lane < n / sizeof(r->f[0]); lane += per) {                   \
            for (unsigned i = 0; i < per; i++) {                                             \
                const union x86_ymm *s = i < per / 2 ? a : b;                                \
                unsigned j = lane + 2 * (i % (per / 2));                                     \
                type x = (type)s->f[j], y = (type)s->f[j + 1];                               \
                                                                                             \
                r->f[lane + i] = (typeof(r->f[0]))(expr);                                    \
            }                                                                                \
        }                                                                                    \
    }                                                                                        \
    VEC_BINARY(name)

HORIZONTAL(phaddw, w, int16_t, x + y)
HORIZONTAL(phaddd, d, uint32_t, x + y)
HORIZONTAL(phaddsw, w, int16_t, sat_s16(x + y))
HORIZONTAL(phsubw, w, int16_t, x - y)
HORIZONTAL(phsubd, d, uint32_t, x - y)
HORIZONTAL(phsubsw, w, int16_t, sat_s16(x - y))

/* The smallest of eight words and its index. */
static always_inline_fn void phminposuw_lanes(union x86_ymm *r, const union x86_ymm *b, unsigned n)
{
    unsigned at = 0;

    for (unsigned i = 1; i < 8; i++)
        if (b->w[i] < b->w[at])
            at = i;
    memset(r, 0, n);
    r->w[0] = b->w[at];
    r->w[1] = (uint16_t)at;
}
VEC_UNARY_X(phminposuw)

/* ZF: a & b is zero, CF: ~a & b is zero; only the
 * bits of mask count (PTEST all, VTESTPS/PD the signs). */
static void vec_test(struct x86_cpu *c, const struct x86_insn *in, uint64_t mask)
{
    const union x86_ymm *a = &c->s.ymm[in->dst];
    union x86_ymm b;
    uint64_t both = 0, only_b = 0;

    simd_check(c, in);
    if (in->size == 32)
        vec_src(c, in, &b, 32);
    else
        vec_src(c, in, &b, 16);
    for (unsigned i = 0; i < in->size / 8; i++) {
        both |= a->q[i] & b.q[i] & mask;
        only_b |= ~a->q[i] & b.q[i] & mask;
    }
    fl_load(c, (both ? 0 : FL_ZF) | (only_b ? 0 : FL_CF));
}

void sem_ptest(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_test(c, in, UINT64_MAX);
}

void sem_vtestps(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_test(c, in, UINT64_C(0x8000000080000000));
}

void sem_vtestpd(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_test(c, in, UINT64_C(0x8000000000000000));
}
