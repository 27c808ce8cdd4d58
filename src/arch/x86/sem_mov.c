/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data movement: MOV and its extensions, CMOVcc, SETcc, XCHG, XADD, CMPXCHG and its wide forms,
 * BSWAP, MOVBE, LEA, XLAT, CBW, CWD. [SDM2 3.2, 4.2]
 */
#include "arch/x86/sem_rmw.h"
#include "base/cas16.h"

#define SIZES(macro) macro(8) macro(16) macro(32) macro(64)
#define WDQ(macro) macro(16) macro(32) macro(64)

#define MOV(n)                                                                   \
    void sem_mov_rr##n(struct x86_cpu *c, const struct x86_insn *in)             \
    {                                                                            \
        reg_st##n(c, in->dst, src_ld##n(c, in));                                 \
    }                                                                            \
    void sem_mov_rm##n(struct x86_cpu *c, const struct x86_insn *in)             \
    {                                                                            \
        reg_st##n(c, in->dst, x86_ld##n(c, in->seg, x86_ea(c, in)));             \
    }                                                                            \
    void sem_mov_mr##n(struct x86_cpu *c, const struct x86_insn *in)             \
    {                                                                            \
        x86_st##n(c, in->seg, x86_ea(c, in), src_ld##n(c, in));                  \
    }

SIZES(MOV)

/* MOV with a 64-bit absolute address in the instruction (A0..A3): the address is in->imm. */
static inline uint64_t moffs_ea(const struct x86_insn *in)
{
    return in->asize == 8 ? in->imm : in->asize == 4 ? (uint32_t)in->imm : (uint16_t)in->imm;
}

#define MOV_MOFFS(n)                                                             \
    void sem_mov_moffs_ld_##n(struct x86_cpu *c, const struct x86_insn *in)      \
    {                                                                            \
        reg_st##n(c, RAX, x86_ld##n(c, in->seg, moffs_ea(in)));                  \
    }                                                                            \
    void sem_mov_moffs_st_##n(struct x86_cpu *c, const struct x86_insn *in)      \
    {                                                                            \
        x86_st##n(c, in->seg, moffs_ea(in), reg_ld##n(c, RAX));                  \
    }

SIZES(MOV_MOFFS)

/* src_ld of the narrow width; dst of the operand size. */
#define EXTEND(name, from, type, n)                                                               \
    void sem_##name##_##n(struct x86_cpu *c, const struct x86_insn *in)                           \
    {                                                                                             \
        uint##from##_t v = in->form == FORM_RR ? reg_ld##from(c, in->src)                         \
                                               : x86_ld##from(c, in->seg, x86_ea(c, in));         \
        reg_st##n(c, in->dst, (uint##n##_t)(type)v);                                              \
    }
#define MOVZX8(n) EXTEND(movzx8, 8, uint8_t, n)
#define MOVZX16(n) EXTEND(movzx16, 16, uint16_t, n)
#define MOVSX8(n) EXTEND(movsx8, 8, int8_t, n)
#define MOVSX16(n) EXTEND(movsx16, 16, int16_t, n)

WDQ(MOVZX8)
WDQ(MOVZX16)
WDQ(MOVSX8)
WDQ(MOVSX16)
EXTEND(movsxd, 32, int32_t, 16) /* AMD: 32 bits are read */
EXTEND(movsxd, 32, int32_t, 32)
EXTEND(movsxd, 32, int32_t, 64)

/* The source is always read; a 32-bit destination is zero-extended even when not moved. */
#define CMOV(n)                                                                                   \
    void sem_cmov_##n(struct x86_cpu *c, const struct x86_insn *in)                             \
    {                                                                                             \
        uint##n##_t v = in->form == FORM_RR ? reg_ld##n(c, in->src)                               \
                                            : x86_ld##n(c, in->seg, x86_ea(c, in));               \
        reg_st##n(c, in->dst, fl_cond(c, in->cc) ? v : reg_ld##n(c, in->dst));                    \
    }

WDQ(CMOV)

void sem_setcc(struct x86_cpu *c, const struct x86_insn *in)
{
    uint8_t v = fl_cond(c, in->cc);

    if (in->form == FORM_RR)
        reg_st8(c, in->dst, v);
    else
        x86_st8(c, in->seg, x86_ea(c, in), v);
}

/* XCHG with memory is locked, prefix or not. */
#define XCHG(n)                                                                  \
    void sem_xchg_##n(struct x86_cpu *c, const struct x86_insn *in)              \
    {                                                                            \
        uint##n##_t v = reg_ld##n(c, in->src);                                   \
        if (in->form == FORM_RR) {                                               \
            reg_st##n(c, in->src, reg_ld##n(c, in->dst));                        \
            reg_st##n(c, in->dst, v);                                            \
            return;                                                              \
        }                                                                        \
        struct x86_locked l;                                                     \
        x86_locked_begin(c, &l, in->seg, x86_ea(c, in), n / 8);                  \
        v = __atomic_exchange_n((mem_u##n *)l.ptr, v, __ATOMIC_SEQ_CST);         \
        x86_locked_end(c, &l);                                                   \
        reg_st##n(c, in->src, v);                                                \
    }

SIZES(XCHG)

static uint64_t do_xadd(struct x86_cpu *c, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t r = a + b;

    fl_add(c, r, a, b, bits);
    return r;
}

#define XADD(n)                                                                           \
    void sem_xadd_##n(struct x86_cpu *c, const struct x86_insn *in)                       \
    {                                                                                     \
        uint##n##_t b = reg_ld##n(c, in->src), a;                                         \
        if (in->form == FORM_RR) {                                                        \
            a = reg_ld##n(c, in->dst);                                                    \
            reg_st##n(c, in->src, a);                                                     \
            reg_st##n(c, in->dst, (uint##n##_t)do_xadd(c, a, b, n));                      \
            return;                                                                       \
        }                                                                                 \
        uint64_t ea = x86_ea(c, in);                                                      \
        if (in->flags & IN_LOCK) {                                                        \
            a = (uint##n##_t)x86_rmw_locked(c, in->seg, ea, n, do_xadd, b);               \
        } else {                                                                          \
            a = x86_ldw##n(c, in->seg, ea);                                               \
            x86_st##n(c, in->seg, ea, (uint##n##_t)do_xadd(c, a, b, n));                  \
        }                                                                                 \
        reg_st##n(c, in->src, a);                                                         \
    }

SIZES(XADD)

/* The memory operand is written in any case (with what it held when the comparison fails), so
 * the store check comes first. A 32-bit register keeps its upper half when it is not written. */
#define CMPXCHG(n)                                                                               \
    void sem_cmpxchg_##n(struct x86_cpu *c, const struct x86_insn *in)                           \
    {                                                                                            \
        uint##n##_t acc = reg_ld##n(c, RAX), old;                                                \
        if (in->form == FORM_RR) {                                                               \
            old = reg_ld##n(c, in->dst);                                                         \
            if (old == acc)                                                                      \
                reg_st##n(c, in->dst, reg_ld##n(c, in->src));                                    \
        } else if (in->flags & IN_LOCK) {                                                        \
            struct x86_locked l;                                                                 \
            old = acc;                                                                           \
            x86_locked_begin(c, &l, in->seg, x86_ea(c, in), n / 8);                              \
            __atomic_compare_exchange_n((mem_u##n *)l.ptr, &old, reg_ld##n(c, in->src), false,   \
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
            x86_locked_end(c, &l);                                                               \
        } else {                                                                                 \
            uint64_t ea = x86_ea(c, in);                                                         \
            old = x86_ldw##n(c, in->seg, ea);                                                    \
            x86_st##n(c, in->seg, ea, old == acc ? reg_ld##n(c, in->src) : old);                 \
        }                                                                                        \
        fl_sub(c, (uint64_t)acc - old, acc, old, n);                                             \
        if (old != acc)                                                                          \
            reg_st##n(c, RAX, old);                                                              \
    }

SIZES(CMPXCHG)

/* Without LOCK another processor may come between; doing it locked all the same is allowed. */
void sem_cmpxchg8b(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t expect = (uint64_t)reg_ld32(c, RDX) << 32 | reg_ld32(c, RAX), old = expect;
    uint64_t want = (uint64_t)reg_ld32(c, RCX) << 32 | reg_ld32(c, RBX);
    struct x86_locked l;

    x86_locked_begin(c, &l, in->seg, x86_ea(c, in), 8);
    __atomic_compare_exchange_n((mem_u64 *)l.ptr, &old, want, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    x86_locked_end(c, &l);
    if (old != expect) {
        reg_st32(c, RAX, (uint32_t)old);
        reg_st32(c, RDX, (uint32_t)(old >> 32));
    }
    fl_put_zf(c, old == expect);
}

void sem_cmpxchg16b(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t old[2] = {c->s.r[RAX], c->s.r[RDX]};
    const uint64_t want[2] = {c->s.r[RBX], c->s.r[RCX]};
    uint64_t ea = x86_ea(c, in);
    struct x86_locked l;

    if (x86_lin_w(c, in->seg, ea, 16) & 15)
        x86_gp0(c);
    x86_locked_begin(c, &l, in->seg, ea, 16);
    bool same = cas16(l.ptr, old, want);
    x86_locked_end(c, &l);
    if (!same) {
        c->s.r[RAX] = old[0];
        c->s.r[RDX] = old[1];
    }
    fl_put_zf(c, same);
}

/* Undefined; processors make zero of it. */
void sem_bswap_16(struct x86_cpu *c, const struct x86_insn *in) { reg_st16(c, in->dst, 0); }

void sem_bswap_32(struct x86_cpu *c, const struct x86_insn *in)
{
    reg_st32(c, in->dst, __builtin_bswap32(reg_ld32(c, in->dst)));
}

void sem_bswap_64(struct x86_cpu *c, const struct x86_insn *in)
{
    reg_st64(c, in->dst, __builtin_bswap64(reg_ld64(c, in->dst)));
}

#define MOVBE(n)                                                                               \
    void sem_movbe_##n(struct x86_cpu *c, const struct x86_insn *in)                           \
    {                                                                                          \
        uint64_t ea = x86_ea(c, in);                                                           \
        if (in->form == FORM_RM)                                                               \
            reg_st##n(c, in->dst, __builtin_bswap##n(x86_ld##n(c, in->seg, ea)));              \
        else                                                                                   \
            x86_st##n(c, in->seg, ea, __builtin_bswap##n(reg_ld##n(c, in->src)));              \
    }

WDQ(MOVBE)

#define LEA(n)                                                                  \
    void sem_lea_##n(struct x86_cpu *c, const struct x86_insn *in)              \
    {                                                                           \
        reg_st##n(c, in->dst, (uint##n##_t)x86_ea(c, in));                      \
    }

WDQ(LEA)

void sem_xlat(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea = c->s.r[RBX] + reg_ld8(c, RAX);

    if (in->asize != 8)
        ea = in->asize == 4 ? (uint32_t)ea : (uint16_t)ea;
    reg_st8(c, RAX, x86_ld8(c, in->seg, ea));
}

void sem_cbw_16(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st16(c, RAX, (uint16_t)(int8_t)reg_ld8(c, RAX));
}

void sem_cbw_32(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st32(c, RAX, (uint32_t)(int16_t)reg_ld16(c, RAX));
}

void sem_cbw_64(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st64(c, RAX, (uint64_t)(int32_t)reg_ld32(c, RAX));
}

void sem_cwd_16(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st16(c, RDX, (uint16_t)((int16_t)c->s.r[RAX] >> 15));
}

void sem_cwd_32(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st32(c, RDX, (uint32_t)((int32_t)c->s.r[RAX] >> 31));
}

void sem_cwd_64(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st64(c, RDX, (uint64_t)((int64_t)c->s.r[RAX] >> 63));
}
