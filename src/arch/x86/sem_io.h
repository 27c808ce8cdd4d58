/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sem_io: I/O ports as an instruction reaches them.
 */
#ifndef QUAD_ARCH_X86_SEM_IO_H
#define QUAD_ARCH_X86_SEM_IO_H

#include "arch/x86/sem.h"

/* May the current privilege use ports [port, port+size)? IOPL and the TSS' I/O map; #GP(0). */
void x86_io_check(struct x86_cpu *c, uint16_t port, unsigned size);

/* After x86_io_check(). */
uint32_t x86_port_in(struct x86_cpu *c, uint16_t port, unsigned size);
void x86_port_out(struct x86_cpu *c, uint16_t port, unsigned size, uint32_t v);

#endif
