/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flags: CLC STC CMC CLD STD LAHF SAHF, CLI STI, CLAC STAC; and NOP, PAUSE. [SDM2 3.2, 4.2]
 */
#include "arch/x86/exc.h"
#include "arch/x86/sem.h"

void sem_clc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    fl_put_cf(c, false);
}

void sem_stc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    fl_put_cf(c, true);
}

void sem_cmc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    fl_put_cf(c, !fl_cf(c));
}

void sem_cld(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    c->s.rflags &= ~(uint64_t)FL_DF;
}

void sem_std(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    c->s.rflags |= FL_DF;
}

void sem_lahf(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st8(c, X86_HIGH8 | RAX, (uint8_t)((fl_arith(c) & 0xd5) | FL_1));
}

void sem_sahf(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    fl_load(c, (reg_ld8(c, X86_HIGH8 | RAX) & 0xd5) | (fl_of(c) ? FL_OF : 0));
}

/* Which flag CLI and STI mean here: IF, or VIF under VME and PVI [SDM3 20.3, 20.4]; #GP(0). */
static uint64_t interrupt_flag(struct x86_cpu *c)
{
    unsigned iopl = (unsigned)(c->s.rflags & FL_IOPL) >> FL_IOPL_SHIFT;

    if (likely(c->cpl <= iopl || !(c->s.cr0 & CR0_PE)))
        return FL_IF;
    if (c->cpl == 3 && (c->s.cr4 & (c->mode & MODE_VM86 ? CR4_VME : CR4_PVI)))
        return FL_VIF;
    x86_gp0(c);
}

void sem_cli(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    c->s.rflags &= ~interrupt_flag(c);
}

void sem_sti(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t flag = interrupt_flag(c);

    (void)in;
    if (flag == FL_VIF && (c->s.rflags & FL_VIP))
        x86_gp0(c);
    if (flag == FL_IF && !(c->s.rflags & FL_IF)) {
        c->s.intr_shadow = true;
        c->s.shadow_is_mov_ss = false;
        x86_end_block(c);
    }
    c->s.rflags |= flag;
}

/* AC on its own: which pages the supervisor may touch under SMAP. The decoder knows these only
 * where the model has SMAP. */
static void put_ac(struct x86_cpu *c, bool ac)
{
    if (c->cpl != 0 || (c->mode & MODE_VM86))
        x86_ud(c);
    x86_write_flags(c, ac ? FL_AC : 0, FL_AC);
}

void sem_clac(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    put_ac(c, false);
}

void sem_stac(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    put_ac(c, true);
}

void sem_nop(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)c;
    (void)in;
}

/* A spinning guest lets other vCPUs of the host's core run: the block ends, requests are seen. */
void sem_pause(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_end_block(c);
}
