/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gdb: a processor's registers as gdb's remote protocol numbers and describes them.
 *
 * The engine's vcpu_get() comes first; after x86_gdb_write() its vcpu_put().
 */
#ifndef QUAD_ARCH_X86_GDB_H
#define QUAD_ARCH_X86_GDB_H

#include "arch/x86/cpu.h"

#define X86_GDB_REG_BYTES 16 /* the longest */

/* The target description (XML); free() it. */
char *x86_gdb_description(void);

unsigned x86_gdb_regs(void); /* how many there are */

/* Register n in the target's byte order: its bytes, 0 when there is no such register. */
unsigned x86_gdb_read(const struct x86_cpu *c, unsigned n, uint8_t out[X86_GDB_REG_BYTES]);

/* The same in the other direction. Takes effect with the engine's vcpu_put(). Segment registers
 * take the selector only, their hidden parts stay; control registers are read-only. */
unsigned x86_gdb_write(struct x86_cpu *c, unsigned n, const uint8_t *in);

/* Guest memory at linear addresses, by the page tables of now, whatever their protections. False:
 * some of it is not mapped, or not memory; then nothing was written. */
bool x86_gdb_memory(struct x86_cpu *c, uint64_t lin, void *buf, size_t len, bool write);

#endif
