/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * FMA3. With d the destination, s the third operand (register or memory), v the second (VEX.vvvv),
 * p + q * r is in the order of the digits: 132: d * s + v, 213: v * d + s, 231: v * s + d.
 */
#include "arch/x86/simd_fp.h"

/* Negations leave NaNs alone. */
#define NEG32(v) f32_negate_number(v)
#define NEG64(v) f64_negate_number(v)
#define POS32(v) (v)
#define POS64(v) (v)

#define FMA_PACKED(name, f, expr)                                       \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm b, r;                                             \
                                                                        \
        simd_check(c, in);                                              \
        fp_src(c, in, &b);                                              \
        for (unsigned i = 0; i < in->size / sizeof(FP_LANE(f)); i++) {  \
            FP_LANE(f) d = c->s.ymm[in->dst].f[i];                      \
            FP_LANE(f) v = c->s.ymm[in->src2].f[i];                     \
            FP_LANE(f) s = b.f[i];                                      \
            r.f[i] = (expr);                                            \
        }                                                               \
        fp_commit(c, &st);                                              \
        fp_dst(c, in, &r);                                              \
    }

/* The rest of the destination's 128 bits stays. */
#define FMA_SCALAR(name, f, expr)                                       \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        FP_LANE(f) d, v, s, result;                                     \
        union x86_ymm r;                                                \
                                                                        \
        simd_check(c, in);                                              \
        s = fp_src_##f(c, in);                                          \
        d = c->s.ymm[in->dst].f[0];                                     \
        v = c->s.ymm[in->src2].f[0];                                    \
        result = (expr);                                                \
        fp_commit(c, &st);                                              \
        r = c->s.ymm[in->dst];                                          \
        r.f[0] = result;                                                \
        vec_dst(c, in, &r, 16);                                         \
    }

/* One order of operands (digits; factors a, b and addend t), signs of product and addend. */
#define FMA_ORDER(name, digits, a, b, t, product, addend)                                       \
    FMA_PACKED(name##digits##ps, d, f32_fma(product##32(a), b, addend##32(t), &st))             \
    FMA_PACKED(name##digits##pd, q, f64_fma(product##64(a), b, addend##64(t), &st))             \
    FMA_SCALAR(name##digits##ss, d, f32_fma(product##32(a), b, addend##32(t), &st))             \
    FMA_SCALAR(name##digits##sd, q, f64_fma(product##64(a), b, addend##64(t), &st))

#define FMA(name, product, addend)                    \
    FMA_ORDER(name, 132, d, s, v, product, addend)    \
    FMA_ORDER(name, 213, v, d, s, product, addend)    \
    FMA_ORDER(name, 231, v, s, d, product, addend)

FMA(vfmadd, POS, POS)
FMA(vfmsub, POS, NEG)
FMA(vfnmadd, NEG, POS)
FMA(vfnmsub, NEG, NEG)

/* Alternating: parity of the lanes that subtract (0: even ones). */
#define FMA_ALTERNATE(name, digits, a, b, t, parity)                                            \
    FMA_PACKED(name##digits##ps, d, f32_fma(a, b, (i & 1) == parity ? NEG32(t) : t, &st))       \
    FMA_PACKED(name##digits##pd, q, f64_fma(a, b, (i & 1) == parity ? NEG64(t) : t, &st))

FMA_ALTERNATE(vfmaddsub, 132, d, s, v, 0)
FMA_ALTERNATE(vfmaddsub, 213, v, d, s, 0)
FMA_ALTERNATE(vfmaddsub, 231, v, s, d, 0)
FMA_ALTERNATE(vfmsubadd, 132, d, s, v, 1)
FMA_ALTERNATE(vfmsubadd, 213, v, d, s, 1)
FMA_ALTERNATE(vfmsubadd, 231, v, s, d, 1)
