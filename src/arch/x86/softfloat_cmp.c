/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * softfloat_cmp: comparison, minimum and maximum of binary32 and binary64.
 */
#include "arch/x86/softfloat_core.h"

/* The operand as the comparison sees it: a denormal is a zero under DAZ. */
force_inline uint64_t cmp_operand(uint64_t a, const struct float_format *f,
                                  const struct float_status *st)
{
    return st->daz && small_is_denormal(a, f) ? a & sign_bit(f) : a;
}

/* Order of two numbers; zeros are equal. */
force_inline enum float_relation cmp_numbers(uint64_t a, uint64_t b, const struct float_format *f)
{
    bool sa = a & sign_bit(f), sb = b & sign_bit(f);

    if (a == b || !((a | b) & (sign_bit(f) - 1)))
        return FLOAT_EQUAL;
    if (sa != sb)
        return sa ? FLOAT_LESS : FLOAT_GREATER;
    return (a < b) != sa ? FLOAT_LESS : FLOAT_GREATER;
}

force_inline enum float_relation compare(uint64_t a, uint64_t b, bool signalling,
                                         const struct float_format *f, struct float_status *st)
{
    if (unlikely(small_is_nan(a, f) || small_is_nan(b, f))) {
        if (signalling || small_is_snan(a, f) || small_is_snan(b, f))
            st->flags |= FLOAT_IE;
        return FLOAT_UNORDERED;
    }
    a = cmp_operand(a, f, st);
    b = cmp_operand(b, f, st);
    if (small_is_denormal(a, f) || small_is_denormal(b, f))
        st->flags |= FLOAT_DE;
    return cmp_numbers(a, b, f);
}

force_inline uint64_t pick(uint64_t a, uint64_t b, enum float_relation want,
                           const struct float_format *f, struct float_status *st)
{
    bool first = compare(a, b, true, f, st) == want;

    /* A NaN comes out as it is, a denormal under DAZ as the zero that it stands for. */
    return cmp_operand(first ? a : b, f, st);
}

enum float_relation f32_compare(uint32_t a, uint32_t b, bool signalling, struct float_status *st)
{
    return compare(a, b, signalling, &format_f32, st);
}

enum float_relation f64_compare(uint64_t a, uint64_t b, bool signalling, struct float_status *st)
{
    return compare(a, b, signalling, &format_f64, st);
}

uint32_t f32_min(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)pick(a, b, FLOAT_LESS, &format_f32, st);
}

uint32_t f32_max(uint32_t a, uint32_t b, struct float_status *st)
{
    return (uint32_t)pick(a, b, FLOAT_GREATER, &format_f32, st);
}

uint64_t f64_min(uint64_t a, uint64_t b, struct float_status *st)
{
    return pick(a, b, FLOAT_LESS, &format_f64, st);
}

uint64_t f64_max(uint64_t a, uint64_t b, struct float_status *st)
{
    return pick(a, b, FLOAT_GREATER, &format_f64, st);
}
