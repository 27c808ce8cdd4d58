/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * simd_host: run one vector operation on the host CPU and by its C function, and compare.
 *
 * Registers of a case: r[0] is destination (and first source of a legacy form), r[1] the second
 * source, r[2] the first source of a VEX form; r[3].d[0] is MXCSR, before and after, and d[1] the one
 * to go on with. A list macro LIST(F) names operations once; HOST_*(op) makes the host's function,
 * ROW_*(op) the table row.
 */
#ifndef QUAD_TEST_UNIT_ARCH_SIMD_HOST_H
#define QUAD_TEST_UNIT_ARCH_SIMD_HOST_H

#include <stdio.h>

#include "arch/x86/sem.h"
#include "lib/fake_cpu.h"
#include "lib/test.h"

struct simd_case {
    const char *name;
    x86_sem_fn *fn;
    void (*host)(union x86_ymm r[4]);
    uint8_t size;   /* 8 16 32 */
    uint16_t flags; /* IN_VEX ... */
    int imm;        /* -1: none */
    bool imm_only;  /* shift by immediate: no second source */
};

#define SIMD_LOAD                                                                            \
    "lea 77f(%%rip),%%r11\n ldmxcsr 96(%0)\n vmovdqu (%0),%%ymm0\n vmovdqu 32(%0),%%ymm1\n "    \
    "vmovdqu 64(%0),%%ymm2\n "
#define SIMD_STORE "\n 77: vmovdqu %%ymm0,(%0)\n vzeroupper\n stmxcsr 96(%0)\n ldmxcsr 100(%0)"
#define SIMD_ASM(text) \
    __asm__ volatile(SIMD_LOAD text SIMD_STORE : : "r"(r) : "memory", "xmm0", "xmm1", "xmm2", "r11")
#define SIMD_MMX(text)                                                                       \
    __asm__ volatile("movq (%0),%%mm0\n movq 32(%0),%%mm1\n " text                           \
                     "\n movq %%mm0,(%0)\n emms"                                             \
                     :                                                                       \
                     : "r"(r)                                                                \
                     : "memory", "mm0", "mm1")

/* Two sources. */
#define HOST_M(op) static void m_##op(union x86_ymm *r) { SIMD_MMX(#op " %%mm1,%%mm0"); }
#define HOST_S(op) static void s_##op(union x86_ymm *r) { SIMD_ASM(#op " %%xmm1,%%xmm0"); }
#define HOST_X(op) static void x_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%xmm1,%%xmm2,%%xmm0"); }
#define HOST_Y(op) static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%ymm1,%%ymm2,%%ymm0"); }
#define ROW_M(op) {#op " mmx", sem_##op, m_##op, 8, IN_MMX, -1, false},
#define ROW_S(op) {#op " xmm", sem_##op, s_##op, 16, 0, -1, false},
#define ROW_X(op) {"v" #op " xmm", sem_##op, x_##op, 16, IN_VEX, -1, false},
#define ROW_Y(op) {"v" #op " ymm", sem_##op, y_##op, 32, IN_VEX | IN_L256, -1, false},
/* One source. */
#define HOST_X1(op) static void x_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%xmm1,%%xmm0"); }
#define HOST_Y1(op) static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%ymm1,%%ymm0"); }
#define HOST_YX1(op) static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%xmm1,%%ymm0"); }
/* 256-bit operation with a 128-bit second source (shift counts). */
#define HOST_YX(op) static void y_##op(union x86_ymm *r) { SIMD_ASM("v" #op " %%xmm1,%%ymm2,%%ymm0"); }
/* VEX only: the name has its v. */
#define HOST_VX(op) static void x_##op(union x86_ymm *r) { SIMD_ASM(#op " %%xmm1,%%xmm2,%%xmm0"); }
#define HOST_VY(op) static void y_##op(union x86_ymm *r) { SIMD_ASM(#op " %%ymm1,%%ymm2,%%ymm0"); }
#define ROW_VX(op) {#op " xmm", sem_##op, x_##op, 16, IN_VEX, -1, false},
#define ROW_VY(op) {#op " ymm", sem_##op, y_##op, 32, IN_VEX | IN_L256, -1, false},

/* With an immediate. I(op, imm) in lists. */
#define HOST_MI(op, i) static void m_##op##_##i(union x86_ymm *r) { SIMD_MMX(#op " $" #i ",%%mm1,%%mm0"); }
#define HOST_SI(op, i) static void s_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm1,%%xmm0"); }
#define HOST_XI(op, i) \
    static void x_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%xmm1,%%xmm2,%%xmm0"); }
#define HOST_YI(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%ymm1,%%ymm2,%%ymm0"); }
#define HOST_XI1(op, i) \
    static void x_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%xmm1,%%xmm0"); }
#define HOST_YI1(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%ymm1,%%ymm0"); }
#define HOST_VXI(op, i) \
    static void x_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm1,%%xmm2,%%xmm0"); }
#define HOST_VYI(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%ymm1,%%ymm2,%%ymm0"); }
#define HOST_VXI1(op, i) \
    static void x_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm1,%%xmm0"); }
#define HOST_VYI1(op, i) \
    static void y_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%ymm1,%%ymm0"); }
#define ROW_MI(op, i) {#op " mmx " #i, sem_##op, m_##op##_##i, 8, IN_MMX, i, false},
#define ROW_SI(op, i) {#op " xmm " #i, sem_##op, s_##op##_##i, 16, 0, i, false},
#define ROW_XI(op, i) {"v" #op " xmm " #i, sem_##op, x_##op##_##i, 16, IN_VEX, i, false},
#define ROW_YI(op, i) {"v" #op " ymm " #i, sem_##op, y_##op##_##i, 32, IN_VEX | IN_L256, i, false},
#define ROW_VXI(op, i) {#op " xmm " #i, sem_##op, x_##op##_##i, 16, IN_VEX, i, false},
#define ROW_VYI(op, i) {#op " ymm " #i, sem_##op, y_##op##_##i, 32, IN_VEX | IN_L256, i, false},

/* Shifts by immediate: the operand is the first source. */
#define HOST_MK(op, i) static void mk_##op##_##i(union x86_ymm *r) { SIMD_MMX(#op " $" #i ",%%mm0"); }
#define HOST_SK(op, i) static void sk_##op##_##i(union x86_ymm *r) { SIMD_ASM(#op " $" #i ",%%xmm0"); }
#define HOST_XK(op, i) \
    static void xk_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%xmm2,%%xmm0"); }
#define HOST_YK(op, i) \
    static void yk_##op##_##i(union x86_ymm *r) { SIMD_ASM("v" #op " $" #i ",%%ymm2,%%ymm0"); }
#define ROW_MK(op, i) {#op " mmx imm " #i, sem_##op, mk_##op##_##i, 8, IN_MMX, i, true},
#define ROW_SK(op, i) {#op " xmm imm " #i, sem_##op, sk_##op##_##i, 16, 0, i, true},
#define ROW_XK(op, i) {"v" #op " xmm imm " #i, sem_##op, xk_##op##_##i, 16, IN_VEX, i, true},
#define ROW_YK(op, i) {"v" #op " ymm imm " #i, sem_##op, yk_##op##_##i, 32, IN_VEX | IN_L256, i, true},

/* A random vector with many edge values: element of 1, 2, 4, 8 bytes all zeros, all ones, smallest,
 * largest, small; or whole random. */
static inline union x86_ymm simd_random(uint64_t *seed)
{
    static const uint64_t edge[] = {0, UINT64_MAX, 1, 0x80, 0x7f, 0x8000, 0x7fff, 0x80000000,
                                    0x7fffffff, UINT64_C(1) << 63, INT64_MAX, 15, 16, 31, 32, 64};
    uint64_t kind = test_random(seed) >> 32;
    union x86_ymm v;

    for (unsigned i = 0; i < 4; i++)
        v.q[i] = test_random(seed);
    if (kind & 1)
        for (unsigned i = 0; i < 32; i++)
            if (test_random(seed) >> 62)
                v.b[i] = (uint8_t)edge[test_random(seed) >> 60];
    if ((kind & 6) == 2)
        for (unsigned i = 0; i < 16; i++)
            v.w[i] = (uint16_t)edge[test_random(seed) >> 60];
    if ((kind & 6) == 4)
        for (unsigned i = 0; i < 8; i++)
            v.d[i] = (uint32_t)edge[test_random(seed) >> 60];
    if ((kind & 6) == 6)
        for (unsigned i = 0; i < 4; i++)
            v.q[i] = edge[test_random(seed) >> 60];
    return v;
}

static inline void simd_print(const char *what, const union x86_ymm *v)
{
    fprintf(stderr, "  %-8s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", what,
            v->q[3], v->q[2], v->q[1], v->q[0]);
}

/* Our result of a case: registers in, r[0] out. memory: the second source comes from memory. */
static inline int simd_ours(struct x86_cpu *c, const struct simd_case *t, union x86_ymm r[3],
                            bool memory)
{
    struct x86_insn in = fake_insn(memory ? FORM_RM : FORM_RR, t->size, t->flags);
    int fault;

    in.dst = 0;
    in.src = t->imm_only ? X86_IMM : 1;
    in.src2 = t->flags & IN_VEX ? 2 : 0;
    in.imm = t->imm < 0 ? 0 : (uint64_t)t->imm;
    memcpy(fake_cpu_mem(c), &r[1], 32);
    if (t->flags & IN_MMX) {
        for (unsigned i = 0; i < 3; i++)
            c->s.fpr[i] = (struct f80){.mant = r[i].q[0]};
        if (memory)
            c->s.fpr[1].mant = 0x5555;
        fault = fake_cpu_call(c, t->fn, &in);
        r[0].q[0] = c->s.fpr[0].mant;
        assert_int_equal(c->s.fpr[0].se, 0xffff);
        assert_int_equal(c->s.ftw, 0xff);
        return fault;
    }
    memcpy(c->s.ymm, r, 3 * sizeof(*r));
    if (memory)
        memset(&c->s.ymm[1], 0x55, 32);
    fault = fake_cpu_call(c, t->fn, &in);
    r[0] = c->s.ymm[0];
    return fault;
}

/* Counts the host's SIGFPEs: the program that unmasks exceptions has a handler which goes on at the
 * address in R11, behind the instruction. */
static volatile int simd_host_faults;

/* One case; in[0..2] are the registers. */
static inline void simd_compare(struct x86_cpu *c, const struct simd_case *t,
                                const union x86_ymm in[3], uint32_t mxcsr, bool memory)
{
    union x86_ymm host[4], ours[3];
    int fault;

    memcpy(host, in, 3 * sizeof(in[0]));
    memcpy(ours, in, sizeof(ours));
    host[3].d[0] = c->s.mxcsr = mxcsr;
    host[3].d[1] = 0x1f80;
    simd_host_faults = 0;
    t->host(host);
    fault = simd_ours(c, t, ours, memory && !t->imm_only);
    if (t->flags & IN_MMX)
        c->s.mxcsr = host[3].d[0]; /* the MMX sequence does not load it */
    if (!memcmp(host, ours, 32) && host[3].d[0] == c->s.mxcsr &&
        fault == (simd_host_faults ? EXC_XM : FAKE_NO_FAULT))
        return;
    simd_print("dst", &in[0]);
    simd_print("source", &in[1]);
    simd_print("first", &in[2]);
    simd_print("host", &host[0]);
    simd_print("ours", &ours[0]);
    fprintf(stderr, "  mxcsr    %x: host %x%s ours %x fault %d\n", mxcsr, host[3].d[0],
            simd_host_faults ? " fault" : "", c->s.mxcsr, fault);
    fail_msg("%s%s differs from the host", t->name, memory ? " (memory)" : "");
}

static inline void simd_run_table(const struct simd_case *t, size_t n)
{
    struct x86_cpu *c = fake_cpu_create();
    uint64_t seed = test_seed();
    unsigned rounds = test_long() ? 10000 : 400;

    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < rounds; k++) {
            union x86_ymm in[3];

            for (unsigned j = 0; j < 3; j++)
                in[j] = simd_random(&seed);
            simd_compare(c, &t[i], in, 0x1f80, k & 1);
        }
    }
    fake_cpu_destroy(c);
}

#endif
