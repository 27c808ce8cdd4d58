/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory: latency, TLB reach, copies, strings, page faults.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gb.h"

/* One cycle through all of n cells in a scattered order. */
static uint64_t chase(uint64_t n, uint64_t steps)
{
    uint64_t *v = malloc(n * 8), x = 3, at = 0;

    for (uint64_t i = 0; i < n; i++)
        v[i] = i;
    for (uint64_t i = n - 1; i > 0; i--) { /* Sattolo */
        uint64_t j = gb_next(&x) % i, t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
    for (uint64_t i = 0; i < steps; i++)
        at = v[at];
    free(v);
    return at;
}

static uint64_t mem_chase16m(unsigned scale)
{
    return chase(2 << 20, 500000 * scale);
}

static uint64_t mem_chase256k(unsigned scale)
{
    return chase(32 << 10, 10000000 * scale);
}

static uint64_t mem_stride4k(unsigned scale)
{
    enum { PAGES = 4096 };
    volatile unsigned char *p = malloc(PAGES * 4096ul);
    uint64_t sum = 0;

    for (unsigned k = 0; k < 100 * scale; k++)
        for (unsigned i = 0; i < PAGES; i++)
            sum += ++p[i * 4096ul + (i & 63) * 64] & 0xff;
    free((void *)(uintptr_t)p);
    return sum;
}

static char big_a[1 << 20], big_b[1 << 20];

static uint64_t mem_memcpy(unsigned scale)
{
    for (unsigned k = 0; k < 1500 * scale; k++) {
        big_a[k & 0xffff] = (char)k;
        memcpy(big_b, big_a, sizeof(big_a));
        GB_SINK(big_b);
    }
    return gb_fnv(GB_FNV, big_b, 4096);
}

static uint64_t mem_memset(unsigned scale)
{
    for (unsigned k = 0; k < 2400 * scale; k++) {
        memset(big_b, (int)k, sizeof(big_b));
        GB_SINK(big_b);
    }
    return gb_fnv(GB_FNV, big_b, 4096);
}

static uint64_t mem_smallcpy(unsigned scale)
{
    uint64_t x = 9;

    for (unsigned k = 0; k < 2000000 * scale; k++) {
        uint64_t v = gb_next(&x);
        volatile size_t n = v & 127;
        memcpy(big_b + (v >> 8 & 0xfff), big_a + (v >> 20 & 0xfff), n);
        GB_SINK(big_b);
    }
    return gb_fnv(GB_FNV, big_b, 4096);
}

static void movsb(void *to, const void *from, uint64_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static uint64_t mem_movsb(unsigned scale)
{
    for (unsigned k = 0; k < 1500 * scale; k++) {
        big_a[k & 0xffff] = (char)k;
        movsb(big_b, big_a, sizeof(big_a));
    }
    return gb_fnv(GB_FNV, big_b, 4096);
}

static uint64_t mem_movsb64(unsigned scale)
{
    for (unsigned k = 0; k < 2000000 * scale; k++)
        movsb(big_b + (k & 0xfff) * 64, big_a + (k * 7 & 0xfff) * 64, 64);
    return gb_fnv(GB_FNV, big_b, sizeof(big_b));
}

static uint64_t mem_stosq(unsigned scale)
{
    for (uint64_t k = 0; k < 2400 * scale; k++) {
        void *to = big_b;
        uint64_t n = sizeof(big_b) / 8;
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(k) : "memory");
    }
    return gb_fnv(GB_FNV, big_b, 4096);
}

static uint64_t mem_str(unsigned scale)
{
    uint64_t sum = 0;

    memset(big_a, 'x', 4000);
    big_a[4000] = 0;
    for (unsigned k = 0; k < 100000 * scale; k++) {
        big_a[k % 4000] = 'y';
        GB_SINK(big_a);
        sum += strlen(big_a) + (uint64_t)(strchr(big_a, 'y') - big_a);
        strcpy(big_b, big_a);
        sum += (uint64_t)strcmp(big_a, big_b) + (memchr(big_a, 'z', 4000) != 0);
        big_a[k % 4000] = 'x';
    }
    return sum;
}

static uint64_t pf_mmap(unsigned scale)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < 40 * scale; k++) {
        unsigned char *p = mmap(0, 2 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(p, 2 << 20, MADV_NOHUGEPAGE);
        for (unsigned i = 0; i < 2 << 20; i += 4096)
            sum += ++p[i];
        munmap(p, 2 << 20);
    }
    return sum;
}

static uint64_t pf_cow(unsigned scale)
{
    enum { LEN = 4 << 20 };
    unsigned char *p = mmap(0, LEN, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;

    madvise(p, LEN, MADV_NOHUGEPAGE);
    memset(p, 1, LEN);
    for (unsigned k = 0; k < 12 * scale; k++) {
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            unsigned char s = 0;
            for (unsigned i = 0; i < LEN; i += 4096)
                s = (unsigned char)(s + ++p[i]);
            _exit(s & 0x7f);
        }
        waitpid(pid, &status, 0);
        sum += (unsigned)WEXITSTATUS(status) + 1;
    }
    munmap(p, LEN);
    return sum;
}

static uint64_t pf_mprotect(unsigned scale)
{
    enum { LEN = 256 << 10 };
    volatile unsigned char *p = mmap(0, LEN, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;

    for (unsigned k = 0; k < 1200 * scale; k++) {
        mprotect((void *)(uintptr_t)p, LEN, PROT_READ);
        for (unsigned i = 0; i < LEN; i += 4096)
            sum += p[i];
        mprotect((void *)(uintptr_t)p, LEN, PROT_READ | PROT_WRITE);
        for (unsigned i = 0; i < LEN; i += 4096)
            p[i]++;
    }
    munmap((void *)(uintptr_t)p, LEN);
    return sum;
}

#define ROW(f) {#f, f}
const struct gb_row gb_mem_rows[] = {
    ROW(mem_chase16m), ROW(mem_chase256k), ROW(mem_stride4k), ROW(mem_memcpy), ROW(mem_memset),
    ROW(mem_smallcpy), ROW(mem_movsb), ROW(mem_movsb64), ROW(mem_stosq), ROW(mem_str),
    ROW(pf_mmap), ROW(pf_cow), ROW(pf_mprotect), {0, 0},
};
