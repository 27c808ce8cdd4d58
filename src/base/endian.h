/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * endian: loads and stores of fixed byte order at any alignment. Guest memory, file formats and
 * wire formats go through these, never through pointer casts.
 */
#ifndef QUAD_BASE_ENDIAN_H
#define QUAD_BASE_ENDIAN_H

#include <endian.h>

#include "base/base.h"

#define ENDIAN_PAIR(bits)                                                  \
    static inline uint##bits##_t ld_le##bits(const void *p)                \
    {                                                                      \
        uint##bits##_t v;                                                  \
        memcpy(&v, p, sizeof(v));                                          \
        return le##bits##toh(v);                                           \
    }                                                                      \
    static inline void st_le##bits(void *p, uint##bits##_t v)              \
    {                                                                      \
        v = htole##bits(v);                                                \
        memcpy(p, &v, sizeof(v));                                          \
    }                                                                      \
    static inline uint##bits##_t ld_be##bits(const void *p)                \
    {                                                                      \
        uint##bits##_t v;                                                  \
        memcpy(&v, p, sizeof(v));                                          \
        return be##bits##toh(v);                                           \
    }                                                                      \
    static inline void st_be##bits(void *p, uint##bits##_t v)              \
    {                                                                      \
        v = htobe##bits(v);                                                \
        memcpy(p, &v, sizeof(v));                                          \
    }

ENDIAN_PAIR(16)
ENDIAN_PAIR(32)
ENDIAN_PAIR(64)

#undef ENDIAN_PAIR

#endif
