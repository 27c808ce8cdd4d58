/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * msr_tab: plain registers are rows; registers that do something are cases [SDM4], [APM2 A].
 */
#include "arch/x86/msr.h"

#include "arch/x86/flags.h"
#include "arch/x86/kvm_pv.h"
#include "arch/x86/lapic.h"
#include "arch/x86/mmu.h"
#include "arch/x86/model.h"
#include "arch/x86/tlb.h"
#include "base/trace.h"
#include "core/machine.h"

enum msr_check { ANY, CANONICAL, READ_ONLY };

struct msr_row {
    uint32_t msr;
    uint32_t offset; /* of the uint64_t in struct x86_state; 0: a constant */
    enum msr_check check;
    uint64_t writable; /* other bits must be 0 on a write */
    uint64_t constant;
};

#define REG(nr, member, check_, mask) \
    {.msr = nr, .offset = offsetof(struct x86_state, member), .check = check_, .writable = mask}
#define CONST(nr, value) {.msr = nr, .check = READ_ONLY, .constant = value}
/* Written with anything, remembered by nobody: chip set-up that has no effect here. */
#define IGNORED(nr, value) {.msr = nr, .check = ANY, .writable = UINT64_MAX, .constant = value}

static const struct msr_row rows[] = {
    REG(0x174, sysenter_cs, ANY, UINT32_MAX),
    REG(0x175, sysenter_esp, CANONICAL, UINT64_MAX),
    REG(0x176, sysenter_eip, CANONICAL, UINT64_MAX),
    REG(0x17a, mcg_status, ANY, 7),
    REG(0x1a0, misc_enable, ANY, UINT64_MAX),
    REG(0x1d9, debugctl, ANY, 0x3f),
    REG(0xda0, xss, ANY, 0),
    REG(0xc0000081, star, ANY, UINT64_MAX),
    REG(0xc0000082, lstar, CANONICAL, UINT64_MAX),
    REG(0xc0000083, cstar, CANONICAL, UINT64_MAX),
    REG(0xc0000084, sfmask, ANY, UINT32_MAX),
    REG(0xc0000102, kernel_gs_base, CANONICAL, UINT64_MAX),
    REG(0xc0000103, tsc_aux, ANY, UINT32_MAX),
    REG(0xc0010015, hwcr, ANY, UINT64_MAX),
    REG(0xc0010010, syscfg, ANY, UINT64_MAX),
    CONST(0x17, 0),       /* platform id */
    CONST(0xfe, 0x0508),  /* MTRRCAP: 8 variable ranges, fixed ranges, WC */
    CONST(0x179, 0),      /* MCG_CAP: no banks */
    IGNORED(0x8b, 0),     /* microcode patch level */
    IGNORED(0x79, 0),     /* microcode update */
    IGNORED(0x17b, 0),    /* MCG_CTL */
    IGNORED(0x1d8, 0), IGNORED(0x1db, 0), IGNORED(0x1dc, 0), IGNORED(0x1dd, 0), IGNORED(0x1de, 0),
    IGNORED(0xc0010004, 0), IGNORED(0xc0010005, 0), IGNORED(0xc0010006, 0), IGNORED(0xc0010007, 0),
    IGNORED(0xc0010000, 0), IGNORED(0xc0010001, 0), IGNORED(0xc0010002, 0), IGNORED(0xc0010003, 0),
    IGNORED(0xc001001f, 0), /* northbridge configuration */
    IGNORED(0xc0010055, 0), /* interrupt pending: no C1E */
    IGNORED(0xc0010058, 0), /* no MMIO configuration base */
    CONST(0xc0010061, 0),   /* one P-state */
    CONST(0xc0010062, 0), CONST(0xc0010063, 0), CONST(0xc0010064, 0x8000000000000000),
    IGNORED(0xc0010112, 0), IGNORED(0xc0010113, 0), /* TSEG: no SMM */
    IGNORED(0xc0010114, 0), /* VM_CR: SVM absent */
    IGNORED(0xc0010117, 0),
    CONST(0xc0010140, 0), CONST(0xc0010141, 0), /* OSVW: no errata */
    IGNORED(0xc0011005, 0),
    IGNORED(0xc0011020, 0), IGNORED(0xc0011021, 0), IGNORED(0xc0011022, 0), IGNORED(0xc0011023, 0),
    IGNORED(0xc0011029, 2), /* DE_CFG: LFENCE serialises */
    IGNORED(0xc001102a, 0), IGNORED(0xc001102c, 0), IGNORED(0xc001102d, 0),
};

static const struct msr_row *find_row(uint32_t msr)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].msr == msr)
            return &rows[i];
    return NULL;
}

static uint64_t *row_value(struct x86_cpu *c, const struct msr_row *r)
{
    return (uint64_t *)(void *)((char *)&c->s + r->offset);
}

/* MTRRs: variable base/mask pairs at 200h, fixed ranges scattered, default type at 2ffh. */
static uint64_t *mtrr_slot(struct x86_cpu *c, uint32_t msr)
{
    static const uint16_t fixed[11] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                       0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

    if (msr >= 0x200 && msr < 0x210)
        return msr & 1 ? &c->s.mtrr.mask[(msr - 0x200) / 2] : &c->s.mtrr.base[(msr - 0x200) / 2];
    if (msr == 0x2ff)
        return &c->s.mtrr.def_type;
    for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
        if (fixed[i] == msr)
            return &c->s.mtrr.fixed[i];
    return NULL;
}

static bool is_memory_type(uint64_t t)
{
    return t == 0 || t == 1 || t == 4 || t == 5 || t == 6;
}

static bool mtrr_valid(const struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    if (msr == 0x2ff)
        return is_memory_type(v & 0xff) && !(v & ~UINT64_C(0xcff));
    if (msr >= 0x250) {
        for (unsigned i = 0; i < 64; i += 8)
            if (!is_memory_type(v >> i & 0xff))
                return false;
        return true;
    }
    if (v & ~(c->pa_mask | 0xfff))
        return false;
    return msr & 1 ? !(v & 0x7ff) : is_memory_type(v & 0xff) && !(v & 0xf00);
}

static bool pat_valid(uint64_t v)
{
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t t = v >> i & 0xff;
        if (t > 7 || t == 2 || t == 3)
            return false;
    }
    return true;
}

void x86_sync_time(struct x86_cpu *c)
{
    struct clock *clock = &c->vcpu->machine->clock;

    if (!clock->deterministic || !c->cur)
        return;
    uint64_t before = (uint64_t)(c->cur - c->first);
    clock_advance(clock, before - c->synced);
    c->synced = before;
}

uint64_t x86_tsc(struct x86_cpu *c)
{
    x86_sync_time(c);
    return clock_tsc(&c->vcpu->machine->clock) + c->s.tsc_offset;
}

bool x86_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
    const struct msr_row *r = find_row(msr);
    const uint64_t *mtrr;

    x86_sync_time(c);
    if (r) {
        *v = r->offset ? *row_value(c, r) : r->constant;
        return true;
    }
    if (msr >= 0x800 && msr < 0x900)
        return lapic_msr_read(c->lapic, msr, v);
    if (kvm_pv_rdmsr(c, msr, v))
        return true;
    if ((mtrr = mtrr_slot(c, msr))) {
        *v = *mtrr;
        return true;
    }
    switch (msr) {
    case 0x10:
        *v = x86_tsc(c);
        return true;
    case 0x1b:
        *v = c->s.apic_base;
        return true;
    case 0x3b:
        *v = c->s.tsc_adjust;
        return true;
    case 0x277:
        *v = c->s.pat;
        return true;
    case 0x6e0:
        *v = lapic_deadline_read(c->lapic);
        return true;
    case 0xc0000080:
        *v = c->s.efer;
        return true;
    case 0xc0000100:
        *v = c->s.seg[SEG_FS].base;
        return true;
    case 0xc0000101:
        *v = c->s.seg[SEG_GS].base;
        return true;
    default:
        TRACE(msr_unknown, "read %#x", msr);
        return false;
    }
}

static bool set_segment_base(struct x86_cpu *c, unsigned seg, uint64_t v)
{
    if (!x86_is_canonical(v))
        return false;
    c->s.seg[seg].base = v;
    x86_derive(c);
    return true;
}

bool x86_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    const struct msr_row *r = find_row(msr);
    uint64_t *mtrr;
    bool ok = true;

    x86_sync_time(c);
    if (r) {
        if (r->check == READ_ONLY || (v & ~r->writable) ||
            (r->check == CANONICAL && !x86_is_canonical(v)))
            return false;
        if (r->offset)
            *row_value(c, r) = v;
        return true;
    }
    if (msr >= 0x800 && msr < 0x900)
        return lapic_msr_write(c->lapic, msr, v);
    if (kvm_pv_wrmsr(c, msr, v, &ok))
        return ok;
    if ((mtrr = mtrr_slot(c, msr))) {
        if (!mtrr_valid(c, msr, v))
            return false;
        *mtrr = v;
        return true;
    }
    switch (msr) {
    case 0x10:
        v -= x86_tsc(c);
        c->s.tsc_offset += v;
        c->s.tsc_adjust += v;
        return true;
    case 0x1b:
        return lapic_set_base(c->lapic, v);
    case 0x3b:
        c->s.tsc_offset += v - c->s.tsc_adjust;
        c->s.tsc_adjust = v;
        return true;
    case 0x277:
        if (!pat_valid(v))
            return false;
        c->s.pat = v;
        return true;
    case 0x6e0:
        lapic_deadline_write(c->lapic, v);
        return true;
    case 0xc0000080:
        x86_set_efer(c, v);
        return true;
    case 0xc0000100:
        return set_segment_base(c, SEG_FS, v);
    case 0xc0000101:
        return set_segment_base(c, SEG_GS, v);
    default:
        TRACE(msr_unknown, "write %#x value %#" PRIx64, msr, v);
        return false;
    }
}
