/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AH, CH, DH, BH: no operand of an instruction with a REX prefix. Register forms need none, as the
 * four registers are their namesakes; a memory operand is at a host register that needs one, so its
 * byte is moved to the low half for the moment (XCHG touches no flags).
 */
#include "full/jit/x86_x86_64/gen.h"

static unsigned code_of(unsigned r)
{
    return r & X86_HIGH8 ? 4 + (r & 3) : r;
}

static bool is_plain(unsigned r)
{
    return r != X86_IMM && (r & X86_HIGH8 ? true : r < 4);
}

/* AL with AH, and so on. */
static void swap(struct gen *g, unsigned r)
{
    as_8(&g->as, 0x86);
    as_8(&g->as, 0xc0 | (4 + (r & 3)) << 3 | (r & 3));
}

struct byte_op {
    uint8_t op;    /* r/m8, r8; 2 more: r8, r/m8 */
    uint8_t imm, n; /* r/m8, imm8: opcode and /n */
    bool carry, flags, store;
};

static bool byte_op(unsigned op, struct byte_op *o)
{
    *o = (struct byte_op){.imm = 0x80, .flags = true, .store = true};
    switch (op) {
    case X86_OP_add: break;
    case X86_OP_or: o->n = 1; break;
    case X86_OP_adc: o->n = 2; o->carry = true; break;
    case X86_OP_sbb: o->n = 3; o->carry = true; break;
    case X86_OP_and: o->n = 4; break;
    case X86_OP_sub: o->n = 5; break;
    case X86_OP_xor: o->n = 6; break;
    case X86_OP_cmp: o->n = 7; o->store = false; break;
    case X86_OP_test: *o = (struct byte_op){.op = 0x84, .imm = 0xf6, .flags = true}; return true;
    case X86_OP_mov: *o = (struct byte_op){.op = 0x88, .imm = 0xc6, .store = true}; return true;
    default: return false;
    }
    o->op = (uint8_t)(o->n << 3);
    return true;
}

static bool with_memory(struct gen *g, const struct byte_op *o)
{
    const struct x86_insn *in = g->in;
    bool load = in->form == FORM_RM, write = !load && o->store;
    unsigned r = load ? in->dst : in->src;

    if (in->flags & IN_LOCK || !gen_operand(g, 1, write))
        return false;
    gen_mem_address(g); /* the other register may be one of its own */
    if (o->carry)
        fl_need(g);
    swap(g, r);
    as_op(&g->as, 0, 1, load && o->op != 0x84 ? o->op | 2u : o->op, r & 3, MEM(ADDR, 0), false);
    swap(g, r);
    if (o->flags)
        fl_set(g);
    if (write)
        gen_note(g, g->off_next);
    return true;
}

static bool two(struct gen *g, const struct byte_op *o)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->form != FORM_RR)
        return with_memory(g, o);
    if (!is_plain(in->dst) || (in->src != X86_IMM && !is_plain(in->src)))
        return false;
    if (o->carry)
        fl_need(g);
    if (in->src == X86_IMM) {
        as_8(a, o->imm);
        as_8(a, 0xc0u | (unsigned)o->n << 3 | code_of(in->dst));
        as_8(a, in->imm & 0xff);
    } else {
        as_8(a, o->op);
        as_8(a, 0xc0 | code_of(in->src) << 3 | code_of(in->dst));
    }
    if (o->flags)
        fl_set(g);
    return true;
}

/* INC DEC NOT NEG, shifts: opcode /n on one register. */
static bool one(struct gen *g, unsigned op, unsigned n, bool needs, bool sets)
{
    const struct x86_insn *in = g->in;

    if (in->form != FORM_RR)
        return false;
    if (needs)
        fl_need(g);
    as_8(&g->as, op);
    as_8(&g->as, 0xc0 | n << 3 | code_of(in->dst));
    if (sets)
        fl_set(g);
    return true;
}

static bool shift(struct gen *g, unsigned n)
{
    bool imm = g->in->src == X86_IMM;

    if (!one(g, imm ? 0xc0 : 0xd2, n, n < 4 || !imm || !(g->in->imm & 31), true))
        return false;
    if (imm)
        as_8(&g->as, g->in->imm & 0xff);
    return true;
}

/* MOVZX, MOVSX from a high byte to a register that needs no REX prefix. */
static bool extend(struct gen *g, unsigned op)
{
    const struct x86_insn *in = g->in;
    int h = host_of(in->dst);

    if (in->size == 8 || h < 0 || h >= 8)
        return false;
    if (in->size == 2)
        as_8(&g->as, 0x66);
    as_8(&g->as, 0x0f);
    as_8(&g->as, op);
    as_8(&g->as, 0xc0 | (unsigned)h << 3 | code_of(in->src));
    return true;
}

static bool setcc(struct gen *g)
{
    fl_need(g);
    as_8(&g->as, 0x0f);
    as_8(&g->as, 0x90u | g->in->cc);
    as_8(&g->as, 0xc0 | code_of(g->in->dst));
    return true;
}

/* False: has no high byte among its operands. */
static bool has_high8(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_movzx8:
    case X86_OP_movsx8:
        return in->form == FORM_RR && in->src & X86_HIGH8;
    case X86_OP_setcc:
        return in->form == FORM_RR && in->dst & X86_HIGH8;
    }
    return in->size == 1 && ((in->form != FORM_MR && in->dst & X86_HIGH8) ||
                             (in->form != FORM_RM && in->src != X86_IMM && in->src & X86_HIGH8));
}

bool gen_high8(struct gen *g)
{
    struct byte_op o;

    if (!has_high8(g->in))
        return false;
    if (byte_op(g->in->op, &o))
        return two(g, &o);
    switch (g->in->op) {
    case X86_OP_inc: return one(g, 0xfe, 0, true, true);
    case X86_OP_dec: return one(g, 0xfe, 1, true, true);
    case X86_OP_not: return one(g, 0xf6, 2, false, false);
    case X86_OP_neg: return one(g, 0xf6, 3, false, true);
    case X86_OP_rol: return shift(g, 0);
    case X86_OP_ror: return shift(g, 1);
    case X86_OP_rcl: return shift(g, 2);
    case X86_OP_rcr: return shift(g, 3);
    case X86_OP_shl: return shift(g, 4);
    case X86_OP_shr: return shift(g, 5);
    case X86_OP_sar: return shift(g, 7);
    case X86_OP_movzx8: return extend(g, 0xb6);
    case X86_OP_movsx8: return extend(g, 0xbe);
    case X86_OP_setcc: return setcc(g);
    default: return false;
    }
}
