/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_core: what the softfloat_*.c files share; nobody else includes it.
 *
 * A finite non-zero value under computation is (sign, exp, frac): frac has its top bit at 63 and
 * stands for frac / 2^63 in [1, 2); exp carries the bias of its format and may leave the
 * format's range at either side. Bits that do not fit are or-ed into the lowest bit ("sticky").
 *
 * The binary16/32/64 code is written once over uint64_t with a constant struct float_format;
 * inlining turns each use into code for one format.
 */
#ifndef QUAD_ARCH_X86_SOFTFLOAT_CORE_H
#define QUAD_ARCH_X86_SOFTFLOAT_CORE_H

#include "arch/x86/softfloat.h"

#define force_inline static inline __attribute__((always_inline))

__extension__ typedef unsigned __int128 u128;

struct float_format {
    int man_bits; /* stored significand bits */
    int exp_max;  /* biased exponent of infinities and NaNs; bias is exp_max / 2 */
};

static const struct float_format format_f16 = {10, 0x1f};
static const struct float_format format_f32 = {23, 0xff};
static const struct float_format format_f64 = {52, 0x7ff};

enum { F80_BIAS = 0x3fff, F80_EXP_MAX = 0x7fff };
#define F80_INT_BIT (UINT64_C(1) << 63)
#define F80_QUIET_BIT (UINT64_C(1) << 62)

enum parts_class { PARTS_FINITE, PARTS_ZERO, PARTS_INF, PARTS_QNAN, PARTS_SNAN, PARTS_UNSUPPORTED };

struct parts {
    uint64_t frac; /* top bit at 63 if finite */
    int exp;
    bool sign;
    bool denormal;
    enum parts_class cls;
};

/* ---- fields of a small format ---- */

force_inline uint64_t man_mask(const struct float_format *f)
{
    return (UINT64_C(1) << f->man_bits) - 1;
}

force_inline uint64_t quiet_bit(const struct float_format *f)
{
    return UINT64_C(1) << (f->man_bits - 1);
}

force_inline uint64_t exp_field(int exp, const struct float_format *f)
{
    return (uint64_t)exp << f->man_bits;
}

force_inline uint64_t sign_bit(const struct float_format *f)
{
    return ((uint64_t)f->exp_max + 1) << f->man_bits;
}

force_inline int small_exp(uint64_t a, const struct float_format *f)
{
    return (int)(a >> f->man_bits) & f->exp_max;
}

force_inline uint64_t small_pack(bool sign, int exp, uint64_t man, const struct float_format *f)
{
    return (sign ? sign_bit(f) : 0) | exp_field(exp, f) | man;
}

force_inline uint64_t small_inf(bool sign, const struct float_format *f)
{
    return small_pack(sign, f->exp_max, 0, f);
}

force_inline uint64_t small_default_nan(const struct float_format *f)
{
    return small_pack(true, f->exp_max, quiet_bit(f), f);
}

force_inline bool small_is_nan(uint64_t a, const struct float_format *f)
{
    return (a & (sign_bit(f) - 1)) > exp_field(f->exp_max, f);
}

force_inline bool small_is_snan(uint64_t a, const struct float_format *f)
{
    return small_is_nan(a, f) && !(a & quiet_bit(f));
}

force_inline bool small_is_denormal(uint64_t a, const struct float_format *f)
{
    return !small_exp(a, f) && (a & man_mask(f));
}

/* Is the exponent neither zero nor all ones? */
force_inline bool small_is_normal(uint64_t a, const struct float_format *f)
{
    return (unsigned)(small_exp(a, f) - 1) < (unsigned)(f->exp_max - 1);
}

/* The significand of a normal number with its integer bit at 63. */
force_inline uint64_t small_frac(uint64_t a, const struct float_format *f)
{
    return a << (63 - f->man_bits) | UINT64_C(1) << 63;
}

/* ---- sticky shifts ---- */

force_inline uint64_t shift_sticky(uint64_t v, unsigned n)
{
    if (n > 63)
        return v != 0;
    return v >> n | ((v & ((UINT64_C(1) << n) - 1)) != 0);
}

force_inline u128 shift_sticky128(u128 v, unsigned n)
{
    if (n > 127)
        return v != 0;
    return v >> n | ((v & (((u128)1 << n) - 1)) != 0);
}

force_inline uint64_t fold128(u128 v)
{
    return (uint64_t)(v >> 64) | ((uint64_t)v != 0);
}

force_inline int clz128(u128 v) /* v != 0 */
{
    uint64_t hi = (uint64_t)(v >> 64);

    return hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v);
}

/* ---- rounding ---- */

/* What to add to the discarded bits (all ones: mask) so that the carry out is the increment. */
force_inline uint64_t round_addend(unsigned rounding, bool sign, bool odd, uint64_t mask)
{
    if (likely(rounding == ROUND_NEAREST))
        return (mask >> 1) + odd;
    return rounding == (sign ? ROUND_DOWN : ROUND_UP) ? mask : 0;
}

/* Rounding that meets the ends of the exponent range; see round_pack. */
uint64_t round_pack_edge(bool sign, int exp, uint64_t frac, const struct float_format *f,
                         struct float_status *st);

/* Round (sign, exp, frac) into a small format, raising PE, OE, UE. */
force_inline uint64_t round_pack(bool sign, int exp, uint64_t frac, const struct float_format *f,
                                 struct float_status *st)
{
    const int shift = 63 - f->man_bits;
    const uint64_t mask = (UINT64_C(1) << shift) - 1;
    uint64_t rest = frac & mask;
    uint64_t kept = frac >> shift;
    uint64_t inc;

    if (unlikely((unsigned)(exp - 1) >= (unsigned)(f->exp_max - 2)))
        return round_pack_edge(sign, exp, frac, f, st);
    inc = (rest + round_addend(st->rounding, sign, kept & 1, mask)) >> shift;
    st->up = inc;
    st->flags |= rest ? FLOAT_PE : 0;
    return (sign ? sign_bit(f) : 0) + exp_field(exp - 1, f) + kept + inc;
}

/* ---- small formats: parts and NaNs ---- */

/* Obeys DAZ. Raises nothing: the order of exceptions is the operation's business. */
force_inline struct parts small_unpack(uint64_t a, const struct float_format *f, bool daz)
{
    struct parts p = {.sign = a & sign_bit(f), .exp = small_exp(a, f)};
    uint64_t man = a & man_mask(f);

    if (p.exp == f->exp_max) {
        p.frac = man;
        p.cls = !man ? PARTS_INF : man & quiet_bit(f) ? PARTS_QNAN : PARTS_SNAN;
    } else if (p.exp) {
        p.frac = small_frac(a, f);
    } else if (!man || daz) {
        p.cls = PARTS_ZERO;
    } else {
        int n = __builtin_clzll(man);

        p.denormal = true;
        p.frac = man << n;
        p.exp = 1 - (n - (63 - f->man_bits));
    }
    return p;
}

force_inline bool parts_is_nan(const struct parts *p)
{
    return p->cls == PARTS_QNAN || p->cls == PARTS_SNAN;
}

/* SSE: the first operand if it is a NaN, else the second; quieted. */
force_inline uint64_t small_pick_nan(uint64_t a, uint64_t b, const struct float_format *f,
                                     struct float_status *st)
{
    if (small_is_snan(a, f) || small_is_snan(b, f))
        st->flags |= FLOAT_IE;
    return (small_is_nan(a, f) ? a : b) | quiet_bit(f);
}

force_inline uint64_t small_invalid(const struct float_format *f, struct float_status *st)
{
    st->flags |= FLOAT_IE;
    return small_default_nan(f);
}

/* ---- integers, roots ---- */

/* (sign, e, frac) = frac / 2^63 * 2^e to a two's complement integer of the given width. */
uint64_t parts_to_int(const struct parts *p, int e, unsigned bits, unsigned rounding,
                      struct float_status *st);

/* floor(sqrt(x)) for x >= 2^126; *rest gets x - root^2 (at most 2 * root). */
uint64_t root128(u128 x, u128 *rest);

/* ---- 80 bits ---- */

struct parts f80_unpack(struct f80 a);

static inline struct f80 f80_make(bool sign, int exp, uint64_t mant)
{
    return (struct f80){mant, (uint16_t)(sign << 15 | exp)};
}

static inline struct f80 f80_zero(bool sign)
{
    return f80_make(sign, 0, 0);
}

static inline struct f80 f80_inf(bool sign)
{
    return f80_make(sign, F80_EXP_MAX, F80_INT_BIT);
}

static inline struct f80 f80_invalid(struct float_status *st)
{
    st->flags |= FLOAT_IE;
    return f80_make(true, F80_EXP_MAX, F80_INT_BIT | F80_QUIET_BIT);
}

/* Round hi.lo (top bit of hi at 63) to st->precision and pack. */
struct f80 f80_round_pack(bool sign, int exp, uint64_t hi, uint64_t lo, struct float_status *st);
/* The same at 64 bits, whatever the precision control says. */
struct f80 f80_round_pack64(bool sign, int exp, uint64_t hi, uint64_t lo, struct float_status *st);

/* For an operand that is a NaN or unsupported: the result of an x87 operation on it, or on two.
 * At least one of the operands must be such. */
struct f80 f80_nan1(struct f80 a, struct float_status *st);
struct f80 f80_nan2(struct f80 a, struct f80 b, struct float_status *st);

static inline bool f80_is_nanlike(const struct parts *p)
{
    return p->cls >= PARTS_QNAN;
}

#endif
