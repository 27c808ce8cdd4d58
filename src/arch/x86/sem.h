/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem: declarations of the operations' functions, from ops.def. Every sem_*.c includes it.
 */
#ifndef QUAD_ARCH_X86_SEM_H
#define QUAD_ARCH_X86_SEM_H

#include "arch/x86/cpu.h"
#include "arch/x86/flags.h"
#include "arch/x86/insn.h"
#include "arch/x86/tlb.h"

#define OP_ONE(name) x86_sem_fn sem_##name;
#define OP_SIZE(name) x86_sem_fn sem_##name##_8, sem_##name##_16, sem_##name##_32, sem_##name##_64;
#define OP_ALU(name)                                                                       \
    x86_sem_fn sem_##name##_rr8, sem_##name##_rr16, sem_##name##_rr32, sem_##name##_rr64;  \
    x86_sem_fn sem_##name##_rm8, sem_##name##_rm16, sem_##name##_rm32, sem_##name##_rm64;  \
    x86_sem_fn sem_##name##_mr8, sem_##name##_mr16, sem_##name##_mr32, sem_##name##_mr64;
#define OP_NOTYET(name)
#include "arch/x86/ops.def"
#undef OP_ONE
#undef OP_SIZE
#undef OP_ALU
#undef OP_NOTYET

#endif
