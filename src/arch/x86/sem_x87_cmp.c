/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87 comparison: FCOM FUCOM FICOM and FCOMI families, FTST, FXAM. [SDM1 8.3.6]
 */
#include "arch/x86/sem_x87.h"

static unsigned relation_cc(enum float_relation r)
{
    switch (r) {
    case FLOAT_LESS: return FSW_C0;
    case FLOAT_EQUAL: return FSW_C3;
    case FLOAT_GREATER: return 0;
    default: return FSW_C0 | FSW_C2 | FSW_C3;
    }
}

/* ST(0) against a value; the caller has checked for empty registers. The condition is delivered
 * in any case; false: an unmasked exception keeps the instruction from popping. */
static bool compare(struct x86_cpu *c, const struct x87_operand *o, bool signalling)
{
    struct float_status st = x87_status(c);
    struct f80 a = x87_get(c, 0);
    unsigned cc = relation_cc(f80_compare(a, o->v, signalling, &st));

    bool done;

    x87_operand_denormal(o, a, &st);
    done = x87_commit(c, &st);
    x87_set_cc(c, cc);
    return done;
}

static bool compare_empty(struct x86_cpu *c)
{
    bool masked = x87_underflow(c);

    x87_set_cc(c, FSW_C0 | FSW_C2 | FSW_C3);
    return masked;
}

/* The forms that pop twice compare with ST(1) and name no operand. */
static void compare_stack(struct x86_cpu *c, const struct x86_insn *in, bool signalling,
                          unsigned pops)
{
    unsigned i = pops == 2 ? 1 : in->src;
    struct x87_operand o = {x87_get(c, i), false};
    bool done;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0) || x87_is_empty(c, i))
        done = compare_empty(c);
    else
        done = compare(c, &o, signalling);
    while (done && pops--)
        x87_pop(c);
}

static void compare_operand(struct x86_cpu *c, const struct x87_operand *o, bool pop)
{
    bool done = x87_is_empty(c, 0) ? compare_empty(c) : compare(c, o, true);

    if (done && pop)
        x87_pop(c);
}

static void compare_float(struct x86_cpu *c, const struct x86_insn *in, bool pop)
{
    struct x87_operand o;

    if (in->form == FORM_RR) {
        compare_stack(c, in, true, pop);
        return;
    }
    x87_enter(c);
    o = x87_load_float(c, in);
    compare_operand(c, &o, pop);
}

static void compare_int(struct x86_cpu *c, const struct x86_insn *in, bool pop)
{
    struct x87_operand o;

    x87_enter(c);
    o = x87_load_int(c, in);
    compare_operand(c, &o, pop);
}

void sem_fcom(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_float(c, in, false);
}

void sem_fcomp(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_float(c, in, true);
}

void sem_fcompp(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_stack(c, in, true, 2);
}

void sem_fucom(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_stack(c, in, false, 0);
}

void sem_fucomp(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_stack(c, in, false, 1);
}

void sem_fucompp(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_stack(c, in, false, 2);
}

void sem_ficom(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_int(c, in, false);
}

void sem_ficomp(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_int(c, in, true);
}

void sem_ftst(struct x86_cpu *c, const struct x86_insn *in)
{
    struct x87_operand zero = {{0, 0}, false};

    x87_enter(c);
    x87_note(c, in);
    compare_operand(c, &zero, false);
}

/* FCOMI: ZF PF CF get what C3 C2 C0 would; OF SF AF are cleared. C1 changes by a stack fault
 * only, as processors of AMD have it. */
static void compare_flags(struct x86_cpu *c, const struct x86_insn *in, bool signalling, bool pop)
{
    struct float_status st = x87_status(c);
    enum float_relation r = FLOAT_UNORDERED;
    unsigned c1 = c->s.fsw & FSW_C1;
    bool done;

    x87_enter(c);
    x87_note(c, in);
    if (x87_is_empty(c, 0) || x87_is_empty(c, in->src)) {
        done = x87_underflow(c);
    } else {
        r = f80_compare(x87_get(c, 0), x87_get(c, in->src), signalling, &st);
        done = x87_commit(c, &st);
        c->s.fsw |= (uint16_t)c1;
    }
    fl_load(c, (r == FLOAT_EQUAL || r == FLOAT_UNORDERED ? FL_ZF : 0) |
                   (r == FLOAT_LESS || r == FLOAT_UNORDERED ? FL_CF : 0) |
                   (r == FLOAT_UNORDERED ? FL_PF : 0));
    if (done && pop)
        x87_pop(c);
}

void sem_fcomi(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_flags(c, in, true, false);
}

void sem_fcomip(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_flags(c, in, true, true);
}

void sem_fucomi(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_flags(c, in, false, false);
}

void sem_fucomip(struct x86_cpu *c, const struct x86_insn *in)
{
    compare_flags(c, in, false, true);
}

/* Class in C3 C2 C0, sign in C1 (also of an empty register). */
void sem_fxam(struct x86_cpu *c, const struct x86_insn *in)
{
    static const uint16_t cc[] = {
        [F80_UNSUPPORTED] = 0,
        [F80_NAN] = FSW_C0,
        [F80_NORMAL] = FSW_C2,
        [F80_INFINITY] = FSW_C2 | FSW_C0,
        [F80_ZERO] = FSW_C3,
        [F80_EMPTY] = FSW_C3 | FSW_C0,
        [F80_DENORMAL] = FSW_C3 | FSW_C2,
    };
    struct f80 a = x87_get(c, 0);

    x87_enter(c);
    x87_note(c, in);
    x87_set_cc(c, cc[x87_is_empty(c, 0) ? F80_EMPTY : f80_classify(a)] | (a.se >> 15 ? FSW_C1 : 0));
}
