/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rotates and shifts: ROL ROR RCL RCR SHL SHR SAR SHLD SHRD. [SDM2 4.2]
 *
 * A masked count of 0 changes no flag. OF is defined for counts of 1 only; for the others it gets
 * what the same formula gives. AF after a shift is undefined: set, as the vendor's processors do.
 */
#include "arch/x86/sem_rmw.h"

static inline unsigned count_of(uint64_t b, unsigned bits)
{
    return (unsigned)b & (bits == 64 ? 63 : 31);
}

static inline uint64_t low(uint64_t v, unsigned bits)
{
    return bits == 64 ? v : v & (BIT64(bits & 63) - 1);
}

static inline void flags_shift(struct x86_cpu *c, uint64_t r, unsigned bits, bool cf, bool of)
{
    fl_set_res(c, r, bits);
    c->f.af = FL_AF;
    fl_put_cf_of(c, cf, of);
}

static inline bool top(uint64_t v, unsigned bits)
{
    return (v >> (bits - 1)) & 1;
}

static inline uint64_t do_rol(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits), k = n & (bits - 1);
    uint64_t r = a;

    if (!n)
        return a;
    if (k)
        r = low(a << k | a >> (bits - k), bits);
    fl_put_cf_of(c, r & 1, top(r, bits) ^ (r & 1));
    return r;
}

static inline uint64_t do_ror(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits), k = n & (bits - 1);
    uint64_t r = a;

    if (!n)
        return a;
    if (k)
        r = low(a >> k | a << (bits - k), bits);
    fl_put_cf_of(c, top(r, bits), top(r, bits) ^ top(r, bits - 1));
    return r;
}

/* Rotate through CF: bits + 1 bits wide. A narrow rotation by a whole turn changes nothing but
 * computes OF anew. */
static inline uint64_t do_rcl(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits);
    uint64_t cf = fl_cf(c), r = a;

    if (!n)
        return a;
    if (bits < 32)
        n %= bits + 1;
    if (n) {
        r = a << n | cf << (n - 1);
        if (n > 1)
            r |= a >> (bits + 1 - n);
        r = low(r, bits);
        cf = (a >> (bits - n)) & 1;
    }
    fl_put_cf_of(c, cf, top(r, bits) ^ cf);
    return r;
}

static inline uint64_t do_rcr(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits);
    uint64_t cf = fl_cf(c), r = a;

    if (!n)
        return a;
    if (bits < 32)
        n %= bits + 1;
    if (n) {
        r = a >> n | cf << (bits - n);
        if (n > 1)
            r |= a << (bits + 1 - n);
        r = low(r, bits);
        cf = (a >> (n - 1)) & 1;
    }
    fl_put_cf_of(c, cf, top(r, bits) ^ top(r, bits - 1));
    return r;
}

static inline uint64_t do_shl(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits);

    if (!n)
        return a;
    uint64_t r = low(a << n, bits); /* n < 64; narrow operands are shifted out of the low bits */
    bool cf = n <= bits && ((a >> (bits - n)) & 1);
    flags_shift(c, r, bits, cf, top(r, bits) ^ cf);
    return r;
}

static inline uint64_t do_shr(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits);

    if (!n)
        return a;
    uint64_t r = a >> n;
    bool cf = (a >> (n - 1)) & 1;
    flags_shift(c, r, bits, cf, top(r, bits) ^ top(r, bits - 1));
    return r;
}

static inline uint64_t do_sar(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned n = count_of(b, bits);
    int64_t wide = (int64_t)sign_extend(a, bits);

    if (!n)
        return a;
    uint64_t r = low((uint64_t)(wide >> n), bits);
    flags_shift(c, r, bits, (wide >> (n - 1)) & 1, false);
    return r;
}

/* Shifts take their count from CL or the immediate: 8 bits of src whatever the operand size. */
static inline uint64_t count_ld(const struct x86_cpu *c, const struct x86_insn *in)
{
    return in->src == X86_IMM ? in->imm : c->s.r[RCX];
}

#define SHIFT(name, n)                                                                              \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                             \
    {                                                                                               \
        uint64_t b = count_ld(c, in);                                                               \
        if (likely(in->form == FORM_RR))                                                            \
            reg_st##n(c, in->dst, (uint##n##_t)do_##name(c, reg_ld##n(c, in->dst), b, n));          \
        else                                                                                        \
            x86_rmw##n(c, in, do_##name, b);                                                        \
    }
#define SIZES(macro, name) macro(name, 8) macro(name, 16) macro(name, 32) macro(name, 64)

SIZES(SHIFT, rol)
SIZES(SHIFT, ror)
SIZES(SHIFT, rcl)
SIZES(SHIFT, rcr)
SIZES(SHIFT, shl)
SIZES(SHIFT, shr)
SIZES(SHIFT, sar)

/* Double shifts. A 16-bit operand with a count above 16 is undefined; the vendor's processors shift
 * the source in twice. */
static uint64_t shld(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned n, unsigned bits)
{
    uint64_t r;
    bool cf;

    if (!n)
        return a;
    if (bits == 16) {
        uint64_t w = a << 32 | b << 16 | b;
        r = low(w << n >> 32, 16);
        cf = (w >> (48 - n)) & 1;
    } else {
        r = low(a << n | b >> (bits - n), bits);
        cf = (a >> (bits - n)) & 1;
    }
    flags_shift(c, r, bits, cf, top(r, bits) ^ cf);
    return r;
}

static uint64_t shrd(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned n, unsigned bits)
{
    uint64_t r;
    bool cf;

    if (!n)
        return a;
    if (bits == 16) {
        uint64_t w = b << 32 | b << 16 | a;
        r = low(w >> n, 16);
        cf = (w >> (n - 1)) & 1;
    } else {
        r = low(a >> n | b << (bits - n), bits);
        cf = (a >> (n - 1)) & 1;
    }
    flags_shift(c, r, bits, cf, top(r, bits) ^ top(r, bits - 1));
    return r;
}

/* The register operand is ModRM.reg, the count (src2) an immediate byte or CL. */
#define DOUBLE(name, n)                                                                   \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                   \
    {                                                                                     \
        unsigned k = count_of(in->src2 == X86_IMM ? in->imm : c->s.r[RCX], n);            \
        uint64_t b = reg_ld##n(c, in->reg);                                               \
        if (in->form == FORM_RR) {                                                        \
            reg_st##n(c, in->dst, (uint##n##_t)name(c, reg_ld##n(c, in->dst), b, k, n));  \
            return;                                                                       \
        }                                                                                 \
        uint64_t ea = x86_ea(c, in);                                                      \
        uint##n##_t a = x86_ldw##n(c, in->seg, ea);                                       \
        x86_st##n(c, in->seg, ea, (uint##n##_t)name(c, a, b, k, n));                      \
    }

DOUBLE(shld, 16)
DOUBLE(shld, 32)
DOUBLE(shld, 64)
DOUBLE(shrd, 16)
DOUBLE(shrd, 32)
DOUBLE(shrd, 64)
