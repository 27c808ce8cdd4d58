/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * flags: setting and reading the lazy arithmetic flags (struct x86_lazy in cpu.h).
 *
 * A carry vector is the carry *out of* each bit position; shifted so that the operand's top bit
 * sits at bit 63, CF is bit 63 and OF is bit 63 xor bit 62. AF is the xor of operands and result
 * at bit 4.
 */
#ifndef QUAD_ARCH_X86_FLAGS_H
#define QUAD_ARCH_X86_FLAGS_H

#include "arch/x86/cpu.h"
#include "base/bits.h"

static inline bool fl_zf(const struct x86_cpu *c) { return c->f.zres == 0; }
static inline bool fl_sf(const struct x86_cpu *c) { return c->f.sres >> 63; }
static inline bool fl_cf(const struct x86_cpu *c) { return c->f.cv >> 63; }
static inline bool fl_of(const struct x86_cpu *c) { return (c->f.cv ^ (c->f.cv << 1)) >> 63; }
static inline bool fl_af(const struct x86_cpu *c) { return (c->f.af >> 4) & 1; }
static inline bool fl_pf(const struct x86_cpu *c)
{
    return !__builtin_parity((unsigned)(c->f.sres & 0xff));
}

/* bits: 8, 16, 32, 64; r, a, b may have garbage above it. */
static inline void fl_set_res(struct x86_cpu *c, uint64_t r, unsigned bits)
{
    c->f.zres = c->f.sres = sign_extend(r, bits);
}

static inline void fl_add(struct x86_cpu *c, uint64_t r, uint64_t a, uint64_t b, unsigned bits)
{
    fl_set_res(c, r, bits);
    c->f.cv = ((a & b) | ((a | b) & ~r)) << (64 - bits);
    c->f.af = a ^ b ^ r;
}

/* r = a - b (- borrow) */
static inline void fl_sub(struct x86_cpu *c, uint64_t r, uint64_t a, uint64_t b, unsigned bits)
{
    fl_set_res(c, r, bits);
    c->f.cv = ((~a & b) | ((~a | b) & r)) << (64 - bits);
    c->f.af = a ^ b ^ r;
}

/* AND, OR, XOR, TEST: CF = OF = 0; AF is undefined, 0 here as processors do. */
static inline void fl_logic(struct x86_cpu *c, uint64_t r, unsigned bits)
{
    fl_set_res(c, r, bits);
    c->f.cv = 0;
    c->f.af = 0;
}

/* Set CF and OF alone; the others stay. */
static inline void fl_put_cf_of(struct x86_cpu *c, bool cf, bool of)
{
    c->f.cv = ((uint64_t)cf << 63) | ((uint64_t)(cf ^ of) << 62);
}

static inline void fl_put_cf(struct x86_cpu *c, bool cf) { fl_put_cf_of(c, cf, fl_of(c)); }

/* Set ZF alone (BSF, CMPXCHG8B, VERR, LAR ...): SF and PF keep their word. */
static inline void fl_put_zf(struct x86_cpu *c, bool zf) { c->f.zres = !zf; }

/* Take the six arithmetic flags from an RFLAGS image. */
static inline void fl_load(struct x86_cpu *c, uint64_t fl)
{
    c->f.zres = !(fl & FL_ZF);
    c->f.sres = (fl & FL_SF ? BIT64(63) : 0) | (fl & FL_PF ? 0 : 1);
    fl_put_cf_of(c, fl & FL_CF, fl & FL_OF);
    c->f.af = fl & FL_AF;
}

/* The six arithmetic flags as RFLAGS bits. */
static inline uint64_t fl_arith(const struct x86_cpu *c)
{
    return (fl_cf(c) ? FL_CF : 0) | (fl_pf(c) ? FL_PF : 0) | (fl_af(c) ? FL_AF : 0) |
           (fl_zf(c) ? FL_ZF : 0) | (fl_sf(c) ? FL_SF : 0) | (fl_of(c) ? FL_OF : 0);
}

/* The whole RFLAGS, and its store (arithmetic part into the lazy words). Storing IF, TF, AC, VM
 * needs x86_derive() or an interrupt check by the caller. */
static inline uint64_t x86_rflags(const struct x86_cpu *c)
{
    return (c->s.rflags & ~(uint64_t)FL_ARITH) | fl_arith(c) | FL_1;
}

static inline void x86_set_rflags(struct x86_cpu *c, uint64_t v)
{
    c->s.rflags = v | FL_1;
    fl_load(c, v);
}

static inline void x86_flags_sync(struct x86_cpu *c) { c->s.rflags = x86_rflags(c); }

/* Condition codes [SDM1 appendix B]: cc 0..15 = O NO B NB E NE BE A S NS P NP L GE LE G. */
static inline bool fl_cond(const struct x86_cpu *c, unsigned cc)
{
    bool v;

    switch (cc >> 1) {
    case 0: v = fl_of(c); break;
    case 1: v = fl_cf(c); break;
    case 2: v = fl_zf(c); break;
    case 3: v = fl_cf(c) || fl_zf(c); break;
    case 4: v = fl_sf(c); break;
    case 5: v = fl_pf(c); break;
    case 6: v = fl_sf(c) != fl_of(c); break;
    default: v = fl_zf(c) || fl_sf(c) != fl_of(c); break;
    }
    return v ^ (cc & 1);
}

#endif
