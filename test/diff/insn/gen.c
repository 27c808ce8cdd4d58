/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A random case of a form: bytes that decode to it, registers and memory full of edges, and
 * whatever the operation needs to do more than fault.
 */
#include "arch/x86/optab.h"
#include "base/bits.h"
#include "diff.h"
#include "lib/float_gen.h"

uint8_t *(*first_page)(uint64_t lin) = host_page;
uint8_t *(*second_page)(uint64_t lin) = ours_page;

uint64_t rnd(struct rng *g)
{
    g->s ^= g->s >> 12;
    g->s ^= g->s << 25;
    g->s ^= g->s >> 27;
    return g->s * UINT64_C(0x2545F4914F6CDD1D);
}

uint32_t below(struct rng *g, uint32_t n) { return (uint32_t)((rnd(g) >> 32) * n >> 32); }

/* AMD's misaligned-exception mask: the host may have it, the models do not. */
#define MXCSR_MM UINT64_C(0x20000)

/* -------------------------------------------------------------------------------- values */

/* Integers of all widths with their corners. */
static uint64_t integer(struct rng *g)
{
    static const uint64_t edge[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
        0xffffffff, 0x100000000, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 1, 0x0f,
        0x10, 0x1f, 0x20, 0x3f, 0x40, 0x99, 0x9a, 0x0a,
    };
    uint64_t v = rnd(g);

    switch (below(g, 6)) {
    case 0: return edge[below(g, ARRAY_LEN(edge))];
    case 1: return v >> below(g, 64);
    case 2: return (uint64_t)((int64_t)v >> below(g, 64));
    case 3: return UINT64_C(1) << (v & 63);
    case 4: return v & rnd(g) & rnd(g);
    default: return v;
    }
}

enum kind { K_INT, K_F16, K_F32, K_F64, K_F80, K_BCD };

/* What an operation's elements are, by its name. */
static enum kind kind_of(const struct x86_insn *in)
{
    const char *name = x86_ops[in->op].name;
    size_t n = strlen(name);

    if (in->op == X86_OP_vcvtph2ps)
        return K_F16;
    if (in->op == X86_OP_fbld)
        return K_BCD;
    if (name[0] == 'f' && in->op != X86_OP_fxsave && in->op != X86_OP_fxrstor)
        return in->size == 4 ? K_F32 : in->size == 8 ? K_F64 : K_F80;
    if (!strncmp(name, "cvtpd", 5) || !strncmp(name, "cvttpd", 6) || !strncmp(name, "cvtsd", 5) ||
        !strncmp(name, "cvttsd", 6))
        return K_F64;
    if (!strncmp(name, "cvtps", 5) || !strncmp(name, "cvttps", 6) || !strncmp(name, "cvtss", 5) ||
        !strncmp(name, "cvttss", 6) || in->op == X86_OP_vcvtps2ph)
        return K_F32;
    if (!strncmp(name, "cvt", 3))
        return K_INT;
    if (n > 2 && (!strcmp(name + n - 2, "ps") || !strcmp(name + n - 2, "ss")))
        return K_F32;
    if (n > 2 && (!strcmp(name + n - 2, "pd") || !strcmp(name + n - 2, "sd")))
        return K_F64;
    return K_INT;
}

static void random_vector(union x86_ymm *v, enum kind k, struct rng *g)
{
    unsigned how = below(g, 10);

    if (how == 0) {
        for (unsigned i = 0; i < 4; i++)
            v->q[i] = rnd(g);
        return;
    }
    if (k == K_F64)
        for (unsigned i = 0; i < 4; i++)
            v->q[i] = gen_f64(&g->s);
    else if (k == K_F32)
        for (unsigned i = 0; i < 8; i++)
            v->d[i] = gen_f32(&g->s);
    else if (k == K_F16)
        for (unsigned i = 0; i < 16; i++)
            v->w[i] = gen_f16(&g->s);
    else if (how < 4)
        for (unsigned i = 0; i < 32; i++)
            v->b[i] = (uint8_t)integer(g);
    else if (how < 6)
        for (unsigned i = 0; i < 16; i++)
            v->w[i] = (uint16_t)integer(g);
    else if (how < 8)
        for (unsigned i = 0; i < 8; i++)
            v->d[i] = (uint32_t)integer(g);
    else
        for (unsigned i = 0; i < 4; i++)
            v->q[i] = integer(g);
}

static struct f80 random_f80(struct rng *g)
{
    if (one_in(g, 8))
        return (struct f80){.mant = rnd(g), .se = 0xffff}; /* an MMX value */
    return gen_f80(&g->s);
}

/* ------------------------------------------------------------------------------ registers */

static void random_x87(struct regs *r, struct rng *g)
{
    uint16_t pending;

    for (unsigned i = 0; i < 8; i++)
        r->fpr[i] = random_f80(g);
    r->fcw = (uint16_t)(0x40 | (one_in(g, 4) ? below(g, 64) : 0x3f) | below(g, 16) << 8);
    if (one_in(g, 2))
        r->fcw |= 0x300;
    r->ftw = one_in(g, 4) ? (uint8_t)rnd(g) : 0xff;
    r->fsw = (uint16_t)(rnd(g) & 0x7f00);
    if (one_in(g, 4))
        r->fsw |= (uint16_t)(rnd(g) & r->fcw & 0x3f);
    if (one_in(g, 40))
        r->fsw |= (uint16_t)(rnd(g) & 0x3f);
    pending = (uint16_t)(r->fsw & ~r->fcw & 0x3f);
    if (pending)
        r->fsw |= 0x8080;
}

static void random_regs(struct regs *r, enum kind k, bool code64, struct rng *g)
{
    for (unsigned i = 0; i < 16; i++)
        r->r[i] = integer(g);
    r->r[RSP] = DATA + 2048 + below(g, 512) * 8;
    r->rflags = FL_1 | FL_IF | FL_TF | (rnd(g) & FL_ARITH);
    if (one_in(g, 4))
        r->rflags |= FL_DF;
    random_x87(r, g);
    r->mxcsr = 0x1f80;
    if (one_in(g, 2))
        r->mxcsr |= (uint32_t)(rnd(g) & 0xe07f);
    if (one_in(g, 4))
        r->mxcsr &= ~(uint32_t)(rnd(g) & 0x1f80);
    for (unsigned i = 0; i < 16; i++)
        random_vector(&r->ymm[i], k, g);
    if (one_in(g, 4)) /* equal registers */
        r->ymm[below(g, 16)] = r->ymm[below(g, 16)];
    if (!code64) {
        for (unsigned i = 0; i < 16; i++)
            r->r[i] = i < 8 ? (uint32_t)r->r[i] : 0;
        r->sel[SEG_CS] = 0x23;
        r->sel[SEG_DS] = r->sel[SEG_ES] = 0x2b;
    }
}

/* ---------------------------------------------------------------------------------- memory */

/* The same bytes into both memories; what lies outside the pages is dropped. */
static void fill(uint64_t at, const void *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t *h = first_page(at + i), *o = second_page(at + i);

        if (h && o)
            *h = *o = ((const uint8_t *)bytes)[i];
    }
}

static void fill64(uint64_t at, uint64_t v, unsigned n) { fill(at, &v, n); }

static void fill_random(uint64_t at, enum kind k, struct rng *g)
{
    union x86_ymm v;

    at -= 32;
    for (unsigned i = 0; i < 3; i++) {
        random_vector(&v, k, g);
        fill(at + i * 32, v.b, 32);
    }
    if (k == K_F80) {
        struct f80 f = random_f80(g);

        fill(at + 32, &f.mant, 8);
        fill(at + 40, &f.se, 2);
    } else if (k == K_BCD) {
        for (unsigned i = 0; i < 9; i++)
            v.b[i] = (uint8_t)(below(g, 10) | below(g, 10) << 4);
        v.b[9] = (uint8_t)(below(g, 2) << 7);
        fill(at + 32, v.b, 10);
    } else if (one_in(g, 3)) {
        uint64_t x = integer(g);

        fill(at + 32, &x, 8);
    }
}

/* An address for an operand of n bytes: mostly well inside and aligned, sometimes not. */
static uint64_t place(struct rng *g, unsigned n)
{
    unsigned align = n >= 32 ? 32 : n >= 16 ? 16 : n ? n & -n : 1;

    switch (below(g, 32)) {
    case 0: return DATA + 4096 - below(g, n + 1); /* across two pages */
    case 1: return DATA + DATA_RW - below(g, n + 1); /* into nothing */
    case 2: return DATA_RO + below(g, 128) * align;
    case 3: return DATA - below(g, n + 1); /* out of nothing */
    case 4: case 5: case 6: case 7: return DATA + 64 + below(g, DATA_RW - 256);
    default: return DATA + 64 + below(g, (DATA_RW - 256) / align) * align;
    }
}

static uint64_t asize_mask(const struct x86_insn *in)
{
    return in->asize == 8 ? UINT64_MAX : BIT64(in->asize * 8) - 1;
}

/* Registers so that the effective address is ea; returns what it really is (with one register for
 * base and index not every address can be made). */
static uint64_t set_ea(struct regs *r, const struct x86_insn *in, uint64_t ea, struct rng *g)
{
    uint64_t mask = asize_mask(in), disp = (uint64_t)(int64_t)in->disp, junk = 0;
    bool base = in->base < 16, index = in->index < 16;

    if (in->asize == 4 && r->sel[SEG_CS] == 0x33)
        junk = rnd(g) << 32; /* above the address size */
    if (base && index && in->base == in->index) {
        uint64_t k = 1 + (UINT64_C(1) << in->scale);

        r->r[in->base] = ((ea - disp) & mask) / k;
        return (r->r[in->base] * k + disp) & mask;
    }
    if (index) {
        r->r[in->index] = base && one_in(g, 2) ? integer(g) : below(g, 256);
        if (!base)
            r->r[in->index] = (ea - disp) >> in->scale;
        if (in->asize == 4 || r->sel[SEG_CS] != 0x33)
            r->r[in->index] = (uint32_t)r->r[in->index];
    }
    if (base) {
        r->r[in->base] =
            (ea - disp - (index ? r->r[in->index] << in->scale : 0)) & mask;
        if (in->asize < 8 && in->base != RSP)
            r->r[in->base] |= junk;
        return ea & mask;
    }
    if (in->base == X86_RIP)
        return (r->rip + in->len + disp) & mask;
    return ((index ? r->r[in->index] << in->scale : 0) + disp) & mask;
}

/* ------------------------------------------------------------------------------------ bytes */

struct enc {
    uint8_t *b;
    unsigned n, disp_at, disp_size;
};

static void put(struct enc *e, unsigned v) { e->b[e->n++] = (uint8_t)v; }

static bool uses_vvvv(const struct x86_entry *e)
{
    for (unsigned i = 0; i < 4; i++)
        if (x86_opds[e->o[i]].kind == OK_H || x86_opds[e->o[i]].kind == OK_B)
            return true;
    return false;
}

static void legacy_prefixes(struct enc *e, const struct form *f, struct rng *g)
{
    static const uint8_t segs[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

    if (one_in(g, 12))
        put(e, segs[below(g, 6)]);
    if (one_in(g, f->code64 ? 10 : 60))
        put(e, 0x67);
    if (f->e->attr & A_LOCK && f->form == FORM_MR && one_in(g, 3))
        put(e, 0xf0);
    if (f->e->attr & A_STRING && one_in(g, 2))
        put(e, 0xf2 + below(g, 2));
    if (f->vex)
        return;
    if (f->pp == 1)
        put(e, 0x66);
    if (f->pp == 1 && one_in(g, 20))
        put(e, 0x66);
    if (f->pp >= 2)
        put(e, f->pp == 2 ? 0xf3 : 0xf2);
}

static void vex_prefix(struct enc *e, const struct form *f, struct rng *g)
{
    unsigned rxb = f->code64 ? below(g, 8) : 0;
    unsigned vvvv = uses_vvvv(f->e) ? below(g, f->code64 ? 16 : 8) : 0;
    unsigned last = (~vvvv & 15) << 3 | f->l << 2 | f->pp;

    if (f->map == 1 && !f->w && one_in(g, 2)) {
        put(e, 0xc5);
        put(e, (~rxb & 4) << 5 | last);
        return;
    }
    put(e, 0xc4);
    put(e, (~rxb & 7) << 5 | f->map);
    put(e, f->w << 7 | last);
}

/* Prefixes, opcode, ModRM, displacement, random bytes for the rest. */
static void make_bytes(struct enc *e, const struct form *f, struct rng *g)
{
    unsigned modrm, mod, rm, opcode = f->opcode;

    legacy_prefixes(e, f, g);
    if (f->vex) {
        vex_prefix(e, f, g);
    } else {
        unsigned rex = f->code64 ? below(g, 8) | f->w << 3 : 0;

        if (f->code64 && (f->w || one_in(g, 2)))
            put(e, 0x40 | rex);
        if (f->map)
            put(e, 0x0f);
        if (f->map >= 2)
            put(e, f->map == 2 ? 0x38 : 0x3a);
    }
    for (unsigned i = 0; i < 4; i++)
        if (x86_opds[f->e->o[i]].kind == OK_Z)
            opcode = (opcode & 0xf8) | below(g, 8);
    put(e, opcode);
    mod = f->mod == 3 || f->form == FORM_RR ? 3 : below(g, 3);
    rm = f->rm >= 0 ? (unsigned)f->rm : below(g, 8);
    modrm = mod << 6 | (f->reg >= 0 ? (unsigned)f->reg : below(g, 8)) << 3 | rm;
    put(e, modrm);
    if (mod != 3) {
        unsigned base = rm;

        if (rm == 4) {
            base = below(g, 8);
            put(e, below(g, 32) << 3 | base);
        }
        e->disp_at = e->n;
        e->disp_size = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
    }
    while (e->n < 16)
        put(e, (unsigned)rnd(g));
    if (e->disp_size == 4 && one_in(g, 2)) /* small displacements too */
        e->b[e->disp_at + 2] = e->b[e->disp_at + 3] = e->b[e->disp_at + 1] & 0x80 ? 0xff : 0;
}

/* Displacements of absolute and RIP-relative operands, and offsets of moffs, are in the bytes. */
static void patch_disp(struct test_case *t, const struct enc *e, uint64_t ea)
{
    uint32_t d = (uint32_t)ea;

    if (t->in.base == X86_RIP)
        d = (uint32_t)(ea - (t->regs.rip + t->in.len));
    else if (t->in.index != X86_ZERO || t->in.base != X86_ZERO)
        return;
    if (e->disp_size == 4 && t->in.asize != 2)
        memcpy(t->bytes + e->disp_at, &d, 4);
}

/* ----------------------------------------------------------------------- operations' needs */

static bool has_kind(const struct x86_entry *e, unsigned kind)
{
    for (unsigned i = 0; i < 4; i++)
        if (x86_opds[e->o[i]].kind == kind)
            return true;
    return false;
}

static bool is_string(const struct test_case *t) { return t->e->attr & A_STRING; }

/* Selectors that exist in Linux' descriptor table, and some that do not. */
static uint16_t selector(struct rng *g)
{
    static const uint16_t sel[] = {0, 1, 3, 0x10, 0x18, 0x23, 0x2b, 0x33, 0x28, 0x20, 0x2a, 0x08, 0x3b};

    return sel[below(g, ARRAY_LEN(sel))];
}

static void needs_string(struct test_case *t, struct rng *g)
{
    struct regs *r = &t->regs;

    r->r[RSI] = place(g, t->in.size);
    r->r[RDI] = one_in(g, 4) ? r->r[RSI] + below(g, 64) - 32 : place(g, t->in.size);
    if (t->in.flags & (IN_REP | IN_REPNE))
        r->r[RCX] = below(g, one_in(g, 8) ? 300 : 8);
    fill_random(r->r[RSI], K_INT, g);
    fill_random(r->r[RDI], K_INT, g);
    if (one_in(g, 3)) /* equal bytes for CMPS, SCAS */
        fill(r->r[RDI], first_page(r->r[RSI]) ? first_page(r->r[RSI]) : t->bytes, 8);
    if (one_in(g, 4)) {
        uint64_t v = 0;

        if (first_page(r->r[RDI]) && first_page(r->r[RDI] + 7))
            memcpy(&v, first_page(r->r[RDI]), 8);
        r->r[RAX] = v;
    }
}

/* A return frame: rip, cs, rflags, rsp, ss, of the operand size. */
static void needs_frame(struct test_case *t, struct rng *g, bool iret)
{
    uint64_t sp = t->regs.r[RSP];
    unsigned n = t->in.size;
    uint16_t cs = one_in(g, 4) ? selector(g) : t->regs.sel[SEG_CS];

    fill64(sp, one_in(g, 8) ? integer(g) : CODE + below(g, 4096), n);
    fill64(sp + n, cs, n);
    fill64(sp + 2 * n, iret ? FL_TF | FL_IF | (rnd(g) & 0xcd5) : integer(g), n);
    fill64(sp + 3 * n, DATA + below(g, DATA_RW), n);
    fill64(sp + 4 * n, one_in(g, 4) ? selector(g) : 0x2b, n);
}

static void needs_divide(struct test_case *t, struct rng *g)
{
    struct regs *r = &t->regs;

    if (one_in(g, 4))
        return;
    switch (t->in.size) {
    case 1: r->r[RAX] = (r->r[RAX] & ~UINT64_C(0xff00)) | below(g, 8) << 8; break;
    default: r->r[RDX] = one_in(g, 2) ? 0 : one_in(g, 2) ? UINT64_MAX : below(g, 1000); break;
    }
}

/* XSAVE areas: EDX:EAX asks for x87, SSE, AVX only (the host has more); a header that is mostly
 * valid. */
static void needs_xsave(struct test_case *t, struct rng *g)
{
    uint64_t at = t->target, zero[8] = {0};

    t->regs.r[RAX] = below(g, 8);
    t->regs.r[RDX] = 0;
    if (first_page(at + 26) && second_page(at + 26)) {
        *first_page(at + 26) &= 0xfd; /* MXCSR_MM */
        *second_page(at + 26) &= 0xfd;
    }
    if (one_in(g, 8))
        return;
    for (unsigned i = 0; i < 28; i++)
        fill_random(at + 32 + i * 32, K_INT, g);
    fill64(at + 24, one_in(g, 8) ? rnd(g) & ~MXCSR_MM : 0x1f80, 4);
    fill(at + 512, zero, 64);
    fill64(at + 512, below(g, 8), 8);
    if (one_in(g, 8))
        fill64(at + 520 + below(g, 7) * 8, 1u << below(g, 8), 1);
    if (one_in(g, 16))
        fill64(at + 512, rnd(g), 8);
}

static void needs_vsib(struct test_case *t, struct rng *g)
{
    const struct x86_insn *in = &t->in;
    union x86_ymm *idx = &t->regs.ymm[in->count];
    uint64_t base = in->base < 16 ? DATA + 512 : 0, disp = (uint64_t)(int64_t)in->disp;
    const char *name = x86_ops[in->op].name;
    bool qword = strstr(name, "gatherq");

    if (in->base < 16)
        t->regs.r[in->base] = base - disp;
    else
        base = disp;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t v = place(g, 8) - base;

        v >>= in->scale;
        if (qword)
            idx->q[i & 3] = v;
        else
            idx->d[i] = (uint32_t)v;
        fill_random(base + (v << in->scale), K_INT, g);
    }
}

/* Before the address: values that the operation wants in registers. */
static void needs_registers(struct test_case *t, struct rng *g)
{
    struct regs *r = &t->regs;

    switch (t->in.op) {
    case X86_OP_div: case X86_OP_idiv: needs_divide(t, g); break;
    case X86_OP_bt: case X86_OP_bts: case X86_OP_btr: case X86_OP_btc:
        if (t->in.src < 16 && t->in.form == FORM_MR && !one_in(g, 8))
            r->r[t->in.src] = (uint64_t)(int64_t)((int)below(g, 8192) - 4096);
        break;
    case X86_OP_xlat:
        t->target = place(g, 1);
        r->r[RBX] = t->target - (r->r[RAX] & 0xff);
        fill_random(t->target, K_INT, g);
        break;
    case X86_OP_maskmovq: case X86_OP_maskmovdqu: r->r[RDI] = place(g, 16); break;
    case X86_OP_leave:
        r->r[RBP] = place(g, 8);
        fill_random(r->r[RBP], K_INT, g);
        break;
    case X86_OP_enter:
        r->r[RSP] = DATA + 4096 + below(g, 64) * 8;
        r->r[RBP] = DATA + 4096 + below(g, 256) * 8;
        break;
    case X86_OP_pcmpestri: case X86_OP_pcmpestrm:
        if (!one_in(g, 4)) {
            r->r[RAX] = (uint64_t)(int64_t)((int)below(g, 48) - 24);
            r->r[RDX] = (uint64_t)(int64_t)((int)below(g, 48) - 24);
        }
        break;
    case X86_OP_lar: case X86_OP_lsl: case X86_OP_verr: case X86_OP_verw:
    case X86_OP_mov_to_seg:
        if (t->in.form == FORM_RR)
            r->r[t->in.src] = (r->r[t->in.src] & ~UINT64_C(0xffff)) | selector(g);
        break;
    case X86_OP_arpl:
        if (t->in.form == FORM_RR)
            r->r[t->in.dst] = (r->r[t->in.dst] & ~UINT64_C(3)) | below(g, 4);
        break;
    case X86_OP_wrfsbase: case X86_OP_wrgsbase:
        if (!one_in(g, 4))
            r->r[t->in.src] &= INT64_MAX >> 16;
        break;
    case X86_OP_jmp_ind: case X86_OP_call_ind:
        if (t->in.form == FORM_RR && !one_in(g, 8))
            r->r[t->in.src] = CODE + below(g, 4096);
        break;
    case X86_OP_cmpxchg:
        if (t->in.form == FORM_RR && one_in(g, 2))
            r->r[t->in.dst & 15] = r->r[RAX];
        break;
    default: break;
    }
    if (one_in(g, 16)) {
        /* a stack that ends */
        r->r[RSP] = DATA + DATA_RW - below(g, 4) * 8 + (one_in(g, 4) ? below(g, 8) : 0);
    } else if (one_in(g, 16)) {
        r->r[RSP] = DATA + below(g, 5) * 8;
    }
}

/* After the address is known: what memory holds. */
static void needs_memory(struct test_case *t, struct rng *g)
{
    struct regs *r = &t->regs;
    uint64_t at = t->target, v[2];
    uint8_t *h = first_page(at);

    switch (t->in.op) {
    case X86_OP_cmpxchg:
        if (t->in.base == RAX || t->in.index == RAX || !one_in(g, 2))
            break;
        fill64(at, r->r[RAX], 8);
        break;
    case X86_OP_cmpxchg8b: case X86_OP_cmpxchg16b:
        if (!one_in(g, 2) || !h)
            break;
        v[0] = r->r[RAX];
        v[1] = r->r[RDX];
        if (t->in.op == X86_OP_cmpxchg8b)
            v[0] = (uint32_t)v[0] | v[1] << 32;
        fill(at, v, t->in.op == X86_OP_cmpxchg8b ? 8 : 16);
        break;
    case X86_OP_popf:
        fill64(r->r[RSP], FL_TF | FL_1 | (rnd(g) & 0x3fcff), t->in.size);
        break;
    case X86_OP_iret: needs_frame(t, g, true); break;
    case X86_OP_ret_far: needs_frame(t, g, false); break;
    case X86_OP_ret_near:
        fill64(r->r[RSP], one_in(g, 8) ? integer(g) : CODE + below(g, 4096), 8);
        break;
    case X86_OP_pop_seg: fill64(r->r[RSP], selector(g), 2); break;
    case X86_OP_mov_to_seg: case X86_OP_lar: case X86_OP_lsl: case X86_OP_verr: case X86_OP_verw:
        fill64(at, selector(g), 2);
        break;
    case X86_OP_les: case X86_OP_lds: case X86_OP_lss: case X86_OP_lfs: case X86_OP_lgs:
        fill64(at + t->in.size, selector(g), 2);
        break;
    case X86_OP_jmp_far_ind: case X86_OP_call_far_ind:
        if (!one_in(g, 8))
            fill64(at, CODE + below(g, 4096), t->in.size);
        fill64(at + t->in.size, one_in(g, 2) ? r->sel[SEG_CS] : selector(g), 2);
        break;
    case X86_OP_jmp_ind: case X86_OP_call_ind:
        if (!one_in(g, 8))
            fill64(at, CODE + below(g, 4096), 8);
        break;
    case X86_OP_ldmxcsr: fill64(at, (one_in(g, 4) ? rnd(g) : rnd(g) & 0xffff) & ~MXCSR_MM, 4);
        break;
    case X86_OP_fldcw: fill64(at, rnd(g) & 0x1fff, 2); break;
    case X86_OP_fxsave: case X86_OP_fxrstor: case X86_OP_xsave: case X86_OP_xsaveopt:
    case X86_OP_xsavec: case X86_OP_xrstor:
        needs_xsave(t, g);
        break;
    default: break;
    }
}

/* ------------------------------------------------------------------------------------- case */

/* Bytes the memory operand has; areas of state have their own places. */
static unsigned operand_bytes(const struct test_case *t)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct x86_opd *o = &x86_opds[t->e->o[i]];

        if (o->kind == OK_E || o->kind == OK_M || o->kind == OK_W || o->kind == OK_Q)
            return x86_opd_bytes(&t->in, o->size, true, MODE_CODE64);
    }
    return t->in.size;
}

static uint64_t choose_target(const struct test_case *t, struct rng *g)
{
    unsigned n = operand_bytes(t);

    if (t->in.op >= X86_OP_fxsave && t->in.op <= X86_OP_xrstors)
        return one_in(g, 8) ? place(g, 64) : DATA + 64 * below(g, (DATA_RW - 1024) / 64);
    if (n == 0 && t->in.op >= X86_OP_fldenv && t->in.op <= X86_OP_fnsave)
        n = 108;
    return place(g, n ? n : 8);
}

/* What the registers, as they are now, make of the operand's address. */
static uint64_t final_address(const struct test_case *t)
{
    const struct x86_insn *in = &t->in;
    const struct regs *r = &t->regs;
    uint64_t ea = (uint64_t)(int64_t)in->disp;

    if (in->base < 16)
        ea += r->r[in->base];
    else if (in->base == X86_RIP)
        ea += r->rip + in->len;
    if (in->index < 16)
        ea += r->r[in->index] << in->scale;
    return (ea & asize_mask(in)) + (in->seg == SEG_FS ? r->fs_base : 0);
}

static bool segment_is_usable(const struct test_case *t)
{
    return t->regs.sel[SEG_CS] == 0x33 || t->in.seg < SEG_FS;
}

/* Corners where processors are known to go their own way. Far transfers to compatibility mode
 * use, on the host, the low half of a stack pointer that has a high one; the address of a bit is
 * checked to be canonical before FS' base is added. */
static bool is_left_out(const struct test_case *t, const struct form *f)
{
    switch (t->in.op) {
    case X86_OP_jmp_far_ind: case X86_OP_call_far_ind: return t->in.base == RSP;
    case X86_OP_bt: case X86_OP_bts: case X86_OP_btr: case X86_OP_btc:
        return f->code64 && t->in.seg == SEG_FS;
    }
    return false;
}

static bool try_case(struct test_case *t, const struct form *f, struct rng *g)
{
    struct enc e = {.b = t->bytes};
    uint32_t mode = MODE_PROT | MODE_LMA |
                    (f->code64 ? MODE_CODE64 : MODE_CODE32 | MODE_STACK32);
    uint64_t ea;
    enum kind k;

    make_bytes(&e, f, g);
    if (x86_decode_entry(&t->in, t->bytes, 15, mode, &t->e) != X86_DECODE_OK ||
        !form_is(f, &t->in, t->e))
        return false;
    if (f->reg >= 0 && (t->in.modrm >> 3 & 7) != f->reg)
        return false;
    /* FS is the program's own: only where the address can be chosen to suit */
    if (f->code64 && t->in.seg == SEG_FS && (t->in.form == FORM_RR || has_kind(t->e, OK_VM)))
        return false;
    if (is_left_out(t, f))
        return false;
    if (t->in.op == X86_OP_int_imm && t->in.imm == 0x80) /* a system call */
        return false;
    k = kind_of(&t->in);
    host_regs(&t->regs);
    random_regs(&t->regs, k, f->code64, g);
    t->len = t->in.len;
    t->code_at = below(g, CODE_SIZE - 32);
    t->regs.rip = CODE + t->code_at;
    t->target = 0;
    needs_registers(t, g);
    if (is_string(t)) {
        needs_string(t, g);
    } else if (has_kind(t->e, OK_VM)) {
        needs_vsib(t, g);
    } else if (has_kind(t->e, OK_O)) {
        unsigned at = t->len - t->in.asize;

        ea = place(g, t->in.size) - (t->in.seg == SEG_FS ? t->regs.fs_base : 0);
        memcpy(t->bytes + at, &ea, t->in.asize);
        t->target = ea & asize_mask(&t->in);
        fill_random(t->target, k, g);
    } else if (t->in.form != FORM_RR) {
        uint64_t seg_base = t->in.seg == SEG_FS && f->code64 ? t->regs.fs_base : 0;

        ea = choose_target(t, g) - seg_base;
        if (!segment_is_usable(t) && one_in(g, 2))
            ea = 0;
        patch_disp(t, &e, ea);
        if (x86_decode_entry(&t->in, t->bytes, 15, mode, &t->e) != X86_DECODE_OK)
            return false;
        t->target = set_ea(&t->regs, &t->in, ea, g) + seg_base;
        fill_random(t->target, k, g);
    } else if (t->in.op == X86_OP_maskmovq || t->in.op == X86_OP_maskmovdqu) {
        fill_random(t->regs.r[RDI], K_INT, g);
    }
    needs_memory(t, g);
    if (x86_decode_entry(&t->in, t->bytes, 15, mode, &t->e) != X86_DECODE_OK)
        return false;
    if (!f->code64)
        for (unsigned i = 0; i < 8; i++)
            t->regs.r[i] = (uint32_t)t->regs.r[i];
    if (t->in.form != FORM_RR && !has_kind(t->e, OK_VM) && !has_kind(t->e, OK_O))
        t->target = final_address(t);
    /* an address at FS that has changed since might be the program's own memory */
    return !(f->code64 && t->in.seg == SEG_FS && t->target - (DATA - 8192) > 65536);
}

bool gen_case(struct test_case *t, const struct form *f, struct rng *g)
{
    for (unsigned i = 0; i < 1000; i++)
        if (try_case(t, f, g))
            return true;
    return false;
}
