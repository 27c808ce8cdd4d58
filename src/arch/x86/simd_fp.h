/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * simd_fp: vector floating point over softfloat: all elements are computed into a local result
 * with one status, fp_commit() reports the exceptions, and only then the result is written, so an
 * unmasked exception leaves the destination alone. [SDM1 11.5.2, E.4]
 *
 *   FP_PACKED(op, f, expr)    sem_op over lanes f (d or q): x first source, y second, st status
 *   FP_SCALAR(op, f, expr)    lane 0; the rest of 128 bits is the first source's
 *   FP_FOUR(op, e32, e64)     opps, oppd, opss, opsd
 */
#ifndef QUAD_ARCH_X86_SIMD_FP_H
#define QUAD_ARCH_X86_SIMD_FP_H

#include "arch/x86/simd.h"
#include "arch/x86/softfloat.h"

/* #XM, or #UD where the system does not handle it. */
static inline void fp_commit(struct x86_cpu *c, const struct float_status *st)
{
    unsigned flags = float_flags(st);

    c->s.mxcsr |= flags;
    if (unlikely(flags & ~st->masks))
        x86_raise(c, c->s.cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
}

/* Second source, 16 or 32 bytes. */
static inline void fp_src(struct x86_cpu *c, const struct x86_insn *in, union x86_ymm *b)
{
    if (in->size == 32)
        vec_src(c, in, b, 32);
    else
        vec_src(c, in, b, 16);
}

static inline void fp_dst(struct x86_cpu *c, const struct x86_insn *in, const union x86_ymm *r)
{
    if (in->size == 32)
        vec_dst(c, in, r, 32);
    else
        vec_dst(c, in, r, 16);
}

static inline uint32_t fp_src_d(struct x86_cpu *c, const struct x86_insn *in)
{
    return vec_src32(c, in);
}

static inline uint64_t fp_src_q(struct x86_cpu *c, const struct x86_insn *in)
{
    return vec_src64(c, in);
}

#define FP_LANE(f) typeof(((union x86_ymm *)NULL)->f[0])

#define FP_PACKED(name, f, expr)                                        \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm a, b, r;                                          \
                                                                        \
        simd_check(c, in);                                              \
        fp_src(c, in, &b);                                              \
        a = c->s.ymm[in->src2];                                         \
        for (unsigned i = 0; i < in->size / sizeof(FP_LANE(f)); i++) {  \
            FP_LANE(f) x = a.f[i], y = b.f[i];                          \
            (void)x;                                                    \
            r.f[i] = (expr);                                            \
        }                                                               \
        fp_commit(c, &st);                                              \
        fp_dst(c, in, &r);                                              \
    }

#define FP_SCALAR(name, f, expr)                                        \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm r;                                                \
        FP_LANE(f) x, y;                                                \
                                                                        \
        simd_check(c, in);                                              \
        y = fp_src_##f(c, in);                                          \
        r = c->s.ymm[in->src2];                                         \
        x = r.f[0];                                                     \
        (void)x;                                                        \
        r.f[0] = (expr);                                                \
        fp_commit(c, &st);                                              \
        vec_dst(c, in, &r, 16);                                         \
    }

#define FP_FOUR(name, expr32, expr64)  \
    FP_PACKED(name##ps, d, expr32)     \
    FP_PACKED(name##pd, q, expr64)     \
    FP_SCALAR(name##ss, d, expr32)     \
    FP_SCALAR(name##sd, q, expr64)

#endif
