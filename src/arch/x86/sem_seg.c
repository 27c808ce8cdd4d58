/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segment registers and descriptors: MOV, PUSH, POP, LDS.., LLDT LTR SLDT STR, VERR VERW LAR LSL
 * ARPL, SWAPGS and the FS/GS base instructions. [SDM2 3.2, 4.2]
 */
#include "arch/x86/seg.h"
#include "arch/x86/sem_stack.h"
#include "base/bits.h"

/* After a load of SS no interrupt and no debug trap comes before the next instruction has ended. */
static void loaded(struct x86_cpu *c, unsigned seg)
{
    x86_derive(c);
    if (seg == SEG_SS) {
        c->s.intr_shadow = true;
        c->s.shadow_is_mov_ss = true;
    }
}

void sem_mov_to_seg(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t sel = in->form == FORM_RR ? reg_ld16(c, in->src)
                                       : x86_ld16(c, in->seg, x86_ea(c, in));

    if (in->reg == SEG_CS || in->reg > SEG_GS)
        x86_ud(c);
    x86_seg_load(c, in->reg, sel);
    loaded(c, in->reg);
}

static void put_sized(struct x86_cpu *c, const struct x86_insn *in, uint64_t v)
{
    if (in->form != FORM_RR)
        x86_st16(c, in->seg, x86_ea(c, in), (uint16_t)v);
    else if (in->size == 2)
        reg_st16(c, in->dst, (uint16_t)v);
    else
        reg_st64(c, in->dst, v);
}

void sem_mov_from_seg(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->reg > SEG_GS)
        x86_ud(c);
    put_sized(c, in, c->s.seg[in->reg].sel);
}

void sem_push_seg(struct x86_cpu *c, const struct x86_insn *in)
{
    x86_push(c, in->size, c->s.seg[in->reg].sel);
}

void sem_pop_seg(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = x86_stack_ld(c, c->s.r[RSP], in->size), sp = c->s.r[RSP] + in->size;

    x86_seg_load(c, in->reg, (uint16_t)v);
    x86_set_sp(c, sp); /* in the old stack's width */
    loaded(c, in->reg);
}

static void load_far_pointer(struct x86_cpu *c, const struct x86_insn *in, unsigned seg)
{
    uint64_t ea = x86_ea(c, in), off;
    uint64_t mask = in->asize == 8 ? UINT64_MAX : in->asize == 4 ? UINT32_MAX : UINT16_MAX;

    switch (in->size) {
    case 8: off = x86_ld64(c, in->seg, ea); break;
    case 4: off = x86_ld32(c, in->seg, ea); break;
    default: off = x86_ld16(c, in->seg, ea); break;
    }
    x86_seg_load(c, seg, x86_ld16(c, in->seg, (ea + in->size) & mask));
    if (in->size == 2)
        reg_st16(c, in->dst, (uint16_t)off);
    else
        reg_st64(c, in->dst, off);
    x86_derive(c);
}

void sem_les(struct x86_cpu *c, const struct x86_insn *in) { load_far_pointer(c, in, SEG_ES); }
void sem_lds(struct x86_cpu *c, const struct x86_insn *in) { load_far_pointer(c, in, SEG_DS); }
void sem_lss(struct x86_cpu *c, const struct x86_insn *in) { load_far_pointer(c, in, SEG_SS); }
void sem_lfs(struct x86_cpu *c, const struct x86_insn *in) { load_far_pointer(c, in, SEG_FS); }
void sem_lgs(struct x86_cpu *c, const struct x86_insn *in) { load_far_pointer(c, in, SEG_GS); }

/* ---- LDTR, TR ---- */

static uint16_t selector_operand(struct x86_cpu *c, const struct x86_insn *in)
{
    return in->form == FORM_RR ? reg_ld16(c, in->src) : x86_ld16(c, in->seg, x86_ea(c, in));
}

static void require_protected(struct x86_cpu *c)
{
    if (!(c->mode & MODE_PROT))
        x86_ud(c);
}

/* The system descriptor that sel names in the GDT, with its upper half in long mode; #GP, #NP. */
static void system_desc(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned types)
{
    uint32_t error = sel & 0xfffcu;

    if (sel & 4)
        x86_raise_error(c, EXC_GP, error);
    x86_desc_fetch(c, d, sel, EXC_GP, 0);
    if ((c->mode & MODE_LMA) && !x86_desc_try_high(c, d, sel))
        x86_raise_error(c, EXC_GP, error);
    unsigned type = desc_attr(d->raw) & 0x1f;
    if (type > 15 || !(types >> type & 1))
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
    uint64_t base = d->high << 32 | desc_base(d->raw);
    if ((c->mode & MODE_LMA) && !x86_canonical(base))
        x86_raise_error(c, EXC_GP, error);
}

static void system_put(struct x86_cpu *c, unsigned seg, uint16_t sel, const struct x86_desc *d)
{
    x86_seg_put(c, seg, sel, d->raw);
    if (c->mode & MODE_LMA)
        c->s.seg[seg].base |= d->high << 32;
}

void sem_lldt(struct x86_cpu *c, const struct x86_insn *in)
{
    struct x86_desc d;

    require_protected(c);
    if (c->cpl)
        x86_gp0(c);
    uint16_t sel = selector_operand(c, in);
    if ((sel & 0xfffc) == 0) {
        x86_seg_put_null(c, SEG_LDTR, sel, 0);
        return;
    }
    system_desc(c, &d, sel, 1u << DESC_LDT);
    system_put(c, SEG_LDTR, sel, &d);
}

void sem_ltr(struct x86_cpu *c, const struct x86_insn *in)
{
    struct x86_desc d;

    require_protected(c);
    if (c->cpl)
        x86_gp0(c);
    uint16_t sel = selector_operand(c, in);
    if ((sel & 0xfffc) == 0)
        x86_gp0(c);
    system_desc(c, &d, sel,
                1u << DESC_TSS32 | (c->mode & MODE_LMA ? 0 : 1u << DESC_TSS16));
    d.raw |= BIT64(41);
    x86_sys_st(c, TLB_SUPER, d.lin + 5, 1, (d.raw >> 40) & 0xff);
    system_put(c, SEG_TR, sel, &d);
}

static void store_selector(struct x86_cpu *c, const struct x86_insn *in, unsigned seg)
{
    require_protected(c);
    if ((c->s.cr4 & CR4_UMIP) && c->cpl)
        x86_gp0(c);
    put_sized(c, in, c->s.seg[seg].sel);
}

void sem_sldt(struct x86_cpu *c, const struct x86_insn *in) { store_selector(c, in, SEG_LDTR); }
void sem_str(struct x86_cpu *c, const struct x86_insn *in) { store_selector(c, in, SEG_TR); }

/* ---- looking at descriptors: ZF says whether the program may ---- */

/* The descriptor, if sel names one that the program could reach: within its table, and DPL rules
 * except for conforming code (and except where `any_dpl`). */
static bool reachable(struct x86_cpu *c, struct x86_desc *d, uint16_t sel)
{
    if ((sel & 0xfffc) == 0 || !x86_desc_try(c, d, sel))
        return false;
    if (desc_is_code(d->raw) && (desc_attr(d->raw) & SEG_A_DC))
        return true;
    return desc_dpl(d->raw) >= MAX(c->cpl, sel & 3u);
}

static void verify(struct x86_cpu *c, const struct x86_insn *in, bool write)
{
    struct x86_desc d;

    require_protected(c);
    bool ok = reachable(c, &d, selector_operand(c, in)) && !desc_is_system(d.raw);
    if (ok) {
        unsigned attr = desc_attr(d.raw);
        if (write)
            ok = desc_is_data(d.raw) && (attr & SEG_A_RW);
        else
            ok = desc_is_data(d.raw) || (attr & SEG_A_RW);
    }
    fl_put_zf(c, ok);
}

void sem_verr(struct x86_cpu *c, const struct x86_insn *in) { verify(c, in, false); }
void sem_verw(struct x86_cpu *c, const struct x86_insn *in) { verify(c, in, true); }

/* System types that LAR and LSL know, in legacy and in long mode [SDM2 LAR, LSL]. */
enum {
    LAR_TYPES = 0x1a3e, /* 1 2 3 4 5 9 11 12 */
    LAR_TYPES_LONG = 0x1a04, /* 2 9 11 12 */
    LSL_TYPES = 0x0a0e, /* 1 2 3 9 11 */
    LSL_TYPES_LONG = 0x0a04, /* 2 9 11 */
};

static void load_part(struct x86_cpu *c, const struct x86_insn *in, bool limit)
{
    struct x86_desc d;
    unsigned types = limit ? (c->mode & MODE_LMA ? LSL_TYPES_LONG : LSL_TYPES)
                           : (c->mode & MODE_LMA ? LAR_TYPES_LONG : LAR_TYPES);

    require_protected(c);
    bool ok = reachable(c, &d, selector_operand(c, in));
    if (ok && desc_is_system(d.raw))
        ok = types >> (desc_attr(d.raw) & 15) & 1;
    if (ok) {
        uint32_t v = limit ? desc_limit(d.raw) : (uint32_t)(d.raw >> 32) & 0x00ffff00;
        if (in->size == 2)
            reg_st16(c, in->dst, (uint16_t)v);
        else
            reg_st32(c, in->dst, v);
    }
    fl_put_zf(c, ok);
}

void sem_lar(struct x86_cpu *c, const struct x86_insn *in) { load_part(c, in, false); }
void sem_lsl(struct x86_cpu *c, const struct x86_insn *in) { load_part(c, in, true); }

void sem_arpl(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t rpl = reg_ld16(c, in->src) & 3;

    require_protected(c);
    if (in->form == FORM_RR) {
        uint16_t v = reg_ld16(c, in->dst);
        bool raise = (v & 3) < rpl;
        if (raise)
            reg_st16(c, in->dst, (uint16_t)((v & ~3u) | rpl));
        fl_put_zf(c, raise);
        return;
    }
    uint64_t ea = x86_ea(c, in);
    uint16_t v = x86_ld16(c, in->seg, ea); /* a write only where it changes something */
    bool raise = (v & 3) < rpl;
    if (raise)
        x86_st16(c, in->seg, ea, (uint16_t)((v & ~3u) | rpl));
    fl_put_zf(c, raise);
}

/* ---- FS and GS bases ---- */

void sem_swapgs(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t base = c->s.kernel_gs_base;

    (void)in;
    if (!(c->mode & MODE_CODE64))
        x86_ud(c);
    if (c->cpl)
        x86_gp0(c);
    c->s.kernel_gs_base = c->s.seg[SEG_GS].base;
    c->s.seg[SEG_GS].base = c->segbase[SEG_GS] = base;
}

static void check_fsgsbase(struct x86_cpu *c)
{
    if (!(c->mode & MODE_CODE64) || !(c->s.cr4 & CR4_FSGSBASE))
        x86_ud(c);
}

static void read_base(struct x86_cpu *c, const struct x86_insn *in, unsigned seg)
{
    check_fsgsbase(c);
    c->s.r[in->dst] = in->size == 8 ? c->s.seg[seg].base : (uint32_t)c->s.seg[seg].base;
}

static void write_base(struct x86_cpu *c, const struct x86_insn *in, unsigned seg)
{
    uint64_t v = in->size == 8 ? c->s.r[in->src] : reg_ld32(c, in->src);

    check_fsgsbase(c);
    if (!x86_canonical(v))
        x86_gp0(c);
    c->s.seg[seg].base = c->segbase[seg] = v;
}

void sem_rdfsbase(struct x86_cpu *c, const struct x86_insn *in) { read_base(c, in, SEG_FS); }
void sem_rdgsbase(struct x86_cpu *c, const struct x86_insn *in) { read_base(c, in, SEG_GS); }
void sem_wrfsbase(struct x86_cpu *c, const struct x86_insn *in) { write_base(c, in, SEG_FS); }
void sem_wrgsbase(struct x86_cpu *c, const struct x86_insn *in) { write_base(c, in, SEG_GS); }
