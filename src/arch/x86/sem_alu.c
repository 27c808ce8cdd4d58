/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Arithmetic and logic: ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NOT NEG, in every form, the
 * locked ones included. [SDM2 3.2, 4.2]
 */
#include "arch/x86/sem_rmw.h"

uint64_t x86_rmw_locked(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned bits, x86_alu_fn *fn,
                        uint64_t b)
{
    struct x86_locked l;
    struct x86_lazy before = c->f;
    uint64_t old = 0;

#define LOOP(n)                                                                                \
    do {                                                                                       \
        mem_u##n *p = l.ptr;                                                                   \
        uint##n##_t seen = __atomic_load_n(p, __ATOMIC_RELAXED), want;                         \
        do {                                                                                   \
            c->f = before;                                                                     \
            want = (uint##n##_t)fn(c, seen, b, n);                                             \
        } while (!__atomic_compare_exchange_n(p, &seen, want, false, __ATOMIC_SEQ_CST,         \
                                              __ATOMIC_RELAXED));                              \
        old = seen;                                                                            \
    } while (0)

    x86_locked_begin(c, &l, seg, ea, bits / 8);
    switch (bits) {
    case 8: LOOP(8); break;
    case 16: LOOP(16); break;
    case 32: LOOP(32); break;
    default: LOOP(64); break;
    }
    x86_locked_end(c, &l);
    return old;
#undef LOOP
}

static inline uint64_t do_add(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a + b;

    fl_add(c, r, a, b, bits);
    return r;
}

static inline uint64_t do_adc(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a + b + fl_cf(c);

    fl_add(c, r, a, b, bits);
    return r;
}

static inline uint64_t do_sub(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a - b;

    fl_sub(c, r, a, b, bits);
    return r;
}

static inline uint64_t do_sbb(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a - b - fl_cf(c);

    fl_sub(c, r, a, b, bits);
    return r;
}

static inline uint64_t do_and(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a & b;

    fl_logic(c, r, bits);
    return r;
}

static inline uint64_t do_or(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a | b;

    fl_logic(c, r, bits);
    return r;
}

static inline uint64_t do_xor(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a ^ b;

    fl_logic(c, r, bits);
    return r;
}

/* INC and DEC leave CF alone. */
static inline uint64_t do_inc(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a + 1;
    bool cf = fl_cf(c);

    (void)b;
    fl_add(c, r, a, 1, bits);
    fl_put_cf(c, cf);
    return r;
}

static inline uint64_t do_dec(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a - 1;
    bool cf = fl_cf(c);

    (void)b;
    fl_sub(c, r, a, 1, bits);
    fl_put_cf(c, cf);
    return r;
}

static inline uint64_t do_neg(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = -a;

    (void)b;
    fl_sub(c, r, 0, a, bits);
    return r;
}

static inline uint64_t do_not(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    (void)c;
    (void)b;
    (void)bits;
    return ~a;
}

/* Two operands, result stored. */
#define ALU_STORE(name, n)                                                                         \
    void sem_##name##_rr##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        reg_st##n(c, in->dst,                                                                      \
                  (uint##n##_t)do_##name(c, reg_ld##n(c, in->dst), src_ld##n(c, in), n));          \
    }                                                                                              \
    void sem_##name##_rm##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        uint64_t b = x86_ld##n(c, in->seg, x86_ea(c, in));                                         \
        reg_st##n(c, in->dst, (uint##n##_t)do_##name(c, reg_ld##n(c, in->dst), b, n));             \
    }                                                                                              \
    void sem_##name##_mr##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        x86_rmw##n(c, in, do_##name, src_ld##n(c, in));                                            \
    }

/* Two operands, flags only. */
#define ALU_FLAGS(name, fn, n)                                                                     \
    void sem_##name##_rr##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        fn(c, reg_ld##n(c, in->dst), src_ld##n(c, in), n);                                         \
    }                                                                                              \
    void sem_##name##_rm##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        uint64_t b = x86_ld##n(c, in->seg, x86_ea(c, in));                                         \
        fn(c, reg_ld##n(c, in->dst), b, n);                                                        \
    }                                                                                              \
    void sem_##name##_mr##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                              \
        uint64_t a = x86_ld##n(c, in->seg, x86_ea(c, in));                                         \
        fn(c, a, src_ld##n(c, in), n);                                                             \
    }

/* One operand. */
#define ALU_ONE(name, n)                                                                           \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                            \
    {                                                                                              \
        if (likely(in->form == FORM_RR))                                                           \
            reg_st##n(c, in->dst, (uint##n##_t)do_##name(c, reg_ld##n(c, in->dst), 0, n));         \
        else                                                                                       \
            x86_rmw##n(c, in, do_##name, 0);                                                       \
    }

#define SIZES(macro, ...) \
    macro(__VA_ARGS__, 8) macro(__VA_ARGS__, 16) macro(__VA_ARGS__, 32) macro(__VA_ARGS__, 64)

SIZES(ALU_STORE, add)
SIZES(ALU_STORE, or)
SIZES(ALU_STORE, adc)
SIZES(ALU_STORE, sbb)
SIZES(ALU_STORE, and)
SIZES(ALU_STORE, sub)
SIZES(ALU_STORE, xor)
SIZES(ALU_FLAGS, cmp, do_sub)
SIZES(ALU_FLAGS, test, do_and)
SIZES(ALU_ONE, inc)
SIZES(ALU_ONE, dec)
SIZES(ALU_ONE, neg)
SIZES(ALU_ONE, not)
