/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * BMI1, BMI2, ADX, MOVBE, CRC32, bit counts: general registers only, many of them with a third
 * operand in VEX.vvvv.
 */
#include "full/jit/x86_x86_64/gen_enc.h"

static bool source(struct gen *g, unsigned size, struct rm *rm)
{
    const struct x86_insn *in = g->in;

    if (in->form == FORM_RM) {
        if (!gen_operand(g, size, false))
            return false;
        *rm = g->mem;
    } else {
        *rm = R(reg_in(g, in->src, ADDR));
    }
    return true;
}

/* Where a result goes that does not depend on what was there. */
static unsigned result(unsigned guest, unsigned scratch)
{
    return host_of(guest) < 0 ? scratch : (unsigned)host_of(guest);
}

/* dst = op(src2, src), in either order of encoding. */
static bool three(struct gen *g, enum x86_feature f, bool sets)
{
    const struct x86_insn *in = g->in;
    struct enc e;
    struct rm rm;

    if (!enc_host_has(f) || !enc_parse(g, &e) || !source(g, in->size, &rm))
        return false;
    unsigned b = reg_in(g, in->src2, ENTRY), d = result(in->dst, S0);
    enc_put(g, &e, d, b, rm);
    reg_out(g, in->dst, d);
    if (sets)
        fl_set(g);
    return true;
}

/* BLSI BLSMSK BLSR: the destination is VEX.vvvv. */
static bool lowest(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct enc e;
    struct rm rm;

    if (!enc_host_has(FT_BMI1) || !enc_parse(g, &e) || !source(g, in->size, &rm))
        return false;
    unsigned d = result(in->dst, ENTRY);
    enc_put(g, &e, in->reg & 7, d, rm);
    reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

/* The high half wins where both destinations are one. */
static bool mulx(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct enc e;
    struct rm rm;

    if (!enc_host_has(FT_BMI2) || !enc_parse(g, &e) || !source(g, in->size, &rm))
        return false;
    unsigned low = result(in->src2, ENTRY), high = result(in->dst, S0);
    enc_put(g, &e, high, low, rm);
    reg_out(g, in->src2, low);
    reg_out(g, in->dst, high);
    return true;
}

static bool rorx(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct enc e;
    struct rm rm;

    if (!enc_host_has(FT_BMI2) || !enc_parse(g, &e) || !source(g, in->size, &rm))
        return false;
    unsigned d = result(in->dst, S0);
    enc_put(g, &e, d, 0, rm);
    as_8(&g->as, in->imm & 0xff);
    reg_out(g, in->dst, d);
    return true;
}

/* ADCX, ADOX: one flag is read and written, the others stay. */
static bool add_carry(struct gen *g, unsigned prefix)
{
    const struct x86_insn *in = g->in;
    struct rm rm;

    if (!enc_host_has(FT_ADX) || !source(g, in->size, &rm))
        return false;
    fl_need(g);
    unsigned d = reg_in(g, in->dst, S0);
    as_op(&g->as, prefix, in->size, 0x0f38f6, d, rm, false);
    reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

static bool movbe(struct gen *g)
{
    const struct x86_insn *in = g->in;
    bool store = in->form == FORM_MR;

    if (!enc_host_has(FT_MOVBE) || !gen_operand(g, in->size, store))
        return false;
    if (store) {
        as_op(&g->as, 0, in->size, 0x0f38f1, reg_in(g, in->src, S0), g->mem, false);
        gen_note(g, g->off_next);
        return true;
    }
    unsigned d = in->size == 2 ? reg_in(g, in->dst, S0) : result(in->dst, S0);
    as_op(&g->as, 0, in->size, 0x0f38f0, d, g->mem, false);
    reg_out(g, in->dst, d);
    return true;
}

static bool crc32(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct rm rm;

    if (!enc_host_has(FT_SSE42) || (in->size == 1 && in->form == FORM_RR && in->src & X86_HIGH8) ||
        !source(g, in->size, &rm))
        return false;
    unsigned d = reg_in(g, in->dst, S0);
    as_op(&g->as, 0xf2, in->size, in->size == 1 ? 0x0f38f0 : 0x0f38f1, d, rm, in->size == 1);
    reg_out(g, in->dst, d);
    return true;
}

/* dst = op(source); prefix F3 for the counts. BSF and BSR of 0 leave the destination alone. */
static bool scan(struct gen *g, unsigned prefix, unsigned op, enum x86_feature f)
{
    const struct x86_insn *in = g->in;
    struct rm rm;

    if (!enc_host_has(f) || !source(g, in->size, &rm))
        return false;
    fl_need(g);
    unsigned d = !prefix || in->size == 2 ? reg_in(g, in->dst, S0) : result(in->dst, S0);
    as_op(&g->as, prefix, in->size, op, d, rm, false);
    reg_out(g, in->dst, d);
    fl_set(g);
    return true;
}

bool gen_bits(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_andn:
    case X86_OP_bextr: return three(g, FT_BMI1, true);
    case X86_OP_bzhi: return three(g, FT_BMI2, true);
    case X86_OP_pdep:
    case X86_OP_pext:
    case X86_OP_sarx:
    case X86_OP_shlx:
    case X86_OP_shrx: return three(g, FT_BMI2, false);
    case X86_OP_blsi:
    case X86_OP_blsmsk:
    case X86_OP_blsr: return lowest(g);
    case X86_OP_mulx: return mulx(g);
    case X86_OP_rorx: return rorx(g);
    case X86_OP_adcx: return add_carry(g, 0x66);
    case X86_OP_adox: return add_carry(g, 0xf3);
    case X86_OP_movbe: return movbe(g);
    case X86_OP_crc32: return crc32(g);
    case X86_OP_bsf: return scan(g, 0, 0x0fbc, FT_BASE);
    case X86_OP_bsr: return scan(g, 0, 0x0fbd, FT_BASE);
    case X86_OP_tzcnt: return scan(g, 0xf3, 0x0fbc, FT_BMI1);
    case X86_OP_lzcnt: return scan(g, 0xf3, 0x0fbd, FT_LZCNT);
    case X86_OP_popcnt: return scan(g, 0xf3, 0x0fb8, FT_POPCNT);
    default: return false;
    }
}
