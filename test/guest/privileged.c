/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Privileged behaviour, at random: microguests in every processor mode, with descriptor tables,
 * gates, task segments and page tables that are sometimes broken, run a few instructions that
 * change segments, privileges, tasks and modes. The outcome under the engine is compared with what
 * the host's own processor makes of it (through KVM); without KVM the runs only have to end.
 *
 * Not compared: the undefined, what KVM itself emulates otherwise than the processor, time.
 */
#include <stdio.h>

#include "lib/micro.h"
#include "lib/test.h"
#include "registry/registry.h"

enum {
    GDT = 0x1000, LDT = 0x1800, IDT = 0x2000, TSS_A = 0x3000, TSS_B = 0x3400, TSS_C = 0x3800,
    PD32 = 0x4000, PML4 = 0x5000, PDPT = 0x6000, PD = 0x7000, HANDLERS = 0x8000, PT = 0x9000,
    PT32 = 0xa000, PDPT_PAE = 0xb000, CODE = 0x10000, STACKS = 0x20000, DATA = 0x30000,
    PAGE_ABSENT = 0x31000, PAGE_READONLY = 0x33000, PAGE_SUPER = 0x35000,
};

enum {
    S_CODE64 = 1, S_DATA0, S_CODE32, S_CODE32_3, S_DATA3, S_CODE64_3, S_CODE16, S_DATA16,
    S_CONFORM0, S_CONFORM3, S_DOWN, S_ABSENT_DATA, S_ABSENT_CODE, S_READONLY, S_EXEC_ONLY,
    S_GATE = 16, S_GATE16 = 18, S_TSS_A = 20, S_TSS_B = 22, S_TSS_C = 24, S_TASK_GATE = 26,
    S_LDT = 28, S_DATA1 = 30, S_CODE1 = 31, S_COUNT = 32,
};

enum mode { REAL, VM86, PROT16, PROT32, LONG_COMPAT, LONG64, MODES };
static const char *const mode_names[] = {"real", "vm86", "prot16", "prot32", "compat", "long64"};

struct guest {
    enum mode mode;
    unsigned cpl;
    bool lma;
    struct x86_state s;
    uint8_t mem[MICRO_MEM];
    unsigned code_len;
    uint64_t rng;
};

static uint64_t rnd(struct guest *g, uint64_t n)
{
    return test_random(&g->rng) % n;
}

static void put(struct guest *g, uint64_t at, uint64_t v, unsigned n)
{
    memcpy(g->mem + at, &v, n);
}

/* ---- tables ---- */

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned attr)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(attr >> 8 & 15) << 52 |
           (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(unsigned sel, uint32_t off, unsigned type, unsigned low)
{
    return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)low << 32 | (uint64_t)type << 40 |
           (uint64_t)(off >> 16) << 48;
}

static void gdt_set(struct guest *g, unsigned i, uint64_t v)
{
    put(g, GDT + 8 * i, v, 8);
}

static void build_gdt(struct guest *g)
{
    const unsigned tss = 0x89, flat = 0xfffff;

    gdt_set(g, S_CODE64, descriptor(0, flat, 0xa9b));
    gdt_set(g, S_DATA0, descriptor(0, flat, 0xc93));
    gdt_set(g, S_CODE32, descriptor(0, flat, 0xc9b));
    gdt_set(g, S_CODE32_3, descriptor(0, flat, 0xcfb));
    gdt_set(g, S_DATA3, descriptor(0, flat, 0xcf3));
    gdt_set(g, S_CODE64_3, descriptor(0, flat, 0xafb));
    gdt_set(g, S_CODE16, descriptor(CODE, 0xffff, 0x09b));
    gdt_set(g, S_DATA16, descriptor(STACKS, 0xffff, 0x093));
    gdt_set(g, S_CONFORM0, descriptor(0, flat, 0xc9f));
    gdt_set(g, S_CONFORM3, descriptor(0, flat, 0xcff));
    gdt_set(g, S_DOWN, descriptor(0, 0x1f, 0xc97));
    gdt_set(g, S_ABSENT_DATA, descriptor(0, flat, 0xc13));
    gdt_set(g, S_ABSENT_CODE, descriptor(0, flat, 0xc1b));
    gdt_set(g, S_READONLY, descriptor(0, flat, 0xcf1));
    gdt_set(g, S_EXEC_ONLY, descriptor(0, flat, 0xcf9));
    gdt_set(g, S_TSS_A, descriptor(TSS_A, 0x3ff, tss | 2));
    gdt_set(g, S_TSS_B, descriptor(TSS_B, 0x3ff, tss));
    gdt_set(g, S_TSS_C, descriptor(TSS_C, 0xff, 0x81));
    gdt_set(g, S_TASK_GATE, gate(S_TSS_B * 8, 0, 0xe5, 0));
    gdt_set(g, S_LDT, descriptor(LDT, 0xff, 0x82));
    gdt_set(g, S_DATA1, descriptor(0, flat, 0xcb3));
    gdt_set(g, S_CODE1, descriptor(0, flat, 0xcbb));
    if (g->lma) {
        gdt_set(g, S_GATE, gate(S_CODE64 * 8, HANDLERS + 0x200, 0xec, 0));
        gdt_set(g, S_GATE16, gate(S_CODE64_3 * 8 + 3, HANDLERS + 0x210, 0xec, 0));
    } else {
        gdt_set(g, S_GATE, gate(S_CODE32 * 8, HANDLERS + 0x200, 0xec, (unsigned)rnd(g, 4)));
        gdt_set(g, S_GATE16, gate(S_CODE32 * 8, HANDLERS + 0x210, 0xe4, (unsigned)rnd(g, 3)));
    }
    for (unsigned i = 0; i < 32; i++) /* the LDT: copies, accessible or not */
        put(g, LDT + 8 * i, rnd(g, 2) ? descriptor(0, flat, 0xcf3) : descriptor(0, flat, 0xcfb), 8);
}

static void build_idt(struct guest *g)
{
    for (unsigned v = 0; v < 256; v++) {
        unsigned sel = g->lma ? S_CODE64 * 8 : S_CODE32 * 8, type = 0x8e, low = 0;
        uint32_t off = HANDLERS + v;
        if (v == 3 || v == 4 || (v >= 0x20 && v & 1))
            type |= 0x60;
        if (v >= 0x20 && rnd(g, 4) == 0)
            type |= 1;
        if (v >= 0x20 && rnd(g, 8) == 0 && !g->lma)
            type &= ~8u; /* 16-bit gate */
        if (v >= 0x20 && rnd(g, 16) == 0)
            type &= ~0x80u;
        if (v >= 0x20 && rnd(g, 8) == 0)
            sel = 8 * (unsigned)rnd(g, S_COUNT);
        if (v >= 0x20 && rnd(g, 16) == 0 && !g->lma) {
            type = 0xe5;
            sel = S_TSS_B * 8;
        }
        if (g->lma && rnd(g, 8) == 0)
            low = (unsigned)rnd(g, 8);
        put(g, IDT + (g->lma ? 16 : 8) * v, gate(sel, off, type, low), 8);
        if (g->lma)
            put(g, IDT + 16 * v + 8, 0, 8);
        put(g, 4 * v, (uint64_t)(HANDLERS >> 4) << 16 | v, 4); /* real mode's table */
    }
}

static void build_tss(struct guest *g)
{
    if (g->lma) {
        for (unsigned i = 0; i < 3; i++)
            put(g, TSS_A + 4 + 8 * i, STACKS + 0x1800 + 0x1000 * i, 8);
        for (unsigned i = 0; i < 7; i++)
            put(g, TSS_A + 0x24 + 8 * i, STACKS + 0x5808 + 0x800 * i, 8);
        put(g, TSS_A + 0x66, 0x68 + 32, 2);
    } else {
        for (unsigned i = 0; i < 3; i++) {
            put(g, TSS_A + 4 + 8 * i, STACKS + 0x1800 + 0x1000 * i, 4);
            put(g, TSS_A + 8 + 8 * i, i == 0 ? S_DATA0 * 8 : i == 1 ? S_DATA1 * 8 + 1 : 0, 2);
        }
        put(g, TSS_A + 0x66, 0x68 + 32, 2);
        /* the other tasks halt at once */
        const unsigned segs[6] = {S_DATA0 * 8, S_CODE32 * 8, S_DATA0 * 8,
                                  S_DATA0 * 8, S_DATA3 * 8 + 3, 0};
        for (unsigned i = 0; i < 6; i++)
            put(g, TSS_B + 0x48 + 4 * i, segs[i], 2);
        put(g, TSS_B + 0x1c, g->s.cr3, 4);
        put(g, TSS_B + 0x20, HANDLERS + 0x220, 4);
        put(g, TSS_B + 0x24, rnd(g, 2) ? 2 : 0x4002, 4);
        put(g, TSS_B + 0x38, STACKS + 0x9800, 4);
        put(g, TSS_B, S_TSS_A * 8, 2);
        for (unsigned i = 0; i < 4; i++)
            put(g, TSS_C + 0x22 + 2 * i, i == 1 ? S_CODE16 * 8 : S_DATA16 * 8, 2);
        put(g, TSS_C + 0x0e, 0xf00, 2);
        put(g, TSS_C + 0x10, 2, 2);
        put(g, TSS_C + 0x1a, 0x9800, 2);
    }
    for (unsigned i = 0; i < 256; i++) /* redirection map, I/O map */
        g->mem[TSS_A + 0x68 + i] = rnd(g, 2) ? 0 : 0xff;
}

static unsigned page_flags(uint64_t page)
{
    return page == PAGE_ABSENT ? 0x66 : page == PAGE_READONLY ? 0x65 : page == PAGE_SUPER ? 0x63 : 0x67;
}

static void build_pages(struct guest *g)
{
    put(g, PML4, PDPT | 0x27, 8);
    put(g, PDPT, PD | 0x27, 8);
    put(g, PDPT_PAE, PD | 1, 8);
    put(g, PD, PT | 0x27, 8);
    put(g, PD32, PT32 | 0x27, 4);
    for (uint64_t p = 0; p < MICRO_MEM; p += 4096) {
        put(g, PT + p / 4096 * 8, p | page_flags(p), 8);
        put(g, PT32 + p / 4096 * 4, p | page_flags(p), 4);
    }
}

/* ---- processor state ---- */

static void seg_from(struct guest *g, unsigned seg, unsigned index, unsigned rpl)
{
    uint64_t d;

    memcpy(&d, g->mem + GDT + 8 * index, 8);
    unsigned attr = (unsigned)(d >> 40 & 0xff) | (unsigned)(d >> 44 & 0xf00);
    uint32_t limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000);
    g->s.seg[seg] = (struct x86_seg){
        .sel = (uint16_t)(index * 8 + rpl),
        .attr = (uint16_t)attr,
        .limit = attr & SEG_A_G ? limit << 12 | 0xfff : limit,
        .base = (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 32 & 0xff000000),
    };
}

static void seg_real(struct guest *g, unsigned seg, unsigned sel, unsigned attr)
{
    g->s.seg[seg] = (struct x86_seg){
        .sel = (uint16_t)sel, .attr = (uint16_t)attr, .limit = 0xffff, .base = sel << 4};
}

static void build_segments(struct guest *g)
{
    unsigned code = S_CODE32, data = S_DATA0, rpl = g->cpl;

    if (g->mode == REAL || g->mode == VM86) {
        unsigned attr = g->mode == VM86 ? 0xf3 : 0x93;
        for (unsigned i = 0; i < 6; i++)
            seg_real(g, i, DATA >> 4, attr);
        seg_real(g, SEG_CS, CODE >> 4, g->mode == VM86 ? 0xf3 : 0x9b);
        seg_real(g, SEG_SS, STACKS >> 4, attr);
    } else {
        if (g->mode == LONG64)
            code = rpl ? S_CODE64_3 : S_CODE64;
        else if (g->mode == PROT16)
            code = S_CODE16;
        else
            code = rpl == 1 ? S_CODE1 : rpl ? S_CODE32_3 : S_CODE32;
        data = rpl == 1 ? S_DATA1 : rpl ? S_DATA3 : S_DATA0;
        for (unsigned i = 0; i < 6; i++)
            seg_from(g, i, data, rpl);
        if (g->mode == PROT16)
            seg_from(g, SEG_SS, S_DATA16, 0);
        seg_from(g, SEG_CS, code, rpl);
    }
    seg_from(g, SEG_TR, S_TSS_A, 0);
    seg_from(g, SEG_LDTR, S_LDT, 0);
}

static uint64_t value(struct guest *g)
{
    switch (rnd(g, 6)) {
    case 0: return rnd(g, S_COUNT) * 8 + rnd(g, 4);      /* selector */
    case 1: return rnd(g, 32) * 8 + 4 + rnd(g, 4);       /* selector of the LDT */
    case 2: return DATA + rnd(g, 0x6000);
    case 3: return CODE + rnd(g, 64);
    case 4: return rnd(g, 0x100);
    default: return test_random(&g->rng);
    }
}

static void build_state(struct guest *g)
{
    struct x86_state *s = &g->s;
    bool wide = g->mode == LONG64, small = g->mode <= PROT16;

    *s = (struct x86_state){0};
    s->cr0 = CR0_ET | CR0_NE | CR0_MP | (g->mode == REAL ? 0 : CR0_PE);
    s->dr[6] = 0xffff0ff0;
    s->dr[7] = 0x400;
    if (rnd(g, 2))
        s->cr0 |= CR0_WP;
    if (rnd(g, 4) == 0)
        s->cr0 |= CR0_AM;
    if (g->lma) {
        s->cr0 |= CR0_PG;
        s->cr4 |= CR4_PAE;
        s->efer = EFER_LME | EFER_LMA;
        s->cr3 = PML4;
    } else if (g->mode != REAL && rnd(g, 2)) {
        s->cr0 |= CR0_PG;
        s->cr3 = PD32;
        if (rnd(g, 2)) {
            s->cr4 |= CR4_PAE;
            s->cr3 = PDPT_PAE;
            s->pdpte[0] = PD | 1;
        }
    }
    if (rnd(g, 2))
        s->cr4 |= CR4_PVI | (getenv("QUAD_DUMP") ? 0 : CR4_VME);
    if (rnd(g, 2))
        s->efer |= EFER_SCE;
    if (rnd(g, 4) == 0)
        s->cr4 |= CR4_UMIP;
    if (rnd(g, 2))
        s->cr4 |= CR4_FSGSBASE;
    s->gdtr = (struct x86_dtable){GDT, S_COUNT * 8 - 1};
    s->idtr = (struct x86_dtable){g->mode == REAL ? 0 : IDT,
                                  g->mode == REAL ? 0x3ff : g->lma ? 0xfff : 0x7ff};
    s->rflags = FL_1 | (test_random(&g->rng) & (FL_ARITH | FL_DF)) | rnd(g, 4) << FL_IOPL_SHIFT;
    if (rnd(g, 2))
        s->rflags |= FL_IF;
    if (g->mode == VM86)
        s->rflags |= FL_VM | (rnd(g, 4) == 0 ? FL_VIP : 0) | (rnd(g, 2) ? FL_VIF : 0);
    if (rnd(g, 8) == 0 && g->mode != REAL)
        s->rflags |= FL_NT;
    if (rnd(g, 8) == 0)
        s->rflags |= FL_TF;
    if (rnd(g, 8) == 0)
        s->rflags |= FL_AC;
    for (unsigned i = 0; i < (wide ? 16 : 8); i++)
        s->r[i] = wide ? value(g) : (uint32_t)value(g);
    s->r[RSP] = small ? 0x800 : STACKS + 0x800;
    s->r[X86_RIP] = small ? 0 : CODE;
    s->star = (uint64_t)(S_CODE32_3 * 8 - 8 + 3) << 48 | (uint64_t)(S_CODE64 * 8) << 32 | 0x8230;
    s->lstar = HANDLERS + 0x230;
    s->cstar = HANDLERS + 0x240;
    s->sfmask = rnd(g, 2) ? 0x700 : 0;
    s->sysenter_cs = S_DATA0 * 8 * rnd(g, 2);
    s->sysenter_esp = STACKS + 0xa800;
    s->sysenter_eip = HANDLERS + 0x250;
    s->kernel_gs_base = DATA;
}

/* ---- code ---- */

static void code(struct guest *g, uint64_t v, unsigned n)
{
    put(g, CODE + g->code_len, v, n);
    g->code_len += n;
}

static unsigned some_sel(struct guest *g)
{
    if (g->mode == REAL || g->mode == VM86)
        return (unsigned)(rnd(g, 2) ? CODE >> 4 : DATA >> 4);
    return (unsigned)(rnd(g, 8) == 0 ? rnd(g, 0x10000) : rnd(g, S_COUNT) * 8 + rnd(g, 8));
}

static unsigned some_off(struct guest *g)
{
    return (unsigned)(rnd(g, 4) ? HANDLERS + 0x260 + rnd(g, 16) : rnd(g, 4) ? rnd(g, 0x10000)
                                                                          : test_random(&g->rng));
}

/* What is pushed for a return: the real thing, mostly. */
static void push_value(struct guest *g, uint64_t v)
{
    bool small = g->mode <= PROT16;

    if (small && rnd(g, 16))
        code(g, 0x68, 1), code(g, v, 2);
    else
        code(g, 0x68, 1), code(g, v, small ? 2 : 4);
}

static void random_frame(struct guest *g, bool flags)
{
    unsigned fl = 2 | (unsigned)(test_random(&g->rng) & 0xcd5) | (unsigned)rnd(g, 4) << 12;

    if (rnd(g, 4) == 0)
        fl |= 0x4000;
    if (rnd(g, 4) == 0 && g->mode >= PROT32)
        fl |= (unsigned)(test_random(&g->rng) & 0x3f0000);
    if (fl & FL_VM) {
        for (unsigned i = 0; i < 4; i++)
            push_value(g, DATA >> 4);
    }
    push_value(g, rnd(g, 4) ? (rnd(g, 2) ? S_DATA3 * 8 + 3 : S_DATA0 * 8) : some_sel(g));
    push_value(g, STACKS + 0xb800);
    if (flags)
        push_value(g, fl);
    push_value(g, rnd(g, 4) ? (rnd(g, 2) ? (g->lma ? S_CODE64_3 : S_CODE32_3) * 8 + 3
                                         : (g->lma ? S_CODE64 : S_CODE32) * 8)
                            : some_sel(g));
    push_value(g, some_off(g));
}

static void modrm_mem(struct guest *g, unsigned reg)
{
    bool small = g->mode <= PROT16 ;
    unsigned disp = (unsigned)rnd(g, 0x6000);

    if (rnd(g, 4) == 0)
        disp = (disp & ~0xfffu) + 0xffc + (unsigned)rnd(g, 4);
    if (small) {
        code(g, 6 | reg << 3, 1);
        code(g, g->mode == PROT16 ? disp & 0xfff : disp, 2);
    } else if (g->mode == LONG64) {
        code(g, 4 | reg << 3, 1);
        code(g, 0x25, 1);
        code(g, DATA + disp, 4);
    } else {
        code(g, 5 | reg << 3, 1);
        code(g, DATA + disp, 4);
    }
}

static void prefixes(struct guest *g)
{
    static const uint8_t segs[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

    if (rnd(g, 8) == 0)
        code(g, segs[rnd(g, 6)], 1);
    if (rnd(g, 4) == 0)
        code(g, 0x66, 1);
    if (rnd(g, 16) == 0)
        code(g, 0x67, 1);
    if (g->mode == LONG64 && rnd(g, 3) == 0)
        code(g, 0x48, 1);
}

static void modrm_any(struct guest *g, unsigned reg)
{
    if (rnd(g, 2))
        modrm_mem(g, reg);
    else
        code(g, 0xc0 | reg << 3 | rnd(g, 8), 1);
}

static void load_eax(struct guest *g, uint64_t v)
{
    if (g->mode <= PROT16)
        code(g, 0x66, 1);
    code(g, 0xb8, 1);
    code(g, v, 4);
}

static void one_insn(struct guest *g)
{
    static const uint8_t plain[] = {0xcc, 0xce, 0xfa, 0xfb, 0x9c, 0x9d, 0x06, 0x07, 0x16, 0x17,
                                    0x0e, 0x1e, 0x1f, 0x60, 0x61, 0xc9, 0xf8, 0xcf, 0xcb, 0xec,
                                    0xee, 0x6c, 0x6e, 0xa4, 0xa5, 0xaa, 0xac, 0xa6, 0xf1, 0xc3};
    static const uint8_t plain0f[] = {0x05, 0x06, 0x07, 0x34, 0x35, 0xa0, 0xa1, 0xa8, 0xa9, 0x0b,
                                      0x30 /* replaced below */};
    unsigned k = (unsigned)rnd(g, 29);

    switch (k) {
    case 0:
        prefixes(g);
        code(g, 0x8e, 1);
        modrm_any(g, (unsigned)rnd(g, 6));
        break;
    case 1:
        prefixes(g);
        code(g, 0x8c, 1);
        modrm_any(g, (unsigned)rnd(g, 6));
        break;
    case 2: { /* far JMP or CALL */
        bool wide = g->mode > PROT16;
        code(g, rnd(g, 2) ? 0xea : 0x9a, 1);
        code(g, some_off(g), wide ? 4 : 2);
        code(g, some_sel(g), 2);
        break;
    }
    case 3: { /* through memory */
        unsigned at = (unsigned)rnd(g, 0x800), n = g->mode > PROT16 ? 4 : 2;
        put(g, DATA + at, some_off(g), n);
        put(g, DATA + at + n, some_sel(g), 2);
        code(g, 0xff, 1);
        unsigned reg = rnd(g, 2) ? 3 : 5;
        if (n == 2) {
            code(g, 6 | reg << 3, 1);
            code(g, at, 2);
        } else if (g->mode == LONG64) {
            code(g, 4 | reg << 3, 1);
            code(g, 0x25, 1);
            code(g, DATA + at, 4);
        } else {
            code(g, 5 | reg << 3, 1);
            code(g, DATA + at, 4);
        }
        break;
    }
    case 4:
    case 5: /* IRET with a frame */
        random_frame(g, true);
        if (g->mode == LONG64)
            code(g, 0x48, 1);
        code(g, 0xcf, 1);
        break;
    case 6: /* far RET with a frame */
        random_frame(g, false);
        if (g->mode == LONG64)
            code(g, 0x48, 1);
        if (rnd(g, 2)) {
            code(g, 0xcb, 1);
        } else {
            code(g, 0xca, 1);
            code(g, rnd(g, 4) * 8, 2);
        }
        break;
    case 7:
    case 8:
        code(g, 0xcd, 1);
        code(g, rnd(g, 256), 1);
        break;
    case 9: /* SLDT STR LLDT LTR VERR VERW */
        prefixes(g);
        code(g, 0x000f, 2);
        modrm_any(g, (unsigned)rnd(g, 6));
        break;
    case 10: /* LAR LSL */
        prefixes(g);
        code(g, 0x0f | (2 + rnd(g, 2)) << 8, 2);
        modrm_any(g, (unsigned)rnd(g, 8));
        break;
    case 11: /* ARPL, MOVSXD */
        code(g, 0x63, 1);
        modrm_any(g, (unsigned)rnd(g, 8));
        break;
    case 12: /* LES LDS, LSS LFS LGS */
        prefixes(g);
        if (rnd(g, 2)) {
            code(g, 0xc4 + rnd(g, 2), 1);
        } else {
            static const uint8_t op[] = {0xb2, 0xb4, 0xb5};
            code(g, 0x0f, 1);
            code(g, op[rnd(g, 3)], 1);
        }
        modrm_mem(g, (unsigned)rnd(g, 8));
        break;
    case 13:
    case 14:
        prefixes(g);
        code(g, plain[rnd(g, sizeof(plain))], 1);
        break;
    case 15:
        prefixes(g);
        code(g, 0x0f, 1);
        code(g, plain0f[rnd(g, sizeof(plain0f) - 1)], 1);
        break;
    case 16: /* POPF with a value */
        push_value(g, (test_random(&g->rng) & 0x7fd5) | 2);
        code(g, 0x9d, 1);
        break;
    case 17: /* memory */
        prefixes(g);
        code(g, 0x88 + rnd(g, 4), 1);
        modrm_mem(g, (unsigned)rnd(g, 8));
        break;
    case 18: /* ENTER */
        prefixes(g);
        code(g, 0xc8, 1);
        code(g, rnd(g, 0x100), 2);
        code(g, rnd(g, 2) ? rnd(g, 4) : rnd(g, 256), 1);
        break;
    case 19: /* IN OUT */
        prefixes(g);
        code(g, 0xe4 + rnd(g, 4), 1);
        code(g, rnd(g, 256), 1);
        break;
    case 20: /* SMSW, CLTS, SWAPGS, base registers, BOUND, PUSH and POP m */
        switch (rnd(g, 5)) {
        case 0: code(g, 0x010f, 2), modrm_any(g, 4); break;
        case 1: code(g, 0xf8010f, 3); break;
        case 2: code(g, 0xae0ff3, 3), code(g, 0xc0 | rnd(g, 32), 1); break;
        case 3: prefixes(g), code(g, 0x62, 1), modrm_mem(g, (unsigned)rnd(g, 8)); break;
        default: prefixes(g), code(g, rnd(g, 2) ? 0xff : 0x8f, 1), modrm_mem(g, g->mem[CODE + g->code_len - 1] == 0xff ? 6 : 0); break;
        }
        break;
    case 22:
    case 23: /* to another task */
        if (g->mode <= VM86 || g->mode == LONG64) {
            code(g, 0xcd, 1);
            code(g, 0x20 + rnd(g, 224), 1);
        } else {
            static const uint8_t to[] = {S_TSS_B, S_TSS_C, S_TASK_GATE, S_TSS_A};
            code(g, rnd(g, 2) ? 0xea : 0x9a, 1);
            code(g, 0, g->mode > PROT16 ? 4 : 2);
            code(g, to[rnd(g, 4)] * 8, 2);
        }
        break;
    case 24: { /* control registers */
        static const unsigned bits[] = {0, 1, 2, 3, 5, 16, 18, 29, 30, 31, 31, 31};
        uint64_t v = g->s.cr0 ^ UINT64_C(1) << bits[rnd(g, sizeof(bits) / sizeof(bits[0]))];
        load_eax(g, v);
        code(g, 0xc0220f, 3);
        break;
    }
    case 25: /* debug registers: a breakpoint near */
        load_eax(g, rnd(g, 2) ? DATA + rnd(g, 0x6000) : CODE + g->code_len + rnd(g, 48));
        code(g, 0xc0230f, 3);
        load_eax(g, 1 | rnd(g, 4) << 16 | rnd(g, 4) << 18 | (rnd(g, 8) == 0) << 13);
        code(g, 0xf8230f, 3);
        break;
    case 26: /* and back, LMSW, LGDT, LIDT, INVLPG */
        if (rnd(g, 2)) {
            code(g, 0x0f | (0x20 + rnd(g, 2)) << 8, 2);
            code(g, 0xc0 | rnd(g, 64), 1);
        } else {
            code(g, 0x010f, 2);
            modrm_any(g, rnd(g, 2) ? 6 : 7);
        }
        break;
    case 27: /* the stack's edge, an odd stack */
        load_eax(g, g->s.r[RSP] - rnd(g, 0x20) * 0x100 - rnd(g, 16));
        code(g, 0xc489, 2);
        break;
    case 21: /* anything */
        for (unsigned n = 1 + (unsigned)rnd(g, 8); n; n--)
            code(g, test_random(&g->rng), 1);
        break;
    default: /* repeated strings */
        code(g, 0xf2 + rnd(g, 2), 1);
        code(g, rnd(g, 2) ? 0xa4 + rnd(g, 4) : 0xaa + rnd(g, 6), 1);
        break;
    }
}

/* ---- for another judge: test/guest/judge_qemu.py ---- */

enum { PARAMS = 0x60000, DUMPED = 0x61000 };

/* Put the start state where the judge's stub finds it; see there. */
static void put_params(struct guest *g)
{
    const struct x86_state *s = &g->s;
    bool inner = g->mode == REAL || (g->cpl == 0 && !g->lma);
    unsigned at = PARAMS, width = g->lma ? 8 : 4, frame, n = 0;
    uint64_t words[9];
    const uint64_t regs[] = {g->mode == REAL ? 0 : g->lma ? 2 : 1, s->cr0, s->cr3, s->cr4,
                             s->efer & ~(uint64_t)EFER_LMA};
    const uint64_t msr[] = {s->star,           s->lstar,      s->cstar,        s->sfmask,
                            s->kernel_gs_base, s->sysenter_cs, s->sysenter_esp, s->sysenter_eip};
    const unsigned sel[] = {S_LDT * 8, S_TSS_A * 8};

    for (unsigned i = 0; i < ARRAY_LEN(regs); i++)
        put(g, at + 8 * i, regs[i], 8);
    put(g, at + 0x28, s->gdtr.limit, 2);
    put(g, at + 0x2a, s->gdtr.base, 8);
    put(g, at + 0x38, s->idtr.limit, 2);
    put(g, at + 0x3a, s->idtr.base, 8);
    for (unsigned i = 0; i < ARRAY_LEN(msr); i++)
        put(g, at + 0x48 + 8 * i, msr[i], 8);
    put(g, at + 0x88, sel[0], 2);
    put(g, at + 0x8a, sel[1], 2);
    const unsigned segs[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < 4; i++)
        put(g, at + 0x90 + 2 * i, g->mode == VM86 ? 0 : s->seg[segs[i]].sel, 2);
    for (unsigned i = 0; i < 16; i++)
        put(g, at + 0x100 + 8 * i, s->r[i], 8);

    words[n++] = s->r[X86_RIP];
    words[n++] = s->seg[SEG_CS].sel;
    words[n++] = s->rflags;
    if (!inner) {
        words[n++] = s->r[RSP];
        words[n++] = s->seg[SEG_SS].sel;
    }
    if (g->mode == VM86) {
        const unsigned order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
        for (unsigned i = 0; i < 4; i++)
            words[n++] = s->seg[order[i]].sel;
    }
    frame = inner ? (unsigned)(s->seg[SEG_SS].base + s->r[RSP]) - n * width : PARAMS + 0x200;
    for (unsigned i = 0; i < n; i++)
        put(g, frame + i * width, words[i], width);
    put(g, at + 0x98, inner ? s->seg[SEG_SS].sel : S_DATA0 * 8, 2);
    put(g, at + 0xa0, inner ? s->r[RSP] - n * width : frame, 8);
}

static void dump_file(const char *dir, unsigned n, const char *suffix, const void *p, size_t size)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%u.%s", dir, n, suffix);
    FILE *f = fopen(path, "w");
    if (!f || fwrite(p, 1, size, f) != size)
        fail_msg("%s: cannot be written", path);
    fclose(f);
}

static void dump_case(const char *dir, unsigned n, uint64_t seed, const struct guest *g,
                      const struct micro_outcome *o)
{
    static const char *const segs[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR"};
    static const char *const ends[] = {"halt", "shutdown", "budget", "error"};
    char text[4000];
    int at = snprintf(text, sizeof(text), "seed %#" PRIx64 "\nmode %s-%u\nend %s\ncode ", seed,
                      mode_names[g->mode], g->cpl, ends[o->end]);

    for (unsigned i = 0; i < g->code_len; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%02x", g->mem[CODE + i]);
    at += snprintf(text + at, sizeof(text) - (size_t)at, "\n");
    for (unsigned i = 0; i < X86_NREG; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "r%u %" PRIx64 "\n", i, o->s.r[i]);
    for (unsigned i = 0; i < X86_NSEG; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s %x %" PRIx64 " %x %x\n", segs[i],
                       o->s.seg[i].sel, o->s.seg[i].base, o->s.seg[i].limit, o->s.seg[i].attr);
    at += snprintf(text + at, sizeof(text) - (size_t)at,
                   "FL %" PRIx64 "\nCR0 %" PRIx64 "\nCR2 %" PRIx64 "\nCR3 %" PRIx64
                   "\nCR4 %" PRIx64 "\nEFER %" PRIx64 "\nDR6 %" PRIx64 "\nDR7 %" PRIx64 "\n",
                   o->s.rflags, o->s.cr0, o->s.cr2, o->s.cr3, o->s.cr4, o->s.efer, o->s.dr[6],
                   o->s.dr[7]);
    dump_file(dir, n, "img", g->mem, DUMPED);
    dump_file(dir, n, "mem", o->mem, DUMPED);
    dump_file(dir, n, "txt", text, strlen(text));
}

/* ---- one guest ---- */

/* Any but those that the guest starts with. */
static void break_descriptor(struct guest *g)
{
    unsigned i = S_CONFORM0 + (unsigned)rnd(g, S_DATA1 - S_CONFORM0);

    if (i != S_TSS_A && i != S_TSS_A + 1 && i != S_LDT && i != S_LDT + 1)
        g->mem[GDT + 8 * i + rnd(g, 8)] ^= (uint8_t)(1u << rnd(g, 8));
}

static void build(struct guest *g, uint64_t seed)
{
    memset(g, 0, sizeof(*g));
    g->rng = seed | 1;
    for (unsigned i = 0; i < 8; i++)
        test_random(&g->rng);
    g->mode = (enum mode)rnd(g, MODES);
    g->lma = g->mode >= LONG_COMPAT;
    g->cpl = g->mode == VM86 ? 3 : g->mode <= PROT16 ? 0 : rnd(g, 2) ? 0 : rnd(g, 8) ? 3 : 1;
    if (g->mode == LONG64 && g->cpl == 1)
        g->cpl = 0;
    build_state(g);
    build_gdt(g);
    build_idt(g);
    build_tss(g);
    build_pages(g);
    build_segments(g);
    memset(g->mem + HANDLERS, 0xf4, 0x800);
    memset(g->mem + CODE, 0xf4, 0x10000);
    g->mem[HANDLERS + 0x220] = g->mem[CODE + 0xf00] = rnd(g, 2) ? 0xcf : 0xf4; /* the tasks */
    for (unsigned i = 0; i < 0xc000; i += 2) /* stacks and data: selectors and offsets */
        put(g, STACKS + i, rnd(g, 2) ? (unsigned)rnd(g, S_COUNT) * 8 + rnd(g, 4) : rnd(g, 0x10000), 2);
    for (unsigned i = 0; i < 0x6000; i += 2)
        put(g, DATA + i, rnd(g, 2) ? (unsigned)rnd(g, S_COUNT) * 8 + rnd(g, 4) : rnd(g, 0x10000), 2);
    if (rnd(g, 4) == 0)
        break_descriptor(g);
    for (unsigned n = 1 + (unsigned)rnd(g, 4); n; n--)
        one_insn(g);
    put_params(g);
}

/* ---- comparison ---- */

static void describe(const struct guest *g, uint64_t seed, const char *diff,
                     const struct micro_outcome *ours, const struct micro_outcome *host)
{
    char a[300], b[300], hex[3 * 48 + 1] = "";

    for (unsigned i = 0; i < g->code_len && i < 48; i++)
        snprintf(hex + 3 * i, 4, "%02x ", g->mem[CODE + i]);
    micro_show(ours, a, sizeof(a));
    micro_show(host, b, sizeof(b));
    print_error("seed %#" PRIx64 " %s cpl %u cr0 %#" PRIx64 " cr4 %#" PRIx64 " rflags %#" PRIx64
                ": %s\n  differs (ours, host): %s\n  ours: %s\n  host: %s\n",
                seed, mode_names[g->mode], g->cpl, g->s.cr0, g->s.cr4, g->s.rflags, hex, diff, a, b);
}

/* Bytes as they come: nothing but noise behind the entry point. */
static void build_noise(struct guest *g, uint64_t seed)
{
    build(g, seed);
    for (unsigned i = 0; i < 0x1000; i += 8)
        put(g, CODE + i, test_random(&g->rng), 8);
    g->code_len = 48;
}

typedef void build_fn(struct guest *g, uint64_t seed);

/* Every other engine of ours against the reference. */
static void compare_engines(build_fn *make, unsigned cases)
{
    struct error err = {0};
    const struct engine_type *interp;
    unsigned bad = 0;
    struct guest *g = xcalloc(1, sizeof(*g));
    const char *only = getenv("QUAD_CASE");

    assert_int_equal(registry_find_engine("interp", &interp, &err), 0);
    for (size_t e = 0; registry_engines[e]; e++) {
        const struct engine_type *type = registry_engines[e];
        struct engine_caps caps;
        if (strcmp(type->way, "full") || type->probe(&caps, &err))
            continue;
        struct micro *a = micro_create(interp), *b = micro_create(type);
        uint64_t rng = test_seed();
        for (unsigned i = 0; i < cases && bad < 10; i++) {
            struct micro_outcome x, y;
            uint64_t seed = only ? strtoull(only, NULL, 0) : test_random(&rng);
            char diff[200];
            make(g, seed);
            micro_run(a, &g->s, g->mem, 2000, &x);
            micro_run(b, &g->s, g->mem, 2000, &y);
            assert_int_not_equal(x.end, MICRO_ERROR);
            micro_compare(&x, &y, diff, sizeof(diff));
            if (diff[0]) {
                print_error("engines interp and %s:\n", type->name);
                describe(g, seed, diff, &x, &y);
                bad++;
            }
            if (only)
                break;
        }
        micro_destroy(a);
        micro_destroy(b);
    }
    free(g);
    if (bad)
        fail_msg("%u cases differ", bad);
}

static void engines_agree(void **state)
{
    (void)state;
    compare_engines(build, test_long() ? 100000 : 800);
}

static void engines_agree_on_noise(void **state)
{
    (void)state;
    compare_engines(build_noise, test_long() ? 100000 : 800);
}

static void outcomes_match_the_host(void **state)
{
    const char *why = "";
    const struct engine_type *engine;
    struct error err = {0};

    assert_int_equal(registry_find_engine(test_engine("interp"), &engine, &err), 0);
    struct micro *m = micro_create(engine);
    struct micro_kvm *k = micro_kvm_create(&why);
    struct guest *g = xcalloc(1, sizeof(*g));
    uint64_t rng = test_seed();
    unsigned cases = getenv("QUAD_CASES") ? (unsigned)atoi(getenv("QUAD_CASES")) : test_long() ? 100000 : 800, bad = 0, ends[4] = {0};
    const char *only = getenv("QUAD_CASE"), *dump = getenv("QUAD_DUMP");

    (void)state;
    if (!k)
        print_message("only run, not compared: %s\n", why);
    for (unsigned i = 0; i < cases; i++) {
        struct micro_outcome ours, host;
        uint64_t seed = only ? strtoull(only, NULL, 0) : test_random(&rng);
        char diff[200];

        build(g, seed);
        micro_run(m, &g->s, g->mem, 2000, &ours);
        ends[ours.end]++;
        if (dump)
            dump_case(dump, i, seed, g, &ours);
        assert_int_not_equal(ours.end, MICRO_ERROR);
        if (k) {
            micro_kvm_run(k, &g->s, g->mem, &host);
            micro_compare(&ours, &host, diff, sizeof(diff));
            if (diff[0] && host.end != MICRO_ERROR) {
                describe(g, seed, diff, &ours, &host);
                bad++;
            }
        }
        if (only || bad >= 20)
            break;
    }
    print_message("halt %u shutdown %u budget %u\n", ends[0], ends[1], ends[2]);
    micro_destroy(m);
    if (k)
        micro_kvm_destroy(k);
    free(g);
    if (bad)
        fail_msg("%u cases differ", bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_match_the_host),
        cmocka_unit_test(engines_agree),
        cmocka_unit_test(engines_agree_on_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
