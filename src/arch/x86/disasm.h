/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * disasm: a decoded instruction as text, Intel syntax, from the decoder's own table. For traces,
 * dumps and tests; what it prints is what the operations get, so a wrong operand shows.
 */
#ifndef QUAD_ARCH_X86_DISASM_H
#define QUAD_ARCH_X86_DISASM_H

#include "arch/x86/decode.h"

enum x86_operand_type {
    XO_REG, /* cls, num */
    XO_MEM, /* in's memory operand, or the offset in imm with cls 1 */
    XO_IMM,
    XO_REL, /* branch displacement in imm */
    XO_FAR, /* offset in imm, selector in num */
    XO_STRING, /* cls 0: source, 1: destination */
};

enum x86_reg_class { XR_GPR, XR_SEG, XR_CR, XR_DR, XR_VEC, XR_MMX, XR_ST };

struct x86_operand {
    enum x86_operand_type type;
    uint8_t cls;
    uint16_t num; /* 8-bit registers: with X86_HIGH8 */
    uint8_t bytes; /* 0: not said */
    uint64_t imm;
};

/* The explicit operands in the manual's order, as in->dst, src, src2, imm have them; returns how
 * many (0..4). */
unsigned x86_operands(const struct x86_insn *in, const struct x86_entry *e, uint32_t mode,
                      struct x86_operand out[4]);

/* The manual's mnemonic with all suffixes, without prefixes. */
void x86_mnemonic(char *buf, size_t size, const struct x86_insn *in);

/* The whole instruction at address rip; "(bad)" where there is none. */
void x86_disasm(char *buf, size_t size, const struct x86_insn *in, const struct x86_entry *e,
                uint32_t mode, uint64_t rip);

#endif
