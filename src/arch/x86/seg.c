/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segments: derived state, address checks, descriptors and loads. [SDM3 3.4, 3.5, 5.3 to 5.8]
 */
#include "arch/x86/seg.h"

#include "arch/x86/debug.h"
#include "arch/x86/persona.h"
#include "base/bits.h"

void x86_pick_tlb(struct x86_cpu *c)
{
    enum x86_tlb_ctx ctx = TLB_USER;

    if (c->pv_kernel)
        ctx = TLB_SUPER_AC;
    else if (c->cpl != 3)
        ctx = (c->s.rflags & FL_AC) || !(c->s.cr4 & CR4_SMAP) ? TLB_SUPER_AC : TLB_SUPER;
    c->tlb = c->tlbs ? c->tlbs[ctx] : NULL;
    c->asid = c->asids[ctx];
}

/* Does an access through the segment need x86_seg_lin()? Outside 64-bit code. */
static bool is_flat(const struct x86_seg *s, bool real, bool write)
{
    unsigned type = s->attr & SEG_A_TYPE;

    if (!(s->attr & SEG_A_P) || s->base || s->limit != UINT32_MAX || real)
        return false;
    if (type & SEG_A_CODE)
        return !write && (type & SEG_A_RW);
    return !(type & SEG_A_DC) && (!write || (type & SEG_A_RW));
}

void x86_derive(struct x86_cpu *c)
{
    const struct x86_seg *cs = &c->s.seg[SEG_CS], *ss = &c->s.seg[SEG_SS];
    bool pe = c->s.cr0 & CR0_PE, vm = c->s.rflags & FL_VM, lma = c->s.efer & EFER_LMA;
    uint32_t mode = lma ? MODE_LMA : 0;

    if (lma && (cs->attr & SEG_A_L))
        mode |= MODE_CODE64;
    else if (cs->attr & SEG_A_DB)
        mode |= MODE_CODE32;
    if (pe)
        mode |= vm ? MODE_VM86 : MODE_PROT;
    if (ss->attr & SEG_A_DB)
        mode |= MODE_STACK32;
    c->mode = mode;
    c->cpl = !pe ? 0 : vm ? 3 : (ss->attr >> SEG_A_DPL_SHIFT) & 3;
    c->nonflat_r = c->nonflat_w = 0;
    for (unsigned i = 0; i < 6; i++) {
        const struct x86_seg *s = &c->s.seg[i];
        if (mode & MODE_CODE64) {
            c->segbase[i] = i >= SEG_FS ? s->base : 0;
            continue;
        }
        c->segbase[i] = s->base;
        if (!is_flat(s, !pe || vm, false))
            c->nonflat_r |= (uint8_t)(1u << i);
        if (!is_flat(s, !pe || vm, true))
            c->nonflat_w |= (uint8_t)(1u << i);
    }
    if (mode & MODE_CODE64)
        c->stack_mask = c->ip_mask = UINT64_MAX;
    else {
        c->stack_mask = mode & MODE_STACK32 ? UINT32_MAX : UINT16_MAX;
        c->ip_mask = UINT32_MAX;
    }
    /* Every access is looked at singly. */
    c->align_check = c->cpl == 3 && (c->s.cr0 & CR0_AM) && (c->s.rflags & FL_AC);
    if (c->align_check || x86_data_breakpoints(c))
        c->nonflat_r = c->nonflat_w = 0x3f;
    x86_update_stepping(c);
    x86_pick_tlb(c);
    x86_end_block(c);
}

noreturn_fn static void seg_violation(struct x86_cpu *c, unsigned seg)
{
    x86_raise_error(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

static uint64_t checked_lin(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size, bool write)
{
    const struct x86_seg *s = &c->s.seg[seg];
    unsigned type = s->attr & SEG_A_TYPE;
    uint64_t last = ea + size - 1;

    if (c->mode & MODE_CODE64)
        return ea + c->segbase[seg];
    if (c->mode & MODE_PROT) {
        if (!(s->attr & SEG_A_P))
            seg_violation(c, seg);
        if (write ? (type & SEG_A_CODE) || !(type & SEG_A_RW)
                  : (type & SEG_A_CODE) && !(type & SEG_A_RW))
            seg_violation(c, seg);
        if (!(type & SEG_A_CODE) && (type & SEG_A_DC)) { /* expand-down: above the limit */
            if (ea <= s->limit || last > (s->attr & SEG_A_DB ? UINT32_MAX : UINT16_MAX))
                seg_violation(c, seg);
            return (uint32_t)(ea + s->base);
        }
    }
    if (last > s->limit)
        seg_violation(c, seg);
    return (uint32_t)(ea + s->base);
}

uint64_t x86_seg_lin(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size, bool write)
{
    uint64_t lin = checked_lin(c, seg, ea, size, write);

    if (c->align_check && size <= 8 && is_pow2(size) && (lin & (size - 1)))
        x86_raise_error(c, EXC_AC, 0);
    if (c->stepping)
        x86_debug_access(c, lin, size, write);
    return lin;
}

/* ---- descriptors ---- */

/* Linear addresses of tables are 32 bits wide outside long mode. */
static uint64_t table_lin(const struct x86_cpu *c, uint64_t base, uint32_t offset)
{
    return c->s.efer & EFER_LMA ? base + offset : (uint32_t)(base + offset);
}

static bool desc_lin(const struct x86_cpu *c, uint16_t sel, unsigned size, uint64_t *lin)
{
    uint64_t base = c->s.gdtr.base, limit = c->s.gdtr.limit;
    uint32_t offset = sel & 0xfff8u;

    if (sel & 4) {
        if (!(c->s.seg[SEG_LDTR].attr & SEG_A_P))
            return false;
        base = c->s.seg[SEG_LDTR].base;
        limit = c->s.seg[SEG_LDTR].limit;
    }
    if (offset + size - 1 > limit)
        return false;
    *lin = table_lin(c, base, offset);
    return true;
}

bool x86_desc_try(struct x86_cpu *c, struct x86_desc *d, uint16_t sel)
{
    if (unlikely(c->persona)) {
        d->lin = d->high = 0;
        return c->persona->desc(c, sel, &d->raw);
    }
    if (!desc_lin(c, sel, 8, &d->lin))
        return false;
    d->raw = x86_sys_ld(c, TLB_SUPER, d->lin, 8);
    d->high = 0;
    return true;
}

bool x86_desc_try_high(struct x86_cpu *c, struct x86_desc *d, uint16_t sel)
{
    uint64_t lin;

    if (c->persona || !desc_lin(c, sel, 16, &lin))
        return false; /* personas have no system descriptors */
    d->high = x86_sys_ld(c, TLB_SUPER, lin + 8, 8);
    return true;
}

void x86_desc_fetch(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned vector,
                    unsigned ext)
{
    if (!x86_desc_try(c, d, sel))
        x86_raise_error(c, vector, (sel & 0xfffcu) | ext);
}

void x86_desc_accessed(struct x86_cpu *c, struct x86_desc *d)
{
    const uint64_t bit = BIT64(40);

    if (d->raw & bit)
        return;
    d->raw |= bit;
    if (!c->persona)
        x86_sys_st(c, TLB_SUPER, d->lin + 5, 1, (d->raw >> 40) & 0xff);
}

void x86_seg_put(struct x86_cpu *c, unsigned seg, uint16_t sel, uint64_t raw)
{
    struct x86_seg *s = &c->s.seg[seg];

    s->sel = sel;
    s->attr = (uint16_t)desc_attr(raw);
    s->limit = desc_limit(raw);
    s->base = desc_base(raw);
}

/* A null selector clears the base too (what CPUID 8000_0021h EAX bit 6 announces on the vendor's
 * newer processors; software finds out by trying). */
void x86_seg_put_null(struct x86_cpu *c, unsigned seg, uint16_t sel, unsigned dpl)
{
    struct x86_seg *s = &c->s.seg[seg];

    s->sel = sel;
    s->attr = (uint16_t)(dpl << SEG_A_DPL_SHIFT);
    s->limit = 0;
    s->base = 0;
}

void x86_seg_put_vm86(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
    struct x86_seg *s = &c->s.seg[seg];

    s->sel = sel;
    s->attr = SEG_A_P | SEG_A_S | 3 << SEG_A_DPL_SHIFT | SEG_A_RW | SEG_A_ACCESSED;
    s->limit = 0xffff;
    s->base = (uint32_t)sel << 4;
}

/* Real mode sets selector and base; limit and attributes stay ("unreal mode" works by that). */
void x86_seg_put_real(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
    struct x86_seg *s = &c->s.seg[seg];

    s->sel = sel;
    s->base = (uint32_t)sel << 4;
    s->attr |= SEG_A_P;
}

void x86_check_ss(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned cpl,
                  unsigned vector, unsigned ext)
{
    uint32_t error = (sel & 0xfffcu) | ext;

    if ((sel & 0xfffc) == 0)
        x86_raise_error(c, vector, ext);
    x86_desc_fetch(c, d, sel, vector, ext);
    if ((sel & 3) != cpl || desc_dpl(d->raw) != cpl || !desc_is_data(d->raw) ||
        !(desc_attr(d->raw) & SEG_A_RW))
        x86_raise_error(c, vector, error);
    if (!desc_present(d->raw))
        x86_raise_error(c, EXC_SS, error);
}

static void load_ss(struct x86_cpu *c, uint16_t sel)
{
    struct x86_desc d;

    if ((sel & 0xfffc) == 0) {
        if (!(c->mode & MODE_CODE64) || c->cpl == 3 || (sel & 3) != c->cpl)
            x86_gp0(c);
        x86_seg_put_null(c, SEG_SS, sel, c->cpl);
        return;
    }
    x86_check_ss(c, &d, sel, c->cpl, EXC_GP, 0);
    x86_desc_accessed(c, &d);
    x86_seg_put(c, SEG_SS, sel, d.raw);
}

void x86_seg_load(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
    struct x86_desc d;
    uint32_t error = sel & 0xfffcu;

    if (!(c->mode & MODE_PROT)) {
        if (c->mode & MODE_VM86)
            x86_seg_put_vm86(c, seg, sel);
        else
            x86_seg_put_real(c, seg, sel);
        return;
    }
    if (seg == SEG_SS) {
        load_ss(c, sel);
        return;
    }
    if (error == 0) {
        x86_seg_put_null(c, seg, sel, 0);
        return;
    }
    x86_desc_fetch(c, &d, sel, EXC_GP, 0);
    unsigned attr = desc_attr(d.raw), dpl = desc_dpl(d.raw);
    bool code = desc_is_code(d.raw);
    if (!(attr & SEG_A_S) || (code && !(attr & SEG_A_RW)))
        x86_raise_error(c, EXC_GP, error);
    if (!(code && (attr & SEG_A_DC)) && dpl < MAX(c->cpl, sel & 3u))
        x86_raise_error(c, EXC_GP, error);
    if (!desc_present(d.raw))
        x86_raise_error(c, EXC_NP, error);
    x86_desc_accessed(c, &d);
    x86_seg_put(c, seg, sel, d.raw);
}

/* ---- stacks on their way in ---- */

void x86_stack_current(struct x86_cpu *c, struct x86_stack *st, uint32_t error)
{
    *st = (struct x86_stack){
        .seg = c->s.seg[SEG_SS],
        .mask = c->stack_mask,
        .sp = c->s.r[RSP],
        .wide = c->mode & MODE_CODE64,
        .ctx = c->cpl == 3 ? TLB_USER : TLB_SUPER,
        .error = error,
    };
}

void x86_stack_from_desc(struct x86_stack *st, uint16_t sel, uint64_t raw, uint64_t sp,
                         uint32_t error)
{
    *st = (struct x86_stack){
        .seg = {.sel = sel,
                .attr = (uint16_t)desc_attr(raw),
                .limit = desc_limit(raw),
                .base = desc_base(raw)},
        .mask = desc_attr(raw) & SEG_A_DB ? UINT32_MAX : UINT16_MAX,
        .sp = sp,
        .ctx = desc_dpl(raw) == 3 ? TLB_USER : TLB_SUPER,
        .error = error,
    };
}

static uint64_t stack_lin(struct x86_cpu *c, const struct x86_stack *st, uint64_t ea, unsigned size)
{
    const struct x86_seg *s = &st->seg;
    uint64_t last = ea + size - 1;

    if (st->wide) {
        if ((uint64_t)((int64_t)(ea << 16) >> 16) != ea ||
            (uint64_t)((int64_t)(last << 16) >> 16) != last)
            x86_raise_error(c, EXC_SS, st->error);
        return ea;
    }
    if ((c->mode & (MODE_PROT | MODE_VM86)) == MODE_PROT && (s->attr & SEG_A_DC) &&
        !(s->attr & SEG_A_CODE)) {
        if (ea <= s->limit || last > (s->attr & SEG_A_DB ? UINT32_MAX : UINT16_MAX))
            x86_raise_error(c, EXC_SS, st->error);
    } else if (last > s->limit) {
        x86_raise_error(c, EXC_SS, st->error);
    }
    return (uint32_t)(ea + s->base);
}

void x86_stack_push(struct x86_cpu *c, struct x86_stack *st, unsigned size, uint64_t v)
{
    uint64_t ea = (st->sp - size) & st->mask;

    x86_sys_st(c, st->ctx, stack_lin(c, st, ea, size), size, v);
    st->sp = (st->sp & ~st->mask) | ea;
}

uint64_t x86_stack_pop(struct x86_cpu *c, struct x86_stack *st, unsigned size)
{
    uint64_t v = x86_stack_peek(c, st, 0, size);

    st->sp = (st->sp & ~st->mask) | ((st->sp + size) & st->mask);
    return v;
}

uint64_t x86_stack_peek(struct x86_cpu *c, const struct x86_stack *st, unsigned offset,
                        unsigned size)
{
    uint64_t ea = (st->sp + offset) & st->mask;

    return x86_sys_ld(c, st->ctx, stack_lin(c, st, ea, size), size);
}
