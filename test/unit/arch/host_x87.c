/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The x87 operations (sem_x87_*.c) against the host's x87: from random states (FXRSTOR) each runs
 * on both; control, status, tags, all registers, memory, RFLAGS and AX are compared. Empty and
 * full stacks, all roundings and precisions, masked and unmasked exceptions.
 *
 * Not compared: FOP, FIP, FDP and selectors; on a host that is not AMD's also the condition bits
 * of operations that the manuals leave them undefined for (what we do is what AMD's do).
 */
#include "lib/test.h"

#include <stdio.h>

#include "arch/x86/sem.h"
#include "arch/x86/x87.h"
#include "lib/fake_cpu.h"
#include "lib/float_gen.h"

enum { MEM = 112 };

struct run {
    uint8_t before[512] __attribute__((aligned(16)));
    uint8_t after[512] __attribute__((aligned(16)));
    uint8_t mem[MEM] __attribute__((aligned(16)));
    uint16_t ax;
    uint8_t flags; /* SF ZF AF PF CF */
    uint8_t of;
};

struct x87_case {
    const char *name;
    void (*host)(struct run *r);
    x86_sem_fn *fn;
    uint8_t form, size, dst, src, cc;
};

#define HOST(id, text)                                                                            \
    static void host_##id(struct run *r)                                                          \
    {                                                                                             \
        __asm__ volatile("fxrstor %[before]\n\tmovb %[fl], %%ah\n\tsahf\n\tmovw $0x5a5a, %%ax\n\t" \
                         text "\n\t"                                                              \
                         "movw %%ax, %[ax]\n\tlahf\n\tmovb %%ah, %[fl]\n\tseto %[of]\n\t"         \
                         "fxsave %[after]\n\tfninit"                                              \
                         : [m] "+m"(r->mem), [after] "=m"(r->after), [ax] "=m"(r->ax),            \
                           [fl] "+m"(r->flags), [of] "=m"(r->of)                                  \
                         : [before] "m"(r->before)                                                \
                         : "ax", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",  \
                           "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",    \
                           "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",   \
                           "st(6)", "st(7)");                                                     \
    }

/* X(id, host's text, operation, form, size, dst, src, cc or immediate) */
#define CASES(X)                                                          \
    X(fadd_0_3, "fadd %%st(3), %%st", fadd, FORM_RR, 0, 0, 3, 0)          \
    X(fadd_2_0, "fadd %%st, %%st(2)", fadd, FORM_RR, 0, 2, 0, 0)          \
    X(faddp_1, "faddp %%st, %%st(1)", faddp, FORM_RR, 0, 1, 0, 0)         \
    X(faddp_0, ".byte 0xde, 0xc0", faddp, FORM_RR, 0, 0, 0, 0)            \
    X(fmul_0_1, "fmul %%st(1), %%st", fmul, FORM_RR, 0, 0, 1, 0)          \
    X(fmulp_5, "fmulp %%st, %%st(5)", fmulp, FORM_RR, 0, 5, 0, 0)         \
    X(fsub_d8, ".byte 0xd8, 0xe1", fsub, FORM_RR, 0, 0, 1, 0)             \
    X(fsubr_d8, ".byte 0xd8, 0xe9", fsubr, FORM_RR, 0, 0, 1, 0)           \
    X(fsubr_dc, ".byte 0xdc, 0xe2", fsubr, FORM_RR, 0, 2, 0, 0)           \
    X(fsub_dc, ".byte 0xdc, 0xea", fsub, FORM_RR, 0, 2, 0, 0)             \
    X(fsubrp_de, ".byte 0xde, 0xe1", fsubrp, FORM_RR, 0, 1, 0, 0)         \
    X(fsubp_de, ".byte 0xde, 0xe9", fsubp, FORM_RR, 0, 1, 0, 0)           \
    X(fdiv_d8, ".byte 0xd8, 0xf1", fdiv, FORM_RR, 0, 0, 1, 0)             \
    X(fdivr_d8, ".byte 0xd8, 0xf9", fdivr, FORM_RR, 0, 0, 1, 0)           \
    X(fdivrp_de, ".byte 0xde, 0xf1", fdivrp, FORM_RR, 0, 1, 0, 0)         \
    X(fdivp_de, ".byte 0xde, 0xf9", fdivp, FORM_RR, 0, 1, 0, 0)           \
    X(fadd_m32, "fadds %[m]", fadd, FORM_RM, 4, 0, 0, 0)                  \
    X(fadd_m64, "faddl %[m]", fadd, FORM_RM, 8, 0, 0, 0)                  \
    X(fmul_m32, "fmuls %[m]", fmul, FORM_RM, 4, 0, 0, 0)                  \
    X(fmul_m64, "fmull %[m]", fmul, FORM_RM, 8, 0, 0, 0)                  \
    X(fsub_m32, "fsubs %[m]", fsub, FORM_RM, 4, 0, 0, 0)                  \
    X(fsubr_m64, "fsubrl %[m]", fsubr, FORM_RM, 8, 0, 0, 0)               \
    X(fdiv_m32, "fdivs %[m]", fdiv, FORM_RM, 4, 0, 0, 0)                  \
    X(fdivr_m32, "fdivrs %[m]", fdivr, FORM_RM, 4, 0, 0, 0)               \
    X(fdiv_m64, "fdivl %[m]", fdiv, FORM_RM, 8, 0, 0, 0)                  \
    X(fdivr_m64, "fdivrl %[m]", fdivr, FORM_RM, 8, 0, 0, 0)               \
    X(fiadd_m16, "fiadds %[m]", fiadd, FORM_RM, 2, 0, 0, 0)               \
    X(fiadd_m32, "fiaddl %[m]", fiadd, FORM_RM, 4, 0, 0, 0)               \
    X(fimul_m32, "fimull %[m]", fimul, FORM_RM, 4, 0, 0, 0)               \
    X(fisub_m16, "fisubs %[m]", fisub, FORM_RM, 2, 0, 0, 0)               \
    X(fisubr_m32, "fisubrl %[m]", fisubr, FORM_RM, 4, 0, 0, 0)            \
    X(fidiv_m16, "fidivs %[m]", fidiv, FORM_RM, 2, 0, 0, 0)               \
    X(fidivr_m16, "fidivrs %[m]", fidivr, FORM_RM, 2, 0, 0, 0)            \
    X(fsqrt, "fsqrt", fsqrt, FORM_RR, 0, 0, 0, 0)                         \
    X(frndint, "frndint", frndint, FORM_RR, 0, 0, 0, 0)                   \
    X(fchs, "fchs", fchs, FORM_RR, 0, 0, 0, 0)                            \
    X(fabs, "fabs", fabs, FORM_RR, 0, 0, 0, 0)                            \
    X(fscale, "fscale", fscale, FORM_RR, 0, 0, 0, 0)                      \
    X(fprem, "fprem", fprem, FORM_RR, 0, 0, 0, 0)                         \
    X(fprem1, "fprem1", fprem1, FORM_RR, 0, 0, 0, 0)                      \
    X(fxtract, "fxtract", fxtract, FORM_RR, 0, 0, 0, 0)                   \
    X(fcom_2, "fcom %%st(2)", fcom, FORM_RR, 0, 0, 2, 0)                  \
    X(fcomp_1, "fcomp %%st(1)", fcomp, FORM_RR, 0, 0, 1, 0)               \
    X(fcompp, "fcompp", fcompp, FORM_RR, 0, 0, 0, 0)                      \
    X(fucom_2, "fucom %%st(2)", fucom, FORM_RR, 0, 0, 2, 0)               \
    X(fucomp_1, "fucomp %%st(1)", fucomp, FORM_RR, 0, 0, 1, 0)            \
    X(fucompp, "fucompp", fucompp, FORM_RR, 0, 0, 0, 0)                   \
    X(fcom_m32, "fcoms %[m]", fcom, FORM_RM, 4, 0, 0, 0)                  \
    X(fcomp_m64, "fcompl %[m]", fcomp, FORM_RM, 8, 0, 0, 0)               \
    X(ficom_m16, "ficoms %[m]", ficom, FORM_RM, 2, 0, 0, 0)               \
    X(ficomp_m32, "ficompl %[m]", ficomp, FORM_RM, 4, 0, 0, 0)            \
    X(fcomi_1, "fcomi %%st(1), %%st", fcomi, FORM_RR, 0, 0, 1, 0)         \
    X(fcomip_1, "fcomip %%st(1), %%st", fcomip, FORM_RR, 0, 0, 1, 0)      \
    X(fucomi_1, "fucomi %%st(1), %%st", fucomi, FORM_RR, 0, 0, 1, 0)      \
    X(fucomip_1, "fucomip %%st(1), %%st", fucomip, FORM_RR, 0, 0, 1, 0)   \
    X(ftst, "ftst", ftst, FORM_RR, 0, 0, 0, 0)                            \
    X(fxam, "fxam", fxam, FORM_RR, 0, 0, 0, 0)                            \
    X(fld_m32, "flds %[m]", fld, FORM_RM, 4, 0, 0, 0)                     \
    X(fld_m64, "fldl %[m]", fld, FORM_RM, 8, 0, 0, 0)                     \
    X(fld_m80, "fldt %[m]", fld, FORM_RM, 10, 0, 0, 0)                    \
    X(fld_3, "fld %%st(3)", fld, FORM_RR, 0, 0, 3, 0)                     \
    X(fld_7, "fld %%st(7)", fld, FORM_RR, 0, 0, 7, 0)                     \
    X(fild_m16, "filds %[m]", fild, FORM_RM, 2, 0, 0, 0)                  \
    X(fild_m32, "fildl %[m]", fild, FORM_RM, 4, 0, 0, 0)                  \
    X(fild_m64, "fildll %[m]", fild, FORM_RM, 8, 0, 0, 0)                 \
    X(fbld, "fbld %[m]", fbld, FORM_RM, 10, 0, 0, 0)                      \
    X(fst_m32, "fsts %[m]", fst, FORM_MR, 4, 0, 0, 0)                     \
    X(fst_m64, "fstl %[m]", fst, FORM_MR, 8, 0, 0, 0)                     \
    X(fst_4, "fst %%st(4)", fst, FORM_RR, 0, 4, 0, 0)                     \
    X(fstp_m32, "fstps %[m]", fstp, FORM_MR, 4, 0, 0, 0)                  \
    X(fstp_m64, "fstpl %[m]", fstp, FORM_MR, 8, 0, 0, 0)                  \
    X(fstp_m80, "fstpt %[m]", fstp, FORM_MR, 10, 0, 0, 0)                 \
    X(fstp_0, "fstp %%st(0)", fstp, FORM_RR, 0, 0, 0, 0)                  \
    X(fstp_3, "fstp %%st(3)", fstp, FORM_RR, 0, 3, 0, 0)                  \
    X(fist_m16, "fists %[m]", fist, FORM_MR, 2, 0, 0, 0)                  \
    X(fist_m32, "fistl %[m]", fist, FORM_MR, 4, 0, 0, 0)                  \
    X(fistp_m16, "fistps %[m]", fistp, FORM_MR, 2, 0, 0, 0)               \
    X(fistp_m32, "fistpl %[m]", fistp, FORM_MR, 4, 0, 0, 0)               \
    X(fistp_m64, "fistpll %[m]", fistp, FORM_MR, 8, 0, 0, 0)              \
    X(fisttp_m16, "fisttps %[m]", fisttp, FORM_MR, 2, 0, 0, 0)            \
    X(fisttp_m32, "fisttpl %[m]", fisttp, FORM_MR, 4, 0, 0, 0)            \
    X(fisttp_m64, "fisttpll %[m]", fisttp, FORM_MR, 8, 0, 0, 0)           \
    X(fbstp, "fbstp %[m]", fbstp, FORM_MR, 10, 0, 0, 0)                   \
    X(fxch_2, "fxch %%st(2)", fxch, FORM_RR, 0, 0, 2, 0)                  \
    X(fxch_0, "fxch %%st(0)", fxch, FORM_RR, 0, 0, 0, 0)                  \
    X(fcmovb, "fcmovb %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 2)         \
    X(fcmove, "fcmove %%st(2), %%st", fcmov, FORM_RR, 0, 0, 2, 4)         \
    X(fcmovbe, "fcmovbe %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 6)       \
    X(fcmovu, "fcmovu %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 10)        \
    X(fcmovnb, "fcmovnb %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 3)       \
    X(fcmovne, "fcmovne %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 5)       \
    X(fcmovnbe, "fcmovnbe %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 7)     \
    X(fcmovnu, "fcmovnu %%st(1), %%st", fcmov, FORM_RR, 0, 0, 1, 11)      \
    X(ffree_2, "ffree %%st(2)", ffree, FORM_RR, 0, 2, 0, 0)               \
    X(ffreep_1, ".byte 0xdf, 0xc1", ffreep, FORM_RR, 0, 1, 0, 0)          \
    X(fincstp, "fincstp", fincstp, FORM_RR, 0, 0, 0, 0)                   \
    X(fdecstp, "fdecstp", fdecstp, FORM_RR, 0, 0, 0, 0)                   \
    X(fnop, "fnop", fnop, FORM_RR, 0, 0, 0, 0)                            \
    X(fneni, ".byte 0xdb, 0xe0", fneni, FORM_RR, 0, 0, 0, 0)              \
    X(fwait, "fwait", fwait, FORM_RR, 0, 0, 0, 0)                         \
    X(fld1, "fld1", fld_const, FORM_RR, 0, 0, 0, 0)                       \
    X(fldl2t, "fldl2t", fld_const, FORM_RR, 0, 0, 0, 1)                   \
    X(fldl2e, "fldl2e", fld_const, FORM_RR, 0, 0, 0, 2)                   \
    X(fldpi, "fldpi", fld_const, FORM_RR, 0, 0, 0, 3)                     \
    X(fldlg2, "fldlg2", fld_const, FORM_RR, 0, 0, 0, 4)                   \
    X(fldln2, "fldln2", fld_const, FORM_RR, 0, 0, 0, 5)                   \
    X(fldz, "fldz", fld_const, FORM_RR, 0, 0, 0, 6)                       \
    X(fnclex, "fnclex", fnclex, FORM_RR, 0, 0, 0, 0)                      \
    X(fninit, "fninit", fninit, FORM_RR, 0, 0, 0, 0)                      \
    X(fldcw, "fldcw %[m]", fldcw, FORM_RM, 2, 0, 0, 0)                    \
    X(fnstcw, "fnstcw %[m]", fnstcw, FORM_MR, 2, 0, 0, 0)                 \
    X(fnstsw, "fnstsw %[m]", fnstsw, FORM_MR, 2, 0, 0, 0)                 \
    X(fnstsw_ax, "fnstsw %%ax", fnstsw, FORM_RR, 2, 0, 0, 0)              \
    X(fldenv, "fldenv %[m]", fldenv, FORM_RM, 4, 0, 0, 0)                 \
    X(fldenv16, ".byte 0x66\n\tfldenv %[m]", fldenv, FORM_RM, 2, 0, 0, 0) \
    X(fnstenv, "fnstenv %[m]", fnstenv, FORM_MR, 4, 0, 0, 0)              \
    X(fnstenv16, ".byte 0x66\n\tfnstenv %[m]", fnstenv, FORM_MR, 2, 0, 0, 0) \
    X(frstor, "frstor %[m]", frstor, FORM_RM, 4, 0, 0, 0)                 \
    X(frstor16, ".byte 0x66\n\tfrstor %[m]", frstor, FORM_RM, 2, 0, 0, 0) \
    X(fnsave, "fnsave %[m]", fnsave, FORM_MR, 4, 0, 0, 0)                 \
    X(fnsave16, ".byte 0x66\n\tfnsave %[m]", fnsave, FORM_MR, 2, 0, 0, 0)

/* Transcendental: the host's results may be an ulp or two off, and C1 with them. */
#define TRANS(X)                                                \
    X(f2xm1, "f2xm1", f2xm1, FORM_RR, 0, 0, 0, 0)               \
    X(fsin, "fsin", fsin, FORM_RR, 0, 0, 0, 0)                  \
    X(fcos, "fcos", fcos, FORM_RR, 0, 0, 0, 0)                  \
    X(fsincos, "fsincos", fsincos, FORM_RR, 0, 0, 0, 0)         \
    X(fptan, "fptan", fptan, FORM_RR, 0, 0, 0, 0)               \
    X(fpatan, "fpatan", fpatan, FORM_RR, 0, 0, 0, 0)            \
    X(fyl2x, "fyl2x", fyl2x, FORM_RR, 0, 0, 0, 0)               \
    X(fyl2xp1, "fyl2xp1", fyl2xp1, FORM_RR, 0, 0, 0, 0)

#define MAKE_HOST(id, text, op, form, size, dst, src, cc) HOST(id, text)
#define MAKE_ROW(id, text, op, form, size, dst, src, cc) \
    {#id, host_##id, sem_##op, form, size, dst, src, cc},

CASES(MAKE_HOST)
TRANS(MAKE_HOST)
static const struct x87_case cases[] = {CASES(MAKE_ROW)};
static const struct x87_case trans[] = {TRANS(MAKE_ROW)};

/* ---- random states ---- */

static void put_f80(uint8_t *p, struct f80 v)
{
    memcpy(p, &v.mant, 8);
    memcpy(p + 8, &v.se, 2);
}

static void gen_state(uint64_t *rng, uint8_t *fx)
{
    uint64_t r = test_random(rng);
    unsigned masks = r & 1 ? FLOAT_ALL : (unsigned)(test_random(rng) & FLOAT_ALL);
    uint16_t fcw = (uint16_t)((test_random(rng) & 0x1f00) | FCW_ONE | masks);
    uint16_t fsw = (uint16_t)test_random(rng);
    uint32_t mxcsr = 0x1f80;
    struct f80 v = {0};

    if ((fcw & 0x300) == 0x100) /* reserved */
        fcw |= 0x200;
    fsw &= (uint16_t) ~(FSW_ES | FSW_B | (~masks & FLOAT_ALL));
    if (r & 2)
        fsw &= FSW_CC | FSW_TOP;
    memset(fx, 0, 512);
    memcpy(fx, &fcw, 2);
    memcpy(fx + 2, &fsw, 2);
    /* a stack that is mostly as deep as programs have it, sometimes full, sometimes with holes */
    if (r & 4) {
        unsigned top = fsw >> 11 & 7, depth = (unsigned)(r >> 8) % 9;

        for (unsigned i = 0; i < depth; i++)
            fx[4] |= (uint8_t)(1u << ((top + i) & 7));
    } else {
        fx[4] = r & 8 ? 0xff : (uint8_t)test_random(rng);
    }
    memcpy(fx + 24, &mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        v = i && r & 16 ? gen_f80_near(rng, v) : gen_f80(rng);
        put_f80(fx + 32 + 16 * i, v);
    }
}

static void gen_mem(uint64_t *rng, const struct x87_case *t, const uint8_t *fx, uint8_t *mem)
{
    uint64_t v;

    for (unsigned i = 0; i < MEM; i += 8) {
        v = test_random(rng);
        memcpy(mem + i, &v, 8);
    }
    if (t->fn == sem_fbld) { /* digits only */
        for (unsigned i = 0; i < 9; i++)
            mem[i] = (uint8_t)((mem[i] & 15) % 10 | (mem[i] >> 4) % 10 << 4);
        if (test_random(rng) & 1)
            memset(mem + test_random(rng) % 9, 0, 9 - (size_t)(test_random(rng) % 3 + 6));
        return;
    }
    if (t->form != FORM_RM)
        return;
    if (t->fn == sem_fldenv || t->fn == sem_frstor || t->fn == sem_fldcw) {
        uint16_t fcw;

        memcpy(&fcw, mem, 2);
        if ((fcw & 0x300) == 0x100)
            fcw |= 0x200;
        memcpy(mem, &fcw, 2);
        return;
    }
    switch (t->size) {
    case 2:
        v = gen_int(rng);
        memcpy(mem, &v, 2);
        break;
    case 4:
        v = test_random(rng) & 1 ? gen_int(rng) : gen_f32(rng);
        memcpy(mem, &v, 4);
        break;
    case 8:
        v = test_random(rng) & 1 ? gen_int(rng) : gen_f64(rng);
        memcpy(mem, &v, 8);
        break;
    default:
        put_f80(mem, gen_f80(rng));
        if (test_random(rng) % 4 == 0)
            memcpy(mem, fx + 32, 10);
    }
}

/* ---- one case ---- */

static void load_state(struct x86_cpu *c, const struct run *r)
{
    x87_load_area(c, r->before, true);
    memcpy(fake_cpu_mem(c), r->mem, MEM);
    c->s.r[RAX] = 0x5a5a;
    fl_load(c, r->flags); /* OF clear */
}

/* C1 and, but for comparisons, the others are the maker's own business where undefined. */
static void hide_conditions(const struct x87_case *t, uint8_t *fx, uint8_t *other)
{
    if (__builtin_cpu_is("amd") || t->fn == sem_fcom || t->fn == sem_fucom || t->fn == sem_fxam)
        return;
    fx[3] &= (uint8_t) ~(FSW_CC >> 8);
    other[3] &= (uint8_t) ~(FSW_CC >> 8);
}

static bool same_tags(const struct run *h, const struct x86_cpu *c)
{
    return h->after[4] == c->s.ftw;
}

static void print_state(const char *who, const uint8_t *fx, const uint8_t *mem, uint16_t ax,
                        unsigned flags)
{
    char line[800];
    size_t n = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t m;
        uint16_t se;

        memcpy(&m, fx + 32 + 16 * i, 8);
        memcpy(&se, fx + 40 + 16 * i, 2);
        n += (size_t)snprintf(line + n, sizeof(line) - n, " %04x:%016" PRIx64, se, m);
    }
    n += (size_t)snprintf(line + n, sizeof(line) - n, "\n   mem ");
    for (unsigned i = 0; i < 28; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%02x", mem[i]);
    print_error("%s: fcw=%02x%02x fsw=%02x%02x tags=%02x ax=%04x fl=%03x\n  %s\n", who, fx[1],
                fx[0], fx[3], fx[2], fx[4], ax, flags, line);
}

/* Stored FIP, FDP, FOP and selectors are not compared. */
static void hide_pointers(const struct x87_case *t, uint8_t *mem)
{
    if (t->fn == sem_fnstenv || t->fn == sem_fnsave) {
        if (t->size == 2)
            memset(mem + 6, 0, 8);
        else
            memset(mem + 12, 0, 16);
    }
}

/* Let the host's result pass for ours if it is within two ulp. */
static void forgive(const uint8_t *fx, uint8_t *soft, unsigned i)
{
    uint64_t hm, sm, d;
    uint16_t hse, sse;

    memcpy(&hm, fx + 32 + 16 * i, 8);
    memcpy(&hse, fx + 40 + 16 * i, 2);
    memcpy(&sm, soft + 32 + 16 * i, 8);
    memcpy(&sse, soft + 40 + 16 * i, 2);
    d = hm > sm ? hm - sm : sm - hm;
    if ((hse ^ sse) == 1 && (hse & 0x7fff) <= 1) /* a denormal beside the smallest normal number */
        sse = hse;
    if ((hse == sse && d <= 2) || (hse - sse == 1 && sm - (hm << 1) + 2 <= 4) ||
        (sse - hse == 1 && hm - (sm << 1) + 2 <= 4))
        memcpy(soft + 32 + 16 * i, fx + 32 + 16 * i, 10);
}

static bool run_case(struct x86_cpu *c, const struct x87_case *t, bool exact, uint64_t *rng)
{
    struct run r;
    struct run start;
    struct x86_insn in = fake_insn(t->form, t->size, 0);
    uint8_t soft[X87_AREA];
    uint8_t *mem = fake_cpu_mem(c);
    unsigned flags;

    memset(&r, 0, sizeof(r));
    gen_state(rng, r.before);
    gen_mem(rng, t, r.before, r.mem);
    r.flags = (uint8_t)((test_random(rng) & (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)) | FL_1);
    start = r;
    in.dst = t->dst;
    in.src = t->src;
    in.cc = t->cc;
    in.imm = t->cc;
    load_state(c, &r);
    t->host(&r);
    assert_int_equal(fake_cpu_call(c, t->fn, &in), FAKE_NO_FAULT);
    c->s.fop = 0;
    c->s.fip = c->s.fdp = 0;
    x87_save_area(c, soft, true);
    memset(r.after + 6, 0, 18);
    memcpy(soft + 24, r.after + 24, 8);
    for (unsigned i = 0; i < 8; i++) /* reserved bytes of the area */
        memset(r.after + 42 + 16 * i, 0, 6);
    hide_conditions(t, r.after, soft);
    if (!exact) {
        forgive(r.after, soft, 0);
        forgive(r.after, soft, 1);
        soft[3] = (uint8_t)((soft[3] & ~(FSW_C1 >> 8)) | (r.after[3] & FSW_C1 >> 8));
    }
    hide_pointers(t, r.mem);
    hide_pointers(t, mem);
    flags = (unsigned)fl_arith(c) | FL_1;
    if (memcmp(r.after, soft, X87_AREA) || memcmp(r.mem, mem, MEM) || !same_tags(&r, c) ||
        r.ax != (uint16_t)c->s.r[RAX] || (r.flags | (r.of ? FL_OF : 0)) != flags) {
        print_state("before", start.before, start.mem, 0x5a5a, start.flags);
        print_state("host  ", r.after, r.mem, r.ax, r.flags | (r.of ? FL_OF : 0u));
        print_state("soft  ", soft, mem, (uint16_t)c->s.r[RAX], flags);
        return false;
    }
    return true;
}

static void run_table(const struct x87_case *table, size_t count, bool exact)
{
    struct x86_cpu *c = fake_cpu_create();
    uint64_t rng = test_seed();
    long per_case = test_long() ? 500000 : 10000;
    unsigned failed = 0;

    for (size_t i = 0; i < count; i++) {
        long n = 0;

        while (n < per_case && run_case(c, &table[i], exact, &rng))
            n++;
        if (n < per_case) {
            print_error("ERROR: %s differs in case %ld\n", table[i].name, n);
            failed++;
        }
    }
    fake_cpu_destroy(c);
    assert_int_equal(failed, 0);
}

static void test_operations(void **state)
{
    (void)state;
    run_table(cases, ARRAY_LEN(cases), true);
}

static void test_transcendental(void **state)
{
    (void)state;
    run_table(trans, ARRAY_LEN(trans), false);
}

/* ---- what the host would answer with a signal ---- */

static void test_pending(void **state)
{
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_RR, 0, 0);

    (void)state;
    x87_init(c);
    c->s.fcw = 0x37f & ~FLOAT_ZE;
    x87_push(c, (struct f80){0, 0});
    x87_push(c, (struct f80){UINT64_C(1) << 63, 0x3fff});
    in.src = 1;
    assert_int_equal(fake_cpu_call(c, sem_fdiv, &in), FAKE_NO_FAULT);
    assert_int_equal(c->s.fsw & (FSW_ES | FSW_B | FLOAT_ZE), FSW_ES | FSW_B | FLOAT_ZE);
    assert_int_equal(fake_cpu_call(c, sem_fadd, &in), EXC_MF);
    assert_int_equal(fake_cpu_call(c, sem_fwait, &in), EXC_MF);
    assert_int_equal(fake_cpu_call(c, sem_fneni, &in), FAKE_NO_FAULT);
    c->s.cr0 &= ~(uint64_t)CR0_NE;
    assert_false(c->s.ferr);
    assert_int_equal(fake_cpu_call(c, sem_fwait, &in), FAKE_NO_FAULT);
    assert_true(c->s.ferr);
    c->s.cr0 |= CR0_TS;
    assert_int_equal(fake_cpu_call(c, sem_fadd, &in), EXC_NM);
    assert_int_equal(fake_cpu_call(c, sem_fnclex, &in), EXC_NM);
    assert_int_equal(fake_cpu_call(c, sem_fwait, &in), EXC_NM);
    c->s.cr0 &= ~(uint64_t)CR0_MP;
    assert_int_equal(fake_cpu_call(c, sem_fwait, &in), FAKE_NO_FAULT);
    fake_cpu_destroy(c);
}

/* The real-mode layouts of the environment, which user mode does not have. */
static void test_real_environment(void **state)
{
    static const uint8_t want32[28] = {
        0x7f, 0x03, 0xff, 0xff, 0x00, 0x30, 0xff, 0xff, 0xff, 0x4f, 0xff, 0xff, 0x78, 0x56,
        0xff, 0xff, 0xcd, 0x43, 0x01, 0x00, 0x21, 0x43, 0xff, 0xff, 0x00, 0x50, 0x06, 0x00,
    };
    static const uint8_t want16[14] = {
        0x7f, 0x03, 0x00, 0x30, 0xff, 0x4f, 0x78, 0x56, 0xcd, 0x43, 0x21, 0x43, 0x00, 0x50,
    };
    struct x86_cpu *c = fake_cpu_create();
    struct x86_insn in = fake_insn(FORM_MR, 4, 0);

    (void)state;
    c->mode = 0;
    for (in.size = 2; in.size <= 4; in.size += 2) {
        size_t size = in.size == 4 ? sizeof(want32) : sizeof(want16);

        x87_init(c);
        x87_push(c, (struct f80){0, 0});
        x87_push(c, (struct f80){UINT64_C(1) << 63, 0x3fff});
        c->s.fop = 0x3cd;
        c->s.fip = 0x145678;
        c->s.fdp = 0x654321;
        assert_int_equal(fake_cpu_call(c, sem_fnstenv, &in), FAKE_NO_FAULT);
        assert_memory_equal(fake_cpu_mem(c), in.size == 4 ? want32 : want16, size);
        x87_init(c);
        assert_int_equal(fake_cpu_call(c, sem_fldenv, &in), FAKE_NO_FAULT);
        assert_int_equal(c->s.fip, in.size == 4 ? 0x145678 : 0x45678);
        assert_int_equal(c->s.fdp, in.size == 4 ? 0x654321 : 0x54321);
        assert_int_equal(c->s.fop, 0x3cd);
        assert_int_equal(x87_top(c), 6);
        assert_int_equal(c->s.ftw, 0xc0);
    }
    fake_cpu_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_transcendental),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_real_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
