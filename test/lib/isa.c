/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/isa.h"

#include <stdio.h>
#include <stdlib.h>

#include "registry/registry.h"

struct isa_env *e;
static struct micro *runner;

void isa_load(uint64_t at, const struct isa_guest *guest)
{
    memcpy(e->mem + at, guest->start, (size_t)(guest->end - guest->start));
}

void isa_put(uint64_t at, uint64_t v, unsigned n)
{
    memcpy(e->mem + at, &v, n);
}

uint64_t isa_got(uint64_t at, unsigned n)
{
    uint64_t v = 0;

    memcpy(&v, e->o.mem + at, n);
    return v;
}

uint64_t isa_descriptor(uint32_t base, uint32_t limit, unsigned attr)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(attr >> 8 & 15) << 52 |
           (uint64_t)(base >> 24) << 56;
}

uint64_t isa_gate(unsigned sel, uint32_t off, unsigned type, unsigned low)
{
    return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)low << 32 | (uint64_t)type << 40 |
           (uint64_t)(off >> 16) << 48;
}

void isa_idt_set(unsigned v, unsigned sel, unsigned type, unsigned low)
{
    isa_put(IDT + (e->lma ? 16 : 8) * v, isa_gate(sel, HANDLERS + v, type, low), 8);
}

void isa_seg_set(unsigned seg, unsigned sel)
{
    uint64_t d;

    memcpy(&d, e->mem + GDT + (sel & 0xfff8), 8);
    unsigned attr = (unsigned)(d >> 40 & 0xff) | (unsigned)(d >> 44 & 0xf00);
    uint32_t limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000);
    e->s.seg[seg] = (struct x86_seg){
        .sel = (uint16_t)sel,
        .attr = (uint16_t)attr,
        .limit = attr & SEG_A_G ? limit << 12 | 0xfff : limit,
        .base = (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 32 & 0xff000000),
    };
}

static void tables(void)
{
    const unsigned flat = 0xfffff;

    isa_put(GDT + CODE64, isa_descriptor(0, flat, 0xa9b), 8);
    isa_put(GDT + DATA0, isa_descriptor(0, flat, 0xc93), 8);
    isa_put(GDT + CODE32_3, isa_descriptor(0, flat, 0xcfb), 8);
    isa_put(GDT + DATA3, isa_descriptor(0, flat, 0xcf3), 8);
    isa_put(GDT + CODE64_3, isa_descriptor(0, flat, 0xafb), 8);
    isa_put(GDT + CODE32, isa_descriptor(0, flat, 0xc9b), 8);
    isa_put(GDT + DOWN, isa_descriptor(0, 0x1f, 0xc97), 8);
    isa_put(GDT + SEL_TSS, isa_descriptor(TSS, 0x3ff, 0x8b), 8);
    isa_put(GDT + SEL_TSS_B, isa_descriptor(TSS_B, 0x67, 0x89), 8);
    isa_put(GDT + CODE16, isa_descriptor(CODE, 0xffff, 0x09b), 8);
    isa_put(GDT + DATA16, isa_descriptor(CODE, 0xffff, 0x093), 8);
    for (unsigned v = 0; v < 256; v++)
        isa_idt_set(v, e->lma ? CODE64 : CODE32, v >= 0x20 ? 0xee : 0x8e, 0);
    memset(e->mem + HANDLERS, 0xf4, 0x400);
    memset(e->mem + CODE, 0xf4, 0x1000);
    if (e->lma) {
        isa_put(TSS + 4, STACK0, 8);
        isa_put(TSS + 0x24, STACK_IST, 8);
    } else {
        isa_put(TSS + 4, STACK0, 4);
        isa_put(TSS + 8, DATA0, 2);
    }
    isa_put(TSS + 0x66, 0x68, 2);
    memset(e->mem + TSS + 0x68, 0xff, 0x200);
    isa_put(PML4, PDPT | 7, 8);
    isa_put(PDPT, PD | 7, 8);
    isa_put(PD, PT | 7, 8);
    for (uint64_t p = 0; p < MICRO_MEM; p += 4096)
        isa_put(PT + p / 4096 * 8, p | 7, 8);
}

void isa_start(bool lma, unsigned cpl)
{
    struct x86_state *s = &e->s;

    memset(e, 0, sizeof(*e));
    e->lma = lma;
    tables();
    s->cr0 = CR0_ET | CR0_NE | CR0_MP | CR0_PE | CR0_WP | (lma ? CR0_PG : 0);
    s->cr4 = lma ? CR4_PAE : 0;
    s->cr3 = lma ? PML4 : 0;
    s->efer = lma ? EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE : 0;
    s->gdtr = (struct x86_dtable){GDT, GDT_END - 1};
    s->idtr = (struct x86_dtable){IDT, lma ? 0xfff : 0x7ff};
    s->rflags = FL_1;
    s->dr[6] = 0xffff0ff0;
    s->dr[7] = 0x400;
    for (unsigned i = 0; i < 6; i++)
        isa_seg_set(i, cpl ? DATA3 + 3 : DATA0);
    isa_seg_set(SEG_CS, lma ? (cpl ? CODE64_3 + 3 : CODE64) : cpl ? CODE32_3 + 3 : CODE32);
    isa_seg_set(SEG_TR, SEL_TSS);
    s->r[RSP] = cpl ? STACK3 : STACK0 - 0x800;
    s->r[X86_RIP] = CODE;
    s->star = (uint64_t)(CODE32_3 + 3) << 48 | (uint64_t)CODE64 << 32;
    s->lstar = HANDLERS + 0x200;
    s->sfmask = FL_IF | FL_TF;
}

void isa_start_real(void)
{
    isa_start(false, 0);
    e->s.cr0 &= ~(uint64_t)CR0_PE;
    for (unsigned i = 0; i < 6; i++)
        e->s.seg[i] = (struct x86_seg){.sel = i == SEG_CS ? CODE >> 4 : DATA >> 4,
                                       .attr = i == SEG_CS ? 0x9b : 0x93,
                                       .limit = 0xffff,
                                       .base = i == SEG_CS ? CODE : DATA};
    e->s.idtr = (struct x86_dtable){0, 0x3ff};
    for (unsigned v = 0; v < 256; v++)
        isa_put(4 * v, (uint64_t)(HANDLERS >> 4) << 16 | v, 4);
    e->s.r[RSP] = 0x1000;
    e->s.r[X86_RIP] = 0;
}

void isa_run(void)
{
    micro_run(runner, &e->s, e->mem, 1000, &e->o);
}

void isa_assert_vector(unsigned v)
{
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[X86_RIP], HANDLERS + v + 1);
}

static int run_engine(const struct engine_type *engine, const struct CMUnitTest *tests, size_t n)
{
    runner = micro_create(engine);
    e = xcalloc(1, sizeof(*e));
    int rc = _cmocka_run_group_tests(engine->name, tests, n, NULL, NULL);
    micro_destroy(runner);
    free(e);
    return rc;
}

#if defined(__x86_64__)
extern const struct isa_guest __start_isa_guests[] __attribute__((weak));
extern const struct isa_guest __stop_isa_guests[] __attribute__((weak));

/* For tools/make-isa-code: the guests of this program, a line each. */
static bool print_code(void)
{
    if (!getenv("ISA_CODE"))
        return false;
    for (const struct isa_guest *g = __start_isa_guests; g < __stop_isa_guests; g++) {
        printf("CODE(%s", g->name);
        for (const uint8_t *p = g->start; p < g->end; p++)
            printf(", 0x%02x", *p);
        puts(")");
    }
    return true;
}
#else
static bool print_code(void)
{
    return false;
}
#endif

int isa_run_all(const struct CMUnitTest *tests, size_t n)
{
    const char *only = test_engine("");
    int rc = 0;

    if (print_code())
        return 0;
    for (size_t i = 0; registry_engines[i]; i++) {
        const struct engine_type *engine = registry_engines[i];
        struct engine_caps caps = {0};
        struct error why;
        if (engine->probe(&caps, &why)) /* not on this host */
            continue;
        if (*only ? !strcmp(only, engine->name) : !strcmp(engine->way, "full"))
            rc += run_engine(engine, tests, n);
    }
    return rc != 0;
}
