/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87: the host's own instructions on its own registers, which hold the guest's from the first x87
 * instruction on until something written in C runs (x87_host.c, JIT_X87_OUT). Only while all
 * exceptions are masked and none is pending: then nothing can happen but what the instruction says.
 *
 * FIP, FDP, FOP, FCS and FDS are the guest's: the address of a memory operand is stored at once, the
 * rest is remembered while generating and written before anything could look.
 */
#include "arch/x86/x87.h"
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

static void copy_selector(struct gen *g, int32_t to, unsigned seg)
{
    int32_t from = OFF(s.seg) + (int32_t)(sizeof(struct x86_seg) * seg);

    as_load(&g->as, 2, S0, REC(from));
    as_store(&g->as, 2, REC(to), S0);
}

void gen_x87_note(struct gen *g, const struct x87_note *n)
{
    struct as *a = &g->as;

    if (!n->pending)
        return;
    as_load(a, 8, S0, REC(OFF_R(X86_RIP)));
    as_lea(a, S0, S0, -1, 0, n->at);
    as_store(a, 8, REC(OFF(s.fip)), S0);
    as_op(a, 0, 2, 0xc7, 0, REC(OFF(s.fop)), false);
    as_8(a, n->fop & 0xff);
    as_8(a, n->fop >> 8);
    copy_selector(g, OFF(s.fcs), SEG_CS);
    if (n->memory)
        copy_selector(g, OFF(s.fds), n->seg);
}

void gen_x87_flush(struct gen *g)
{
    gen_x87_note(g, &g->x87);
    g->x87.pending = g->x87.memory = false;
}

/* g->in is the last x87 instruction from here on. */
static void note(struct gen *g)
{
    const struct x86_insn *in = g->in;

    g->x87.pending = true;
    g->x87.at = (int32_t)page_off(g, g->off);
    g->x87.fop = (uint16_t)((in->opcode & 7) << 8 | in->modrm);
    if (in->form != FORM_RR) {
        g->x87.memory = true;
        g->x87.seg = in->seg;
    }
}

void gen_x87_need(struct gen *g)
{
    struct as *a = &g->as;

    if (g->x87.in)
        return;
    fl_spare(g);
    as_op(a, 0, 1, 0xf6, 0, REC(OFF_SCRATCH(JIT_SIMD)), false); /* test byte, imm */
    as_8(a, JIT_NO_X87 | JIT_X87_OUT);
    gen_slow_x87(g);
    fl_lost(g);
    g->x87.in = true;
}

static void registers(struct gen *g)
{
    as_8(&g->as, g->in->opcode);
    as_8(&g->as, g->in->modrm);
}

static bool memory(struct gen *g, unsigned bytes, bool notes)
{
    const struct x86_insn *in = g->in;
    bool write = in->form == FORM_MR;

    /* The address is made twice: what gen_note() needs must survive. */
    if (write && in->index != X86_ZERO && host_of(in->index) < 0)
        return false;
    gen_x87_need(g);
    if (!gen_operand(g, bytes, write))
        return false;
    as_op(&g->as, 0, 4, in->opcode, in->modrm >> 3 & 7, g->mem, false);
    if (notes) {
        if (!gen_ea(g, ADDR, false))
            return false;
        as_store(&g->as, 8, REC(OFF(s.fdp)), ADDR);
        note(g);
    }
    if (write)
        gen_note(g, g->off_next);
    return true;
}

/* Arithmetic, loads, stores, comparisons. */
static bool ordinary(struct gen *g)
{
    const struct x86_insn *in = g->in;

    if (in->form != FORM_RR)
        return memory(g, in->size, true);
    gen_x87_need(g);
    registers(g);
    note(g);
    return true;
}

static bool flags(struct gen *g, bool reads)
{
    gen_x87_need(g);
    if (reads)
        fl_need(g);
    registers(g);
    note(g);
    if (!reads)
        fl_set(g);
    return true;
}

/* A control word that unmasks an exception is the function's business. */
static bool fldcw(struct gen *g)
{
    struct as *a = &g->as;

    gen_x87_need(g);
    if (!gen_operand(g, 2, false))
        return false;
    as_op(a, 0, 4, 0x0fb7, S0, g->mem, false); /* movzx */
    as_op(a, 0, 4, 0xf7, 2, R(S0), false);           /* not */
    as_op(a, 0, 1, 0xf6, 0, R(S0), true);            /* test */
    as_8(a, FLOAT_ALL);
    gen_slow_if(g, CC_NE, false);
    as_op(a, 0, 4, 0xd9, 5, g->mem, false);
    return true;
}

/* FNSTCW, FNSTSW to memory, FNSTSW AX, FNCLEX, FWAIT: control, not recorded. */
static bool control(struct gen *g)
{
    if (g->in->op == X86_OP_fwait) {
        gen_x87_need(g);
        return true;
    }
    if (g->in->form != FORM_RR)
        return memory(g, 2, false);
    gen_x87_need(g);
    registers(g);
    return true;
}

bool gen_x87(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_fadd: case X86_OP_fmul: case X86_OP_fcom: case X86_OP_fcomp: case X86_OP_fsub:
    case X86_OP_fsubr: case X86_OP_fdiv: case X86_OP_fdivr: case X86_OP_faddp: case X86_OP_fmulp:
    case X86_OP_fcompp: case X86_OP_fsubp: case X86_OP_fsubrp: case X86_OP_fdivp:
    case X86_OP_fdivrp: case X86_OP_fiadd: case X86_OP_fimul: case X86_OP_ficom: case X86_OP_ficomp:
    case X86_OP_fisub: case X86_OP_fisubr: case X86_OP_fidiv: case X86_OP_fidivr: case X86_OP_fld:
    case X86_OP_fst: case X86_OP_fstp: case X86_OP_fild: case X86_OP_fist: case X86_OP_fistp:
    case X86_OP_fisttp: case X86_OP_fbld: case X86_OP_fbstp: case X86_OP_fxch: case X86_OP_ffree:
    case X86_OP_ffreep: case X86_OP_fld_const: case X86_OP_fchs: case X86_OP_fabs: case X86_OP_ftst:
    case X86_OP_fxam: case X86_OP_fxtract: case X86_OP_fprem: case X86_OP_fprem1:
    case X86_OP_fdecstp: case X86_OP_fincstp: case X86_OP_fsqrt: case X86_OP_frndint:
    case X86_OP_fscale: case X86_OP_fucom: case X86_OP_fucomp: case X86_OP_fucompp: case X86_OP_fnop:
        return ordinary(g);
    case X86_OP_fcmov:
        return flags(g, true);
    case X86_OP_fcomi: case X86_OP_fcomip: case X86_OP_fucomi: case X86_OP_fucomip:
        return flags(g, false);
    case X86_OP_fldcw:
        return fldcw(g);
    case X86_OP_fnstcw: case X86_OP_fnstsw: case X86_OP_fnclex: case X86_OP_fwait:
        return control(g);
    default: /* transcendental functions are correctly rounded, which no processor's are */
        return false;
    }
}
