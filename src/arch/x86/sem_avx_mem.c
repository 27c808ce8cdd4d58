/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AVX and AVX2: masked loads and stores, gathers. Elements that the mask leaves out are not
 * accessed at all.
 */
#include "arch/x86/simd.h"

/* ---- masked: the signs of the first source ---- */

#define MASKED(name, f, bits)                                                                   \
    static void name##_load(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)          \
    {                                                                                           \
        const union x86_ymm *mask = &c->s.ymm[in->src2];                                        \
        union x86_ymm r = {.q = {0}};                                                           \
                                                                                                \
        for (unsigned i = 0; i < in->size * 8u / bits; i++)                                     \
            if (mask->f[i] >> (bits - 1))                                                       \
                r.f[i] = x86_ld##bits(c, in->seg, simd_part(in, ea, i * (bits / 8)));            \
        vec_dst(c, in, &r, 32);                                                                 \
    }                                                                                           \
    static void name##_store(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)         \
    {                                                                                           \
        const union x86_ymm *mask = &c->s.ymm[in->src2], *v = &c->s.ymm[in->src];               \
                                                                                                \
        for (unsigned i = 0; i < in->size * 8u / bits; i++)                                     \
            if (mask->f[i] >> (bits - 1))                                                       \
                x86_probe_w(c, in->seg, simd_part(in, ea, i * (bits / 8)), bits / 8);            \
        for (unsigned i = 0; i < in->size * 8u / bits; i++)                                     \
            if (mask->f[i] >> (bits - 1))                                                       \
                x86_st##bits(c, in->seg, simd_part(in, ea, i * (bits / 8)), v->f[i]);            \
    }                                                                                           \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                               \
    {                                                                                           \
        simd_check(c, in);                                                                      \
        if (in->form == FORM_MR)                                                                \
            name##_store(c, in, x86_ea(c, in));                                                 \
        else                                                                                    \
            name##_load(c, in, x86_ea(c, in));                                                  \
    }

MASKED(vmaskmovps, d, 32)
MASKED(vmaskmovpd, q, 64)
MASKED(vpmaskmovd, d, 32)
MASKED(vpmaskmovq, q, 64)

/* ---- gathers ---- */

/* Address of one element: base + sign-extended index * scale + displacement. */
static uint64_t gather_ea(const struct x86_cpu *c, const struct x86_insn *in, uint64_t index)
{
    uint64_t ea = c->s.r[in->base] + (index << in->scale) + (uint64_t)(int64_t)in->disp;

    return in->asize == 8 ? ea : (uint32_t)ea;
}

/* Elements of the destination (f, bits) whose mask has its sign set are loaded in order; each that
 * arrived is done for good (its mask is cleared), so that a fault in between restarts after it.
 * In the end the whole mask register is zero. index: lane array of the indices. */
#define GATHER(name, f, bits, index, itype)                                                   \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                             \
    {                                                                                         \
        const unsigned wide = MAX(sizeof(itype), bits / 8u), count = in->size / wide;         \
        union x86_ymm *d = &c->s.ymm[in->dst], *mask = &c->s.ymm[in->src2];                   \
                                                                                              \
        simd_check(c, in);                                                                    \
        for (unsigned i = 0; i < count; i++) {                                                \
            uint64_t at = (uint64_t)(int64_t)(itype)c->s.ymm[in->count].index[i];             \
                                                                                              \
            if (mask->f[i] >> (bits - 1))                                                     \
                d->f[i] = x86_ld##bits(c, in->seg, gather_ea(c, in, at));                     \
            mask->f[i] = 0;                                                                   \
        }                                                                                     \
        memset(mask, 0, sizeof(*mask));                                                       \
        for (unsigned i = count * bits / 8; i < 32; i++)                                      \
            d->b[i] = 0;                                                                      \
    }

GATHER(vgatherdps, d, 32, d, int32_t)
GATHER(vpgatherdd, d, 32, d, int32_t)
GATHER(vgatherdpd, q, 64, d, int32_t)
GATHER(vpgatherdq, q, 64, d, int32_t)
GATHER(vgatherqps, d, 32, q, int64_t)
GATHER(vpgatherqd, d, 32, q, int64_t)
GATHER(vgatherqpd, q, 64, q, int64_t)
GATHER(vpgatherqq, q, 64, q, int64_t)
