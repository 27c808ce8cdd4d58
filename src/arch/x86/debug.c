/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/debug.h"

#include "base/bits.h"

/* DR7: R/Wn at 16 + 4n, LENn at 18 + 4n. */
enum { BP_EXEC = 0, BP_WRITE = 1, BP_IO = 2, BP_DATA = 3 };

static bool bp_enabled(const struct x86_cpu *c, unsigned n)
{
    return c->s.dr[7] >> (2 * n) & 3;
}

static unsigned bp_type(const struct x86_cpu *c, unsigned n)
{
    return c->s.dr[7] >> (16 + 4 * n) & 3;
}

/* Does [at, at+size) touch the breakpoint's naturally aligned range? */
static bool bp_covers(const struct x86_cpu *c, unsigned n, uint64_t at, unsigned size)
{
    static const uint8_t lens[] = {1, 2, 8, 4};
    uint64_t len = lens[c->s.dr[7] >> (18 + 4 * n) & 3], start = c->s.dr[n] & ~(len - 1);

    return at < start + len && start < at + size;
}

bool x86_data_breakpoints(const struct x86_cpu *c)
{
    for (unsigned n = 0; n < 4; n++)
        if (bp_enabled(c, n) && (bp_type(c, n) & 1))
            return true;
    return false;
}

void x86_debug_access(struct x86_cpu *c, uint64_t lin, unsigned size, bool write)
{
    for (unsigned n = 0; n < 4; n++) {
        unsigned type = bp_type(c, n);
        if (bp_enabled(c, n) && (type == BP_DATA || (type == BP_WRITE && write)) &&
            bp_covers(c, n, lin, size))
            c->debug_hits |= (uint8_t)(1u << n);
    }
}

void x86_debug_io(struct x86_cpu *c, uint16_t port, unsigned size)
{
    if (!(c->s.cr4 & CR4_DE))
        return;
    for (unsigned n = 0; n < 4; n++)
        if (bp_enabled(c, n) && bp_type(c, n) == BP_IO && bp_covers(c, n, port, size))
            c->debug_hits |= (uint8_t)(1u << n);
}

/* Instruction breakpoints come before the instruction, unless RF says that they were had; RF is
 * for this one instruction. After MOV SS everything waits for the next boundary. Returns whether
 * the instruction is single-stepped. */
bool x86_step_before(struct x86_cpu *c)
{
    uint64_t lin = c->s.r[X86_RIP] + c->segbase[SEG_CS], hits = 0;
    bool held = c->s.intr_shadow && c->s.shadow_is_mov_ss;

    if (!(c->mode & MODE_CODE64))
        lin = (uint32_t)lin;
    if (!(c->s.rflags & FL_RF) && !held) {
        for (unsigned n = 0; n < 4; n++)
            if (bp_enabled(c, n) && bp_type(c, n) == BP_EXEC && c->s.dr[n] == lin)
                hits |= BIT64(n);
        if (hits)
            x86_raise_db(c, hits);
    }
    c->step_off = false;
    c->s.rflags &= ~(uint64_t)FL_RF;
    x86_update_stepping(c);
    if (!held)
        c->debug_hits = 0;
    return c->s.rflags & FL_TF;
}

/* TF as it was before the instruction counts, except that SYSCALL's mask takes effect at once. */
void x86_step_after(struct x86_cpu *c, bool trap)
{
    uint64_t bits = c->debug_hits;

    if (c->s.intr_shadow && c->s.shadow_is_mov_ss)
        return;
    if (trap && !c->step_off)
        bits |= DR6_BS;
    c->debug_hits = 0;
    if (!bits)
        return;
    if (c->s.mp_state == MP_HALTED)
        c->s.mp_state = MP_RUNNABLE;
    x86_raise_db(c, bits);
}
