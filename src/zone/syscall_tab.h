/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * syscall_tab: the numbers of system calls, for the seccomp compiler.
 */
#ifndef QUAD_ZONE_SYSCALL_TAB_H
#define QUAD_ZONE_SYSCALL_TAB_H

#include "base/base.h"

enum abi { ABI_X86_64, ABI_X86, ABI_X32, ABI_AARCH64, ABI_ARM, ABI_RISCV64, ABI_COUNT };

struct syscall_row {
    const char *name;
    int16_t nr[ABI_COUNT];
};

extern const struct syscall_row syscall_tab[];
extern const unsigned syscall_tab_len;

const struct syscall_row *syscall_find(const char *name);
/* The number, or -1 where this ABI has no such call. */
int syscall_number(const struct syscall_row *row, enum abi abi);

#endif
