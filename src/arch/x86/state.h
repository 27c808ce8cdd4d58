/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state: the architectural state of one x86-64 processor, and nothing else.
 *
 * It belongs to the machine, not to an engine: every byte here is declared in state.c's field
 * tables, by group, so that save, show, diff and the debugger come from the same lines. Derived
 * and host-side data live in struct x86_cpu (cpu.h).
 */
#ifndef QUAD_ARCH_X86_STATE_H
#define QUAD_ARCH_X86_STATE_H

#include "arch/x86/f80.h"
#include "base/base.h"

/* Register numbers as in the ModRM/REX encoding [SDM2 2.2]. The two slots behind the sixteen let
 * an effective address be three adds without a branch: ZERO always reads 0, RIP is the address
 * of the next instruction while one executes. */
enum x86_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
    R8, R9, R10, R11, R12, R13, R14, R15,
    X86_ZERO, X86_RIP, X86_NREG,
};

/* Segment registers as encoded [SDM2 table 3-1]; LDTR and TR have the same shape. */
enum x86_segreg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, X86_NSEG };

/* A segment register with its hidden part. attr: descriptor bits 55:52 and 47:40 as the VMCB
 * packs them [APM2 15.5.1]: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, DB 10, G 11.
 * limit is in bytes, G already applied. Unusable: P clear. */
struct x86_seg {
    uint16_t sel;
    uint16_t attr;
    uint32_t limit;
    uint64_t base;
};

enum {
    SEG_A_TYPE = 0x00f, SEG_A_ACCESSED = 0x001, SEG_A_RW = 0x002, SEG_A_DC = 0x004,
    SEG_A_CODE = 0x008, SEG_A_S = 0x010, SEG_A_DPL_SHIFT = 5, SEG_A_P = 0x080,
    SEG_A_AVL = 0x100, SEG_A_L = 0x200, SEG_A_DB = 0x400, SEG_A_G = 0x800,
};

struct x86_dtable {
    uint64_t base;
    uint16_t limit;
};

/* RFLAGS [SDM1 3.4.3]. */
enum {
    FL_CF = 1u << 0, FL_1 = 1u << 1, FL_PF = 1u << 2, FL_AF = 1u << 4, FL_ZF = 1u << 6,
    FL_SF = 1u << 7, FL_TF = 1u << 8, FL_IF = 1u << 9, FL_DF = 1u << 10, FL_OF = 1u << 11,
    FL_IOPL_SHIFT = 12, FL_IOPL = 3u << 12, FL_NT = 1u << 14, FL_RF = 1u << 16, FL_VM = 1u << 17,
    FL_AC = 1u << 18, FL_VIF = 1u << 19, FL_VIP = 1u << 20, FL_ID = 1u << 21,
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};

/* CR0, CR4 [SDM3 2.5], EFER [APM2 3.1.7]. */
#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)

#define CR4_VME (1u << 0)
#define CR4_PVI (1u << 1)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_PCE (1u << 8)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_FSGSBASE (1u << 16)
#define CR4_PCIDE (1u << 17)
#define CR4_OSXSAVE (1u << 18)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define EFER_SVME (1u << 12)
#define EFER_FFXSR (1u << 14)

/* Exception vectors [SDM3 6.3.1]. */
enum x86_vector {
    EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5, EXC_UD = 6,
    EXC_NM = 7, EXC_DF = 8, EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14,
    EXC_MF = 16, EXC_AC = 17, EXC_MC = 18, EXC_XM = 19,
};

/* One vector register; ymm[n].q[0..1] is xmm n. */
union x86_ymm {
    uint8_t b[32];
    uint16_t w[16];
    uint32_t d[8];
    uint64_t q[4];
} __attribute__((aligned(16))); /* locals of operations: more would realign the stack */

enum x86_mp_state { MP_RUNNABLE, MP_HALTED, MP_WAIT_SIPI };

/* MTRRs [SDM3 11.11]: 8 variable ranges, the 11 fixed ones, the default type. */
struct x86_mtrr {
    uint64_t base[8], mask[8], fixed[11], def_type;
};

struct x86_state {
    /* general */
    uint64_t r[X86_NREG]; /* r[X86_RIP]: at an instruction boundary, the next instruction */
    uint64_t rflags;      /* all bits at a boundary after x86_flags_sync(); arithmetic ones are lazy */

    /* segment */
    struct x86_seg seg[X86_NSEG];
    struct x86_dtable gdtr, idtr;

    /* control */
    uint64_t cr0, cr2, cr3, cr4, xcr0, efer;
    uint64_t dr[8];    /* 4 and 5 unused */
    uint64_t pdpte[4]; /* PAE paging caches them at MOV CR3 [SDM3 4.4.1] */

    /* fpu: x87 by physical register number; fsw bits 13:11 hold TOP */
    struct f80 fpr[8];
    uint16_t fcw, fsw, fop;
    uint8_t ftw; /* abridged: bit set = physical register not empty [SDM1 10.5.1.1] */
    uint64_t fip, fdp;
    uint16_t fcs, fds;
    uint32_t mxcsr;
    union x86_ymm ymm[16] __attribute__((aligned(32)));

    /* msr */
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, misc_enable, debugctl, xss, mcg_status, hwcr, syscfg;
    uint64_t apic_base;
    struct x86_mtrr mtrr;
    uint64_t kvm_wall_clock, kvm_system_time, kvm_steal_time, kvm_pv_eoi, kvm_poll_control;

    /* events */
    uint8_t mp_state;
    uint8_t posted;      /* APIC_EV_*, while the state is canonical: not taken yet */
    uint8_t sipi_vector; /* of a posted SIPI */
    bool intr_shadow; /* STI or MOV SS: no interrupt before the next instruction ends */
    bool shadow_is_mov_ss; /* the MOV SS kind also holds back #DB and NMI */
    bool nmi_pending, nmi_blocked;
    bool ferr; /* FERR# asserted: an unmasked x87 error with CR0.NE = 0 */
    bool rep_left; /* a repeated string has left before its end: an interrupt now pushes RF set */
    bool pv_kicked; /* atomic: KVM_HC_KICK_CPU ends the next halt */
    bool pv_idle;   /* told the guest that this vCPU does not run */
    bool pv_eoi_armed; /* the EOI word in guest memory is set */

    /* time */
    uint64_t tsc_offset; /* guest TSC = clock's TSC + offset (WRMSR TSC, TSC_ADJUST) */
    uint64_t tsc_adjust;
    uint64_t random; /* state of the deterministic generator */
};

#endif
