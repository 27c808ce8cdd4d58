/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Far transfers of control: JMP, CALL, RET, IRET to other segments, privileges, tasks and modes.
 * [SDM2 3.2 CALL, IRET, JMP; 4.2 RET; SDM3 5.8]
 */
#include "arch/x86/exc.h"
#include "arch/x86/seg.h"
#include "arch/x86/sem_stack.h"
#include "arch/x86/task.h"

static uint64_t cut(uint64_t v, unsigned size)
{
    return size == 8 ? v : size == 4 ? (uint32_t)v : (uint16_t)v;
}

/* Is off a legal address in the code segment that raw describes? */
static void check_offset(struct x86_cpu *c, uint64_t raw, uint64_t off)
{
    if ((c->mode & MODE_LMA) && (desc_attr(raw) & SEG_A_L)) {
        if (!x86_canonical(off))
            x86_gp0(c);
    } else if (off > desc_limit(raw)) {
        x86_gp0(c);
    }
}

/* L and D both set is no code segment in long mode. */
static bool is_reserved_code(const struct x86_cpu *c, uint64_t raw)
{
    return (c->mode & MODE_LMA) && (desc_attr(raw) & (SEG_A_L | SEG_A_DB)) == (SEG_A_L | SEG_A_DB);
}

/* The accessed bit may have been set before, where a fault had to come before other changes. */
static void commit_code(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned cpl,
                        uint64_t off)
{
    x86_desc_accessed(c, d);
    x86_seg_put(c, SEG_CS, (uint16_t)((sel & 0xfffc) | cpl), d->raw);
    c->s.r[X86_RIP] = off;
}

/* ---- JMP, CALL ---- */

/* A direct transfer's target: checked for the current privilege. */
static void check_direct(struct x86_cpu *c, const struct x86_desc *d, uint16_t sel, uint64_t off)
{
    uint32_t error = sel & 0xfffcu;
    unsigned dpl = desc_dpl(d->raw);

    if (is_reserved_code(c, d->raw))
        x86_raise_error(c, EXC_GP, error);
    if (desc_attr(d->raw) & SEG_A_DC ? dpl > c->cpl : (sel & 3) > c->cpl || dpl != c->cpl)
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
    check_offset(c, d->raw, off);
}

static void push_return(struct x86_cpu *c, unsigned size)
{
    uint64_t sp = c->s.r[RSP];

    x86_stack_st(c, sp - size, size, c->s.seg[SEG_CS].sel);
    x86_stack_st(c, sp - 2 * size, size, c->s.r[X86_RIP]);
}

struct call_gate {
    uint16_t sel;
    uint64_t off;
    unsigned size, params;
};

static void gate_read(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, struct call_gate *g)
{
    bool lma = c->mode & MODE_LMA;
    uint32_t error = sel & 0xfffcu;

    g->sel = (uint16_t)(d->raw >> 16);
    g->off = (d->raw & 0xffff) | ((d->raw >> 32) & 0xffff0000);
    g->size = lma ? 8 : (desc_attr(d->raw) & 15) == DESC_CALL32 ? 4 : 2;
    g->params = lma ? 0 : (d->raw >> 32) & 0x1f;
    if (lma) {
        if (!x86_desc_try_high(c, d, sel) || (d->high >> 40 & 0x1f))
            x86_raise_error(c, EXC_GP, error);
        g->off |= d->high << 32;
    } else if (g->size == 2) {
        g->off &= 0xffff;
    }
}

/* The gate's code segment; returns the privilege that it runs at. */
static unsigned gate_target(struct x86_cpu *c, const struct call_gate *g, struct x86_desc *d,
                            bool call)
{
    uint32_t error = g->sel & 0xfffcu;

    if (error == 0)
        x86_gp0(c);
    x86_desc_fetch(c, d, g->sel, EXC_GP, 0);
    unsigned attr = desc_attr(d->raw), dpl = desc_dpl(d->raw);
    bool conforming = attr & SEG_A_DC;
    if (!desc_is_code(d->raw) || dpl > c->cpl || (!call && !conforming && dpl != c->cpl))
        x86_raise_error(c, EXC_GP, error);
    if ((c->mode & MODE_LMA) && (attr & (SEG_A_L | SEG_A_DB)) != SEG_A_L)
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
    return conforming ? c->cpl : dpl;
}

/* CALL through a gate to an inner privilege: a stack of that privilege, parameters copied. */
static void call_inner(struct x86_cpu *c, const struct call_gate *g, struct x86_desc *cs,
                       unsigned cpl)
{
    struct x86_stack st;
    struct x86_desc ss;
    uint16_t ss_sel = (uint16_t)cpl;
    uint32_t params[32], sp32;

    if (c->mode & MODE_LMA) {
        st = (struct x86_stack){
            .mask = UINT64_MAX, .wide = true, .sp = x86_tss64_stack(c, cpl, 0)};
    } else {
        x86_tss_stack(c, cpl, 0, &ss_sel, &sp32);
        x86_check_ss(c, &ss, ss_sel, cpl, EXC_TS, 0);
        x86_stack_from_desc(&st, ss_sel, ss.raw, sp32, ss_sel & 0xfffcu);
    }
    st.ctx = TLB_SUPER;
    check_offset(c, cs->raw, g->off);
    for (unsigned i = 0; i < g->params; i++)
        params[i] = (uint32_t)x86_stack_ld(c, c->s.r[RSP] + i * g->size, g->size);
    x86_stack_push(c, &st, g->size, c->s.seg[SEG_SS].sel);
    x86_stack_push(c, &st, g->size, c->s.r[RSP]);
    for (unsigned i = g->params; i-- > 0;)
        x86_stack_push(c, &st, g->size, params[i]);
    x86_stack_push(c, &st, g->size, c->s.seg[SEG_CS].sel);
    x86_stack_push(c, &st, g->size, c->s.r[X86_RIP]);
    x86_desc_accessed(c, cs);
    if (c->mode & MODE_LMA) {
        x86_seg_put_null(c, SEG_SS, ss_sel, cpl);
    } else {
        x86_desc_accessed(c, &ss);
        x86_seg_put(c, SEG_SS, ss_sel, ss.raw);
    }
    c->s.r[RSP] = (c->s.r[RSP] & ~st.mask) | (st.sp & st.mask);
    commit_code(c, cs, g->sel, cpl, g->off);
    x86_derive(c);
}

static void through_gate(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, bool call)
{
    struct call_gate g;
    struct x86_desc cs;

    gate_read(c, d, sel, &g);
    unsigned cpl = gate_target(c, &g, &cs, call);
    if (cpl != c->cpl) {
        call_inner(c, &g, &cs, cpl);
        return;
    }
    check_offset(c, cs.raw, g.off);
    x86_desc_accessed(c, &cs);
    if (call) {
        push_return(c, g.size);
        x86_set_sp(c, c->s.r[RSP] - 2 * g.size);
    }
    commit_code(c, &cs, g.sel, cpl, g.off);
    x86_derive(c);
}

static void to_task(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, bool call)
{
    x86_task_switch(c, d, sel, call ? TASK_CALL : TASK_JMP, 0, false, 0);
}

static void through_task_gate(struct x86_cpu *c, const struct x86_desc *gate, bool call)
{
    uint16_t sel = (uint16_t)(gate->raw >> 16);
    uint32_t error = sel & 0xfffcu;
    struct x86_desc d;

    if ((sel & 4) || !x86_desc_try(c, &d, sel))
        x86_raise_error(c, EXC_GP, error);
    unsigned type = desc_attr(d.raw) & 0x1f;
    if (type != DESC_TSS16 && type != DESC_TSS32)
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    to_task(c, &d, sel, call);
}

static void far_system(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, bool call)
{
    uint32_t error = sel & 0xfffcu;
    unsigned type = desc_attr(d->raw) & 15, dpl = desc_dpl(d->raw);
    bool lma = c->mode & MODE_LMA;
    bool known = type == DESC_CALL32 ||
                 (!lma && (type == DESC_CALL16 || type == DESC_TASK_GATE || type == DESC_TSS16 ||
                           type == DESC_TSS32));

    if (!known || dpl < c->cpl || dpl < (sel & 3u))
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
    if (type == DESC_CALL32 || type == DESC_CALL16) {
        through_gate(c, d, sel, call);
    } else if (type == DESC_TASK_GATE) {
        through_task_gate(c, d, call);
    } else {
        if (sel & 4)
            x86_raise_error(c, EXC_GP, error);
        to_task(c, d, sel, call);
    }
}

static void far_transfer(struct x86_cpu *c, uint16_t sel, uint64_t off, unsigned size, bool call)
{
    struct x86_desc d;

    off = cut(off, size);
    if (!(c->mode & MODE_PROT)) {
        if (off > c->s.seg[SEG_CS].limit)
            x86_gp0(c);
        if (call) {
            push_return(c, size);
            x86_set_sp(c, c->s.r[RSP] - 2 * size);
        }
        if (c->mode & MODE_VM86)
            x86_seg_put_vm86(c, SEG_CS, sel);
        else
            x86_seg_put_real(c, SEG_CS, sel);
        c->s.r[X86_RIP] = off;
        x86_derive(c);
        return;
    }
    if ((sel & 0xfffc) == 0)
        x86_gp0(c);
    x86_desc_fetch(c, &d, sel, EXC_GP, 0);
    if (desc_is_system(d.raw)) {
        far_system(c, &d, sel, call);
        return;
    }
    if (!desc_is_code(d.raw))
        x86_raise_error(c, EXC_GP, sel & 0xfffcu);
    check_direct(c, &d, sel, off);
    x86_desc_accessed(c, &d);
    if (call) {
        push_return(c, size);
        x86_set_sp(c, c->s.r[RSP] - 2 * size);
    }
    commit_code(c, &d, sel, c->cpl, off);
    x86_derive(c);
}

static uint64_t far_pointer(struct x86_cpu *c, const struct x86_insn *in, uint16_t *sel)
{
    uint64_t ea = x86_ea(c, in), off;
    uint64_t mask = in->asize == 8 ? UINT64_MAX : in->asize == 4 ? UINT32_MAX : UINT16_MAX;

    switch (in->size) {
    case 8: off = x86_ld64(c, in->seg, ea); break;
    case 4: off = x86_ld32(c, in->seg, ea); break;
    default: off = x86_ld16(c, in->seg, ea); break;
    }
    *sel = x86_ld16(c, in->seg, (ea + in->size) & mask);
    return off;
}

void sem_jmp_far(struct x86_cpu *c, const struct x86_insn *in)
{
    far_transfer(c, (uint16_t)in->disp, in->imm, in->size, false);
}

void sem_call_far(struct x86_cpu *c, const struct x86_insn *in)
{
    far_transfer(c, (uint16_t)in->disp, in->imm, in->size, true);
}

void sem_jmp_far_ind(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t sel;
    uint64_t off = far_pointer(c, in, &sel);

    far_transfer(c, sel, off, in->size, false);
}

void sem_call_far_ind(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t sel;
    uint64_t off = far_pointer(c, in, &sel);

    far_transfer(c, sel, off, in->size, true);
}

/* ---- RET, IRET ---- */

/* The code segment that a return goes to, same or outer privilege. */
static void check_return_cs(struct x86_cpu *c, struct x86_desc *d, uint16_t sel)
{
    uint32_t error = sel & 0xfffcu;
    unsigned rpl = sel & 3;

    if (error == 0)
        x86_gp0(c);
    x86_desc_fetch(c, d, sel, EXC_GP, 0);
    unsigned dpl = desc_dpl(d->raw);
    if (!desc_is_code(d->raw) || rpl < c->cpl || is_reserved_code(c, d->raw) ||
        (desc_attr(d->raw) & SEG_A_DC ? dpl > rpl : dpl != rpl))
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
}

/* The stack segment that a return to privilege rpl goes to. False: a null selector, which 64-bit
 * code inside may have. */
static bool check_return_ss(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned rpl,
                            uint64_t cs_raw)
{
    if ((sel & 0xfffc) == 0 && (c->mode & MODE_LMA) && (desc_attr(cs_raw) & SEG_A_L) && rpl != 3 &&
        (sel & 3) == rpl)
        return false;
    x86_check_ss(c, d, sel, rpl, EXC_GP, 0);
    x86_desc_accessed(c, d);
    return true;
}

/* After a return outwards: data segments that the new privilege may not use become null. */
static void drop_inner_segments(struct x86_cpu *c, unsigned cpl)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < ARRAY_LEN(data); i++) {
        struct x86_seg *s = &c->s.seg[data[i]];
        unsigned dpl = (s->attr >> SEG_A_DPL_SHIFT) & 3;
        bool conforming = (s->attr & (SEG_A_CODE | SEG_A_DC)) == (SEG_A_CODE | SEG_A_DC);
        if (dpl < cpl && !conforming && (s->attr & SEG_A_P))
            x86_seg_put_null(c, data[i], 0, 0);
    }
}

static void commit_stack(struct x86_cpu *c, const struct x86_desc *ss, bool has_ss, uint16_t sel,
                         unsigned cpl, uint64_t sp)
{
    if (has_ss)
        x86_seg_put(c, SEG_SS, sel, ss->raw);
    else
        x86_seg_put_null(c, SEG_SS, sel, cpl);
    /* To a 16-bit stack only SP is loaded. */
    if (has_ss && !(desc_attr(ss->raw) & SEG_A_DB) && !(c->s.seg[SEG_CS].attr & SEG_A_L))
        reg_st16(c, RSP, (uint16_t)sp);
    else
        c->s.r[RSP] = sp;
}

/* RET to a segment, in real and virtual-8086 mode. */
static void ret_real(struct x86_cpu *c, uint64_t off, uint16_t sel, uint64_t sp)
{
    if (off > c->s.seg[SEG_CS].limit)
        x86_gp0(c);
    x86_set_sp(c, sp);
    if (c->mode & MODE_VM86)
        x86_seg_put_vm86(c, SEG_CS, sel);
    else
        x86_seg_put_real(c, SEG_CS, sel);
    c->s.r[X86_RIP] = off;
}

void sem_ret_far(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = in->size, release = (unsigned)in->imm;
    uint64_t sp = c->s.r[RSP];
    uint64_t off = x86_stack_ld(c, sp, size);
    uint16_t sel = (uint16_t)x86_stack_ld(c, sp + size, size);
    struct x86_desc cs, ss;

    if (!(c->mode & MODE_PROT)) {
        ret_real(c, off, sel, sp + 2 * size + release);
        x86_derive(c);
        return;
    }
    check_return_cs(c, &cs, sel);
    unsigned rpl = sel & 3;
    if (rpl == c->cpl) {
        check_offset(c, cs.raw, off);
        commit_code(c, &cs, sel, rpl, off);
        x86_set_sp(c, sp + 2 * size + release);
        x86_derive(c);
        return;
    }
    uint64_t new_sp = x86_stack_ld(c, sp + 2 * size + release, size);
    uint16_t ss_sel = (uint16_t)x86_stack_ld(c, sp + 3 * size + release, size);
    bool has_ss = check_return_ss(c, &ss, ss_sel, rpl, cs.raw);
    check_offset(c, cs.raw, off);
    commit_code(c, &cs, sel, rpl, off);
    commit_stack(c, &ss, has_ss, ss_sel, rpl, new_sp + release);
    drop_inner_segments(c, rpl);
    x86_derive(c);
}

/* What IRET may change of RFLAGS. */
static void iret_flags(struct x86_cpu *c, uint64_t v, uint64_t may)
{
    c->s.rflags = (c->s.rflags & ~may) | (v & may) | FL_1;
    fl_load(c, v);
    c->s.nmi_blocked = false;
}

/* Real mode, and virtual-8086 mode where IOPL or VME let it run. */
static void iret_real(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = in->size;
    uint64_t sp = c->s.r[RSP], may = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_NT | FL_AC | FL_ID | FL_RF;
    bool vm = c->mode & MODE_VM86, virtual_if = vm && (c->s.rflags & FL_IOPL) != FL_IOPL;

    if (virtual_if && (!(c->s.cr4 & CR4_VME) || size != 2))
        x86_gp0(c);
    uint64_t off = x86_stack_ld(c, sp, size);
    uint16_t sel = (uint16_t)x86_stack_ld(c, sp + size, size);
    uint64_t fl = x86_stack_ld(c, sp + 2 * size, size);
    if (!vm)
        may |= FL_IOPL;
    if (virtual_if) {
        if ((fl & FL_TF) || ((fl & FL_IF) && (c->s.rflags & FL_VIP)))
            x86_gp0(c);
        fl = (fl & ~(uint64_t)FL_VIF) | (fl & FL_IF ? FL_VIF : 0);
        may &= ~(uint64_t)FL_IF;
    }
    if (size == 2)
        may &= 0xffff;
    if (virtual_if)
        may |= FL_VIF;
    ret_real(c, off, sel, sp + 3 * size);
    iret_flags(c, fl, may);
    x86_derive(c);
}

static void iret_task(struct x86_cpu *c)
{
    const struct x86_seg *tr = &c->s.seg[SEG_TR];
    uint16_t sel = (uint16_t)x86_sys_ld(c, TLB_SUPER, (uint32_t)tr->base, 2);
    uint32_t error = sel & 0xfffcu;
    struct x86_desc d;

    if ((sel & 4) || error == 0 || !x86_desc_try(c, &d, sel))
        x86_raise_error(c, EXC_TS, error);
    unsigned type = desc_attr(d.raw) & 0x1f;
    if (type != DESC_TSS16_BUSY && type != DESC_TSS32_BUSY)
        x86_raise_error(c, EXC_TS, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    c->s.nmi_blocked = false;
    x86_task_switch(c, &d, sel, TASK_IRET, 0, false, 0);
}

static void iret_to_vm86(struct x86_cpu *c, uint64_t off, uint16_t cs, uint64_t fl)
{
    static const uint8_t order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    uint64_t sp = c->s.r[RSP], new_sp = x86_stack_ld(c, sp + 12, 4);
    uint16_t ss = (uint16_t)x86_stack_ld(c, sp + 16, 4), sel[ARRAY_LEN(order)];

    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        sel[i] = (uint16_t)x86_stack_ld(c, sp + 20 + 4 * i, 4);
    if (off > 0xffff)
        x86_gp0(c);
    iret_flags(c, fl, FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_VM | FL_AC |
                          FL_VIF | FL_VIP | FL_ID);
    x86_seg_put_vm86(c, SEG_CS, cs);
    x86_seg_put_vm86(c, SEG_SS, ss);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        x86_seg_put_vm86(c, order[i], sel[i]);
    c->s.r[RSP] = new_sp;
    c->s.r[X86_RIP] = off;
    x86_derive(c);
}

static uint64_t iret_may(const struct x86_cpu *c, unsigned size)
{
    uint64_t may = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_RF | FL_AC | FL_ID;

    if (c->cpl <= (unsigned)(c->s.rflags & FL_IOPL) >> FL_IOPL_SHIFT)
        may |= FL_IF;
    if (c->cpl == 0)
        may |= FL_IOPL | FL_VIF | FL_VIP;
    return size == 2 ? may & 0xffff : may;
}

static void iret_protected(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = in->size;
    uint64_t sp = c->s.r[RSP], off = x86_stack_ld(c, sp, size);
    uint16_t sel = (uint16_t)x86_stack_ld(c, sp + size, size);
    uint64_t fl = x86_stack_ld(c, sp + 2 * size, size), may = iret_may(c, size);
    struct x86_desc cs, ss;

    if ((fl & FL_VM) && size == 4 && c->cpl == 0 && !(c->mode & MODE_LMA)) {
        iret_to_vm86(c, off, sel, fl);
        return;
    }
    check_return_cs(c, &cs, sel);
    unsigned rpl = sel & 3, old = c->cpl;
    if (rpl == old && !(c->mode & MODE_CODE64)) {
        check_offset(c, cs.raw, off);
        commit_code(c, &cs, sel, rpl, off);
        x86_set_sp(c, sp + 3 * size);
    } else {
        uint64_t new_sp = x86_stack_ld(c, sp + 3 * size, size);
        uint16_t ss_sel = (uint16_t)x86_stack_ld(c, sp + 4 * size, size);
        bool has_ss = check_return_ss(c, &ss, ss_sel, rpl, cs.raw);
        check_offset(c, cs.raw, off);
        commit_code(c, &cs, sel, rpl, off);
        commit_stack(c, &ss, has_ss, ss_sel, rpl, new_sp);
        if (rpl != old)
            drop_inner_segments(c, rpl);
    }
    iret_flags(c, fl, may);
    x86_derive(c);
}

void sem_iret(struct x86_cpu *c, const struct x86_insn *in)
{
    if (!(c->mode & MODE_PROT)) {
        iret_real(c, in);
    } else if (c->s.rflags & FL_NT) {
        if (c->mode & MODE_LMA)
            x86_gp0(c);
        iret_task(c);
    } else {
        iret_protected(c, in);
    }
}
