/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * optab: the one-byte opcode map, its groups, the x87 escapes [SDM2 A.3 A.4 A.5]; the operand
 * letters.
 */
#include "arch/x86/optab.h"

#include "arch/x86/state.h"

const struct x86_opd x86_opds[OPD_COUNT] = {
#define X(name, kind, size, num) [OPD_##name] = {OK_##kind, OS_##size, num, #name},
    X86_OPERANDS(X)
#undef X
};

#define LK A_LOCK
#define BR A_BRANCH
#define EB A_END
#define NEARBR (A_NEAR | A_BRANCH)

/* clang-format off */
#define ALU_ROW(n, name, at)                                         \
    [n] = O2(name, Eb, Gb, at), [n + 1] = O2(name, Ev, Gv, at),      \
    [n + 2] = O2(name, Gb, Eb, 0), [n + 3] = O2(name, Gv, Ev, 0),    \
    [n + 4] = O2(name, AL, Ib, 0), [n + 5] = O2(name, rAX, Iz, 0)

#define GROUP1(e, i)                                                     \
    O2(add, e, i, LK), O2(or, e, i, LK), O2(adc, e, i, LK), O2(sbb, e, i, LK), \
    O2(and, e, i, LK), O2(sub, e, i, LK), O2(xor, e, i, LK), O2(cmp, e, i, 0)

#define GROUP2(e, n)                                                     \
    O2(rol, e, n, 0), O2(ror, e, n, 0), O2(rcl, e, n, 0), O2(rcr, e, n, 0),    \
    O2(shl, e, n, 0), O2(shr, e, n, 0), O2(shl, e, n, 0), O2(sar, e, n, 0)

#define GROUP3(e, i)                                                     \
    O2(test, e, i, 0), O2(test, e, i, 0), O1(not, e, LK), O1(neg, e, LK),      \
    O1(mul, e, A_SRC), O1(imul1, e, A_SRC), O1(div, e, A_SRC), O1(idiv, e, A_SRC)

/* x87 escapes: eight memory forms, then the register forms, rows of eight. */
#define ROW8(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
                  __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define BAD8 ROW8(BAD)
#define ARITH_M(m) \
    O2(fadd, ST, m, 0), O2(fmul, ST, m, 0), O2(fcom, ST, m, 0), O2(fcomp, ST, m, 0), \
    O2(fsub, ST, m, 0), O2(fsubr, ST, m, 0), O2(fdiv, ST, m, 0), O2(fdivr, ST, m, 0)
#define ARITH_I(m) \
    O2(fiadd, ST, m, 0), O2(fimul, ST, m, 0), O2(ficom, ST, m, 0), O2(ficomp, ST, m, 0), \
    O2(fisub, ST, m, 0), O2(fisubr, ST, m, 0), O2(fidiv, ST, m, 0), O2(fidivr, ST, m, 0)

const struct x86_entry x86_map1[256] = {
    ALU_ROW(0x00, add, LK),
    [0x06] = O1(push_seg, ES, A_I64 | A_SRC),
    [0x07] = O1(pop_seg, ES, A_I64),
    ALU_ROW(0x08, or, LK),
    [0x0e] = O1(push_seg, CS, A_I64 | A_SRC),
    /* 0f: the two-byte map */
    ALU_ROW(0x10, adc, LK),
    [0x16] = O1(push_seg, SS, A_I64 | A_SRC),
    [0x17] = O1(pop_seg, SS, A_I64 | EB),
    ALU_ROW(0x18, sbb, LK),
    [0x1e] = O1(push_seg, DS, A_I64 | A_SRC),
    [0x1f] = O1(pop_seg, DS, A_I64),
    ALU_ROW(0x20, and, LK),
    /* 26: ES */
    [0x27] = O0(daa, A_I64),
    ALU_ROW(0x28, sub, LK),
    /* 2e: CS */
    [0x2f] = O0(das, A_I64),
    ALU_ROW(0x30, xor, LK),
    /* 36: SS */
    [0x37] = O0(aaa, A_I64),
    ALU_ROW(0x38, cmp, 0),
    /* 3e: DS */
    [0x3f] = O0(aas, A_I64),

    /* REX in 64-bit code */
    [0x40 ... 0x47] = O1(inc, Zv, A_I64),
    [0x48 ... 0x4f] = O1(dec, Zv, A_I64),

    [0x50 ... 0x57] = O1(push, Zv, A_D64 | A_SRC),
    [0x58 ... 0x5f] = O1(pop, Zv, A_D64),

    [0x60] = O0(pusha, A_I64),
    [0x61] = O0(popa, A_I64),
    [0x62] = O2(bound, Gv, Ma, A_I64),
    [0x63] = SUB(O64, O2(arpl, Ew, Gw, A_PROT), O2(movsxd, Gv, Ed, 0)),
    /* 64 65: FS GS; 66 67: operand and address size */
    [0x68] = O1(push, Iz, A_D64 | A_SRC),
    [0x69] = O3(imul3, Gv, Ev, Iz, 0),
    [0x6a] = O1(push, sIb, A_D64 | A_SRC),
    [0x6b] = O3(imul3, Gv, Ev, sIb, 0),
    [0x6c] = O2(ins, Yb, DX, A_STRING | EB | IC(IOIO)),
    [0x6d] = O2(ins, Yz, DX, A_STRING | EB | IC(IOIO)),
    [0x6e] = O2(outs, DX, Xb, A_STRING | A_SIZE1 | EB | IC(IOIO)),
    [0x6f] = O2(outs, DX, Xz, A_STRING | A_SIZE1 | EB | IC(IOIO)),

    [0x70 ... 0x7f] = O1(jcc, Jb, NEARBR),

    [0x80] = SUB(REG, GROUP1(Eb, Ib)),
    [0x81] = SUB(REG, GROUP1(Ev, Iz)),
    [0x82] = SUB(O64, SUB(REG, GROUP1(Eb, Ib)), BAD),
    [0x83] = SUB(REG, GROUP1(Ev, sIb)),
    [0x84] = O2(test, Eb, Gb, 0),
    [0x85] = O2(test, Ev, Gv, 0),
    [0x86] = O2(xchg, Eb, Gb, LK),
    [0x87] = O2(xchg, Ev, Gv, LK),
    [0x88] = O2(mov, Eb, Gb, 0),
    [0x89] = O2(mov, Ev, Gv, 0),
    [0x8a] = O2(mov, Gb, Eb, 0),
    [0x8b] = O2(mov, Gv, Ev, 0),
    [0x8c] = O2(mov_from_seg, Evw, Sw, 0),
    [0x8d] = O2(lea, Gv, M, 0),
    [0x8e] = O2(mov_to_seg, Sw, Ew, 0),
    [0x8f] = SUB(REG, O1(pop, Ev, A_D64), BAD, BAD, BAD, BAD, BAD, BAD, BAD), /* others: XOP */

    [0x90] = SUB(NOP, O2(xchg, Zv, rAX, 0), O0(nop, 0), O0(pause, IC(PAUSE))),
    [0x91 ... 0x97] = O2(xchg, Zv, rAX, 0),
    [0x98] = O0(cbw, 0),
    [0x99] = O0(cwd, 0),
    [0x9a] = O1(call_far, Ap, A_I64 | BR | EB),
    [0x9b] = O0(fwait, 0),
    [0x9c] = O0(pushf, A_D64 | IC(PUSHF)),
    [0x9d] = O0(popf, A_D64 | EB | IC(POPF)),
    [0x9e] = O0(sahf, 0),
    [0x9f] = O0(lahf, 0),

    [0xa0] = O2(mov_moffs_ld, AL, Ob, 0),
    [0xa1] = O2(mov_moffs_ld, rAX, Ov, 0),
    [0xa2] = O2(mov_moffs_st, Ob, AL, 0),
    [0xa3] = O2(mov_moffs_st, Ov, rAX, 0),
    [0xa4] = O2(movs, Yb, Xb, A_STRING),
    [0xa5] = O2(movs, Yv, Xv, A_STRING),
    [0xa6] = O2(cmps, Xb, Yb, A_STRING),
    [0xa7] = O2(cmps, Xv, Yv, A_STRING),
    [0xa8] = O2(test, AL, Ib, 0),
    [0xa9] = O2(test, rAX, Iz, 0),
    [0xaa] = O2(stos, Yb, AL, A_STRING),
    [0xab] = O2(stos, Yv, rAX, A_STRING),
    [0xac] = O2(lods, AL, Xb, A_STRING),
    [0xad] = O2(lods, rAX, Xv, A_STRING),
    [0xae] = O2(scas, AL, Yb, A_STRING),
    [0xaf] = O2(scas, rAX, Yv, A_STRING),

    [0xb0 ... 0xb7] = O2(mov, Zb, Ib, 0),
    [0xb8 ... 0xbf] = O2(mov, Zv, Iv, 0),

    [0xc0] = SUB(REG, GROUP2(Eb, Ib)),
    [0xc1] = SUB(REG, GROUP2(Ev, Ib)),
    [0xc2] = O1(ret_near, Iw, NEARBR | A_SRC),
    [0xc3] = O0(ret_near, NEARBR),
    [0xc4] = O2(les, Gz, Mp, A_I64), /* VEX3 */
    [0xc5] = O2(lds, Gz, Mp, A_I64), /* VEX2 */
    [0xc6] = SUB(REG, O2(mov, Eb, Ib, 0), BAD, BAD, BAD, BAD, BAD, BAD, BAD),
    [0xc7] = SUB(REG, O2(mov, Ev, Iz, 0), BAD, BAD, BAD, BAD, BAD, BAD, BAD),
    [0xc8] = O2(enter, Iw, Ib, A_D64 | A_SRC),
    [0xc9] = O0(leave, A_D64),
    [0xca] = O1(ret_far, Iw, A_SRC | A_SIZE1 | BR | EB),
    [0xcb] = O0(ret_far, BR | EB),
    [0xcc] = O0(int3, BR | EB),
    [0xcd] = O1(int_imm, Ib, A_SRC | BR | EB | IC(SWINT)),
    [0xce] = O0(into, A_I64 | BR | EB),
    [0xcf] = O0(iret, BR | EB | IC(IRET)),

    [0xd0] = SUB(REG, GROUP2(Eb, C1)),
    [0xd1] = SUB(REG, GROUP2(Ev, C1)),
    [0xd2] = SUB(REG, GROUP2(Eb, CL)),
    [0xd3] = SUB(REG, GROUP2(Ev, CL)),
    [0xd4] = O1(aam, Ib, A_I64 | A_SRC),
    [0xd5] = O1(aad, Ib, A_I64 | A_SRC),
    [0xd6] = O0(salc, A_I64),
    [0xd7] = O0(xlat, 0),

    [0xd8] = SUB(X87, ARITH_M(Md),
        ROW8(O2(fadd, ST, STi, 0)), ROW8(O2(fmul, ST, STi, 0)),
        ROW8(O2(fcom, ST, STi, 0)), ROW8(O2(fcomp, ST, STi, 0)),
        ROW8(O2(fsub, ST, STi, 0)), ROW8(O2(fsubr, ST, STi, 0)),
        ROW8(O2(fdiv, ST, STi, 0)), ROW8(O2(fdivr, ST, STi, 0))),
    [0xd9] = SUB(X87,
        O2(fld, ST, Md, 0), BAD, O2(fst, Md, ST, 0), O2(fstp, Md, ST, 0),
        O1(fldenv, Me, A_SRC), O1(fldcw, Mw, A_SRC), O1(fnstenv, Me, 0), O1(fnstcw, Mw, 0),
        ROW8(O2(fld, ST, STi, 0)), ROW8(O2(fxch, ST, STi, 0)),
        O0(fnop, 0), BAD, BAD, BAD, BAD, BAD, BAD, BAD,
        ROW8(O2(fstp, STi, ST, 0)), /* alias */
        O0(fchs, 0), O0(fabs, 0), BAD, BAD, O0(ftst, 0), O0(fxam, 0), BAD, BAD,
        O0(fld_const, 0), O0(fld_const, 0), O0(fld_const, 0), O0(fld_const, 0),
        O0(fld_const, 0), O0(fld_const, 0), O0(fld_const, 0), BAD,
        O0(f2xm1, 0), O0(fyl2x, 0), O0(fptan, 0), O0(fpatan, 0),
        O0(fxtract, 0), O0(fprem1, 0), O0(fdecstp, 0), O0(fincstp, 0),
        O0(fprem, 0), O0(fyl2xp1, 0), O0(fsqrt, 0), O0(fsincos, 0),
        O0(frndint, 0), O0(fscale, 0), O0(fsin, 0), O0(fcos, 0)),
    [0xda] = SUB(X87, ARITH_I(Md),
        ROW8(O2(fcmov, ST, STi, 0)), ROW8(O2(fcmov, ST, STi, 0)),
        ROW8(O2(fcmov, ST, STi, 0)), ROW8(O2(fcmov, ST, STi, 0)),
        BAD8,
        BAD, O0(fucompp, 0), BAD, BAD, BAD, BAD, BAD, BAD,
        BAD8, BAD8),
    [0xdb] = SUB(X87,
        O2(fild, ST, Md, 0), O2(fisttp, Md, ST, FT(SSE3)), O2(fist, Md, ST, 0),
        O2(fistp, Md, ST, 0), BAD, O2(fld, ST, Mt, 0), BAD, O2(fstp, Mt, ST, 0),
        ROW8(O2(fcmov, ST, STi, 0)), ROW8(O2(fcmov, ST, STi, 0)),
        ROW8(O2(fcmov, ST, STi, 0)), ROW8(O2(fcmov, ST, STi, 0)),
        O0(fneni, 0), O0(fneni, 0), O0(fnclex, 0), O0(fninit, 0), O0(fneni, 0), BAD, BAD, BAD,
        ROW8(O2(fucomi, ST, STi, 0)), ROW8(O2(fcomi, ST, STi, 0)),
        BAD8),
    [0xdc] = SUB(X87, ARITH_M(Mq),
        ROW8(O2(fadd, STi, ST, 0)), ROW8(O2(fmul, STi, ST, 0)),
        ROW8(O2(fcom, ST, STi, 0)), ROW8(O2(fcomp, ST, STi, 0)), /* aliases */
        ROW8(O2(fsubr, STi, ST, 0)), ROW8(O2(fsub, STi, ST, 0)),
        ROW8(O2(fdivr, STi, ST, 0)), ROW8(O2(fdiv, STi, ST, 0))),
    [0xdd] = SUB(X87,
        O2(fld, ST, Mq, 0), O2(fisttp, Mq, ST, FT(SSE3)), O2(fst, Mq, ST, 0),
        O2(fstp, Mq, ST, 0), O1(frstor, Me, A_SRC), BAD, O1(fnsave, Me, 0), O1(fnstsw, Mw, 0),
        ROW8(O1(ffree, STi, 0)), ROW8(O2(fxch, ST, STi, 0)), /* alias */
        ROW8(O2(fst, STi, ST, 0)), ROW8(O2(fstp, STi, ST, 0)),
        ROW8(O2(fucom, ST, STi, 0)), ROW8(O2(fucomp, ST, STi, 0)),
        BAD8, BAD8),
    [0xde] = SUB(X87, ARITH_I(Mw),
        ROW8(O2(faddp, STi, ST, 0)), ROW8(O2(fmulp, STi, ST, 0)),
        ROW8(O2(fcomp, ST, STi, 0)), /* alias */
        BAD, O0(fcompp, 0), BAD, BAD, BAD, BAD, BAD, BAD,
        ROW8(O2(fsubrp, STi, ST, 0)), ROW8(O2(fsubp, STi, ST, 0)),
        ROW8(O2(fdivrp, STi, ST, 0)), ROW8(O2(fdivp, STi, ST, 0))),
    [0xdf] = SUB(X87,
        O2(fild, ST, Mw, 0), O2(fisttp, Mw, ST, FT(SSE3)), O2(fist, Mw, ST, 0),
        O2(fistp, Mw, ST, 0), O2(fbld, ST, Mt, 0), O2(fild, ST, Mq, 0), O2(fbstp, Mt, ST, 0),
        O2(fistp, Mq, ST, 0),
        ROW8(O1(ffreep, STi, 0)), ROW8(O2(fxch, ST, STi, 0)), /* aliases, undocumented */
        ROW8(O2(fstp, STi, ST, 0)), ROW8(O2(fstp, STi, ST, 0)),
        O1(fnstsw, AX, 0), BAD, BAD, BAD, BAD, BAD, BAD, BAD,
        ROW8(O2(fucomip, ST, STi, 0)), ROW8(O2(fcomip, ST, STi, 0)),
        BAD8),

    [0xe0] = O1(loopne, Jb, NEARBR),
    [0xe1] = O1(loope, Jb, NEARBR),
    [0xe2] = O1(loop, Jb, NEARBR),
    [0xe3] = O1(jcxz, Jb, NEARBR),
    [0xe4] = O2(in, AL, Ib, EB | IC(IOIO)),
    [0xe5] = O2(in, eAX, Ib, EB | IC(IOIO)),
    [0xe6] = O2(out, Ib, AL, A_SIZE1 | EB | IC(IOIO)),
    [0xe7] = O2(out, Ib, eAX, A_SIZE1 | EB | IC(IOIO)),
    [0xe8] = O1(call_near, Jz, NEARBR),
    [0xe9] = O1(jmp_near, Jz, NEARBR),
    [0xea] = O1(jmp_far, Ap, A_I64 | BR | EB),
    [0xeb] = O1(jmp_near, Jb, NEARBR),
    [0xec] = O2(in, AL, DX, EB | IC(IOIO)),
    [0xed] = O2(in, eAX, DX, EB | IC(IOIO)),
    [0xee] = O2(out, DX, AL, A_SIZE1 | EB | IC(IOIO)),
    [0xef] = O2(out, DX, eAX, A_SIZE1 | EB | IC(IOIO)),

    /* f0: LOCK; f2 f3: REPNE, REP */
    [0xf1] = O0(icebp, BR | EB | IC(ICEBP)),
    [0xf4] = O0(hlt, EB | IC(HLT)),
    [0xf5] = O0(cmc, 0),
    [0xf6] = SUB(REG, GROUP3(Eb, Ib)),
    [0xf7] = SUB(REG, GROUP3(Ev, Iz)),
    [0xf8] = O0(clc, 0),
    [0xf9] = O0(stc, 0),
    [0xfa] = O0(cli, EB),
    [0xfb] = O0(sti, EB),
    [0xfc] = O0(cld, 0),
    [0xfd] = O0(std, 0),
    [0xfe] = SUB(REG, O1(inc, Eb, LK), O1(dec, Eb, LK), BAD, BAD, BAD, BAD, BAD, BAD),
    [0xff] = SUB(REG,
        O1(inc, Ev, LK), O1(dec, Ev, LK),
        O1(call_ind, Ev, NEARBR | A_SRC), O1(call_far_ind, Mp, A_SRC | BR | EB),
        O1(jmp_ind, Ev, NEARBR | A_SRC), O1(jmp_far_ind, Mp, A_SRC | BR | EB),
        O1(push, Ev, A_D64 | A_SRC), BAD),
};
