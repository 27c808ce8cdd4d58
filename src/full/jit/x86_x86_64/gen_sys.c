/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a kernel and its callers use often: RDTSC, SWAPGS, fences, reading segment and control
 * registers, CLI and STI, CLAC and STAC.
 */
#include "full/jit/x86_x86_64/gen.h"

#define CC_E 4
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

/* To the function unless the byte at off is 0; loses the host's flags. */
static void slow_unless_0(struct gen *g, int32_t off, bool last)
{
    as_alu_imm(&g->as, 1, 7, REC(off), 0);
    gen_slow_if(g, CC_NE, last);
}

static bool mov_from_cr(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct as *a = &g->as;
    int32_t off = in->reg == 0 ? OFF(s.cr0) : in->reg == 2 ? OFF(s.cr2) : in->reg == 3 ? OFF(s.cr3)
                  : in->reg == 4 ? OFF(s.cr4) : 0;

    if (!off)
        return false;
    fl_spare(g);
    slow_unless_0(g, OFF(cpl), false);
    fl_lost(g);
    int h = host_of(in->dst);
    unsigned d = h >= 0 ? (unsigned)h : S0;
    as_load(a, 8, d, REC(off));
    reg_out(g, in->dst, d);
    return true;
}

/* AC decides which part of the TLB is looked into; both have one tag. Without SMAP it does not. */
static bool set_ac(struct gen *g, bool ac)
{
    struct as *a = &g->as;

    fl_spare(g);
    slow_unless_0(g, OFF(cpl), false);
    as_op(a, 0, 1, 0xf6, 0, REC(OFF(s.cr4) + 2), false); /* test */
    as_8(a, CR4_SMAP >> 16);
    gen_slow_if(g, CC_E, false);
    as_op(a, 0, 1, 0x80, ac ? 1 : 4, REC(OFF(s.rflags) + 2), false); /* or, and */
    as_8(a, ac ? FL_AC >> 16 : ~(unsigned)(FL_AC >> 16) & 0xff);
    as_load(a, 8, S0, REC(OFF(tlbs)));
    as_lea(a, S0, S0, -1, 0,
           (int32_t)((ac ? TLB_SUPER_AC : TLB_SUPER) * X86_TLB_SIZE * sizeof(struct x86_tlbe)));
    as_store(a, 8, REC(OFF(tlb)), S0);
    fl_lost(g);
    return true;
}

static bool set_if(struct gen *g, bool on)
{
    struct as *a = &g->as;

    if (on) /* what is held back comes behind the next instruction */
        slow_unless_0(g, OFF(intr_waiting), true);
    as_op(a, 0, 1, 0x80, on ? 1 : 4, REC(OFF(s.rflags) + 1), false); /* or, and */
    as_8(a, on ? FL_IF >> 8 : ~(unsigned)(FL_IF >> 8) & 0xff);
    fl_lost(g);
    return true;
}

/* CLI, and STI where the unit goes on with its instruction: no request is looked at before that, so
 * nothing needs to tell of the shadow. Not for IOPL and VIF. */
bool gen_interrupt_flag(struct gen *g)
{
    bool on = g->in->op == X86_OP_sti;

    if (g->in->op != X86_OP_cli && (!on || !unit_goes_on(g, page_off(g, g->off_next))))
        return false;
    fl_spare(g);
    slow_unless_0(g, OFF(cpl), true);
    return set_if(g, on);
}

bool gen_sys(struct gen *g)
{
    switch (g->in->op) {
    case X86_OP_rdtsc: return rdtsc(g, false);
    case X86_OP_rdtscp: return rdtsc(g, true);
    case X86_OP_swapgs: return swapgs(g);
    case X86_OP_mov_cr_st: return mov_from_cr(g);
    case X86_OP_clac: return set_ac(g, false);
    case X86_OP_stac: return set_ac(g, true);
    case X86_OP_mov_from_seg: return mov_from_seg(g);
    case X86_OP_lfence: return fence(g, 0xe8);
    case X86_OP_mfence: return fence(g, 0xf0);
    case X86_OP_sfence: return fence(g, 0xf8);
    default: return false;
    }
}
