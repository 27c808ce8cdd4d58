/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AES-NI, PCLMULQDQ, SHA-1 and SHA-256 rounds. [SDM2; FIPS 180-4, 197]
 */
#include "arch/x86/simd.h"

/* ---- AES: a state of four columns, a 32-bit lane each, row 0 in the low byte ---- */

// clang-format off
static const uint8_t sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t sbox_inverse[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};
// clang-format on

/* Times x in GF(2^8), four bytes at once. */
static inline uint32_t xtime4(uint32_t w)
{
    return (w & 0x7f7f7f7f) << 1 ^ (w >> 7 & 0x01010101) * 0x1b;
}

static inline uint32_t rotr32(uint32_t w, unsigned n)
{
    return w >> n | w << (32 - n);
}

static inline uint32_t rotl32(uint32_t w, unsigned n)
{
    return w << n | w >> (32 - n);
}

static inline uint32_t mix_column(uint32_t w)
{
    uint32_t x = xtime4(w), n = rotr32(w, 8); /* n: the next row's byte in each place */

    return x ^ xtime4(n) ^ n ^ rotr32(w, 16) ^ rotr32(w, 24);
}

/* The inverse is MixColumns after multiplication by 4x^2 + 5. */
static inline uint32_t mix_column_inverse(uint32_t w)
{
    uint32_t four = xtime4(xtime4(w ^ rotr32(w, 16)));

    return mix_column(w ^ four);
}

static uint32_t sub_word(uint32_t w)
{
    return sbox[w & 0xff] | sbox[w >> 8 & 0xff] << 8 | sbox[w >> 16 & 0xff] << 16 |
           (uint32_t)sbox[w >> 24] << 24;
}

/* Row r of column i comes from column i + r, or i - r when decrypting. */
static always_inline_fn void aes_round(union x86_ymm *r, const union x86_ymm *a,
                                       const union x86_ymm *key, unsigned n, bool decrypt,
                                       bool last)
{
    (void)n;
    for (unsigned i = 0; i < 16; i++) {
        unsigned row = i & 3, from = (i + (decrypt ? 16 - 4 * row : 4 * row)) & 15;

        r->b[i] = (decrypt ? sbox_inverse : sbox)[a->b[from]];
    }
    for (unsigned i = 0; i < 4; i++) {
        uint32_t w = r->d[i];

        if (!last)
            w = decrypt ? mix_column_inverse(w) : mix_column(w);
        r->d[i] = w ^ key->d[i];
    }
}

#define AES_ROUND(name, decrypt, last)                                                     \
    static void name##_lanes(union x86_ymm *r, const union x86_ymm *a,                     \
                             const union x86_ymm *b, unsigned n)                           \
    {                                                                                      \
        aes_round(r, a, b, n, decrypt, last);                                              \
    }                                                                                      \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                      \
        vec_binary_n(c, in, name##_lanes, 16);                                             \
    }

AES_ROUND(aesenc, false, false)
AES_ROUND(aesenclast, false, true)
AES_ROUND(aesdec, true, false)
AES_ROUND(aesdeclast, true, true)

static void aesimc_lanes(union x86_ymm *r, const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = mix_column_inverse(b->d[i]);
}

void sem_aesimc(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_unary_n(c, in, aesimc_lanes, 16);
}

static void aeskeygenassist_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                                  unsigned n, unsigned imm)
{
    (void)a, (void)n;
    for (unsigned i = 0; i < 4; i += 2) {
        r->d[i] = sub_word(b->d[i + 1]);
        r->d[i + 1] = rotr32(r->d[i], 8) ^ imm;
    }
}

void sem_aeskeygenassist(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_n(c, in, aeskeygenassist_lanes, 16);
}

/* ---- carry-less multiplication: imm 0 and 4 choose the halves ---- */

static void pclmulqdq_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                            unsigned n, unsigned imm)
{
    uint64_t x = a->q[imm & 1], y = b->q[imm >> 4 & 1], low = 0, high = 0;
    uint64_t tab[16], over[16]; /* x times 0..15, and what of it is above bit 63 */

    (void)n;
    tab[0] = over[0] = 0;
    for (unsigned i = 1; i < 16; i++) {
        tab[i] = tab[i >> 1] << 1 ^ (i & 1 ? x : 0);
        over[i] = over[i >> 1] << 1 ^ tab[i >> 1] >> 63;
    }
    for (unsigned i = 64; i; i -= 4) {
        unsigned digit = y >> (i - 4) & 15;

        high = high << 4 ^ low >> 60 ^ over[digit];
        low = low << 4 ^ tab[digit];
    }
    r->q[0] = low;
    r->q[1] = high;
}

void sem_pclmulqdq(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_n(c, in, pclmulqdq_lanes, 16);
}

/* ---- SHA: the manual's A, W0 ... are in the high lane first ---- */

/* Memory need not be aligned, unlike that of every other legacy instruction [APM4; the processors
 * of that vendor do so]. */
static void sha_src(struct x86_cpu *c, const struct x86_insn *in, union x86_ymm *b)
{
    simd_check(c, in);
    if (in->form == FORM_RM)
        x86_ld_bytes(c, in->seg, x86_ea(c, in), b, 16);
    else
        *b = c->s.ymm[in->src];
}

static void sha_binary(struct x86_cpu *c, const struct x86_insn *in, vec2_fn *f)
{
    union x86_ymm b, r;

    sha_src(c, in, &b);
    f(&r, &c->s.ymm[in->dst], &b, 16);
    vec_dst(c, in, &r, 16);
}

#define SHA2(name)                                                \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in) \
    {                                                             \
        sha_binary(c, in, name##_lanes);                          \
    }

void sem_sha1rnds4(struct x86_cpu *c, const struct x86_insn *in)
{
    static const uint32_t constant[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    const uint32_t *s1 = c->s.ymm[in->dst].d;
    uint32_t v[5] = {s1[3], s1[2], s1[1], s1[0], 0};
    unsigned kind = in->imm & 3;
    union x86_ymm s2, r;

    sha_src(c, in, &s2);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t f, t;

        switch (kind) {
        case 0: f = (v[1] & v[2]) ^ (~v[1] & v[3]); break;
        case 2: f = (v[1] & v[2]) ^ (v[1] & v[3]) ^ (v[2] & v[3]); break;
        default: f = v[1] ^ v[2] ^ v[3]; break;
        }
        t = f + rotl32(v[0], 5) + s2.d[3 - i] + v[4] + constant[kind];
        memmove(v + 1, v, 4 * sizeof(v[0]));
        v[0] = t;
        v[2] = rotl32(v[2], 30);
    }
    for (unsigned i = 0; i < 4; i++)
        r.d[3 - i] = v[i];
    vec_dst(c, in, &r, 16);
}

static void sha1nexte_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                            unsigned n)
{
    memcpy(r, b, n);
    r->d[3] += rotl32(a->d[3], 30);
}
SHA2(sha1nexte)

static void sha1msg1_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                           unsigned n)
{
    (void)n;
    r->d[3] = a->d[1] ^ a->d[3];
    r->d[2] = a->d[0] ^ a->d[2];
    r->d[1] = b->d[3] ^ a->d[1];
    r->d[0] = b->d[2] ^ a->d[0];
}
SHA2(sha1msg1)

static void sha1msg2_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                           unsigned n)
{
    (void)n;
    r->d[3] = rotl32(a->d[3] ^ b->d[2], 1);
    r->d[2] = rotl32(a->d[2] ^ b->d[1], 1);
    r->d[1] = rotl32(a->d[1] ^ b->d[0], 1);
    r->d[0] = rotl32(a->d[0] ^ r->d[3], 1);
}
SHA2(sha1msg2)

static uint32_t sigma(uint32_t w, unsigned r1, unsigned r2, unsigned shift)
{
    return rotr32(w, r1) ^ rotr32(w, r2) ^ w >> shift;
}

static uint32_t sum(uint32_t w, unsigned r1, unsigned r2, unsigned r3)
{
    return rotr32(w, r1) ^ rotr32(w, r2) ^ rotr32(w, r3);
}

/* Two rounds; W + K of them are in XMM0. State: C D G H in the first, A B E F in the second. */
void sem_sha256rnds2(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm s2, r;
    const union x86_ymm *s1 = &c->s.ymm[in->dst], *wk = &c->s.ymm[0];

    sha_src(c, in, &s2);

    uint32_t v[8] = {s2.d[3], s2.d[2], s1->d[3], s1->d[2], s2.d[1], s2.d[0], s1->d[1], s1->d[0]};

    for (unsigned i = 0; i < 2; i++) {
        uint32_t choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t t = choose + sum(v[4], 6, 11, 25) + wk->d[i] + v[7];

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t;
        v[0] = t + majority + sum(v[1], 2, 13, 22);
    }
    r.d[3] = v[0];
    r.d[2] = v[1];
    r.d[1] = v[4];
    r.d[0] = v[5];
    vec_dst(c, in, &r, 16);
}

static void sha256msg1_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                             unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = a->d[i] + sigma(i < 3 ? a->d[i + 1] : b->d[0], 7, 18, 3);
}
SHA2(sha256msg1)

static void sha256msg2_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                             unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = a->d[i] + sigma(i < 2 ? b->d[i + 2] : r->d[i - 2], 17, 19, 10);
}
SHA2(sha256msg2)
