/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/entry.h"

#include "base/bits.h"
#include "core/mem.h"

enum { SEL_CODE = 0x10, SEL_DATA = 0x18, SEL_TSS = 0x20 };

/* A segment descriptor [SDM3 3.4.5] from base, limit (in bytes) and the packed attributes. */
static uint64_t descriptor(uint32_t base, uint32_t limit, uint16_t attr)
{
    uint64_t d = 0;

    if (attr & SEG_A_G)
        limit >>= 12;
    d = bits_set(d, 15, 0, limit & 0xffff);
    d = bits_set(d, 39, 16, base & 0xffffff);
    d = bits_set(d, 47, 40, attr & 0xff);
    d = bits_set(d, 51, 48, limit >> 16);
    d = bits_set(d, 55, 52, attr >> 8);
    return bits_set(d, 63, 56, base >> 24);
}

static void set_seg(struct x86_state *s, struct mem *mem, unsigned seg, uint16_t sel,
                    struct x86_seg v)
{
    uint8_t raw[8];

    v.sel = sel;
    s->seg[seg] = v;
    st_le64(raw, descriptor((uint32_t)v.base, v.limit, v.attr));
    mem_write(mem, ENTRY_GDT + sel, raw, sizeof(raw));
}

static void flat_segments(struct x86_state *s, struct mem *mem, uint16_t code_mode)
{
    static const uint8_t zero[104];
    const uint16_t common = SEG_A_P | SEG_A_S | SEG_A_RW | SEG_A_ACCESSED | SEG_A_G;

    mem_write(mem, ENTRY_GDT, zero, 16);
    mem_write(mem, ENTRY_TSS, zero, sizeof(zero));
    set_seg(s, mem, SEG_CS, SEL_CODE,
            (struct x86_seg){.limit = 0xffffffff, .attr = common | SEG_A_CODE | code_mode});
    static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_SS, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < ARRAY_LEN(data); i++)
        set_seg(s, mem, data[i], SEL_DATA,
                (struct x86_seg){.limit = 0xffffffff, .attr = common | SEG_A_DB});
    /* Type 11: a busy 32-bit (in long mode 64-bit) TSS. */
    set_seg(s, mem, SEG_TR, SEL_TSS,
            (struct x86_seg){.base = ENTRY_TSS, .limit = 103, .attr = SEG_A_P | 11});
    s->seg[SEG_LDTR] = (struct x86_seg){.attr = 0};
    s->gdtr = (struct x86_dtable){.base = ENTRY_GDT, .limit = SEL_TSS + 15};
    s->idtr = (struct x86_dtable){.base = 0, .limit = 0};
    /* The upper half of a 64-bit TSS descriptor. */
    mem_write(mem, ENTRY_GDT + SEL_TSS + 8, zero, 8);
}

void entry_flat32(struct x86_state *s, struct mem *mem, uint32_t eip)
{
    flat_segments(s, mem, SEG_A_DB);
    for (unsigned i = 0; i < 16; i++)
        s->r[i] = 0;
    s->r[X86_RIP] = eip;
    s->rflags = FL_1;
    s->cr0 = CR0_PE | CR0_ET;
    s->cr3 = s->cr4 = 0;
    s->efer = 0;
}

void entry_long64(struct x86_state *s, struct mem *mem, uint64_t rip)
{
    const uint64_t table = 0x7; /* present, writable, user */
    const uint64_t large = 0x87;
    uint8_t page[PAGE_SIZE_4K] = {0};

    entry_flat32(s, mem, 0);
    flat_segments(s, mem, SEG_A_L);
    st_le64(page, (ENTRY_PAGE_TABLES + 0x1000) | table);
    mem_write(mem, ENTRY_PAGE_TABLES, page, sizeof(page));
    for (unsigned i = 0; i < 4; i++)
        st_le64(page + 8 * (size_t)i, (ENTRY_PAGE_TABLES + 0x2000 + i * 0x1000u) | table);
    mem_write(mem, ENTRY_PAGE_TABLES + 0x1000, page, sizeof(page));
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 512; j++)
            st_le64(page + 8 * (size_t)j, ((uint64_t)i << 30 | (uint64_t)j << 21) | large);
        mem_write(mem, ENTRY_PAGE_TABLES + 0x2000 + i * 0x1000u, page, sizeof(page));
    }
    s->r[X86_RIP] = rip;
    s->cr3 = ENTRY_PAGE_TABLES;
    s->cr4 = CR4_PAE;
    s->cr0 = CR0_PE | CR0_ET | CR0_PG;
    s->efer = EFER_LME | EFER_LMA;
}

void entry_real16(struct x86_state *s, uint16_t cseg, uint16_t ip, uint16_t dseg, uint16_t sp)
{
    const uint16_t data = SEG_A_P | SEG_A_S | SEG_A_RW | SEG_A_ACCESSED;

    for (unsigned i = 0; i < 16; i++)
        s->r[i] = 0;
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        s->seg[i] = (struct x86_seg){
            .sel = dseg, .base = (uint32_t)dseg << 4, .limit = 0xffff, .attr = data};
    s->seg[SEG_CS] = (struct x86_seg){
        .sel = cseg, .base = (uint32_t)cseg << 4, .limit = 0xffff, .attr = data | SEG_A_CODE};
    s->gdtr = (struct x86_dtable){.base = 0, .limit = 0xffff};
    s->idtr = (struct x86_dtable){.base = 0, .limit = 0x3ff};
    s->r[RSP] = sp;
    s->r[X86_RIP] = ip;
    s->rflags = FL_1;
    s->cr0 = CR0_ET;
    s->cr3 = s->cr4 = 0;
    s->efer = 0;
}
