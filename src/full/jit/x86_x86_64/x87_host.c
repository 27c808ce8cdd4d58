/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest's x87 registers into the host's and back. [SDM1 8.1.10, figure 8-9]
 */
#include "arch/x86/x87.h"
#include "base/endian.h"
#include "full/jit/backend.h"

/* What FNSAVE and FRSTOR use in 64-bit mode. */
struct image {
    uint32_t fcw, fsw, ftw, fip, fcs_fop, fdp, fds;
    uint8_t st[8][10];
};

void jit_x87_load(const struct x86_cpu *c)
{
    struct image m = {.fcw = c->s.fcw, .fsw = c->s.fsw};

    for (unsigned n = 0; n < 8; n++)
        m.ftw |= (c->s.ftw >> n & 1 ? 0u : 3u) << (2 * n);
    for (unsigned i = 0; i < 8; i++) {
        struct f80 v = x87_get(c, i);
        st_le64(m.st[i], v.mant);
        st_le16(m.st[i] + 8, v.se);
    }
    __asm__ volatile("frstor %0" : : "m"(m));
}

/* Leaves the host's as C code expects them: empty. */
void jit_x87_save(struct x86_cpu *c)
{
    struct image m;

    __asm__ volatile("fnsave %0" : "=m"(m));
    c->s.fcw = (uint16_t)((m.fcw & FCW_VALID) | FCW_ONE);
    c->s.fsw = (uint16_t)m.fsw;
    c->s.ftw = 0;
    for (unsigned n = 0; n < 8; n++)
        if ((m.ftw >> (2 * n) & 3) != 3)
            c->s.ftw |= (uint8_t)(1u << n);
    for (unsigned i = 0; i < 8; i++)
        c->s.fpr[x87_phys(c, i)] = (struct f80){ld_le64(m.st[i]), ld_le16(m.st[i] + 8)};
}
