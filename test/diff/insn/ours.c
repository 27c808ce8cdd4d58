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
#include "arch/x86/optab.h"
#include "arch/x86/tlb.h"
#include "core/machine.h"
#include "diff.h"
#include "lib/test.h"

/* Guest-physical layout. */
enum {
    P_PML4 = 0x1000, P_PDPT = 0x2000, P_PD = 0x3000, P_PT = 0x4000, P_GDT = 0x5000,
    P_CODE = 0x6000, P_DATA = 0x8000, P_IDT = 0xc000, P_STUB = 0xd000, P_STACK = 0xe000,
    P_CODE2 = 0x10000, /* behind CODE, under an engine */
    RAM_SIZE = 0x100000,
};
/* Supervisor pages: descriptor table and TSS, IDT, one HLT per vector, stack. */
#define GDT (CODE + 0x100000)
#define TSS (GDT + 512)
#define IDT (GDT + 0x1000)
#define STUB (GDT + 0x2000)
#define STACK (GDT + 0x3000)

struct side {
    struct machine machine;
    struct x86_cpu *cpu;
    uint8_t *ram;
};

static struct side *direct;

static void put64(struct side *s, uint64_t gpa, uint64_t v) { memcpy(s->ram + gpa, &v, 8); }

static void map_page(struct side *s, uint64_t lin, uint64_t gpa, unsigned bits)
{
    put64(s, P_PT + (lin >> 12 & 511) * 8, gpa | bits | 0x60 /* A D */);
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
    s->idtr = (struct x86_dtable){.base = IDT, .limit = 4095};
    s->seg[SEG_TR] = (struct x86_seg){.sel = 0x40, .attr = 0x8b, .limit = 0x67, .base = TSS};
    s->seg[SEG_LDTR] = (struct x86_seg){0};
    s->mp_state = MP_RUNNABLE;
}

/* Every vector halts, in a place of its own; programs may use INT 3, INT 4 and INT 80h. */
static void make_idt(struct side *s)
{
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = STUB + v, dpl = v == 3 || v == 4 || v == 0x80 ? 3 : 0;

        put64(s, P_IDT + v * 16,
              (at & 0xffff) | 0x10 << 16 | (0x8e00 | dpl << 13) << 32 | (at >> 16 & 0xffff) << 48);
        put64(s, P_IDT + v * 16 + 8, at >> 32);
    }
    memset(s->ram + P_STUB, 0xf4, 4096);
    put64(s, P_GDT + (TSS - GDT) + 4, STACK + 4096);
    memset(s->ram + P_GDT + (TSS - GDT) + 102, 0xff, 2); /* I/O map beyond the limit */
}

struct side *side_create(const struct engine_type *engine)
{
    struct side *s = xcalloc(1, sizeof(*s));
    struct error err = {0};
    struct mem_slot *slot;

    machine_init(&s->machine, &x86_arch, NULL, !engine);
    s->machine.cpu_model = x86_model_find("v3");
    if (!s->machine.cpu_model ||
        mem_add(&s->machine.mem, "ram", SLOT_RAM, 0, RAM_SIZE, &slot, &err) ||
        machine_add_vcpu(&s->machine, &err) ||
        (engine && machine_set_engine(&s->machine, engine, &err))) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    s->ram = slot->hva;
    s->cpu = x86_cpu_of(s->machine.vcpus[0]);
    s->machine.vcpus[0]->inside = true; /* as the vCPU loop does: split locked accesses ask */
    s->machine.n_inside = 1;
    put64(s, P_PML4, P_PDPT | 7);
    put64(s, P_PDPT, P_PD | 7);
    put64(s, P_PD + (CODE >> 21) * 8, P_PT | 7);
    map_page(s, CODE, P_CODE, 7);
    map_page(s, DATA, P_DATA, 7);
    map_page(s, DATA + 4096, P_DATA + 4096, 7);
    map_page(s, DATA_RO, P_DATA + 8192, 5);
    map_page(s, GDT, P_GDT, 3);
    map_page(s, IDT, P_IDT, 3);
    map_page(s, STUB, P_STUB, 3);
    map_page(s, STACK, P_STACK, 3);
    if (engine)
        map_page(s, CODE + CODE_SIZE, P_CODE2, 7);
    memset(s->ram + P_CODE, 0xcc, CODE_SIZE);
    memset(s->ram + P_CODE2, 0xcc, CODE_SIZE);
    memcpy(s->ram + P_GDT, gdt, sizeof gdt);
    make_idt(s);
    control(&s->cpu->s);
    return s;
}

void ours_init(void) { direct = side_create(NULL); }

uint8_t *side_page(struct side *s, uint64_t lin)
{
    if (lin - CODE < CODE_SIZE)
        return s->ram + P_CODE + (lin - CODE);
    if (lin - DATA < DATA_RW)
        return s->ram + P_DATA + (lin - DATA);
    if (lin - DATA_RO < 4096)
        return s->ram + P_DATA + DATA_RW + (lin - DATA_RO);
    return NULL;
}

uint8_t *ours_page(uint64_t lin) { return side_page(direct, lin); }

static void load(struct x86_cpu *cpu, const struct regs *r)
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

static void store(const struct x86_cpu *cpu, struct regs *r)
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
    r->fip = s->fip;
    r->fdp = s->fdp;
    r->fop = s->fop;
    r->fcs = s->fcs;
    r->fds = s->fds;
    memcpy(r->ymm, s->ymm, sizeof s->ymm);
    for (unsigned i = 0; i < 6; i++)
        r->sel[i] = s->seg[i].sel;
    r->fs_base = s->seg[SEG_FS].base;
    r->gs_base = s->seg[SEG_GS].base;
}

static void run(struct x86_cpu *cpu, const struct test_case *t)
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
static void soft_gate(const struct x86_cpu *cpu, struct regs *out, const struct test_case *t)
{
    if (cpu->fault.soft && out->vector != 3 && out->vector != 4 && out->vector != 0x80) {
        out->error = (uint32_t)out->vector * 8 + 2;
        out->vector = EXC_GP;
        out->rip = t->regs.rip;
    }
}

void ours_run(const struct test_case *t, struct regs *out)
{
    struct x86_cpu *cpu = direct->cpu;
    /* Not stepping, strings go page-wise. */
    bool fast = t->e->attr & A_STRING && t->regs.r[RDX] & 1;

    load(cpu, &t->regs);
    if (fast) {
        cpu->s.rflags &= ~(uint64_t)FL_TF;
        x86_derive(cpu);
    }
    out->vector = NO_FAULT;
    out->error = 0;
    out->cr2 = 0;
    cpu->fault = (struct x86_fault){0};
    if (setjmp(cpu->unwind)) {
        out->vector = cpu->fault.vector;
        out->error = cpu->fault.has_error ? cpu->fault.error : 0;
        out->cr2 = out->vector == EXC_PF ? cpu->fault.cr2 : 0;
    } else {
        run(cpu, t);
    }
    cpu->cur = NULL;
    cpu->s.rflags |= t->regs.rflags & FL_TF && fast ? FL_TF : 0;
    store(cpu, out);
    soft_gate(cpu, out, t);
}

/* ------------------------------------------------------------------------- under an engine */

/* As mem_write() does, but the page stays marked as code: marking it anew each time would need a
 * barrier against writers on other threads, and there are none. */
void side_code(struct side *s, unsigned at, const uint8_t *bytes, unsigned n)
{
    unsigned first = MIN(n, CODE_SIZE - MIN(at, CODE_SIZE));
    uint32_t *gen = mem_find(&s->machine.mem, P_CODE)->gen;

    memcpy(s->ram + P_CODE + at, bytes, first);
    memcpy(s->ram + P_CODE2, bytes + first, n - first);
    gen[P_CODE >> PAGE_SHIFT_4K]++;
    gen[P_CODE2 >> PAGE_SHIFT_4K] += first != n;
}

struct x86_cpu *side_cpu(struct side *s) { return s->cpu; }

void side_load(struct side *s, const struct regs *r)
{
    struct x86_cpu *c = s->cpu;
    struct x86_seg tr = c->s.seg[SEG_TR];

    control(&c->s);
    c->s.seg[SEG_TR] = tr;
    load(c, r);
}

/* Every run ends in a vector's HLT; the frame on its stack tells the rest. */
bool side_run(struct side *s, struct regs *out, uint64_t budget)
{
    struct vcpu *v = s->machine.vcpus[0];
    struct x86_cpu *c = s->cpu;
    uint64_t frame, words[6];
    enum stop_reason why;

    v->budget = budget;
    do {
        why = s->machine.engine.type->vcpu_run(v);
    } while (why == STOP_KICK);
    x86_flags_sync(c);
    store(c, out);
    frame = out->r[RSP] - STACK;
    out->vector = (int)(out->rip - STUB) - 1;
    if (why != STOP_HALT || (unsigned)out->vector > 255 || frame < 4096 - 48 || frame > 4096 - 40)
        return false;
    memcpy(words, s->ram + P_STACK + 4096 - 48, 8);
    out->error = 0;
    if (frame == 4096 - 48)
        out->error = (uint32_t)words[0];
    memcpy(words, s->ram + P_STACK + 4096 - 40, 40);
    out->rip = words[0];
    out->sel[SEG_CS] = (uint16_t)words[1];
    out->rflags = words[2];
    out->r[RSP] = words[3];
    out->sel[SEG_SS] = (uint16_t)words[4];
    out->cr2 = out->vector == EXC_PF ? c->s.cr2 : 0;
    return true;
}

void side_dump(struct side *s)
{
    s->machine.engine.type->dump(&s->machine.engine, "", stdout);
}
