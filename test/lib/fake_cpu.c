/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See fake_cpu.h.
 */
#include "lib/fake_cpu.h"

#include "arch/x86/exc.h"
#include "arch/x86/model.h"
#include "arch/x86/tlb.h"
#include "core/machine.h"

struct fake {
    struct x86_cpu cpu;
    struct x86_tlbe tlbs[X86_TLB_CTXS][X86_TLB_SIZE];
    struct vcpu vcpu;
    struct machine machine;
    uint8_t flag;
    uint8_t *mem;
};

static const struct x86_model fake_model = {.name = "fake", .pa_bits = 40, .xcr0 = 7};

struct x86_cpu *fake_cpu_create(void)
{
    struct fake *f = aligned_alloc(64, ALIGN_UP(sizeof(*f), (size_t)64));

    if (!f)
        abort();
    memset(f, 0, sizeof(*f));
    f->mem = aligned_alloc(4096, FAKE_MEM_SIZE);
    if (!f->mem)
        abort();
    memset(f->mem, 0, FAKE_MEM_SIZE);
    f->flag = PAGE_DIRTY;

    struct x86_cpu *c = &f->cpu;
    c->tlbs = f->tlbs;
    c->tlb = f->tlbs[TLB_SUPER];
    c->asid = c->asids[TLB_SUPER] = c->asids[TLB_SUPER_AC] = c->asids[TLB_USER] = 1;
    c->model = &fake_model;
    c->vcpu = &f->vcpu;
    f->vcpu.machine = &f->machine;
    f->machine.ignne = true; /* an x87 error with CR0.NE clear does not wait */
    c->features = UINT64_MAX;
    for (uint64_t lin = FAKE_MEM; lin < FAKE_MEM + FAKE_MEM_SIZE; lin += 4096)
        *x86_tlbe(c->tlb, lin) = (struct x86_tlbe){
            .tag_r = lin | c->asid,
            .tag_w = lin | c->asid,
            .addend = (uintptr_t)f->mem - FAKE_MEM,
            .flagp = &f->flag,
            .gpa = lin,
        };
    c->mode = MODE_CODE64 | MODE_PROT | MODE_LMA;
    c->stack_mask = c->ip_mask = UINT64_MAX;
    c->s.cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_ET | CR0_WP | CR0_PG;
    c->s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    c->s.xcr0 = 7;
    c->s.efer = EFER_LME | EFER_LMA | EFER_NXE;
    c->s.fcw = 0x37f;
    c->s.mxcsr = 0x1f80;
    c->s.rflags = FL_1;
    return c;
}

void fake_cpu_destroy(struct x86_cpu *c)
{
    struct fake *f = container_of(c, struct fake, cpu);

    free(f->mem);
    free(f);
}

uint8_t *fake_cpu_mem(struct x86_cpu *c)
{
    return container_of(c, struct fake, cpu)->mem;
}

int fake_cpu_call(struct x86_cpu *c, x86_sem_fn *fn, const struct x86_insn *in)
{
    if (setjmp(c->unwind))
        return c->fault.vector;
    c->cur = in;
    fn(c, in);
    return FAKE_NO_FAULT;
}

struct x86_insn fake_insn(unsigned form, unsigned size, unsigned flags)
{
    return (struct x86_insn){
        .form = (uint8_t)form,
        .size = (uint8_t)size,
        .flags = (uint16_t)flags,
        .asize = 8,
        .seg = SEG_DS,
        .base = X86_ZERO,
        .index = X86_ZERO,
        .disp = (int32_t)FAKE_MEM,
    };
}

/* What operations call when they fail. */
static noreturn_fn void unwind(struct x86_cpu *c, struct x86_fault fault)
{
    c->fault = fault;
    longjmp(c->unwind, 1);
}

void x86_raise(struct x86_cpu *c, unsigned vector)
{
    unwind(c, (struct x86_fault){.vector = (uint8_t)vector});
}

void x86_wait(struct x86_cpu *c)
{
    unwind(c, (struct x86_fault){.wait = true});
}

void x86_raise_error(struct x86_cpu *c, unsigned vector, uint32_t error)
{
    unwind(c, (struct x86_fault){.vector = (uint8_t)vector, .has_error = true, .error = error});
}

void x86_raise_pf(struct x86_cpu *c, uint64_t lin, uint32_t error)
{
    unwind(c, (struct x86_fault){.vector = EXC_PF, .has_error = true, .error = error, .cr2 = lin});
}

/* Memory: the two pages, everything else faults at its first missing byte. */
static uint8_t *span(struct x86_cpu *c, uint64_t lin, unsigned size, bool write)
{
    if (lin < FAKE_MEM || lin >= FAKE_MEM + FAKE_MEM_SIZE)
        x86_raise_pf(c, lin, write ? 2 : 0);
    if (size > FAKE_MEM + FAKE_MEM_SIZE - lin)
        x86_raise_pf(c, FAKE_MEM + FAKE_MEM_SIZE, write ? 2 : 0);
    return fake_cpu_mem(c) + (lin - FAKE_MEM);
}

uint64_t x86_ld_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, bool intent_w)
{
    uint64_t v = 0;

    (void)seg;
    memcpy(&v, span(c, lin, size, intent_w), size);
    return v;
}

void x86_st_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, uint64_t v)
{
    (void)seg;
    memcpy(span(c, lin, size, true), &v, size);
}

void x86_ld_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, void *out, unsigned size)
{
    (void)seg;
    memcpy(out, span(c, lin, size, false), size);
}

void x86_st_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, const void *v, unsigned size)
{
    (void)seg;
    memcpy(span(c, lin, size, true), v, size);
}

void x86_probe_w(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size)
{
    (void)seg;
    span(c, ea, size, true);
}

void x86_store_note(struct x86_cpu *c, struct x86_tlbe *e, uint64_t lin)
{
    (void)c, (void)e, (void)lin;
}

uint64_t x86_seg_lin(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size, bool write)
{
    (void)size, (void)write;
    return ea + c->segbase[seg];
}
