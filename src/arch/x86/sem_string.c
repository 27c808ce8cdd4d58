/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Strings: MOVS CMPS SCAS LODS STOS INS OUTS, repeated or not. [SDM2 4.2 REP]
 *
 * A repeated instruction commits its registers after every iteration, so that a fault or an
 * interrupt finds the exact state and RIP at the instruction. After a bounded amount of work it
 * leaves with RIP at itself; under TF and breakpoints after every iteration.
 *
 * REP MOVS and REP STOS go page-wise where both pages are in the software TLB: the same
 * result as the loop beside them, which stays the reference.
 */
#include "arch/x86/sem_io.h"

enum {
    /* Elements before interrupts are looked at, and the instruction retires once more. Which path
     * they took must not count: that depends on the TLB, and time may depend on this. */
    SLOW_MOST = 4096,
    FAST_MOST = 32768, /* of operations that have a page-wise path */
};

static inline uint64_t areg(const struct x86_cpu *c, const struct x86_insn *in, unsigned r)
{
    if (likely(in->asize == 8))
        return c->s.r[r];
    return in->asize == 4 ? (uint32_t)c->s.r[r] : (uint16_t)c->s.r[r];
}

static inline void areg_put(struct x86_cpu *c, const struct x86_insn *in, unsigned r, uint64_t v)
{
    if (likely(in->asize == 8))
        c->s.r[r] = v;
    else if (in->asize == 4)
        reg_st32(c, r, (uint32_t)v);
    else
        reg_st16(c, r, (uint16_t)v);
}

/* Move RSI or RDI on by one element, or back. */
static inline void step(struct x86_cpu *c, const struct x86_insn *in, unsigned r, unsigned size)
{
    uint64_t by = c->s.rflags & FL_DF ? -(uint64_t)size : size;

    areg_put(c, in, r, c->s.r[r] + by);
}

/* Not finished: come back to this instruction after the engine has looked around. */
static void leave(struct x86_cpu *c, const struct x86_insn *in)
{
    c->s.r[X86_RIP] = (c->s.r[X86_RIP] - in->len) & c->ip_mask;
    c->s.rep_left = true;
    x86_end_block(c);
}

/* one: a statement that does one element and commits it; stop: an expression, true when the
 * repetition ends early; fast: an expression, how many of `n` elements it has done and committed
 * at once (0: none); most: elements at once. */
#define REPEAT(one, stop, fast, most)                                   \
    do {                                                                \
        if (!(in->flags & (IN_REP | IN_REPNE))) {                       \
            one;                                                        \
            return;                                                     \
        }                                                               \
        uint64_t left = unlikely(c->stepping) ? 1 : (most);             \
        c->s.rep_left = false;                                            \
        for (uint64_t all; (all = areg(c, in, RCX)) != 0;) {            \
            if (!left) {                                                \
                leave(c, in);                                           \
                return;                                                 \
            }                                                           \
            uint64_t n = MIN(all, left), done = (fast);                 \
            (void)n;                                                    \
            if (done) {                                                 \
                areg_put(c, in, RCX, all - done);                       \
                left -= done;                                           \
                continue;                                               \
            }                                                           \
            one;                                                        \
            areg_put(c, in, RCX, all - 1);                              \
            left--;                                                     \
            if (stop)                                                   \
                return;                                                 \
        }                                                               \
    } while (0)

/* How many elements of `size` from address register r on are within its page; 0 where the address
 * wraps. *lin: the lowest of n of them, at most `n`. */
static inline uint64_t span(const struct x86_cpu *c, const struct x86_insn *in, unsigned r,
                            unsigned seg, unsigned size, uint64_t n, uint64_t *lin)
{
    uint64_t ea = areg(c, in, r), at = (ea + c->segbase[seg]) & ~X86_PAGE_MASK;

    *lin = ea + c->segbase[seg];
    if (c->s.rflags & FL_DF) {
        if (at + size > PAGE_SIZE_4K)
            return 0;
        n = MIN(n, at / size + 1);
        *lin -= (n - 1) * size;
        return in->asize != 8 && (n - 1) * size > ea ? 0 : n;
    }
    n = MIN(n, (PAGE_SIZE_4K - at) / size);
    if (in->asize != 8 && n * size > (in->asize == 4 ? UINT64_C(0x100000000) : 0x10000) - ea)
        return 0;
    return n;
}

static inline bool fast_allowed(const struct x86_cpu *c, unsigned nonflat)
{
    return !nonflat && !c->stepping;
}

/* Move RSI or RDI on by n elements. */
static inline void advance(struct x86_cpu *c, const struct x86_insn *in, unsigned r, uint64_t bytes)
{
    areg_put(c, in, r, c->s.r[r] + (c->s.rflags & FL_DF ? -bytes : bytes));
}

static uint64_t movs_fast(struct x86_cpu *c, const struct x86_insn *in, unsigned size, uint64_t n)
{
    bool down = c->s.rflags & FL_DF;
    uint64_t from, to;

    if (!fast_allowed(c, (c->nonflat_r & (1u << in->seg)) | (c->nonflat_w & (1u << SEG_ES))))
        return 0;
    n = span(c, in, RSI, in->seg, size, n, &from);
    n = n ? span(c, in, RDI, SEG_ES, size, n, &to) : 0;
    if (!n)
        return 0;
    span(c, in, RSI, in->seg, size, n, &from); /* downwards the lowest depends on n */
    const struct x86_tlbe *ef = x86_tlbe(c->tlb, from);
    struct x86_tlbe *et = x86_tlbe(c->tlb, to);
    if (ef->tag_r != x86_tag(c, from, 1) || et->tag_w != x86_tag(c, to, 1))
        return 0;
    uint8_t *src = (uint8_t *)(uintptr_t)(from + ef->addend);
    uint8_t *dst = (uint8_t *)(uintptr_t)(to + et->addend);
    /* Overlapping in this direction: each element must see the ones written before it. */
    if (down ? src > dst && src < dst + n * size : dst > src && dst < src + n * size)
        return 0;
    memmove(dst, src, n * size);
    if (unlikely(*et->flagp != PAGE_DIRTY))
        x86_store_note(c, et, to);
    advance(c, in, RSI, n * size);
    advance(c, in, RDI, n * size);
    return n;
}

/* n elements of v. */
static void fill(uint8_t *dst, uint64_t v, unsigned size, uint64_t n)
{
    uint64_t all = n * size;

    if (size == 1 || v == 0) {
        memset(dst, (int)(v & 0xff), all);
        return;
    }
    memcpy(dst, &v, size);
    for (uint64_t done = size; done < all; done *= 2)
        memcpy(dst + done, dst, MIN(done, all - done));
}

static uint64_t stos_fast(struct x86_cpu *c, const struct x86_insn *in, unsigned size, uint64_t n)
{
    uint64_t to, v = c->s.r[RAX];

    if (!fast_allowed(c, c->nonflat_w & (1u << SEG_ES)))
        return 0;
    n = span(c, in, RDI, SEG_ES, size, n, &to);
    struct x86_tlbe *et = x86_tlbe(c->tlb, to);
    if (!n || et->tag_w != x86_tag(c, to, 1))
        return 0;
    fill((uint8_t *)(uintptr_t)(to + et->addend), v, size, n);
    if (unlikely(*et->flagp != PAGE_DIRTY))
        x86_store_note(c, et, to);
    advance(c, in, RDI, n * size);
    return n;
}

/* REPE goes on while equal, REPNE while not. */
static inline bool compare_stop(const struct x86_cpu *c, const struct x86_insn *in)
{
    return fl_zf(c) != !!(in->flags & IN_REP);
}

#define STRING(b)                                                                                \
    static inline void movs##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        uint##b##_t v = x86_ld##b(c, in->seg, areg(c, in, RSI));                                 \
        x86_st##b(c, SEG_ES, areg(c, in, RDI), v);                                               \
        step(c, in, RSI, b / 8);                                                                 \
        step(c, in, RDI, b / 8);                                                                 \
    }                                                                                            \
    void sem_movs_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        REPEAT(movs##b(c, in), false, movs_fast(c, in, b / 8, n), FAST_MOST);                    \
    }                                                                                            \
    static inline void stos##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        x86_st##b(c, SEG_ES, areg(c, in, RDI), reg_ld##b(c, RAX));                               \
        step(c, in, RDI, b / 8);                                                                 \
    }                                                                                            \
    void sem_stos_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        REPEAT(stos##b(c, in), false, stos_fast(c, in, b / 8, n), FAST_MOST);                    \
    }                                                                                            \
    static inline void lods##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        reg_st##b(c, RAX, x86_ld##b(c, in->seg, areg(c, in, RSI)));                              \
        step(c, in, RSI, b / 8);                                                                 \
    }                                                                                            \
    void sem_lods_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        REPEAT(lods##b(c, in), false, 0, SLOW_MOST);                                             \
    }                                                                                            \
    static inline void scas##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        uint64_t v = x86_ld##b(c, SEG_ES, areg(c, in, RDI)), a = reg_ld##b(c, RAX);              \
        fl_sub(c, a - v, a, v, b);                                                               \
        step(c, in, RDI, b / 8);                                                                 \
    }                                                                                            \
    void sem_scas_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        REPEAT(scas##b(c, in), compare_stop(c, in), 0, SLOW_MOST);                               \
    }                                                                                            \
    static inline void cmps##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        uint64_t a = x86_ld##b(c, in->seg, areg(c, in, RSI));                                    \
        uint64_t v = x86_ld##b(c, SEG_ES, areg(c, in, RDI));                                     \
        fl_sub(c, a - v, a, v, b);                                                               \
        step(c, in, RSI, b / 8);                                                                 \
        step(c, in, RDI, b / 8);                                                                 \
    }                                                                                            \
    void sem_cmps_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        REPEAT(cmps##b(c, in), compare_stop(c, in), 0, SLOW_MOST);                               \
    }

STRING(8)
STRING(16)
STRING(32)
STRING(64)

/* The port's permission is checked first, then memory, then the port is touched. A port read
 * cannot be taken back: the destination is checked for writing before it. */
#define STRING_IO(b)                                                                             \
    static inline void ins##b(struct x86_cpu *c, const struct x86_insn *in)                      \
    {                                                                                            \
        uint64_t ea = areg(c, in, RDI);                                                          \
        x86_probe_w(c, SEG_ES, ea, b / 8);                                                       \
        x86_st##b(c, SEG_ES, ea, (uint##b##_t)x86_port_in(c, reg_ld16(c, RDX), b / 8));          \
        step(c, in, RDI, b / 8);                                                                 \
    }                                                                                            \
    void sem_ins_##b(struct x86_cpu *c, const struct x86_insn *in)                               \
    {                                                                                            \
        x86_io_check(c, reg_ld16(c, RDX), b / 8);                                                \
        REPEAT(ins##b(c, in), false, 0, SLOW_MOST);                                              \
    }                                                                                            \
    static inline void outs##b(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                            \
        uint##b##_t v = x86_ld##b(c, in->seg, areg(c, in, RSI));                                 \
        step(c, in, RSI, b / 8);                                                                 \
        x86_port_out(c, reg_ld16(c, RDX), b / 8, v);                                             \
    }                                                                                            \
    void sem_outs_##b(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                            \
        x86_io_check(c, reg_ld16(c, RDX), b / 8);                                                \
        REPEAT(outs##b(c, in), false, 0, SLOW_MOST);                                             \
    }

STRING_IO(8)
STRING_IO(16)
STRING_IO(32)
