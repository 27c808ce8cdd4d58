/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * decode: what the disassembler and the tests need beyond x86_decode() [insn.h].
 */
#ifndef QUAD_ARCH_X86_DECODE_H
#define QUAD_ARCH_X86_DECODE_H

#include "arch/x86/optab.h"

/* x86_decode() that also tells the table's entry; NULL where there is no instruction. */
int x86_decode_entry(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode,
                     const struct x86_entry **entry);

/* The CPUID feature that this form of the entry needs. */
enum x86_feature x86_insn_feature(const struct x86_insn *in, const struct x86_entry *e);

/* Bytes of an operand with size letter `size` of enum x86_opd_size; 0: the operation's business. */
unsigned x86_opd_bytes(const struct x86_insn *in, unsigned size, bool is_mem, uint32_t mode);

#endif
