/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87: the register stack, status word and exceptions of the x87, for sem_x87_*.c, and what
 * FXSAVE, XSAVE and MMX need of it. [SDM1 8] [APM1 6]
 *
 * An instruction goes: x87_enter(); memory operands (they may fault); x87_note(); emptiness, with
 * x87_underflow() or x87_overflow(); compute with x87_status(); x87_commit(); write, push, pop.
 * Registers live in c->s.fpr[] by physical number; c->s.ftw has a bit per register that is not
 * empty. The exact tag word is derived when it is stored.
 */
#ifndef QUAD_ARCH_X86_X87_H
#define QUAD_ARCH_X86_X87_H

#include "arch/x86/cpu.h"
#include "arch/x86/softfloat.h"

enum {
    FSW_SF = 1u << 6, /* stack fault; with IE */
    FSW_ES = 1u << 7, /* an unmasked exception is pending */
    FSW_C0 = 1u << 8,
    FSW_C1 = 1u << 9,
    FSW_C2 = 1u << 10,
    FSW_TOP_SHIFT = 11,
    FSW_TOP = 7u << 11,
    FSW_C3 = 1u << 14,
    FSW_B = 1u << 15, /* as ES */
    FSW_CC = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3,

    FCW_DEFAULT = 0x37f,
    FCW_VALID = 0x1f7f, /* the other bits read as zero, bit 6 as one */
    FCW_ONE = 0x40,
};

/* ---- stack ---- */

static inline unsigned x87_top(const struct x86_cpu *c)
{
    return c->s.fsw >> FSW_TOP_SHIFT & 7;
}

static inline unsigned x87_phys(const struct x86_cpu *c, unsigned i)
{
    return (x87_top(c) + i) & 7;
}

static inline bool x87_is_empty(const struct x86_cpu *c, unsigned i)
{
    return !(c->s.ftw >> x87_phys(c, i) & 1);
}

static inline struct f80 x87_get(const struct x86_cpu *c, unsigned i)
{
    return c->s.fpr[x87_phys(c, i)];
}

static inline void x87_put(struct x86_cpu *c, unsigned i, struct f80 v)
{
    unsigned n = x87_phys(c, i);

    c->s.fpr[n] = v;
    c->s.ftw |= (uint8_t)(1u << n);
}

static inline void x87_set_top(struct x86_cpu *c, unsigned top)
{
    c->s.fsw = (uint16_t)((c->s.fsw & ~FSW_TOP) | (top & 7) << FSW_TOP_SHIFT);
}

static inline void x87_push(struct x86_cpu *c, struct f80 v)
{
    x87_set_top(c, x87_top(c) - 1);
    x87_put(c, 0, v);
}

static inline void x87_pop(struct x86_cpu *c)
{
    c->s.ftw &= (uint8_t) ~(1u << x87_top(c));
    x87_set_top(c, x87_top(c) + 1);
}

static inline struct f80 x87_default_nan(void)
{
    return (struct f80){UINT64_C(3) << 62, 0xffff};
}

/* ---- exceptions ---- */

/* An exception is pending at an instruction that waits: #MF, or with CR0.NE clear FERR# to the
 * outside, and the processor waits for the interrupt that this causes; it returns when the outside
 * says IGNNE# [SDM1 D.2.1]. */
void x87_error(struct x86_cpu *c);
void x87_error_gone(struct x86_cpu *c);

/* CR0.EM or CR0.TS is set, or an exception is pending. */
void x87_refuse(struct x86_cpu *c);

/* The exception flags have changed: with none pending FERR# falls. */
static inline void x87_ferr_update(struct x86_cpu *c)
{
    if (unlikely(c->s.ferr) && !(c->s.fsw & FSW_ES))
        x87_error_gone(c);
}

/* First thing in an instruction that waits; those that do not (FN...) use x87_enter_nowait(). */
static inline void x87_enter(struct x86_cpu *c)
{
    if (unlikely((c->s.cr0 & (CR0_EM | CR0_TS)) || (c->s.fsw & FSW_ES)))
        x87_refuse(c);
}

static inline void x87_enter_nowait(struct x86_cpu *c)
{
    if (unlikely(c->s.cr0 & (CR0_EM | CR0_TS)))
        x86_raise(c, EXC_NM);
}

/* Record the last non-control instruction; _mem: and its operand at effective address ea. */
static inline void x87_note(struct x86_cpu *c, const struct x86_insn *in)
{
    c->s.fop = (uint16_t)((in->opcode & 7) << 8 | in->modrm);
    c->s.fip = c->s.r[X86_RIP] - in->len;
    c->s.fcs = c->s.seg[SEG_CS].sel;
}

static inline void x87_note_mem(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
    x87_note(c, in);
    c->s.fdp = ea;
    c->s.fds = c->s.seg[in->seg].sel;
}

static inline struct float_status x87_status(const struct x86_cpu *c)
{
    return float_status_fcw(c->s.fcw);
}

/* ES and B follow from flags and masks. */
static inline void x87_update_es(struct x86_cpu *c)
{
    c->s.fsw &= (uint16_t) ~(FSW_ES | FSW_B);
    if (c->s.fsw & ~c->s.fcw & FLOAT_ALL)
        c->s.fsw |= FSW_ES | FSW_B;
    x87_ferr_update(c);
}

/* Take over flags and C1. False: an unmasked exception forbids the result (that is IE, DE, ZE for
 * results in registers, any of `forbids` in general). */
static inline bool x87_commit_for(struct x86_cpu *c, const struct float_status *st,
                                  unsigned forbids)
{
    unsigned flags = float_flags(st), unmasked = flags & ~st->masks;

    c->s.fsw = (uint16_t)((c->s.fsw & ~FSW_C1) | flags | (st->up ? FSW_C1 : 0));
    if (likely(!unmasked))
        return true;
    c->s.fsw |= FSW_ES | FSW_B;
    if (!(unmasked & forbids))
        return true;
    c->s.fsw &= (uint16_t)~FSW_C1;
    return false;
}

static inline bool x87_commit(struct x86_cpu *c, const struct float_status *st)
{
    return x87_commit_for(c, st, FLOAT_IE | FLOAT_DE | FLOAT_ZE);
}

/* For results in memory. */
static inline bool x87_commit_mem(struct x86_cpu *c, const struct float_status *st)
{
    return x87_commit_for(c, st, FLOAT_ALL & ~FLOAT_PE);
}

/* Stack faults. True: masked, the instruction goes on with the default NaN. */
bool x87_underflow(struct x86_cpu *c);
bool x87_overflow(struct x86_cpu *c);

static inline void x87_set_cc(struct x86_cpu *c, unsigned cc)
{
    c->s.fsw = (uint16_t)((c->s.fsw & ~FSW_CC) | cc);
}

/* ---- whole state ---- */

void x87_init(struct x86_cpu *c); /* FNINIT; also XRSTOR's initial state */

uint16_t x87_full_tags(const struct x86_cpu *c);
void x87_set_full_tags(struct x86_cpu *c, uint16_t tags);

/* The x87 part of the FXSAVE and XSAVE area: bytes 0..23 and 32..159 (24..31 are MXCSR's and are
 * left alone). wide: the form with REX.W, with 64-bit pointers. As processors of AMD do, the
 * pointers are saved (else zeros) and restored only while an exception is pending. */
enum { X87_AREA = 160 };
void x87_save_area(const struct x86_cpu *c, uint8_t *area, bool wide);
void x87_load_area(struct x86_cpu *c, const uint8_t *area, bool wide);

#endif
