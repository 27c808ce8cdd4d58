/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The soft float's binary16/32/64 against the host's SSE, AVX, FMA and F16C instructions: results
 * and MXCSR bit for bit, all roundings, DAZ and FTZ, masked and unmasked exceptions.
 */
#include "lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

#include "arch/x86/softfloat.h"
#include "lib/float_gen.h"

struct call {
    uint64_t a, b, c;
    uint64_t r;
    uint32_t mxcsr;
};

enum operand { NONE, F16, F32, F64, I32, I64 };

struct float_case {
    const char *name;
    void (*host)(struct call *k);
    uint64_t (*soft)(uint64_t a, uint64_t b, uint64_t c, struct float_status *st);
    enum operand args[3];
    const char *feature; /* of __builtin_cpu_supports; NULL: SSE2 */
};

/* The instruction runs between the two MXCSR accesses with a, b, c in xmm0..2 and a in rax. */
#define HOST(id, insn, out)                                                                    \
    static void host_##id(struct call *k)                                                      \
    {                                                                                          \
        uint32_t saved;                                                                        \
        __asm__ volatile("stmxcsr %[saved]\n\t"                                                \
                         "movq %[a], %%xmm0\n\tmovq %[b], %%xmm1\n\tmovq %[c], %%xmm2\n\t"     \
                         "movq %[a], %%rax\n\t"                                                \
                         "ldmxcsr %[m]\n\t" insn "\n\t"                                        \
                         "stmxcsr %[m]\n\tldmxcsr %[saved]\n\t" out "\n\t"                     \
                         : [r] "=m"(k->r), [m] "+m"(k->mxcsr), [saved] "=m"(saved)             \
                         : [a] "m"(k->a), [b] "m"(k->b), [c] "m"(k->c)                         \
                         : "rax", "xmm0", "xmm1", "xmm2", "cc");                               \
    }
#define OUT32 "movl $0, 4+%[r]\n\tmovd %%xmm0, %[r]"
#define OUT64 "movq %%xmm0, %[r]"
#define OUTI32 "movl %%eax, %%eax\n\tmovq %%rax, %[r]"
#define OUTI64 "movq %%rax, %[r]"
#define OUTFL "lahf\n\tmovzbl %%ah, %%eax\n\tandl $0x45, %%eax\n\tmovq %%rax, %[r]"
#define OUT16 "pextrw $0, %%xmm0, %%eax\n\tmovq %%rax, %[r]"

#define SOFT(id, expr)                                                                     \
    static uint64_t soft_##id(uint64_t a, uint64_t b, uint64_t c, struct float_status *st) \
    {                                                                                      \
        (void)a, (void)b, (void)c, (void)st;                                               \
        return expr;                                                                       \
    }
#define A32 (uint32_t)a
#define B32 (uint32_t)b
#define C32 (uint32_t)c

/* COMISS's flags: ZF 0x40, PF 0x04, CF 0x01. */
static uint64_t relation_flags(enum float_relation r)
{
    switch (r) {
    case FLOAT_LESS:
        return 0x01;
    case FLOAT_EQUAL:
        return 0x40;
    case FLOAT_GREATER:
        return 0;
    default:
        return 0x45;
    }
}

#define BOTH(id, insn, out, expr) HOST(id, insn, out) SOFT(id, expr)

BOTH(addss, "addss %%xmm1, %%xmm0", OUT32, f32_add(A32, B32, st))
BOTH(subss, "subss %%xmm1, %%xmm0", OUT32, f32_sub(A32, B32, st))
BOTH(mulss, "mulss %%xmm1, %%xmm0", OUT32, f32_mul(A32, B32, st))
BOTH(divss, "divss %%xmm1, %%xmm0", OUT32, f32_div(A32, B32, st))
BOTH(minss, "minss %%xmm1, %%xmm0", OUT32, f32_min(A32, B32, st))
BOTH(maxss, "maxss %%xmm1, %%xmm0", OUT32, f32_max(A32, B32, st))
BOTH(sqrtss, "sqrtss %%xmm0, %%xmm0", OUT32, f32_sqrt(A32, st))
BOTH(addsd, "addsd %%xmm1, %%xmm0", OUT64, f64_add(a, b, st))
BOTH(subsd, "subsd %%xmm1, %%xmm0", OUT64, f64_sub(a, b, st))
BOTH(mulsd, "mulsd %%xmm1, %%xmm0", OUT64, f64_mul(a, b, st))
BOTH(divsd, "divsd %%xmm1, %%xmm0", OUT64, f64_div(a, b, st))
BOTH(minsd, "minsd %%xmm1, %%xmm0", OUT64, f64_min(a, b, st))
BOTH(maxsd, "maxsd %%xmm1, %%xmm0", OUT64, f64_max(a, b, st))
BOTH(sqrtsd, "sqrtsd %%xmm0, %%xmm0", OUT64, f64_sqrt(a, st))
BOTH(comiss, "comiss %%xmm1, %%xmm0", OUTFL, relation_flags(f32_compare(A32, B32, true, st)))
BOTH(ucomiss, "ucomiss %%xmm1, %%xmm0", OUTFL, relation_flags(f32_compare(A32, B32, false, st)))
BOTH(comisd, "comisd %%xmm1, %%xmm0", OUTFL, relation_flags(f64_compare(a, b, true, st)))
BOTH(ucomisd, "ucomisd %%xmm1, %%xmm0", OUTFL, relation_flags(f64_compare(a, b, false, st)))

BOTH(cvtss2sd, "cvtss2sd %%xmm0, %%xmm0", OUT64, f32_to_f64(A32, st))
BOTH(cvtsd2ss, "cvtsd2ss %%xmm0, %%xmm0", OUT32, f64_to_f32(a, st))
BOTH(cvtss2si, "cvtss2si %%xmm0, %%eax", OUTI32, f32_to_i32(A32, st->rounding, st))
BOTH(cvttss2si, "cvttss2si %%xmm0, %%eax", OUTI32, f32_to_i32(A32, ROUND_ZERO, st))
BOTH(cvtss2siq, "cvtss2si %%xmm0, %%rax", OUTI64, f32_to_i64(A32, st->rounding, st))
BOTH(cvttss2siq, "cvttss2si %%xmm0, %%rax", OUTI64, f32_to_i64(A32, ROUND_ZERO, st))
BOTH(cvtsd2si, "cvtsd2si %%xmm0, %%eax", OUTI32, f64_to_i32(a, st->rounding, st))
BOTH(cvttsd2si, "cvttsd2si %%xmm0, %%eax", OUTI32, f64_to_i32(a, ROUND_ZERO, st))
BOTH(cvtsd2siq, "cvtsd2si %%xmm0, %%rax", OUTI64, f64_to_i64(a, st->rounding, st))
BOTH(cvttsd2siq, "cvttsd2si %%xmm0, %%rax", OUTI64, f64_to_i64(a, ROUND_ZERO, st))
BOTH(cvtsi2ss, "cvtsi2ss %%eax, %%xmm0", OUT32, f32_from_i32(A32, st))
BOTH(cvtsi2ssq, "cvtsi2ss %%rax, %%xmm0", OUT32, f32_from_i64(a, st))
BOTH(cvtsi2sd, "cvtsi2sd %%eax, %%xmm0", OUT64, f64_from_i32(A32))
BOTH(cvtsi2sdq, "cvtsi2sd %%rax, %%xmm0", OUT64, f64_from_i64(a, st))

BOTH(roundss0, "roundss $0, %%xmm0, %%xmm0", OUT32, f32_round_int(A32, 0, false, st))
BOTH(roundss1, "roundss $1, %%xmm0, %%xmm0", OUT32, f32_round_int(A32, 1, false, st))
BOTH(roundss2, "roundss $2, %%xmm0, %%xmm0", OUT32, f32_round_int(A32, 2, false, st))
BOTH(roundss3, "roundss $3, %%xmm0, %%xmm0", OUT32, f32_round_int(A32, 3, false, st))
BOTH(roundssq, "roundss $12, %%xmm0, %%xmm0", OUT32, f32_round_int(A32, st->rounding, true, st))
BOTH(roundsd0, "roundsd $0, %%xmm0, %%xmm0", OUT64, f64_round_int(a, 0, false, st))
BOTH(roundsd1, "roundsd $1, %%xmm0, %%xmm0", OUT64, f64_round_int(a, 1, false, st))
BOTH(roundsd2, "roundsd $2, %%xmm0, %%xmm0", OUT64, f64_round_int(a, 2, false, st))
BOTH(roundsd3, "roundsd $3, %%xmm0, %%xmm0", OUT64, f64_round_int(a, 3, false, st))
BOTH(roundsdq, "roundsd $12, %%xmm0, %%xmm0", OUT64, f64_round_int(a, st->rounding, true, st))

/* vfmadd231: xmm0 = xmm1 * xmm2 + xmm0 */
BOTH(fma132ss, "vfmadd132ss %%xmm1, %%xmm2, %%xmm0", OUT32, f32_fma(A32, B32, C32, st))
BOTH(fma213ss, "vfmadd213ss %%xmm2, %%xmm1, %%xmm0", OUT32, f32_fma(B32, A32, C32, st))
BOTH(fma231ss, "vfmadd231ss %%xmm2, %%xmm1, %%xmm0", OUT32, f32_fma(B32, C32, A32, st))
BOTH(fma132sd, "vfmadd132sd %%xmm1, %%xmm2, %%xmm0", OUT64, f64_fma(a, b, c, st))
BOTH(fma213sd, "vfmadd213sd %%xmm2, %%xmm1, %%xmm0", OUT64, f64_fma(b, a, c, st))
BOTH(fma231sd, "vfmadd231sd %%xmm2, %%xmm1, %%xmm0", OUT64, f64_fma(b, c, a, st))
BOTH(fnmsub231sd, "vfnmsub231sd %%xmm2, %%xmm1, %%xmm0", OUT64,
     f64_fma(f64_negate_number(b), c, f64_negate_number(a), st))
BOTH(fnmsub231ss, "vfnmsub231ss %%xmm2, %%xmm1, %%xmm0", OUT32,
     f32_fma(f32_negate_number(B32), C32, f32_negate_number(A32), st))
BOTH(cvtph2ps, "vcvtph2ps %%xmm0, %%xmm0", OUT32, f16_to_f32((uint16_t)a, st))
BOTH(cvtps2ph, "vcvtps2ph $4, %%xmm0, %%xmm0", OUT16, f32_to_f16(A32, st->rounding, st))
BOTH(cvtps2ph2, "vcvtps2ph $2, %%xmm0, %%xmm0", OUT16, f32_to_f16(A32, ROUND_UP, st))

#define CASE1(id, t) {#id, host_##id, soft_##id, {t, NONE, NONE}, NULL}
#define CASE2(id, t) {#id, host_##id, soft_##id, {t, t, NONE}, NULL}
#define CASE3(id, t, f) {#id, host_##id, soft_##id, {t, t, t}, f}
#define CASE1F(id, t, f) {#id, host_##id, soft_##id, {t, NONE, NONE}, f}

static const struct float_case cases[] = {
    CASE2(addss, F32), CASE2(subss, F32), CASE2(mulss, F32), CASE2(divss, F32),
    CASE2(minss, F32), CASE2(maxss, F32), CASE1(sqrtss, F32),
    CASE2(addsd, F64), CASE2(subsd, F64), CASE2(mulsd, F64), CASE2(divsd, F64),
    CASE2(minsd, F64), CASE2(maxsd, F64), CASE1(sqrtsd, F64),
    CASE2(comiss, F32), CASE2(ucomiss, F32), CASE2(comisd, F64), CASE2(ucomisd, F64),
    CASE1(cvtss2sd, F32), CASE1(cvtsd2ss, F64),
    CASE1(cvtss2si, F32), CASE1(cvttss2si, F32), CASE1(cvtss2siq, F32), CASE1(cvttss2siq, F32),
    CASE1(cvtsd2si, F64), CASE1(cvttsd2si, F64), CASE1(cvtsd2siq, F64), CASE1(cvttsd2siq, F64),
    CASE1(cvtsi2ss, I32), CASE1(cvtsi2ssq, I64), CASE1(cvtsi2sd, I32), CASE1(cvtsi2sdq, I64),
    CASE1F(roundss0, F32, "sse4.1"), CASE1F(roundss1, F32, "sse4.1"),
    CASE1F(roundss2, F32, "sse4.1"), CASE1F(roundss3, F32, "sse4.1"),
    CASE1F(roundssq, F32, "sse4.1"), CASE1F(roundsd0, F64, "sse4.1"),
    CASE1F(roundsd1, F64, "sse4.1"), CASE1F(roundsd2, F64, "sse4.1"),
    CASE1F(roundsd3, F64, "sse4.1"), CASE1F(roundsdq, F64, "sse4.1"),
    CASE3(fma132ss, F32, "fma"), CASE3(fma213ss, F32, "fma"), CASE3(fma231ss, F32, "fma"),
    CASE3(fma132sd, F64, "fma"), CASE3(fma213sd, F64, "fma"), CASE3(fma231sd, F64, "fma"),
    CASE3(fnmsub231sd, F64, "fma"), CASE3(fnmsub231ss, F32, "fma"),
    CASE1F(cvtph2ps, F16, "f16c"), CASE1F(cvtps2ph, F32, "f16c"), CASE1F(cvtps2ph2, F32, "f16c"),
};

static bool host_has(const char *feature)
{
    if (!feature)
        return true;
    if (!strcmp(feature, "sse4.1"))
        return __builtin_cpu_supports("sse4.1");
    /* F16C came before FMA in every processor of both makers. */
    return __builtin_cpu_supports("fma");
}

static uint64_t gen_operand(enum operand type, uint64_t *rng, uint64_t near)
{
    switch (type) {
    case F16:
        return gen_f16(rng);
    case F32:
        return gen_f32_near(rng, (uint32_t)near);
    case F64:
        return gen_f64_near(rng, near);
    case I32:
        return (uint32_t)gen_int(rng);
    case I64:
        return gen_int(rng);
    default:
        return 0;
    }
}

static struct call gen_call(const struct float_case *t, uint64_t *rng)
{
    struct call k = {0};

    k.a = gen_operand(t->args[0], rng, test_random(rng));
    k.b = gen_operand(t->args[1], rng, k.a);
    k.c = gen_operand(t->args[2], rng, test_random(rng) & 1 ? k.a : k.b);
    k.mxcsr = (uint32_t)(test_random(rng) & 0xe040); /* RC, FTZ, DAZ */
    return k;
}

static void report(const struct float_case *t, const struct call *k, uint32_t mxcsr, uint64_t r,
                   unsigned flags)
{
    fail_msg("%s a=%" PRIx64 " b=%" PRIx64 " c=%" PRIx64 " mxcsr=%x: host %" PRIx64
             " flags %02x, soft %" PRIx64 " flags %02x",
             t->name, k->a, k->b, k->c, mxcsr, k->r, k->mxcsr & 63, r, flags);
}

static void test_masked(void **state)
{
    uint64_t rng = test_seed();
    long per_case = test_long() ? 4000000 : 60000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct float_case *t = &cases[i];

        if (!host_has(t->feature)) {
            print_message("%s: the host has no %s\n", t->name, t->feature);
            continue;
        }
        for (long n = 0; n < per_case; n++) {
            struct call k = gen_call(t, &rng);
            uint32_t mxcsr = k.mxcsr |= 0x1f80;
            struct float_status st = float_status_mxcsr(mxcsr);
            uint64_t r;

            t->host(&k);
            r = t->soft(k.a, k.b, k.c, &st);
            if (r != k.r || float_flags(&st) != (k.mxcsr & 63))
                report(t, &k, mxcsr, r, float_flags(&st));
        }
    }
}

/* ---- unmasked: the flags that the host shows when the exception arrives ---- */

static sigjmp_buf unwind;
static volatile uint32_t caught_mxcsr;

static void on_sigfpe(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;

    (void)sig, (void)info;
    caught_mxcsr = uc->uc_mcontext.fpregs->mxcsr;
    siglongjmp(unwind, 1);
}

static void test_unmasked(void **state)
{
    struct sigaction act = {.sa_sigaction = on_sigfpe, .sa_flags = SA_SIGINFO}, old;
    uint64_t rng = test_seed();
    long per_case = test_long() ? 200000 : 3000;

    (void)state;
    sigaction(SIGFPE, &act, &old);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct float_case *t = &cases[i];

        if (!host_has(t->feature))
            continue;
        for (volatile long n = 0; n < per_case; n++) {
            static struct call k;
            static uint32_t mxcsr;
            struct float_status st;
            uint64_t r;

            k = gen_call(t, &rng);
            k.mxcsr |= test_random(&rng) & 0x1f80;
            mxcsr = k.mxcsr;
            st = float_status_mxcsr(mxcsr);
            if (sigsetjmp(unwind, 1)) {
                k.mxcsr = caught_mxcsr;
                k.r = 0;
                st = float_status_mxcsr(mxcsr);
                t->soft(k.a, k.b, k.c, &st);
                r = 0;
                if (!(float_flags(&st) & ~st.masks))
                    report(t, &k, mxcsr, r, float_flags(&st));
            } else {
                t->host(&k);
                st = float_status_mxcsr(mxcsr);
                r = t->soft(k.a, k.b, k.c, &st);
            }
            if (r != k.r || float_flags(&st) != (k.mxcsr & 63))
                report(t, &k, mxcsr, r, float_flags(&st));
        }
    }
    sigaction(SIGFPE, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_unmasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
