/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gen: what the files of this generator share.
 *
 * Host registers: RSP is the host's own stack; R13, R14, R15 are scratch (R14 address or target,
 * R15 TLB entry); guest RAX RCX RDX RBX RBP RSI RDI R8 live in their namesakes, guest RSP in R12,
 * R12 R13 R14 in R9 R10 R11; guest R9 R10 R11 R15 stay in the state record. GS base is the CPU
 * record.
 */
#ifndef QUAD_FULL_JIT_X86_X86_64_GEN_H
#define QUAD_FULL_JIT_X86_X86_64_GEN_H

#include "arch/x86/tlb.h"
#include "full/jit/backend.h"
#include "full/jit/x86_x86_64/asm.h"

#define S0 H_R13
#define ADDR H_R14
#define ENTRY H_R15

#define OFF(member) ((int32_t)offsetof(struct x86_cpu, member))
#define OFF_R(n) ((int32_t)(offsetof(struct x86_cpu, s.r) + 8u * (n)))
#define OFF_SCRATCH(n) ((int32_t)(offsetof(struct x86_cpu, scratch) + 8u * (n)))

/* Where the guest's arithmetic flags are. */
enum fl_where { FL_IN_MEM, FL_IN_HOST, FL_IN_BOTH };

enum slow_kind {
    SLOW_INSN, /* the whole instruction by its function, then on behind it */
    SLOW_LAST, /* the same for one that ends the block */
    SLOW_NOTE, /* after a store: its page's flags are not plain dirty */
    SLOW_X87,  /* the same of the x87's registers */
    SLOW_SIMD, /* vector registers are not in the host's, or forbidden */
    SLOW_LINK, /* the end of a block whose successor is not linked */
};

#define NOTE_RIP_IS_SET UINT32_MAX

/* The x87's registers while generating: `in` the host's; and the last instruction that FIP, FOP, FCS
 * (and with `memory` FDS) do not tell yet. at: as off. */
struct x87_note {
    bool in, pending, memory;
    uint8_t seg;
    uint16_t fop;
    int32_t at;
};

struct slow {
    enum slow_kind kind;
    uint8_t *from[3]; /* jumps that come here */
    unsigned nfrom;
    uint8_t *resume;
    const struct x86_insn *in;
    uint32_t off_next;
    enum fl_where join; /* flags where `resume` expects them */
    bool vec;           /* `resume` expects the vector registers in the host's */
    struct x87_note x87; /* when it begins; but `in` as `resume` expects it */
    uint8_t forbidden;  /* SLOW_SIMD: these of JIT_NO_* are tested; then the function... */
    int insn;           /* ...by this SLOW_INSN */
};

#define SLOW_MAX (3 * BLOCK_INSNS_MAX + 8)

struct gen {
    struct as as;
    struct jit_vcpu *jv;
    const struct block *b;
    const struct x86_insn *in;
    uint32_t off, off_next; /* of the instruction and the next one in the block */
    enum fl_where fl;
    struct slow slow[SLOW_MAX];
    unsigned nslow;
    int insn_slow; /* index of this instruction's SLOW_INSN entry, or -1 */
    unsigned simd_checked; /* JIT_NO_* that were tested since the vector registers came into the
                              host's; 0: they may be in the record */
    struct x87_note x87;
    bool ended;    /* control does not fall out of the last instruction */
};

/* Host register of a guest one, or -1: in memory. */
static inline int host_of(unsigned guest)
{
    static const int8_t map[16] = {H_RAX, H_RCX, H_RDX, H_RBX, H_R12, H_RBP, H_RSI, H_RDI,
                                   H_R8,  -1,    -1,    -1,    H_R9,  H_R10, H_R11, -1};
    return map[guest];
}

/* The host register that holds guest register n; `scratch` is loaded where it is in memory. */
static inline unsigned reg_in(struct gen *g, unsigned n, unsigned scratch)
{
    int h = host_of(n);

    if (h >= 0)
        return (unsigned)h;
    as_load(&g->as, 8, scratch, GS(OFF_R(n)));
    return scratch;
}

/* After an operation on reg_in()'s result: put it back where it is in memory. */
static inline void reg_out(struct gen *g, unsigned n, unsigned from)
{
    if (host_of(n) < 0)
        as_store(&g->as, 8, GS(OFF_R(n)), from);
}

/* Flags. need: they must be in the host's register; save: they must be in memory, because host
 * flags are about to be lost. set: an operation wrote all that matters. */
void fl_need(struct gen *g);
void fl_save(struct gen *g);
static inline void fl_lost(struct gen *g) { g->fl = FL_IN_MEM; }
static inline void fl_set(struct gen *g) { g->fl = FL_IN_HOST; }

/* Memory operand of g->in: ADDR = linear address, checked through the TLB, then a host address;
 * ENTRY = TLB entry. Misses go to the whole-instruction slow path (`last`: one that ends the
 * block). Saves flags first. gen_lin alone: ADDR = linear address. */
bool gen_ea(struct gen *g, unsigned to, bool segment);
void gen_check(struct gen *g, unsigned size, bool write, bool last);
/* Both, for an ordinary memory operand. False: nothing was written. */
bool gen_operand(struct gen *g, unsigned size, bool write);
/* After a store through ENTRY. */
void gen_note(struct gen *g, uint32_t off_next);
/* Another jump of condition cc to this instruction's slow path. */
void gen_slow_if(struct gen *g, unsigned cc, bool last);

/* Vector registers in the host's and allowed; bit: one of JIT_NO_*. Loses the host's flags. */
void gen_vec_need(struct gen *g, unsigned bit);

/* A jump, if not equal, to where the x87's registers are brought in. */
void gen_slow_x87(struct gen *g);
/* Write what n says, or what is still to be written; loses S0. */
void gen_x87_note(struct gen *g, const struct x87_note *n);
void gen_x87_flush(struct gen *g);

void gen_helper(struct gen *g);
void gen_helper_last(struct gen *g);
void gen_exit_direct(struct gen *g, int64_t delta);
void gen_exit_to_addr(struct gen *g); /* ADDR = target, already in RIP */

/* False: not generated; the helper is called instead. */
bool gen_integer(struct gen *g);
bool gen_muldiv(struct gen *g);
bool gen_bits(struct gen *g);
bool gen_flags(struct gen *g);
bool gen_high8(struct gen *g); /* before the others: all that have AH, CH, DH, BH */
bool gen_x87(struct gen *g);
bool gen_flow(struct gen *g);
bool gen_simd(struct gen *g);

#endif
