/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bits: bit fields by explicit shifts, counts, sign extension.
 */
#ifndef QUAD_BASE_BITS_H
#define QUAD_BASE_BITS_H

#include "base/base.h"

#define BIT32(n) (UINT32_C(1) << (n))
#define BIT64(n) (UINT64_C(1) << (n))

/* Bits hi..lo (inclusive) of v, shifted down; 63 >= hi >= lo. */
static inline uint64_t bits_get(uint64_t v, unsigned hi, unsigned lo)
{
    return (v >> lo) & (UINT64_MAX >> (63 - (hi - lo)));
}

/* v with bits hi..lo replaced by field. */
static inline uint64_t bits_set(uint64_t v, unsigned hi, unsigned lo, uint64_t field)
{
    uint64_t mask = (UINT64_MAX >> (63 - (hi - lo))) << lo;

    return (v & ~mask) | ((field << lo) & mask);
}

/* Sign-extend the low n bits of v (1..64). */
static inline uint64_t sign_extend(uint64_t v, unsigned n)
{
    return (uint64_t)((int64_t)(v << (64 - n)) >> (64 - n));
}

static inline bool is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

#endif
