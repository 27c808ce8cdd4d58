/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Delivery of exceptions and interrupts in every mode. [SDM3 6.10 to 6.15, 20.1.4, 20.2; APM2 8.7,
 * 8.9]
 *
 * All memory accesses and checks of one delivery come before its commit. A fault on the way
 * unwinds to try_deliver(), and what it makes of the first event is in combine().
 */
#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "arch/x86/persona.h"
#include "arch/x86/seg.h"
#include "arch/x86/sem_stack.h"
#include "arch/x86/task.h"
#include "base/bits.h"

/* Bit 0 of error codes that name a selector: the cause is outside the program. */
static unsigned ext_bit(const struct x86_fault *f)
{
    return !f->soft;
}

static bool is_soft(const struct x86_fault *f)
{
    return f->soft || f->icebp;
}

/* RFLAGS as pushed: faults, and interrupts within a repeated string, push RF set, so that an
 * instruction breakpoint does not come again [SDM3 17.3.1.1]. */
static uint64_t flags_image(const struct x86_cpu *c, const struct x86_fault *f)
{
    uint64_t fl = x86_rflags(c);

    if (f->ext ? c->s.rep_left : !is_soft(f) && f->vector != EXC_DB && f->vector != EXC_DF)
        fl |= FL_RF;
    return fl;
}

/* ---- real mode: the vector table ---- */

static void deliver_real(struct x86_cpu *c, const struct x86_fault *f)
{
    uint32_t at = f->vector * 4u;
    struct x86_stack st;

    if (at + 3 > c->s.idtr.limit)
        x86_raise_error(c, EXC_GP, 0);
    uint64_t entry = x86_sys_ld(c, TLB_SUPER, (uint32_t)(c->s.idtr.base + at), 4);
    x86_stack_current(c, &st, 0);
    x86_stack_push(c, &st, 2, x86_rflags(c));
    x86_stack_push(c, &st, 2, c->s.seg[SEG_CS].sel);
    x86_stack_push(c, &st, 2, c->s.r[X86_RIP]);
    c->s.r[RSP] = st.sp;
    x86_seg_put_real(c, SEG_CS, (uint16_t)(entry >> 16));
    c->s.r[X86_RIP] = entry & 0xffff;
    c->s.rflags &= ~(uint64_t)(FL_IF | FL_TF | FL_AC | FL_RF);
}

/* ---- protected mode: gates ---- */

struct gate {
    uint64_t offset;
    uint16_t sel;
    uint8_t type, ist;
};

static void gate_fetch(struct x86_cpu *c, const struct x86_fault *f, struct gate *g)
{
    bool lma = c->mode & MODE_LMA;
    uint32_t size = lma ? 16 : 8, at = f->vector * size;
    uint32_t error = f->vector * 8u + 2 + ext_bit(f);
    uint64_t high = 0;

    if (at + size - 1 > c->s.idtr.limit)
        x86_raise_error(c, EXC_GP, error);
    uint64_t lin = lma ? c->s.idtr.base + at : (uint32_t)(c->s.idtr.base + at);
    uint64_t low = x86_sys_ld(c, TLB_SUPER, lin, 8);
    if (lma)
        high = x86_sys_ld(c, TLB_SUPER, lin + 8, 8);
    g->type = (low >> 40) & 0x1f;
    g->sel = (uint16_t)(low >> 16);
    g->ist = lma ? (low >> 32) & 7 : 0;
    g->offset = (low & 0xffff) | ((low >> 32) & 0xffff0000) | (high << 32);
    bool known = g->type == DESC_INT32 || g->type == DESC_TRAP32 ||
                 (!lma && (g->type == DESC_INT16 || g->type == DESC_TRAP16 ||
                           g->type == DESC_TASK_GATE));
    if (!known || (f->soft && desc_dpl(low) < c->cpl))
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(low))
        x86_raise_error(c, EXC_NP, error);
    if (g->type == DESC_INT16 || g->type == DESC_TRAP16)
        g->offset &= 0xffff;
}

static void deliver_task(struct x86_cpu *c, const struct x86_fault *f, uint16_t sel)
{
    unsigned ext = ext_bit(f);
    uint32_t error = (sel & 0xfffcu) | ext;
    struct x86_desc d;

    if ((sel & 4) || !x86_desc_try(c, &d, sel))
        x86_raise_error(c, EXC_GP, error);
    unsigned type = desc_attr(d.raw) & 0x1f;
    if (type != DESC_TSS16 && type != DESC_TSS32)
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    x86_task_switch(c, &d, sel, TASK_GATE, ext, f->has_error, f->error);
}

/* The handler's code segment; returns the privilege that it runs at. */
static unsigned check_target(struct x86_cpu *c, const struct gate *g, unsigned ext,
                             struct x86_desc *d)
{
    uint32_t error = (g->sel & 0xfffcu) | ext;

    if ((g->sel & 0xfffc) == 0)
        x86_raise_error(c, EXC_GP, ext);
    x86_desc_fetch(c, d, g->sel, EXC_GP, ext);
    unsigned attr = desc_attr(d->raw), dpl = desc_dpl(d->raw);
    if (!desc_is_code(d->raw) || dpl > c->cpl)
        x86_raise_error(c, EXC_GP, error);
    if ((c->mode & MODE_LMA) && (attr & (SEG_A_L | SEG_A_DB)) != SEG_A_L)
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_NP, error);
    if ((c->mode & MODE_VM86) && (dpl != 0 || (attr & SEG_A_DC)))
        x86_raise_error(c, EXC_GP, error);
    return attr & SEG_A_DC ? c->cpl : dpl;
}

static void flags_enter(struct x86_cpu *c, const struct gate *g)
{
    uint64_t clear = FL_TF | FL_VM | FL_RF | FL_NT;

    if (!(g->type & 1))
        clear |= FL_IF;
    c->s.rflags &= ~clear;
}

static void cs_enter(struct x86_cpu *c, const struct gate *g, struct x86_desc *d, unsigned cpl)
{
    x86_seg_put(c, SEG_CS, (uint16_t)((g->sel & 0xfffc) | cpl), d->raw);
    c->s.r[X86_RIP] = g->offset;
}

/* Long mode: eight-byte pushes on a 16-byte aligned stack, SS:RSP always [APM2 8.9]. */
static void deliver_long(struct x86_cpu *c, const struct x86_fault *f)
{
    unsigned ext = ext_bit(f);
    struct gate g;
    struct x86_desc d;
    struct x86_stack st = {.mask = UINT64_MAX, .wide = true, .error = ext};

    gate_fetch(c, f, &g);
    unsigned cpl = check_target(c, &g, ext, &d);
    if (g.ist)
        st.sp = x86_tss64_stack(c, g.ist + 3, ext);
    else if (cpl != c->cpl)
        st.sp = x86_tss64_stack(c, cpl, ext);
    else
        st.sp = c->s.r[RSP];
    if (!x86_canonical(g.offset))
        x86_raise_error(c, EXC_GP, ext);
    st.ctx = cpl == 3 ? TLB_USER : TLB_SUPER;
    st.sp &= ~UINT64_C(15);
    x86_stack_push(c, &st, 8, c->s.seg[SEG_SS].sel);
    x86_stack_push(c, &st, 8, c->s.r[RSP]);
    x86_stack_push(c, &st, 8, flags_image(c, f));
    x86_stack_push(c, &st, 8, c->s.seg[SEG_CS].sel);
    x86_stack_push(c, &st, 8, c->s.r[X86_RIP]);
    if (f->has_error)
        x86_stack_push(c, &st, 8, f->error);
    x86_desc_accessed(c, &d);

    if (cpl != c->cpl)
        x86_seg_put_null(c, SEG_SS, (uint16_t)cpl, cpl);
    c->s.r[RSP] = st.sp;
    cs_enter(c, &g, &d, cpl);
    flags_enter(c, &g);
}

static void push_frame(struct x86_cpu *c, struct x86_stack *st, const struct x86_fault *f,
                       unsigned size)
{
    x86_stack_push(c, st, size, flags_image(c, f));
    x86_stack_push(c, st, size, c->s.seg[SEG_CS].sel);
    x86_stack_push(c, st, size, c->s.r[X86_RIP]);
    if (f->has_error)
        x86_stack_push(c, st, size, f->error);
}

static void deliver_inner(struct x86_cpu *c, const struct x86_fault *f, const struct gate *g,
                          struct x86_desc *cs, unsigned cpl)
{
    static const uint8_t vm86_segs[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
    unsigned ext = ext_bit(f), size = g->type & 8 ? 4 : 2;
    bool vm = c->mode & MODE_VM86;
    struct x86_desc ss;
    struct x86_stack st;
    uint16_t sel;
    uint32_t sp;

    x86_tss_stack(c, cpl, ext, &sel, &sp);
    x86_check_ss(c, &ss, sel, cpl, EXC_TS, ext);
    x86_stack_from_desc(&st, sel, ss.raw, sp, (sel & 0xfffcu) | ext);
    if (g->offset > desc_limit(cs->raw))
        x86_raise_error(c, EXC_GP, ext);
    if (vm) {
        for (unsigned i = 0; i < ARRAY_LEN(vm86_segs); i++)
            x86_stack_push(c, &st, size, c->s.seg[vm86_segs[i]].sel);
    }
    x86_stack_push(c, &st, size, c->s.seg[SEG_SS].sel);
    x86_stack_push(c, &st, size, c->s.r[RSP]);
    push_frame(c, &st, f, size);
    x86_desc_accessed(c, &ss);
    x86_desc_accessed(c, cs);

    if (vm) {
        for (unsigned i = 0; i < ARRAY_LEN(vm86_segs); i++)
            x86_seg_put_null(c, vm86_segs[i], 0, 0);
    }
    x86_seg_put(c, SEG_SS, sel, ss.raw);
    c->s.r[RSP] = (c->s.r[RSP] & ~st.mask) | (st.sp & st.mask);
    cs_enter(c, g, cs, cpl);
    flags_enter(c, g);
}

static void deliver_protected(struct x86_cpu *c, const struct x86_fault *f)
{
    unsigned ext = ext_bit(f);
    struct gate g;
    struct x86_desc cs;
    struct x86_stack st;

    gate_fetch(c, f, &g);
    if (g.type == DESC_TASK_GATE) {
        deliver_task(c, f, g.sel);
        return;
    }
    unsigned cpl = check_target(c, &g, ext, &cs);
    if (cpl != c->cpl) {
        deliver_inner(c, f, &g, &cs, cpl);
        return;
    }
    x86_stack_current(c, &st, ext);
    push_frame(c, &st, f, g.type & 8 ? 4 : 2);
    if (g.offset > desc_limit(cs.raw))
        x86_raise_error(c, EXC_GP, ext);
    x86_desc_accessed(c, &cs);
    c->s.r[RSP] = (c->s.r[RSP] & ~st.mask) | (st.sp & st.mask);
    cs_enter(c, &g, &cs, cpl);
    flags_enter(c, &g);
}

/* ---- one event, and what a fault during its delivery becomes ---- */

/* State that an exception changes before its handler is looked for. */
static void latch(struct x86_cpu *c, const struct x86_fault *f)
{
    if (f->ext || f->soft)
        return;
    if (f->vector == EXC_PF)
        c->s.cr2 = f->cr2;
    if (f->vector == EXC_DB) {
        c->s.dr[6] |= f->dr6_bits;
        c->s.dr[7] &= ~UINT64_C(0x2000); /* GD: the handler may use the debug registers */
    }
}

static bool try_deliver(struct x86_cpu *c, const struct x86_fault *f)
{
    if (setjmp(c->unwind))
        return false;
    latch(c, f);
    if (!(c->s.cr0 & CR0_PE))
        deliver_real(c, f);
    else if (c->mode & MODE_LMA)
        deliver_long(c, f);
    else
        deliver_protected(c, f);
    return true;
}

enum fault_class { BENIGN, CONTRIBUTORY, PAGE };

static enum fault_class class_of(const struct x86_fault *f)
{
    if (f->ext || is_soft(f))
        return BENIGN;
    switch (f->vector) {
    case EXC_DE:
    case EXC_TS:
    case EXC_NP:
    case EXC_SS:
    case EXC_GP:
        return CONTRIBUTORY;
    case EXC_PF:
        return PAGE;
    default:
        return BENIGN;
    }
}

/* Table 6-5 of [SDM3 6.15]. */
static struct x86_fault combine(const struct x86_fault *first, const struct x86_fault *second)
{
    enum fault_class a = class_of(first), b = class_of(second);

    if ((a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE && b != BENIGN))
        return (struct x86_fault){.vector = EXC_DF, .has_error = true};
    return *second;
}

static bool is_double_fault(const struct x86_fault *f)
{
    return f->vector == EXC_DF && !f->ext && !f->soft;
}

int x86_deliver(struct x86_cpu *c)
{
    if (unlikely(c->persona))
        return c->persona->deliver(c);
    struct x86_fault f = c->fault;
    unsigned len = is_soft(&f) && c->cur ? c->cur->len : 0;
    uint64_t task = c->s.seg[SEG_TR].base;
    jmp_buf outer;
    int rc = 0;

    if (f.wait) {
        c->cur = NULL;
        return 0;
    }
    memcpy(outer, c->unwind, sizeof(outer));
    c->cur = NULL;
    c->s.intr_shadow = false;
    while (!try_deliver(c, &f)) {
        if (is_double_fault(&f) && class_of(&c->fault) != BENIGN) {
            rc = -1;
            break;
        }
        /* A software interrupt that did not get through is a fault of its instruction, unless
         * the task had already been switched. */
        if (len && c->s.seg[SEG_TR].base == task)
            c->s.r[X86_RIP] = (c->s.r[X86_RIP] - len) & c->ip_mask;
        len = 0;
        f = combine(&f, &c->fault);
    }
    memcpy(c->unwind, outer, sizeof(outer));
    c->s.rep_left = false;
    if (rc == 0)
        x86_derive(c);
    return rc;
}

int x86_deliver_intr(struct x86_cpu *c, uint8_t vector)
{
    c->cur = NULL;
    c->fault = (struct x86_fault){.vector = vector, .ext = true};
    return x86_deliver(c);
}

int x86_deliver_nmi(struct x86_cpu *c)
{
    c->s.nmi_blocked = true;
    return x86_deliver_intr(c, EXC_NMI);
}
