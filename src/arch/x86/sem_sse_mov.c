/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Moves of vector registers: whole registers, halves, scalars, masks of sign bits, general
 * registers, masked stores. Non-temporal hints change nothing here.
 */
#include "arch/x86/simd.h"

/* Whole registers. aligned: memory must be (legacy and VEX). */
static always_inline_fn void move_n(struct x86_cpu *c, const struct x86_insn *in, bool aligned,
                                    unsigned n)
{
    union x86_ymm *d = &c->s.ymm[in->dst];
    uint64_t ea;

    simd_check(c, in);
    if (in->form == FORM_RR) {
        memmove(d, &c->s.ymm[in->src], n);
    } else {
        ea = x86_ea(c, in);
        if (aligned)
            simd_align(c, in, ea, n);
        if (in->form == FORM_MR) {
            x86_st_bytes(c, in->seg, ea, &c->s.ymm[in->src], n);
            return;
        }
        x86_ld_bytes(c, in->seg, ea, d, n); /* faults come before its first byte */
    }
    if (n == 16 && (in->flags & IN_VEX))
        d->q[2] = d->q[3] = 0;
}

#define MOVE(name, aligned)                                       \
    void sem_##name(struct x86_cpu *c, const struct x86_insn *in) \
    {                                                             \
        if (in->size == 16)                                       \
            move_n(c, in, aligned, 16);                           \
        else                                                      \
            move_n(c, in, aligned, 32);                           \
    }

MOVE(movups, false)
MOVE(movupd, false)
MOVE(movdqu, false)
MOVE(lddqu, false)
MOVE(movaps, true)
MOVE(movapd, true)
MOVE(movdqa, true)
MOVE(movntdq, true)
MOVE(movntdqa, true)
MOVE(movntps, true)
MOVE(movntpd, true)

/* Write 128 bits of value. */
static inline void put128(struct x86_cpu *c, const struct x86_insn *in, uint64_t lo, uint64_t hi)
{
    union x86_ymm *d = &c->s.ymm[in->dst];

    d->q[0] = lo;
    d->q[1] = hi;
    if (in->flags & IN_VEX)
        d->q[2] = d->q[3] = 0;
}

/* Scalars: from memory the rest becomes zero, from a register it is the first source's. */
void sem_movss(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    if (in->form == FORM_MR) {
        x86_st32(c, in->seg, x86_ea(c, in), c->s.ymm[in->src].d[0]);
    } else if (in->form == FORM_RM) {
        put128(c, in, vec_src32(c, in), 0);
    } else {
        uint64_t low = c->s.ymm[in->src2].q[0] & ~UINT64_C(0xffffffff);

        put128(c, in, low | c->s.ymm[in->src].d[0], c->s.ymm[in->src2].q[1]);
    }
}

void sem_movsd(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    if (in->form == FORM_MR)
        x86_st64(c, in->seg, x86_ea(c, in), c->s.ymm[in->src].q[0]);
    else if (in->form == FORM_RM)
        put128(c, in, vec_src64(c, in), 0);
    else
        put128(c, in, c->s.ymm[in->src].q[0], c->s.ymm[in->src2].q[1]);
}

void sem_movq(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->flags & IN_MMX) {
        mmx_check(c);
        if (in->form == FORM_MR) {
            x86_st64(c, in->seg, x86_ea(c, in), c->s.fpr[in->src].mant);
            mmx_enter(c);
        } else {
            mmx_write(c, in->dst, mmx_src(c, in));
        }
        return;
    }
    simd_check(c, in);
    if (in->form == FORM_MR)
        x86_st64(c, in->seg, x86_ea(c, in), c->s.ymm[in->src].q[0]);
    else
        put128(c, in, vec_src64(c, in), 0);
}

/* From a general register or memory, 4 bytes or 8. */
void sem_movd(struct x86_cpu *c, const struct x86_insn *in)
{
    bool wide = simd_w64(c, in);
    uint64_t v;

    if (in->flags & IN_MMX)
        mmx_check(c);
    else
        simd_check(c, in);
    if (in->form != FORM_RM)
        v = wide ? reg_ld64(c, in->src) : reg_ld32(c, in->src);
    else if (wide)
        v = x86_ld64(c, in->seg, x86_ea(c, in));
    else
        v = x86_ld32(c, in->seg, x86_ea(c, in));
    if (in->flags & IN_MMX)
        mmx_write(c, in->dst, v);
    else
        put128(c, in, v, 0);
}

void sem_movd_st(struct x86_cpu *c, const struct x86_insn *in)
{
    bool wide = simd_w64(c, in), mmx = in->flags & IN_MMX;
    uint64_t v;

    if (mmx)
        mmx_check(c);
    else
        simd_check(c, in);
    v = mmx ? c->s.fpr[in->src].mant : c->s.ymm[in->src].q[0];
    if (in->form != FORM_MR)
        reg_st64(c, in->dst, wide ? v : (uint32_t)v);
    else if (wide)
        x86_st64(c, in->seg, x86_ea(c, in), v);
    else
        x86_st32(c, in->seg, x86_ea(c, in), (uint32_t)v);
    if (mmx)
        mmx_enter(c);
}

/* Halves of 128 bits. Loads keep the other half of the first source. */
static void move_low(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    if (in->form == FORM_MR)
        x86_st64(c, in->seg, x86_ea(c, in), c->s.ymm[in->src].q[0]);
    else
        put128(c, in, vec_src64(c, in), c->s.ymm[in->src2].q[1]);
}

static void move_high(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    if (in->form == FORM_MR)
        x86_st64(c, in->seg, x86_ea(c, in), c->s.ymm[in->src].q[1]);
    else
        put128(c, in, c->s.ymm[in->src2].q[0], vec_src64(c, in));
}

void sem_movlps(struct x86_cpu *c, const struct x86_insn *in)
{
    move_low(c, in);
}

void sem_movlpd(struct x86_cpu *c, const struct x86_insn *in)
{
    move_low(c, in);
}

void sem_movhps(struct x86_cpu *c, const struct x86_insn *in)
{
    move_high(c, in);
}

void sem_movhpd(struct x86_cpu *c, const struct x86_insn *in)
{
    move_high(c, in);
}

void sem_movhlps(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    put128(c, in, c->s.ymm[in->src].q[1], c->s.ymm[in->src2].q[1]);
}

void sem_movlhps(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    put128(c, in, c->s.ymm[in->src2].q[0], c->s.ymm[in->src].q[0]);
}

/* Duplicates of even or odd elements. */
static always_inline_fn void movsldup_lanes(union x86_ymm *r, const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = b->d[i & ~1u];
}
VEC_UNARY_X(movsldup)

static always_inline_fn void movshdup_lanes(union x86_ymm *r, const union x86_ymm *b, unsigned n)
{
    for (unsigned i = 0; i < n / 4; i++)
        r->d[i] = b->d[i | 1];
}
VEC_UNARY_X(movshdup)

void sem_movddup(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm b;

    simd_check(c, in);
    if (in->size == 16) {
        uint64_t v = vec_src64(c, in);

        put128(c, in, v, v);
        return;
    }
    vec_src(c, in, &b, 32);
    b.q[1] = b.q[0];
    b.q[3] = b.q[2];
    vec_dst(c, in, &b, 32);
}

/* Between MMX and XMM. */
void sem_movq2dq(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    mmx_check(c);
    put128(c, in, c->s.fpr[in->src].mant, 0);
    mmx_enter(c);
}

void sem_movdq2q(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    mmx_check(c);
    mmx_write(c, in->dst, c->s.ymm[in->src].q[0]);
}

void sem_movntq(struct x86_cpu *c, const struct x86_insn *in)
{
    mmx_check(c);
    x86_st64(c, in->seg, x86_ea(c, in), c->s.fpr[in->src].mant);
    mmx_enter(c);
}

/* A general register: no vector state, so no availability check. */
void sem_movnti_32(struct x86_cpu *c, const struct x86_insn *in)
{
    x86_st32(c, in->seg, x86_ea(c, in), reg_ld32(c, in->src));
}

void sem_movnti_64(struct x86_cpu *c, const struct x86_insn *in)
{
    x86_st64(c, in->seg, x86_ea(c, in), reg_ld64(c, in->src));
}

/* Sign bits to a general register. The multiplication gathers eight of them, 8 bits apart, into
 * the top byte. */
static inline unsigned byte_signs(uint64_t v)
{
    return (unsigned)((v & UINT64_C(0x8080808080808080)) * UINT64_C(0x0002040810204081) >> 56);
}

void sem_pmovmskb(struct x86_cpu *c, const struct x86_insn *in)
{
    const uint64_t *q = c->s.ymm[in->src].q;
    uint32_t mask;

    if (in->flags & IN_MMX) {
        mmx_check(c);
        reg_st64(c, in->dst, byte_signs(c->s.fpr[in->src].mant));
        mmx_enter(c);
        return;
    }
    simd_check(c, in);
    mask = byte_signs(q[0]) | byte_signs(q[1]) << 8;
    if (in->size == 32)
        mask |= byte_signs(q[2]) << 16 | byte_signs(q[3]) << 24;
    reg_st64(c, in->dst, mask);
}

void sem_movmskps(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned mask = 0;

    simd_check(c, in);
    for (unsigned i = 0; i < in->size / 4u; i++)
        mask |= c->s.ymm[in->src].d[i] >> 31 << i;
    reg_st64(c, in->dst, mask);
}

void sem_movmskpd(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned mask = 0;

    simd_check(c, in);
    for (unsigned i = 0; i < in->size / 8u; i++)
        mask |= (unsigned)(c->s.ymm[in->src].q[i] >> 63) << i;
    reg_st64(c, in->dst, mask);
}

/* MASKMOVQ, MASKMOVDQU: bytes of dst whose mask byte in src has its sign set go to DS:rDI. All n
 * bytes must be writable, whatever the mask [APM4; Intel's touch only what the mask has]. */
static void masked_store(struct x86_cpu *c, const struct x86_insn *in, const uint8_t *v,
                         const uint8_t *mask, unsigned n)
{
    uint64_t ea = c->s.r[RDI];

    if (in->asize != 8)
        ea = in->asize == 4 ? (uint32_t)ea : (uint16_t)ea;
    x86_probe_w(c, in->seg, ea, n);
    for (unsigned i = 0; i < n; i++)
        if (mask[i] & 0x80)
            x86_st8(c, in->seg, simd_part(in, ea, i), v[i]);
}

void sem_maskmovdqu(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    masked_store(c, in, c->s.ymm[in->dst].b, c->s.ymm[in->src].b, 16);
}

void sem_maskmovq(struct x86_cpu *c, const struct x86_insn *in)
{
    union x86_ymm v, mask;

    mmx_check(c);
    v.q[0] = c->s.fpr[in->dst].mant;
    mask.q[0] = c->s.fpr[in->src].mant;
    mmx_enter(c); /* before the store: so the processor shows when that faults */
    masked_store(c, in, v.b, mask.b, 8);
}
