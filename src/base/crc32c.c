/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLY 0x82f63b78u /* reflected */

/* tab[k][b]: byte b followed by k zero bytes. */
static uint32_t tab[8][256];

static void make_tables(void)
{
    for (unsigned b = 0; b < 256; b++) {
        uint32_t c = b;
        for (unsigned i = 0; i < 8; i++)
            c = c >> 1 ^ (c & 1 ? POLY : 0);
        tab[0][b] = c;
    }
    for (unsigned k = 1; k < 8; k++)
        for (unsigned b = 0; b < 256; b++)
            tab[k][b] = tab[k - 1][b] >> 8 ^ tab[0][tab[k - 1][b] & 0xff];
}

static void init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_tables);
}

uint32_t crc32c_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    init();
    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t w = 0;
        for (unsigned i = 0; i < 8; i++)
            w |= (uint64_t)p[i] << 8 * i;
        w ^= crc;
        crc = 0;
        for (unsigned i = 0; i < 8; i++)
            crc ^= tab[7 - i][w >> 8 * i & 0xff];
    }
    for (; len; len--, p++)
        crc = crc >> 8 ^ tab[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_insn(uint32_t crc, const uint8_t *p,
                                                              size_t len)
{
    uint64_t c = (uint32_t)~crc, w;

    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        c = __builtin_ia32_crc32di(c, w);
    }
    for (; len; len--, p++)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return ~(uint32_t)c;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_insn(crc, data, len);
#endif
    return crc32c_table(crc, data, len);
}
