/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Vector instructions: the host's own, with the guest's vector registers and MXCSR in their host
 * namesakes (stubs.c: JIT_VEC_OUT). A memory operand goes through the TLB check, a general register
 * is the mapped one; everything else stays as it is encoded. Blocks with unmasked exceptions never
 * get here (jit.c).
 */
#include "arch/x86/decode.h"
#include "full/jit/x86_x86_64/gen_enc.h"

/* An implicit memory operand, or results that are not the host's (RCP, RSQRT: sem_sse_rcp.c). */
static bool is_special(unsigned op)
{
    switch (op) {
    case X86_OP_maskmovdqu: case X86_OP_maskmovq: case X86_OP_ldmxcsr: case X86_OP_rcpps: case X86_OP_rcpss: case X86_OP_rsqrtps: case X86_OP_rsqrtss:
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
    case X86_OP_pcmpistri: case X86_OP_pcmpistrm: case X86_OP_pcmpestri: case X86_OP_pcmpestrm:
        return true;
    default:
        return false;
    }
}

/* 16-byte memory operands that need no alignment without VEX. */
static bool is_unaligned_move(unsigned op)
{
    switch (op) {
    case X86_OP_movups: case X86_OP_movupd: case X86_OP_movdqu: case X86_OP_lddqu:
    case X86_OP_pcmpistri: case X86_OP_pcmpistrm: case X86_OP_pcmpestri: case X86_OP_pcmpestrm:
        return true;
    default:
        return false;
    }
}

static bool is_aligned_move(unsigned op)
{
    return op == X86_OP_movaps || op == X86_OP_movapd || op == X86_OP_movdqa ||
           op == X86_OP_movntps || op == X86_OP_movntpd || op == X86_OP_movntdq ||
           op == X86_OP_movntdqa;
}

#define CC_NE 5

/* Where the general registers, memory and the immediate are among the operands. */
struct roles {
    int gpr_reg, gpr_rm; /* guest general register in ModRM.reg, ModRM.rm, or -1 */
    bool imm, mem, xmm, mmx; /* xmm, mmx: has registers of these */
    unsigned bytes; /* of the memory operand */
    enum { TO_VECTOR, TO_GPR_REG, TO_GPR_RM, TO_MEM, TO_FLAGS } to;
};

/* One operand of the entry, the i-th; false: not handled here. */
static bool role(const struct gen *g, const struct x86_entry *e, unsigned i, struct roles *r)
{
    const struct x86_insn *in = g->in;
    const struct x86_opd *o = &x86_opds[e->o[i]];
    bool gpr = o->kind == OK_E || o->kind == OK_R, mem = r->mem && o->kind != OK_R;

    switch (o->kind) {
    case OK_V:
    case OK_H:
    case OK_U:
        r->xmm = true;
        return true;
    case OK_P:
    case OK_N:
        r->mmx = true;
        return true;
    case OK_L: /* a register in the immediate byte */
    case OK_I:
        r->imm = true;
        return true;
    case OK_G:
        r->gpr_reg = in->reg;
        if (i == 0)
            r->to = TO_GPR_REG;
        return true;
    case OK_W:
    case OK_Q:
    case OK_M:
    case OK_E:
    case OK_R:
        r->xmm |= o->kind == OK_W;
        r->mmx |= o->kind == OK_Q && !mem;
        if (mem) {
            r->bytes = x86_opd_bytes(in, o->size, true, g->b->mode);
            if (i == 0)
                r->to = TO_MEM;
        } else if (gpr) {
            r->gpr_rm = i == 0 && !(e->attr & A_SRC) ? in->dst : in->src;
            if (i == 0)
                r->to = TO_GPR_RM;
        }
        return true;
    default:
        return false;
    }
}

static bool sort_out(const struct gen *g, const struct x86_entry *e, struct roles *r)
{
    *r = (struct roles){.gpr_reg = -1, .gpr_rm = -1, .mem = g->in->form != FORM_RR,
                        .xmm = g->in->op == X86_OP_stmxcsr};
    for (unsigned i = 0; i < 4 && e->o[i]; i++)
        if (!role(g, e, i, r))
            return false;
    if (sets_flags(g->in->op))
        r->to = TO_FLAGS;
    return (r->xmm || r->mmx) && (!r->mem || r->bytes) && r->gpr_reg < 16 && r->gpr_rm < 16;
}

/* The entry of g->in, when the host can run it as it is. */
static const struct x86_entry *entry_of(const struct gen *g)
{
    const struct x86_insn *in = g->in;
    const uint8_t *bytes = mem_ptr(g->jv->cpu->mem, g->b->gpa + g->off, in->len);
    const struct x86_entry *entry;
    struct x86_insn again;

    if (!bytes || x86_decode_entry(&again, bytes, in->len, g->b->mode, &entry) || !entry ||
        again.op != in->op || !enc_host_has(x86_insn_feature(in, entry)) ||
        (in->flags & IN_VEX && !enc_host_has(FT_AVX)))
        return NULL;
    return entry;
}

/* The memory operand's host address in ADDR. */
static bool memory(struct gen *g, const struct enc *e, const struct roles *r)
{
    struct as *a = &g->as;
    bool store = r->to == TO_MEM;

    if (!gen_operand(g, r->bytes, store))
        return false;
    if (e->vex ? is_aligned_move(g->in->op) : r->bytes == 16 && !is_unaligned_move(g->in->op)) {
        gen_mem_address(g);
        fl_spare(g);
        as_op(a, 0, 1, 0xf6, 0, R(ADDR), true); /* test addr, n - 1 */
        as_8(a, r->bytes - 1);
        gen_slow_if(g, CC_NE, false);
        fl_lost(g);
    }
    return true;
}

static bool copy(struct gen *g, const struct enc *e, const struct roles *r)
{
    const struct x86_insn *in = g->in;
    struct rm rm = R(e->rm);
    unsigned reg = in->reg;

    if (r->mmx)
        gen_x87_need(g);
    if (r->xmm)
        gen_vec_need(g, e->vex ? JIT_NO_VEX : JIT_NO_SSE);
    if (r->mem) {
        if (!memory(g, e, r))
            return false;
        rm = g->mem;
    } else if (r->gpr_rm >= 0) {
        bool load = r->to != TO_GPR_RM || host_of((unsigned)r->gpr_rm) >= 0;
        rm = R(load ? reg_in(g, (unsigned)r->gpr_rm, S0) : S0);
    }
    if (r->gpr_reg >= 0)
        reg = host_of((unsigned)r->gpr_reg) < 0 ? S0 : (unsigned)host_of((unsigned)r->gpr_reg);
    enc_put(g, e, reg, e->vvvv, rm);
    if (r->imm)
        as_8(&g->as, in->imm & 0xff);
    switch (r->to) {
    case TO_VECTOR:
        break;
    case TO_GPR_REG:
        reg_out(g, (unsigned)r->gpr_reg, reg);
        break;
    case TO_GPR_RM:
        reg_out(g, (unsigned)r->gpr_rm, rm.base);
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

/* VZEROUPPER, VZEROALL. */
static bool vzero(struct gen *g, bool all)
{
    struct as *a = &g->as;

    if (!enc_host_has(FT_AVX))
        return false;
    gen_vec_need(g, JIT_NO_VEX);
    as_8(a, 0xc5);
    as_8(a, all ? 0xfc : 0xf8);
    as_8(a, 0x77);
    return true;
}

/* MMX registers are the x87's (gen_x87.c); MMX instructions leave its pointers alone. */
bool gen_simd(struct gen *g)
{
    const struct x86_insn *in = g->in;
    const struct x86_entry *entry;
    struct roles r;
    struct enc e;

    if (in->op == X86_OP_vzeroupper || in->op == X86_OP_vzeroall)
        return vzero(g, in->op == X86_OP_vzeroall);
    if (in->op == X86_OP_emms) {
        gen_x87_need(g);
        as_8(&g->as, 0x0f);
        as_8(&g->as, 0x77);
        return true;
    }
    if (is_special(in->op) || !enc_parse(g, &e))
        return false;
    entry = entry_of(g);
    return entry && sort_out(g, entry, &r) && copy(g, &e, &r);
}
