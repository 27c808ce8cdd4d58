/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MMX's own: availability, EMMS. The packed operations on MMX registers are in the sem_sse_*.c
 * files, beside their XMM forms. Also the availability of vector instructions, and VZEROUPPER
 * and VZEROALL.
 */
#include "arch/x86/simd.h"
#include "arch/x86/x87.h"

/* Priorities: #UD before #NM. */
void simd_refuse(struct x86_cpu *c, const struct x86_insn *in)
{
    if (in->flags & IN_VEX) {
        if (!(c->s.cr4 & CR4_OSXSAVE) || (c->s.xcr0 & 6) != 6)
            x86_ud(c);
    } else if ((c->s.cr0 & CR0_EM) || !(c->s.cr4 & CR4_OSFXSR)) {
        x86_ud(c);
    }
    x86_raise(c, EXC_NM);
}

void mmx_refuse(struct x86_cpu *c)
{
    if (c->s.cr0 & CR0_EM)
        x86_ud(c);
    if (c->s.cr0 & CR0_TS)
        x86_raise(c, EXC_NM);
    x87_error(c);
}

void sem_emms(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    mmx_check(c);
    c->s.ftw = 0;
    c->s.fsw &= 0xc7ff;
}

/* Outside 64-bit code registers 8..15 stay as they are. */
void sem_vzeroupper(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned count = c->mode & MODE_CODE64 ? 16 : 8;

    simd_check(c, in);
    for (unsigned i = 0; i < count; i++)
        c->s.ymm[i].q[2] = c->s.ymm[i].q[3] = 0;
}

void sem_vzeroall(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned count = c->mode & MODE_CODE64 ? 16 : 8;

    simd_check(c, in);
    memset(c->s.ymm, 0, count * sizeof(c->s.ymm[0]));
}
