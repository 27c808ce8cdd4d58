/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gb: the rows of the benchmark of full virtualization. One static program runs them, natively and
 * as the guest's init. A row does a fixed amount of work, times its scale, and returns a checksum
 * that does not depend on where it runs.
 */
#ifndef GB_H
#define GB_H

#include <stdint.h>

struct gb_row {
    const char *name;
    uint64_t (*run)(unsigned scale);
};

extern const struct gb_row gb_cpu_rows[], gb_mem_rows[], gb_sys_rows[]; /* end: name NULL */

/* gb_real.c: programs of the distribution, under their own file names. Returns a hash of the
 * output, or *missing. */
struct gb_real {
    const char *name;
    const char *argv[12];
    const char *in;      /* standard input, or NULL */
    const char *prepare; /* "gzip": /tmp/text.gz first, not measured */
};
extern const struct gb_real gb_reals[];
void gb_make_inputs(unsigned scale);
uint64_t gb_run_real(const struct gb_real *r, int *missing);

static inline uint64_t gb_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static inline uint64_t gb_fnv(uint64_t h, const void *data, uint64_t n)
{
    const unsigned char *p = data;

    for (uint64_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#define GB_FNV UINT64_C(0xcbf29ce484222325)
#define GB_SINK(x) __asm__ volatile("" : : "g"(x) : "memory")

#endif
