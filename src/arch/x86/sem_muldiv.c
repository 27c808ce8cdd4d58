/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multiplication and division. [SDM2 3.2 DIV, IDIV, IMUL; 4.2 MUL]
 *
 * Undefined flags are what the vendor's processors make of them: after a product those other than CF
 * and OF are unchanged; a quotient clears SF ZF PF, sets AF and leaves CF and OF.
 */
#include "arch/x86/sem.h"

typedef unsigned __int128 uint128;
typedef __int128 int128;

#define OPERAND(n) \
    (in->form == FORM_RR ? reg_ld##n(c, in->src) : x86_ld##n(c, in->seg, x86_ea(c, in)))

static inline void flags_quotient(struct x86_cpu *c)
{
    c->f.zres = c->f.sres = 1;
    c->f.af = FL_AF;
}

/* A double-width result or dividend: AX, DX:AX, EDX:EAX, RDX:RAX. */
static inline void put_double16(struct x86_cpu *c, uint32_t v)
{
    reg_st16(c, RAX, (uint16_t)v);
    reg_st16(c, RDX, (uint16_t)(v >> 16));
}

static inline void put_double32(struct x86_cpu *c, uint64_t v)
{
    reg_st32(c, RAX, (uint32_t)v);
    reg_st32(c, RDX, (uint32_t)(v >> 32));
}

static inline void put_double64(struct x86_cpu *c, uint128 v)
{
    c->s.r[RAX] = (uint64_t)v;
    c->s.r[RDX] = (uint64_t)(v >> 64);
}

static inline void put_double8(struct x86_cpu *c, uint16_t v)
{
    reg_st16(c, RAX, v);
}

/* Quotient and remainder: AL and AH, AX and DX, ... */
static inline void put_pair8(struct x86_cpu *c, uint8_t q, uint8_t r)
{
    reg_st16(c, RAX, (uint16_t)(q | r << 8));
}

#define PAIR(n)                                                                             \
    static inline void put_pair##n(struct x86_cpu *c, uint##n##_t q, uint##n##_t r)         \
    {                                                                                       \
        reg_st##n(c, RAX, q);                                                               \
        reg_st##n(c, RDX, r);                                                               \
    }                                                                                       \
    static inline uint128 dividend##n(const struct x86_cpu *c)                              \
    {                                                                                       \
        return (uint128)reg_ld##n(c, RDX) << n | reg_ld##n(c, RAX);                         \
    }
PAIR(16)
PAIR(32)
PAIR(64)

static inline uint128 dividend8(const struct x86_cpu *c)
{
    return reg_ld16(c, RAX);
}

#define MUL(n, wide, swide)                                                                 \
    void sem_mul_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                       \
        wide r = (wide)((wide)reg_ld##n(c, RAX) * OPERAND(n));                              \
        bool over = (uint##n##_t)(r >> n) != 0;                                             \
        put_double##n(c, r);                                                                \
        fl_put_cf_of(c, over, over);                                                        \
    }                                                                                       \
    void sem_imul1_##n(struct x86_cpu *c, const struct x86_insn *in)                        \
    {                                                                                       \
        swide r = (swide)((swide)(int##n##_t)reg_ld##n(c, RAX) * (int##n##_t)OPERAND(n));   \
        bool over = r != (int##n##_t)r;                                                     \
        put_double##n(c, (wide)r);                                                          \
        fl_put_cf_of(c, over, over);                                                        \
    }

MUL(8, uint16_t, int16_t)
MUL(16, uint32_t, int32_t)
MUL(32, uint64_t, int64_t)
MUL(64, uint128, int128)

#define IMUL(n, swide)                                                                      \
    static inline void imul##n(struct x86_cpu *c, unsigned dst, uint##n##_t a, uint##n##_t b) \
    {                                                                                       \
        swide r = (swide)(int##n##_t)a * (int##n##_t)b;                                     \
        bool over = r != (int##n##_t)r;                                                     \
        reg_st##n(c, dst, (uint##n##_t)r);                                                  \
        fl_put_cf_of(c, over, over);                                                        \
    }                                                                                       \
    void sem_imul_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                       \
        imul##n(c, in->dst, OPERAND(n), reg_ld##n(c, in->dst));                             \
    }                                                                                       \
    void sem_imul3_##n(struct x86_cpu *c, const struct x86_insn *in)                        \
    {                                                                                       \
        imul##n(c, in->dst, OPERAND(n), (uint##n##_t)in->imm);                              \
    }

IMUL(16, int32_t)
IMUL(32, int64_t)
IMUL(64, int128)

/* n < 64: everything fits 64-bit arithmetic. */
#define DIV(n)                                                                              \
    void sem_div_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                       \
        uint64_t d = OPERAND(n), a = (uint64_t)dividend##n(c);                              \
        if (d == 0 || a / d > UINT##n##_MAX)                                                \
            x86_raise(c, EXC_DE);                                                           \
        put_pair##n(c, (uint##n##_t)(a / d), (uint##n##_t)(a % d));                         \
        flags_quotient(c);                                                                  \
    }                                                                                       \
    void sem_idiv_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                       \
        int64_t d = (int##n##_t)OPERAND(n);                                                 \
        int64_t a = (int64_t)sign_extend((uint64_t)dividend##n(c), 2 * n);                  \
        if (d == 0 || (a == INT64_MIN && d == -1))                                          \
            x86_raise(c, EXC_DE);                                                           \
        int64_t q = a / d;                                                                  \
        if (q != (int##n##_t)q)                                                             \
            x86_raise(c, EXC_DE);                                                           \
        put_pair##n(c, (uint##n##_t)q, (uint##n##_t)(a % d));                               \
        flags_quotient(c);                                                                  \
    }

DIV(8)
DIV(16)
DIV(32)

void sem_div_64(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t d = OPERAND(64);

    if (c->s.r[RDX] >= d) /* also d == 0 */
        x86_raise(c, EXC_DE);
    flags_quotient(c);
    if (likely(c->s.r[RDX] == 0)) {
        uint64_t a = c->s.r[RAX];
        put_pair64(c, a / d, a % d);
        return;
    }
    uint128 a = dividend64(c);
    put_pair64(c, (uint64_t)(a / d), (uint64_t)(a % d));
}

void sem_idiv_64(struct x86_cpu *c, const struct x86_insn *in)
{
    int64_t d = (int64_t)OPERAND(64);
    uint128 a = dividend64(c);
    bool neg_a = (int64_t)c->s.r[RDX] < 0, neg_q = neg_a != (d < 0);
    uint64_t mag_d = d < 0 ? -(uint64_t)d : (uint64_t)d;

    if (neg_a)
        a = -a;
    if ((uint64_t)(a >> 64) >= mag_d) /* the magnitude does not fit 64 bits; also d == 0 */
        x86_raise(c, EXC_DE);
    uint64_t q = (uint64_t)(a / mag_d), r = (uint64_t)(a % mag_d);
    if (q > (uint64_t)INT64_MAX + neg_q)
        x86_raise(c, EXC_DE);
    flags_quotient(c);
    put_pair64(c, neg_q ? -q : q, neg_a ? -r : r);
}

/* MULX: no flags; the high half wins when both destinations are one register. */
void sem_mulx_32(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t r = (uint64_t)reg_ld32(c, RDX) * OPERAND(32);

    reg_st32(c, in->src2, (uint32_t)r);
    reg_st32(c, in->dst, (uint32_t)(r >> 32));
}

void sem_mulx_64(struct x86_cpu *c, const struct x86_insn *in)
{
    uint128 r = (uint128)c->s.r[RDX] * OPERAND(64);

    c->s.r[in->src2] = (uint64_t)r;
    c->s.r[in->dst] = (uint64_t)(r >> 64);
}
