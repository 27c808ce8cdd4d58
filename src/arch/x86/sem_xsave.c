/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * FXSAVE, FXRSTOR, the XSAVE family, LDMXCSR, STMXCSR, XGETBV, XSETBV. [SDM1 10.5, 13; APM2 11.4]
 *
 *    0  FCW 2, FSW 2, FTW 1 (abridged), 0, FOP 2, FIP 8, FDP 8  (or FIP 4 FCS 2 0, FDP 4 FDS 2 0)
 *   24  MXCSR 4, MXCSR_MASK 4
 *   32  ST0..ST7, 16 bytes each (10 used)
 *  160  XMM0..XMM15
 *  512  header: XSTATE_BV 8, XCOMP_BV 8, zeros 48
 *  576  upper halves of YMM0..YMM15 (standard and compacted layout alike: no component between)
 *
 * XINUSE is exact: a component is in its initial configuration when its bytes are. The modified
 * optimisation is not used. Reserved bytes are not written.
 */
#include "arch/x86/model.h"
#include "arch/x86/simd.h"
#include "arch/x86/x87.h"
#include "base/endian.h"

enum {
    XC_X87 = 1,
    XC_SSE = 2,
    XC_AVX = 4,
};

#define XCOMP_COMPACTED BIT64(63)

#define MXCSR_MASK 0xffffu
#define MXCSR_INIT 0x1f80u

#define AREA_MXCSR 24u
#define AREA_ST 32u
#define AREA_XMM 160u
#define AREA_HEADER 512u
#define AREA_AVX 576u
#define HEADER_SIZE 64u

/* XMM and YMM registers that the current mode can see. */
static unsigned vector_count(const struct x86_cpu *c)
{
    return c->mode & MODE_CODE64 ? 16 : 8;
}

static bool wide_pointers(const struct x86_cpu *c, const struct x86_insn *in)
{
    return simd_w64(c, in);
}

/* XRSTOR's initial configuration: as FNINIT, and the registers are zero. */
static void x87_clear(struct x86_cpu *c)
{
    memset(c->s.fpr, 0, sizeof(c->s.fpr));
    x87_init(c);
}

static bool x87_in_use(const struct x86_cpu *c)
{
    bool any = c->s.fcw != 0x37f || c->s.fsw || c->s.ftw || c->s.fop || c->s.fip || c->s.fdp ||
               c->s.fcs || c->s.fds;

    for (unsigned i = 0; i < 8; i++)
        any |= c->s.fpr[i].mant || c->s.fpr[i].se;
    return any;
}

/* XINUSE [SDM1 13.6]. */
static uint64_t in_use(const struct x86_cpu *c)
{
    uint64_t low = 0, high = 0;

    for (unsigned i = 0; i < 16; i++) {
        low |= c->s.ymm[i].q[0] | c->s.ymm[i].q[1];
        high |= c->s.ymm[i].q[2] | c->s.ymm[i].q[3];
    }
    return (x87_in_use(c) ? XC_X87 : 0) | (low ? XC_SSE : 0) | (high ? XC_AVX : 0);
}

/* ---- stores: the caller has checked that all of the area can be written ---- */

static void store_x87(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
    uint8_t area[AREA_XMM];

    x87_save_area(c, area, wide_pointers(c, in));
    x86_st_bytes(c, in->seg, ea, area, AREA_MXCSR);
    x86_st_bytes(c, in->seg, simd_part(in, ea, AREA_ST), area + AREA_ST, AREA_XMM - AREA_ST);
}

static void store_mxcsr(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
    x86_st64(c, in->seg, simd_part(in, ea, AREA_MXCSR), c->s.mxcsr | (uint64_t)MXCSR_MASK << 32);
}

/* Half 0: XMM registers; half 1: the upper halves. */
static void store_halves(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, unsigned half)
{
    unsigned count = vector_count(c);
    uint64_t v[32];

    for (unsigned i = 0; i < count; i++)
        memcpy(&v[2 * i], &c->s.ymm[i].q[2 * half], 16);
    x86_st_bytes(c, in->seg, ea, v, count * 16);
}

static void load_halves(struct x86_cpu *c, const uint8_t *from, unsigned half)
{
    for (unsigned i = 0; i < vector_count(c); i++)
        memcpy(&c->s.ymm[i].q[2 * half], from + 16 * i, 16);
}

static void clear_halves(struct x86_cpu *c, unsigned half)
{
    for (unsigned i = 0; i < vector_count(c); i++)
        c->s.ymm[i].q[2 * half] = c->s.ymm[i].q[2 * half + 1] = 0;
}

/* ---- FXSAVE ---- */

static uint64_t fx_begin(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = x86_ea(c, in);

    if (c->s.cr0 & (CR0_EM | CR0_TS))
        x86_raise(c, EXC_NM);
    simd_align(c, in, ea, 16);
    return ea;
}

/* Fast FXSAVE leaves the XMM registers out [APM2 11.4.4]. */
static bool fx_has_xmm(const struct x86_cpu *c)
{
    bool fast = (c->s.efer & EFER_FFXSR) && (c->mode & MODE_CODE64) && c->cpl == 0;

    return (c->s.cr4 & CR4_OSFXSR) && !fast;
}

void sem_fxsave(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = fx_begin(c, in);

    x86_probe_w(c, in->seg, simd_part(in, ea, 511), 1); /* the processor's order: CR2 tells */
    x86_probe_w(c, in->seg, ea, 512);
    store_x87(c, in, ea);
    store_mxcsr(c, in, ea);
    if (fx_has_xmm(c))
        store_halves(c, in, simd_part(in, ea, AREA_XMM), 0);
}

void sem_fxrstor(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = fx_begin(c, in);
    uint8_t area[512];

    (void)x86_ld8(c, in->seg, simd_part(in, ea, 511));
    x86_ld_bytes(c, in->seg, ea, area, sizeof(area));
    if (ld_le32(area + AREA_MXCSR) & ~MXCSR_MASK)
        x86_gp0(c);
    x87_load_area(c, area, wide_pointers(c, in));
    c->s.mxcsr = ld_le32(area + AREA_MXCSR);
    if (fx_has_xmm(c))
        load_halves(c, area + AREA_XMM, 0);
}

/* ---- XSAVE ---- */

/* Checks common to the family; the requested components, of those in `enabled`. */
static uint64_t xsave_begin(struct x86_cpu *c, const struct x86_insn *in, uint64_t enabled,
                            bool privileged, uint64_t *ea)
{
    if (!(c->s.cr4 & CR4_OSXSAVE))
        x86_ud(c);
    if (c->s.cr0 & CR0_TS)
        x86_raise(c, EXC_NM);
    if (privileged && c->cpl != 0)
        x86_gp0(c);
    *ea = x86_ea(c, in);
    simd_align(c, in, *ea, 64);
    return enabled & ((uint32_t)c->s.r[RAX] | c->s.r[RDX] << 32);
}

static void store_components(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea,
                             uint64_t components)
{
    if (components & XC_X87)
        store_x87(c, in, ea);
    if (components & XC_SSE)
        store_halves(c, in, simd_part(in, ea, AREA_XMM), 0);
    if (components & XC_AVX)
        store_halves(c, in, simd_part(in, ea, AREA_AVX), 1);
}

static void check_area(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, uint64_t rfbm)
{
    x86_probe_w(c, in->seg, ea, AREA_AVX + (rfbm & XC_AVX ? 256 : 0));
}

/* Standard layout; optimised: components in their initial configuration are not written. */
static void save_standard(struct x86_cpu *c, const struct x86_insn *in, bool optimised)
{
    uint64_t ea, rfbm = xsave_begin(c, in, c->s.xcr0, false, &ea);
    uint64_t used = in_use(c) & rfbm, old;

    check_area(c, in, ea, rfbm);
    old = x86_ld64(c, in->seg, simd_part(in, ea, AREA_HEADER));
    store_components(c, in, ea, optimised ? used : rfbm);
    if (rfbm & (XC_SSE | XC_AVX))
        store_mxcsr(c, in, ea);
    x86_st64(c, in->seg, simd_part(in, ea, AREA_HEADER), (old & ~rfbm) | used);
}

void sem_xsave(struct x86_cpu *c, const struct x86_insn *in)
{
    save_standard(c, in, false);
}

void sem_xsaveopt(struct x86_cpu *c, const struct x86_insn *in)
{
    save_standard(c, in, true);
}

/* Compacted layout, always with the init optimisation. MXCSR belongs to the SSE component. */
static void save_compacted(struct x86_cpu *c, const struct x86_insn *in, uint64_t enabled,
                           bool privileged)
{
    uint64_t ea, rfbm = xsave_begin(c, in, enabled, privileged, &ea);
    uint64_t used = in_use(c);

    if (c->s.mxcsr != MXCSR_INIT)
        used |= XC_SSE;
    used &= rfbm;
    check_area(c, in, ea, rfbm);
    store_components(c, in, ea, used);
    if (used & XC_SSE)
        store_mxcsr(c, in, ea);
    x86_st64(c, in->seg, simd_part(in, ea, AREA_HEADER), used);
    x86_st64(c, in->seg, simd_part(in, ea, AREA_HEADER + 8), rfbm | XCOMP_COMPACTED);
}

void sem_xsavec(struct x86_cpu *c, const struct x86_insn *in)
{
    save_compacted(c, in, c->s.xcr0, false);
}

void sem_xsaves(struct x86_cpu *c, const struct x86_insn *in)
{
    save_compacted(c, in, c->s.xcr0 | c->s.xss, true);
}

/* ---- XRSTOR ---- */

static bool any_bytes(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any;
}

/* Header rules [SDM1 13.8.1, 13.12]. */
static bool header_is_good(const uint8_t *header, uint64_t enabled, bool supervisor)
{
    uint64_t xstate_bv = ld_le64(header), xcomp_bv = ld_le64(header + 8);

    if (!(xcomp_bv & XCOMP_COMPACTED))
        return !supervisor && !(xstate_bv & ~enabled) && !any_bytes(header + 8, 16);
    xcomp_bv &= ~XCOMP_COMPACTED;
    return !(xcomp_bv & ~enabled) && !(xstate_bv & ~xcomp_bv) &&
           !any_bytes(header + 16, HEADER_SIZE - 16);
}

static void restore(struct x86_cpu *c, const struct x86_insn *in, uint64_t enabled, bool supervisor)
{
    uint64_t ea, rfbm = xsave_begin(c, in, enabled, supervisor, &ea), load;
    uint8_t area[AREA_AVX + 256];
    const uint8_t *header = area + AREA_HEADER;
    bool compacted, load_mxcsr, init_mxcsr;

    x86_ld_bytes(c, in->seg, ea, area, AREA_AVX);
    if (!header_is_good(header, enabled, supervisor))
        x86_gp0(c);
    load = rfbm & ld_le64(header);
    compacted = ld_le64(header + 8) & XCOMP_COMPACTED;
    load_mxcsr = compacted ? (load & XC_SSE) : (rfbm & (XC_SSE | XC_AVX));
    init_mxcsr = compacted && (rfbm & ~load & XC_SSE);
    if (load_mxcsr && (ld_le32(area + AREA_MXCSR) & ~MXCSR_MASK))
        x86_gp0(c);
    /* The standard layout is read to its end if it is asked for, the last byte first. */
    if ((compacted ? load : rfbm) & XC_AVX)
        (void)x86_ld8(c, in->seg, simd_part(in, ea, AREA_AVX + 255));
    if (load & XC_AVX)
        x86_ld_bytes(c, in->seg, simd_part(in, ea, AREA_AVX), area + AREA_AVX,
                     vector_count(c) * 16);

    if (load & XC_X87)
        x87_load_area(c, area, wide_pointers(c, in));
    else if (rfbm & XC_X87)
        x87_clear(c);
    if (load & XC_SSE)
        load_halves(c, area + AREA_XMM, 0);
    else if (rfbm & XC_SSE)
        clear_halves(c, 0);
    if (load & XC_AVX)
        load_halves(c, area + AREA_AVX, 1);
    else if (rfbm & XC_AVX)
        clear_halves(c, 1);
    if (load_mxcsr)
        c->s.mxcsr = ld_le32(area + AREA_MXCSR);
    else if (init_mxcsr)
        c->s.mxcsr = MXCSR_INIT;
}

void sem_xrstor(struct x86_cpu *c, const struct x86_insn *in)
{
    restore(c, in, c->s.xcr0, false);
}

void sem_xrstors(struct x86_cpu *c, const struct x86_insn *in)
{
    restore(c, in, c->s.xcr0 | c->s.xss, true);
}

/* ---- MXCSR, XCR0 ---- */

void sem_ldmxcsr(struct x86_cpu *c, const struct x86_insn *in)
{
    uint32_t v;

    simd_check(c, in);
    v = x86_ld32(c, in->seg, x86_ea(c, in));
    if (v & ~MXCSR_MASK)
        x86_gp0(c);
    c->s.mxcsr = v;
}

void sem_stmxcsr(struct x86_cpu *c, const struct x86_insn *in)
{
    simd_check(c, in);
    x86_st32(c, in->seg, x86_ea(c, in), c->s.mxcsr);
}

/* ECX 0: XCR0; 1: which of its components are in use. */
void sem_xgetbv(struct x86_cpu *c, const struct x86_insn *in)
{
    uint32_t ecx = (uint32_t)c->s.r[RCX];
    uint64_t v;

    (void)in;
    if (!(c->s.cr4 & CR4_OSXSAVE))
        x86_ud(c);
    if (ecx > 1)
        x86_gp0(c);
    v = ecx ? c->s.xcr0 & in_use(c) : c->s.xcr0;
    c->s.r[RAX] = (uint32_t)v;
    c->s.r[RDX] = v >> 32;
}

void sem_xsetbv(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = (uint32_t)c->s.r[RAX] | c->s.r[RDX] << 32;

    (void)in;
    if (!(c->s.cr4 & CR4_OSXSAVE))
        x86_ud(c);
    if (c->cpl != 0 || (uint32_t)c->s.r[RCX] != 0)
        x86_gp0(c);
    if (!(v & XC_X87) || (v & ~(uint64_t)c->model->xcr0) || ((v & XC_AVX) && !(v & XC_SSE)))
        x86_gp0(c);
    c->s.xcr0 = v;
    x86_end_block(c);
}
