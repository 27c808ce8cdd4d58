/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * insn: one decoded instruction, and the table of operations.
 *
 * The decoder (decode.c over optab.c) turns bytes into struct x86_insn; interpreter and
 * translator both work from it. Each operation has one entry in ops.def; its C functions (sem_*.c)
 * take the instruction record. Operands are normalised, so that one function serves many
 * encodings:
 *
 *   form RR   dst register, src register or immediate      ADD r,r  ADD r,imm  NOT r
 *   form RM   dst register, source in memory                ADD r,m  MOVZX r,m
 *   form MR   destination in memory, src register or imm    ADD m,r  ADD m,imm  NOT m
 *
 * An instruction whose ModRM r/m operand is a register is always RR. One-operand instructions
 * have their operand as dst (RR) or memory (MR); those that only read memory (MUL m, JMP m, PUSH
 * m) are RM with the operand as source (register form: src). Implicit operands (AL, DX, CL, ST0)
 * are the function's business; shifts by CL have src = RCX, by 1 imm = 1.
 */
#ifndef QUAD_ARCH_X86_INSN_H
#define QUAD_ARCH_X86_INSN_H

#include "base/base.h"

struct x86_cpu;
struct x86_insn;

typedef void x86_sem_fn(struct x86_cpu *c, const struct x86_insn *in);

enum x86_form { FORM_RR, FORM_RM, FORM_MR, X86_NFORM };

enum {
    /* src: */
    X86_IMM = 0x40, /* the source is in->imm */
    /* 8-bit register numbers: AH CH DH BH are 0x20 | 0..3, everything else the plain number */
    X86_HIGH8 = 0x20,
};

/* insn.flags */
enum {
    IN_LOCK = 1 << 0,
    IN_REP = 1 << 1,   /* F3 as a repeat prefix (not a mandatory prefix) */
    IN_REPNE = 1 << 2, /* F2 likewise */
    IN_VEX = 1 << 3,
    IN_L256 = 1 << 4, /* VEX.L */
    IN_W = 1 << 5,    /* REX.W or VEX.W */
    IN_REX = 1 << 6,
    IN_OPSIZE = 1 << 7, /* 66 present */
    IN_ADSIZE = 1 << 8, /* 67 present */
    IN_SEGOVR = 1 << 9, /* an explicit segment override that counts */
    IN_MMX = 1 << 10,   /* MMX-register form of an operation that also has an XMM form */
    IN_BRANCH = 1 << 11, /* may change RIP: ends a block */
    IN_ENDBLOCK = 1 << 12, /* ends a block for another reason (mode change, shadow, far transfer) */
    IN_F2 = 1 << 13, /* F2, F3 as found, whatever they mean (mandatory prefixes included) */
    IN_F3 = 1 << 14,
};

struct x86_insn {
    x86_sem_fn *fn;
    uint64_t imm;    /* immediate, sign-extended where the manual says; far pointers: offset, with
                        the selector in disp; ENTER: size | level << 16; branches: displacement */
    int32_t disp;    /* of the memory operand */
    uint16_t op;     /* enum x86_opid */
    uint16_t flags;  /* IN_* */
    uint8_t len;     /* bytes, 1..15 */
    uint8_t form;    /* enum x86_form */
    uint8_t size;    /* operand size in bytes: 1 2 4 8, vectors 16 32, MMX 8 */
    uint8_t asize;   /* address size in bytes: 2 4 8 */
    uint8_t dst;     /* destination register */
    uint8_t src;     /* source register, or X86_IMM */
    uint8_t src2;    /* VEX.vvvv register (non-destructive first source); else = dst */
    uint8_t reg;     /* ModRM.reg as encoded with REX.R/VEX.R (also /digit, segment, CR, DR) */
    uint8_t seg;     /* segment of the memory operand, override applied */
    uint8_t base;    /* 0..15, X86_ZERO, X86_RIP */
    uint8_t index;   /* 0..15, X86_ZERO */
    uint8_t scale;   /* shift 0..3 */
    uint8_t cc;      /* condition code 0..15 of Jcc, SETcc, CMOVcc */
    uint8_t opcode;  /* last opcode byte */
    uint8_t modrm;   /* raw ModRM byte (0 where there is none) */
    uint8_t count;   /* VSIB: index register number of vector index; else 0 */
};

/* How an operation's functions are chosen.
 *   OPK_ONE   one function: sem_NAME
 *   OPK_SIZE  by operand size: sem_NAME_8 _16 _32 _64  (the function looks at in->form)
 *   OPK_ALU   by form and size: sem_NAME_rr8 .. sem_NAME_mr64 */
enum x86_op_kind { OPK_ONE, OPK_SIZE, OPK_ALU };

enum x86_opid {
#define OP_ONE(name) X86_OP_##name,
#define OP_SIZE(name) X86_OP_##name,
#define OP_ALU(name) X86_OP_##name,
#define OP_NOTYET(name) X86_OP_##name,
#include "arch/x86/ops.def"
#undef OP_ONE
#undef OP_SIZE
#undef OP_ALU
#undef OP_NOTYET
    X86_OP_COUNT
};

struct x86_op {
    const char *name;
    x86_sem_fn *fn[X86_NFORM][4]; /* [form][log2 size]; OPK_ONE: all the same */
};

extern const struct x86_op x86_ops[X86_OP_COUNT];

/* Decode one instruction from bytes[0..avail) (avail up to 15) for a MODE_* key.
 * 0: *in is filled. X86_DECODE_SHORT: more bytes are needed than avail (fetch fault if there are
 * none). X86_DECODE_UD: no instruction; in->fn raises #UD and in->len is what was consumed.
 * X86_DECODE_LONG: more than 15 bytes; in->fn raises #GP(0). */
enum { X86_DECODE_OK, X86_DECODE_UD, X86_DECODE_SHORT, X86_DECODE_LONG };
int x86_decode(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode);

/* The same for a processor that has only `features` (bits by enum x86_feature, x86_model_features):
 * what it lacks is no instruction; LZCNT and TZCNT are then BSR and BSF, whose prefix means
 * nothing [APM3 LZCNT, TZCNT]. */
int x86_decode_for(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode,
                   uint64_t features);

/* #UD; counts instructions whose place in the table says "not yet". */
x86_sem_fn sem_ud, sem_notyet, sem_too_long;

#endif
