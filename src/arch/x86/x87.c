/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See x87.h.
 */
#include "arch/x86/x87.h"

#include "arch/x86/exc.h"
#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"

void x87_error(struct x86_cpu *c)
{
    if (c->s.cr0 & CR0_NE)
        x86_raise(c, EXC_MF);
    struct machine *m = c->vcpu->machine;
    if (!c->s.ferr) {
        TRACE(x87_ferr, "rip=%#" PRIx64 " fsw=%#x", c->s.r[X86_RIP], c->s.fsw);
        c->s.ferr = true;
        irq_set(&m->ferr, true);
    }
    if (!__atomic_load_n(&m->ignne, __ATOMIC_RELAXED))
        x86_wait(c);
}

void x87_error_gone(struct x86_cpu *c)
{
    c->s.ferr = false;
    irq_set(&c->vcpu->machine->ferr, false);
}

void x87_refuse(struct x86_cpu *c)
{
    if (c->s.cr0 & (CR0_EM | CR0_TS))
        x86_raise(c, EXC_NM);
    x87_error(c);
}

static bool stack_fault(struct x86_cpu *c, unsigned c1)
{
    c->s.fsw = (uint16_t)((c->s.fsw & ~FSW_C1) | FLOAT_IE | FSW_SF | c1);
    if (c->s.fcw & FLOAT_IE)
        return true;
    c->s.fsw |= FSW_ES | FSW_B;
    return false;
}

bool x87_underflow(struct x86_cpu *c)
{
    return stack_fault(c, 0);
}

bool x87_overflow(struct x86_cpu *c)
{
    return stack_fault(c, FSW_C1);
}

void x87_init(struct x86_cpu *c)
{
    c->s.fcw = FCW_DEFAULT;
    c->s.fsw = 0;
    c->s.ftw = 0;
    c->s.fop = 0;
    c->s.fip = c->s.fdp = 0;
    c->s.fcs = c->s.fds = 0;
    x87_ferr_update(c);
}

/* Two bits a register: 0 valid, 1 zero, 2 special, 3 empty. */
uint16_t x87_full_tags(const struct x86_cpu *c)
{
    unsigned tags = 0;

    for (unsigned n = 0; n < 8; n++) {
        enum f80_class k = f80_classify(c->s.fpr[n]);
        unsigned tag = k == F80_NORMAL ? 0 : k == F80_ZERO ? 1 : 2;

        tags |= (c->s.ftw >> n & 1 ? tag : 3) << (2 * n);
    }
    return (uint16_t)tags;
}

void x87_set_full_tags(struct x86_cpu *c, uint16_t tags)
{
    c->s.ftw = 0;
    for (unsigned n = 0; n < 8; n++) {
        if ((tags >> (2 * n) & 3) != 3)
            c->s.ftw |= (uint8_t)(1u << n);
    }
}

/*   0 FCW  2 FSW  4 abridged tags  5 0  6 FOP  8 FIP(8), or FIP(4) FCS(2)
 *  16 FDP(8), or FDP(4) FDS(2)     32 ST(0) .. ST(7), 16 bytes each          [SDM1 10.5.1.1] */
void x87_save_area(const struct x86_cpu *c, uint8_t *area, bool wide)
{
    memset(area, 0, 24);
    st_le16(area, c->s.fcw);
    st_le16(area + 2, c->s.fsw);
    area[4] = c->s.ftw;
    if (c->s.fsw & FSW_ES) {
        st_le16(area + 6, c->s.fop);
        st_le64(area + 8, wide ? c->s.fip : (uint32_t)c->s.fip | (uint64_t)c->s.fcs << 32);
        st_le64(area + 16, wide ? c->s.fdp : (uint32_t)c->s.fdp | (uint64_t)c->s.fds << 32);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct f80 v = x87_get(c, i);

        st_le64(area + 32 + 16 * i, v.mant);
        st_le64(area + 40 + 16 * i, v.se);
    }
}

void x87_load_area(struct x86_cpu *c, const uint8_t *area, bool wide)
{
    c->s.fcw = (ld_le16(area) & FCW_VALID) | FCW_ONE;
    c->s.fsw = ld_le16(area + 2);
    c->s.ftw = area[4];
    x87_update_es(c);
    if (c->s.fsw & FSW_ES) {
        c->s.fop = ld_le16(area + 6) & 0x7ff;
        c->s.fip = ld_le64(area + 8);
        c->s.fdp = ld_le64(area + 16);
        if (!wide) {
            c->s.fcs = (uint16_t)(c->s.fip >> 32);
            c->s.fds = (uint16_t)(c->s.fdp >> 32);
            c->s.fip = (uint32_t)c->s.fip;
            c->s.fdp = (uint32_t)c->s.fdp;
        }
    }
    for (unsigned i = 0; i < 8; i++)
        c->s.fpr[x87_phys(c, i)] =
            (struct f80){ld_le64(area + 32 + 16 * i), ld_le16(area + 40 + 16 * i)};
}
