/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat: the floating point of an x86 processor in integers: binary16 (conversions only),
 * binary32, binary64 and the x87's 80-bit format, with its flags, NaN rules and oddities.
 *
 * Values travel as their bit patterns: uint16_t, uint32_t, uint64_t, struct f80. Nothing here
 * uses the host's floating point, so every host computes the same bits. [SDM1 4.8, 4.9, 8.5, 11.5]
 *
 * How to use it: make a struct float_status from MXCSR or from the x87 control word, call
 * operations, then read st.flags once (float_flags() drops what an unmasked pre-computation
 * exception hides). An operation on packed values calls once per element with the same status.
 * The *result* is always the masked response, except that the x87 operations on struct f80 give
 * the bias-adjusted result when overflow or underflow is unmasked, as the x87 registers get it;
 * whether the result is written at all is the caller's decision.
 *
 * f32_ and f64_ functions follow SSE (first operand's NaN wins, DAZ and FTZ obeyed), f80_
 * functions follow x87 (larger significand wins, precision control obeyed, st->up set).
 */
#ifndef QUAD_ARCH_X86_SOFTFLOAT_H
#define QUAD_ARCH_X86_SOFTFLOAT_H

#include "arch/x86/f80.h"
#include "base/base.h"

/* Exception flags: same bit positions in MXCSR, FSW and (as masks) FCW. */
enum {
    FLOAT_IE = 1,
    FLOAT_DE = 2,
    FLOAT_ZE = 4,
    FLOAT_OE = 8,
    FLOAT_UE = 16,
    FLOAT_PE = 32,
    FLOAT_ALL = 63,
};

/* As encoded in FCW.RC, MXCSR.RC and the immediates of ROUNDSS and VCVTPS2PH. */
enum float_rounding { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO };

/* As encoded in FCW.PC. Value 1 is reserved and acts as 64 bits. */
enum float_precision { PRECISION_24, PRECISION_RESERVED, PRECISION_53, PRECISION_64 };

enum float_relation { FLOAT_LESS = -1, FLOAT_EQUAL = 0, FLOAT_GREATER = 1, FLOAT_UNORDERED = 2 };

struct float_status {
    uint8_t rounding;  /* enum float_rounding */
    uint8_t precision; /* enum float_precision; f80 add, sub, mul, div, sqrt only */
    uint8_t masks;     /* FLOAT_*: 1 = masked */
    uint8_t flags;     /* FLOAT_*: raised so far */
    bool daz;          /* denormal operands are zeros (SSE) */
    bool ftz;          /* masked underflow gives zero (SSE) */
    bool up;           /* the last rounding increased the magnitude (x87 C1) */
};

static inline struct float_status float_status_mxcsr(uint32_t mxcsr)
{
    return (struct float_status){
        .rounding = mxcsr >> 13 & 3,
        .precision = PRECISION_64,
        .masks = mxcsr >> 7 & FLOAT_ALL,
        .daz = mxcsr >> 6 & 1,
        .ftz = mxcsr >> 15 & 1,
    };
}

static inline struct float_status float_status_fcw(uint16_t fcw)
{
    return (struct float_status){
        .rounding = fcw >> 10 & 3,
        .precision = fcw >> 8 & 3,
        .masks = fcw & FLOAT_ALL,
    };
}

/* The flags that an instruction reports: an unmasked pre-computation exception (IE, DE, ZE)
 * means that the computation was not done, so OE, UE and PE do not show. */
static inline uint8_t float_flags(const struct float_status *st)
{
    unsigned pre = st->flags & (FLOAT_IE | FLOAT_DE | FLOAT_ZE);

    return pre & ~st->masks ? pre : st->flags;
}

/* ---- binary32 and binary64, SSE rules ---- */

uint32_t f32_add(uint32_t a, uint32_t b, struct float_status *st);
uint32_t f32_sub(uint32_t a, uint32_t b, struct float_status *st);
uint32_t f32_mul(uint32_t a, uint32_t b, struct float_status *st);
uint32_t f32_div(uint32_t a, uint32_t b, struct float_status *st);
uint32_t f32_sqrt(uint32_t a, struct float_status *st);
uint64_t f64_add(uint64_t a, uint64_t b, struct float_status *st);
uint64_t f64_sub(uint64_t a, uint64_t b, struct float_status *st);
uint64_t f64_mul(uint64_t a, uint64_t b, struct float_status *st);
uint64_t f64_div(uint64_t a, uint64_t b, struct float_status *st);
uint64_t f64_sqrt(uint64_t a, struct float_status *st);

/* a * b + c with one rounding. NaN precedence a, b, c. Negate by flipping sign bits of operands,
 * as VFMSUB and VFNMADD do: only of operands that are not NaN (float*_negate_number). */
uint32_t f32_fma(uint32_t a, uint32_t b, uint32_t c, struct float_status *st);
uint64_t f64_fma(uint64_t a, uint64_t b, uint64_t c, struct float_status *st);

/* -a, but a NaN stays as it is. */
uint32_t f32_negate_number(uint32_t a);
uint64_t f64_negate_number(uint64_t a);

/* signalling: any NaN raises IE (COMISS); else only a signalling NaN does (UCOMISS). */
enum float_relation f32_compare(uint32_t a, uint32_t b, bool signalling, struct float_status *st);
enum float_relation f64_compare(uint64_t a, uint64_t b, bool signalling, struct float_status *st);

/* MINxx and MAXxx as x86 has them: b if either is a NaN (then IE) or both are zeros. */
uint32_t f32_min(uint32_t a, uint32_t b, struct float_status *st);
uint32_t f32_max(uint32_t a, uint32_t b, struct float_status *st);
uint64_t f64_min(uint64_t a, uint64_t b, struct float_status *st);
uint64_t f64_max(uint64_t a, uint64_t b, struct float_status *st);

/* ROUNDSS/SD: to an integral value by an explicit rounding; quiet suppresses PE. */
uint32_t f32_round_int(uint32_t a, unsigned rounding, bool quiet, struct float_status *st);
uint64_t f64_round_int(uint64_t a, unsigned rounding, bool quiet, struct float_status *st);

/* To integers by an explicit rounding (ROUND_ZERO for CVTT*). NaN and out of range give IE and
 * the integer indefinite, 1 << (bits - 1). */
uint32_t f32_to_i32(uint32_t a, unsigned rounding, struct float_status *st);
uint64_t f32_to_i64(uint32_t a, unsigned rounding, struct float_status *st);
uint32_t f64_to_i32(uint64_t a, unsigned rounding, struct float_status *st);
uint64_t f64_to_i64(uint64_t a, unsigned rounding, struct float_status *st);
uint32_t f32_from_i32(uint32_t i, struct float_status *st);
uint32_t f32_from_i64(uint64_t i, struct float_status *st);
uint64_t f64_from_i32(uint32_t i);
uint64_t f64_from_i64(uint64_t i, struct float_status *st);

uint64_t f32_to_f64(uint32_t a, struct float_status *st);
uint32_t f64_to_f32(uint64_t a, struct float_status *st);
uint32_t f16_to_f32(uint16_t a, struct float_status *st);
uint16_t f32_to_f16(uint32_t a, unsigned rounding, struct float_status *st);

/* ---- 80-bit extended, x87 rules ---- */

enum f80_class {
    F80_UNSUPPORTED,
    F80_NAN,
    F80_NORMAL,
    F80_INFINITY,
    F80_ZERO,
    F80_EMPTY,
    F80_DENORMAL
};

enum f80_class f80_classify(struct f80 a); /* FXAM's order of classes; never F80_EMPTY */

struct f80 f80_add(struct f80 a, struct f80 b, struct float_status *st);
struct f80 f80_sub(struct f80 a, struct f80 b, struct float_status *st);
struct f80 f80_mul(struct f80 a, struct f80 b, struct float_status *st);
struct f80 f80_div(struct f80 a, struct f80 b, struct float_status *st);
struct f80 f80_sqrt(struct f80 a, struct float_status *st);
enum float_relation f80_compare(struct f80 a, struct f80 b, bool signalling,
                                struct float_status *st);
struct f80 f80_round_int(struct f80 a, struct float_status *st);

/* a remainder b: truncating (FPREM) or nearest (FPREM1). q gets the low three bits of
 * quotient; *partial says that the exponents were too far apart and one more call is needed. */
struct f80_quotient {
    uint8_t low;  /* quotient modulo 8 */
    bool partial; /* C2 */
};
struct f80 f80_rem(struct f80 a, struct f80 b, bool nearest, struct f80_quotient *q,
                   struct float_status *st);

/* a * 2^trunc(b) (FSCALE). */
struct f80 f80_scale(struct f80 a, struct f80 b, struct float_status *st);
/* Significand and unbiased exponent as values (FXTRACT). */
struct f80 f80_extract(struct f80 a, struct f80 *exponent, struct float_status *st);

/* Transcendental functions: rounded from about 120 bits, so within 1 ulp, and but for cases that
 * lie within 2^-50 ulp of a rounding boundary correctly rounded. Precision control does not apply.
 * False: |a| >= 2^63, nothing was computed (C2). Either pointer of sin_cos may be NULL. */
bool f80_sin_cos(struct f80 a, struct f80 *sine, struct f80 *cosine, struct float_status *st);
bool f80_tan(struct f80 a, struct f80 *r, struct float_status *st);
struct f80 f80_atan2(struct f80 y, struct f80 x, struct float_status *st);
struct f80 f80_y_log2_x(struct f80 y, struct f80 x, struct float_status *st);
struct f80 f80_y_log2_x1(struct f80 y, struct f80 x, struct float_status *st); /* y log2(x + 1) */
struct f80 f80_exp2_m1(struct f80 a, struct float_status *st); /* 2^a - 1 for |a| <= 1 */

struct f80 f80_from_i64(uint64_t i); /* exact */
struct f80 f80_from_f32(uint32_t a, struct float_status *st);
struct f80 f80_from_f64(uint64_t a, struct float_status *st);
/* As an operand of arithmetic: no flags, a signalling NaN stays one, *denormal tells of DE. */
struct f80 f80_widen_f32(uint32_t a, bool *denormal);
struct f80 f80_widen_f64(uint64_t a, bool *denormal);
uint32_t f80_to_f32(struct f80 a, struct float_status *st);
uint64_t f80_to_f64(struct f80 a, struct float_status *st);
uint16_t f80_to_i16(struct f80 a, unsigned rounding, struct float_status *st);
uint32_t f80_to_i32(struct f80 a, unsigned rounding, struct float_status *st);
uint64_t f80_to_i64(struct f80 a, unsigned rounding, struct float_status *st);

#endif
