/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packed integers, shifts and shuffles against the host CPU.
 */
#include "unit/arch/simd_host.h"

#if defined(__x86_64__)

// clang-format off
/* MMX, SSE, VEX.128, VEX.256 */
#define OLD(F) \
    F(paddb) F(paddw) F(paddd) F(paddq) F(psubb) F(psubw) F(psubd) F(psubq) F(paddsb) F(paddsw) \
    F(paddusb) F(paddusw) F(psubsb) F(psubsw) F(psubusb) F(psubusw) F(pmullw) F(pmulhw) \
    F(pmulhuw) F(pmulhrsw) F(pmuludq) F(pavgb) F(pavgw) F(pminub) F(pminsw) F(pmaxub) F(pmaxsw) \
    F(psignb) F(psignw) F(psignd) F(pcmpeqb) F(pcmpeqw) F(pcmpeqd) F(pcmpgtb) F(pcmpgtw) \
    F(pcmpgtd) F(pand) F(pandn) F(por) F(pxor) F(pmaddwd) F(pmaddubsw) F(psadbw) F(phaddw) \
    F(phaddd) F(phaddsw) F(phsubw) F(phsubd) F(phsubsw) F(punpckhbw) F(punpckhwd) F(punpckhdq) \
    F(punpcklbw) F(punpcklwd) F(punpckldq) F(packsswb) F(packssdw) F(packuswb) F(pshufb)
/* no MMX form */
#define NEW(F) \
    F(pmulld) F(pmuldq) F(pminuw) F(pminud) F(pminsb) F(pminsd) F(pmaxuw) F(pmaxud) F(pmaxsb) \
    F(pmaxsd) F(pcmpeqq) F(pcmpgtq) F(punpckhqdq) F(punpcklqdq) F(packusdw) F(andps) F(andpd) \
    F(andnps) F(andnpd) F(orps) F(orpd) F(xorps) F(xorpd) F(unpcklps) F(unpcklpd) F(unpckhps) \
    F(unpckhpd)
#define ONE_SOURCE_OLD(F) F(pabsb) F(pabsw) F(pabsd)
#define ONE_SOURCE(F) F(movsldup) F(movshdup) F(movddup)
#define WIDEN(F) \
    F(pmovsxbw) F(pmovsxbd) F(pmovsxbq) F(pmovsxwd) F(pmovsxwq) F(pmovsxdq) F(pmovzxbw) \
    F(pmovzxbd) F(pmovzxbq) F(pmovzxwd) F(pmovzxwq) F(pmovzxdq)
#define SHIFTS(F) F(psllw) F(pslld) F(psllq) F(psrlw) F(psrld) F(psrlq) F(psraw) F(psrad)
#define VARIABLE(F) F(vpsllvd) F(vpsllvq) F(vpsrlvd) F(vpsrlvq) F(vpsravd)
#define COUNTS(F, op) \
    F(op, 0) F(op, 1) F(op, 7) F(op, 8) F(op, 15) F(op, 16) F(op, 31) F(op, 32) F(op, 63) \
    F(op, 64) F(op, 255)
#define IMMEDIATES(F, op) \
    F(op, 0) F(op, 1) F(op, 0x1b) F(op, 0xe4) F(op, 0x39) F(op, 0x4e) F(op, 0x81) F(op, 0x3f) \
    F(op, 7) F(op, 15) F(op, 16) F(op, 17) F(op, 31) F(op, 0xa5) F(op, 0xff)
#define SHIFTS_K(F) \
    COUNTS(F, psllw) COUNTS(F, pslld) COUNTS(F, psllq) COUNTS(F, psrlw) COUNTS(F, psrld) \
    COUNTS(F, psrlq) COUNTS(F, psraw) COUNTS(F, psrad)
#define BYTES_K(F) COUNTS(F, pslldq) COUNTS(F, psrldq)
#define IMM_2(F) \
    IMMEDIATES(F, shufps) IMMEDIATES(F, shufpd) IMMEDIATES(F, blendps) IMMEDIATES(F, blendpd) \
    IMMEDIATES(F, pblendw) IMMEDIATES(F, palignr) IMMEDIATES(F, mpsadbw)
#define IMM_1(F) IMMEDIATES(F, pshufd) IMMEDIATES(F, pshuflw) IMMEDIATES(F, pshufhw)
#define IMM_V(F) IMMEDIATES(F, vpblendd)
#define IMM_M(F) IMMEDIATES(F, pshufw) IMMEDIATES(F, palignr)

OLD(HOST_M) OLD(HOST_S) OLD(HOST_X) OLD(HOST_Y)
NEW(HOST_S) NEW(HOST_X) NEW(HOST_Y)
ONE_SOURCE_OLD(HOST_M) ONE_SOURCE_OLD(HOST_S) ONE_SOURCE_OLD(HOST_X1) ONE_SOURCE_OLD(HOST_Y1)
ONE_SOURCE(HOST_S) ONE_SOURCE(HOST_X1) ONE_SOURCE(HOST_Y1)
WIDEN(HOST_S) WIDEN(HOST_X1) WIDEN(HOST_YX1)
HOST_S(phminposuw) HOST_X1(phminposuw)
SHIFTS(HOST_M) SHIFTS(HOST_S) SHIFTS(HOST_X) SHIFTS(HOST_YX)
VARIABLE(HOST_VX) VARIABLE(HOST_VY)
SHIFTS_K(HOST_MK) SHIFTS_K(HOST_SK) SHIFTS_K(HOST_XK) SHIFTS_K(HOST_YK)
BYTES_K(HOST_SK) BYTES_K(HOST_XK) BYTES_K(HOST_YK)
IMM_2(HOST_SI) IMM_2(HOST_XI) IMM_2(HOST_YI)
IMM_1(HOST_SI) IMM_1(HOST_XI1) IMM_1(HOST_YI1)
IMM_V(HOST_VXI) IMM_V(HOST_VYI)
IMM_M(HOST_MI)

static const struct simd_case lanes[] = {
    OLD(ROW_M) OLD(ROW_S) OLD(ROW_X) OLD(ROW_Y)
    NEW(ROW_S) NEW(ROW_X) NEW(ROW_Y)
    ONE_SOURCE_OLD(ROW_M) ONE_SOURCE_OLD(ROW_S) ONE_SOURCE_OLD(ROW_X) ONE_SOURCE_OLD(ROW_Y)
    ONE_SOURCE(ROW_S) ONE_SOURCE(ROW_X) ONE_SOURCE(ROW_Y)
    WIDEN(ROW_S) WIDEN(ROW_X) WIDEN(ROW_Y)
    ROW_S(phminposuw) ROW_X(phminposuw)
};
static const struct simd_case shifts[] = {
    SHIFTS(ROW_M) SHIFTS(ROW_S) SHIFTS(ROW_X) SHIFTS(ROW_Y)
    VARIABLE(ROW_VX) VARIABLE(ROW_VY)
    SHIFTS_K(ROW_MK) SHIFTS_K(ROW_SK) SHIFTS_K(ROW_XK) SHIFTS_K(ROW_YK)
    BYTES_K(ROW_SK) BYTES_K(ROW_XK) BYTES_K(ROW_YK)
};
static const struct simd_case shuffles[] = {
    IMM_2(ROW_SI) IMM_2(ROW_XI) IMM_2(ROW_YI)
    IMM_1(ROW_SI) IMM_1(ROW_XI) IMM_1(ROW_YI)
    IMM_V(ROW_VXI) IMM_V(ROW_VYI)
    IMM_M(ROW_MI)
};
// clang-format on

static void lane_operations(void **state)
{
    (void)state;
    simd_run_table(lanes, ARRAY_LEN(lanes));
}

static void shifts_by_register_and_immediate(void **state)
{
    (void)state;
    simd_run_table(shifts, ARRAY_LEN(shifts));
}

static void shuffles_by_immediate(void **state)
{
    (void)state;
    simd_run_table(shuffles, ARRAY_LEN(shuffles));
}

/* Operations whose result is a general register or flags. */
struct scalar_out {
    uint64_t value, flags;
};

#define MASK_OF(op, reg)                                                                     \
    static uint64_t host_##op##_##reg(const union x86_ymm *v)                                \
    {                                                                                        \
        uint64_t out = ~0ull;                                                                \
        __asm__ volatile("vmovdqu (%1),%%ymm1\n v" #op " %%" #reg "1,%k0\n vzeroupper"       \
                         : "+r"(out)                                                         \
                         : "r"(v)                                                            \
                         : "xmm1", "memory");                                                \
        return out;                                                                          \
    }
MASK_OF(pmovmskb, xmm)
MASK_OF(pmovmskb, ymm)
MASK_OF(movmskps, xmm)
MASK_OF(movmskps, ymm)
MASK_OF(movmskpd, xmm)
MASK_OF(movmskpd, ymm)

static void masks_of_signs(void **state)
{
    static const struct {
        x86_sem_fn *fn;
        uint64_t (*host)(const union x86_ymm *v);
        unsigned size;
    } t[] = {
        {sem_pmovmskb, host_pmovmskb_xmm, 16}, {sem_pmovmskb, host_pmovmskb_ymm, 32},
        {sem_movmskps, host_movmskps_xmm, 16}, {sem_movmskps, host_movmskps_ymm, 32},
        {sem_movmskpd, host_movmskpd_xmm, 16}, {sem_movmskpd, host_movmskpd_ymm, 32},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 1000 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        struct x86_insn in = fake_insn(FORM_RR, t[i].size, t[i].size == 32 ? IN_VEX | IN_L256 : 0);

        in.src = 1;
        c->s.ymm[1] = simd_random(&seed);
        c->s.r[RAX] = ~0ull;
        assert_int_equal(fake_cpu_call(c, t[i].fn, &in), FAKE_NO_FAULT);
        assert_int_equal(c->s.r[RAX], t[i].host(&c->s.ymm[1]));
    }
    fake_cpu_destroy(c);
}

#define TEST_OF(op, reg)                                                                     \
    static uint64_t host_##op##_##reg(const union x86_ymm *v)                                \
    {                                                                                        \
        uint64_t out;                                                                        \
        __asm__ volatile("vmovdqu (%1),%%ymm0\n vmovdqu 32(%1),%%ymm1\n "                    \
                         #op " %%" #reg "1,%%" #reg "0\n pushfq\n pop %0\n vzeroupper"       \
                         : "=r"(out)                                                         \
                         : "r"(v)                                                            \
                         : "xmm0", "xmm1", "memory", "cc");                                  \
        return out & FL_ARITH;                                                               \
    }
TEST_OF(vptest, xmm)
TEST_OF(vptest, ymm)
TEST_OF(vtestps, xmm)
TEST_OF(vtestps, ymm)
TEST_OF(vtestpd, xmm)
TEST_OF(vtestpd, ymm)

static void tests_set_flags(void **state)
{
    static const struct {
        x86_sem_fn *fn;
        uint64_t (*host)(const union x86_ymm *v);
        unsigned size;
    } t[] = {
        {sem_ptest, host_vptest_xmm, 16},    {sem_ptest, host_vptest_ymm, 32},
        {sem_vtestps, host_vtestps_xmm, 16}, {sem_vtestps, host_vtestps_ymm, 32},
        {sem_vtestpd, host_vtestpd_xmm, 16}, {sem_vtestpd, host_vtestpd_ymm, 32},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 1000 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        unsigned flags = t[i].size == 32 ? IN_VEX | IN_L256 : IN_VEX;
        struct x86_insn in = fake_insn(FORM_RR, t[i].size, flags);
        unsigned kind = test_random(&seed) >> 62;

        in.src = 1;
        c->s.ymm[0] = simd_random(&seed);
        c->s.ymm[1] = simd_random(&seed);
        for (unsigned j = 0; j < 4; j++) {
            if (kind == 1)
                c->s.ymm[1].q[j] &= c->s.ymm[0].q[j];
            if (kind == 2)
                c->s.ymm[1].q[j] &= ~c->s.ymm[0].q[j];
        }
        fl_load(c, FL_ARITH);
        assert_int_equal(fake_cpu_call(c, t[i].fn, &in), FAKE_NO_FAULT);
        assert_int_equal(fl_arith(c), t[i].host(c->s.ymm));
    }
    fake_cpu_destroy(c);
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2"))
        test_skip("the host CPU has no AVX2 to compare with");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_operations),
        cmocka_unit_test(shifts_by_register_and_immediate),
        cmocka_unit_test(shuffles_by_immediate),
        cmocka_unit_test(masks_of_signs),
        cmocka_unit_test(tests_set_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    test_skip("the host is not an x86-64 to compare with");
}

#endif
