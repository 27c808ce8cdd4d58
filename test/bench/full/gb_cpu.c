/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Integer, floating point, branches, code that writes code.
 */
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gb.h"

/* -------------------------------------------------------------------------------------- integer */

static uint64_t int_sieve(unsigned scale)
{
    enum { N = 1 << 20 };
    static unsigned char s[N];
    uint64_t sum = 0;

    for (unsigned k = 0; k < 12 * scale; k++) {
        memset(s, 1, N);
        for (unsigned i = 2; i * i < N; i++)
            for (unsigned j = i * i; s[i] && j < N; j += i)
                s[j] = 0;
        for (unsigned i = 2; i < N; i++)
            sum += s[i] ? i : 0;
    }
    return sum;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t int_sort(unsigned scale)
{
    static uint32_t v[100000];
    uint64_t x = 1, sum = 0;

    for (unsigned k = 0; k < 2 * scale; k++) {
        for (unsigned i = 0; i < 100000; i++)
            v[i] = (uint32_t)gb_next(&x);
        qsort(v, 100000, sizeof(v[0]), compare);
        sum = gb_fnv(sum, v, sizeof(v));
    }
    return sum;
}

static uint64_t int_crc(unsigned scale)
{
    uint32_t table[256], crc = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table[i] = c;
    }
    for (unsigned i = 0; i < 10000000 * scale; i++)
        crc = table[(crc ^ i) & 0xff] ^ crc >> 8;
    return crc;
}

static uint64_t int_muldiv(unsigned scale)
{
    uint64_t x = 12345, sum = 0;

    for (unsigned i = 0; i < 10000000 * scale; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        sum += x / ((x >> 40) | 1) + x % 1000003;
    }
    return sum;
}

static uint64_t int_bignum(unsigned scale)
{
    enum { N = 64 };
    unsigned long long a[N], b[N], sum = 0;
    uint64_t x = 7;

    for (unsigned i = 0; i < N; i++)
        a[i] = gb_next(&x), b[i] = gb_next(&x);
    for (unsigned k = 0; k < 1200000 * scale; k++) {
        unsigned char cf = 0;
        for (unsigned i = 0; i < N; i += 4) {
            cf = _addcarry_u64(cf, a[i], b[i], &a[i]);
            cf = _addcarry_u64(cf, a[i + 1], b[i + 1], &a[i + 1]);
            cf = _addcarry_u64(cf, a[i + 2], b[i + 2], &a[i + 2]);
            cf = _addcarry_u64(cf, a[i + 3], b[i + 3], &a[i + 3]);
        }
        sum += a[k % N] + cf;
    }
    return sum;
}

static uint64_t int_bits(unsigned scale)
{
    uint64_t x = 99, sum = 0;

    for (unsigned i = 0; i < 15000000 * scale; i++) {
        uint64_t v = gb_next(&x) | 1;
        sum += (uint64_t)__builtin_ctzll(v >> 1 | 1) + (uint64_t)__builtin_clzll(v) +
               (v << (i & 63) | v >> (-i & 63)) + __builtin_bswap64(v);
    }
    return sum;
}

static uint64_t int_sha256(unsigned scale)
{
    uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8}, w[64];

#define ROR(v, n) ((v) >> (n) | (v) << (32 - (n)))
    for (uint32_t k = 0; k < 120000 * scale; k++) {
        for (uint32_t i = 0; i < 16; i++)
            w[i] = k * 16 + i;
        for (unsigned i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] + (ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t t = z + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + ((e & f) ^ (~e & g)) +
                         0x9e3779b9u * i + w[i];
            uint32_t u = (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            z = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += z;
    }
    return gb_fnv(GB_FNV, h, sizeof(h));
}

/* ------------------------------------------------------------------------------- floating point */

enum { M = 96 };
static double ma[M][M], mb[M][M], mc[M][M];
static float fa[M][M] __attribute__((aligned(32))), fb[M][M] __attribute__((aligned(32))),
    fc[M][M] __attribute__((aligned(32)));

static void fill(void)
{
    for (int i = 0; i < M; i++)
        for (int j = 0; j < M; j++) {
            ma[i][j] = fa[i][j] = (float)(i * j % 17) / 8;
            mb[i][j] = fb[i][j] = (float)(i + j) / 16;
        }
}

__attribute__((optimize("no-tree-vectorize"))) static uint64_t fp_mm_scalar(unsigned scale)
{
    fill();
    for (unsigned k = 0; k < 60 * scale; k++)
        for (int i = 0; i < M; i++)
            for (int j = 0; j < M; j++) {
                double s = 0;
                for (int l = 0; l < M; l++)
                    s += ma[i][l] * mb[l][j];
                mc[i][j] = s + k;
            }
    return gb_fnv(GB_FNV, mc, sizeof(mc));
}

static uint64_t fp_mm_sse2(unsigned scale)
{
    fill();
    for (unsigned k = 0; k < 200 * scale; k++)
        for (int i = 0; i < M; i++)
            for (int j = 0; j < M; j += 4) {
                __m128 s = _mm_set1_ps((float)k);
                for (int l = 0; l < M; l++)
                    s = _mm_add_ps(s, _mm_mul_ps(_mm_set1_ps(fa[i][l]), _mm_load_ps(&fb[l][j])));
                _mm_store_ps(&fc[i][j], s);
            }
    return gb_fnv(GB_FNV, fc, sizeof(fc));
}

__attribute__((target("avx2,fma"))) static uint64_t fp_mm_avx2(unsigned scale)
{
    fill();
    for (unsigned k = 0; k < 300 * scale; k++)
        for (int i = 0; i < M; i++)
            for (int j = 0; j < M; j += 8) {
                __m256 s = _mm256_set1_ps((float)k);
                for (int l = 0; l < M; l++)
                    s = _mm256_fmadd_ps(_mm256_set1_ps(fa[i][l]), _mm256_load_ps(&fb[l][j]), s);
                _mm256_store_ps(&fc[i][j], s);
            }
    return gb_fnv(GB_FNV, fc, sizeof(fc));
}

static uint64_t fp_divsqrt(unsigned scale)
{
    double s = 1, x = 3;

    for (unsigned i = 1; i < 2500000 * scale; i++) {
        x = sqrt(x + i) / (1 + x / i);
        s += x;
    }
    return gb_fnv(GB_FNV, &s, sizeof(s));
}

static uint64_t fp_x87(unsigned scale)
{
    long double s = 1, x = 3;
    char bytes[16] = {0};

    for (unsigned i = 1; i < 5000000 * scale; i++) {
        x = x * 0.75L + 1.0L / i;
        s += x * x - 1;
    }
    memcpy(bytes, &s, 10);
    return gb_fnv(GB_FNV, bytes, 10);
}

/* ------------------------------------------------------------------------------------- branches */

static uint64_t br_interp(unsigned scale)
{
    static const unsigned char code[] = {0, 1, 2, 3, 1, 4, 0, 2, 5, 6, 3, 0, 1, 7, 2, 4, 6, 8};
    uint64_t acc = 1, stack[4] = {1, 2, 3, 4};
    unsigned pc = 0, left = 15000000 * scale;

    for (;;) {
        switch (code[pc++]) {
        case 0: acc += stack[0] + left; break;
        case 1: acc ^= acc << 3; break;
        case 2: stack[acc & 3] = acc; break;
        case 3: acc -= stack[1]; break;
        case 4: acc = acc >> 1 | acc << 63; break;
        case 5: acc *= 5; break;
        case 6: stack[2] += acc; break;
        case 7: acc ^= stack[3]; break;
        case 8: pc = 0; break;
        }
        if (!--left)
            return acc;
        GB_SINK(acc);
    }
}

#define FN(n) \
    __attribute__((noinline)) static uint64_t f##n(uint64_t x) { GB_SINK(x); return x * 3 + n; }
FN(0) FN(1) FN(2) FN(3) FN(4) FN(5) FN(6) FN(7)

static uint64_t br_icall(unsigned scale)
{
    uint64_t (*const volatile fns[8])(uint64_t) = {f0, f1, f2, f3, f4, f5, f6, f7};
    uint64_t x = 1;

    for (unsigned i = 0; i < 15000000 * scale; i++)
        x = fns[(i * 5 + (i >> 3)) & 7](x);
    return x;
}

__attribute__((noinline, optimize("O1"))) static uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t br_fib(unsigned scale)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < 20 * scale; k++)
        sum += fib(28);
    return sum;
}

static uint64_t br_cond(unsigned scale)
{
    uint64_t x = 5, a = 0, b = 0;

    for (unsigned i = 0; i < 4000000 * scale; i++) {
        uint64_t v = gb_next(&x);
        if (v & 1) {
            a += v;
            GB_SINK(a);
        } else if (v & 6) {
            b ^= v;
            GB_SINK(b);
        }
    }
    return a ^ b;
}

/* ------------------------------------------------------------------------ code that writes code */

/* mov eax, imm32; add eax, edi; ret */
static void emit(unsigned char *p, uint32_t n)
{
    static const unsigned char code[] = {0xb8, 0, 0, 0, 0, 0x01, 0xf8, 0xc3};

    memcpy(p, code, sizeof(code));
    memcpy(p + 1, &n, 4);
}

typedef uint32_t made(uint32_t x);

/* A compiler whose data lie on the page of the code. */
static uint64_t jit_rwx(unsigned scale)
{
    unsigned char *p = mmap(0, 65536, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < 3000 * scale; i++) {
        emit(p + i % 512 * 64, i);
        for (uint32_t k = 0; k < 20; k++) {
            uint32_t *data = (uint32_t *)(void *)(p + i % 512 * 64 + 32);
            *data += ((made *)(void *)(p + i % 512 * 64))(k);
            sum += *data;
        }
    }
    munmap(p, 65536);
    return sum;
}

static uint64_t jit_wx(unsigned scale)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < 200 * scale; i++) {
        unsigned char *p = mmap(0, 16384, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (uint32_t k = 0; k < 1024; k++)
            emit(p + k * 16, k * i);
        mprotect(p, 16384, 5);
        for (uint32_t k = 0; k < 8192; k++)
            sum += ((made *)(void *)(p + k % 1024 * 16))(k);
        munmap(p, 16384);
    }
    return sum;
}

static uint64_t jit_smc(unsigned scale)
{
    unsigned char *p = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;

    emit(p, 1);
    for (uint32_t i = 0; i < 3000 * scale; i++) {
        memcpy(p + 1, &i, 4);
        sum += ((made *)(void *)p)(i);
    }
    munmap(p, 4096);
    return sum;
}

#define ROW(f) {#f, f}
const struct gb_row gb_cpu_rows[] = {
    ROW(int_sieve), ROW(int_sort), ROW(int_crc), ROW(int_muldiv), ROW(int_bignum), ROW(int_bits),
    ROW(int_sha256), ROW(fp_mm_scalar), ROW(fp_mm_sse2), ROW(fp_mm_avx2), ROW(fp_divsqrt),
    ROW(fp_x87), ROW(br_interp), ROW(br_icall), ROW(br_fib), ROW(br_cond), ROW(jit_rwx),
    ROW(jit_wx), ROW(jit_smc), {0, 0},
};
