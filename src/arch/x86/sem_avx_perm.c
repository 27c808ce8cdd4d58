/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AVX and AVX2: broadcasts, 128-bit halves, permutations across and within lanes.
 */
#include "arch/x86/simd.h"

/* Copies of one element; memory has just the one. */
#define BROADCAST(name, f, bits)                                         \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)        \
    {                                                                    \
        union x86_ymm r;                                                 \
        uint##bits##_t v;                                                \
                                                                         \
        simd_check(c, in);                                               \
        if (in->form == FORM_RM)                                         \
            v = x86_ld##bits(c, in->seg, x86_ea(c, in));                 \
        else                                                             \
            v = c->s.ymm[in->src].f[0];                                  \
        for (unsigned i = 0; i < 256 / bits; i++)                        \
            r.f[i] = v;                                                  \
        if (in->size == 32)                                              \
            vec_dst(c, in, &r, 32);                                      \
        else                                                             \
            vec_dst(c, in, &r, 16);                                      \
    }

BROADCAST(vpbroadcastb, b, 8)
BROADCAST(vpbroadcastw, w, 16)
BROADCAST(vpbroadcastd, d, 32)
BROADCAST(vpbroadcastq, q, 64)
BROADCAST(vbroadcastss, d, 32)
BROADCAST(vbroadcastsd, q, 64)

/* 128 bits of register or memory, not aligned. */
static void half_src(struct x86_cpu *c, const struct x86_insn *in, union x86_ymm *b)
{
    simd_check(c, in);
    vec_src(c, in, b, 16);
}

static void broadcast_128(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm b;

    half_src(c, in, &b);
    b.q[2] = b.q[0];
    b.q[3] = b.q[1];
    vec_dst(c, in, &b, 32);
}

static void insert_128(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm b, r;

    half_src(c, in, &b);
    r = c->s.ymm[in->src2];
    memcpy(&r.q[in->imm & 1 ? 2 : 0], &b, 16);
    vec_dst(c, in, &r, 32);
}

static void extract_128(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm r = {.q = {0}};

    simd_check(c, in);
    memcpy(&r, &c->s.ymm[in->src].q[in->imm & 1 ? 2 : 0], 16);
    if (in->form == FORM_MR)
        x86_st_bytes(c, in->seg, x86_ea(c, in), &r, 16);
    else
        vec_dst(c, in, &r, 32);
}

/* Each half: bits 1:0 of its field choose among the four halves of both sources, bit 3 zero. */
static void permute_128(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm s[2], r = {.q = {0}};
    const uint64_t *halves = s[0].q;

    simd_check(c, in);
    vec_src(c, in, &s[1], 32);
    s[0] = c->s.ymm[in->src2];
    for (unsigned i = 0; i < 2; i++) {
        unsigned field = in->imm >> 4 * i & 15;

        if (!(field & 8))
            memcpy(&r.q[2 * i], halves + 2 * (field & 3), 16);
    }
    vec_dst(c, in, &r, 32);
}

#define SAME(name, function)                                      \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in) \
    {                                                             \
        function(c, in);                                          \
    }

SAME(vbroadcastf128, broadcast_128)
SAME(vbroadcasti128, broadcast_128)
SAME(vinsertf128, insert_128)
SAME(vinserti128, insert_128)
SAME(vextractf128, extract_128)
SAME(vextracti128, extract_128)
SAME(vperm2f128, permute_128)
SAME(vperm2i128, permute_128)

/* Within 128-bit lanes, by immediate (opcodes 04, 05) or by a vector of controls (0C, 0D). */
static void vpermil_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                          unsigned n, unsigned imm)
{
    (void)imm;
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = a->d[(i & ~3u) + (b->d[i] & 3)];
}

static void vpermil_imm_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                              unsigned n, unsigned imm)
{
    (void)a;
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = b->d[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}

static void vpermil_pd_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                             unsigned n, unsigned imm)
{
    (void)imm;
    for (unsigned i = 0; i < n / 8; i++)
        r->q[i] = a->q[(i & ~1u) + (b->q[i] >> 1 & 1)];
}

static void vpermil_pd_imm_lanes(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b,
                                 unsigned n, unsigned imm)
{
    (void)a;
    for (unsigned i = 0; i < n / 8; i++)
        r->q[i] = b->q[(i & ~1u) + (imm >> i & 1)];
}

void sem_vpermilps(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_x(c, in, in->opcode & 8 ? vpermil_lanes : vpermil_imm_lanes);
}

void sem_vpermilpd(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_x(c, in, in->opcode & 8 ? vpermil_pd_lanes : vpermil_pd_imm_lanes);
}

/* Across lanes: controls in the first source, data in the second. */
static void permute_32(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = b->d[a->d[i] & 7];
}

void sem_vpermd(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_binary_n(c, in, permute_32, 32);
}

void sem_vpermps(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_binary_n(c, in, permute_32, 32);
}

static void permute_64(union x86_ymm *r, const union x86_ymm *a, const union x86_ymm *b, unsigned n,
                       unsigned imm)
{
    (void)a;
    for (unsigned i = 0; i < n / 8; i++)
        r->q[i] = b->q[imm >> 2 * i & 3];
}

void sem_vpermq(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_n(c, in, permute_64, 32);
}

void sem_vpermpd(struct x86_cpu *c, const struct x86_insn *in)
{
    vec_imm_n(c, in, permute_64, 32);
}
