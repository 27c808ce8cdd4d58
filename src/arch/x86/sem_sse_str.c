/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * PCMPxSTRx: comparison of two strings of 16 bytes or 8 words. [SDM2 4.1]
 *
 *   imm 0    words, else bytes           imm 3:2  any, ranges, each, ordered
 *   imm 1    signed elements             imm 5:4  polarity: 1 negate, 3 negate where b is valid
 *   imm 6    last index (else first); element mask (else bit mask)
 */
#include "arch/x86/simd.h"

enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct strings {
    int32_t a[16], b[16]; /* widened by the signedness asked for */
    unsigned n, na, nb;   /* elements, valid ones */
};

static void widen(int32_t *to, const union x86_ymm *v, unsigned imm)
{
    switch (imm & 3) {
    case 0:
        for (unsigned i = 0; i < 16; i++)
            to[i] = v->b[i];
        break;
    case 1:
        for (unsigned i = 0; i < 8; i++)
            to[i] = v->w[i];
        break;
    case 2:
        for (unsigned i = 0; i < 16; i++)
            to[i] = (int8_t)v->b[i];
        break;
    default:
        for (unsigned i = 0; i < 8; i++)
            to[i] = (int16_t)v->w[i];
        break;
    }
}

static unsigned implicit_length(const int32_t *s, unsigned n)
{
    unsigned i = 0;

    while (i < n && s[i])
        i++;
    return i;
}

/* |EAX| or |RAX|, at most n. */
static unsigned explicit_length(const struct x86_cpu *c, const struct x86_insn *in, unsigned reg,
                                unsigned n)
{
    uint64_t v = c->s.r[reg];

    if (!simd_w64(c, in))
        v = sign_extend(v, 32);
    if (v >> 63)
        v = -v;
    return v > n ? n : (unsigned)v;
}

static unsigned match_any(const struct strings *s)
{
    unsigned res = 0;

    for (unsigned j = 0; j < MIN(s->nb, 16u); j++) /* the bound is for the compiler */
        for (unsigned i = 0; i < MIN(s->na, 16u); i++)
            res |= (unsigned)(s->a[i] == s->b[j]) << j;
    return res;
}

static unsigned match_ranges(const struct strings *s)
{
    unsigned res = 0;

    for (unsigned j = 0; j < MIN(s->nb, 16u); j++)
        for (unsigned i = 0; i + 1 < MIN(s->na, 16u); i += 2)
            res |= (unsigned)(s->a[i] <= s->b[j] && s->b[j] <= s->a[i + 1]) << j;
    return res;
}

static unsigned match_each(const struct strings *s)
{
    unsigned res = 0;

    for (unsigned i = 0; i < s->n; i++) {
        bool va = i < s->na, vb = i < s->nb;

        res |= (unsigned)(va && vb ? s->a[i] == s->b[i] : va == vb) << i;
    }
    return res;
}

/* Where b holds a: beyond the end of a anything matches, beyond that of b nothing. */
static unsigned match_ordered(const struct strings *s)
{
    unsigned res = 0;

    for (unsigned j = 0; j < s->n; j++) {
        bool same = true;

        for (unsigned i = 0; i < s->na && i + j < s->n; i++)
            same &= i + j < s->nb && s->a[i] == s->b[i + j];
        res |= (unsigned)same << j;
    }
    return res;
}

/* IntRes2; sets the flags. */
static unsigned compare(struct x86_cpu *c, const struct x86_insn *in, bool explicit, unsigned *n)
{
    unsigned imm = in->imm & 0xff, all, res;
    union x86_ymm b;
    struct strings s;

    simd_check(c, in);
    if (in->form == FORM_RM)
        x86_ld_bytes(c, in->seg, x86_ea(c, in), &b, 16); /* never aligned */
    else
        b = c->s.ymm[in->src];
    *n = s.n = imm & 1 ? 8 : 16;
    widen(s.a, &c->s.ymm[in->dst], imm);
    widen(s.b, &b, imm);
    s.na = explicit ? explicit_length(c, in, RAX, s.n) : implicit_length(s.a, s.n);
    s.nb = explicit ? explicit_length(c, in, RDX, s.n) : implicit_length(s.b, s.n);
    switch (imm >> 2 & 3) {
    case EQUAL_ANY: res = match_any(&s); break;
    case RANGES: res = match_ranges(&s); break;
    case EQUAL_EACH: res = match_each(&s); break;
    default: res = match_ordered(&s); break;
    }
    all = (1u << s.n) - 1;
    if (imm & 0x10)
        res ^= imm & 0x20 ? (1u << s.nb) - 1 : all;
    fl_load(c, (res ? FL_CF : 0) | (s.nb < s.n ? FL_ZF : 0) | (s.na < s.n ? FL_SF : 0) |
                   (res & 1 ? FL_OF : 0));
    return res;
}

static void to_index(struct x86_cpu *c, const struct x86_insn *in, bool explicit)
{
    unsigned n, res = compare(c, in, explicit, &n);

    if (!res)
        reg_st64(c, RCX, n);
    else if (in->imm & 0x40)
        reg_st64(c, RCX, 31 - (unsigned)__builtin_clz(res));
    else
        reg_st64(c, RCX, (unsigned)__builtin_ctz(res));
}

static void to_mask(struct x86_cpu *c, const struct x86_insn *in, bool explicit)
{
    unsigned n, res = compare(c, in, explicit, &n);
    union x86_ymm r = {.q = {0}};

    if (!(in->imm & 0x40))
        r.d[0] = res;
    else if (n == 16)
        for (unsigned i = 0; i < 16; i++)
            r.b[i] = res >> i & 1 ? 0xff : 0;
    else
        for (unsigned i = 0; i < 8; i++)
            r.w[i] = res >> i & 1 ? 0xffff : 0;
    vec_put(c, in, 0, &r, 16);
}

void sem_pcmpestri(struct x86_cpu *c, const struct x86_insn *in)
{
    to_index(c, in, true);
}

void sem_pcmpestrm(struct x86_cpu *c, const struct x86_insn *in)
{
    to_mask(c, in, true);
}

void sem_pcmpistri(struct x86_cpu *c, const struct x86_insn *in)
{
    to_index(c, in, false);
}

void sem_pcmpistrm(struct x86_cpu *c, const struct x86_insn *in)
{
    to_mask(c, in, false);
}
