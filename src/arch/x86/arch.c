/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/arch.h"

#include <stdio.h>
#include <unistd.h>

#include "arch/x86/flags.h"
#include "arch/x86/intr.h"
#include "arch/x86/lapic.h"
#include "arch/x86/model.h"
#include "arch/x86/state_load.h"
#include "arch/x86/tlb.h"
#include "base/bits.h"
#include "core/machine.h"



static int vcpu_create(struct vcpu *vcpu, struct error *err)
{
    struct machine *m = vcpu->machine;
    struct x86_cpu *c;

    if (!m->cpu_model)
        return fail(err, EINVAL, "no CPU model chosen");
    uint8_t *room = aligned_alloc(64, ALIGN_UP(X86_CPU_ROOM + sizeof(*c), (size_t)64));
    if (!room)
        return fail(err, ENOMEM, "vCPU %u: out of memory", vcpu->index);
    c = (struct x86_cpu *)(void *)(room + X86_CPU_ROOM);
    memset(c, 0, sizeof(*c));
    c->vcpu = vcpu;
    c->mem = &m->mem;
    c->model = m->cpu_model;
    c->features = x86_model_features(c->model);
    c->pa_mask = (BIT64(c->model->pa_bits) - 1) & X86_PAGE_MASK;
    vcpu->cpu = c;
    x86_mmu_init(c);
    c->lapic = lapic_create(c);
    x86_reset(c, false);
    return 0;
}

static void vcpu_destroy(struct vcpu *vcpu)
{
    struct x86_cpu *c = vcpu->cpu;

    if (!c)
        return;
    lapic_destroy(c->lapic);
    x86_mmu_fini(c);
    free((uint8_t *)c - X86_CPU_ROOM);
    vcpu->cpu = NULL;
}

static void vcpu_reset(struct vcpu *vcpu)
{
    x86_reset(vcpu->cpu, false);
}

static bool intr_pending(const struct vcpu *vcpu)
{
    return x86_event_pending(vcpu->cpu);
}

/* Message address and data [SDM3 10.11]. */
static void msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
    uint32_t dest = (uint32_t)bits_get(addr, 19, 12);

    if (machine_msi(m, addr, data))
        return;
    dest |= (uint32_t)bits_get(addr, 11, 5) << 8; /* extended destination, without remapping */
    lapic_message(m, dest, addr >> 2 & 1, (unsigned)bits_get(data, 10, 8), data & 0xff,
                  data >> 15 & 1, data >> 14 & 1);
}

/* One word for all of x87, MMX, SSE and AVX: FNV-1a over the registers. */
static uint64_t vector_digest(const struct x86_state *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325), prime = UINT64_C(0x100000001b3);

    for (unsigned i = 0; i < 16; i++)
        for (unsigned q = 0; q < 4; q++)
            h = (h ^ s->ymm[i].q[q]) * prime;
    for (unsigned i = 0; i < 8; i++)
        h = ((h ^ s->fpr[i].mant) * prime ^ s->fpr[i].se) * prime;
    return ((h ^ s->mxcsr) * prime ^ s->fcw ^ s->fsw << 16 ^ (uint64_t)s->ftw << 32) * prime;
}

static void vcpu_show(struct vcpu *vcpu, char *text, size_t size)
{
    const struct x86_cpu *c = vcpu->cpu;
    const uint64_t *r = c->s.r;

    snprintf(text, size,
             "rax=%016" PRIx64 " rbx=%016" PRIx64 " rcx=%016" PRIx64 " rdx=%016" PRIx64 "\n"
             "rsi=%016" PRIx64 " rdi=%016" PRIx64 " rbp=%016" PRIx64 " rsp=%016" PRIx64 "\n"
             "r8 =%016" PRIx64 " r9 =%016" PRIx64 " r10=%016" PRIx64 " r11=%016" PRIx64 "\n"
             "r12=%016" PRIx64 " r13=%016" PRIx64 " r14=%016" PRIx64 " r15=%016" PRIx64 "\n"
             "cs:rip=%04x:%016" PRIx64 " rflags=%08" PRIx64 " cpl=%u mode=%#x state=%u\n"
             "cr0=%08" PRIx64 " cr2=%016" PRIx64 " cr3=%016" PRIx64 " cr4=%08" PRIx64
             " efer=%" PRIx64 "\n"
             "fs=%016" PRIx64 " gs=%016" PRIx64 " kgs=%016" PRIx64 " ss=%04x icount=%" PRIu64 "\n"
             "vectors=%016" PRIx64 "\n",
             r[RAX], r[RBX], r[RCX], r[RDX], r[RSI], r[RDI], r[RBP], r[RSP], r[8], r[9], r[10],
             r[11], r[12], r[13], r[14], r[15], c->s.seg[SEG_CS].sel, r[X86_RIP], x86_rflags(c),
             c->cpl, c->mode, c->s.mp_state, c->s.cr0, c->s.cr2, c->s.cr3, c->s.cr4, c->s.efer,
             c->s.seg[SEG_FS].base, c->s.seg[SEG_GS].base, c->s.kernel_gs_base,
             c->s.seg[SEG_SS].sel, c->icount, vector_digest(&c->s));
}

const struct arch x86_arch = {
    .name = "x86",
    .groups = x86_groups,
    .vcpu_create = vcpu_create,
    .vcpu_destroy = vcpu_destroy,
    .vcpu_reset = vcpu_reset,
    .intr_pending = intr_pending,
    .msi_send = msi_send,
    .vcpu_loaded = x86_state_loaded,
    .vcpu_show = vcpu_show,
};
