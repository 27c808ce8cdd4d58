/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Our side: a machine with a megabyte of RAM, page tables that map CODE and DATA for user mode, and
 * descriptor tables as Linux has them; the decoded instruction's function is called as the
 * interpreter does.
 */
#include <stdio.h>

#include "arch/x86/arch.h"
#include "arch/x86/flags.h"
#include "arch/x86/model.h"
#include "arch/x86/tlb.h"
#include "core/machine.h"
#include "diff.h"
#include "lib/test.h"

/* Guest-physical layout. */
enum {
    P_PML4 = 0x1000, P_PDPT = 0x2000, P_PD = 0x3000, P_PT = 0x4000, P_GDT = 0x5000,
    P_CODE = 0x6000, P_DATA = 0x8000, RAM_SIZE = 0x100000,
};
#define GDT (CODE + 0x100000) /* supervisor page */

static struct machine machine;
static struct x86_cpu *cpu;
static uint8_t *ram;

static void put64(uint64_t gpa, uint64_t v) { memcpy(ram + gpa, &v, 8); }

static void map_page(uint64_t lin, uint64_t gpa, unsigned bits)
{
    put64(P_PT + (lin >> 12 & 511) * 8, gpa | bits | 0x60 /* A D */);
}

/* Linux' descriptors, as far as a program can load or ask for them. */
static const uint64_t gdt[16] = {
    0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff, /* kernel code 32, 64, data */
    0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff, /* user code 32, data, code 64 */
};

static const struct x86_seg *flat(uint16_t sel)
{
    static struct x86_seg s;
    uint64_t d = gdt[sel >> 3 & 15];

    s = (struct x86_seg){.sel = sel};
    if (sel & ~3) {
        s.attr = (uint16_t)((d >> 40 & 0xff) | (d >> 44 & 0xf00));
        s.limit = UINT32_MAX;
    }
    return &s;
}

static void control(struct x86_state *s)
{
    s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    s->cr4 = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
             CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_UMIP;
    s->cr3 = P_PML4;
    s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    s->xcr0 = 7;
    s->gdtr = (struct x86_dtable){.base = GDT, .limit = 127};
    s->idtr = (struct x86_dtable){.base = GDT + 1024, .limit = 0};
    s->seg[SEG_TR] = (struct x86_seg){.sel = 0x40, .attr = 0x8b, .limit = 0x67, .base = GDT + 512};
    s->seg[SEG_LDTR] = (struct x86_seg){0};
    s->mp_state = MP_RUNNABLE;
}

void ours_init(void)
{
    struct error err = {0};
    struct mem_slot *slot;

    machine_init(&machine, &x86_arch, NULL, true);
    machine.cpu_model = x86_model_find("v3");
    if (!machine.cpu_model || machine_add_vcpu(&machine, &err) ||
        mem_add(&machine.mem, "ram", SLOT_RAM, 0, RAM_SIZE, &slot, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    ram = slot->hva;
    cpu = x86_cpu_of(machine.vcpus[0]);
    machine.vcpus[0]->inside = true; /* as the vCPU loop does: split locked accesses ask */
    machine.n_inside = 1;
    put64(P_PML4, P_PDPT | 7);
    put64(P_PDPT, P_PD | 7);
    put64(P_PD + (CODE >> 21) * 8, P_PT | 7);
    map_page(CODE, P_CODE, 7);
    map_page(DATA, P_DATA, 7);
    map_page(DATA + 4096, P_DATA + 4096, 7);
    map_page(DATA_RO, P_DATA + 8192, 5);
    map_page(GDT, P_GDT, 3);
    memcpy(ram + P_GDT, gdt, sizeof gdt);
    memset(ram + P_GDT + 512 + 102, 0xff, 2); /* I/O map beyond the limit */
    control(&cpu->s);
}

uint8_t *ours_page(uint64_t lin)
{
    if (lin - CODE < CODE_SIZE)
        return ram + P_CODE + (lin - CODE);
    if (lin - DATA < DATA_RW)
        return ram + P_DATA + (lin - DATA);
    if (lin - DATA_RO < 4096)
        return ram + P_DATA + DATA_RW + (lin - DATA_RO);
    return NULL;
}

static void load(const struct regs *r)
{
    struct x86_state *s = &cpu->s;

    memcpy(s->r, r->r, sizeof r->r);
    s->r[X86_ZERO] = 0;
    s->r[X86_RIP] = r->rip;
    memcpy(s->fpr, r->fpr, sizeof s->fpr);
    s->fcw = r->fcw;
    s->fsw = r->fsw;
    s->ftw = r->ftw;
    s->mxcsr = r->mxcsr;
    memcpy(s->ymm, r->ymm, sizeof s->ymm);
    s->fop = s->fcs = s->fds = 0;
    s->fip = s->fdp = 0;
    s->ferr = false;
    s->intr_shadow = false;
    for (unsigned i = 0; i < 6; i++)
        s->seg[i] = *flat(r->sel[i]);
    s->seg[SEG_FS].base = r->fs_base;
    s->seg[SEG_GS].base = r->gs_base;
    x86_set_rflags(cpu, r->rflags);
    x86_derive(cpu);
}

static void store(struct regs *r)
{
    const struct x86_state *s = &cpu->s;

    memcpy(r->r, s->r, sizeof r->r);
    r->rip = s->r[X86_RIP];
    r->rflags = x86_rflags(cpu);
    memcpy(r->fpr, s->fpr, sizeof s->fpr);
    r->fcw = s->fcw;
    r->fsw = s->fsw;
    r->ftw = s->ftw;
    r->mxcsr = s->mxcsr;
    memcpy(r->ymm, s->ymm, sizeof s->ymm);
    for (unsigned i = 0; i < 6; i++)
        r->sel[i] = s->seg[i].sel;
    r->fs_base = s->seg[SEG_FS].base;
    r->gs_base = s->seg[SEG_GS].base;
}

static void run(const struct test_case *t)
{
    uint64_t start = t->regs.rip;

    for (unsigned i = 0; i < 1000; i++) {
        cpu->cur = &t->in;
        cpu->end = &t->in + 1;
        cpu->s.r[X86_RIP] = start + t->in.len;
        t->in.fn(cpu, &t->in);
        cpu->s.r[X86_RIP] &= cpu->ip_mask;
        if (cpu->s.r[X86_RIP] != start || !(t->in.flags & (IN_REP | IN_REPNE)))
            break;
    }
}

/* What delivery would make of INT n: Linux' IDT lets programs use 3, 4 and 80h only. */
static void soft_gate(struct regs *out, const struct test_case *t)
{
    if (cpu->fault.soft && out->vector != 3 && out->vector != 4 && out->vector != 0x80) {
        out->error = (uint32_t)out->vector * 8 + 2;
        out->vector = EXC_GP;
        out->rip = t->regs.rip;
    }
    if (cpu->fault.icebp) /* the host's single step ends just there */
        out->vector = NO_FAULT;
}

void ours_run(const struct test_case *t, struct regs *out)
{
    load(&t->regs);
    out->vector = NO_FAULT;
    out->error = 0;
    out->cr2 = 0;
    cpu->fault = (struct x86_fault){0};
    if (setjmp(cpu->unwind)) {
        out->vector = cpu->fault.vector;
        out->error = cpu->fault.has_error ? cpu->fault.error : 0;
        out->cr2 = out->vector == EXC_PF ? cpu->fault.cr2 : 0;
    } else {
        run(t);
    }
    cpu->cur = NULL;
    store(out);
    soft_gate(out, t);
}
