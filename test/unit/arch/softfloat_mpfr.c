/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The transcendental functions against MPFR: every result within 1 ulp of the correctly rounded
 * one (in fact the same, which is asserted), in all roundings. Prints the largest distance from
 * the exact value.
 */
#include "lib/test.h"

#include <mpfr.h>
#include <stdio.h>

#include "arch/x86/softfloat.h"
#include "lib/float_gen.h"

enum { WORK_BITS = 320 };

/* y and x: ST(1) and ST(0). */
struct trans_case {
    const char *name;
    struct f80 (*soft)(struct f80 y, struct f80 x, struct float_status *st);
    void (*exact)(mpfr_t r, const mpfr_t y, const mpfr_t x);
    int min_exp, max_exp; /* of x, unbiased */
    bool positive, binary;
};

/* ---- ours ---- */

static struct f80 soft_sin(struct f80 y, struct f80 x, struct float_status *st)
{
    struct f80 r = {0};

    (void)y;
    assert_true(f80_sin_cos(x, &r, NULL, st));
    return r;
}

static struct f80 soft_cos(struct f80 y, struct f80 x, struct float_status *st)
{
    struct f80 r = {0};

    (void)y;
    assert_true(f80_sin_cos(x, NULL, &r, st));
    return r;
}

static struct f80 soft_tan(struct f80 y, struct f80 x, struct float_status *st)
{
    struct f80 r = {0};

    (void)y;
    assert_true(f80_tan(x, &r, st));
    return r;
}

static struct f80 soft_exp2m1(struct f80 y, struct f80 x, struct float_status *st)
{
    (void)y;
    return f80_exp2_m1(x, st);
}

/* ---- exact ---- */

/* x = quadrant * pi/2 + r with the x87's pi of 66 bits. */
static long reduce66(mpfr_t r, const mpfr_t x)
{
    mpfr_t half_pi;
    long q;

    mpfr_init2(half_pi, 80);
    mpfr_set_str(half_pi, "0x3.243f6a8885a308d3p-1", 0, MPFR_RNDN);
    if (mpfr_get_exp(x) < 0)
        mpfr_set(r, x, MPFR_RNDN), q = 0;
    else
        mpfr_remquo(r, &q, x, half_pi, MPFR_RNDN);
    mpfr_clear(half_pi);
    return q & 3;
}

/* Of a function's value that came out inexact, by the ternary value: put it on the right side if it
 * lies on a number of 64 bits or between two (as the sine of a tiny argument does). */
static void nudge(mpfr_t r, int ternary)
{
    if (mpfr_min_prec(r) > 65)
        return;
    if (ternary > 0)
        mpfr_nextbelow(r);
    else if (ternary < 0)
        mpfr_nextabove(r);
}

static void exact_sin_turned(mpfr_t r, const mpfr_t x, long turn)
{
    long q = (reduce66(r, x) + turn) & 3;

    nudge(r, q & 1 ? mpfr_cos(r, r, MPFR_RNDN) : mpfr_sin(r, r, MPFR_RNDN));
    if (q & 2)
        mpfr_neg(r, r, MPFR_RNDN);
}

static void exact_sin(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    (void)y;
    exact_sin_turned(r, x, 0);
}

static void exact_cos(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    (void)y;
    exact_sin_turned(r, x, 1);
}

static void exact_tan(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    (void)y;
    if (reduce66(r, x) & 1) {
        nudge(r, mpfr_cot(r, r, MPFR_RNDN));
        mpfr_neg(r, r, MPFR_RNDN);
    } else {
        nudge(r, mpfr_tan(r, r, MPFR_RNDN));
    }
}

static void exact_atan2(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    nudge(r, mpfr_atan2(r, y, x, MPFR_RNDN));
}

static void exact_ylog2x(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    mpfr_log2(r, x, MPFR_RNDN);
    mpfr_mul(r, r, y, MPFR_RNDN);
}

static void exact_ylog2x1(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    mpfr_t ln2;

    mpfr_init2(ln2, WORK_BITS);
    mpfr_const_log2(ln2, MPFR_RNDN);
    mpfr_log1p(r, x, MPFR_RNDN);
    mpfr_div(r, r, ln2, MPFR_RNDN);
    mpfr_mul(r, r, y, MPFR_RNDN);
    mpfr_clear(ln2);
}

static void exact_exp2m1(mpfr_t r, const mpfr_t y, const mpfr_t x)
{
    mpfr_t ln2;

    (void)y;
    mpfr_init2(ln2, WORK_BITS);
    mpfr_const_log2(ln2, MPFR_RNDN);
    mpfr_mul(r, x, ln2, MPFR_RNDN);
    mpfr_expm1(r, r, MPFR_RNDN);
    mpfr_clear(ln2);
}

static const struct trans_case cases[] = {
    {"fsin", soft_sin, exact_sin, -66, 62, false, false},
    {"fsin, tiny", soft_sin, exact_sin, -16000, -20, false, false},
    {"fcos", soft_cos, exact_cos, -66, 62, false, false},
    {"fptan", soft_tan, exact_tan, -66, 62, false, false},
    {"fptan, tiny", soft_tan, exact_tan, -16000, -20, false, false},
    {"fpatan", f80_atan2, exact_atan2, -12, 12, false, true},
    {"fpatan, wide", f80_atan2, exact_atan2, -4000, 4000, false, true},
    {"fyl2x", f80_y_log2_x, exact_ylog2x, -16382, 16383, true, true},
    {"fyl2x, near 1", f80_y_log2_x, exact_ylog2x, -1, 0, true, true},
    {"fyl2xp1", f80_y_log2_x1, exact_ylog2x1, -70, -2, false, true},
    {"fyl2xp1, tiny", f80_y_log2_x1, exact_ylog2x1, -16000, -30, false, true},
    {"f2xm1", soft_exp2m1, exact_exp2m1, -70, -1, false, false},
    {"f2xm1, tiny", soft_exp2m1, exact_exp2m1, -16000, -30, false, false},
};

/* ---- conversion ---- */

static void to_mpfr(mpfr_t r, struct f80 a)
{
    mpfr_set_uj_2exp(r, a.mant, (a.se & 0x7fff) - 16383 - 63, MPFR_RNDN);
    if (a.se >> 15)
        mpfr_neg(r, r, MPFR_RNDN);
}

static mpfr_rnd_t to_mpfr_rounding(unsigned rounding)
{
    static const mpfr_rnd_t map[4] = {MPFR_RNDN, MPFR_RNDD, MPFR_RNDU, MPFR_RNDZ};

    return map[rounding];
}

static struct f80 gen_x(uint64_t *rng, const struct trans_case *t)
{
    struct f80 x = gen_f80(rng);
    int span = t->max_exp - t->min_exp + 1;

    x.mant |= UINT64_C(1) << 63;
    x.se = (uint16_t)((t->positive ? 0 : x.se & 0x8000) |
                      (16383 + t->min_exp + (int)(test_random(rng) % (unsigned)span)));
    return x;
}

static struct f80 gen_y(uint64_t *rng, const struct trans_case *t)
{
    struct f80 y = gen_x(rng, t);

    if (t->exact != exact_atan2)
        y.se = (uint16_t)((test_random(rng) & 0x8000) | (16383 - 40 + test_random(rng) % 80));
    return y;
}

/* Distance of ours from the exact value, in units of the correctly rounded one's last place. */
static double distance(mpfr_t exact, mpfr_t rounded, struct f80 ours)
{
    mpfr_t d;
    double ulps;

    mpfr_init2(d, WORK_BITS);
    to_mpfr(d, ours);
    mpfr_sub(d, d, exact, MPFR_RNDN);
    mpfr_mul_2si(d, d, 64 - mpfr_get_exp(rounded), MPFR_RNDN);
    mpfr_abs(d, d, MPFR_RNDN);
    ulps = mpfr_get_d(d, MPFR_RNDU);
    mpfr_clear(d);
    return ulps;
}

struct tally {
    double worst; /* to nearest: distance from the exact value */
    long missed;  /* not the correctly rounded result */
};

static void run_case(const struct trans_case *t, uint64_t *rng, struct tally *tally)
{
    struct float_status st = float_status_fcw(0x37f);
    struct f80 x = gen_x(rng, t), y = t->binary ? gen_y(rng, t) : (struct f80){0}, r;
    mpfr_t mx, my, exact, rounded, ours;
    double ulps;

    st.rounding = test_random(rng) & 3;
    mpfr_inits2(64, mx, my, rounded, ours, (mpfr_ptr)0);
    mpfr_init2(exact, WORK_BITS);
    to_mpfr(mx, x);
    to_mpfr(my, y);
    r = t->soft(y, x, &st);
    t->exact(exact, my, mx);
    to_mpfr(ours, r);
    if (!mpfr_zero_p(exact)) {
        mpfr_set(rounded, exact, to_mpfr_rounding(st.rounding));
        ulps = distance(exact, rounded, r);
        if (st.rounding == ROUND_NEAREST)
            tally->worst = MAX(tally->worst, ulps);
        /* One ulp from the rounded value is at most two from the exact one. */
        if (ulps > 2)
            fail_msg("%s y=%04x:%016" PRIx64 " x=%04x:%016" PRIx64 " rounding %u: %04x:%016" PRIx64
                     " is %g ulp off",
                     t->name, y.se, y.mant, x.se, x.mant, st.rounding, r.se, r.mant, ulps);
        if (!mpfr_equal_p(rounded, ours) && !tally->missed++)
            print_error("%s y=%04x:%016" PRIx64 " x=%04x:%016" PRIx64
                        " rounding %u: %04x:%016" PRIx64 " is not the correctly rounded result\n",
                        t->name, y.se, y.mant, x.se, x.mant, st.rounding, r.se, r.mant);
    } else {
        assert_true(mpfr_zero_p(ours));
    }
    mpfr_clears(mx, my, exact, rounded, ours, (mpfr_ptr)0);
}

static void test_accuracy(void **state)
{
    uint64_t rng = test_seed();
    long per_case = test_long() ? 300000 : 2000;

    (void)state;
    mpfr_set_emin(-100000);
    mpfr_set_emax(100000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tally tally = {0};

        for (long n = 0; n < per_case; n++)
            run_case(&cases[i], &rng, &tally);
        print_message(
            "%-16s %ld cases, worst error to nearest %.6f ulp, %ld not correctly rounded\n",
            cases[i].name, per_case, tally.worst, tally.missed);
        assert_int_equal(tally.missed, 0);
    }
    mpfr_free_cache();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
