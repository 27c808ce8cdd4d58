/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bits: BT BTS BTR BTC, BSF BSR TZCNT LZCNT POPCNT, BMI1, BMI2, ADX, CRC32. [SDM2 3.2, 4.2]
 */
#include "arch/x86/sem_rmw.h"

#define WDQ(macro, ...) macro(__VA_ARGS__, 16) macro(__VA_ARGS__, 32) macro(__VA_ARGS__, 64)
#define DQ(macro, ...) macro(__VA_ARGS__, 32) macro(__VA_ARGS__, 64)
#define OPERAND(n) \
    (in->form == FORM_RR ? reg_ld##n(c, in->src) : x86_ld##n(c, in->seg, x86_ea(c, in)))

/* b is the bit number, already within the operand. */
static inline uint64_t do_bt(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    fl_put_cf(c, (a >> b) & 1);
    return a;
}

static inline uint64_t do_bts(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    return do_bt(c, a, b, bits) | BIT64(b);
}

static inline uint64_t do_btr(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    return do_bt(c, a, b, bits) & ~BIT64(b);
}

static inline uint64_t do_btc(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    return do_bt(c, a, b, bits) ^ BIT64(b);
}

/* Address of the operand that holds the bit: a register offset is signed and reaches beyond. */
static inline uint64_t bit_ea(const struct x86_cpu *c, const struct x86_insn *in, uint64_t offset,
                              unsigned bits)
{
    uint64_t ea = x86_ea(c, in);

    if (in->src == X86_IMM)
        return ea;
    int64_t words = (int64_t)sign_extend(offset, bits) >> (bits == 64 ? 6 : bits == 32 ? 5 : 4);
    ea += (uint64_t)words * (bits / 8);
    return in->asize == 8 ? ea : in->asize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

#define BIT_READ(name, n)                                                                        \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                            \
        uint64_t b = src_ld##n(c, in);                                                           \
        uint64_t a = in->form == FORM_RR ? reg_ld##n(c, in->dst)                                 \
                                         : x86_ld##n(c, in->seg, bit_ea(c, in, b, n));           \
        do_##name(c, a, b & (n - 1), n);                                                         \
    }
#define BIT_WRITE(name, n)                                                                       \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                            \
        uint64_t b = src_ld##n(c, in), k = b & (n - 1);                                          \
        if (in->form == FORM_RR) {                                                               \
            reg_st##n(c, in->dst, (uint##n##_t)do_##name(c, reg_ld##n(c, in->dst), k, n));       \
            return;                                                                              \
        }                                                                                        \
        uint64_t ea = bit_ea(c, in, b, n);                                                       \
        if (in->flags & IN_LOCK) {                                                               \
            x86_rmw_locked(c, in->seg, ea, n, do_##name, k);                                     \
            return;                                                                              \
        }                                                                                        \
        uint64_t a = x86_ldw##n(c, in->seg, ea);                                                 \
        x86_st##n(c, in->seg, ea, (uint##n##_t)do_##name(c, a, k, n));                           \
    }

WDQ(BIT_READ, bt)
WDQ(BIT_WRITE, bts)
WDQ(BIT_WRITE, btr)
WDQ(BIT_WRITE, btc)

/* BSF, BSR: nothing found: ZF, destination unchanged [APM3 BSF]. The undefined flags are as the
 * vendor's processors have them. */
static inline void flags_scan(struct x86_cpu *c, uint64_t v, uint64_t r)
{
    c->f.zres = v;
    c->f.sres = v ? r : 0;
    c->f.cv = 0;
    c->f.af = 0;
}

static inline void flags_count(struct x86_cpu *c, uint64_t v, unsigned r)
{
    c->f.zres = r;
    c->f.sres = 1;
    c->f.af = 0;
    fl_put_cf(c, v == 0);
}

#define BSF(n)                                                                     \
    void sem_bsf_##n(struct x86_cpu *c, const struct x86_insn *in)                 \
    {                                                                              \
        uint64_t v = OPERAND(n), r = v ? (uint64_t)__builtin_ctzll(v) : 0;         \
        if (v)                                                                     \
            reg_st##n(c, in->dst, (uint##n##_t)r);                                 \
        flags_scan(c, v, r);                                                       \
    }                                                                              \
    void sem_bsr_##n(struct x86_cpu *c, const struct x86_insn *in)                 \
    {                                                                              \
        uint64_t v = OPERAND(n), r = v ? 63 - (uint64_t)__builtin_clzll(v) : 0;    \
        if (v)                                                                     \
            reg_st##n(c, in->dst, (uint##n##_t)r);                                 \
        flags_scan(c, v, r);                                                       \
    }                                                                              \
    void sem_tzcnt_##n(struct x86_cpu *c, const struct x86_insn *in)               \
    {                                                                              \
        uint64_t v = OPERAND(n);                                                   \
        unsigned r = v ? (unsigned)__builtin_ctzll(v) : n;                         \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                     \
        flags_count(c, v, r);                                                      \
    }                                                                              \
    void sem_lzcnt_##n(struct x86_cpu *c, const struct x86_insn *in)               \
    {                                                                              \
        uint64_t v = OPERAND(n);                                                   \
        unsigned r = v ? (unsigned)__builtin_clzll(v) - (64 - n) : n;              \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                     \
        flags_count(c, v, r);                                                      \
    }                                                                              \
    void sem_popcnt_##n(struct x86_cpu *c, const struct x86_insn *in)              \
    {                                                                              \
        uint64_t v = OPERAND(n);                                                   \
        reg_st##n(c, in->dst, (uint##n##_t)__builtin_popcountll(v));               \
        fl_load(c, v ? 0 : FL_ZF);                                                 \
    }
BSF(16)
BSF(32)
BSF(64)

/* BMI1: SF and ZF from the result, OF 0, AF and PF undefined. */
static inline void bmi_flags(struct x86_cpu *c, uint64_t r, unsigned bits, bool cf)
{
    fl_logic(c, r, bits);
    fl_put_cf_of(c, cf, false);
}

static inline uint64_t bextr(uint64_t v, uint64_t control)
{
    unsigned start = control & 0xff, len = (control >> 8) & 0xff;

    v = start < 64 ? v >> start : 0;
    return len < 64 ? v & (BIT64(len) - 1) : v;
}

static inline uint64_t pdep(uint64_t v, uint64_t mask)
{
    uint64_t r = 0;

    for (; mask; mask &= mask - 1, v >>= 1)
        if (v & 1)
            r |= mask & -mask;
    return r;
}

static inline uint64_t pext(uint64_t v, uint64_t mask)
{
    uint64_t r = 0;

    for (unsigned k = 0; mask; mask &= mask - 1, k++)
        if (v & mask & -mask)
            r |= BIT64(k);
    return r;
}

#define BMI(n)                                                                            \
    void sem_andn_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint64_t r = ~c->s.r[in->src2] & OPERAND(n);                                      \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, false);                                                        \
    }                                                                                     \
    void sem_bextr_##n(struct x86_cpu *c, const struct x86_insn *in)                      \
    {                                                                                     \
        uint64_t r = bextr(OPERAND(n), c->s.r[in->src2]);                                 \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, false);                                                        \
        c->f.af = FL_AF;                                                                  \
    }                                                                                     \
    void sem_bzhi_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint64_t r = OPERAND(n);                                                          \
        unsigned k = reg_ld64(c, in->src2) & 0xff;                                        \
        if (k < n)                                                                        \
            r &= BIT64(k) - 1;                                                            \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, k >= n);                                                       \
    }                                                                                     \
    void sem_blsi_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint64_t v = OPERAND(n), r = v & -v;                                              \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, v != 0);                                                       \
    }                                                                                     \
    void sem_blsr_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint64_t v = OPERAND(n), r = v & (v - 1);                                         \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, v == 0);                                                       \
    }                                                                                     \
    void sem_blsmsk_##n(struct x86_cpu *c, const struct x86_insn *in)                     \
    {                                                                                     \
        uint64_t v = OPERAND(n), r = v ^ (v - 1);                                         \
        reg_st##n(c, in->dst, (uint##n##_t)r);                                            \
        bmi_flags(c, r, n, v == 0);                                                       \
    }                                                                                     \
    void sem_pdep_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        reg_st##n(c, in->dst, (uint##n##_t)pdep(reg_ld##n(c, in->src2), OPERAND(n)));     \
    }                                                                                     \
    void sem_pext_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        reg_st##n(c, in->dst, (uint##n##_t)pext(reg_ld##n(c, in->src2), OPERAND(n)));     \
    }                                                                                     \
    void sem_rorx_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint##n##_t v = OPERAND(n);                                                       \
        unsigned k = in->imm & (n - 1);                                                   \
        reg_st##n(c, in->dst, (uint##n##_t)(v >> k | v << (-k & (n - 1))));               \
    }                                                                                     \
    void sem_sarx_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        int##n##_t v = (int##n##_t)OPERAND(n);                                            \
        reg_st##n(c, in->dst, (uint##n##_t)(v >> (c->s.r[in->src2] & (n - 1))));          \
    }                                                                                     \
    void sem_shlx_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint##n##_t v = OPERAND(n);                                                       \
        reg_st##n(c, in->dst, v << (c->s.r[in->src2] & (n - 1)));                         \
    }                                                                                     \
    void sem_shrx_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint##n##_t v = OPERAND(n);                                                       \
        reg_st##n(c, in->dst, v >> (c->s.r[in->src2] & (n - 1)));                         \
    }

BMI(32)
BMI(64)

/* ADCX adds with CF and touches nothing else, ADOX likewise with OF. */
#define ADX(n)                                                                    \
    void sem_adcx_##n(struct x86_cpu *c, const struct x86_insn *in)               \
    {                                                                             \
        uint##n##_t a = reg_ld##n(c, in->dst), b = OPERAND(n), r;                 \
        bool carry = __builtin_add_overflow(a, b, &r);                            \
        carry |= __builtin_add_overflow(r, (uint##n##_t)fl_cf(c), &r);            \
        reg_st##n(c, in->dst, r);                                                 \
        fl_put_cf(c, carry);                                                      \
    }                                                                             \
    void sem_adox_##n(struct x86_cpu *c, const struct x86_insn *in)               \
    {                                                                             \
        uint##n##_t a = reg_ld##n(c, in->dst), b = OPERAND(n), r;                 \
        bool carry = __builtin_add_overflow(a, b, &r);                            \
        carry |= __builtin_add_overflow(r, (uint##n##_t)fl_of(c), &r);            \
        reg_st##n(c, in->dst, r);                                                 \
        fl_put_cf_of(c, fl_cf(c), carry);                                         \
    }

ADX(32)
ADX(64)

/* The Castagnoli polynomial 11EDC6F41h, bits reflected [SDM2 CRC32]. */
static uint32_t crc32c(uint32_t crc, uint64_t v, unsigned bits)
{
    for (unsigned i = 0; i < bits; i += 8) {
        crc ^= (v >> i) & 0xff;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

#define CRC32(n)                                                                \
    void sem_crc32_##n(struct x86_cpu *c, const struct x86_insn *in)            \
    {                                                                           \
        uint64_t v = OPERAND(n);                                                \
        c->s.r[in->dst] = crc32c(reg_ld32(c, in->dst), v, n);                   \
    }

CRC32(8)
CRC32(16)
CRC32(32)
CRC32(64)
