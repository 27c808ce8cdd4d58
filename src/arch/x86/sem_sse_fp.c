/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Floating point: arithmetic, comparison, rounding, horizontal operations, dot products.
 */
#include "arch/x86/simd_fp.h"

FP_FOUR(add, f32_add(x, y, &st), f64_add(x, y, &st))
FP_FOUR(sub, f32_sub(x, y, &st), f64_sub(x, y, &st))
FP_FOUR(mul, f32_mul(x, y, &st), f64_mul(x, y, &st))
FP_FOUR(div, f32_div(x, y, &st), f64_div(x, y, &st))
FP_FOUR(min, f32_min(x, y, &st), f64_min(x, y, &st))
FP_FOUR(max, f32_max(x, y, &st), f64_max(x, y, &st))
FP_FOUR(sqrt, f32_sqrt(y, &st), f64_sqrt(y, &st))

/* ROUNDxx: imm 1:0 rounding, 2: that of MXCSR instead, 3: inexact results raise nothing. */
static unsigned round_mode(const struct x86_insn *in, const struct float_status *st)
{
    return in->imm & 4 ? st->rounding : in->imm & 3;
}

FP_FOUR(round, f32_round_int(y, round_mode(in, &st), in->imm & 8, &st),
        f64_round_int(y, round_mode(in, &st), in->imm & 8, &st))

FP_PACKED(addsubps, d, i & 1 ? f32_add(x, y, &st) : f32_sub(x, y, &st))
FP_PACKED(addsubpd, q, i & 1 ? f64_add(x, y, &st) : f64_sub(x, y, &st))

/* ---- comparison ---- */

/* CMPxx: which relations (bits: less, equal, greater, unordered) are true for imm 3:0. */
enum { LT = 1, EQ = 2, GT = 4, UN = 8 };
static const uint8_t predicate_tab[16] = {
    [0] = EQ,           [1] = LT,           [2] = LT | EQ,      [3] = UN,
    [4] = LT | GT | UN, [5] = EQ | GT | UN, [6] = GT | UN,      [7] = LT | EQ | GT,
    [8] = EQ | UN,      [9] = LT | UN,      [10] = LT | EQ | UN, [11] = 0,
    [12] = LT | GT,     [13] = EQ | GT,     [14] = GT,          [15] = LT | EQ | GT | UN,
};

/* Predicates 1 2 5 6 9 10 13 14 signal on quiet NaNs; imm bit 4 turns that around. */
static bool predicate_signals(unsigned pred)
{
    return (0x6666 >> (pred & 15) ^ pred >> 4) & 1;
}

static unsigned predicate_of(const struct x86_insn *in)
{
    return in->imm & (in->flags & IN_VEX ? 31 : 7);
}

static bool predicate_holds(unsigned pred, enum float_relation rel)
{
    return predicate_tab[pred & 15] >> (rel + 1) & 1;
}

static uint32_t cmp32(const struct x86_insn *in, uint32_t x, uint32_t y, struct float_status *st)
{
    unsigned pred = predicate_of(in);

    return predicate_holds(pred, f32_compare(x, y, predicate_signals(pred), st)) ? UINT32_MAX : 0;
}

static uint64_t cmp64(const struct x86_insn *in, uint64_t x, uint64_t y, struct float_status *st)
{
    unsigned pred = predicate_of(in);

    return predicate_holds(pred, f64_compare(x, y, predicate_signals(pred), st)) ? UINT64_MAX : 0;
}

FP_FOUR(cmp, cmp32(in, x, y, &st), cmp64(in, x, y, &st))

static void compare_flags(struct x86_cpu *c, enum float_relation rel)
{
    static const uint16_t flags[] = {
        [FLOAT_LESS + 1] = FL_CF,
        [FLOAT_EQUAL + 1] = FL_ZF,
        [FLOAT_GREATER + 1] = 0,
        [FLOAT_UNORDERED + 1] = FL_ZF | FL_PF | FL_CF,
    };

    fl_load(c, flags[rel + 1]);
}

#define COMPARE(name, lane, bits, signalling)                                       \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                \
    {                                                                            \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);                 \
        uint##bits##_t x, y;                                                     \
        enum float_relation rel;                                                 \
                                                                                 \
        simd_check(c, in);                                                       \
        y = fp_src_##lane(c, in);                                                   \
        x = c->s.ymm[in->dst].lane[0];                                              \
        rel = f##bits##_compare(x, y, signalling, &st);                          \
        fp_commit(c, &st);                                                       \
        compare_flags(c, rel);                                                   \
    }

COMPARE(comiss, d, 32, true)
COMPARE(comisd, q, 64, true)
COMPARE(ucomiss, d, 32, false)
COMPARE(ucomisd, q, 64, false)

/* ---- horizontal ---- */

/* Pairs of the first source make the low half of each 128-bit lane, pairs of the second the high
 * half. */
#define HORIZONTAL(name, f, op)                                                      \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                    \
    {                                                                                \
        const unsigned per = 16 / sizeof(FP_LANE(f));                                \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);                     \
        union x86_ymm a, b, r;                                                       \
                                                                                     \
        simd_check(c, in);                                                           \
        fp_src(c, in, &b);                                                           \
        a = c->s.ymm[in->src2];                                                      \
        for (unsigned i = 0; i < in->size / sizeof(FP_LANE(f)); i++) {               \
            const union x86_ymm *s = i % per < per / 2 ? &a : &b;                    \
            unsigned j = i / per * per + 2 * (i % (per / 2));                        \
                                                                                     \
            r.f[i] = op(s->f[j], s->f[j + 1], &st);                                  \
        }                                                                            \
        fp_commit(c, &st);                                                           \
        fp_dst(c, in, &r);                                                           \
    }

HORIZONTAL(haddps, d, f32_add)
HORIZONTAL(haddpd, q, f64_add)
HORIZONTAL(hsubps, d, f32_sub)
HORIZONTAL(hsubpd, q, f64_sub)

/* Dot product of each 128-bit lane: products chosen by imm 7:4 (others +0), sum to the elements
 * chosen by imm 3:0. Each of the three steps reports before the next begins. */
void sem_dpps(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    union x86_ymm a, b, r;

    simd_check(c, in);
    fp_src(c, in, &b);
    a = c->s.ymm[in->src2];
    for (unsigned i = 0; i < in->size / 4u; i++)
        r.d[i] = in->imm >> (4 + (i & 3)) & 1 ? f32_mul(a.d[i], b.d[i], &st) : 0;
    fp_commit(c, &st);
    for (unsigned lane = 0; lane < in->size / 4u; lane += 4) {
        r.d[lane] = f32_add(r.d[lane], r.d[lane + 1], &st);
        r.d[lane + 2] = f32_add(r.d[lane + 2], r.d[lane + 3], &st);
    }
    fp_commit(c, &st);
    for (unsigned lane = 0; lane < in->size / 4u; lane += 4) {
        uint32_t sum = f32_add(r.d[lane], r.d[lane + 2], &st);

        for (unsigned i = 0; i < 4; i++)
            r.d[lane + i] = in->imm >> i & 1 ? sum : 0;
    }
    fp_commit(c, &st);
    fp_dst(c, in, &r);
}

void sem_dppd(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    union x86_ymm a, b, r;
    uint64_t sum;

    simd_check(c, in);
    vec_src(c, in, &b, 16);
    a = c->s.ymm[in->src2];
    for (unsigned i = 0; i < 2; i++)
        r.q[i] = in->imm >> (4 + i) & 1 ? f64_mul(a.q[i], b.q[i], &st) : 0;
    fp_commit(c, &st);
    sum = f64_add(r.q[0], r.q[1], &st);
    fp_commit(c, &st);
    for (unsigned i = 0; i < 2; i++)
        r.q[i] = in->imm >> i & 1 ? sum : 0;
    vec_dst(c, in, &r, 16);
}
