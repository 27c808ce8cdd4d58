/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_tab: the table of operations, from ops.def: each line declares its functions and is one
 * entry. A size that a kind does not have raises #UD; the decoder never asks for one.
 */
#include "arch/x86/insn.h"

/* Declarations. */
#define OP_ONE(name) x86_sem_fn sem_##name;
#define OP_SIZE(name) x86_sem_fn sem_##name##_8, sem_##name##_16, sem_##name##_32, sem_##name##_64;
#define OP_WDQ(name) x86_sem_fn sem_##name##_16, sem_##name##_32, sem_##name##_64;
#define OP_DQ(name) x86_sem_fn sem_##name##_32, sem_##name##_64;
#define OP_BWD(name) x86_sem_fn sem_##name##_8, sem_##name##_16, sem_##name##_32;
#define OP_ALU(name)                                                                         \
    x86_sem_fn sem_##name##_rr8, sem_##name##_rr16, sem_##name##_rr32, sem_##name##_rr64;    \
    x86_sem_fn sem_##name##_rm8, sem_##name##_rm16, sem_##name##_rm32, sem_##name##_rm64;    \
    x86_sem_fn sem_##name##_mr8, sem_##name##_mr16, sem_##name##_mr32, sem_##name##_mr64;
#define OP_NOTYET(name)
#include "arch/x86/ops.def"
#undef OP_ONE
#undef OP_SIZE
#undef OP_ALU
#undef OP_NOTYET

/* Entries. */
#define ROWS(b, w, d, q) {{b, w, d, q}, {b, w, d, q}, {b, w, d, q}}
#define OP_ONE(name) [X86_OP_##name] = {#name, ROWS(sem_##name, sem_##name, sem_##name, sem_##name)},
#define OP_SIZE(name)                                                                        \
    [X86_OP_##name] = {                                                                      \
        #name, ROWS(sem_##name##_8, sem_##name##_16, sem_##name##_32, sem_##name##_64)},
#define OP_WDQ(name)                                                                         \
    [X86_OP_##name] = {#name, ROWS(sem_ud, sem_##name##_16, sem_##name##_32, sem_##name##_64)},
#define OP_DQ(name) \
    [X86_OP_##name] = {#name, ROWS(sem_ud, sem_ud, sem_##name##_32, sem_##name##_64)},
#define OP_BWD(name)                                                                         \
    [X86_OP_##name] = {#name, ROWS(sem_##name##_8, sem_##name##_16, sem_##name##_32, sem_ud)},
#define OP_ALU(name)                                                                         \
    [X86_OP_##name] = {                                                                      \
        #name,                                                                               \
        {{sem_##name##_rr8, sem_##name##_rr16, sem_##name##_rr32, sem_##name##_rr64},        \
         {sem_##name##_rm8, sem_##name##_rm16, sem_##name##_rm32, sem_##name##_rm64},        \
         {sem_##name##_mr8, sem_##name##_mr16, sem_##name##_mr32, sem_##name##_mr64}}},
#define OP_NOTYET(name) \
    [X86_OP_##name] = {#name, ROWS(sem_notyet, sem_notyet, sem_notyet, sem_notyet)},

const struct x86_op x86_ops[X86_OP_COUNT] = {
#include "arch/x86/ops.def"
};
