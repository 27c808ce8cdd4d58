/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a kernel and its callers use often: RDTSC, SWAPGS, fences, reading segment registers.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_NE 5

static bool fence(struct gen *g, unsigned modrm)
{
    as_8(&g->as, 0x0f);
    as_8(&g->as, 0xae);
    as_8(&g->as, modrm);
    return true;
}

/* CR4.TSD is the function's business; so is deterministic time, which counts within units. */
static bool rdtsc(struct gen *g, bool aux)
{
    struct as *a = &g->as;

    if (g->jv->single)
        return false;
    fl_save(g);
    gen_x87_flush(g);
    as_op(a, 0, 1, 0xf6, 0, REC(OFF(s.cr4)), false); /* test */
    as_8(a, CR4_TSD);
    gen_slow_if(g, CC_NE, false);
    as_mov_imm(a, ADDR, aux);
    as_jump_to(a, CALL, to_rw(g, g->jv->tsc));
    g->fl = FL_IN_MEM;
    g->simd_checked = 0;
    g->x87.in = false;
    return true;
}

/* GS' base, the record's and the one in use, with the kernel's. */
static bool swapgs(struct gen *g)
{
    struct as *a = &g->as;
    int32_t base = OFF(s.seg) + (int32_t)(sizeof(struct x86_seg) * SEG_GS +
                                          offsetof(struct x86_seg, base));

    fl_spare(g);
    as_alu_imm(a, 1, 7, REC(OFF(cpl)), 0);
    gen_slow_if(g, CC_NE, false);
    fl_lost(g);
    as_load(a, 8, S0, REC(base));
    as_load(a, 8, ADDR, REC(OFF(s.kernel_gs_base)));
    as_store(a, 8, REC(OFF(s.kernel_gs_base)), S0);
    as_store(a, 8, REC(base), ADDR);
    as_store(a, 8, REC(OFF(segbase) + 8 * SEG_GS), ADDR);
    return true;
}

static bool mov_from_seg(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;

    if (in->reg > SEG_GS || in->form != FORM_RR)
        return false;
    as_op(a, 0, 4, 0x0fb7, ADDR, REC(OFF(s.seg) + (int32_t)(sizeof(struct x86_seg) * in->reg)), false);
    unsigned d = reg_in(g, in->dst, S0);
    as_mov(a, in->size, d, ADDR);
    reg_out(g, in->dst, d);
    return true;
}

bool gen_sys(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_rdtsc: return rdtsc(g, false);
    case X86_OP_rdtscp: return rdtsc(g, true);
    case X86_OP_swapgs: return swapgs(g);
    case X86_OP_mov_from_seg: return mov_from_seg(g);
    case X86_OP_lfence: return fence(g, 0xe8);
    case X86_OP_mfence: return fence(g, 0xf0);
    case X86_OP_sfence: return fence(g, 0xf8);
    default: return false;
    }
}
