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

static always_inline_fn union x86_ymm shift_operand(struct x86_cpu *c,
                                                          const struct x86_insn *in)
{
    union x86_ymm a = c->s.ymm[in->src2];

    if (in->size == 8)
        a.q[0] = c->s.fpr[in->src2].mant;
    return a;
}

static void shift_result(struct x86_cpu *c, const struct x86_insn *in, const union x86_ymm *r)
{
    if (in->size == 8)
        mmx_write(c, in->dst, r->q[0]);
    else if (in->size == 16)
        vec_dst(c, in, r, 16);
    else
        vec_dst(c, in, r, 32);
}

/* limit: counts beyond it act as it; a logical shift by it gives 0. */
#define SHIFT(name, f, type, limit, expr)                          \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)  \
    {                                                              \
        shift_check(c, in);                                        \
        uint64_t count = shift_count(c, in);                       \
        union x86_ymm a = shift_operand(c, in), r;                 \
        unsigned n = count > (limit) ? (limit) : (unsigned)count;  \
                                                                   \
        for (unsigned i = 0; i < 32 / sizeof(r.f[0]); i++) {       \
            type x = (type)a.f[i];                                 \
            r.f[i] = (typeof(r.f[0]))(expr);                       \
        }                                                          \
        shift_result(c, in, &r);                                   \
    }

// clang-format off
SHIFT(psllw, w, uint32_t, 16, x << n)
SHIFT(pslld, d, uint32_t, 32, n == 32 ? 0 : x << n)
SHIFT(psllq, q, uint64_t, 64, n == 64 ? 0 : x << n)
SHIFT(psrlw, w, uint32_t, 16, x >> n)
SHIFT(psrld, d, uint32_t, 32, n == 32 ? 0 : x >> n)
SHIFT(psrlq, q, uint64_t, 64, n == 64 ? 0 : x >> n)
SHIFT(psraw, w, int16_t, 15, x >> n)
SHIFT(psrad, d, int32_t, 31, x >> n)
// clang-format on

/* Bytes within each 128-bit lane. */
static void byte_shift(struct x86_cpu *c, const struct x86_insn *in, bool left)
{
    union x86_ymm a, r = {.q = {0}};
    unsigned n = MIN(in->imm & 0xff, 16u);

    simd_check(c, in);
    a = c->s.ymm[in->src2];
    for (unsigned lane = 0; lane < in->size; lane += 16)
        memcpy(&r.b[lane + (left ? n : 0)], &a.b[lane + (left ? 0 : n)], 16 - n);
    shift_result(c, in, &r);
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
