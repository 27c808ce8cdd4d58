/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gen: what the files of this generator share.
 *
 * Host registers: RSP is the CPU record, with room for a few calls below, so that its words are as
 * cheap as a stack's (processors forward them without latency); R13, R14, R15 are scratch (R14 address or target,
 * R15 TLB entry); guest RAX RCX RDX RBX RBP RSI RDI R8 live in their namesakes, guest RSP in R12,
 * R12 R13 R14 in R9 R10 R11; guest R9 R10 R11 R15 stay in the state record. GS base is the CPU
 * record, too: for the stubs.
 */
#ifndef QUAD_FULL_JIT_X86_X86_64_GEN_H
#define QUAD_FULL_JIT_X86_X86_64_GEN_H

#include "arch/x86/tlb.h"
#include "full/jit/backend.h"
#include "full/jit/x86_x86_64/asm.h"

#define S0 H_R13
#define ADDR H_R14
#define ENTRY H_R15

#define REC(disp) MEM(H_RSP, disp)
#define OFF(member) ((int32_t)offsetof(struct x86_cpu, member))
#define OFF_R(n) ((int32_t)(offsetof(struct x86_cpu, s.r) + 8u * (n)))
#define OFF_SCRATCH(n) ((int32_t)(offsetof(struct x86_cpu, scratch) + 8u * (n)))

/* Where the guest's arithmetic flags are. FL_BY_RECIPE: neither in memory nor in the host's register,
 * but the operation that set them can be done again. */
enum fl_where { FL_IN_MEM, FL_IN_HOST, FL_IN_BOTH, FL_BY_RECIPE };

/* How to get the flags of the last operation again from registers that still have its operands or
 * its result (gen_fl.c). */
struct recipe {
    enum { REC_NONE, REC_CMP, REC_TEST, REC_ADD, REC_SUB } kind;
    uint8_t size, dst, src; /* guest registers; src may be X86_IMM */
    int32_t imm;
};

enum slow_kind {
    SLOW_INSN, /* the whole instruction by its function, then on behind it */
    SLOW_LAST, /* the same for one that ends the unit */
    SLOW_GROUP, /* a group's span is not in the TLB, or not in one page (gen_group.c) */
    SLOW_NOTE, /* after a store: its page's flags are not plain dirty */
    SLOW_X87,  /* the same of the x87's registers */
    SLOW_SIMD, /* vector registers are not in the host's, or forbidden */
    SLOW_LINK, /* the end of a unit whose successor on the page is not linked */
    SLOW_FAR,  /* the same on another page, or it was linked under another tag */
    SLOW_AWAY, /* an indirect jump or return whose target is not in the jump cache: out */
    SLOW_SIDE, /* a branch that leaves the unit in its midst */
    SLOW_ENTRY, /* a request, or the code has changed: out before the first instruction (of a loop) */
};

/* off_next of gen_note(): JIT_TARGET is where control goes. */
#define NOTE_TARGET INT64_MIN

/* The x87's registers while generating: `in` the host's; and the last instruction that FIP, FOP, FCS
 * (and with `memory` FDS) do not tell yet. at: its page offset. */
struct x87_note {
    bool in, pending, memory;
    uint8_t seg;
    uint16_t fop;
    int32_t at;
};

struct slow {
    uint8_t kind;   /* enum slow_kind */
    uint8_t nfrom;
    bool vec;          /* `resume` expects the vector registers in the host's */
    uint8_t forbidden; /* SLOW_SIMD: these of JIT_NO_* are tested; then the function... */
    int16_t insn;      /* ...by this SLOW_INSN */
    uint16_t done;     /* instructions of the unit that are done before */
    uint8_t join;      /* enum fl_where: flags where `resume` expects them */
    uint8_t fl;        /* ... and where they are when it comes here */
    struct recipe recipe;
    uint8_t *from[4]; /* jumps that come here */
    uint8_t *resume;
    const struct x86_insn *in;
    int64_t off; /* page offset of the next instruction or the target */
    struct x87_note x87; /* when it begins; but `in` as `resume` expects it */
    uint16_t span;       /* SLOW_GROUP: bytes at ADDR */
    bool write;
};

/* A memory operand: where, relative to registers. */
struct access {
    uint8_t seg;               /* SEG_FS, SEG_GS, else SEG_DS */
    uint8_t base, index, scale; /* as in struct x86_insn */
    int64_t disp;              /* with X86_RIP: from the running page */
    uint16_t size;
    bool write;
    bool odd; /* not of 64-bit addresses */
};

/* Accesses that share a look into the TLB: of key's registers, with displacements in lo..hi. */
#define GROUPS JIT_GROUPS_MAX
struct group {
    bool valid, write;
    bool kept; /* a loop counts on it */
    struct access key;
    int64_t lo, hi;
};

/* One translation: a run of blocks on one page, entered at the first, left anywhere. A loop whose
 * second round can begin with another state of the generator than the first (flags by recipe, vector
 * registers seen to be in the host's) is in it twice: the second copy jumps back to its own beginning. */
#define UNIT_BLOCKS_MAX 8
#define UNIT_INSNS_MAX 48
#define UNIT_COPIES_MAX (2 * UNIT_BLOCKS_MAX)

/* A block in the unit: where its code begins, and in what state. */
struct unit_block {
    const struct block *b;
    uint8_t *at;
    unsigned insns, simd_checked;
    enum fl_where fl;
    struct recipe recipe;
    bool x87_in;
    struct group groups[GROUPS];
};
#define SLOW_MAX (4 * (2 * UNIT_INSNS_MAX + BLOCK_INSNS_MAX) + 8)

struct gen {
    struct as as;
    struct jit_vcpu *jv;
    const struct block *b; /* that g->in belongs to */
    const struct x86_insn *in;
    uint32_t off, off_next; /* of the instruction and the next one in the block */
    enum fl_where fl;
    struct recipe recipe;
    unsigned nslow;
    int insn_slow; /* index of this instruction's SLOW_INSN entry, or -1 */
    unsigned simd_checked; /* JIT_NO_* that were tested since the vector registers came into the
                              host's; 0: they may be in the record */
    struct x87_note x87;
    bool ended;    /* control does not fall out of the last instruction */
    const struct block *next; /* where it does, when the unit goes on there */
    struct unit_block unit[UNIT_COPIES_MAX];
    unsigned nunit, ninsns;
    /* The way that was chosen; the block of it at which it goes round, or -1; what is written there. */
    const struct block *plan[UNIT_BLOCKS_MAX];
    unsigned nplan, place, insn; /* where g->in is */
    int plan_loop;
    uint32_t loop_writes;
    bool alone;  /* no groups */
    bool shadow; /* of STI: nothing may lead out in front of this instruction */
    struct group groups[GROUPS];
    unsigned next_group;
    struct rm mem; /* the last memory operand */
    int group;     /* that serves it, or -1: ENTRY is its TLB entry */
    unsigned copied; /* blocks from here on are the second copy of a loop's; 0: none is */
    const uint8_t *checks; /* where those of the prologue end */
    struct slow slow[SLOW_MAX];
};

/* While native code runs, RIP in the record is the linear address of the page that runs. This is
 * what to add to a place in g->b. */
static inline int64_t page_off(const struct gen *g, int64_t delta)
{
    return (int64_t)(g->b->gpa & 0xfff) + delta;
}

/* While it was interpreted; that way stays in the unit. */
static inline bool mostly_taken(const struct block *b)
{
    return b->taken * 2 > b->heat;
}

/* Host register of a guest one, or -1: in memory. */
static inline int host_of(unsigned guest)
{
    static const int8_t map[16] = {H_RAX, H_RCX, H_RDX, H_RBX, H_R12, H_RBP, H_RSI, H_RDI,
                                   H_R8,  -1,    -1,    -1,    H_R9,  H_R10, H_R11, -1};
    return map[guest];
}

/* add qword [RIP of the record], v: v fits 32 bits; the encoding has one length. */
#define ADD_RIP_BYTES 12
_Static_assert(OFF_R(X86_RIP) > INT8_MAX, "no short displacement");
static inline void as_add_rip(struct as *a, int64_t v)
{
    as_op(a, 0, 8, 0x81, 0, REC(OFF_R(X86_RIP)), false);
    as_32(a, (uint32_t)v);
}

/* The host register that holds guest register n; `scratch` is loaded where it is in memory. */
static inline unsigned reg_in(struct gen *g, unsigned n, unsigned scratch)
{
    int h = host_of(n);

    if (h >= 0)
        return (unsigned)h;
    as_load(&g->as, 8, scratch, REC(OFF_R(n)));
    return scratch;
}

/* After an operation on reg_in()'s result: put it back where it is in memory. */
static inline void reg_out(struct gen *g, unsigned n, unsigned from)
{
    if (host_of(n) < 0)
        as_store(&g->as, 8, REC(OFF_R(n)), from);
}

/* Flags (gen_fl.c). need: they must be in the host's register. save: they must be in memory, because
 * C code or the next block looks there. spare: host flags are about to be lost, what is in them is
 * kept or can be had again. set: an operation wrote all that matters. */
void fl_need(struct gen *g);
void fl_save(struct gen *g);
void fl_spare(struct gen *g);
void fl_before(struct gen *g); /* before g->in: its results may spoil the recipe */
void fl_set(struct gen *g);
void fl_emit_save(struct as *a);
void fl_emit_load(struct as *a);
void fl_emit_recipe(struct gen *g, const struct recipe *r);
static inline void fl_lost(struct gen *g)
{
    if (g->fl != FL_BY_RECIPE)
        g->fl = FL_IN_MEM;
}

/* Ahead (gen_regs.c): general registers that an instruction may write, a bit each (all ones: not
 * known); whether it writes all arithmetic flags and reads none. */
uint32_t gen_writes(const struct x86_insn *in);
bool gen_overwrites_flags(const struct x86_insn *in);

/* Memory (gen_mem.c).
 * Memory operand of g->in: ADDR = linear address, checked through the TLB, then a host address;
 * ENTRY = TLB entry. Misses go to the whole-instruction slow path (`last`: one that ends the
 * unit). Flags are spared first. gen_ea alone: ADDR = linear address. */
bool gen_ea(struct gen *g, unsigned to, bool segment);
void gen_check(struct gen *g, unsigned size, bool write, bool last);
/* Parts of them: ADDR = acc's linear address (false: as gen_ea); ENTRY = its entry and the host's flags "equal" if
 * that is good for size bytes at ADDR. */
bool gen_linear(struct gen *g, const struct access *acc);
void gen_look_up(struct gen *g, unsigned size, bool write);
/* A memory operand, checked: g->mem, which may use ADDR, ENTRY and registers of the guest. The host's
 * flags may have been spared or not. False: nothing was written. */
bool gen_operand(struct gen *g, unsigned size, bool write);
bool gen_stack(struct gen *g, int64_t disp, bool write, bool last);
bool gen_access(struct gen *g, const struct access *acc, bool last);
/* g->mem's address into ADDR. */
void gen_mem_address(struct gen *g);

/* Groups (gen_group.c). */
void access_of(const struct x86_insn *in, int64_t off_next, unsigned size, bool write,
               struct access *acc);
void access_stack(int64_t disp, bool write, struct access *acc);
/* g->mem by a group; false: nothing was written. */
bool group_operand(struct gen *g, const struct access *acc);
void group_flags(struct gen *g); /* S0 = address of its page's flags */
void groups_pass(struct gen *g); /* behind g->in */
void groups_drop(struct gen *g);
void groups_loop(struct gen *g); /* a loop begins: those that it leaves alone */
bool groups_hold(const struct gen *g, const struct group *then);
/* After a store through g->mem. off_next: g->off_next, a branch's delta, or NOTE_TARGET. */
void gen_note(struct gen *g, int64_t off_next);
/* Another jump of condition cc to this instruction's slow path. */
void gen_slow_if(struct gen *g, unsigned cc, bool last);
/* Vector registers in the host's and allowed; bit: one of JIT_NO_*. Loses the host's flags. */
void gen_vec_need(struct gen *g, unsigned bit);

/* The x87's registers in the host's and allowed. Loses the host's flags. */
void gen_x87_need(struct gen *g);
/* A jump, if not equal, to where the x87's registers are brought in. */
void gen_slow_x87(struct gen *g);
/* Write what n says, or what is still to be written; loses S0. */
void gen_x87_note(struct gen *g, const struct x87_note *n);
void gen_x87_flush(struct gen *g);

/* What RET takes off the stack. */
static inline int32_t ret_pops(const struct x86_insn *in)
{
    return 8 + (in->src == X86_IMM ? (uint16_t)in->imm : 0);
}

/* Slow paths and links (gen_slow.c). */
struct slow *slow_new(struct gen *g, enum slow_kind kind);
void slow_emit(struct gen *g, struct slow *s);
const uint8_t *to_rw(const struct gen *g, const uint8_t *rx);

/* Ends (translate.c, gen_flow.c). */
void gen_helper(struct gen *g);
void gen_helper_last(struct gen *g);
/* On at page offset off: within the unit where that is possible, else out of it. */
void gen_go(struct gen *g, int64_t off);
/* Out of the unit to page offset off; flags are in memory. */
void gen_exit(struct gen *g, int64_t off);
/* gen_go() to off would go on with the first instruction there, without a look at requests. */
bool unit_goes_on(struct gen *g, int64_t off);
/* The jump cache (gen_flow.c). */
void gen_jump_place(struct as *a, uint8_t *miss[2]);
void gen_jump_enter(struct as *a);
/* A link to another page, good while the tag of the context is the same; returns the end of its
 * jump, *miss that of the jump taken when it is not. */
uint8_t *gen_far_site(struct gen *g, int64_t off, uint8_t **miss);

/* False: not generated; the helper is called instead. */
bool gen_integer(struct gen *g);
bool gen_muldiv(struct gen *g);
bool gen_bits(struct gen *g);
bool gen_flags(struct gen *g);
bool gen_string(struct gen *g);
bool gen_sys(struct gen *g);
bool gen_interrupt_flag(struct gen *g); /* CLI, STI; control falls out of them */
bool gen_high8(struct gen *g); /* before the others: all that have AH, CH, DH, BH */
bool gen_x87(struct gen *g);
bool gen_flow(struct gen *g);
bool gen_simd(struct gen *g);

#endif
