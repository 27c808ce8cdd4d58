/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AVX and AVX2 permutations, masked moves and gathers, ciphers, string comparison, single elements
 * against the host CPU.
 */
#include "unit/arch/simd_host.h"

#if defined(__x86_64__)

#include <cpuid.h>

// clang-format off
#define IMM_16(F, op, h) \
    F(op, 0x##h##0) F(op, 0x##h##1) F(op, 0x##h##2) F(op, 0x##h##3) F(op, 0x##h##4) \
    F(op, 0x##h##5) F(op, 0x##h##6) F(op, 0x##h##7) F(op, 0x##h##8) F(op, 0x##h##9) \
    F(op, 0x##h##a) F(op, 0x##h##b) F(op, 0x##h##c) F(op, 0x##h##d) F(op, 0x##h##e) \
    F(op, 0x##h##f)
#define IMM_128(F, op) \
    IMM_16(F, op, 0) IMM_16(F, op, 1) IMM_16(F, op, 2) IMM_16(F, op, 3) IMM_16(F, op, 4) \
    IMM_16(F, op, 5) IMM_16(F, op, 6) IMM_16(F, op, 7)
#define SOME(F, op) \
    F(op, 0x00) F(op, 0x01) F(op, 0x02) F(op, 0x03) F(op, 0x10) F(op, 0x11) F(op, 0x1b) \
    F(op, 0x20) F(op, 0x31) F(op, 0x38) F(op, 0x83) F(op, 0xe4) F(op, 0x5a) F(op, 0xff)
#define PERM_I(F) SOME(F, vperm2f128) SOME(F, vperm2i128)
#define PERM_I1(F) SOME(F, vpermq) SOME(F, vpermpd)
#define PERM_IX1(F) SOME(F, vpermilps) SOME(F, vpermilpd)
#define INSERT(F) SOME(F, vinsertf128) SOME(F, vinserti128)
#define EXTRACT(F) SOME(F, vextractf128) SOME(F, vextracti128)
#define BROADCAST(F) F(vpbroadcastb) F(vpbroadcastw) F(vpbroadcastd) F(vpbroadcastq) F(vbroadcastss)
#define AES(F) F(aesenc) F(aesenclast) F(aesdec) F(aesdeclast)
#define SHA(F) F(sha1nexte) F(sha1msg1) F(sha1msg2) F(sha256msg1) F(sha256msg2)
#define IMM_2(F) SOME(F, pclmulqdq) SOME(F, insertps)

#define HOST_VX1(op) static void x_##op(union x86_ymm *r) { SIMD_ASM(#op " %%xmm1,%%xmm0"); }
#define HOST_VYX1(op) static void y_##op(union x86_ymm *r) { SIMD_ASM(#op " %%xmm1,%%ymm0"); }
#define HOST_INS(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm1,%%ymm2,%%ymm0"); }
#define HOST_EXT(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%ymm1,%%xmm0"); }
/* vpermil*: the immediate form has another opcode than the form with a control vector */
#define ROW_IX1(op, i) {#op " xmm " #i, imm_##op, x_##op##_##i, 16, IN_VEX, i, false},
#define ROW_IY1(op, i) {#op " ymm " #i, imm_##op, y_##op##_##i, 32, IN_VEX | IN_L256, i, false},
#define WITH_OPCODE(op, code) \
    static void code##_##op(struct x86_cpu *c, const struct x86_insn *in) \
    { struct x86_insn copy = *in; copy.opcode = code##_OPCODE; sem_##op(c, &copy); }
enum { imm_OPCODE = 0x04, reg_OPCODE = 0x0c };
WITH_OPCODE(vpermilps, imm)
WITH_OPCODE(vpermilpd, imm)
WITH_OPCODE(vpermilps, reg)
WITH_OPCODE(vpermilpd, reg)

PERM_I(HOST_VYI) PERM_I1(HOST_VYI1) PERM_IX1(HOST_VXI1) PERM_IX1(HOST_VYI1)
HOST_VX(vpermilps) HOST_VY(vpermilps) HOST_VX(vpermilpd) HOST_VY(vpermilpd)
HOST_VY(vpermd) HOST_VY(vpermps)
INSERT(HOST_INS) EXTRACT(HOST_EXT)
BROADCAST(HOST_VX1) BROADCAST(HOST_VYX1) HOST_VYX1(vbroadcastsd)
AES(HOST_S) AES(HOST_X) HOST_S(aesimc) HOST_X1(aesimc)
SOME(HOST_SI, aeskeygenassist) SOME(HOST_XI1, aeskeygenassist)
IMM_2(HOST_SI) IMM_2(HOST_XI)
SHA(HOST_S) HOST_SI(sha1rnds4, 0) HOST_SI(sha1rnds4, 1) HOST_SI(sha1rnds4, 2) HOST_SI(sha1rnds4, 3)
static void s_pblendvb(union x86_ymm *r) { SIMD_ASM("pblendvb %%xmm0,%%xmm1,%%xmm0"); }
static void s_blendvps(union x86_ymm *r) { SIMD_ASM("blendvps %%xmm0,%%xmm1,%%xmm0"); }
static void s_blendvpd(union x86_ymm *r) { SIMD_ASM("blendvpd %%xmm0,%%xmm1,%%xmm0"); }
static void s_sha256rnds2(union x86_ymm *r) { SIMD_ASM("sha256rnds2 %%xmm0,%%xmm1,%%xmm0"); }
#define HOST_BLEND(op) \
    static void x_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%xmm0,%%xmm1,%%xmm2,%%xmm0"); } \
    static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%ymm0,%%ymm1,%%ymm2,%%ymm0"); }
HOST_BLEND(pblendvb) HOST_BLEND(blendvps) HOST_BLEND(blendvpd)
static void s_movss(union x86_ymm *r) { SIMD_ASM("movss %%xmm1,%%xmm0"); }
static void s_movsd(union x86_ymm *r) { SIMD_ASM("movsd %%xmm1,%%xmm0"); }
static void x_movss(union x86_ymm *r) { SIMD_ASM("vmovss %%xmm1,%%xmm2,%%xmm0"); }
static void x_movsd(union x86_ymm *r) { SIMD_ASM("vmovsd %%xmm1,%%xmm2,%%xmm0"); }
#define MOVES_1(F) F(movups) F(movupd) F(movdqu) F(movaps) F(movapd) F(movdqa)
#define MOVES_2(F) F(movhlps) F(movlhps)
MOVES_1(HOST_S) MOVES_1(HOST_X1) MOVES_1(HOST_Y1) MOVES_2(HOST_S) MOVES_2(HOST_X)
HOST_S(movq) HOST_X1(movq)

static const struct simd_case both_forms[] = {
    PERM_I(ROW_VYI) PERM_I1(ROW_VYI) PERM_IX1(ROW_IX1) PERM_IX1(ROW_IY1)
    {"vpermilps xmm", reg_vpermilps, x_vpermilps, 16, IN_VEX, -1, false},
    {"vpermilps ymm", reg_vpermilps, y_vpermilps, 32, IN_VEX | IN_L256, -1, false},
    {"vpermilpd xmm", reg_vpermilpd, x_vpermilpd, 16, IN_VEX, -1, false},
    {"vpermilpd ymm", reg_vpermilpd, y_vpermilpd, 32, IN_VEX | IN_L256, -1, false},
    ROW_VY(vpermd) ROW_VY(vpermps)
    INSERT(ROW_VYI)
    BROADCAST(ROW_VX) BROADCAST(ROW_VY) ROW_VY(vbroadcastsd)
    AES(ROW_S) AES(ROW_X) ROW_S(aesimc) ROW_X(aesimc)
    SOME(ROW_SI, aeskeygenassist) SOME(ROW_XI, aeskeygenassist)
    SOME(ROW_SI, pclmulqdq) SOME(ROW_XI, pclmulqdq)
    ROW_S(pblendvb) ROW_X(pblendvb) ROW_Y(pblendvb)
    ROW_S(blendvps) ROW_X(blendvps) ROW_Y(blendvps)
    ROW_S(blendvpd) ROW_X(blendvpd) ROW_Y(blendvpd)
    MOVES_1(ROW_S) MOVES_1(ROW_X) MOVES_1(ROW_Y) ROW_S(movq) ROW_X(movq)
};
static const struct simd_case sha[] = {
    SHA(ROW_S) ROW_SI(sha1rnds4, 0) ROW_SI(sha1rnds4, 1) ROW_SI(sha1rnds4, 2) ROW_SI(sha1rnds4, 3)
    ROW_S(sha256rnds2)
};
/* what differs with a source in memory */
static const struct simd_case registers_only[] = {
    EXTRACT(ROW_VYI)
    SOME(ROW_SI, insertps) SOME(ROW_XI, insertps)
    ROW_S(movss) ROW_S(movsd) ROW_X(movss) ROW_X(movsd) MOVES_2(ROW_S) MOVES_2(ROW_X)
};
// clang-format on

static bool host_has_sha(void)
{
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

static void permutations_and_ciphers(void **state)
{
    (void)state;
    simd_run_table(both_forms, ARRAY_LEN(both_forms));
    if (host_has_sha())
        simd_run_table(sha, ARRAY_LEN(sha));
    else
        print_message("the host CPU has no SHA to compare with: not compared\n");
}

static void register_forms(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registers_only); i++) {
        for (unsigned k = 0; k < 300; k++) {
            union x86_ymm in[3];

            for (unsigned j = 0; j < 3; j++)
                in[j] = simd_random(&seed);
            simd_compare(c, &registers_only[i], in, 0x1f80, false);
        }
    }
    fake_cpu_destroy(c);
}

/* ---- string comparison ---- */

struct string_out {
    uint64_t rcx, flags;
    union x86_ymm xmm0;
};

// clang-format off
#define HOST_STR(op, i)                                                                      \
    static void h_##op##_##i(const union x86_ymm *v, const uint64_t *len, struct string_out *out) \
    {                                                                                        \
        uint64_t rcx = 0, flags;                                                             \
        __asm__ volatile("vmovdqu (%2),%%ymm0\n vmovdqu 32(%2),%%ymm1\n vmovdqu 64(%2),%%ymm2\n " \
                         #op " $" #i ",%%xmm1,%%xmm2\n pushfq\n pop %1\n"                    \
                         "vmovdqu %%ymm0,(%3)\n vzeroupper"                                  \
                         : "+c"(rcx), "=&r"(flags)                                           \
                         : "r"(v), "r"(&out->xmm0), "a"(len[0]), "d"(len[1])                 \
                         : "xmm0", "xmm1", "xmm2", "memory", "cc");                          \
        out->rcx = rcx;                                                                      \
        out->flags = flags & FL_ARITH;                                                       \
    }
#define ROW_STR(op, i) {#op " " #i, sem_##op, h_##op##_##i, i},
IMM_128(HOST_STR, pcmpistri)
IMM_128(HOST_STR, pcmpistrm)
IMM_128(HOST_STR, pcmpestri)
IMM_128(HOST_STR, pcmpestrm)

static const struct {
    const char *name;
    x86_sem_fn *fn;
    void (*host)(const union x86_ymm *v, const uint64_t *len, struct string_out *out);
    unsigned imm;
} strings[] = {
    IMM_128(ROW_STR, pcmpistri) IMM_128(ROW_STR, pcmpistrm)
    IMM_128(ROW_STR, pcmpestri) IMM_128(ROW_STR, pcmpestrm)
};
// clang-format on

/* Few distinct characters and some ends, so that much matches. */
static union x86_ymm random_string(uint64_t *seed)
{
    static const uint8_t letters[] = "abcdAZ\x80\xff\x7f";
    union x86_ymm v = simd_random(seed);

    if (test_random(seed) >> 61 == 0)
        return v;
    for (unsigned i = 0; i < 32; i++) {
        uint64_t x = test_random(seed) >> 32;

        v.b[i] = x % 17 == 0 ? 0 : letters[x % (x & 0x1000 ? 2 : 9)];
    }
    if (test_random(seed) >> 63)
        for (unsigned i = 0; i < 16; i++)
            v.w[i] &= 0xff;
    return v;
}

static void string_comparison(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 200 * ARRAY_LEN(strings); k++) {
        unsigned i = k % ARRAY_LEN(strings);
        struct x86_insn in = fake_insn(k & 1 ? FORM_RM : FORM_RR, 16, 0);
        uint64_t len[2];
        struct string_out host;

        in.dst = in.src2 = 2;
        in.src = 1;
        in.imm = strings[i].imm;
        for (unsigned j = 0; j < 3; j++)
            c->s.ymm[j] = random_string(&seed);
        for (unsigned j = 0; j < 2; j++) {
            len[j] = (test_random(&seed) >> 32) % 37 - 18;
            if (test_random(&seed) >> 60 == 0)
                len[j] = test_random(&seed);
        }
        c->s.r[RAX] = len[0];
        c->s.r[RDX] = len[1];
        c->s.r[RCX] = 0;
        memcpy(fake_cpu_mem(c), &c->s.ymm[1], 16);
        strings[i].host(c->s.ymm, len, &host);
        assert_int_equal(fake_cpu_call(c, strings[i].fn, &in), FAKE_NO_FAULT);
        if (c->s.r[RCX] != host.rcx || fl_arith(c) != host.flags ||
            memcmp(&c->s.ymm[0], &host.xmm0, 32)) {
            simd_print("first", &c->s.ymm[2]);
            simd_print("second", &c->s.ymm[1]);
            simd_print("host", &host.xmm0);
            simd_print("ours", &c->s.ymm[0]);
            fail_msg("%s lengths %" PRIx64 " %" PRIx64 ": host %" PRIx64 " flags %" PRIx64
                     " ours %" PRIx64 " flags %" PRIx64,
                     strings[i].name, len[0], len[1], host.rcx, host.flags, c->s.r[RCX],
                     fl_arith(c));
        }
    }
    fake_cpu_destroy(c);
}

/* ---- gathers and masked moves ---- */

/* r[0] destination, r[1] indices, r[2] mask; base in the pointer's register */
#define HOST_GATHER(op, name, d, x)                                                          \
    static void g_##name(union x86_ymm *r, const void *base)                                 \
    {                                                                                        \
        __asm__ volatile("vmovdqu (%0),%%ymm0\n vmovdqu 32(%0),%%ymm1\n "                    \
                         "vmovdqu 64(%0),%%ymm2\n " #op " %%" #d "2,(%1,%%" #x "1,4),%%" #d  \
                         "0\n vmovdqu %%ymm0,(%0)\n vmovdqu %%ymm2,64(%0)\n vzeroupper"      \
                         :                                                                   \
                         : "r"(r), "r"(base)                                                 \
                         : "xmm0", "xmm1", "xmm2", "memory");                                \
    }
HOST_GATHER(vgatherdps, dps_x, xmm, xmm)
HOST_GATHER(vgatherdps, dps_y, ymm, ymm)
HOST_GATHER(vgatherdpd, dpd_x, xmm, xmm)
HOST_GATHER(vgatherdpd, dpd_y, ymm, xmm)
HOST_GATHER(vgatherqps, qps_x, xmm, xmm)
HOST_GATHER(vgatherqps, qps_y, xmm, ymm)
HOST_GATHER(vgatherqpd, qpd_x, xmm, xmm)
HOST_GATHER(vgatherqpd, qpd_y, ymm, ymm)

static void gathers(void **state)
{
    static const struct {
        x86_sem_fn *fn[2];
        void (*host)(union x86_ymm *r, const void *base);
        unsigned size, index;
    } t[] = {
        {{sem_vgatherdps, sem_vpgatherdd}, g_dps_x, 16, 4},
        {{sem_vgatherdps, sem_vpgatherdd}, g_dps_y, 32, 4},
        {{sem_vgatherdpd, sem_vpgatherdq}, g_dpd_x, 16, 4},
        {{sem_vgatherdpd, sem_vpgatherdq}, g_dpd_y, 32, 4},
        {{sem_vgatherqps, sem_vpgatherqd}, g_qps_x, 16, 8},
        {{sem_vgatherqps, sem_vpgatherqd}, g_qps_y, 32, 8},
        {{sem_vgatherqpd, sem_vpgatherqq}, g_qpd_x, 16, 8},
        {{sem_vgatherqpd, sem_vpgatherqq}, g_qpd_y, 32, 8},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();
    uint8_t *mem = fake_cpu_mem(c);

    (void)state;
    for (unsigned i = 0; i < FAKE_MEM_SIZE; i++)
        mem[i] = (uint8_t)test_random(&seed);
    for (unsigned k = 0; k < 2000 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        struct x86_insn in = fake_insn(FORM_RM, t[i].size, IN_VEX | (t[i].size == 32 ? IN_L256 : 0));
        union x86_ymm r[3];

        for (unsigned j = 0; j < 3; j++)
            r[j] = simd_random(&seed);
        for (unsigned j = 0; j < 8; j++) {
            int32_t at = (int32_t)(test_random(&seed) >> 40) % 1000;

            if (t[i].index == 4)
                r[1].d[j] = (uint32_t)at;
            else if (j < 4)
                r[1].q[j] = (uint64_t)(int64_t)at;
        }
        memcpy(c->s.ymm, r, sizeof(r));
        in.count = 1;
        in.src2 = 2;
        in.scale = 2;
        in.base = RBX;
        in.disp = 16;
        c->s.r[RBX] = FAKE_MEM + FAKE_MEM_SIZE / 2 - 16;
        t[i].host(r, mem + FAKE_MEM_SIZE / 2);
        assert_int_equal(fake_cpu_call(c, t[i].fn[k / ARRAY_LEN(t) & 1], &in), FAKE_NO_FAULT);
        if (memcmp(&r[0], &c->s.ymm[0], 32) || memcmp(&r[2], &c->s.ymm[2], 32)) {
            simd_print("host", &r[0]);
            simd_print("ours", &c->s.ymm[0]);
            fail_msg("gather %u differs from the host", i);
        }
    }
    /* A fault in the middle: what came before is done, what comes after is not. */
    struct x86_insn in = fake_insn(FORM_RM, 16, IN_VEX);
    c->s.ymm[0] = (union x86_ymm){.d = {1, 2, 3, 4, 5, 6, 7, 8}};
    c->s.ymm[1] = (union x86_ymm){.d = {0, 0, 0x100000, 0}};
    memset(&c->s.ymm[2], 0xff, 32);
    memcpy(mem, "\x11\x22\x33\x44", 4);
    in.count = 1;
    in.src2 = 2;
    assert_int_equal(fake_cpu_call(c, sem_vgatherdps, &in), EXC_PF);
    assert_int_equal(c->s.ymm[0].d[1], 0x44332211);
    assert_int_equal(c->s.ymm[0].d[2], 3);
    assert_int_equal(c->s.ymm[2].d[1], 0);
    assert_int_equal(c->s.ymm[2].d[2], 0xffffffff);
    fake_cpu_destroy(c);
}

static void masked_moves(void **state)
{
    static const struct {
        x86_sem_fn *fn;
        unsigned element;
    } t[] = {{sem_vmaskmovps, 4}, {sem_vmaskmovpd, 8}, {sem_vpmaskmovd, 4}, {sem_vpmaskmovq, 8}};
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();
    uint8_t *mem = fake_cpu_mem(c);

    (void)state;
    for (unsigned k = 0; k < 2000; k++) {
        unsigned size = k & 4 ? 32 : 16, e = t[k & 3].element;
        bool store = k & 8, at_end = k & 16;
        struct x86_insn in = fake_insn(store ? FORM_MR : FORM_RM, size, IN_VEX);
        union x86_ymm data = simd_random(&seed), mask = simd_random(&seed), before, expect;
        uint8_t *at;

        /* The last element lies beyond the end of memory: it must be masked out. */
        if (at_end) {
            in.disp += (int32_t)(FAKE_MEM_SIZE - size + e);
            mask.b[size - 1] = 0;
        }
        at = mem + (in.disp - (int32_t)FAKE_MEM);
        before = simd_random(&seed);
        memcpy(at, &before, at_end ? size - e : size);
        c->s.ymm[0] = data;
        c->s.ymm[1] = data;
        c->s.ymm[2] = mask;
        in.src = 1;
        in.src2 = 2;
        memset(&expect, 0, sizeof(expect));
        for (unsigned i = 0; i < size; i += e)
            if (mask.b[i + e - 1] & 0x80)
                memcpy(&expect.b[i], store ? &data.b[i] : &before.b[i], e);
            else if (store)
                memcpy(&expect.b[i], &before.b[i], e);
        assert_int_equal(fake_cpu_call(c, t[k & 3].fn, &in), FAKE_NO_FAULT);
        if (store)
            assert_memory_equal(at, &expect, at_end ? size - e : size);
        else
            assert_memory_equal(&c->s.ymm[0], &expect, 32);
        if (!at_end)
            continue;
        mask.b[size - 1] = 0x80;
        c->s.ymm[0] = data;
        c->s.ymm[2] = mask;
        memcpy(at, &before, size - e);
        assert_int_equal(fake_cpu_call(c, t[k & 3].fn, &in), EXC_PF);
        assert_memory_equal(at, &before, size - e);
        assert_memory_equal(&c->s.ymm[0], &data, 32);
    }
    fake_cpu_destroy(c);
}

/* ---- single elements and memory forms ---- */

// clang-format off
#define HOST_EXTRACT(op, i) \
    static uint64_t e_##op##_##i(const union x86_ymm *v) \
    { \
        uint64_t out = ~0ull; \
        __asm__("movups (%1),%%xmm1\n " #op " $" #i ",%%xmm1,%" EXTRACT_SIZE_##op "0" \
                : "+r"(out) : "r"(v) : "xmm1"); \
        return out; \
    }
#define EXTRACT_SIZE_pextrb "k"
#define EXTRACT_SIZE_pextrw "k"
#define EXTRACT_SIZE_pextrd "k"
#define EXTRACT_SIZE_pextrq "q"
#define EXTRACT_SIZE_extractps "k"
#define ELEMENTS(F, op) F(op, 0) F(op, 1) F(op, 2) F(op, 3) F(op, 7) F(op, 9) F(op, 15) F(op, 0xff)
#define EXTRACTS(F) \
    ELEMENTS(F, pextrb) ELEMENTS(F, pextrw) ELEMENTS(F, pextrd) ELEMENTS(F, pextrq) \
    ELEMENTS(F, extractps)
#define HOST_PINSR(op, i) \
    static void i_##op##_##i(union x86_ymm *v, uint64_t r) \
    { \
        __asm__("movups (%0),%%xmm1\n " #op " $" #i ",%" EXTRACT_SIZE_##op "1,%%xmm1\n movups %%xmm1,(%0)" \
                : : "r"(v), "r"(r) : "xmm1", "memory"); \
    }
#define EXTRACT_SIZE_pinsrb "k"
#define EXTRACT_SIZE_pinsrw "k"
#define EXTRACT_SIZE_pinsrd "k"
#define EXTRACT_SIZE_pinsrq "q"
#define PINSRS(F) ELEMENTS(F, pinsrb) ELEMENTS(F, pinsrw) ELEMENTS(F, pinsrd) ELEMENTS(F, pinsrq)
EXTRACTS(HOST_EXTRACT)
PINSRS(HOST_PINSR)
#define ROW_E(op, i) {sem_##op, e_##op##_##i, i},
#define ROW_P(op, i) {sem_##op, i_##op##_##i, i},
// clang-format on

static void elements(void **state)
{
    static const struct {
        x86_sem_fn *fn;
        uint64_t (*host)(const union x86_ymm *v);
        unsigned imm;
    } e[] = {EXTRACTS(ROW_E)};
    static const struct {
        x86_sem_fn *fn;
        void (*host)(union x86_ymm *v, uint64_t r);
        unsigned imm;
    } p[] = {PINSRS(ROW_P)};
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 50 * ARRAY_LEN(e); k++) {
        unsigned i = k % ARRAY_LEN(e);
        struct x86_insn in = fake_insn(FORM_RR, 16, 0);

        c->s.ymm[1] = simd_random(&seed);
        c->s.r[RAX] = ~0ull;
        in.src = 1;
        in.imm = e[i].imm;
        assert_int_equal(fake_cpu_call(c, e[i].fn, &in), FAKE_NO_FAULT);
        assert_int_equal(c->s.r[RAX], e[i].host(&c->s.ymm[1]));
        memset(fake_cpu_mem(c), 0, 8);
        in.form = FORM_MR;
        assert_int_equal(fake_cpu_call(c, e[i].fn, &in), FAKE_NO_FAULT);
        assert_memory_equal(fake_cpu_mem(c), &c->s.r[RAX], 8);
    }
    for (unsigned k = 0; k < 50 * ARRAY_LEN(p); k++) {
        unsigned i = k % ARRAY_LEN(p);
        struct x86_insn in = fake_insn(k & 1 ? FORM_RM : FORM_RR, 16, 0);
        union x86_ymm host;

        host = c->s.ymm[0] = simd_random(&seed);
        c->s.r[RCX] = simd_random(&seed).q[0];
        memcpy(fake_cpu_mem(c), &c->s.r[RCX], 8);
        in.src = RCX;
        in.imm = p[i].imm;
        p[i].host(&host, c->s.r[RCX]);
        assert_int_equal(fake_cpu_call(c, p[i].fn, &in), FAKE_NO_FAULT);
        assert_memory_equal(&c->s.ymm[0], &host, 32);
    }
    fake_cpu_destroy(c);
}

#endif

/* ---- availability, alignment, loads and stores ---- */

static void checks_come_first(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn sse = fake_insn(FORM_RM, 16, 0), vex = fake_insn(FORM_RM, 16, IN_VEX);
    struct x86_insn mmx = fake_insn(FORM_RM, 8, IN_MMX);

    (void)state;
    sse.disp += 8;
    vex.disp += 8;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &sse), EXC_GP);
    assert_int_equal(fake_cpu_call(c, sem_movaps, &sse), EXC_GP);
    assert_int_equal(fake_cpu_call(c, sem_movups, &sse), FAKE_NO_FAULT);
    assert_int_equal(fake_cpu_call(c, sem_lddqu, &sse), FAKE_NO_FAULT);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &vex), FAKE_NO_FAULT);
    assert_int_equal(fake_cpu_call(c, sem_movaps, &vex), EXC_GP);
    vex.size = 32;
    vex.disp += 8;
    assert_int_equal(fake_cpu_call(c, sem_movdqa, &vex), EXC_GP);
    assert_int_equal(fake_cpu_call(c, sem_movdqu, &vex), FAKE_NO_FAULT);
    sse.disp -= 8;

    c->s.cr0 |= CR0_TS;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &sse), EXC_NM);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &vex), EXC_NM);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &mmx), EXC_NM);
    c->s.cr0 |= CR0_EM;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &sse), EXC_UD);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &vex), EXC_NM); /* EM does not matter */
    assert_int_equal(fake_cpu_call(c, sem_paddb, &mmx), EXC_UD);
    c->s.cr0 &= ~(uint64_t)(CR0_TS | CR0_EM);
    c->s.xcr0 = 3;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &vex), EXC_UD);
    c->s.xcr0 = 7;
    c->s.cr4 &= ~(uint64_t)(CR4_OSFXSR | CR4_OSXSAVE);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &sse), EXC_UD);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &vex), EXC_UD);
    assert_int_equal(fake_cpu_call(c, sem_paddb, &mmx), FAKE_NO_FAULT);

    c->s.fsw = 0x3881; /* an x87 exception pends */
    c->s.ftw = 0;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &mmx), EXC_MF);
    assert_int_equal(c->s.fsw, 0x3881);
    assert_int_equal(c->s.ftw, 0);
    c->s.fsw = 0x3800;
    assert_int_equal(fake_cpu_call(c, sem_paddb, &mmx), FAKE_NO_FAULT);
    assert_int_equal(c->s.fsw, 0);
    assert_int_equal(c->s.ftw, 0xff);
    assert_int_equal(fake_cpu_call(c, sem_emms, &mmx), FAKE_NO_FAULT);
    assert_int_equal(c->s.ftw, 0);
    fake_cpu_destroy(c);
}

/* Loads clear or keep the rest, stores write as many bytes as they should. */
static void loads_and_stores(void **state)
{
    static const struct {
        x86_sem_fn *fn;
        unsigned size, flags;
        int form;
        unsigned bytes, from; /* of the vector: where they are */
        bool clears;          /* the rest of 128 bits */
    } t[] = {
        {sem_movss, 16, 0, FORM_RM, 4, 0, true},    {sem_movss, 16, 0, FORM_MR, 4, 0, false},
        {sem_movsd, 16, 0, FORM_RM, 8, 0, true},    {sem_movsd, 16, 0, FORM_MR, 8, 0, false},
        {sem_movq, 16, 0, FORM_RM, 8, 0, true},     {sem_movq, 16, 0, FORM_MR, 8, 0, false},
        {sem_movd, 16, 0, FORM_RM, 4, 0, true},     {sem_movd_st, 16, 0, FORM_MR, 4, 0, false},
        {sem_movd, 16, IN_W, FORM_RM, 8, 0, true},  {sem_movd_st, 16, IN_W, FORM_MR, 8, 0, false},
        {sem_movlps, 16, 0, FORM_RM, 8, 0, false},  {sem_movlps, 16, 0, FORM_MR, 8, 0, false},
        {sem_movhps, 16, 0, FORM_RM, 8, 8, false},  {sem_movhps, 16, 0, FORM_MR, 8, 8, false},
        {sem_movlpd, 16, 0, FORM_RM, 8, 0, false},  {sem_movhpd, 16, 0, FORM_MR, 8, 8, false},
        {sem_movdqu, 16, 0, FORM_RM, 16, 0, false}, {sem_movdqu, 16, 0, FORM_MR, 16, 0, false},
        {sem_movdqu, 32, 0, FORM_RM, 32, 0, false}, {sem_movdqu, 32, 0, FORM_MR, 32, 0, false},
        {sem_movntps, 32, 0, FORM_MR, 32, 0, false}, {sem_movntdq, 16, 0, FORM_MR, 16, 0, false},
    };
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 20 * ARRAY_LEN(t); k++) {
        unsigned i = k % ARRAY_LEN(t);
        bool vex = t[i].size == 32 || k / ARRAY_LEN(t) & 1;
        struct x86_insn in = fake_insn((unsigned)t[i].form, t[i].size,
                                       t[i].flags | (vex ? IN_VEX : 0));
        union x86_ymm v = simd_random(&seed), m = simd_random(&seed), expect;
        union x86_ymm first = simd_random(&seed);

        in.dst = in.src = 1;
        in.src2 = vex ? 2 : 1;
        c->s.ymm[1] = v;
        c->s.ymm[2] = first;
        memcpy(fake_cpu_mem(c), &m, 32);
        assert_int_equal(fake_cpu_call(c, t[i].fn, &in), FAKE_NO_FAULT);
        if (t[i].form == FORM_MR) {
            expect = m;
            memcpy(&expect, &v.b[t[i].from], t[i].bytes);
            assert_memory_equal(fake_cpu_mem(c), &expect, 32);
            assert_memory_equal(&c->s.ymm[1], &v, 32);
            continue;
        }
        expect = vex ? first : v;
        if (t[i].clears)
            expect.q[0] = expect.q[1] = 0;
        memcpy(&expect.b[t[i].from], &m, t[i].bytes);
        if (vex && t[i].size == 16)
            expect.q[2] = expect.q[3] = 0;
        assert_memory_equal(&c->s.ymm[1], &expect, 32);
    }
    fake_cpu_destroy(c);
}

static void masked_bytes(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_RR, 16, 0);
    uint64_t seed = test_seed();

    (void)state;
    in.src = 1;
    for (unsigned k = 0; k < 500; k++) {
        union x86_ymm before = simd_random(&seed), expect;
        bool mmx = k & 1;
        unsigned n = mmx ? 8 : 16;

        c->s.ymm[0] = simd_random(&seed);
        c->s.ymm[1] = simd_random(&seed);
        c->s.fpr[0].mant = c->s.ymm[0].q[0];
        c->s.fpr[1].mant = c->s.ymm[1].q[0];
        c->s.r[RDI] = FAKE_MEM + 5;
        memcpy(fake_cpu_mem(c) + 5, &before, 32);
        expect = before;
        for (unsigned i = 0; i < n; i++)
            if (c->s.ymm[1].b[i] & 0x80)
                expect.b[i] = c->s.ymm[0].b[i];
        assert_int_equal(fake_cpu_call(c, mmx ? sem_maskmovq : sem_maskmovdqu, &in), FAKE_NO_FAULT);
        assert_memory_equal(fake_cpu_mem(c) + 5, &expect, 32);
    }
    memset(&c->s.ymm[1], 0, 32); /* all bytes are checked, also with an empty mask */
    c->s.r[RDI] = FAKE_MEM + FAKE_MEM_SIZE - 8;
    assert_int_equal(fake_cpu_call(c, sem_maskmovdqu, &in), EXC_PF);
    assert_int_equal(fake_cpu_call(c, sem_maskmovq, &in), FAKE_NO_FAULT);
    fake_cpu_destroy(c);
}

static void clearing(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_RR, 16, IN_VEX);

    (void)state;
    memset(c->s.ymm, 0x11, sizeof(c->s.ymm));
    c->mode = MODE_CODE32 | MODE_PROT;
    assert_int_equal(fake_cpu_call(c, sem_vzeroupper, &in), FAKE_NO_FAULT);
    assert_int_equal(c->s.ymm[7].q[2], 0);
    assert_int_not_equal(c->s.ymm[7].q[1], 0);
    assert_int_not_equal(c->s.ymm[8].q[2], 0);
    c->mode = MODE_CODE64 | MODE_PROT | MODE_LMA;
    assert_int_equal(fake_cpu_call(c, sem_vzeroall, &in), FAKE_NO_FAULT);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(c->s.ymm[i].q[0] | c->s.ymm[i].q[1] | c->s.ymm[i].q[2] | c->s.ymm[i].q[3],
                         0);
    fake_cpu_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
        cmocka_unit_test(permutations_and_ciphers),
        cmocka_unit_test(register_forms),
        cmocka_unit_test(string_comparison),
        cmocka_unit_test(gathers),
        cmocka_unit_test(masked_moves),
        cmocka_unit_test(elements),
#endif
        cmocka_unit_test(checks_come_first),
        cmocka_unit_test(loads_and_stores),
        cmocka_unit_test(masked_bytes),
        cmocka_unit_test(clearing),
    };
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("aes"))
        test_skip("the host CPU has no AVX2 and AES to compare with");
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
