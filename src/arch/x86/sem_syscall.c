/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fast system calls, as the vendor of the CPU models has them (AuthenticAMD): SYSCALL in
 * compatibility mode through CSTAR, no SYSENTER in long mode, SYSRET leaves the hidden part of SS.
 * [APM3 SYSCALL, SYSRET, SYSENTER, SYSEXIT]
 */
#include "arch/x86/persona.h"
#include "arch/x86/seg.h"
#include "arch/x86/sem.h"

enum {
    ATTR_CODE = SEG_A_P | SEG_A_S | SEG_A_G | SEG_A_CODE | SEG_A_RW | SEG_A_ACCESSED,
    ATTR_DATA = SEG_A_P | SEG_A_S | SEG_A_G | SEG_A_DB | SEG_A_RW | SEG_A_ACCESSED,
    FL_SYSRET = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_AC | FL_VIF | FL_VIP |
                FL_ID,
};

static void put_flat(struct x86_cpu *c, unsigned seg, unsigned sel, unsigned attr, unsigned dpl)
{
    c->s.seg[seg] = (struct x86_seg){
        .sel = (uint16_t)sel,
        .attr = (uint16_t)(attr | dpl << SEG_A_DPL_SHIFT),
        .limit = UINT32_MAX,
    };
}

void sem_syscall(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t next = c->s.r[X86_RIP];
    unsigned sel = (c->s.star >> 32) & 0xfffc;

    (void)in;
    if (c->persona) {
        c->persona->syscall(c);
        return;
    }
    if (!(c->s.efer & EFER_SCE) || !(c->mode & MODE_PROT))
        x86_ud(c);
    if (c->mode & MODE_LMA) {
        uint64_t fl = x86_rflags(c) & ~(uint64_t)FL_RF;
        c->s.r[RCX] = next;
        c->s.r[R11] = fl;
        c->s.r[X86_RIP] = c->mode & MODE_CODE64 ? c->s.lstar : c->s.cstar;
        x86_set_rflags(c, fl & ~c->s.sfmask);
        c->step_off = c->s.sfmask & FL_TF;
        put_flat(c, SEG_CS, sel, ATTR_CODE | SEG_A_L, 0);
    } else {
        reg_st32(c, RCX, (uint32_t)next);
        c->s.r[X86_RIP] = (uint32_t)c->s.star;
        c->s.rflags &= ~(uint64_t)(FL_VM | FL_IF | FL_RF);
        put_flat(c, SEG_CS, sel, ATTR_CODE | SEG_A_DB, 0);
    }
    put_flat(c, SEG_SS, sel + 8, ATTR_DATA, 0);
    x86_derive(c);
}

void sem_sysret(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned sel = (c->s.star >> 48) & 0xffff;
    struct x86_seg *ss = &c->s.seg[SEG_SS];

    if (!(c->s.efer & EFER_SCE))
        x86_ud(c);
    if (!(c->mode & MODE_PROT) || c->cpl)
        x86_gp0(c);
    if (c->mode & MODE_LMA) {
        x86_set_rflags(c, c->s.r[R11] & FL_SYSRET);
        if (in->size == 8) {
            c->s.r[X86_RIP] = c->s.r[RCX];
            put_flat(c, SEG_CS, (sel + 16) | 3, ATTR_CODE | SEG_A_L, 3);
        } else {
            c->s.r[X86_RIP] = reg_ld32(c, RCX);
            put_flat(c, SEG_CS, sel | 3, ATTR_CODE | SEG_A_DB, 3);
        }
    } else {
        c->s.r[X86_RIP] = reg_ld32(c, RCX);
        c->s.rflags |= FL_IF;
        put_flat(c, SEG_CS, sel | 3, ATTR_CODE | SEG_A_DB, 3);
    }
    ss->sel = (uint16_t)((sel + 8) | 3);
    ss->attr |= 3 << SEG_A_DPL_SHIFT; /* the privilege level lives there */
    x86_derive(c);
}

void sem_sysenter(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned sel = c->s.sysenter_cs & 0xfffc;

    (void)in;
    if (c->mode & MODE_LMA)
        x86_ud(c);
    if (!(c->s.cr0 & CR0_PE) || !sel)
        x86_gp0(c);
    c->s.rflags &= ~(uint64_t)(FL_VM | FL_IF | FL_RF);
    put_flat(c, SEG_CS, sel, ATTR_CODE | SEG_A_DB, 0);
    put_flat(c, SEG_SS, sel + 8, ATTR_DATA, 0);
    c->s.r[RSP] = (uint32_t)c->s.sysenter_esp;
    c->s.r[X86_RIP] = (uint32_t)c->s.sysenter_eip;
    x86_derive(c);
}

void sem_sysexit(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned sel = c->s.sysenter_cs & 0xfffc;

    (void)in;
    if (c->cpl)
        x86_gp0(c);
    if (c->mode & MODE_LMA)
        x86_ud(c);
    if (!(c->mode & MODE_PROT) || !sel)
        x86_gp0(c);
    put_flat(c, SEG_CS, (sel + 16) | 3, ATTR_CODE | SEG_A_DB, 3);
    put_flat(c, SEG_SS, (sel + 24) | 3, ATTR_DATA, 3);
    c->s.r[RSP] = reg_ld32(c, RCX);
    c->s.r[X86_RIP] = reg_ld32(c, RDX);
    x86_derive(c);
}
