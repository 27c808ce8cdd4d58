/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87 arithmetic: FADD FSUB FMUL FDIV in all forms, FSQRT FPREM FPREM1 FRNDINT FSCALE FXTRACT,
 * FCHS FABS. [SDM1 8.3.5]
 */
#include "arch/x86/sem_x87.h"

typedef struct f80 binary_fn(struct f80 a, struct f80 b, struct float_status *st);

#define force_inline static inline __attribute__((always_inline))

/* ST(dst) = ST(dst) op ST(src); reversed: ST(src) op ST(dst). */
force_inline void arith_stack(struct x86_cpu *c, const struct x86_insn *in, binary_fn *fn,
                              bool reversed, bool pop)
{
    struct float_status st;
    struct f80 a, b;

    x87_enter(c);
    x87_note(c, in);
    if (unlikely(x87_is_empty(c, in->dst) || x87_is_empty(c, in->src))) {
        if (!x87_underflow(c))
            return;
        a = x87_default_nan();
    } else {
        st = x87_status(c);
        a = x87_get(c, in->dst);
        b = x87_get(c, in->src);
        a = reversed ? fn(b, a, &st) : fn(a, b, &st);
        if (!x87_commit(c, &st))
            return;
    }
    x87_put(c, in->dst, a);
    if (pop)
        x87_pop(c);
}

/* ST(0) = ST(0) op operand */
force_inline void arith_operand(struct x86_cpu *c, const struct x87_operand *o, binary_fn *fn,
                                bool reversed)
{
    struct float_status st = x87_status(c);
    struct f80 a = x87_get(c, 0), r;

    if (unlikely(x87_is_empty(c, 0))) {
        if (x87_underflow(c))
            x87_put(c, 0, x87_default_nan());
        return;
    }
    r = reversed ? fn(o->v, a, &st) : fn(a, o->v, &st);
    x87_operand_denormal(o, a, &st);
    if (x87_commit(c, &st))
        x87_put(c, 0, r);
}

force_inline void arith(struct x86_cpu *c, const struct x86_insn *in, binary_fn *fn, bool reversed)
{
    if (in->form == FORM_RR) {
        arith_stack(c, in, fn, reversed, false);
    } else {
        struct x87_operand o;

        x87_enter(c);
        o = x87_load_float(c, in);
        arith_operand(c, &o, fn, reversed);
    }
}

force_inline void arith_int(struct x86_cpu *c, const struct x86_insn *in, binary_fn *fn,
                            bool reversed)
{
    struct x87_operand o;

    x87_enter(c);
    o = x87_load_int(c, in);
    arith_operand(c, &o, fn, reversed);
}

#define X87_ARITH(name, fn, reversed)                                 \
    void sem_f##name(struct x86_cpu *c, const struct x86_insn *in)    \
    {                                                                 \
        arith(c, in, fn, reversed);                                   \
    }                                                                 \
    void sem_f##name##p(struct x86_cpu *c, const struct x86_insn *in) \
    {                                                                 \
        arith_stack(c, in, fn, reversed, true);                       \
    }                                                                 \
    void sem_fi##name(struct x86_cpu *c, const struct x86_insn *in)   \
    {                                                                 \
        arith_int(c, in, fn, reversed);                               \
    }

X87_ARITH(add, f80_add, false)
X87_ARITH(mul, f80_mul, false)
X87_ARITH(sub, f80_sub, false)
X87_ARITH(subr, f80_sub, true)
X87_ARITH(div, f80_div, false)
X87_ARITH(divr, f80_div, true)

/* ---- one operand: ST(0) ---- */

force_inline void unary(struct x86_cpu *c, const struct x86_insn *in,
                        struct f80 (*fn)(struct f80 a, struct float_status *st))
{
    struct float_status st = x87_status(c);
    struct f80 r;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0)) {
        if (x87_underflow(c))
            x87_put(c, 0, x87_default_nan());
        return;
    }
    r = fn(x87_get(c, 0), &st);
    if (x87_commit(c, &st))
        x87_put(c, 0, r);
}

void sem_fsqrt(struct x86_cpu *c, const struct x86_insn *in)
{
    unary(c, in, f80_sqrt);
}

void sem_frndint(struct x86_cpu *c, const struct x86_insn *in)
{
    unary(c, in, f80_round_int);
}

/* Sign changes: any bit pattern, no exceptions but an empty register. */
static struct f80 change_sign(struct f80 a, struct float_status *st)
{
    (void)st;
    a.se ^= 0x8000;
    return a;
}

static struct f80 clear_sign(struct f80 a, struct float_status *st)
{
    (void)st;
    a.se &= 0x7fff;
    return a;
}

void sem_fchs(struct x86_cpu *c, const struct x86_insn *in)
{
    unary(c, in, change_sign);
}

void sem_fabs(struct x86_cpu *c, const struct x86_insn *in)
{
    unary(c, in, clear_sign);
}

/* ---- ST(0) by ST(1) ---- */

void sem_fscale(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 r;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0) || x87_is_empty(c, 1)) {
        if (x87_underflow(c))
            x87_put(c, 0, x87_default_nan());
        return;
    }
    r = f80_scale(x87_get(c, 0), x87_get(c, 1), &st);
    if (x87_commit(c, &st))
        x87_put(c, 0, r);
}

/* C0 C3 C1: quotient bits 2, 1, 0; C2: the reduction is not complete. */
static void remainder_op(struct x86_cpu *c, const struct x86_insn *in, bool nearest)
{
    struct float_status st = x87_status(c);
    struct f80_quotient q;
    struct f80 r;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0) || x87_is_empty(c, 1)) {
        c->s.fsw &= (uint16_t)~FSW_C2;
        if (x87_underflow(c))
            x87_put(c, 0, x87_default_nan());
        return;
    }
    r = f80_rem(x87_get(c, 0), x87_get(c, 1), nearest, &q, &st);
    c->s.fsw &= (uint16_t)~FSW_C2;
    if (!x87_commit(c, &st))
        return;
    if (f80_classify(r) != F80_NAN)
        x87_set_cc(c, (q.partial ? FSW_C2 : 0) | (q.low & 1 ? FSW_C1 : 0) |
                          (q.low & 2 ? FSW_C3 : 0) | (q.low & 4 ? FSW_C0 : 0));
    x87_put(c, 0, r);
}

void sem_fprem(struct x86_cpu *c, const struct x86_insn *in)
{
    remainder_op(c, in, false);
}

void sem_fprem1(struct x86_cpu *c, const struct x86_insn *in)
{
    remainder_op(c, in, true);
}

/* ST(0) becomes the exponent, and the significand is pushed. */
void sem_fxtract(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 significand, exponent;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0) || !x87_is_empty(c, 7)) {
        bool masked = x87_is_empty(c, 0) ? x87_underflow(c) : x87_overflow(c);

        if (!masked)
            return;
        significand = exponent = x87_default_nan();
    } else {
        significand = f80_extract(x87_get(c, 0), &exponent, &st);
        if (!x87_commit(c, &st))
            return;
    }
    x87_put(c, 0, exponent);
    x87_push(c, significand);
}
