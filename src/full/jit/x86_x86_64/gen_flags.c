/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flags themselves: CLC STC CMC, LAHF SAHF, CLD STD, PUSHF.
 */
#include "full/jit/x86_x86_64/gen.h"

/* An operation of one byte on the flags that the host has. */
static bool on_flags(struct gen *g, unsigned op, bool sets)
{
    fl_need(g);
    as_8(&g->as, op);
    if (sets)
        fl_set(g);
    return true;
}

static bool direction(struct gen *g, bool set)
{
    fl_save(g);
    as_op(&g->as, 0, 1, 0x80, set ? 1 : 4, REC(OFF(s.rflags) + 1), false); /* or, and */
    as_8(&g->as, set ? FL_DF >> 8 : ~(unsigned)(FL_DF >> 8) & 0xff);
    fl_lost(g);
    return true;
}

/* RFLAGS of the record, with the arithmetic flags of JIT_FLAGS. */
static bool pushf(struct gen *g)
{
    struct as *a = &g->as;

    if (g->in->size != 8)
        return false;
    fl_save(g);
    as_load(a, 4, S0, REC(OFF(s.rflags)));
    as_alu_imm(a, 4, 4, R(S0), ~(int32_t)(FL_ARITH | FL_VM | FL_RF));
    as_op(a, 0, 4, 0x0fb6, ENTRY, REC(OFF_SCRATCH(JIT_FLAGS)), false); /* movzx: OF */
    as_op(a, 0, 4, 0xc1, 4, R(ENTRY), false);
    as_8(a, 11);
    as_alu(a, 4, 0x0a, S0, R(ENTRY));
    as_op(a, 0, 4, 0x0fb6, ENTRY, REC(OFF_SCRATCH(JIT_FLAGS) + 1), false);
    as_alu_imm(a, 4, 4, R(ENTRY), 0xd5);
    as_lea(a, S0, S0, (int)ENTRY, 0, 0);
    as_alu_imm(a, 4, 1, R(S0), FL_1);
    as_store(a, 8, REC(OFF_SCRATCH(JIT_TARGET)), S0);
    fl_lost(g);
    gen_stack(g, -8, true, false);
    as_load(a, 8, S0, REC(OFF_SCRATCH(JIT_TARGET)));
    as_store(a, 8, g->mem, S0);
    as_lea(a, H_R12, H_R12, -1, 0, -8);
    gen_note(g, g->off_next);
    return true;
}

bool gen_flags(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_clc: return on_flags(g, 0xf8, true);
    case X86_OP_stc: return on_flags(g, 0xf9, true);
    case X86_OP_cmc: return on_flags(g, 0xf5, true);
    case X86_OP_lahf: return on_flags(g, 0x9f, false);
    case X86_OP_sahf: return on_flags(g, 0x9e, true);
    case X86_OP_cld: return direction(g, false);
    case X86_OP_std: return direction(g, true);
    case X86_OP_pushf: return pushf(g);
    default: return false;
    }
}
