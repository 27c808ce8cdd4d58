/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shuffles: unpack, pack, shuffle by immediate or register, align, blend, widen; each 128-bit lane
 * (each MMX register) by itself.
 */
#include "arch/x86/simd.h"

/* Bytes in one lane of an operation over n bytes. */
#define LANE_BYTES(n) ((n) == 8 ? 8u : 16u)

/* Interleave the low (half = 0) or high halves of a and b. */
#define UNPACK(name, f, half)                                                              \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,    \
                                              const union x86_ymm *b, unsigned n)          \
    {                                                                                      \
        const unsigned per = LANE_BYTES(n) / sizeof(r->f[0]);                              \
                                                                                           \
        for (unsigned lane = 0; lane < n / sizeof(r->f[0]); lane += per) {                 \
            for (unsigned i = 0; i < per / 2; i++) {                                       \
                r->f[lane + 2 * i] = a->f[lane + (half)*per / 2 + i];                      \
                r->f[lane + 2 * i + 1] = b->f[lane + (half)*per / 2 + i];                  \
            }                                                                              \
        }                                                                                  \
    }

// clang-format off
UNPACK(punpckhbw, b, 1) VEC_BINARY(punpckhbw)
UNPACK(punpckhwd, w, 1) VEC_BINARY(punpckhwd)
UNPACK(punpckhdq, d, 1) VEC_BINARY(punpckhdq)
UNPACK(punpckhqdq, q, 1) VEC_BINARY_X(punpckhqdq)
UNPACK(punpcklbw, b, 0)
UNPACK(punpcklwd, w, 0)
UNPACK(punpckldq, d, 0)
UNPACK(punpcklqdq, q, 0) VEC_BINARY_X(punpcklqdq)
UNPACK(unpcklps, d, 0) VEC_BINARY_X(unpcklps)
UNPACK(unpckhps, d, 1) VEC_BINARY_X(unpckhps)
UNPACK(unpcklpd, q, 0) VEC_BINARY_X(unpcklpd)
UNPACK(unpckhpd, q, 1) VEC_BINARY_X(unpckhpd)
// clang-format on

/* The low MMX forms read only 32 bits of memory. */
static always_inline_fn void unpack_low(struct x86_cpu *c, const struct x86_insn *in, vec2_fn *f)
{
    union x86_ymm a, b, r;

    if (!(in->flags & IN_MMX) || in->form != FORM_RM) {
        vec_binary(c, in, f);
        return;
    }
    mmx_check(c);
    b.q[0] = x86_ld32(c, in->seg, x86_ea(c, in));
    a.q[0] = c->s.fpr[in->src2].mant;
    f(&r, &a, &b, 8);
    mmx_write(c, in->dst, r.q[0]);
}

#define vec_unpack_low unpack_low
VEC_FUNCTION(unpack_low, punpcklbw)
VEC_FUNCTION(unpack_low, punpcklwd)
VEC_FUNCTION(unpack_low, punpckldq)

/* Narrow a (low half of the lane) and b (high half) with saturation. from: signed wide type. */
#define PACK(name, wide, narrow, from, saturate)                                           \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,    \
                                              const union x86_ymm *b, unsigned n)          \
    {                                                                                      \
        const unsigned per = LANE_BYTES(n) / sizeof(r->wide[0]);                           \
                                                                                           \
        for (unsigned lane = 0; lane < n / sizeof(r->wide[0]); lane += per) {              \
            for (unsigned i = 0; i < per; i++) {                                           \
                r->narrow[2 * lane + i] =                                                  \
                    (typeof(r->narrow[0]))saturate((from)a->wide[lane + i]);               \
                r->narrow[2 * lane + per + i] =                                            \
                    (typeof(r->narrow[0]))saturate((from)b->wide[lane + i]);               \
            }                                                                              \
        }                                                                                  \
    }                                                                                      \
    VEC_BINARY(name)

PACK(packsswb, w, b, int16_t, sat_s8)
PACK(packuswb, w, b, int16_t, sat_u8)
PACK(packssdw, d, w, int32_t, sat_s16)
PACK(packusdw, d, w, int32_t, sat_u16)

static always_inline_fn void pshufb_lanes(union x86_ymm *r, const union x86_ymm *a,
                                          const union x86_ymm *b, unsigned n)
{
    const unsigned last = LANE_BYTES(n) - 1;

    for (unsigned i = 0; i < n; i++)
        r->b[i] = b->b[i] & 0x80 ? 0 : a->b[(i & ~last) + (b->b[i] & last)];
}
VEC_BINARY(pshufb)

/* By immediate: fields of two bits choose among four elements. */
static always_inline_fn void pshufd_lanes(union x86_ymm *r, const union x86_ymm *a,
                                          const union x86_ymm *b, unsigned n, unsigned imm)
{
    (void)a;
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = b->d[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}
VEC_IMM_X(pshufd)

/* Shuffle the words of the 64-bit groups whose number & 1 == which (2: all); copy the others. */
static always_inline_fn void shuffle_words(union x86_ymm *r, const union x86_ymm *b, unsigned n,
                                           unsigned imm, unsigned which)
{
    for (unsigned i = 0; i < n / 2; i++) {
        bool shuffled = which == 2 || (i >> 2 & 1) == which;

        r->w[i] = shuffled ? b->w[(i & ~3u) + (imm >> 2 * (i & 3) & 3)] : b->w[i];
    }
}

#define SHUFFLE_WORDS(name, which)                                                         \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,    \
                                              const union x86_ymm *b, unsigned n,          \
                                              unsigned imm)                                \
    {                                                                                      \
        (void)a;                                                                           \
        shuffle_words(r, b, n, imm, which);                                                \
    }                                                                                      \
    VEC_IMM(name)

SHUFFLE_WORDS(pshufw, 2)
SHUFFLE_WORDS(pshuflw, 0)
SHUFFLE_WORDS(pshufhw, 1)

/* Low two elements from a, high two from b. */
static always_inline_fn void shufps_lanes(union x86_ymm *r, const union x86_ymm *a,
                                          const union x86_ymm *b, unsigned n, unsigned imm)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = (i & 2 ? b : a)->d[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}
VEC_IMM_X(shufps)

static always_inline_fn void shufpd_lanes(union x86_ymm *r, const union x86_ymm *a,
                                          const union x86_ymm *b, unsigned n, unsigned imm)
{
    for (unsigned i = 0; i < n / 8; i++)
        r->q[i] = (i & 1 ? b : a)->q[(i & ~1u) + (imm >> i & 1)];
}
VEC_IMM_X(shufpd)

/* a:b shifted right by imm bytes. */
static always_inline_fn void palignr_lanes(union x86_ymm *r, const union x86_ymm *a,
                                           const union x86_ymm *b, unsigned n, unsigned imm)
{
    const unsigned per = LANE_BYTES(n);

    for (unsigned lane = 0; lane < n; lane += per) {
        uint8_t both[64] = {0};

        memcpy(both, &b->b[lane], per);
        memcpy(both + per, &a->b[lane], per);
        memcpy(&r->b[lane], both + MIN(imm, 2 * per), per);
    }
}
VEC_IMM(palignr)

/* Blends: elements of b where the immediate's bit, or the mask's sign, is set. */
#define BLEND(name, f, bit)                                                                \
    static always_inline_fn void name##_lanes(union x86_ymm *r, const union x86_ymm *a,    \
                                              const union x86_ymm *b, unsigned n,          \
                                              unsigned imm)                                \
    {                                                                                      \
        for (unsigned i = 0; i < n / sizeof(r->f[0]); i++)                                 \
            r->f[i] = imm >> (bit) & 1 ? b->f[i] : a->f[i];                                \
    }                                                                                      \
    VEC_IMM_X(name)

BLEND(blendps, d, i)
BLEND(blendpd, q, i)
BLEND(pblendw, w, i & 7)
BLEND(vpblendd, d, i)

/* The mask is XMM0 in the legacy form, else the register in bits 7:4 of the immediate. */
#define BLEND_VARIABLE(name, f, stype)                                                     \
    static always_inline_fn void name##_n(struct x86_cpu *c, const struct x86_insn *in,    \
                                          unsigned n)                                      \
    {                                                                                      \
        unsigned which = in->flags & IN_VEX ? in->imm >> 4 & 15 : 0;                       \
        union x86_ymm a, b, m, r;                                                          \
                                                                                           \
        simd_check(c, in);                                                                 \
        if (!(c->mode & MODE_CODE64))                                                      \
            which &= 7;                                                                    \
        vec_src(c, in, &b, n);                                                             \
        memcpy(&a, &c->s.ymm[in->src2], n);                                                \
        memcpy(&m, &c->s.ymm[which], n);                                                   \
        for (unsigned i = 0; i < n / sizeof(r.f[0]); i++)                                  \
            r.f[i] = (stype)m.f[i] < 0 ? b.f[i] : a.f[i];                                  \
        vec_dst(c, in, &r, n);                                                             \
    }                                                                                      \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                      \
        if (in->size == 16)                                                                \
            name##_n(c, in, 16);                                                           \
        else                                                                               \
            name##_n(c, in, 32);                                                           \
    }

BLEND_VARIABLE(pblendvb, b, int8_t)
BLEND_VARIABLE(blendvps, d, int32_t)
BLEND_VARIABLE(blendvpd, q, int64_t)

/* Widen the low elements of the source, which in memory has only as many bytes as are used. */
static void widen_src(struct x86_cpu *c, const struct x86_insn *in, union x86_ymm *b, unsigned n)
{
    simd_check(c, in);
    if (in->form != FORM_RM)
        *b = c->s.ymm[in->src];
    else if (n == 2)
        b->w[0] = x86_ld16(c, in->seg, x86_ea(c, in));
    else if (n == 4)
        b->d[0] = x86_ld32(c, in->seg, x86_ea(c, in));
    else if (n == 8)
        b->q[0] = x86_ld64(c, in->seg, x86_ea(c, in));
    else
        x86_ld_bytes(c, in->seg, x86_ea(c, in), b, n);
}

#define WIDEN(name, f, g, type)                                       \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)     \
    {                                                                 \
        const unsigned count = in->size / sizeof(in_type(f));         \
        union x86_ymm b, r;                                           \
                                                                      \
        widen_src(c, in, &b, count * (unsigned)sizeof(type));         \
        for (unsigned i = 0; i < count; i++)                          \
            r.f[i] = (in_type(f))(type)b.g[i];                        \
        if (in->size == 16)                                           \
            vec_dst(c, in, &r, 16);                                   \
        else                                                          \
            vec_dst(c, in, &r, 32);                                   \
    }
#define in_type(f) typeof(((union x86_ymm *)NULL)->f[0])

// clang-format off
WIDEN(pmovsxbw, w, b, int8_t)
WIDEN(pmovsxbd, d, b, int8_t)
WIDEN(pmovsxbq, q, b, int8_t)
WIDEN(pmovsxwd, d, w, int16_t)
WIDEN(pmovsxwq, q, w, int16_t)
WIDEN(pmovsxdq, q, d, int32_t)
WIDEN(pmovzxbw, w, b, uint8_t)
WIDEN(pmovzxbd, d, b, uint8_t)
WIDEN(pmovzxbq, q, b, uint8_t)
WIDEN(pmovzxwd, d, w, uint16_t)
WIDEN(pmovzxwq, q, w, uint16_t)
WIDEN(pmovzxdq, q, d, uint32_t)
// clang-format on
