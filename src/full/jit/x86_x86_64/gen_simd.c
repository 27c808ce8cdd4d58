/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Vector instructions: the host's own, on host registers XMM0 (ModRM.reg), XMM1 (VEX.vvvv) and
 * XMM2 (ModRM.rm) that are loaded from and stored to the state record around each. The guest's
 * MXCSR is in the host's while native code runs, so rounding and sticky flags are the host's too;
 * blocks with unmasked exceptions never get here (jit.c).
 */
#include <cpuid.h>

#include "arch/x86/decode.h"
#include "arch/x86/optab.h"
#include "full/jit/x86_x86_64/gen.h"

#define OFF_YMM(n) ((int32_t)(offsetof(struct x86_cpu, s.ymm) + 32u * (n)))

/* The raw encoding, taken apart for writing it again with other registers. */
struct enc {
    uint8_t prefix; /* mandatory: 66, F2, F3 or 0 */
    uint8_t map;    /* 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;
    bool w, l, vex;
};

static bool parse(const struct gen *g, struct enc *e)
{
    const struct x86_insn *in = g->in;
    const uint8_t *p = mem_ptr(g->jv->cpu->mem, g->b->gpa + g->off, in->len);

    if (!p)
        return false;
    *e = (struct enc){.map = 1,
                      .opcode = in->opcode,
                      .w = in->flags & IN_W,
                      .l = in->flags & IN_L256,
                      .vex = in->flags & IN_VEX};
    e->prefix = in->flags & IN_F2 ? 0xf2 : in->flags & IN_F3 ? 0xf3 : in->flags & IN_OPSIZE ? 0x66 : 0;
    const uint8_t *end = p + in->len;
    for (; p < end; p++) {
        if (*p == 0xc4 && e->vex) {
            static const uint8_t pp[4] = {0, 0x66, 0xf3, 0xf2};
            e->map = p[1] & 31;
            e->prefix = pp[p[2] & 3];
            return e->map >= 1 && e->map <= 3;
        }
        if (*p == 0xc5 && e->vex) {
            static const uint8_t pp[4] = {0, 0x66, 0xf3, 0xf2};
            e->prefix = pp[p[1] & 3];
            return true;
        }
        if (*p == 0x0f && !e->vex) {
            if (p[1] == 0x38)
                e->map = 2;
            else if (p[1] == 0x3a)
                e->map = 3;
            return true;
        }
    }
    return false;
}

static void put(struct gen *g, const struct enc *e, unsigned reg, unsigned vvvv, struct rm rm)
{
    struct as *a = &g->as;
    unsigned r = reg >> 3 & 1, b = rm.kind == RM_GS ? 0 : rm.base >> 3 & 1;

    if (rm.kind == RM_GS)
        as_8(a, 0x65);
    if (e->vex) {
        unsigned pp = e->prefix == 0x66 ? 1 : e->prefix == 0xf3 ? 2 : e->prefix == 0xf2 ? 3 : 0;
        as_8(a, 0xc4);
        as_8(a, (r ? 0 : 0x80) | 0x40 | (b ? 0 : 0x20) | e->map);
        as_8(a, (e->w ? 0x80u : 0) | (~vvvv & 15) << 3 | (e->l ? 4u : 0) | pp);
    } else {
        if (e->prefix)
            as_8(a, e->prefix);
        if (e->w || r || b)
            as_8(a, 0x40 | (e->w ? 8u : 0) | r << 2 | b);
        as_8(a, 0x0f);
        if (e->map > 1)
            as_8(a, e->map == 2 ? 0x38 : 0x3a);
    }
    as_8(a, e->opcode);
    as_modrm(a, reg, rm);
}

/* MOVUPS between a host register and a guest one in the record; 32 bytes with VEX. */
static void move(struct gen *g, bool wide, unsigned op, unsigned xmm, unsigned guest)
{
    struct enc e = {.map = 1, .opcode = (uint8_t)op, .vex = wide, .l = wide};

    put(g, &e, xmm, 0, GS(OFF_YMM(guest)));
}

#define LOAD 0x10
#define STORE 0x11

static bool host_has(enum x86_feature f)
{
    static uint32_t l1c, l7b;
    uint32_t a, b, c = 0, d;

    if (!l1c) {
        __cpuid(1, a, b, c, d);
        __cpuid_count(7, 0, a, l7b, a, d);
        l1c = c;
    }
    switch (f) {
    case FT_SSE: case FT_SSE2: return true;
    case FT_SSE3: return l1c & 1;
    case FT_SSSE3: return l1c >> 9 & 1;
    case FT_SSE41: return l1c >> 19 & 1;
    case FT_SSE42: return l1c >> 20 & 1;
    case FT_AES: return l1c >> 25 & 1;
    case FT_PCLMUL: return l1c >> 1 & 1;
    case FT_AVX: return l1c >> 28 & 1;
    case FT_AVX2: return l7b >> 5 & 1;
    case FT_FMA: return l1c >> 12 & 1;
    case FT_F16C: return l1c >> 29 & 1;
    case FT_SHA: return l7b >> 29 & 1;
    default: return false;
    }
}

/* Implicit operands, results elsewhere than in the operands, or state beyond registers. */
static bool is_special(unsigned op)
{
    switch (op) {
    case X86_OP_pcmpistri: case X86_OP_pcmpistrm: case X86_OP_pcmpestri: case X86_OP_pcmpestrm:
    case X86_OP_maskmovdqu: case X86_OP_maskmovq: case X86_OP_blendvps: case X86_OP_blendvpd:
    case X86_OP_pblendvb: case X86_OP_ldmxcsr: case X86_OP_stmxcsr: case X86_OP_sha256rnds2:
    case X86_OP_vmaskmovps: case X86_OP_vmaskmovpd: case X86_OP_vpmaskmovd: case X86_OP_vpmaskmovq:
    case X86_OP_rcpps: case X86_OP_rcpss: case X86_OP_rsqrtps: case X86_OP_rsqrtss:
        return true;
    default:
        return false;
    }
}

static bool sets_flags(unsigned op)
{
    switch (op) {
    case X86_OP_comiss: case X86_OP_comisd: case X86_OP_ucomiss: case X86_OP_ucomisd:
    case X86_OP_ptest: case X86_OP_vtestps: case X86_OP_vtestpd:
        return true;
    default:
        return false;
    }
}

/* 16-byte memory operands that need no alignment without VEX. */
static bool is_unaligned_move(unsigned op)
{
    return op == X86_OP_movups || op == X86_OP_movupd || op == X86_OP_movdqu || op == X86_OP_lddqu;
}

static bool is_aligned_move(unsigned op)
{
    return op == X86_OP_movaps || op == X86_OP_movapd || op == X86_OP_movdqa ||
           op == X86_OP_movntps || op == X86_OP_movntpd || op == X86_OP_movntdq ||
           op == X86_OP_movntdqa;
}

#define CC_NE 5

/* CR0, CR4 and XCR0 may forbid vector instructions: once a block and kind; the function of the
 * operation then says what is wrong. */
static void check_available(struct gen *g, bool vex)
{
    unsigned bit = vex ? JIT_NO_VEX : JIT_NO_SSE;

    if (g->simd_checked & bit)
        return;
    g->simd_checked |= bit;
    fl_save(g);
    as_op(&g->as, 0, 1, 0xf6, 0, GS(OFF_SCRATCH(JIT_SIMD)), false); /* test byte, imm */
    as_8(&g->as, bit);
    gen_slow_if(g, CC_NE, false);
    fl_lost(g);
}

static bool vzeroupper(struct gen *g)
{
    struct enc x = {.map = 1, .opcode = 0x57}; /* xorps */

    if (g->in->flags & IN_L256)
        return false; /* VZEROALL */
    check_available(g, true);
    put(g, &x, 0, 0, R(0));
    for (unsigned n = 0; n < 16; n++) {
        struct enc s = {.map = 1, .opcode = STORE};
        put(g, &s, 0, 0, GS(OFF_YMM(n) + 16));
    }
    return true;
}

struct roles {
    int v, h, w;     /* guest vector register in that place, or -1 */
    int gpr_reg, gpr_rm; /* guest general register in ModRM.reg, ModRM.rm, or -1 */
    bool imm, mem;
    unsigned bytes; /* of the memory operand */
    enum { TO_V, TO_W, TO_GPR_REG, TO_GPR_RM, TO_MEM, TO_FLAGS } to;
};

/* What each operand of the entry is; false: something that is not handled here. */
static bool sort_out(const struct gen *g, const struct x86_entry *e, struct roles *r)
{
    const struct x86_insn *in = g->in;
    unsigned rm = 0;
    bool vector = false;

    *r = (struct roles){.v = -1, .h = -1, .w = -1, .gpr_reg = -1, .gpr_rm = -1};
    r->mem = in->form != FORM_RR;
    /* ModRM.rm as a register: whichever of dst and src is not ModRM.reg. */
    for (unsigned i = 0; i < 4 && e->o[i]; i++) {
        const struct x86_opd *o = &x86_opds[e->o[i]];
        unsigned from_rm = i == 0 && !(e->attr & A_SRC) ? in->dst : in->src;
        switch (o->kind) {
        case OK_V:
            r->v = in->reg;
            vector = true;
            if (i == 0)
                r->to = TO_V;
            break;
        case OK_H:
            if (in->flags & IN_VEX)
                r->h = in->src2;
            break;
        case OK_U:
        case OK_W:
            vector = true;
            if (!r->mem) {
                r->w = (int)from_rm;
                if (i == 0)
                    r->to = TO_W;
                break;
            }
            if (i == 0)
                r->to = TO_MEM;
            r->bytes = x86_opd_bytes(in, o->size, true, g->b->mode);
            break;
        case OK_M:
            if (i == 0)
                r->to = TO_MEM;
            r->bytes = x86_opd_bytes(in, o->size, true, g->b->mode);
            break;
        case OK_E:
        case OK_R:
            if (r->mem) {
                if (i == 0)
                    r->to = TO_MEM;
                r->bytes = x86_opd_bytes(in, o->size, true, g->b->mode);
            } else {
                rm = from_rm;
                r->gpr_rm = (int)rm;
                if (i == 0)
                    r->to = TO_GPR_RM;
            }
            break;
        case OK_G:
            r->gpr_reg = in->reg;
            if (i == 0)
                r->to = TO_GPR_REG;
            break;
        case OK_I:
            r->imm = true;
            break;
        default:
            return false;
        }
    }
    if (sets_flags(in->op))
        r->to = TO_FLAGS;
    return vector && (!r->mem || r->bytes) && r->v < 16 && r->w < 16 && r->h < 16 &&
           r->gpr_reg < 16 && r->gpr_rm < 16;
}

bool gen_simd(struct gen *g)
{
    const struct x86_insn *in = g->in;
    const struct x86_entry *entry;
    struct x86_insn again;
    struct roles r;
    struct enc e;

    if (in->op == X86_OP_vzeroupper)
        return host_has(FT_AVX) && vzeroupper(g);
    if ((in->flags & IN_MMX) || is_special(in->op) || !parse(g, &e))
        return false;
    const uint8_t *bytes = mem_ptr(g->jv->cpu->mem, g->b->gpa + g->off, in->len);
    if (x86_decode_entry(&again, bytes, in->len, g->b->mode, &entry) || !entry ||
        again.op != in->op || !host_has(x86_insn_feature(in, entry)) ||
        (e.vex && !host_has(FT_AVX)) || !sort_out(g, entry, &r))
        return false;

    struct as *a = &g->as;
    check_available(g, e.vex);
    struct rm rm = R(2);
    if (r.mem) {
        fl_save(g);
        if (!gen_ea(g, ADDR, true))
            return false;
        gen_check(g, r.bytes, r.to == TO_MEM, false);
        bool aligned = e.vex ? is_aligned_move(in->op)
                             : r.bytes == 16 && !is_unaligned_move(in->op);
        if (aligned) {
            as_op(a, 0, 1, 0xf6, 0, R(ADDR), true); /* test addr, n - 1 */
            as_8(a, r.bytes - 1);
            gen_slow_if(g, CC_NE, false);
        }
        rm = MEM(ADDR, 0);
    } else if (r.gpr_rm >= 0) {
        rm = R(r.to == TO_GPR_RM && host_of((unsigned)r.gpr_rm) < 0
                   ? S0
                   : reg_in(g, (unsigned)r.gpr_rm, S0));
    } else if (r.w >= 0) {
        move(g, e.vex, LOAD, 2, (unsigned)r.w);
    }
    unsigned reg = 0;
    if (r.gpr_reg >= 0)
        reg = host_of((unsigned)r.gpr_reg) < 0 ? S0 : (unsigned)host_of((unsigned)r.gpr_reg);
    else if (r.v >= 0)
        move(g, e.vex, LOAD, 0, (unsigned)r.v);
    if (r.h >= 0)
        move(g, e.vex, LOAD, 1, (unsigned)r.h);
    put(g, &e, reg, r.h >= 0 ? 1 : 0, rm);
    if (r.imm)
        as_8(a, in->imm & 0xff);
    switch (r.to) {
    case TO_V:
        move(g, e.vex, STORE, 0, (unsigned)r.v);
        break;
    case TO_W:
        move(g, e.vex, STORE, 2, (unsigned)r.w);
        break;
    case TO_GPR_REG:
        reg_out(g, (unsigned)r.gpr_reg, reg);
        break;
    case TO_GPR_RM:
        reg_out(g, (unsigned)r.gpr_rm, rm.base);
        break;
    case TO_MEM:
        gen_note(g, g->off_next);
        break;
    case TO_FLAGS:
        fl_set(g);
        break;
    }
    return true;
}
