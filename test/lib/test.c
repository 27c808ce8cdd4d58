/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See test.h.
 */
#include "lib/test.h"

#include <stdio.h>
#include <sys/random.h>

uint64_t test_seed(void)
{
    static uint64_t seed;
    if (seed)
        return seed;
    const char *text = getenv("QUAD_SEED");
    if (text && *text) {
        seed = strtoull(text, NULL, 0);
    } else if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed)) {
        seed &= 0x7fffffff;
        fprintf(stderr, "QUAD_SEED=%" PRIu64 "\n", seed);
    }
    if (!seed)
        seed = 1;
    return seed;
}

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

const char *test_engine(const char *otherwise)
{
    const char *name = getenv("QUAD_ENGINE");
    return name && *name ? name : otherwise;
}

bool test_long(void)
{
    return getenv("QUAD_LONG") != NULL;
}

void test_skip(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("skip: ", stdout);
    vprintf(fmt, ap);
    fputc('\n', stdout);
    va_end(ap);
    fflush(stdout);
    _Exit(77);
}
