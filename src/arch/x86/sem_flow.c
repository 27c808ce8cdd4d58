/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Near transfers of control: JMP CALL RET Jcc LOOPcc JCXZ. [SDM2 3.2, 4.2]
 *
 * The target is cut to the operand size and checked before anything is committed.
 */
#include "arch/x86/sem_stack.h"

#define WDQ(macro) macro(16) macro(32) macro(64)

#define FLOW(n)                                                                                 \
    static inline uint64_t target##n(struct x86_cpu *c, const struct x86_insn *in)              \
    {                                                                                           \
        uint64_t rip = (uint##n##_t)(c->s.r[X86_RIP] + in->imm);                                \
        x86_check_rip(c, rip);                                                                  \
        return rip;                                                                             \
    }                                                                                           \
    static inline void call##n(struct x86_cpu *c, uint64_t rip)                                 \
    {                                                                                           \
        uint64_t sp = c->s.r[RSP] - n / 8;                                                      \
        x86_st##n(c, SEG_SS, sp & c->stack_mask, (uint##n##_t)c->s.r[X86_RIP]);                 \
        x86_set_sp(c, sp);                                                                      \
        c->s.r[X86_RIP] = rip;                                                                  \
    }                                                                                           \
    void sem_jmp_near_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                           \
        c->s.r[X86_RIP] = target##n(c, in);                                                     \
    }                                                                                           \
    void sem_jcc_##n(struct x86_cpu *c, const struct x86_insn *in)                              \
    {                                                                                           \
        if (fl_cond(c, in->cc))                                                                 \
            c->s.r[X86_RIP] = target##n(c, in);                                                 \
    }                                                                                           \
    void sem_call_near_##n(struct x86_cpu *c, const struct x86_insn *in)                        \
    {                                                                                           \
        call##n(c, target##n(c, in));                                                           \
    }                                                                                           \
    static inline uint64_t indirect##n(struct x86_cpu *c, const struct x86_insn *in)            \
    {                                                                                           \
        uint64_t rip = in->form == FORM_RR ? reg_ld##n(c, in->src)                              \
                                           : x86_ld##n(c, in->seg, x86_ea(c, in));              \
        x86_check_rip(c, rip);                                                                  \
        return rip;                                                                             \
    }                                                                                           \
    void sem_jmp_ind_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                           \
        c->s.r[X86_RIP] = indirect##n(c, in);                                                   \
    }                                                                                           \
    /* A stack that cannot take the return address faults before a bad target does. */          \
    void sem_call_ind_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                           \
        uint64_t rip = in->form == FORM_RR ? reg_ld##n(c, in->src)                              \
                                           : x86_ld##n(c, in->seg, x86_ea(c, in));              \
        if (unlikely((c->mode & MODE_CODE64) && !x86_canonical(rip)))                           \
            x86_probe_w(c, SEG_SS, (c->s.r[RSP] - n / 8) & c->stack_mask, n / 8);               \
        x86_check_rip(c, rip);                                                                  \
        call##n(c, rip);                                                                        \
    }                                                                                           \
    void sem_ret_near_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                           \
        uint64_t rip = x86_ld##n(c, SEG_SS, c->s.r[RSP] & c->stack_mask);                       \
        x86_check_rip(c, rip);                                                                  \
        x86_set_sp(c, c->s.r[RSP] + n / 8 + in->imm);                                           \
        c->s.r[X86_RIP] = rip;                                                                  \
    }                                                                                           \
    static void jump_or_not##n(struct x86_cpu *c, const struct x86_insn *in, bool taken)        \
    {                                                                                           \
        if (taken)                                                                              \
            c->s.r[X86_RIP] = target##n(c, in);                                                 \
    }

WDQ(FLOW)

static void jump_if(struct x86_cpu *c, const struct x86_insn *in, bool taken)
{
    switch (in->size) {
    case 8: jump_or_not64(c, in, taken); break;
    case 4: jump_or_not32(c, in, taken); break;
    default: jump_or_not16(c, in, taken); break;
    }
}

static uint64_t counter(const struct x86_cpu *c, const struct x86_insn *in)
{
    switch (in->asize) {
    case 8: return c->s.r[RCX];
    case 4: return reg_ld32(c, RCX);
    default: return reg_ld16(c, RCX);
    }
}

/* The counter goes down only when the jump, if there is one, did not fault. */
static void loop_if(struct x86_cpu *c, const struct x86_insn *in, bool condition)
{
    uint64_t n = counter(c, in) - 1;

    switch (in->asize) {
    case 8:
        jump_if(c, in, condition && n);
        reg_st64(c, RCX, n);
        break;
    case 4:
        jump_if(c, in, condition && (uint32_t)n);
        reg_st32(c, RCX, (uint32_t)n);
        break;
    default:
        jump_if(c, in, condition && (uint16_t)n);
        reg_st16(c, RCX, (uint16_t)n);
        break;
    }
}

void sem_loop(struct x86_cpu *c, const struct x86_insn *in)
{
    loop_if(c, in, true);
}

void sem_loope(struct x86_cpu *c, const struct x86_insn *in)
{
    loop_if(c, in, fl_zf(c));
}

void sem_loopne(struct x86_cpu *c, const struct x86_insn *in)
{
    loop_if(c, in, !fl_zf(c));
}

void sem_jcxz(struct x86_cpu *c, const struct x86_insn *in)
{
    jump_if(c, in, counter(c, in) == 0);
}
