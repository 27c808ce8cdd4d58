/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpu: one processor as an engine of ours runs it: the canonical state, what is derived from it,
 * the lazy flags, the software TLB. The operations (sem_*.c) take this record.
 *
 * Owned by the vCPU's thread while it runs; others touch it only with the machine stopped, except
 * vcpu->request and the local APIC, which have their own rules.
 *
 * How an operation fails: x86_raise*() unwinds to the engine (longjmp) with the exception
 * recorded. So an operation makes all its faulting accesses and checks *before* it changes
 * anything that a restart would see, and never holds a lock across a memory access.
 */
#ifndef QUAD_ARCH_X86_CPU_H
#define QUAD_ARCH_X86_CPU_H

#include <setjmp.h>

#include "arch/x86/insn.h"
#include "arch/x86/state.h"

struct vcpu;
struct mem;
struct lapic;
struct x86_model;
struct x86_persona;

/* What the decoder and the block cache key on: how instruction bytes are read. */
enum {
    MODE_CODE64 = 1, /* EFER.LMA and CS.L */
    MODE_CODE32 = 2, /* CS.D, not CODE64 */
    MODE_PROT = 4,   /* CR0.PE and not virtual-8086 */
    MODE_STACK32 = 8, /* SS.B; meaningless with CODE64 */
    MODE_VM86 = 16,
    MODE_LMA = 32, /* long mode active (also compatibility mode) */
    MODE_KEYS = 64,
};

/* A software TLB entry covers 4 KiB. Tags are page address | asid (low 12 bits); asid 0 is never
 * in use, so a zeroed entry matches nothing. A store through tag_w must afterwards look at
 * *flagp: anything but PAGE_DIRTY goes to x86_store_note() [tlb.h]. */
struct x86_tlbe {
    uint64_t tag_r, tag_w, tag_x;
    uintptr_t addend;       /* host address = linear address + addend */
    volatile uint8_t *flagp; /* core/mem page flags of the page */
    uint64_t gpa;           /* guest-physical page address */
    bool loose;             /* not global */
} __attribute__((aligned(64))); /* a shift finds the entry; one cache line each */

#define X86_TLB_BITS 11
#define X86_TLB_SIZE (1u << X86_TLB_BITS)

/* Which rules an access obeys. SUPER_AC: supervisor while EFLAGS.AC (or no SMAP) allows user
 * pages. */
enum x86_tlb_ctx { TLB_SUPER, TLB_SUPER_AC, TLB_USER, X86_TLB_CTXS };

/* Lazy arithmetic flags. Each operation stores four words; each flag is a few instructions:
 *   ZF = zres == 0      SF = bit 63 of sres     PF = parity of sres bits 7:0
 *   CF = bit 63 of cv   OF = bit 63 ^ bit 62 of cv   AF = bit 4 of af
 * (results sign-extended to 64 bits; carry vectors shifted so that the operand's top bit is bit
 * 63). See flags.h. */
struct x86_lazy {
    uint64_t zres, sres, cv, af;
};

/* An exception on its way from x86_raise*() to delivery. */
struct x86_fault {
    uint8_t vector;
    bool has_error;
    bool soft; /* INT n, INT3, INTO: gate DPL is checked, return address is the next instruction */
    bool icebp; /* INT1: as soft without the DPL check */
    bool ext;   /* an external interrupt or NMI: no exception class, EXT in nested error codes */
    bool wait;  /* no exception: the instruction waits for an interrupt and starts again */
    uint32_t error;
    uint64_t cr2;      /* EXC_PF */
    uint64_t dr6_bits; /* EXC_DB */
};

/* A record that an engine runs has this much room in front of it, for the engine. */
#define X86_CPU_ROOM 16384

struct x86_cpu {
    /* What generated code touches most comes first, in reach of short displacements. */
    struct x86_tlbe *tlb; /* = tlbs[current context] */
    uint64_t asid;        /* = asids[current context] */
    uint64_t scratch[32]; /* the engine's own words beside the state it works on */

    struct x86_state s;
    struct x86_lazy f;

    /* Derived from s; x86_derive() recomputes. */
    uint32_t mode; /* MODE_* */
    uint8_t cpl;
    uint8_t nonflat_r, nonflat_w; /* bit per segment: needs x86_seg_lin() for the access; all set
                                     while alignment checks or data breakpoints are on */
    uint64_t segbase[6];          /* effective: 0 for ES CS SS DS in 64-bit code */
    uint64_t stack_mask;          /* of RSP for implicit stack accesses: 16, 32 or 64 bits */
    uint64_t ip_mask;             /* of RIP: 64-bit code all ones, else 32 bits */
    bool stepping; /* TF, RF or a breakpoint: one instruction at a time, with debug.h around it */
    bool step_off; /* SYSCALL has masked TF: the instruction is not trapped */
    bool align_check; /* CR0.AM, EFLAGS.AC, CPL 3 */
    uint8_t debug_hits; /* breakpoints that the current instruction has hit (DR6 B0..B3) */
    uint64_t pa_mask;             /* physical-address width of the model, bits maxphyaddr-1..12 */

    /* Software TLB (arch/x86/mmu.c). */
    uint32_t tlb_epoch;   /* grows when entries were dropped without a change of asid */
    uint64_t asids[X86_TLB_CTXS]; /* tags of what is mapped now, 1..4095 (mmu.c) */
    struct x86_tlbe (*tlbs)[X86_TLB_SIZE];

    /* Where the block being executed begins, the instruction, where the block ends; an operation that must not run
     * on within the block (stores into it, mode changes) calls x86_end_block(). */
    const struct x86_insn *first, *cur, *end;
    bool intr_waiting; /* something is pending that IF, a shadow or NMI blocking holds back */
    uint64_t synced; /* deterministic mode: instructions of this block that the clock has already */
    /* Since the guest was last told what others took, ns: when, the thread's time then, idle since, and
     * when it became idle. */
    uint64_t steal_at, steal_ran, steal_idle, idle_at;
    uint64_t icount; /* instructions retired since creation (REP iterations count once) */

    struct vcpu *vcpu;
    struct mem *mem;
    struct lapic *lapic;
    const struct x86_model *model;
    uint64_t features; /* x86_model_features(model) */
    const struct x86_persona *persona; /* NULL: a bare PC [persona.h] */
    void *pv;             /* the persona's own record */
    bool pv_kernel;       /* the guest's kernel runs, not its programs; both at CPL 3 */
    bool pv_cpuid_fault;  /* CPUID raises #GP in its programs */
    uint64_t pv_user_cr3; /* root of the tables for its programs */
    void *mmu;    /* arch/x86/mmu.c's own record */
    void *engine; /* the engine's own record */

    struct x86_fault fault;
    jmp_buf unwind;
};

/* Recompute the derived part after s changed (segments, CR0, CR4, EFER, RFLAGS.VM/AC, CPL). */
void x86_derive(struct x86_cpu *c);

/* Stop executing the current block after the current operation. */
static inline void x86_end_block(struct x86_cpu *c)
{
    c->end = NULL;
}

/* Raise exceptions; they do not return. RIP is put back to the current instruction. */
noreturn_fn void x86_raise(struct x86_cpu *c, unsigned vector);
noreturn_fn void x86_raise_error(struct x86_cpu *c, unsigned vector, uint32_t error);
noreturn_fn void x86_raise_pf(struct x86_cpu *c, uint64_t lin, uint32_t error);
noreturn_fn void x86_raise_soft(struct x86_cpu *c, unsigned vector); /* INT n, INT3, INTO */
noreturn_fn void x86_raise_db(struct x86_cpu *c, uint64_t dr6_bits);

#define x86_ud(c) x86_raise(c, EXC_UD)
#define x86_gp0(c) x86_raise_error(c, EXC_GP, 0)

#endif
