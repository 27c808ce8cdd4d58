/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tlb: guest memory as an instruction sees it: segmentation, paging through the software TLB,
 * exceptions on the way. Used by sem_*.c and by translated code.
 *
 *   x86_ld8..64(c, seg, ea)          read        (ea: effective address, see x86_ea())
 *   x86_st8..64(c, seg, ea, v)       write
 *   x86_ldw8..64(c, seg, ea)         read with write intent: faults as a write would; a plain
 *                                    x86_st of the same operand cannot fault any more
 *   x86_ld_bytes / x86_st_bytes      10, 16, 32, 512 ... bytes; all-or-nothing with respect to
 *                                    faults: both pages are checked before the first byte
 *   x86_probe_w(c, seg, ea, n)       write check without access
 *   X86_LOCKED(...)                  see x86_locked_begin()
 *
 * All raise #PF, #GP or #SS as the processor does and then do not return. Loads are acquire,
 * stores are release, which is x86's memory order on any host.
 */
#ifndef QUAD_ARCH_X86_TLB_H
#define QUAD_ARCH_X86_TLB_H

#include "arch/x86/cpu.h"
#include "core/mem.h"

#define X86_PAGE_MASK (~UINT64_C(0xfff))

enum x86_access { ACC_READ, ACC_WRITE, ACC_EXEC };

/* Effective address of in's memory operand: masked to the address size, no segment base. */
static inline uint64_t x86_ea(const struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = c->s.r[in->base] + (c->s.r[in->index] << in->scale) + (uint64_t)(int64_t)in->disp;

    if (likely(in->asize == 8))
        return ea;
    return in->asize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

/* Segment checks for the general case: type, limit, wrap-around, base; returns the linear
 * address. size in bytes. Raises #GP(0)/#SS(0). */
uint64_t x86_seg_lin(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size, bool write);

static inline uint64_t x86_lin_r(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size)
{
    if (unlikely(c->nonflat_r & (1u << seg)))
        return x86_seg_lin(c, seg, ea, size, false);
    return ea + c->segbase[seg];
}

static inline uint64_t x86_lin_w(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size)
{
    if (unlikely(c->nonflat_w & (1u << seg)))
        return x86_seg_lin(c, seg, ea, size, true);
    return ea + c->segbase[seg];
}

static inline struct x86_tlbe *x86_tlbe(struct x86_tlbe *tlb, uint64_t lin)
{
    return &tlb[(lin >> 12) & (X86_TLB_SIZE - 1)];
}

/* The tag that a hit on [lin, lin+size) must equal: the page of the *last* byte, so that an
 * access across two pages never hits. */
static inline uint64_t x86_tag(const struct x86_cpu *c, uint64_t lin, unsigned size)
{
    return ((lin + size - 1) & X86_PAGE_MASK) | c->asid;
}

/* Slow paths (mmu.c): TLB fill, page crossing, device windows, faults. `seg` chooses #SS or #GP
 * for a non-canonical address. intent_w: a read that must fault as a write. */
uint64_t x86_ld_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, bool intent_w);
void x86_st_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, uint64_t v);

/* A store through e was done and *e->flagp was not PAGE_DIRTY: record dirty, drop decoded code. */
void x86_store_note(struct x86_cpu *c, struct x86_tlbe *e, uint64_t lin);

#define X86_MEM(bits)                                                                           \
    static inline uint##bits##_t x86_ld##bits(struct x86_cpu *c, unsigned seg, uint64_t ea)     \
    {                                                                                           \
        uint64_t lin = x86_lin_r(c, seg, ea, bits / 8);                                         \
        const struct x86_tlbe *e = x86_tlbe(c->tlb, lin);                                       \
        if (likely(e->tag_r == x86_tag(c, lin, bits / 8)))                                      \
            return mem_host_ld##bits((const void *)(uintptr_t)(lin + e->addend));               \
        return (uint##bits##_t)x86_ld_slow(c, seg, lin, bits / 8, false);                       \
    }                                                                                           \
    static inline uint##bits##_t x86_ldw##bits(struct x86_cpu *c, unsigned seg, uint64_t ea)    \
    {                                                                                           \
        uint64_t lin = x86_lin_w(c, seg, ea, bits / 8);                                         \
        const struct x86_tlbe *e = x86_tlbe(c->tlb, lin);                                       \
        if (likely(e->tag_w == x86_tag(c, lin, bits / 8)))                                      \
            return mem_host_ld##bits((const void *)(uintptr_t)(lin + e->addend));               \
        return (uint##bits##_t)x86_ld_slow(c, seg, lin, bits / 8, true);                        \
    }                                                                                           \
    static inline void x86_st##bits(struct x86_cpu *c, unsigned seg, uint64_t ea,               \
                                    uint##bits##_t v)                                           \
    {                                                                                           \
        uint64_t lin = x86_lin_w(c, seg, ea, bits / 8);                                         \
        struct x86_tlbe *e = x86_tlbe(c->tlb, lin);                                             \
        if (unlikely(e->tag_w != x86_tag(c, lin, bits / 8))) {                                  \
            x86_st_slow(c, seg, lin, bits / 8, v);                                              \
            return;                                                                             \
        }                                                                                       \
        mem_host_st##bits((void *)(uintptr_t)(lin + e->addend), v);                             \
        if (unlikely(*e->flagp != PAGE_DIRTY))                                                  \
            x86_store_note(c, e, lin);                                                          \
    }

X86_MEM(8)
X86_MEM(16)
X86_MEM(32)
X86_MEM(64)

#undef X86_MEM

/* Longer operands; size up to 4096. Device windows are accessed in pieces of 8 bytes. */
void x86_ld_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, void *out, unsigned size);
void x86_st_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, const void *v, unsigned size);

static inline void x86_ld_bytes(struct x86_cpu *c, unsigned seg, uint64_t ea, void *out,
                                unsigned size)
{
    uint64_t lin = x86_lin_r(c, seg, ea, size);
    const struct x86_tlbe *e = x86_tlbe(c->tlb, lin);

    if (likely(e->tag_r == x86_tag(c, lin, size)))
        memcpy(out, (const void *)(uintptr_t)(lin + e->addend), size);
    else
        x86_ld_bytes_slow(c, seg, lin, out, size);
}

static inline void x86_st_bytes(struct x86_cpu *c, unsigned seg, uint64_t ea, const void *v,
                                unsigned size)
{
    uint64_t lin = x86_lin_w(c, seg, ea, size);
    struct x86_tlbe *e = x86_tlbe(c->tlb, lin);

    if (unlikely(e->tag_w != x86_tag(c, lin, size))) {
        x86_st_bytes_slow(c, seg, lin, v, size);
        return;
    }
    memcpy((void *)(uintptr_t)(lin + e->addend), v, size);
    if (unlikely(*e->flagp != PAGE_DIRTY))
        x86_store_note(c, e, lin);
}

/* Write check of [ea, ea+size): raises what a store would raise. */
void x86_probe_w(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size);

/* A locked read-modify-write of 1..16 bytes. begin() makes all checks and returns a host pointer
 * on which the caller does one seq_cst atomic; x86_locked_end() finishes. Where no plain host
 * atomic can do it (device window, page crossing, misaligned on a host without such atomics),
 * all other vCPUs are held and the pointer is to a bounce buffer that end() writes back. */
struct x86_locked {
    void *ptr;
    struct x86_tlbe *e;
    uint64_t lin;
    unsigned size, seg;
    bool bounce;
    uint64_t buf[2] __attribute__((aligned(16)));
};
void x86_locked_begin(struct x86_cpu *c, struct x86_locked *l, unsigned seg, uint64_t ea,
                      unsigned size);
void x86_locked_end(struct x86_cpu *c, struct x86_locked *l);

/* Implicit supervisor accesses (descriptor tables, TSS, gates' new stacks): linear address, given
 * rules; they fault like any access, U/S bit by ctx. */
uint64_t x86_sys_ld(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size);
void x86_sys_st(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size, uint64_t v);
void x86_sys_probe_w(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size);

/* Implicit stack accesses of the current privilege: PUSH, POP, CALL, RET ... (sem_stack.c has the
 * typed helpers). */

/* Register access. r: number, for 8-bit ones possibly X86_HIGH8 | 0..3. */
static inline uint8_t reg_ld8(const struct x86_cpu *c, unsigned r)
{
    if (unlikely(r & X86_HIGH8))
        return (uint8_t)(c->s.r[r & 3] >> 8);
    return (uint8_t)c->s.r[r];
}
static inline uint16_t reg_ld16(const struct x86_cpu *c, unsigned r) { return (uint16_t)c->s.r[r]; }
static inline uint32_t reg_ld32(const struct x86_cpu *c, unsigned r) { return (uint32_t)c->s.r[r]; }
static inline uint64_t reg_ld64(const struct x86_cpu *c, unsigned r) { return c->s.r[r]; }

static inline void reg_st8(struct x86_cpu *c, unsigned r, uint8_t v)
{
    if (unlikely(r & X86_HIGH8))
        c->s.r[r & 3] = (c->s.r[r & 3] & ~UINT64_C(0xff00)) | (uint64_t)v << 8;
    else
        c->s.r[r] = (c->s.r[r] & ~UINT64_C(0xff)) | v;
}
static inline void reg_st16(struct x86_cpu *c, unsigned r, uint16_t v)
{
    c->s.r[r] = (c->s.r[r] & ~UINT64_C(0xffff)) | v;
}
static inline void reg_st32(struct x86_cpu *c, unsigned r, uint32_t v) { c->s.r[r] = v; }
static inline void reg_st64(struct x86_cpu *c, unsigned r, uint64_t v) { c->s.r[r] = v; }

/* src operand of form RR and MR: register or immediate. */
static inline uint8_t src_ld8(const struct x86_cpu *c, const struct x86_insn *in)
{
    return in->src == X86_IMM ? (uint8_t)in->imm : reg_ld8(c, in->src);
}
static inline uint16_t src_ld16(const struct x86_cpu *c, const struct x86_insn *in)
{
    return (uint16_t)(in->src == X86_IMM ? in->imm : c->s.r[in->src]);
}
static inline uint32_t src_ld32(const struct x86_cpu *c, const struct x86_insn *in)
{
    return (uint32_t)(in->src == X86_IMM ? in->imm : c->s.r[in->src]);
}
static inline uint64_t src_ld64(const struct x86_cpu *c, const struct x86_insn *in)
{
    return in->src == X86_IMM ? in->imm : c->s.r[in->src];
}

/* MMU control (mmu.c). */
void x86_mmu_init(struct x86_cpu *c);
void x86_mmu_fini(struct x86_cpu *c);
void x86_tlb_flush_all(struct x86_cpu *c);                 /* also global pages, all PCIDs */
void x86_tlb_flush_nonglobal(struct x86_cpu *c);
void x86_tlb_flush_page(struct x86_cpu *c, uint64_t lin);  /* INVLPG */
void x86_tlb_invpcid(struct x86_cpu *c, unsigned type, unsigned pcid, uint64_t lin);
/* For personas, which know when tables change (and use no PCIDs): go back to the address space that
 * was c->asid while x86_asid_epoch() was what it is now. */
uint64_t x86_asid_epoch(const struct x86_cpu *c);
void x86_asid_return(struct x86_cpu *c, uint64_t asid);
void x86_set_cr0(struct x86_cpu *c, uint64_t v); /* checks, #GP, mode switch, flushes */
void x86_set_cr3(struct x86_cpu *c, uint64_t v);
void x86_set_cr4(struct x86_cpu *c, uint64_t v);
void x86_set_efer(struct x86_cpu *c, uint64_t v);

/* Instruction fetch: guest-physical address of the page that holds linear address `lin`, host
 * pointer to it (NULL: not RAM or ROM). Raises #PF/#GP. */
const uint8_t *x86_fetch_page(struct x86_cpu *c, uint64_t lin, uint64_t *gpa,
                              struct mem_slot **slot);

/* The entry through which the current mode reaches [lin, end of its page) in RAM, or NULL where an
 * access would fault: for hypercalls, which answer with an error. */
struct x86_tlbe *x86_try(struct x86_cpu *c, uint64_t lin, enum x86_access acc);

/* Debugger's and monitor's view: translate without faults or A/D updates; false: not mapped. */
bool x86_walk_peek(struct x86_cpu *c, uint64_t lin, uint64_t *gpa);

#endif
