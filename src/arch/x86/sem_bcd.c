/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Decimal adjustment: AAA AAS AAM AAD DAA DAS, and SALC. [SDM2 3.2]
 *
 * Flags that the manual leaves undefined: AAA and AAS set SF ZF PF from AL and clear OF; DAA and
 * DAS clear OF; AAM and AAD clear CF, OF and AF.
 */
#include "arch/x86/sem.h"

static void adjust_ascii(struct x86_cpu *c, unsigned adjust)
{
    bool carry = (reg_ld8(c, RAX) & 0xf) > 9 || fl_af(c);

    if (carry)
        reg_st16(c, RAX, (uint16_t)(reg_ld16(c, RAX) + adjust));
    reg_st8(c, RAX, reg_ld8(c, RAX) & 0xf);
    fl_logic(c, reg_ld8(c, RAX), 8);
    fl_put_cf_of(c, carry, false);
    c->f.af = carry ? FL_AF : 0;
}

void sem_aaa(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    adjust_ascii(c, 0x106);
}

void sem_aas(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    adjust_ascii(c, (unsigned)-0x106);
}

void sem_aam(struct x86_cpu *c, const struct x86_insn *in)
{
    uint8_t base = (uint8_t)in->imm, al = reg_ld8(c, RAX);

    if (base == 0)
        x86_raise(c, EXC_DE);
    reg_st16(c, RAX, (uint16_t)((al / base) << 8 | al % base));
    fl_logic(c, al % base, 8);
}

void sem_aad(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t ax = reg_ld16(c, RAX);
    uint8_t r = (uint8_t)((ax & 0xff) + (ax >> 8) * (in->imm & 0xff));

    reg_st16(c, RAX, r);
    fl_logic(c, r, 8);
}

static void adjust_decimal(struct x86_cpu *c, int sign)
{
    uint8_t old = reg_ld8(c, RAX), al = old;
    bool cf = fl_cf(c), af = fl_af(c), carry = false;

    if ((old & 0xf) > 9 || af) {
        carry = cf || (sign > 0 ? old > 0xf9 : old < 6);
        al = (uint8_t)(al + sign * 6);
        af = true;
    }
    if (old > 0x99 || cf) {
        al = (uint8_t)(al + sign * 0x60);
        carry = true;
    }
    reg_st8(c, RAX, al);
    fl_logic(c, al, 8);
    fl_put_cf_of(c, carry, false);
    c->f.af = af ? FL_AF : 0;
}

void sem_daa(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    adjust_decimal(c, 1);
}

void sem_das(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    adjust_decimal(c, -1);
}

void sem_salc(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    reg_st8(c, RAX, fl_cf(c) ? 0xff : 0);
}
