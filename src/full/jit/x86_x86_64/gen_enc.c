/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See gen_enc.h.
 */
#include "full/jit/x86_x86_64/gen_enc.h"

#include <cpuid.h>

static bool parse_vex(struct enc *e, const uint8_t *p)
{
    static const uint8_t pp[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned last = p[0] == 0xc4 ? p[2] : p[1];

    e->vvvv = ~last >> 3 & 15;
    e->prefix = pp[last & 3];
    if (p[0] == 0xc4) {
        e->map = p[1] & 31;
        e->rm |= p[1] & 0x20 ? 0 : 8;
    }
    return e->map >= 1 && e->map <= 3;
}

bool enc_parse(const struct gen *g, struct enc *e)
{
    const struct x86_insn *in = g->in;
    const uint8_t *start = mem_ptr(g->jv->cpu->mem, g->b->gpa + g->off, in->len), *p;

    if (!start || page_off(g, g->off) + in->len > (int64_t)PAGE_SIZE_4K)
        return false; /* it goes on elsewhere */
    *e = (struct enc){.map = 1,
                      .opcode = in->opcode,
                      .rm = in->modrm & 7,
                      .w = in->flags & IN_W,
                      .l = in->flags & IN_L256,
                      .vex = in->flags & IN_VEX};
    e->prefix = in->flags & IN_F2 ? 0xf2 : in->flags & IN_F3 ? 0xf3 : in->flags & IN_OPSIZE ? 0x66 : 0;
    for (p = start; p < start + in->len - 2; p++) {
        if (e->vex && (*p == 0xc4 || *p == 0xc5))
            return parse_vex(e, p);
        if (*p == 0x0f && !e->vex) {
            if (p > start && (p[-1] & 0xf0) == 0x40)
                e->rm |= p[-1] & 1 ? 8 : 0;
            if (p[1] == 0x38 || p[1] == 0x3a)
                e->map = p[1] == 0x38 ? 2 : 3;
            return true;
        }
    }
    return false;
}

void enc_put(struct gen *g, const struct enc *e, unsigned reg, unsigned vvvv, struct rm rm)
{
    struct as *a = &g->as;
    unsigned r = reg >> 3 & 1, b = rm.base >> 3 & 1, x = rm.index ? (rm.index - 1u) >> 3 & 1 : 0;

    if (e->vex) {
        unsigned pp = e->prefix == 0x66 ? 1 : e->prefix == 0xf3 ? 2 : e->prefix == 0xf2 ? 3 : 0;
        as_8(a, 0xc4);
        as_8(a, (r ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | e->map);
        as_8(a, (e->w ? 0x80u : 0) | (~vvvv & 15) << 3 | (e->l ? 4u : 0) | pp);
    } else {
        if (e->prefix)
            as_8(a, e->prefix);
        if (e->w || r || b || x)
            as_8(a, 0x40 | (e->w ? 8u : 0) | r << 2 | x << 1 | b);
        as_8(a, 0x0f);
        if (e->map > 1)
            as_8(a, e->map == 2 ? 0x38 : 0x3a);
    }
    as_8(a, e->opcode);
    as_modrm(a, reg, rm);
}

bool enc_host_has(enum x86_feature f)
{
    static uint32_t l1c, l7b, e1c;
    uint32_t a, b, c = 0, d;

    if (!l1c) {
        __cpuid(0x80000001, a, b, e1c, d);
        __cpuid(1, a, b, c, d);
        __cpuid_count(7, 0, a, l7b, a, d);
        l1c = c;
    }
    bool avx = __builtin_cpu_supports("avx"); /* also the operating system's part */
    switch (f) {
    case FT_BASE: case FT_MMX: case FT_SSE: case FT_SSE2: return true;
    case FT_SSE3: return l1c & 1;
    case FT_SSSE3: return l1c >> 9 & 1;
    case FT_SSE41: return l1c >> 19 & 1;
    case FT_SSE42: return l1c >> 20 & 1;
    case FT_AES: return l1c >> 25 & 1;
    case FT_PCLMUL: return l1c >> 1 & 1;
    case FT_AVX: return avx;
    case FT_AVX2: return avx && l7b >> 5 & 1;
    case FT_FMA: return avx && l1c >> 12 & 1;
    case FT_F16C: return avx && l1c >> 29 & 1;
    case FT_SHA: return l7b >> 29 & 1;
    case FT_MOVBE: return l1c >> 22 & 1;
    case FT_CX16: return l1c >> 13 & 1;
    case FT_POPCNT: return l1c >> 23 & 1;
    case FT_LZCNT: return e1c >> 5 & 1;
    case FT_BMI1: return l7b >> 3 & 1;
    case FT_BMI2: return l7b >> 8 & 1;
    case FT_ADX: return l7b >> 19 & 1;
    default: return false;
    }
}
