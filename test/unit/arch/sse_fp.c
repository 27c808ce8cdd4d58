/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Vector floating point against the host CPU: values and MXCSR flags in every rounding mode, with
 * and without DAZ and FTZ; comparisons to RFLAGS; conversions to general registers; unmasked
 * exceptions; the bound of RCP and RSQRT.
 */
#include "unit/arch/simd_host.h"
#include "lib/float_gen.h"

#include <math.h>
#include <signal.h>
#include <ucontext.h>

#if defined(__x86_64__)

// clang-format off
#define PACKED(F, op) F(op##ps) F(op##pd)
#define SCALAR(F, op) F(op##ss) F(op##sd)
#define ARITHMETIC(F, G) G(F, add) G(F, sub) G(F, mul) G(F, div) G(F, min) G(F, max)
#define P2(F) \
    ARITHMETIC(F, PACKED) F(addsubps) F(addsubpd) F(haddps) F(haddpd) F(hsubps) F(hsubpd)
#define S2(F) ARITHMETIC(F, SCALAR) F(sqrtss) F(sqrtsd) F(cvtss2sd) F(cvtsd2ss)
#define P1(F) F(sqrtps) F(sqrtpd) F(cvtdq2ps) F(cvtps2dq) F(cvttps2dq)
#define WIDER(F) F(cvtdq2pd) F(cvtps2pd)
#define NARROWER(F) F(cvtpd2ps) F(cvtpd2dq) F(cvttpd2dq)
#define ROUNDINGS(F, op) F(op, 0) F(op, 1) F(op, 2) F(op, 3) F(op, 4) F(op, 8) F(op, 11) F(op, 12)
#define ROUND_P(F) ROUNDINGS(F, roundps) ROUNDINGS(F, roundpd)
#define ROUND_S(F) ROUNDINGS(F, roundss) ROUNDINGS(F, roundsd)
#define PREDICATES_8(F, op) F(op, 0) F(op, 1) F(op, 2) F(op, 3) F(op, 4) F(op, 5) F(op, 6) F(op, 7)
#define PREDICATES_32(F, op) \
    PREDICATES_8(F, op) F(op, 8) F(op, 9) F(op, 10) F(op, 11) F(op, 12) F(op, 13) F(op, 14) \
    F(op, 15) F(op, 16) F(op, 17) F(op, 18) F(op, 19) F(op, 20) F(op, 21) F(op, 22) F(op, 23) \
    F(op, 24) F(op, 25) F(op, 26) F(op, 27) F(op, 28) F(op, 29) F(op, 30) F(op, 31)
#define CMP_ALL(P, F) P(F, cmpps) P(F, cmppd) P(F, cmpss) P(F, cmpsd)
#define CMP_8(F) CMP_ALL(PREDICATES_8, F)
#define CMP_32(F) CMP_ALL(PREDICATES_32, F)
#define CMP_Y(F) PREDICATES_32(F, cmpps) PREDICATES_32(F, cmppd)
#define MASKS(F, op) F(op, 0x00) F(op, 0xff) F(op, 0x31) F(op, 0x7f) F(op, 0xb5) F(op, 0xf1) F(op, 0xc4)
#define DOT(F) MASKS(F, dpps) MASKS(F, dppd)
#define DOT_Y(F) MASKS(F, dpps)
#define FMA_1(F, op) \
    F(op##132ps) F(op##132pd) F(op##213ps) F(op##213pd) F(op##231ps) F(op##231pd)
#define FMA_S(F, op) \
    F(op##132ss) F(op##132sd) F(op##213ss) F(op##213sd) F(op##231ss) F(op##231sd)
#define FMA_P(F) \
    FMA_1(F, vfmadd) FMA_1(F, vfmsub) FMA_1(F, vfnmadd) FMA_1(F, vfnmsub) FMA_1(F, vfmaddsub) \
    FMA_1(F, vfmsubadd)
#define FMA_X(F) \
    FMA_P(F) FMA_S(F, vfmadd) FMA_S(F, vfmsub) FMA_S(F, vfnmadd) FMA_S(F, vfnmsub)
#define F16(F) F(vcvtps2ph, 0) F(vcvtps2ph, 1) F(vcvtps2ph, 2) F(vcvtps2ph, 3) F(vcvtps2ph, 4)

/* names of 256-bit sources with 128-bit results */
#define HOST_YN(op) static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op "y %%ymm1,%%xmm0"); }
#define HOST_XH(op, i) static void x_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm1,%%xmm0"); }
#define HOST_YH(op, i) static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%ymm1,%%xmm0"); }

P2(HOST_S) P2(HOST_X) P2(HOST_Y) S2(HOST_S) S2(HOST_X)
P1(HOST_S) P1(HOST_X1) P1(HOST_Y1) WIDER(HOST_S) WIDER(HOST_X1) WIDER(HOST_YX1)
NARROWER(HOST_S) NARROWER(HOST_X1) NARROWER(HOST_YN)
ROUND_P(HOST_SI) ROUND_P(HOST_XI1) ROUND_P(HOST_YI1) ROUND_S(HOST_SI) ROUND_S(HOST_XI)
CMP_8(HOST_SI) CMP_32(HOST_XI) CMP_Y(HOST_YI)
DOT(HOST_SI) DOT(HOST_XI) DOT_Y(HOST_YI)
FMA_X(HOST_VX) FMA_P(HOST_VY)
static void x_vcvtph2ps(union x86_ymm *r) { SIMD_ASM("vcvtph2ps %%xmm1,%%xmm0"); }
static void y_vcvtph2ps(union x86_ymm *r) { SIMD_ASM("vcvtph2ps %%xmm1,%%ymm0"); }
F16(HOST_XH) F16(HOST_YH)

static const struct simd_case table[] = {
    P2(ROW_S) P2(ROW_X) P2(ROW_Y) S2(ROW_S) S2(ROW_X)
    P1(ROW_S) P1(ROW_X) P1(ROW_Y) WIDER(ROW_S) WIDER(ROW_X) WIDER(ROW_Y)
    NARROWER(ROW_S) NARROWER(ROW_X) NARROWER(ROW_Y)
    ROUND_P(ROW_SI) ROUND_P(ROW_XI) ROUND_P(ROW_YI) ROUND_S(ROW_SI) ROUND_S(ROW_XI)
    CMP_8(ROW_SI) CMP_32(ROW_XI) CMP_Y(ROW_YI)
    DOT(ROW_SI) DOT(ROW_XI) DOT_Y(ROW_YI)
    FMA_X(ROW_VX) FMA_P(ROW_VY) ROW_VX(vcvtph2ps) ROW_VY(vcvtph2ps)
};
/* source and destination are the other way round: no memory form here */
static const struct simd_case table_f16[] = {F16(ROW_VXI) F16(ROW_VYI)};
// clang-format on

/* Lanes of either width, related to each other and to those of another vector. */
static union x86_ymm random_floats(uint64_t *seed, const union x86_ymm *near, unsigned kind)
{
    union x86_ymm v;

    switch (kind) {
    case 0:
        for (unsigned i = 0; i < 8; i++)
            v.d[i] = near ? gen_f32_near(seed, near->d[i]) : gen_f32(seed);
        break;
    case 1:
        for (unsigned i = 0; i < 4; i++)
            v.q[i] = near ? gen_f64_near(seed, near->q[i]) : gen_f64(seed);
        break;
    case 2:
        for (unsigned i = 0; i < 16; i++)
            v.w[i] = gen_f16(seed);
        break;
    default: v = simd_random(seed); break;
    }
    return v;
}

static uint32_t random_mxcsr(uint64_t *seed)
{
    uint64_t x = test_random(seed) >> 32;

    return 0x1f80 | (x & 3) << 13 | (x >> 2 & 1) << 15 | (x >> 3 & 1) << 6 | (x >> 4 & 0x3f);
}

static void run(const struct simd_case *t, size_t n, bool memory, bool unmasked)
{
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();
    unsigned rounds = test_long() ? 20000 : 400;

    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < rounds; k++) {
            unsigned kind = (test_random(&seed) >> 32) % 9;
            union x86_ymm in[3];
            uint32_t mxcsr;

            kind = kind < 4 ? 0 : kind < 7 ? 1 : kind - 5;
            in[1] = random_floats(&seed, NULL, kind);
            in[0] = random_floats(&seed, &in[1], kind);
            in[2] = random_floats(&seed, k & 2 ? &in[1] : NULL, kind);
            mxcsr = random_mxcsr(&seed);
            if (unmasked)
                mxcsr &= ~(uint32_t)(test_random(&seed) >> 32 & 0x1f80);
            simd_compare(c, &t[i], in, mxcsr, memory && k & 1);
        }
    }
    fake_cpu_destroy(c);
}

static void values_and_flags(void **state)
{
    (void)state;
    run(table, ARRAY_LEN(table), true, false);
    run(table_f16, ARRAY_LEN(table_f16), false, false);
}

static unsigned sigfpes;

static void on_sigfpe(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    (void)sig, (void)info;
    simd_host_faults++;
    sigfpes++;
    uc->uc_mcontext.gregs[REG_RIP] = uc->uc_mcontext.gregs[REG_R11];
}

/* Random masks: which flags a faulting instruction leaves, and that nothing is written. */
static void unmasked_values_and_flags(void **state)
{
    struct sigaction action = {.sa_sigaction = on_sigfpe, .sa_flags = SA_SIGINFO}, old;

    (void)state;
    sigaction(SIGFPE, &action, &old);
    run(table, ARRAY_LEN(table), true, true);
    run(table_f16, ARRAY_LEN(table_f16), false, true);
    sigaction(SIGFPE, &old, NULL);
    assert_true(sigfpes > 1000);
}

/* ---- RFLAGS and general registers ---- */

#define HOST_COMI(op)                                                                        \
    static uint64_t h_##op(const union x86_ymm *v, uint32_t mxcsr[2])                        \
    {                                                                                        \
        uint64_t out;                                                                        \
        __asm__ volatile("movups (%1),%%xmm0\n movups 32(%1),%%xmm1\n ldmxcsr (%2)\n " #op   \
                         " %%xmm1,%%xmm0\n pushfq\n pop %0\n stmxcsr (%2)\n ldmxcsr 4(%2)"   \
                         : "=r"(out)                                                         \
                         : "r"(v), "r"(mxcsr)                                                \
                         : "xmm0", "xmm1", "memory", "cc");                                  \
        return out & FL_ARITH;                                                               \
    }
#define HOST_TO_GPR(op, k)                                                                   \
    static uint64_t h_##op##k(const union x86_ymm *v, uint32_t mxcsr[2])                     \
    {                                                                                        \
        uint64_t out = 0;                                                                    \
        __asm__ volatile("movups 32(%1),%%xmm1\n ldmxcsr (%2)\n " #op " %%xmm1,%" #k "0\n "  \
                         "stmxcsr (%2)\n ldmxcsr 4(%2)"                                      \
                         : "+r"(out)                                                         \
                         : "r"(v), "r"(mxcsr)                                                \
                         : "xmm1", "memory");                                                \
        return out;                                                                          \
    }
HOST_COMI(comiss)
HOST_COMI(comisd)
HOST_COMI(ucomiss)
HOST_COMI(ucomisd)
HOST_TO_GPR(cvtss2si, k)
HOST_TO_GPR(cvtss2si, q)
HOST_TO_GPR(cvtsd2si, k)
HOST_TO_GPR(cvtsd2si, q)
HOST_TO_GPR(cvttss2si, k)
HOST_TO_GPR(cvttss2si, q)
HOST_TO_GPR(cvttsd2si, k)
HOST_TO_GPR(cvttsd2si, q)

static void flags_and_integers(void **state)
{
    static const struct {
        const char *name;
        x86_sem_fn *fn;
        uint64_t (*host)(const union x86_ymm *v, uint32_t mxcsr[2]);
        unsigned flags;
        bool compares;
    } t[] = {
        {"comiss", sem_comiss, h_comiss, 0, true},
        {"comisd", sem_comisd, h_comisd, 0, true},
        {"ucomiss", sem_ucomiss, h_ucomiss, 0, true},
        {"ucomisd", sem_ucomisd, h_ucomisd, 0, true},
        {"cvtss2si", sem_cvtss2si, h_cvtss2sik, 0, false},
        {"cvtss2si q", sem_cvtss2si, h_cvtss2siq, IN_W, false},
        {"cvtsd2si", sem_cvtsd2si, h_cvtsd2sik, 0, false},
        {"cvtsd2si q", sem_cvtsd2si, h_cvtsd2siq, IN_W, false},
        {"cvttss2si", sem_cvttss2si, h_cvttss2sik, 0, false},
        {"cvttss2si q", sem_cvttss2si, h_cvttss2siq, IN_W, false},
        {"cvttsd2si", sem_cvttsd2si, h_cvttsd2sik, 0, false},
        {"cvttsd2si q", sem_cvttsd2si, h_cvttsd2siq, IN_W, false},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 3000 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        struct x86_insn in = fake_insn(FORM_RR, 16, t[i].flags);
        uint32_t mxcsr[2] = {random_mxcsr(&seed), 0x1f80};
        uint64_t host, ours;

        in.src = 1;
        c->s.ymm[1] = random_floats(&seed, NULL, k / ARRAY_LEN(t) & 1);
        c->s.ymm[0] = random_floats(&seed, &c->s.ymm[1], k / ARRAY_LEN(t) & 1);
        c->s.mxcsr = mxcsr[0];
        fl_load(c, FL_ARITH);
        host = t[i].host(c->s.ymm, mxcsr);
        assert_int_equal(fake_cpu_call(c, t[i].fn, &in), FAKE_NO_FAULT);
        ours = t[i].compares ? fl_arith(c) : c->s.r[RAX];
        if (host != ours || mxcsr[0] != c->s.mxcsr)
            fail_msg("%s of %" PRIx64 " and %" PRIx64 ": host %" PRIx64 " %x ours %" PRIx64 " %x",
                     t[i].name, c->s.ymm[0].q[0], c->s.ymm[1].q[0], host, mxcsr[0], ours,
                     c->s.mxcsr);
    }
    fake_cpu_destroy(c);
}

/* Integers in general registers and MMX registers to floating point, and back to MMX. */
#define HOST_FROM_GPR(op, k)                                                                 \
    static void h_##op##k(union x86_ymm *v)                                                  \
    {                                                                                        \
        __asm__ volatile("movups (%0),%%xmm0\n ldmxcsr 96(%0)\n " #op #k " 32(%0),%%xmm0\n " \
                         "stmxcsr 96(%0)\n ldmxcsr 100(%0)\n movups %%xmm0,(%0)"             \
                         :                                                                   \
                         : "r"(v)                                                            \
                         : "xmm0", "memory");                                                \
    }
#define HOST_TO_MMX(op)                                                                      \
    static void h_##op(union x86_ymm *v)                                                     \
    {                                                                                        \
        __asm__ volatile("movups 32(%0),%%xmm1\n ldmxcsr 96(%0)\n " #op " %%xmm1,%%mm0\n "   \
                         "stmxcsr 96(%0)\n ldmxcsr 100(%0)\n movq %%mm0,(%0)\n emms"         \
                         :                                                                   \
                         : "r"(v)                                                            \
                         : "xmm1", "mm0", "memory");                                         \
    }
HOST_FROM_GPR(cvtsi2ss, l)
HOST_FROM_GPR(cvtsi2ss, q)
HOST_FROM_GPR(cvtsi2sd, l)
HOST_FROM_GPR(cvtsi2sd, q)
HOST_FROM_GPR(cvtpi2ps, )
HOST_FROM_GPR(cvtpi2pd, )
HOST_TO_MMX(cvtps2pi)
HOST_TO_MMX(cvtpd2pi)
HOST_TO_MMX(cvttps2pi)
HOST_TO_MMX(cvttpd2pi)

static void integers_to_floats_and_mmx(void **state)
{
    enum { FROM_GPR, FROM_MMX, TO_MMX };
    static const struct {
        const char *name;
        x86_sem_fn *fn;
        void (*host)(union x86_ymm *v);
        unsigned flags;
        int kind;
    } t[] = {
        {"cvtsi2ss", sem_cvtsi2ss, h_cvtsi2ssl, 0, FROM_GPR},
        {"cvtsi2ss q", sem_cvtsi2ss, h_cvtsi2ssq, IN_W, FROM_GPR},
        {"cvtsi2sd", sem_cvtsi2sd, h_cvtsi2sdl, 0, FROM_GPR},
        {"cvtsi2sd q", sem_cvtsi2sd, h_cvtsi2sdq, IN_W, FROM_GPR},
        {"cvtpi2ps", sem_cvtpi2ps, h_cvtpi2ps, IN_MMX, FROM_MMX},
        {"cvtpi2pd", sem_cvtpi2pd, h_cvtpi2pd, IN_MMX, FROM_MMX},
        {"cvtps2pi", sem_cvtps2pi, h_cvtps2pi, IN_MMX, TO_MMX},
        {"cvtpd2pi", sem_cvtpd2pi, h_cvtpd2pi, IN_MMX, TO_MMX},
        {"cvttps2pi", sem_cvttps2pi, h_cvttps2pi, IN_MMX, TO_MMX},
        {"cvttpd2pi", sem_cvttpd2pi, h_cvttpd2pi, IN_MMX, TO_MMX},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 3000 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        struct x86_insn in = fake_insn(FORM_RR, 16, t[i].flags);
        union x86_ymm v[4];

        in.src = 1;
        v[0] = random_floats(&seed, NULL, 1);
        v[1] = random_floats(&seed, NULL, k / ARRAY_LEN(t) & 1);
        if (t[i].kind != TO_MMX)
            v[1].q[0] = gen_int(&seed);
        v[3].d[0] = random_mxcsr(&seed);
        v[3].d[1] = 0x1f80;
        c->s.mxcsr = v[3].d[0];
        c->s.ymm[0] = v[0];
        c->s.ymm[1] = v[1];
        c->s.r[RCX] = v[1].q[0];
        c->s.fpr[1].mant = v[1].q[0];
        t[i].host(v);
        assert_int_equal(fake_cpu_call(c, t[i].fn, &in), FAKE_NO_FAULT);
        if (t[i].kind == TO_MMX)
            c->s.ymm[0].q[0] = c->s.fpr[0].mant, c->s.ymm[0].q[1] = v[0].q[1];
        if (memcmp(v, c->s.ymm, 16) || v[3].d[0] != c->s.mxcsr)
            fail_msg("%s of %" PRIx64 ": host %" PRIx64 " %x ours %" PRIx64 " %x", t[i].name,
                     v[1].q[0], v[0].q[0], v[3].d[0], c->s.ymm[0].q[0], c->s.mxcsr);
    }
    fake_cpu_destroy(c);
}

#endif

/* ---- without a host to compare with ---- */

static float as_float(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

static void approximations_are_close(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_RR, 16, 0);
    uint64_t seed = test_seed();
    const double bound = 1.5 / 4096;

    (void)state;
    in.src = 1;
    for (unsigned k = 0; k < 20000; k++) {
        uint32_t x = (uint32_t)test_random(&seed);

        if ((x >> 23 & 0xff) == 0xff || (x >> 23 & 0xff) == 0)
            continue;
        c->s.ymm[1].d[0] = x;
        assert_int_equal(fake_cpu_call(c, sem_rcpss, &in), FAKE_NO_FAULT);
        double exact = 1.0 / (double)as_float(x), got = (double)as_float(c->s.ymm[0].d[0]);
        if (fabs(exact) < 0x1p-126)
            assert_int_equal(c->s.ymm[0].d[0], x & 0x80000000);
        else
            assert_true(fabs(got - exact) <= bound * fabs(exact));
        c->s.ymm[1].d[0] = x & 0x7fffffff;
        assert_int_equal(fake_cpu_call(c, sem_rsqrtss, &in), FAKE_NO_FAULT);
        exact = 1.0 / sqrt((double)as_float(x & 0x7fffffff));
        got = (double)as_float(c->s.ymm[0].d[0]);
        assert_true(fabs(got - exact) <= bound * exact);
    }
    assert_int_equal(c->s.mxcsr, 0x1f80);

    static const struct {
        x86_sem_fn *fn;
        uint32_t in, out;
    } special[] = {
        {sem_rcpss, 0, 0x7f800000},
        {sem_rcpss, 0x80000001, 0xff800000},
        {sem_rcpss, 0xff800000, 0x80000000},
        {sem_rcpss, 0x7f800001, 0x7fc00001},
        {sem_rcpss, 0x3f800000, 0x3f800000},
        {sem_rsqrtss, 0x80000000, 0xff800000},
        {sem_rsqrtss, 0x00000001, 0x7f800000},
        {sem_rsqrtss, 0xbf800000, 0xffc00000},
        {sem_rsqrtss, 0xff800000, 0xffc00000},
        {sem_rsqrtss, 0x7f800000, 0},
        {sem_rsqrtss, 0xff800001, 0xffc00001},
        {sem_rsqrtss, 0x40800000, 0x3f000000},
    };
    for (unsigned i = 0; i < ARRAY_LEN(special); i++) {
        c->s.ymm[1].d[0] = special[i].in;
        assert_int_equal(fake_cpu_call(c, special[i].fn, &in), FAKE_NO_FAULT);
        assert_int_equal(c->s.ymm[0].d[0], special[i].out);
    }
    fake_cpu_destroy(c);
}

/* An unmasked exception: flags are set, the destination is not, and CR4 chooses the vector. */
static void unmasked_exceptions(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_RR, 16, 0);

    (void)state;
    in.src = 1;
    c->s.ymm[0] = (union x86_ymm){.d = {0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000}};
    c->s.ymm[1] = (union x86_ymm){.d = {0x40400000, 0, 0x40400000, 0x40400000}};
    union x86_ymm before = c->s.ymm[0];

    c->s.mxcsr = 0x1f80 & ~0x200u; /* division by zero unmasked: 1/3 reports nothing */
    assert_int_equal(fake_cpu_call(c, sem_divps, &in), EXC_XM);
    assert_int_equal(c->s.mxcsr, (0x1f80 & ~0x200u) | 4);
    assert_memory_equal(&c->s.ymm[0], &before, 32);
    c->s.mxcsr = 0x1f80 & ~0x1000u; /* inexact unmasked: both are reported */
    assert_int_equal(fake_cpu_call(c, sem_divps, &in), EXC_XM);
    assert_int_equal(c->s.mxcsr, (0x1f80 & ~0x1000u) | 0x24);
    assert_memory_equal(&c->s.ymm[0], &before, 32);
    c->s.cr4 &= ~(uint64_t)CR4_OSXMMEXCPT;
    assert_int_equal(fake_cpu_call(c, sem_divps, &in), EXC_UD);
    c->s.mxcsr = 0x1f80;
    assert_int_equal(fake_cpu_call(c, sem_divps, &in), FAKE_NO_FAULT);
    assert_int_equal(c->s.ymm[0].d[1], 0x7f800000);
    fake_cpu_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
        cmocka_unit_test(values_and_flags),
        cmocka_unit_test(unmasked_values_and_flags),
        cmocka_unit_test(flags_and_integers),
        cmocka_unit_test(integers_to_floats_and_mmx),
#endif
        cmocka_unit_test(approximations_are_close),
        cmocka_unit_test(unmasked_exceptions),
    };
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        test_skip("the host CPU has no AVX2 and FMA to compare with");
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
