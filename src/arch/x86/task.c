/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The task-state segment. [SDM3 7.2, 7.3]
 *
 *   32-bit TSS               16-bit TSS            64-bit TSS
 *   00 link                  00 link               04 RSP0 0C RSP1 14 RSP2
 *   04 ESP0 08 SS0 ..        02 SP0 04 SS0 ..      24 IST1 .. 54 IST7
 *   1C CR3 20 EIP            0E IP                 66 I/O map
 *   24 EFLAGS 28 EAX ..      10 FLAGS 12 AX ..
 *   48 ES CS SS DS FS GS     22 ES CS SS DS
 *   60 LDT 64 T 66 I/O map   2A LDT
 */
#include "arch/x86/task.h"

#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "base/bits.h"

static bool tss_is_32(const struct x86_seg *tr)
{
    return tr->attr & 8;
}

static uint64_t lin_in(const struct x86_cpu *c, uint64_t base, uint32_t offset)
{
    return c->s.efer & EFER_LMA ? base + offset : (uint32_t)(base + offset);
}

void x86_tss_stack(struct x86_cpu *c, unsigned cpl, unsigned ext, uint16_t *ss, uint32_t *sp)
{
    const struct x86_seg *tr = &c->s.seg[SEG_TR];
    unsigned wide = tss_is_32(tr) ? 4 : 2;
    uint32_t at = wide + cpl * wide * 2;

    if (at + wide + 1 > tr->limit)
        x86_raise_error(c, EXC_TS, (tr->sel & 0xfffcu) | ext);
    *sp = (uint32_t)x86_sys_ld(c, TLB_SUPER, lin_in(c, tr->base, at), wide);
    *ss = (uint16_t)x86_sys_ld(c, TLB_SUPER, lin_in(c, tr->base, at + wide), 2);
}

uint64_t x86_tss64_stack(struct x86_cpu *c, unsigned slot, unsigned ext)
{
    const struct x86_seg *tr = &c->s.seg[SEG_TR];
    uint32_t at = 4 + slot * 8;

    if (at + 7 > tr->limit)
        x86_raise_error(c, EXC_TS, (tr->sel & 0xfffcu) | ext);
    return x86_sys_ld(c, TLB_SUPER, tr->base + at, 8);
}

/* ---- task switch ---- */

/* What a TSS holds of a task, in the widths of the 32-bit one. */
struct image {
    uint32_t cr3, eip, eflags, r[8];
    uint16_t seg[6], ldt;
    bool trap;
};

static void image_load(struct x86_cpu *c, uint64_t base, bool is32, struct image *im)
{
#define LD(at, n) x86_sys_ld(c, TLB_SUPER, lin_in(c, base, at), n)
    if (is32) {
        im->cr3 = (uint32_t)LD(0x1c, 4);
        im->eip = (uint32_t)LD(0x20, 4);
        im->eflags = (uint32_t)LD(0x24, 4);
        for (unsigned i = 0; i < 8; i++)
            im->r[i] = (uint32_t)LD(0x28 + 4 * i, 4);
        for (unsigned i = 0; i < 6; i++)
            im->seg[i] = (uint16_t)LD(0x48 + 4 * i, 2);
        im->ldt = (uint16_t)LD(0x60, 2);
        im->trap = LD(0x64, 2) & 1;
        return;
    }
    *im = (struct image){0};
    im->eip = (uint32_t)LD(0x0e, 2);
    im->eflags = (uint32_t)LD(0x10, 2);
    for (unsigned i = 0; i < 8; i++)
        im->r[i] = 0xffff0000u | (uint32_t)LD(0x12 + 2 * i, 2);
    for (unsigned i = 0; i < 4; i++)
        im->seg[i] = (uint16_t)LD(0x22 + 2 * i, 2);
    im->ldt = (uint16_t)LD(0x2a, 2);
#undef LD
}

static void image_store(struct x86_cpu *c, const struct x86_seg *tr, uint32_t eflags)
{
    bool is32 = tss_is_32(tr);
    unsigned n = is32 ? 4 : 2;

#define ST(at, size, v) x86_sys_st(c, TLB_SUPER, lin_in(c, tr->base, at), size, v)
    ST(is32 ? 0x20 : 0x0e, n, c->s.r[X86_RIP]);
    ST(is32 ? 0x24 : 0x10, n, eflags);
    for (unsigned i = 0; i < 8; i++)
        ST((is32 ? 0x28 : 0x12) + n * i, n, c->s.r[i]);
    for (unsigned i = 0; i < (is32 ? 6 : 4); i++)
        ST((is32 ? 0x48 : 0x22) + n * i, 2, c->s.seg[i].sel);
#undef ST
}

static void set_busy(struct x86_cpu *c, uint64_t desc_lin, bool busy)
{
    uint64_t b = x86_sys_ld(c, TLB_SUPER, desc_lin + 5, 1);

    x86_sys_st(c, TLB_SUPER, desc_lin + 5, 1, busy ? b | 2 : b & ~UINT64_C(2));
}

static void load_ldt(struct x86_cpu *c, uint16_t sel, unsigned ext)
{
    uint32_t error = (sel & 0xfffcu) | ext;
    struct x86_desc d;

    if ((sel & 0xfffc) == 0)
        return;
    if ((sel & 4) || !x86_desc_try(c, &d, sel) || (desc_attr(d.raw) & 0x1f) != DESC_LDT ||
        !desc_present(d.raw))
        x86_raise_error(c, EXC_TS, error);
    x86_seg_put(c, SEG_LDTR, sel, d.raw);
}

static void load_cs(struct x86_cpu *c, uint16_t sel, unsigned ext)
{
    uint32_t error = (sel & 0xfffcu) | ext;
    unsigned rpl = sel & 3;
    struct x86_desc d;

    if ((sel & 0xfffc) == 0 || !x86_desc_try(c, &d, sel))
        x86_raise_error(c, EXC_TS, error);
    bool conforming = desc_attr(d.raw) & SEG_A_DC;
    if (!desc_is_code(d.raw) ||
        (conforming ? desc_dpl(d.raw) > rpl : desc_dpl(d.raw) != rpl))
        x86_raise_error(c, EXC_TS, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    x86_desc_accessed(c, &d);
    x86_seg_put(c, SEG_CS, sel, d.raw);
}

static void load_data(struct x86_cpu *c, unsigned seg, uint16_t sel, unsigned cpl, unsigned ext)
{
    uint32_t error = (sel & 0xfffcu) | ext;
    struct x86_desc d;

    if ((sel & 0xfffc) == 0)
        return;
    if (!x86_desc_try(c, &d, sel))
        x86_raise_error(c, EXC_TS, error);
    unsigned attr = desc_attr(d.raw);
    bool code = desc_is_code(d.raw);
    if (!(attr & SEG_A_S) || (code && !(attr & SEG_A_RW)))
        x86_raise_error(c, EXC_TS, error);
    if (!(code && (attr & SEG_A_DC)) && desc_dpl(d.raw) < MAX(cpl, sel & 3u))
        x86_raise_error(c, EXC_TS, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    x86_desc_accessed(c, &d);
    x86_seg_put(c, seg, sel, d.raw);
}

/* The new task's segments: selectors first, so that a fault shows them, then one by one. */
static void load_segments(struct x86_cpu *c, const struct image *im, unsigned ext)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    unsigned cpl = im->seg[SEG_CS] & 3;
    struct x86_desc d;

    x86_seg_put_null(c, SEG_LDTR, im->ldt, 0);
    if (im->eflags & FL_VM) {
        for (unsigned i = 0; i < 6; i++)
            x86_seg_put_vm86(c, i, im->seg[i]);
        x86_derive(c);
        load_ldt(c, im->ldt, ext);
        return;
    }
    for (unsigned i = 0; i < 6; i++)
        x86_seg_put_null(c, i, im->seg[i], cpl);
    x86_derive(c);
    load_ldt(c, im->ldt, ext);
    load_cs(c, im->seg[SEG_CS], ext);
    x86_check_ss(c, &d, im->seg[SEG_SS], cpl, EXC_TS, ext);
    x86_desc_accessed(c, &d);
    x86_seg_put(c, SEG_SS, im->seg[SEG_SS], d.raw);
    for (unsigned i = 0; i < ARRAY_LEN(data); i++)
        load_data(c, data[i], im->seg[data[i]], cpl, ext);
    x86_derive(c);
}

/* Up to here everything is the old task's and may fault as such: what will be written is probed,
 * what will be read is read. */
static void prepare(struct x86_cpu *c, const struct x86_desc *d, uint64_t base, bool is32,
                    enum x86_task_cause cause, struct image *im)
{
    const struct x86_seg *old = &c->s.seg[SEG_TR];
    bool old32 = tss_is_32(old);

    x86_sys_probe_w(c, TLB_SUPER, lin_in(c, old->base, old32 ? 0x20 : 0x0e), old32 ? 0x40 : 0x1c);
    image_load(c, base, is32, im);
    if (cause == TASK_CALL || cause == TASK_GATE)
        x86_sys_probe_w(c, TLB_SUPER, base, 2);
    if (cause != TASK_IRET)
        x86_sys_probe_w(c, TLB_SUPER, d->lin + 5, 1);
}

void x86_task_switch(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, enum x86_task_cause cause,
                     unsigned ext, bool has_error, uint32_t error)
{
    const struct x86_insn *cur = c->cur;
    struct x86_seg old = c->s.seg[SEG_TR];
    bool is32 = desc_attr(d->raw) & 8, nested = cause == TASK_CALL || cause == TASK_GATE;
    uint64_t base = desc_base(d->raw);
    uint32_t eflags = (uint32_t)x86_rflags(c);
    struct x86_desc old_desc;
    struct image im;

    if (desc_limit(d->raw) < (is32 ? 0x67u : 0x2bu))
        x86_raise_error(c, EXC_TS, (sel & 0xfffcu) | ext);
    prepare(c, d, base, is32, cause, &im);

    if (cause == TASK_JMP || cause == TASK_IRET) {
        if (x86_desc_try(c, &old_desc, old.sel))
            set_busy(c, old_desc.lin, false);
    }
    if (cause == TASK_IRET)
        eflags &= ~(uint32_t)FL_NT;
    image_store(c, &old, eflags);
    if (nested)
        x86_sys_st(c, TLB_SUPER, base, 2, old.sel);
    if (cause != TASK_IRET)
        set_busy(c, d->lin, true);

    /* The new task. */
    c->cur = NULL;
    d->raw |= BIT64(41);
    x86_seg_put(c, SEG_TR, sel, d->raw);
    c->s.cr0 |= CR0_TS;
    c->s.dr[7] &= ~UINT64_C(0x155); /* local breakpoints are a task's own */
    c->s.r[X86_RIP] = im.eip;
    if (nested)
        im.eflags |= FL_NT;
    x86_set_rflags(c, im.eflags & (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF |
                                   FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID));
    for (unsigned i = 0; i < 8; i++)
        c->s.r[i] = im.r[i];
    if (is32 && (c->s.cr0 & CR0_PG) && im.cr3 != c->s.cr3)
        x86_set_cr3(c, im.cr3);
    load_segments(c, &im, ext);
    if (has_error) {
        struct x86_stack st;
        x86_stack_current(c, &st, ext);
        x86_stack_push(c, &st, is32 ? 4 : 2, error);
        c->s.r[RSP] = (c->s.r[RSP] & ~st.mask) | (st.sp & st.mask);
    }
    if (im.eip > c->s.seg[SEG_CS].limit)
        x86_raise_error(c, EXC_GP, ext);
    x86_end_block(c);
    if (im.trap)
        x86_raise_db(c, UINT64_C(0x8000)); /* BT */
    c->cur = cur;
}
