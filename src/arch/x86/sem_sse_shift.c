/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packed shifts: one count for all lanes (immediate, or the low 64 bits of a register or of 128
 * bits of memory), byte shifts of whole 128-bit lanes, and AVX2's count per lane.
 */
#include "arch/x86/simd.h"

static uint64_t shift_count(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm b;

    if (in->src == X86_IMM)
        return in->imm & 0xff;
    if (in->size == 8)
        return mmx_src(c, in);
    vec_src(c, in, &b, 16); /* also for 256-bit operands */
    return b.q[0];
}

static inline void shift_check(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->size == 8)
        mmx_check(c);
    else
        simd_check(c, in);
}

/* limit: counts beyond it act as it; a logical shift by it gives 0. */
#define SHIFT(name, f, type, limit, expr)                                                  \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,    \
                                              unsigned count, unsigned bytes)              \
    {                                                                                      \
        for (unsigned i = 0; i < bytes / sizeof(r->f[0]); i++) {                           \
            type x = (type)a->f[i];                                                        \
            r->f[i] = (typeof(r->f[0]))(expr);                                             \
        }                                                                                  \
    }                                                                                      \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                      \
        union x86_ymm a, r;                                                                \
                                                                                           \
        shift_check(c, in);                                                                \
        unsigned count = (unsigned)MIN(shift_count(c, in), (uint64_t)(limit));             \
                                                                                           \
        if (in->size == 16) {                                                              \
            name##_lanes(&r, &c->s.ymm[in->src2], count, 16);                              \
            vec_dst(c, in, &r, 16);                                                        \
        } else if (in->size == 32) {                                                       \
            name##_lanes(&r, &c->s.ymm[in->src2], count, 32);                              \
            vec_dst(c, in, &r, 32);                                                        \
        } else {                                                                           \
            a.q[0] = c->s.fpr[in->src2].mant;                                              \
            name##_lanes(&r, &a, count, 8);                                                \
            mmx_write(c, in->dst, r.q[0]);                                                 \
        }                                                                                  \
    }

// clang-format off
SHIFT(psllw, w, uint32_t, 16, x << count)
SHIFT(pslld, d, uint32_t, 32, (uint64_t)x << count)
SHIFT(psllq, q, uint64_t, 64, x << (count & 63) & -(uint64_t)(count < 64))
SHIFT(psrlw, w, uint32_t, 16, x >> count)
SHIFT(psrld, d, uint32_t, 32, (uint64_t)x >> count)
SHIFT(psrlq, q, uint64_t, 64, x >> (count & 63) & -(uint64_t)(count < 64))
SHIFT(psraw, w, int16_t, 15, x >> count)
SHIFT(psrad, d, int32_t, 31, x >> count)
// clang-format on

/* Bytes within each 128-bit lane, a number of two halves. */
static void byte_shift(struct x86_cpu *c, const struct x86_insn *in, bool left)
{
    const union x86_ymm *a = &c->s.ymm[in->src2];
    unsigned n = 8 * MIN(in->imm & 0xff, 16u), k = n & 63;
    union x86_ymm r;

    simd_check(c, in);
    for (unsigned i = 0; i < in->size / 8u; i += 2) {
        uint64_t from = a->q[left ? i : i + 1], other = a->q[left ? i + 1 : i];

        /* from: the half that moves towards the other one */
        if (n >= 64) {
            other = n == 128 ? 0 : left ? from << k : from >> k;
            from = 0;
        } else if (n) {
            other = left ? other << k | from >> (64 - k) : other >> k | from << (64 - k);
            from = left ? from << k : from >> k;
        }
        r.q[left ? i : i + 1] = from;
        r.q[left ? i + 1 : i] = other;
    }
    if (in->size == 32)
        vec_dst(c, in, &r, 32);
    else
        vec_dst(c, in, &r, 16);
}

void sem_pslldq(struct x86_cpu *c, const struct x86_insn *in)
{
    byte_shift(c, in, true);
}

void sem_psrldq(struct x86_cpu *c, const struct x86_insn *in)
{
    byte_shift(c, in, false);
}

/* Each lane by its own count. */
// clang-format off
LANES_X(vpsllvd, d, uint32_t, y > 31 ? 0 : x << (y & 31))
LANES_X(vpsllvq, q, uint64_t, y > 63 ? 0 : x << (y & 63))
LANES_X(vpsrlvd, d, uint32_t, y > 31 ? 0 : x >> (y & 31))
LANES_X(vpsrlvq, q, uint64_t, y > 63 ? 0 : x >> (y & 63))
LANES_X(vpsravd, d, uint32_t, (int32_t)x >> MIN(y, 31u))
// clang-format on
