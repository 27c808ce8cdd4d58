/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Conversions among integers, binary16, binary32 and binary64.
 */
#include "arch/x86/simd_fp.h"

/* ---- equal widths ---- */

FP_PACKED(cvtdq2ps, d, f32_from_i32(y, &st))
FP_PACKED(cvtps2dq, d, f32_to_i32(y, st.rounding, &st))
FP_PACKED(cvttps2dq, d, f32_to_i32(y, ROUND_ZERO, &st))

/* ---- to wider elements: half of a vector, memory not aligned ---- */

static void half_src(struct x86_cpu *c, const struct x86_insn *in, union x86_ymm *b)
{
    if (in->size == 16)
        b->q[0] = vec_src64(c, in);
    else if (in->form == FORM_RM)
        x86_ld_bytes(c, in->seg, x86_ea(c, in), b, 16);
    else
        *b = c->s.ymm[in->src];
}

#define WIDER(name, expr)                                               \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm b, r;                                             \
                                                                        \
        simd_check(c, in);                                              \
        half_src(c, in, &b);                                            \
        for (unsigned i = 0; i < in->size / 8u; i++) {                  \
            uint32_t y = b.d[i];                                        \
            r.q[i] = (expr);                                            \
        }                                                               \
        fp_commit(c, &st);                                              \
        fp_dst(c, in, &r);                                              \
    }

WIDER(cvtdq2pd, f64_from_i32(y))
WIDER(cvtps2pd, f32_to_f64(y, &st))

/* ---- to narrower elements: the result is half a vector, zeros above ---- */

#define NARROWER(name, expr)                                            \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm b, r = {.q = {0}};                                \
                                                                        \
        simd_check(c, in);                                              \
        fp_src(c, in, &b);                                              \
        for (unsigned i = 0; i < in->size / 8u; i++) {                  \
            uint64_t y = b.q[i];                                        \
            r.d[i] = (expr);                                            \
        }                                                               \
        fp_commit(c, &st);                                              \
        vec_dst(c, in, &r, 16);                                         \
    }

NARROWER(cvtpd2ps, f64_to_f32(y, &st))
NARROWER(cvtpd2dq, f64_to_i32(y, st.rounding, &st))
NARROWER(cvttpd2dq, f64_to_i32(y, ROUND_ZERO, &st))

/* ---- scalars ---- */

#define SCALAR(name, f_from, f_to, expr)                                \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm r;                                                \
        FP_LANE(f_from) y;                                              \
                                                                        \
        simd_check(c, in);                                              \
        y = fp_src_##f_from(c, in);                                     \
        r = c->s.ymm[in->src2];                                         \
        r.f_to[0] = (expr);                                             \
        fp_commit(c, &st);                                              \
        vec_dst(c, in, &r, 16);                                         \
    }

SCALAR(cvtss2sd, d, q, f32_to_f64(y, &st))
SCALAR(cvtsd2ss, q, d, f64_to_f32(y, &st))

/* From a general register or memory of 4 or 8 bytes. */
static uint64_t general_src(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->form != FORM_RM)
        return reg_ld64(c, in->src);
    if (simd_w64(c, in))
        return x86_ld64(c, in->seg, x86_ea(c, in));
    return x86_ld32(c, in->seg, x86_ea(c, in));
}

#define FROM_GENERAL(name, f, expr32, expr64)                           \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)       \
    {                                                                   \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);        \
        union x86_ymm r;                                                \
        uint64_t y;                                                     \
                                                                        \
        simd_check(c, in);                                              \
        y = general_src(c, in);                                         \
        r = c->s.ymm[in->src2];                                         \
        r.f[0] = simd_w64(c, in) ? (expr64) : (expr32);                 \
        fp_commit(c, &st);                                              \
        vec_dst(c, in, &r, 16);                                         \
    }

FROM_GENERAL(cvtsi2ss, d, f32_from_i32((uint32_t)y, &st), f32_from_i64(y, &st))
FROM_GENERAL(cvtsi2sd, q, f64_from_i32((uint32_t)y), f64_from_i64(y, &st))

#define TO_GENERAL(name, lane, bits, rounding_mode)                                 \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                \
    {                                                                            \
        struct float_status st = float_status_mxcsr(c->s.mxcsr);                 \
        uint##bits##_t y;                                                        \
        uint64_t v;                                                              \
                                                                                 \
        simd_check(c, in);                                                       \
        y = fp_src_##lane(c, in);                                                   \
        v = simd_w64(c, in) ? f##bits##_to_i64(y, rounding_mode, &st)            \
                            : f##bits##_to_i32(y, rounding_mode, &st);           \
        fp_commit(c, &st);                                                       \
        reg_st64(c, in->dst, v);                                                 \
    }

TO_GENERAL(cvtss2si, d, 32, st.rounding)
TO_GENERAL(cvtsd2si, q, 64, st.rounding)
TO_GENERAL(cvttss2si, d, 32, ROUND_ZERO)
TO_GENERAL(cvttsd2si, q, 64, ROUND_ZERO)

/* ---- MMX: its state is entered before a numeric exception is raised ---- */

/* Two integers of an MMX register, or of memory: then MMX state plays no part. */
static uint64_t pi_src(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    if (in->form == FORM_RM)
        return x86_ld64(c, in->seg, x86_ea(c, in));
    mmx_check(c);
    return c->s.fpr[in->src].mant;
}

void sem_cvtpi2ps(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    uint64_t y = pi_src(c, in);
    uint32_t low = f32_from_i32((uint32_t)y, &st);
    uint32_t high = f32_from_i32((uint32_t)(y >> 32), &st);

    if (in->form != FORM_RM)
        mmx_enter(c);
    fp_commit(c, &st);
    c->s.ymm[in->dst].q[0] = low | (uint64_t)high << 32;
}

void sem_cvtpi2pd(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t y = pi_src(c, in);

    c->s.ymm[in->dst].q[0] = f64_from_i32((uint32_t)y);
    c->s.ymm[in->dst].q[1] = f64_from_i32((uint32_t)(y >> 32));
    if (in->form != FORM_RM)
        mmx_enter(c);
}

static void ps2pi(struct x86_cpu *c, const struct x86_insn *in, int rounding)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    uint64_t y, low, high;

    simd_check(c, in);
    mmx_check(c);
    y = vec_src64(c, in);
    if (rounding < 0)
        rounding = st.rounding;
    low = f32_to_i32((uint32_t)y, (unsigned)rounding, &st);
    high = f32_to_i32((uint32_t)(y >> 32), (unsigned)rounding, &st);
    mmx_enter(c);
    fp_commit(c, &st);
    mmx_write(c, in->dst, low | high << 32);
}

static void pd2pi(struct x86_cpu *c, const struct x86_insn *in, int rounding)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    union x86_ymm b;
    uint64_t low, high;

    simd_check(c, in);
    mmx_check(c);
    vec_src(c, in, &b, 16);
    if (rounding < 0)
        rounding = st.rounding;
    low = f64_to_i32(b.q[0], (unsigned)rounding, &st);
    high = f64_to_i32(b.q[1], (unsigned)rounding, &st);
    mmx_enter(c);
    fp_commit(c, &st);
    mmx_write(c, in->dst, low | high << 32);
}

void sem_cvtps2pi(struct x86_cpu *c, const struct x86_insn *in)
{
    ps2pi(c, in, -1);
}

void sem_cvttps2pi(struct x86_cpu *c, const struct x86_insn *in)
{
    ps2pi(c, in, ROUND_ZERO);
}

void sem_cvtpd2pi(struct x86_cpu *c, const struct x86_insn *in)
{
    pd2pi(c, in, -1);
}

void sem_cvttpd2pi(struct x86_cpu *c, const struct x86_insn *in)
{
    pd2pi(c, in, ROUND_ZERO);
}

/* ---- binary16 ---- */

void sem_vcvtph2ps(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    union x86_ymm b, r;

    simd_check(c, in);
    half_src(c, in, &b);
    for (unsigned i = 0; i < in->size / 4u; i++)
        r.d[i] = f16_to_f32(b.w[i], &st);
    fp_commit(c, &st);
    fp_dst(c, in, &r);
}

/* Destination: half a vector, register or memory; rounding as ROUNDPS. */
void sem_vcvtps2ph(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = float_status_mxcsr(c->s.mxcsr);
    unsigned rounding = in->imm & 4 ? st.rounding : in->imm & 3;
    union x86_ymm r = {.q = {0}};

    simd_check(c, in);
    for (unsigned i = 0; i < in->size / 4u; i++)
        r.w[i] = f32_to_f16(c->s.ymm[in->src].d[i], rounding, &st);
    if (in->form == FORM_MR) {
        uint64_t ea = x86_ea(c, in);

        x86_probe_w(c, in->seg, ea, in->size / 2);
        fp_commit(c, &st);
        x86_st_bytes(c, in->seg, ea, &r, in->size / 2);
    } else {
        fp_commit(c, &st);
        vec_dst(c, in, &r, 16);
    }
}
