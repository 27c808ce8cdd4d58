/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * System instructions: control and debug registers, descriptor-table registers, TLB, MSRs, CPUID,
 * time, halt, hypercalls, random numbers, caches. [SDM2], [APM3]
 *
 * Not modelled: caches (WBINVD, CLFLUSH and prefetches do nothing beyond their checks),
 * performance counters (RDPMC gives #GP), address monitoring (MWAIT returns at once).
 */
#include <sys/random.h>

#include "arch/x86/debug.h"
#include "arch/x86/intr.h"
#include "arch/x86/kvm_pv.h"
#include "arch/x86/lapic.h"
#include "arch/x86/mmu.h"
#include "arch/x86/model.h"
#include "arch/x86/msr.h"
#include "arch/x86/sem.h"
#include "core/machine.h"

static void need_cpl0(struct x86_cpu *c)
{
    if (c->cpl)
        x86_gp0(c);
}

static void store_reg(struct x86_cpu *c, const struct x86_insn *in, uint64_t v)
{
    if (in->size == 2)
        reg_st16(c, in->dst, (uint16_t)v);
    else if (in->size == 4)
        reg_st32(c, in->dst, (uint32_t)v);
    else
        reg_st64(c, in->dst, v);
}

/* ------------------------------------------------------------------- descriptor-table registers */

static void umip_check(struct x86_cpu *c)
{
    if ((c->s.cr4 & CR4_UMIP) && c->cpl)
        x86_gp0(c);
}

static void table_load(struct x86_cpu *c, const struct x86_insn *in, struct x86_dtable *t)
{
    uint8_t raw[10] = {0};
    uint64_t base;

    need_cpl0(c);
    x86_ld_bytes(c, in->seg, x86_ea(c, in), raw, in->size == 8 ? 10 : 6);
    base = ld_le64(raw + 2);
    if (in->size == 2)
        base &= 0xffffff;
    else if (in->size == 4)
        base &= UINT32_MAX;
    else if (!x86_is_canonical(base))
        x86_gp0(c);
    t->limit = ld_le16(raw);
    t->base = base;
}

static void table_store(struct x86_cpu *c, const struct x86_insn *in, const struct x86_dtable *t)
{
    uint8_t raw[10];

    umip_check(c);
    st_le16(raw, t->limit);
    st_le64(raw + 2, t->base);
    x86_st_bytes(c, in->seg, x86_ea(c, in), raw, in->size == 8 ? 10 : 6);
}

void sem_lgdt(struct x86_cpu *c, const struct x86_insn *in) { table_load(c, in, &c->s.gdtr); }
void sem_lidt(struct x86_cpu *c, const struct x86_insn *in) { table_load(c, in, &c->s.idtr); }
void sem_sgdt(struct x86_cpu *c, const struct x86_insn *in) { table_store(c, in, &c->s.gdtr); }
void sem_sidt(struct x86_cpu *c, const struct x86_insn *in) { table_store(c, in, &c->s.idtr); }

/* -------------------------------------------------------------------------- control registers */

void sem_smsw(struct x86_cpu *c, const struct x86_insn *in)
{
    umip_check(c);
    if (in->form == FORM_MR)
        x86_st16(c, in->seg, x86_ea(c, in), (uint16_t)c->s.cr0);
    else
        store_reg(c, in, c->s.cr0);
}

void sem_lmsw(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t v;

    need_cpl0(c);
    v = in->form == FORM_RM ? x86_ld16(c, in->seg, x86_ea(c, in)) : reg_ld16(c, in->src);
    /* PE can be set, not cleared. */
    x86_set_cr0(c, (c->s.cr0 & ~UINT64_C(0xe)) | (v & 0xf));
}

void sem_clts(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    need_cpl0(c);
    c->s.cr0 &= ~(uint64_t)CR0_TS;
}

/* AMD: LOCK MOV CR0 reaches CR8 outside 64-bit mode; the decoder gives #UD for it. */
void sem_mov_cr_ld(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = c->mode & MODE_CODE64 ? reg_ld64(c, in->src) : reg_ld32(c, in->src);

    need_cpl0(c);
    switch (in->reg) {
    case 0:
        x86_set_cr0(c, v);
        break;
    case 2:
        c->s.cr2 = v;
        break;
    case 3:
        x86_set_cr3(c, v);
        break;
    case 4:
        x86_set_cr4(c, v);
        break;
    case 8:
        if (v >> 4)
            x86_gp0(c);
        lapic_set_cr8(c->lapic, (uint32_t)v);
        break;
    default:
        x86_ud(c);
    }
}

void sem_mov_cr_st(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = 0;

    need_cpl0(c);
    switch (in->reg) {
    case 0:
        v = c->s.cr0;
        break;
    case 2:
        v = c->s.cr2;
        break;
    case 3:
        v = c->s.cr3;
        break;
    case 4:
        v = c->s.cr4;
        break;
    case 8:
        v = lapic_cr8(c->lapic);
        break;
    default:
        x86_ud(c);
    }
    if (c->mode & MODE_CODE64)
        reg_st64(c, in->dst, v);
    else
        reg_st32(c, in->dst, (uint32_t)v);
}

/* ---------------------------------------------------------------------------- debug registers */

#define DR7_GD (1u << 13)

static unsigned debug_register(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned n = in->reg;

    if (n > 7)
        x86_ud(c);
    need_cpl0(c);
    if (n == 4 || n == 5) {
        if (c->s.cr4 & CR4_DE)
            x86_ud(c);
        n += 2;
    }
    if (c->s.dr[7] & DR7_GD)
        x86_raise_db(c, DR6_BD);
    return n;
}

void sem_mov_dr_ld(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned n = debug_register(c, in);
    uint64_t v = c->mode & MODE_CODE64 ? reg_ld64(c, in->src) : reg_ld32(c, in->src);

    if (n >= 6) {
        if (v >> 32)
            x86_gp0(c);
        /* Fixed bits [SDM3 17.2]. */
        v = n == 6 ? (v & 0xe00f) | 0xffff0ff0 : (v & 0xffff2bff) | 0x400;
    }
    c->s.dr[n] = v;
    x86_derive(c);
    x86_end_block(c);
}

void sem_mov_dr_st(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = c->s.dr[debug_register(c, in)];

    if (c->mode & MODE_CODE64)
        reg_st64(c, in->dst, v);
    else
        reg_st32(c, in->dst, (uint32_t)v);
}

/* ---------------------------------------------------------------------------- TLB and caches */

void sem_invlpg(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t lin;

    need_cpl0(c);
    lin = x86_ea(c, in) + c->segbase[in->seg];
    if (!(c->mode & MODE_CODE64))
        lin = (uint32_t)lin;
    x86_tlb_flush_page(c, lin);
}

void sem_invpcid(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t type, desc[2];

    need_cpl0(c);
    type = c->mode & MODE_CODE64 ? reg_ld64(c, in->reg) : reg_ld32(c, in->reg);
    x86_ld_bytes(c, in->seg, x86_ea(c, in), desc, sizeof(desc));
    if (type > 3 || desc[0] >> 12)
        x86_gp0(c);
    if (type < 2 && !(c->s.cr4 & CR4_PCIDE) && desc[0])
        x86_gp0(c);
    if (type == 0 && !x86_is_canonical(desc[1]))
        x86_gp0(c);
    x86_tlb_invpcid(c, (unsigned)type, (unsigned)desc[0], desc[1]);
}

static void cache_op_cpl0(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    need_cpl0(c);
}

void sem_invd(struct x86_cpu *c, const struct x86_insn *in) { cache_op_cpl0(c, in); }
void sem_wbinvd(struct x86_cpu *c, const struct x86_insn *in) { cache_op_cpl0(c, in); }

/* A cache-line operation makes the checks of a one-byte load. */
static void cache_line_op(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)x86_ld8(c, in->seg, x86_ea(c, in));
}

void sem_clflush(struct x86_cpu *c, const struct x86_insn *in) { cache_line_op(c, in); }
void sem_clflushopt(struct x86_cpu *c, const struct x86_insn *in) { cache_line_op(c, in); }
void sem_clwb(struct x86_cpu *c, const struct x86_insn *in) { cache_line_op(c, in); }

static void hint(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)c;
    (void)in;
}

void sem_prefetch(struct x86_cpu *c, const struct x86_insn *in) { hint(c, in); }
void sem_prefetchw(struct x86_cpu *c, const struct x86_insn *in) { hint(c, in); }
void sem_lfence(struct x86_cpu *c, const struct x86_insn *in) { hint(c, in); }
void sem_sfence(struct x86_cpu *c, const struct x86_insn *in) { hint(c, in); }

void sem_mfence(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)c;
    (void)in;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ------------------------------------------------------------------------------ MSRs and CPUID */

void sem_rdmsr(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v;

    (void)in;
    need_cpl0(c);
    if (!x86_rdmsr(c, reg_ld32(c, RCX), &v))
        x86_gp0(c);
    reg_st32(c, RAX, (uint32_t)v);
    reg_st32(c, RDX, (uint32_t)(v >> 32));
}

void sem_wrmsr(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t v = (uint64_t)reg_ld32(c, RDX) << 32 | reg_ld32(c, RAX);

    (void)in;
    need_cpl0(c);
    if (!x86_wrmsr(c, reg_ld32(c, RCX), v))
        x86_gp0(c);
}

void sem_cpuid(struct x86_cpu *c, const struct x86_insn *in)
{
    uint32_t out[4];

    (void)in;
    if (unlikely(c->pv_cpuid_fault && !c->pv_kernel))
        x86_gp0(c);
    x86_cpuid(c, reg_ld32(c, RAX), reg_ld32(c, RCX), out);
    reg_st32(c, RAX, out[0]);
    reg_st32(c, RBX, out[1]);
    reg_st32(c, RCX, out[2]);
    reg_st32(c, RDX, out[3]);
}

/* ---------------------------------------------------------------------------------------- time */

static void rdtsc(struct x86_cpu *c)
{
    uint64_t v;

    if ((c->s.cr4 & CR4_TSD) && c->cpl && (c->s.cr0 & CR0_PE))
        x86_gp0(c);
    v = x86_tsc(c);
    reg_st32(c, RAX, (uint32_t)v);
    reg_st32(c, RDX, (uint32_t)(v >> 32));
}

void sem_rdtsc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    rdtsc(c);
}

void sem_rdtscp(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    rdtsc(c);
    reg_st32(c, RCX, (uint32_t)c->s.tsc_aux);
}

void sem_rdpid(struct x86_cpu *c, const struct x86_insn *in)
{
    reg_st64(c, in->dst, c->s.tsc_aux);
}

void sem_rdpmc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_gp0(c);
}

/* ---------------------------------------------------------------------------- halt, hypercalls */

void sem_hlt(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    need_cpl0(c);
    if (!__atomic_exchange_n(&c->s.pv_kicked, false, __ATOMIC_SEQ_CST))
        c->s.mp_state = MP_HALTED;
    x86_end_block(c);
}

void sem_monitor(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c); /* no model has it */
}

void sem_mwait(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c);
}

static void hypercall(struct x86_cpu *c)
{
    bool wide = c->mode & MODE_CODE64;
    uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;

    if (c->cpl)
        x86_ud(c);
    uint64_t v = kvm_pv_hypercall(c, c->s.r[RAX] & mask, c->s.r[RBX] & mask, c->s.r[RCX] & mask,
                                  c->s.r[RDX] & mask, c->s.r[RSI] & mask);
    if (wide)
        reg_st64(c, RAX, v);
    else
        reg_st32(c, RAX, (uint32_t)v);
}

void sem_vmcall(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    hypercall(c);
}

void sem_vmmcall(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    hypercall(c);
}

void sem_rsm(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_ud(c); /* never in SMM */
}

/* --------------------------------------------------------------------------------------- random */

/* Deterministic machines draw from a generator seeded per vCPU (splitmix64). */
static uint64_t random_bits(struct x86_cpu *c)
{
    const struct machine *m = c->vcpu->machine;
    uint64_t v = 0;

    if (!m->deterministic) {
        if (getrandom(&v, sizeof(v), GRND_NONBLOCK) == sizeof(v))
            return v;
    }
    c->s.random += UINT64_C(0x9e3779b97f4a7c15);
    v = c->s.random + m->seed + c->vcpu->index;
    v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
    return v ^ (v >> 31);
}

static void rdrand(struct x86_cpu *c, const struct x86_insn *in)
{
    store_reg(c, in, random_bits(c));
    fl_load(c, FL_CF); /* CF = 1, the others 0 */
}

void sem_rdrand(struct x86_cpu *c, const struct x86_insn *in) { rdrand(c, in); }
void sem_rdseed(struct x86_cpu *c, const struct x86_insn *in) { rdrand(c, in); }
