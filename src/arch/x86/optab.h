/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * optab: the opcode maps as data [SDM2 appendix A, APM3 appendix A].
 *
 * One entry per cell of a map: operation, operands in the manual's letters, attributes. A cell
 * that needs more bytes to be told (groups, mandatory prefixes, register or memory) points to
 * sub-entries. As in the manual's maps one line serves the legacy SSE form and the VEX form: H is
 * VEX.vvvv there and absent in the legacy form. Decoder, disassembler and the tests that
 * enumerate all forms read the same tables.
 */
#ifndef QUAD_ARCH_X86_OPTAB_H
#define QUAD_ARCH_X86_OPTAB_H

#include "arch/x86/insn.h"

/* Addressing letter: where the operand is. */
enum x86_opd_kind {
    OK_NONE,
    OK_E, /* general register or memory (ModRM.rm) */
    OK_G, /* general register (ModRM.reg) */
    OK_M, /* memory only */
    OK_R, /* general register only (ModRM.rm) */
    OK_Z, /* general register in the opcode's low bits */
    OK_B, /* general register (VEX.vvvv) */
    OK_FIX, /* general register, its number in .num */
    OK_I, /* immediate */
    OK_SI, /* immediate byte, sign-extended to the operand size */
    OK_ONE, /* the constant 1 */
    OK_J, /* displacement of a branch */
    OK_AP, /* far pointer in the instruction */
    OK_O, /* memory offset in the instruction */
    OK_S, /* segment register (ModRM.reg) */
    OK_SEG, /* segment register, its number in .num */
    OK_C, /* control register (ModRM.reg) */
    OK_D, /* debug register (ModRM.reg) */
    OK_X, /* string source DS:rSI */
    OK_Y, /* string destination ES:rDI */
    OK_V, /* vector register (ModRM.reg) */
    OK_W, /* vector register or memory (ModRM.rm) */
    OK_U, /* vector register only (ModRM.rm) */
    OK_H, /* vector register (VEX.vvvv); legacy: absent */
    OK_L, /* vector register (immediate bits 7:4) */
    OK_P, /* MMX register (ModRM.reg) */
    OK_Q, /* MMX register or memory (ModRM.rm) */
    OK_N, /* MMX register only (ModRM.rm) */
    OK_VM, /* memory with a vector index (VSIB); size is the element's */
    OK_ST, /* x87 stack top */
    OK_STI, /* x87 stack register (ModRM.rm) */
};

/* Size letter. v: 2 4 8 by operand size; z: 2 4; y: 4 8; n: 4, 8 in 64-bit code; p: far pointer;
 * s: descriptor-table register; t: 10 bytes; x: 16 32 by VEX.L; h, qr, ei: half, quarter, eighth
 * of x; du: MOVDDUP's; vw: register v, memory w; bd, wd: register d, memory b, w; a: BOUND's
 * pair; env: x87 environment in the layout of the operand size; none: whatever the operation knows */
enum x86_opd_size {
    OS_NONE, OS_b, OS_w, OS_d, OS_q, OS_dq, OS_qq, OS_t, OS_v, OS_z, OS_y, OS_n, OS_p, OS_s,
    OS_a, OS_x, OS_h, OS_qr, OS_ei, OS_du, OS_vw, OS_bd, OS_wd, OS_env,
};

struct x86_opd {
    uint8_t kind, size, num;
    char name[5];
};

/* Every operand that the maps use: name, addressing letter, size letter, number. */
#define X86_OPERANDS(X)                                                                       \
    X(Eb, E, b, 0) X(Ew, E, w, 0) X(Ed, E, d, 0) X(Eq, E, q, 0) X(Ev, E, v, 0) X(Ey, E, y, 0) \
    X(Evw, E, vw, 0) X(Ebd, E, bd, 0) X(Ewd, E, wd, 0)                                        \
    X(Gb, G, b, 0) X(Gw, G, w, 0) X(Gd, G, d, 0) X(Gv, G, v, 0) X(Gy, G, y, 0) X(Gn, G, n, 0) \
    X(Gz, G, z, 0)                                                                            \
    X(M, M, NONE, 0) X(Mb, M, b, 0) X(Mw, M, w, 0) X(Md, M, d, 0) X(Mq, M, q, 0)              \
    X(Mdq, M, dq, 0) X(Mt, M, t, 0) X(Mx, M, x, 0) X(Mv, M, v, 0) X(Me, M, env, 0)             \
    X(My, M, y, 0) X(Mp, M, p, 0) X(Ma, M, a, 0) X(Ms, M, s, 0)                               \
    X(Rd, R, d, 0) X(Rv, R, v, 0) X(Ry, R, y, 0) X(Rn, R, n, 0)                               \
    X(Zb, Z, b, 0) X(Zv, Z, v, 0) X(By, B, y, 0)                                              \
    X(AL, FIX, b, RAX) X(AX, FIX, w, RAX) X(rAX, FIX, v, RAX) X(eAX, FIX, z, RAX)             \
    X(CL, FIX, b, RCX) X(DX, FIX, w, RDX)                                                     \
    X(Ib, I, b, 0) X(Iw, I, w, 0) X(Iz, I, z, 0) X(Iv, I, v, 0) X(sIb, SI, b, 0)              \
    X(C1, ONE, NONE, 0) X(Jb, J, b, 0) X(Jz, J, z, 0) X(Ap, AP, v, 0)                         \
    X(Ob, O, b, 0) X(Ov, O, v, 0)                                                             \
    X(Sw, S, w, 0) X(ES, SEG, v, SEG_ES) X(CS, SEG, v, SEG_CS) X(SS, SEG, v, SEG_SS)          \
    X(DS, SEG, v, SEG_DS) X(FS, SEG, v, SEG_FS) X(GS, SEG, v, SEG_GS)                         \
    X(Cn, C, n, 0) X(Dn, D, n, 0)                                                             \
    X(Xb, X, b, 0) X(Xv, X, v, 0) X(Xz, X, z, 0) X(Yb, Y, b, 0) X(Yv, Y, v, 0) X(Yz, Y, z, 0) \
    X(Vx, V, x, 0) X(Vdq, V, dq, 0) X(Vqq, V, qq, 0)                                          \
    X(Wx, W, x, 0) X(Wdq, W, dq, 0) X(Wqq, W, qq, 0) X(Wb, W, b, 0) X(Ww, W, w, 0)            \
    X(Wd, W, d, 0) X(Wq, W, q, 0) X(Wh, W, h, 0) X(Wqr, W, qr, 0) X(Wei, W, ei, 0)            \
    X(Wdu, W, du, 0) X(Ux, U, x, 0) X(Udq, U, dq, 0)                                          \
    X(Hx, H, x, 0) X(Hdq, H, dq, 0) X(Hqq, H, qq, 0) X(Lx, L, x, 0)                           \
    X(Pq, P, q, 0) X(Qq, Q, q, 0) X(Qd, Q, d, 0) X(Nq, N, q, 0)                               \
    X(VMd, VM, d, 0) X(VMq, VM, q, 0) X(ST, ST, NONE, 0) X(STi, STI, NONE, 0)

enum {
    OPD_NONE,
#define X(name, kind, size, num) OPD_##name,
    X86_OPERANDS(X)
#undef X
        OPD_COUNT
};

extern const struct x86_opd x86_opds[OPD_COUNT];

/* CPUID feature that an entry needs; a VEX form of an SSE entry needs AVX instead, and AVX2 at 256
 * bits where A_X2 says so. */
enum x86_feature {
    FT_BASE, FT_MMX, FT_SSE, FT_SSE2, FT_SSE3, FT_SSSE3, FT_SSE41, FT_SSE42, FT_AES, FT_PCLMUL,
    FT_SHA, FT_AVX, FT_AVX2, FT_FMA, FT_F16C, FT_BMI1, FT_BMI2, FT_ADX, FT_MOVBE, FT_POPCNT,
    FT_LZCNT, FT_CX16, FT_RDRAND, FT_RDSEED, FT_FSGSBASE, FT_XSAVE, FT_XSAVEOPT, FT_XSAVEC,
    FT_XSAVES, FT_INVPCID, FT_RDPID, FT_CLFLUSHOPT, FT_CLWB, FT_SMAP, FT_MONITOR, FT_RDTSCP,
    FT_PREFETCHW,
};

/* What a hypervisor under SVM may intercept: the VMCB's exit codes, less 0x60 [APM2 appendix C].
 * Control and debug registers have codes by number; IC_CR and IC_DR stand for them. */
enum x86_intercept {
    IC_NONE = 0, IC_CR = 1, IC_DR = 2, IC_IDTR_READ = 0x06, IC_GDTR_READ, IC_LDTR_READ,
    IC_TR_READ, IC_IDTR_WRITE, IC_GDTR_WRITE, IC_LDTR_WRITE, IC_TR_WRITE, IC_RDTSC, IC_RDPMC,
    IC_PUSHF, IC_POPF, IC_CPUID, IC_RSM, IC_IRET, IC_SWINT, IC_INVD, IC_PAUSE, IC_HLT, IC_INVLPG,
    IC_INVLPGA, IC_IOIO, IC_MSR, IC_VMMCALL = 0x21, IC_RDTSCP = 0x27, IC_ICEBP, IC_WBINVD,
    IC_MONITOR, IC_MWAIT, IC_XSETBV = 0x2d, IC_INVPCID = 0x42,
};

/* Attributes. */
enum {
    A_LOCK = 1 << 0, /* LOCK is allowed with a memory destination */
    A_D64 = 1 << 1, /* 64-bit operand size by default in 64-bit code */
    A_F64 = 1 << 2, /* always 64-bit in 64-bit code */
    A_NEAR = 1 << 3, /* near branch: AMD A_D64, Intel A_F64 */
    A_I64 = 1 << 4, /* no instruction in 64-bit code */
    A_O64 = 1 << 5, /* no instruction elsewhere */
    A_SRC = 1 << 6, /* the first operand is a source */
    A_PROT = 1 << 7, /* no instruction in real and virtual-8086 mode */
    A_BRANCH = 1 << 8, /* IN_BRANCH */
    A_END = 1 << 9, /* IN_ENDBLOCK */
    A_VEX = 1 << 10, /* has a VEX form too */
    A_VEXONLY = 1 << 11, /* has a VEX form only */
    A_L0 = 1 << 12, /* VEX.L must be 0 */
    A_L1 = 1 << 13, /* VEX.L must be 1 */
    A_LIG = 1 << 14, /* VEX.L is ignored */
    A_W0 = 1 << 15, /* VEX.W must be 0 */
    A_W1 = 1 << 16, /* VEX.W must be 1 */
    A_X2 = 1 << 17, /* 256 bits need AVX2 */
    A_STRING = 1 << 18, /* F3, F2 repeat */
    A_SIZE1 = 1 << 19, /* in->size is the second operand's */
    A_SHIFTD = 1 << 20, /* SHLD, SHRD: the third operand is src2 */
};

#define A_FEAT(a) ((enum x86_feature)((a) >> 32 & 0xff))
#define A_ICPT(a) ((enum x86_intercept)((a) >> 40 & 0xff))

/* What tells the cells behind .sub apart. */
enum x86_entry_kind {
    EK_NONE, /* no instruction */
    EK_OP,
    EK_REG, /* 8 by ModRM.reg: a group */
    EK_MOD, /* 2: memory, register */
    EK_RM, /* 8 by ModRM.rm */
    EK_PP, /* 4: no prefix, 66, F3, F2 */
    EK_W, /* 2 by REX.W or VEX.W */
    EK_W64, /* 2 by W, which counts in 64-bit code only */
    EK_L, /* 2 by VEX.L */
    EK_VEX, /* 2: legacy, VEX */
    EK_O64, /* 2: legacy modes, 64-bit code */
    EK_NOP, /* 90: XCHG with REX.B, NOP, PAUSE with F3 */
    EK_X87, /* ModRM: 8 memory forms by reg, then 64 register forms by reg and rm */
};

struct x86_entry {
    const struct x86_entry *sub;
    uint64_t attr; /* A_*, feature << 32, intercept << 40 */
    uint16_t op;
    uint8_t kind; /* enum x86_entry_kind */
    uint8_t o[4]; /* OPD_* */
};

/* The maps. Those behind 0F have four cells per opcode: no prefix, 66, F3, F2. */
extern const struct x86_entry x86_map1[256];
extern const struct x86_entry x86_map_0f[1024], x86_map_0f38[1024], x86_map_0f3a[1024];

/* ------------------------------------------------- writing entries (the optab_*.c files) */
#define O4(name, a, b, c, d, at)                                          \
    {                                                                     \
        .op = X86_OP_##name, .kind = EK_OP, .attr = (uint64_t)(at), .o = {\
            OPD_##a, OPD_##b, OPD_##c, OPD_##d                            \
        }                                                                 \
    }
#define O3(name, a, b, c, at) O4(name, a, b, c, NONE, at)
#define O2(name, a, b, at) O4(name, a, b, NONE, NONE, at)
#define O1(name, a, at) O4(name, a, NONE, NONE, NONE, at)
#define O0(name, at) O4(name, NONE, NONE, NONE, NONE, at)
#define BAD {.kind = EK_NONE}
#define SUB(k, ...) {.kind = EK_##k, .sub = (const struct x86_entry[]){__VA_ARGS__}}

#define NP(n) [(n)*4] =
#define P66(n) [(n)*4 + 1] =
#define PF3(n) [(n)*4 + 2] =
#define PF2(n) [(n)*4 + 3] =
#define ANY(n) [(n)*4 ...(n)*4 + 3] =
#define NP66(n) [(n)*4 ...(n)*4 + 1] =

#define FT(name) ((uint64_t)FT_##name << 32)
#define IC(name) ((uint64_t)IC_##name << 40)

#endif
