/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_ud: what is executed where there is no instruction.
 */
#include "arch/x86/insn.h"

#include "arch/x86/cpu.h"
#include "base/trace.h"

void sem_ud(struct x86_cpu *c, const struct x86_insn *in)
{
    TRACE(x86_ud, "rip=%#" PRIx64 " opcode=%#x", c->s.r[X86_RIP], in->opcode);
    x86_ud(c);
}

/* The operation is in the opcode map but has no function yet. */
void sem_notyet(struct x86_cpu *c, const struct x86_insn *in)
{
    static uint64_t count[X86_OP_COUNT];
    uint64_t n = __atomic_add_fetch(&count[in->op], 1, __ATOMIC_RELAXED);

    TRACE(x86_notyet, "%s rip=%#" PRIx64 " count=%" PRIu64, x86_ops[in->op].name,
          c->s.r[X86_RIP], n);
    x86_ud(c);
}

/* More than 15 bytes [SDM2 2.3.11]. */
void sem_too_long(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x86_gp0(c);
}
