/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * optab: the two-byte opcode map (0F) and its groups [SDM2 table A-3].
 */
#include "arch/x86/optab.h"

#include "arch/x86/state.h"

#define LK A_LOCK
#define BR A_BRANCH
#define EB A_END
#define V A_VEX
#define L0 A_L0
#define LIG A_LIG
#define X2 A_X2

/* clang-format off */
/* An MMX operation with its SSE2 and AVX, AVX2 forms. */
#define MMX(n, name, q, ft) \
    NP(n) O2(name, Pq, q, FT(ft)), P66(n) O3(name, Vx, Hx, Wx, V | X2 | FT(SSE2))
/* Packed and scalar floating point. */
#define PS_PD(n, name)                                               \
    NP(n) O3(name##ps, Vx, Hx, Wx, V | FT(SSE)), P66(n) O3(name##pd, Vx, Hx, Wx, V | FT(SSE2))
#define PS_PD_SS_SD(n, name)                                         \
    PS_PD(n, name), PF3(n) O3(name##ss, Vdq, Hdq, Wd, V | LIG | FT(SSE)), \
    PF2(n) O3(name##sd, Vdq, Hdq, Wq, V | LIG | FT(SSE2))

#define BAD8 BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD
#define NOP8 ROW8(O1(nop, Ev, 0))
#define ROW8(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
                  __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__

/* Group 7, register forms. */
#define NOPREFIX(...) SUB(PP, __VA_ARGS__, BAD, BAD, BAD)
#define G7_0 SUB(RM, BAD, NOPREFIX(O0(vmcall, EB)), BAD, BAD, BAD, BAD, BAD, BAD)
#define G7_1 SUB(RM, NOPREFIX(O0(monitor, FT(MONITOR) | IC(MONITOR))),                  \
                 NOPREFIX(O0(mwait, EB | FT(MONITOR) | IC(MWAIT))),                     \
                 NOPREFIX(O0(clac, FT(SMAP))), NOPREFIX(O0(stac, FT(SMAP))), BAD, BAD, BAD, BAD)
#define G7_2 SUB(RM, NOPREFIX(O0(xgetbv, FT(XSAVE))),                                   \
                 NOPREFIX(O0(xsetbv, EB | FT(XSAVE) | IC(XSETBV))), BAD, BAD, BAD, BAD, BAD, BAD)
#define G7_3 SUB(RM, BAD, O0(vmmcall, EB | IC(VMMCALL)), BAD, BAD, BAD, BAD, BAD, BAD)
#define G7_7 SUB(RM, O0(swapgs, A_O64), O0(rdtscp, FT(RDTSCP) | IC(RDTSCP)),            \
                 BAD, BAD, BAD, BAD, BAD, BAD)

/* Shift by immediate: 66 has the VEX form, whose destination is vvvv. */
#define SHI(name) SUB(PP, O2(name, Nq, Ib, FT(MMX)),                                    \
                      O3(name, Hx, Ux, Ib, V | X2 | FT(SSE2)), BAD, BAD)
#define SHI_X(name) SUB(PP, BAD, O3(name, Hx, Ux, Ib, V | X2 | FT(SSE2)), BAD, BAD)

const struct x86_entry x86_map_0f[1024] = {
    /* group 6 */
    ANY(0x00) SUB(REG,
        O1(sldt, Evw, A_PROT | IC(LDTR_READ)), O1(str, Evw, A_PROT | IC(TR_READ)),
        O1(lldt, Ew, A_PROT | A_SRC | IC(LDTR_WRITE)), O1(ltr, Ew, A_PROT | A_SRC | IC(TR_WRITE)),
        O1(verr, Ew, A_PROT | A_SRC), O1(verw, Ew, A_PROT | A_SRC), BAD, BAD),
    /* group 7 */
    ANY(0x01) SUB(REG,
        SUB(MOD, O1(sgdt, Ms, IC(GDTR_READ)), G7_0),
        SUB(MOD, O1(sidt, Ms, IC(IDTR_READ)), G7_1),
        SUB(MOD, O1(lgdt, Ms, A_SRC | IC(GDTR_WRITE)), G7_2),
        SUB(MOD, O1(lidt, Ms, A_SRC | IC(IDTR_WRITE)), G7_3),
        O1(smsw, Evw, IC(CR)),
        BAD,
        O1(lmsw, Ew, A_SRC | EB | IC(CR)),
        SUB(MOD, O1(invlpg, M, A_SRC | EB | IC(INVLPG)), G7_7)),
    ANY(0x02) O2(lar, Gv, Ew, A_PROT),
    ANY(0x03) O2(lsl, Gv, Ew, A_PROT),
    ANY(0x05) O0(syscall, BR | EB),
    ANY(0x06) O0(clts, EB | IC(CR)),
    ANY(0x07) O0(sysret, BR | EB),
    ANY(0x08) O0(invd, IC(INVD)),
    ANY(0x09) O0(wbinvd, IC(WBINVD)),
    ANY(0x0b) O0(ud2, BR | EB),
    /* group P */
    ANY(0x0d) SUB(MOD, SUB(REG,
        O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)), O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)),
        O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)), O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)),
        O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)), O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)),
        O1(prefetchw, Mb, A_SRC | FT(PREFETCHW)), O1(prefetchw, Mb, A_SRC | FT(PREFETCHW))),
        BAD),
    /* 0e FEMMS, 0f 3DNow!: no processor has them any more */

    NP(0x10) O2(movups, Vx, Wx, V | FT(SSE)),
    P66(0x10) O2(movupd, Vx, Wx, V | FT(SSE2)),
    PF3(0x10) SUB(MOD, O2(movss, Vdq, Md, V | LIG | FT(SSE)),
                  O3(movss, Vdq, Hdq, Udq, V | LIG | FT(SSE))),
    PF2(0x10) SUB(MOD, O2(movsd, Vdq, Mq, V | LIG | FT(SSE2)),
                  O3(movsd, Vdq, Hdq, Udq, V | LIG | FT(SSE2))),
    NP(0x11) O2(movups, Wx, Vx, V | FT(SSE)),
    P66(0x11) O2(movupd, Wx, Vx, V | FT(SSE2)),
    PF3(0x11) SUB(MOD, O2(movss, Md, Vdq, V | LIG | FT(SSE)),
                  O3(movss, Udq, Hdq, Vdq, V | LIG | FT(SSE))),
    PF2(0x11) SUB(MOD, O2(movsd, Mq, Vdq, V | LIG | FT(SSE2)),
                  O3(movsd, Udq, Hdq, Vdq, V | LIG | FT(SSE2))),
    NP(0x12) SUB(MOD, O3(movlps, Vdq, Hdq, Mq, V | L0 | FT(SSE)),
                 O3(movhlps, Vdq, Hdq, Udq, V | L0 | FT(SSE))),
    P66(0x12) SUB(MOD, O3(movlpd, Vdq, Hdq, Mq, V | L0 | FT(SSE2)), BAD),
    PF3(0x12) O2(movsldup, Vx, Wx, V | FT(SSE3)),
    PF2(0x12) O2(movddup, Vx, Wdu, V | FT(SSE3)),
    NP(0x13) O2(movlps, Mq, Vdq, V | L0 | FT(SSE)),
    P66(0x13) O2(movlpd, Mq, Vdq, V | L0 | FT(SSE2)),
    PS_PD(0x14, unpckl),
    PS_PD(0x15, unpckh),
    NP(0x16) SUB(MOD, O3(movhps, Vdq, Hdq, Mq, V | L0 | FT(SSE)),
                 O3(movlhps, Vdq, Hdq, Udq, V | L0 | FT(SSE))),
    P66(0x16) SUB(MOD, O3(movhpd, Vdq, Hdq, Mq, V | L0 | FT(SSE2)), BAD),
    PF3(0x16) O2(movshdup, Vx, Wx, V | FT(SSE3)),
    NP(0x17) O2(movhps, Mq, Vdq, V | L0 | FT(SSE)),
    P66(0x17) O2(movhpd, Mq, Vdq, V | L0 | FT(SSE2)),
    /* group 16, and the hints that are no operation (among them ENDBR) */
    ANY(0x18) SUB(MOD, SUB(REG,
        O1(prefetch, Mb, A_SRC), O1(prefetch, Mb, A_SRC), O1(prefetch, Mb, A_SRC),
        O1(prefetch, Mb, A_SRC), O1(nop, Ev, 0), O1(nop, Ev, 0), O1(nop, Ev, 0), O1(nop, Ev, 0)),
        O1(nop, Ev, 0)),
    [0x19 * 4 ... 0x1f * 4 + 3] = O1(nop, Ev, 0),

    ANY(0x20) O2(mov_cr_st, Rn, Cn, A_F64 | IC(CR)),
    ANY(0x21) O2(mov_dr_st, Rn, Dn, A_F64 | IC(DR)),
    ANY(0x22) O2(mov_cr_ld, Cn, Rn, A_F64 | EB | IC(CR)),
    ANY(0x23) O2(mov_dr_ld, Dn, Rn, A_F64 | EB | IC(DR)),
    NP(0x28) O2(movaps, Vx, Wx, V | FT(SSE)),
    P66(0x28) O2(movapd, Vx, Wx, V | FT(SSE2)),
    NP(0x29) O2(movaps, Wx, Vx, V | FT(SSE)),
    P66(0x29) O2(movapd, Wx, Vx, V | FT(SSE2)),
    NP(0x2a) O2(cvtpi2ps, Vdq, Qq, FT(SSE)),
    P66(0x2a) O2(cvtpi2pd, Vdq, Qq, FT(SSE2)),
    PF3(0x2a) O3(cvtsi2ss, Vdq, Hdq, Ey, V | LIG | FT(SSE)),
    PF2(0x2a) O3(cvtsi2sd, Vdq, Hdq, Ey, V | LIG | FT(SSE2)),
    NP(0x2b) O2(movntps, Mx, Vx, V | FT(SSE)),
    P66(0x2b) O2(movntpd, Mx, Vx, V | FT(SSE2)),
    NP(0x2c) O2(cvttps2pi, Pq, Wq, FT(SSE)),
    P66(0x2c) O2(cvttpd2pi, Pq, Wdq, FT(SSE2)),
    PF3(0x2c) O2(cvttss2si, Gy, Wd, V | LIG | FT(SSE)),
    PF2(0x2c) O2(cvttsd2si, Gy, Wq, V | LIG | FT(SSE2)),
    NP(0x2d) O2(cvtps2pi, Pq, Wq, FT(SSE)),
    P66(0x2d) O2(cvtpd2pi, Pq, Wdq, FT(SSE2)),
    PF3(0x2d) O2(cvtss2si, Gy, Wd, V | LIG | FT(SSE)),
    PF2(0x2d) O2(cvtsd2si, Gy, Wq, V | LIG | FT(SSE2)),
    NP(0x2e) O2(ucomiss, Vdq, Wd, V | LIG | FT(SSE)),
    P66(0x2e) O2(ucomisd, Vdq, Wq, V | LIG | FT(SSE2)),
    NP(0x2f) O2(comiss, Vdq, Wd, V | LIG | FT(SSE)),
    P66(0x2f) O2(comisd, Vdq, Wq, V | LIG | FT(SSE2)),

    ANY(0x30) O0(wrmsr, EB | IC(MSR)),
    ANY(0x31) O0(rdtsc, IC(RDTSC)),
    ANY(0x32) O0(rdmsr, IC(MSR)),
    ANY(0x33) O0(rdpmc, IC(RDPMC)),
    ANY(0x34) O0(sysenter, BR | EB),
    ANY(0x35) O0(sysexit, BR | EB),
    /* 38 3a: the three-byte maps */

    [0x40 * 4 ... 0x4f * 4 + 3] = O2(cmov, Gv, Ev, 0),

    NP(0x50) O2(movmskps, Gd, Ux, V | FT(SSE)),
    P66(0x50) O2(movmskpd, Gd, Ux, V | FT(SSE2)),
    NP(0x51) O2(sqrtps, Vx, Wx, V | FT(SSE)),
    P66(0x51) O2(sqrtpd, Vx, Wx, V | FT(SSE2)),
    PF3(0x51) O3(sqrtss, Vdq, Hdq, Wd, V | LIG | FT(SSE)),
    PF2(0x51) O3(sqrtsd, Vdq, Hdq, Wq, V | LIG | FT(SSE2)),
    NP(0x52) O2(rsqrtps, Vx, Wx, V | FT(SSE)),
    PF3(0x52) O3(rsqrtss, Vdq, Hdq, Wd, V | LIG | FT(SSE)),
    NP(0x53) O2(rcpps, Vx, Wx, V | FT(SSE)),
    PF3(0x53) O3(rcpss, Vdq, Hdq, Wd, V | LIG | FT(SSE)),
    PS_PD(0x54, and),
    PS_PD(0x55, andn),
    PS_PD(0x56, or),
    PS_PD(0x57, xor),
    PS_PD_SS_SD(0x58, add),
    PS_PD_SS_SD(0x59, mul),
    NP(0x5a) O2(cvtps2pd, Vx, Wh, V | FT(SSE2)),
    P66(0x5a) O2(cvtpd2ps, Vdq, Wx, V | FT(SSE2)),
    PF3(0x5a) O3(cvtss2sd, Vdq, Hdq, Wd, V | LIG | FT(SSE2)),
    PF2(0x5a) O3(cvtsd2ss, Vdq, Hdq, Wq, V | LIG | FT(SSE2)),
    NP(0x5b) O2(cvtdq2ps, Vx, Wx, V | FT(SSE2)),
    P66(0x5b) O2(cvtps2dq, Vx, Wx, V | FT(SSE2)),
    PF3(0x5b) O2(cvttps2dq, Vx, Wx, V | FT(SSE2)),
    PS_PD_SS_SD(0x5c, sub),
    PS_PD_SS_SD(0x5d, min),
    PS_PD_SS_SD(0x5e, div),
    PS_PD_SS_SD(0x5f, max),

    MMX(0x60, punpcklbw, Qd, MMX),
    MMX(0x61, punpcklwd, Qd, MMX),
    MMX(0x62, punpckldq, Qd, MMX),
    MMX(0x63, packsswb, Qq, MMX),
    MMX(0x64, pcmpgtb, Qq, MMX),
    MMX(0x65, pcmpgtw, Qq, MMX),
    MMX(0x66, pcmpgtd, Qq, MMX),
    MMX(0x67, packuswb, Qq, MMX),
    MMX(0x68, punpckhbw, Qq, MMX),
    MMX(0x69, punpckhwd, Qq, MMX),
    MMX(0x6a, punpckhdq, Qq, MMX),
    MMX(0x6b, packssdw, Qq, MMX),
    P66(0x6c) O3(punpcklqdq, Vx, Hx, Wx, V | X2 | FT(SSE2)),
    P66(0x6d) O3(punpckhqdq, Vx, Hx, Wx, V | X2 | FT(SSE2)),
    NP(0x6e) O2(movd, Pq, Ey, FT(MMX)),
    P66(0x6e) O2(movd, Vdq, Ey, V | L0 | FT(SSE2)),
    NP(0x6f) O2(movq, Pq, Qq, FT(MMX)),
    P66(0x6f) O2(movdqa, Vx, Wx, V | FT(SSE2)),
    PF3(0x6f) O2(movdqu, Vx, Wx, V | FT(SSE2)),

    NP(0x70) O3(pshufw, Pq, Qq, Ib, FT(SSE)),
    P66(0x70) O3(pshufd, Vx, Wx, Ib, V | X2 | FT(SSE2)),
    PF3(0x70) O3(pshufhw, Vx, Wx, Ib, V | X2 | FT(SSE2)),
    PF2(0x70) O3(pshuflw, Vx, Wx, Ib, V | X2 | FT(SSE2)),
    /* groups 12, 13, 14: registers only, by their operands */
    ANY(0x71) SUB(REG, BAD, BAD, SHI(psrlw), BAD, SHI(psraw), BAD, SHI(psllw), BAD),
    ANY(0x72) SUB(REG, BAD, BAD, SHI(psrld), BAD, SHI(psrad), BAD, SHI(pslld), BAD),
    ANY(0x73) SUB(REG, BAD, BAD, SHI(psrlq), SHI_X(psrldq), BAD, BAD, SHI(psllq), SHI_X(pslldq)),
    MMX(0x74, pcmpeqb, Qq, MMX),
    MMX(0x75, pcmpeqw, Qq, MMX),
    MMX(0x76, pcmpeqd, Qq, MMX),
    NP(0x77) SUB(VEX, O0(emms, FT(MMX)),
                 SUB(L, O0(vzeroupper, A_VEXONLY | FT(AVX)), O0(vzeroall, A_VEXONLY | FT(AVX)))),
    P66(0x7c) O3(haddpd, Vx, Hx, Wx, V | FT(SSE3)),
    PF2(0x7c) O3(haddps, Vx, Hx, Wx, V | FT(SSE3)),
    P66(0x7d) O3(hsubpd, Vx, Hx, Wx, V | FT(SSE3)),
    PF2(0x7d) O3(hsubps, Vx, Hx, Wx, V | FT(SSE3)),
    NP(0x7e) O2(movd_st, Ey, Pq, FT(MMX)),
    P66(0x7e) O2(movd_st, Ey, Vdq, V | L0 | FT(SSE2)),
    PF3(0x7e) O2(movq, Vdq, Wq, V | L0 | FT(SSE2)),
    NP(0x7f) O2(movq, Qq, Pq, FT(MMX)),
    P66(0x7f) O2(movdqa, Wx, Vx, V | FT(SSE2)),
    PF3(0x7f) O2(movdqu, Wx, Vx, V | FT(SSE2)),

    [0x80 * 4 ... 0x8f * 4 + 3] = O1(jcc, Jz, A_NEAR | BR),
    [0x90 * 4 ... 0x9f * 4 + 3] = O1(setcc, Eb, 0),

    ANY(0xa0) O1(push_seg, FS, A_D64 | A_SRC),
    ANY(0xa1) O1(pop_seg, FS, A_D64),
    ANY(0xa2) O0(cpuid, IC(CPUID)),
    ANY(0xa3) O2(bt, Ev, Gv, 0),
    ANY(0xa4) O3(shld, Ev, Gv, Ib, A_SHIFTD),
    ANY(0xa5) O3(shld, Ev, Gv, CL, A_SHIFTD),
    ANY(0xa8) O1(push_seg, GS, A_D64 | A_SRC),
    ANY(0xa9) O1(pop_seg, GS, A_D64),
    ANY(0xaa) O0(rsm, BR | EB | IC(RSM)),
    ANY(0xab) O2(bts, Ev, Gv, LK),
    ANY(0xac) O3(shrd, Ev, Gv, Ib, A_SHIFTD),
    ANY(0xad) O3(shrd, Ev, Gv, CL, A_SHIFTD),
    /* group 15 */
    NP(0xae) SUB(REG,
        O1(fxsave, M, 0), O1(fxrstor, M, A_SRC),
        O1(ldmxcsr, Md, V | L0 | A_SRC | FT(SSE)), O1(stmxcsr, Md, V | L0 | FT(SSE)),
        O1(xsave, M, FT(XSAVE)),
        SUB(MOD, O1(xrstor, M, A_SRC | FT(XSAVE)), O0(lfence, FT(SSE2))),
        SUB(MOD, O1(xsaveopt, M, FT(XSAVEOPT)), O0(mfence, FT(SSE2))),
        SUB(MOD, O1(clflush, M, A_SRC), O0(sfence, FT(SSE)))),
    P66(0xae) SUB(REG, BAD, BAD, BAD, BAD, BAD, BAD,
        O1(clwb, M, A_SRC | FT(CLWB)), O1(clflushopt, M, A_SRC | FT(CLFLUSHOPT))),
    PF3(0xae) SUB(REG,
        O1(rdfsbase, Ry, A_O64 | FT(FSGSBASE)), O1(rdgsbase, Ry, A_O64 | FT(FSGSBASE)),
        O1(wrfsbase, Ry, A_O64 | A_SRC | FT(FSGSBASE)),
        O1(wrgsbase, Ry, A_O64 | A_SRC | FT(FSGSBASE)), BAD, BAD, BAD, BAD),
    ANY(0xaf) O2(imul, Gv, Ev, 0),

    ANY(0xb0) O2(cmpxchg, Eb, Gb, LK),
    ANY(0xb1) O2(cmpxchg, Ev, Gv, LK),
    ANY(0xb2) O2(lss, Gz, Mp, EB),
    ANY(0xb3) O2(btr, Ev, Gv, LK),
    ANY(0xb4) O2(lfs, Gz, Mp, 0),
    ANY(0xb5) O2(lgs, Gz, Mp, 0),
    ANY(0xb6) O2(movzx8, Gv, Eb, 0),
    ANY(0xb7) O2(movzx16, Gv, Ew, 0),
    PF3(0xb8) O2(popcnt, Gv, Ev, FT(POPCNT)),
    ANY(0xb9) O2(ud1, Gv, Ev, BR | EB),
    /* group 8 */
    ANY(0xba) SUB(REG, BAD, BAD, BAD, BAD, O2(bt, Ev, Ib, 0), O2(bts, Ev, Ib, LK),
                  O2(btr, Ev, Ib, LK), O2(btc, Ev, Ib, LK)),
    ANY(0xbb) O2(btc, Ev, Gv, LK),
    NP66(0xbc) O2(bsf, Gv, Ev, 0),
    PF3(0xbc) O2(tzcnt, Gv, Ev, FT(BMI1)),
    PF2(0xbc) O2(bsf, Gv, Ev, 0),
    NP66(0xbd) O2(bsr, Gv, Ev, 0),
    PF3(0xbd) O2(lzcnt, Gv, Ev, FT(LZCNT)),
    PF2(0xbd) O2(bsr, Gv, Ev, 0),
    ANY(0xbe) O2(movsx8, Gv, Eb, 0),
    ANY(0xbf) O2(movsx16, Gv, Ew, 0),

    ANY(0xc0) O2(xadd, Eb, Gb, LK),
    ANY(0xc1) O2(xadd, Ev, Gv, LK),
    NP(0xc2) O4(cmpps, Vx, Hx, Wx, Ib, V | FT(SSE)),
    P66(0xc2) O4(cmppd, Vx, Hx, Wx, Ib, V | FT(SSE2)),
    PF3(0xc2) O4(cmpss, Vdq, Hdq, Wd, Ib, V | LIG | FT(SSE)),
    PF2(0xc2) O4(cmpsd, Vdq, Hdq, Wq, Ib, V | LIG | FT(SSE2)),
    NP(0xc3) O2(movnti, My, Gy, FT(SSE2)),
    NP(0xc4) O3(pinsrw, Pq, Ewd, Ib, FT(SSE)),
    P66(0xc4) O4(pinsrw, Vdq, Hdq, Ewd, Ib, V | L0 | FT(SSE2)),
    NP(0xc5) O3(pextrw, Gd, Nq, Ib, FT(SSE)),
    P66(0xc5) O3(pextrw, Gd, Udq, Ib, V | L0 | FT(SSE2)),
    NP(0xc6) O4(shufps, Vx, Hx, Wx, Ib, V | FT(SSE)),
    P66(0xc6) O4(shufpd, Vx, Hx, Wx, Ib, V | FT(SSE2)),
    /* group 9 */
    ANY(0xc7) SUB(MOD,
        SUB(REG, BAD, SUB(W64, O1(cmpxchg8b, Mq, LK), O1(cmpxchg16b, Mdq, LK | FT(CX16))), BAD,
            SUB(PP, O1(xrstors, M, A_SRC | FT(XSAVES)), BAD, BAD, BAD),
            SUB(PP, O1(xsavec, M, FT(XSAVEC)), BAD, BAD, BAD),
            SUB(PP, O1(xsaves, M, FT(XSAVES)), BAD, BAD, BAD), BAD, BAD),
        SUB(REG, BAD, BAD, BAD, BAD, BAD, BAD,
            SUB(PP, O1(rdrand, Rv, FT(RDRAND)), O1(rdrand, Rv, FT(RDRAND)), BAD, BAD),
            SUB(PP, O1(rdseed, Rv, FT(RDSEED)), O1(rdseed, Rv, FT(RDSEED)),
                O1(rdpid, Rn, FT(RDPID)), BAD))),
    [0xc8 * 4 ... 0xcf * 4 + 3] = O1(bswap, Zv, 0),

    P66(0xd0) O3(addsubpd, Vx, Hx, Wx, V | FT(SSE3)),
    PF2(0xd0) O3(addsubps, Vx, Hx, Wx, V | FT(SSE3)),
#define MMX_SH(n, name) \
    NP(n) O2(name, Pq, Qq, FT(MMX)), P66(n) O3(name, Vx, Hx, Wdq, V | X2 | FT(SSE2))
    MMX_SH(0xd1, psrlw),
    MMX_SH(0xd2, psrld),
    MMX_SH(0xd3, psrlq),
    MMX(0xd4, paddq, Qq, SSE2),
    MMX(0xd5, pmullw, Qq, MMX),
    P66(0xd6) O2(movq, Wq, Vdq, V | L0 | FT(SSE2)),
    PF3(0xd6) O2(movq2dq, Vdq, Nq, FT(SSE2)),
    PF2(0xd6) O2(movdq2q, Pq, Udq, FT(SSE2)),
    NP(0xd7) O2(pmovmskb, Gd, Nq, FT(SSE)),
    P66(0xd7) O2(pmovmskb, Gd, Ux, V | X2 | FT(SSE2)),
    MMX(0xd8, psubusb, Qq, MMX),
    MMX(0xd9, psubusw, Qq, MMX),
    MMX(0xda, pminub, Qq, SSE),
    MMX(0xdb, pand, Qq, MMX),
    MMX(0xdc, paddusb, Qq, MMX),
    MMX(0xdd, paddusw, Qq, MMX),
    MMX(0xde, pmaxub, Qq, SSE),
    MMX(0xdf, pandn, Qq, MMX),

    MMX(0xe0, pavgb, Qq, SSE),
    MMX_SH(0xe1, psraw),
    MMX_SH(0xe2, psrad),
    MMX(0xe3, pavgw, Qq, SSE),
    MMX(0xe4, pmulhuw, Qq, SSE),
    MMX(0xe5, pmulhw, Qq, MMX),
    P66(0xe6) O2(cvttpd2dq, Vdq, Wx, V | FT(SSE2)),
    PF3(0xe6) O2(cvtdq2pd, Vx, Wh, V | FT(SSE2)),
    PF2(0xe6) O2(cvtpd2dq, Vdq, Wx, V | FT(SSE2)),
    NP(0xe7) O2(movntq, Mq, Pq, FT(SSE)),
    P66(0xe7) O2(movntdq, Mx, Vx, V | FT(SSE2)),
    MMX(0xe8, psubsb, Qq, MMX),
    MMX(0xe9, psubsw, Qq, MMX),
    MMX(0xea, pminsw, Qq, SSE),
    MMX(0xeb, por, Qq, MMX),
    MMX(0xec, paddsb, Qq, MMX),
    MMX(0xed, paddsw, Qq, MMX),
    MMX(0xee, pmaxsw, Qq, SSE),
    MMX(0xef, pxor, Qq, MMX),

    PF2(0xf0) O2(lddqu, Vx, Mx, V | FT(SSE3)),
    MMX_SH(0xf1, psllw),
    MMX_SH(0xf2, pslld),
    MMX_SH(0xf3, psllq),
    MMX(0xf4, pmuludq, Qq, SSE2),
    MMX(0xf5, pmaddwd, Qq, MMX),
    MMX(0xf6, psadbw, Qq, SSE),
    NP(0xf7) O2(maskmovq, Pq, Nq, FT(SSE)),
    P66(0xf7) O2(maskmovdqu, Vdq, Udq, V | L0 | FT(SSE2)),
    MMX(0xf8, psubb, Qq, MMX),
    MMX(0xf9, psubw, Qq, MMX),
    MMX(0xfa, psubd, Qq, MMX),
    MMX(0xfb, psubq, Qq, SSE2),
    MMX(0xfc, paddb, Qq, MMX),
    MMX(0xfd, paddw, Qq, MMX),
    MMX(0xfe, paddd, Qq, MMX),
    ANY(0xff) O2(ud0, Gv, Ev, BR | EB),
};
