/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87 transcendental instructions: FSIN FCOS FSINCOS FPTAN FPATAN, F2XM1 FYL2X FYL2XP1.
 * [SDM1 8.3.7]
 */
#include "arch/x86/sem_x87.h"

/* Empty ST(0): true if the instruction is over. */
static bool unary_empty(struct x86_cpu *c)
{
    if (likely(!x87_is_empty(c, 0)))
        return false;
    if (x87_underflow(c))
        x87_put(c, 0, x87_default_nan());
    return true;
}

void sem_f2xm1(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 r;

    x87_enter(c);
    x87_note(c, in);
    if (unary_empty(c))
        return;
    r = f80_exp2_m1(x87_get(c, 0), &st);
    if (x87_commit(c, &st))
        x87_put(c, 0, r);
}

/* C2: the argument is out of range, and stays. */
static bool set_c2(struct x86_cpu *c, bool in_range)
{
    c->s.fsw &= (uint16_t) ~(FSW_C1 | FSW_C2);
    if (!in_range)
        c->s.fsw |= FSW_C2;
    return in_range;
}

static void sine_or_cosine(struct x86_cpu *c, const struct x86_insn *in, bool cosine)
{
    struct float_status st = x87_status(c);
    struct f80 r, a = x87_get(c, 0);
    bool in_range;

    x87_enter(c);
    x87_note(c, in);
    c->s.fsw &= (uint16_t)~FSW_C2;
    if (unary_empty(c))
        return;
    in_range = f80_sin_cos(a, cosine ? NULL : &r, cosine ? &r : NULL, &st);
    if (set_c2(c, in_range) && x87_commit(c, &st))
        x87_put(c, 0, r);
}

void sem_fsin(struct x86_cpu *c, const struct x86_insn *in)
{
    sine_or_cosine(c, in, false);
}

void sem_fcos(struct x86_cpu *c, const struct x86_insn *in)
{
    sine_or_cosine(c, in, true);
}

/* ST(0) or the register that will be pushed to is not as it should be: true if that is all. */
static bool push_fault(struct x86_cpu *c)
{
    bool masked;

    if (likely(!x87_is_empty(c, 0) && x87_is_empty(c, 7)))
        return false;
    masked = x87_is_empty(c, 0) ? x87_underflow(c) : x87_overflow(c);
    if (masked) {
        x87_put(c, 0, x87_default_nan());
        x87_push(c, x87_default_nan());
    }
    return true;
}

void sem_fsincos(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 sine, cosine;

    x87_enter(c);
    x87_note(c, in);
    c->s.fsw &= (uint16_t)~FSW_C2;
    if (push_fault(c))
        return;
    if (!set_c2(c, f80_sin_cos(x87_get(c, 0), &sine, &cosine, &st)) || !x87_commit(c, &st))
        return;
    x87_put(c, 0, sine);
    x87_push(c, cosine);
}

/* Pushes one, or the NaN that came out. */
void sem_fptan(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 r, one = {UINT64_C(1) << 63, 0x3fff};

    x87_enter(c);
    x87_note(c, in);
    c->s.fsw &= (uint16_t)~FSW_C2;
    if (push_fault(c))
        return;
    if (!set_c2(c, f80_tan(x87_get(c, 0), &r, &st)) || !x87_commit(c, &st))
        return;
    x87_put(c, 0, r);
    x87_push(c, f80_classify(r) == F80_NAN ? r : one);
}

/* ST(1) = fn(ST(1), ST(0)), pop */
static void two_to_one(struct x86_cpu *c, const struct x86_insn *in,
                       struct f80 (*fn)(struct f80 a, struct f80 b, struct float_status *st))
{
    struct float_status st = x87_status(c);
    struct f80 r = x87_default_nan();

    x87_enter(c);
    x87_note(c, in);
    if (unlikely(x87_is_empty(c, 0) || x87_is_empty(c, 1))) {
        if (!x87_underflow(c))
            return;
    } else {
        r = fn(x87_get(c, 1), x87_get(c, 0), &st);
        if (!x87_commit(c, &st))
            return;
    }
    x87_put(c, 1, r);
    x87_pop(c);
}

void sem_fpatan(struct x86_cpu *c, const struct x86_insn *in)
{
    two_to_one(c, in, f80_atan2);
}

void sem_fyl2x(struct x86_cpu *c, const struct x86_insn *in)
{
    two_to_one(c, in, f80_y_log2_x);
}

void sem_fyl2xp1(struct x86_cpu *c, const struct x86_insn *in)
{
    two_to_one(c, in, f80_y_log2_x1);
}
