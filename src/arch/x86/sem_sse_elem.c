/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single elements: insert from and extract to general registers and memory.
 */
#include "arch/x86/simd.h"

/* Extract: to a general register (zero-extended) or memory. */
#define EXTRACT(name, f, bits, last)                                         \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)            \
    {                                                                        \
        simd_check(c, in);                                                   \
        uint##bits##_t v = c->s.ymm[in->src].f[in->imm & (last)];            \
                                                                             \
        if (in->form == FORM_MR)                                             \
            x86_st##bits(c, in->seg, x86_ea(c, in), v);                      \
        else                                                                 \
            reg_st64(c, in->dst, v);                                         \
    }

EXTRACT(pextrb, b, 8, 15)
EXTRACT(pextrd, d, 32, 3)
EXTRACT(pextrq, q, 64, 1)
EXTRACT(extractps, d, 32, 3)

void sem_pextrw(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->flags & IN_MMX) {
        mmx_check(c);
        reg_st64(c, in->dst, (uint16_t)(c->s.fpr[in->src].mant >> 16 * (in->imm & 3)));
        mmx_enter(c);
        return;
    }
    simd_check(c, in);
    uint16_t v = c->s.ymm[in->src].w[in->imm & 7];

    if (in->form == FORM_MR)
        x86_st16(c, in->seg, x86_ea(c, in), v);
    else
        reg_st64(c, in->dst, v);
}

/* Insert: from a general register or memory into a copy of the first source. */
#define INSERT(name, f, bits, last)                                              \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in)                \
    {                                                                            \
        union x86_ymm r;                                                         \
        uint##bits##_t v;                                                        \
                                                                                 \
        simd_check(c, in);                                                       \
        if (in->form == FORM_RM)                                                 \
            v = x86_ld##bits(c, in->seg, x86_ea(c, in));                         \
        else                                                                     \
            v = (uint##bits##_t)c->s.r[in->src];                                 \
        r = c->s.ymm[in->src2];                                                  \
        r.f[in->imm & (last)] = v;                                               \
        vec_dst(c, in, &r, 16);                                                  \
    }

INSERT(pinsrb, b, 8, 15)
INSERT(pinsrd, d, 32, 3)
INSERT(pinsrq, q, 64, 1)

void sem_pinsrw(struct x86_cpu *c, const struct x86_insn *in)
{
    bool mmx = in->flags & IN_MMX;
    union x86_ymm r;
    uint16_t v;

    if (mmx)
        mmx_check(c);
    else
        simd_check(c, in);
    v = in->form == FORM_RM ? x86_ld16(c, in->seg, x86_ea(c, in)) : (uint16_t)c->s.r[in->src];
    r = c->s.ymm[in->src2];
    if (mmx) {
        r.q[0] = c->s.fpr[in->src2].mant;
        r.w[in->imm & 3] = v;
        mmx_write(c, in->dst, r.q[0]);
    } else {
        r.w[in->imm & 7] = v;
        vec_dst(c, in, &r, 16);
    }
}

/* One element of src (bits 7:6; memory has just the one) to place 5:4, zeros where bits 3:0 say. */
void sem_insertps(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm r;
    uint32_t v;

    simd_check(c, in);
    if (in->form == FORM_RM)
        v = x86_ld32(c, in->seg, x86_ea(c, in));
    else
        v = c->s.ymm[in->src].d[in->imm >> 6 & 3];
    r = c->s.ymm[in->src2];
    r.d[in->imm >> 4 & 3] = v;
    for (unsigned i = 0; i < 4; i++)
        if (in->imm >> i & 1)
            r.d[i] = 0;
    vec_dst(c, in, &r, 16);
}
