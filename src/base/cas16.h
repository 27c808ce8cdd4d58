/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cas16: compare-and-swap of 16 aligned bytes, which C has no lock-free builtin for everywhere.
 */
#ifndef QUAD_BASE_CAS16_H
#define QUAD_BASE_CAS16_H

#include "base/base.h"

/* If p[0..1] equals expect[0..1], store want and return true; else load what is there into expect
 * and return false. p is 16-byte aligned; sequentially consistent. */
static inline bool cas16(uint64_t *p, uint64_t expect[2], const uint64_t want[2])
{
#if defined(__x86_64__)
    bool ok;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(ok), "+m"(*(unsigned char(*)[16])p), "+a"(expect[0]), "+d"(expect[1])
                     : "b"(want[0]), "c"(want[1])
                     : "memory");
    return ok;
#elif defined(__aarch64__)
    uint64_t lo, hi;
    uint32_t failed;
    bool same;

    do {
        __asm__ volatile("ldaxp %0, %1, [%2]" : "=&r"(lo), "=&r"(hi) : "r"(p) : "memory");
        same = lo == expect[0] && hi == expect[1];
        /* A pair that differs is stored back, so that the pair read was read atomically. */
        __asm__ volatile("stlxp %w0, %1, %2, [%3]"
                         : "=&r"(failed)
                         : "r"(same ? want[0] : lo), "r"(same ? want[1] : hi), "r"(p)
                         : "memory");
    } while (failed);
    expect[0] = lo;
    expect[1] = hi;
    return same;
#else
#error "cas16: this host needs its 16-byte compare-and-swap here"
#endif
}

#endif
