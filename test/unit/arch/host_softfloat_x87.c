/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The soft float's 80-bit format against the host's x87: results, exception flags and condition
 * bits, all roundings and precisions, masked and unmasked exceptions. FXSAVE reads the outcome,
 * so that an unmasked exception stays pending and needs no signal.
 */
#include "lib/test.h"

#include <stdio.h>

#include "arch/x86/softfloat.h"
#include "lib/float_gen.h"

enum { C0 = 0x100, C1 = 0x200, C2 = 0x400, C3 = 0x4000, CC = C0 | C1 | C2 | C3 };

struct call {
    uint8_t a[16], b[16]; /* ST(0), ST(1) as FLDT reads them */
    uint64_t mem;
    uint16_t fcw, pad[3];
    uint8_t fx[512] __attribute__((aligned(16)));
};

/* What one side came to. */
struct outcome {
    struct f80 st0, st1;
    uint64_t mem;
    uint16_t cc; /* of FSW */
    uint8_t flags;
};

enum operand { FROM_A, FROM_AB, FROM_M32, FROM_M64, FROM_I64 };
enum result { TO_ST0, TO_ST0_ST1, TO_CC, TO_M16, TO_M32, TO_M64 };

struct float_case {
    const char *name;
    void (*host)(struct call *k);
    void (*soft)(struct f80 a, struct f80 b, struct outcome *o, struct float_status *st);
    enum operand args;
    enum result result;
    uint16_t cc;
};

#define HOST(id, insn)                                                                          \
    static void host_##id(struct call *k)                                                       \
    {                                                                                           \
        __asm__ volatile("fninit\n\tfldt %[b]\n\tfldt %[a]\n\tfldcw %[cw]\n\t" insn "\n\t"      \
                         "fxsave %[fx]\n\tfninit"                                               \
                         : [m] "+m"(k->mem), [fx] "=m"(k->fx)                                   \
                         : [a] "m"(k->a), [b] "m"(k->b), [cw] "m"(k->fcw)                       \
                         : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", \
                           "cc");                                                               \
    }
#define SOFT(id, stmt)                                                            \
    static void soft_##id(struct f80 a, struct f80 b, struct outcome *o,          \
                          struct float_status *st)                                \
    {                                                                             \
        (void)a, (void)b;                                                         \
        stmt;                                                                     \
        o->cc |= st->up ? C1 : 0;                                                 \
    }
#define BOTH(id, insn, stmt) HOST(id, insn) SOFT(id, stmt)

static uint16_t relation_cc(enum float_relation r)
{
    switch (r) {
    case FLOAT_LESS:
        return C0;
    case FLOAT_EQUAL:
        return C3;
    case FLOAT_GREATER:
        return 0;
    default:
        return C0 | C2 | C3;
    }
}

static void soft_rem(struct f80 a, struct f80 b, bool nearest, struct outcome *o,
                     struct float_status *st)
{
    struct f80_quotient q;

    o->st0 = f80_rem(a, b, nearest, &q, st);
    o->cc = (q.partial ? C2 : 0) | (q.low & 1 ? C1 : 0) | (q.low & 2 ? C3 : 0) |
            (q.low & 4 ? C0 : 0);
    st->up = q.low & 1;
}

static void soft_xtract(struct f80 a, struct outcome *o, struct float_status *st)
{
    o->st0 = f80_extract(a, &o->st1, st);
}

BOTH(fadd, "fadd %%st(1), %%st", o->st0 = f80_add(a, b, st))
BOTH(fsub, "fsub %%st(1), %%st", o->st0 = f80_sub(a, b, st))
BOTH(fsubr, "fsubr %%st(1), %%st", o->st0 = f80_sub(b, a, st))
BOTH(fmul, "fmul %%st(1), %%st", o->st0 = f80_mul(a, b, st))
BOTH(fdiv, "fdiv %%st(1), %%st", o->st0 = f80_div(a, b, st))
BOTH(fsqrt, "fsqrt", o->st0 = f80_sqrt(a, st))
BOTH(frndint, "frndint", o->st0 = f80_round_int(a, st))
BOTH(fscale, "fscale", o->st0 = f80_scale(a, b, st))
BOTH(fxtract, "fxtract", soft_xtract(a, o, st))
BOTH(fprem, "fprem", soft_rem(a, b, false, o, st))
BOTH(fprem1, "fprem1", soft_rem(a, b, true, o, st))
BOTH(fcom, "fcom %%st(1)", o->cc = relation_cc(f80_compare(a, b, true, st)))
BOTH(fucom, "fucom %%st(1)", o->cc = relation_cc(f80_compare(a, b, false, st)))
BOTH(flds, "flds %[m]", o->st0 = f80_from_f32((uint32_t)o->mem, st))
BOTH(fldl, "fldl %[m]", o->st0 = f80_from_f64(o->mem, st))
BOTH(fildq, "fildll %[m]", o->st0 = f80_from_i64(o->mem))
BOTH(fsts, "fsts %[m]", o->mem = f80_to_f32(a, st))
BOTH(fstl, "fstl %[m]", o->mem = f80_to_f64(a, st))
BOTH(fist16, "fists %[m]", o->mem = f80_to_i16(a, st->rounding, st))
BOTH(fist32, "fistl %[m]", o->mem = f80_to_i32(a, st->rounding, st))
BOTH(fist64, "fistpll %[m]", o->mem = f80_to_i64(a, st->rounding, st))
BOTH(fisttp32, "fisttpl %[m]", o->mem = f80_to_i32(a, ROUND_ZERO, st))

#define CASE(id, args, result, cc) {#id, host_##id, soft_##id, args, result, cc}

static const struct float_case cases[] = {
    CASE(fadd, FROM_AB, TO_ST0, C1),         CASE(fsub, FROM_AB, TO_ST0, C1),
    CASE(fsubr, FROM_AB, TO_ST0, C1),        CASE(fmul, FROM_AB, TO_ST0, C1),
    CASE(fdiv, FROM_AB, TO_ST0, C1),         CASE(fsqrt, FROM_A, TO_ST0, C1),
    CASE(frndint, FROM_A, TO_ST0, C1),       CASE(fscale, FROM_AB, TO_ST0, C1),
    CASE(fxtract, FROM_A, TO_ST0_ST1, C1),   CASE(fprem, FROM_AB, TO_ST0, CC),
    CASE(fprem1, FROM_AB, TO_ST0, CC),       CASE(fcom, FROM_AB, TO_CC, CC),
    CASE(fucom, FROM_AB, TO_CC, CC),         CASE(flds, FROM_M32, TO_ST0, C1),
    CASE(fldl, FROM_M64, TO_ST0, C1),        CASE(fildq, FROM_I64, TO_ST0, C1),
    CASE(fsts, FROM_A, TO_M32, C1),          CASE(fstl, FROM_A, TO_M64, C1),
    CASE(fist16, FROM_A, TO_M16, C1),        CASE(fist32, FROM_A, TO_M32, C1),
    CASE(fist64, FROM_A, TO_M64, C1),        CASE(fisttp32, FROM_A, TO_M32, C1),
};

static void gen_operands(const struct float_case *t, uint64_t *rng, struct f80 *a, struct f80 *b,
                         uint64_t *mem)
{
    *a = gen_f80(rng);
    *b = gen_f80_near(rng, *a);
    if (t->result >= TO_M16 && test_random(rng) % 4) /* near what the memory format holds */
        a->se = (uint16_t)((a->se & 0x8000) | (0x3fff - 2 + test_random(rng) % 68));
    if (t->result >= TO_M32 && test_random(rng) % 4 == 0)
        a->se = (uint16_t)((a->se & 0x8000) |
                           (0x3fff + (test_random(rng) & 1 ? 1 : -1) *
                                         (test_random(rng) & 1 ? 125 : 1021) +
                            test_random(rng) % 60 - 30));
    switch (t->args) {
    case FROM_M32:
        *mem = gen_f32(rng);
        break;
    case FROM_M64:
        *mem = gen_f64(rng);
        break;
    case FROM_I64:
        *mem = gen_int(rng);
        break;
    default:
        *mem = 0x5a5a5a5a5a5a5a5a;
    }
}

static void put_f80(uint8_t *p, struct f80 v)
{
    memcpy(p, &v.mant, 8);
    memcpy(p + 8, &v.se, 2);
}

static struct f80 get_f80(const uint8_t *p)
{
    struct f80 v;

    memcpy(&v.mant, p, 8);
    memcpy(&v.se, p + 8, 2);
    return v;
}

static uint64_t mem_mask(enum result r)
{
    return r == TO_M16 ? 0xffff : r == TO_M32 ? 0xffffffff : UINT64_MAX;
}

/* Does an exception keep the instruction from giving its result? */
static bool is_withheld(const struct float_case *t, const struct outcome *o, unsigned masks)
{
    unsigned stop = FLOAT_IE | FLOAT_DE | FLOAT_ZE;

    if (t->result >= TO_M16)
        stop |= FLOAT_OE | FLOAT_UE;
    return o->flags & ~masks & stop;
}

static bool is_equal(struct f80 a, struct f80 b)
{
    return a.mant == b.mant && a.se == b.se;
}

static bool is_same(const struct float_case *t, const struct outcome *h, const struct outcome *s)
{
    if (h->flags != s->flags || ((h->cc ^ s->cc) & t->cc))
        return false;
    switch (t->result) {
    case TO_ST0:
        return is_equal(h->st0, s->st0);
    case TO_ST0_ST1:
        return is_equal(h->st0, s->st0) && is_equal(h->st1, s->st1);
    case TO_CC:
        return true;
    default:
        return !((h->mem ^ s->mem) & mem_mask(t->result));
    }
}

static void run_case(const struct float_case *t, uint64_t *rng, unsigned masks)
{
    struct call k = {0};
    struct outcome h = {0}, s = {0};
    struct float_status st;
    struct f80 a, b;
    uint64_t before;
    uint16_t fsw;

    gen_operands(t, rng, &a, &b, &k.mem);
    before = s.mem = k.mem;
    put_f80(k.a, a);
    put_f80(k.b, b);
    k.fcw = (uint16_t)((test_random(rng) & 0xf00) | masks);
    if ((k.fcw & 0x300) == 0x100)
        k.fcw |= 0x300;
    st = float_status_fcw(k.fcw);
    t->host(&k);
    memcpy(&fsw, k.fx + 2, 2);
    h = (struct outcome){
        .st0 = get_f80(k.fx + 32),
        .st1 = get_f80(k.fx + 48),
        .mem = k.mem,
        .cc = fsw & CC,
        .flags = fsw & FLOAT_ALL,
    };
    t->soft(a, b, &s, &st);
    s.flags = float_flags(&st);
    if (is_withheld(t, &s, masks)) {
        s.mem = before;
        s.st0 = h.st0;
        s.st1 = h.st1;
        if (s.flags & FLOAT_IE || t->result < TO_M16) {
            s.cc = h.cc & ~C1;
            s.cc |= s.flags & FLOAT_ALL & ~masks & 7 ? h.cc & C1 : 0;
        }
    }
    /* FXTRACT pushes: exponent in ST(1). */
    if (!is_same(t, &h, &s))
        fail_msg("%s a=%04x:%016" PRIx64 " b=%04x:%016" PRIx64 " mem=%" PRIx64 " fcw=%03x:\n"
                 "host st0=%04x:%016" PRIx64 " st1=%04x:%016" PRIx64 " mem=%" PRIx64
                 " cc=%04x flags=%02x\n"
                 "soft st0=%04x:%016" PRIx64 " st1=%04x:%016" PRIx64 " mem=%" PRIx64
                 " cc=%04x flags=%02x",
                 t->name, a.se, a.mant, b.se, b.mant, before, k.fcw, h.st0.se, h.st0.mant,
                 h.st1.se, h.st1.mant, h.mem, h.cc, h.flags, s.st0.se, s.st0.mant, s.st1.se,
                 s.st1.mant, s.mem, s.cc, s.flags);
}

static void test_masked(void **state)
{
    uint64_t rng = test_seed();
    long per_case = test_long() ? 2000000 : 20000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (long n = 0; n < per_case; n++)
            run_case(&cases[i], &rng, FLOAT_ALL);
    }
}

static void test_unmasked(void **state)
{
    uint64_t rng = test_seed();
    long per_case = test_long() ? 2000000 : 20000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (long n = 0; n < per_case; n++)
            run_case(&cases[i], &rng, (unsigned)(test_random(&rng) & FLOAT_ALL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_unmasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
