/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87 control: control and status words, environment, whole state, tags, FWAIT. [SDM1 8.3.11]
 */
#include "arch/x86/sem_x87.h"

#include "base/endian.h"

/* ---- words ---- */

void sem_fldcw(struct x86_cpu *c, const struct x86_insn *in)
{
    uint16_t v;

    x87_enter(c);
    v = x86_ld16(c, in->seg, x86_ea(c, in));
    c->s.fcw = (v & FCW_VALID) | FCW_ONE;
    x87_update_es(c);
}

void sem_fnstcw(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter_nowait(c);
    x86_st16(c, in->seg, x86_ea(c, in), c->s.fcw);
}

void sem_fnstsw(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter_nowait(c);
    if (in->form == FORM_RR)
        reg_st16(c, RAX, c->s.fsw);
    else
        x86_st16(c, in->seg, x86_ea(c, in), c->s.fsw);
}

void sem_fnclex(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x87_enter_nowait(c);
    c->s.fsw &= FSW_TOP | FSW_CC;
    x87_ferr_update(c);
}

void sem_fninit(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x87_enter_nowait(c);
    x87_init(c);
}

void sem_fwait(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    if ((c->s.cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        x86_raise(c, EXC_NM);
    if (c->s.fsw & FSW_ES)
        x87_error(c);
}

void sem_fnop(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter(c);
    x87_note(c, in);
}

/* FENI, FDISI, FSETPM: of the 8087 and the 80287. */
void sem_fneni(struct x86_cpu *c, const struct x86_insn *in)
{
    (void)in;
    x87_enter_nowait(c);
}

/* ---- stack management ---- */

static void turn_stack(struct x86_cpu *c, const struct x86_insn *in, unsigned by)
{
    x87_enter(c);
    x87_note(c, in);
    x87_set_top(c, x87_top(c) + by);
    c->s.fsw &= (uint16_t)~FSW_C1;
}

void sem_fincstp(struct x86_cpu *c, const struct x86_insn *in)
{
    turn_stack(c, in, 1);
}

void sem_fdecstp(struct x86_cpu *c, const struct x86_insn *in)
{
    turn_stack(c, in, 7);
}

void sem_ffree(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter(c);
    x87_note(c, in);
    c->s.ftw &= (uint8_t) ~(1u << x87_phys(c, in->dst));
    c->s.fsw &= (uint16_t)~FSW_C1;
}

void sem_ffreep(struct x86_cpu *c, const struct x86_insn *in)
{
    sem_ffree(c, in);
    x87_pop(c);
}

/* ---- environment ----
 *
 * protected, 32 bits    real, 32 bits            protected, 16 bits   real, 16 bits
 *  0 FCW                 FCW                      0 FCW                FCW
 *  4 FSW                 FSW                      2 FSW                FSW
 *  8 tags                tags                     4 tags               tags
 * 12 FIP                 FIP 15:0                 6 FIP                FIP 15:0
 * 16 FCS | FOP << 16     FOP | FIP 31:16 << 12    8 FCS                FOP | FIP 19:16 << 12
 * 20 FDP                 FDP 15:0                10 FDP                FDP 15:0
 * 24 FDS                 FDP 31:16 << 12         12 FDS                FDP 19:16 << 12
 *
 * Unused upper halves of 32-bit words are stored as ones, except where they are shown in use;
 * real: also virtual-8086. [SDM1 8.1.10] */

static unsigned env_size(const struct x86_insn *in)
{
    return in->size == 2 ? 14 : 28;
}

static void env_store(const struct x86_cpu *c, const struct x86_insn *in, uint8_t *out)
{
    bool prot = c->mode & MODE_PROT;
    uint32_t fip = (uint32_t)c->s.fip, fdp = (uint32_t)c->s.fdp;
    uint32_t word[7] = {c->s.fcw, c->s.fsw, x87_full_tags(c)};
    const uint32_t ones = 0xffff0000;

    if (!prot) {
        uint32_t real_fip = fip + ((uint32_t)c->s.fcs << 4);
        uint32_t real_fdp = fdp + ((uint32_t)c->s.fds << 4);

        word[3] = real_fip & 0xffff;
        word[4] = (c->s.fop & 0x7ff) | real_fip >> 16 << 12;
        word[5] = real_fdp & 0xffff;
        word[6] = real_fdp >> 16 << 12;
    } else {
        word[3] = fip;
        word[4] = c->s.fcs | (uint32_t)(c->s.fop & 0x7ff) << 16;
        word[5] = fdp;
        word[6] = c->s.fds;
    }
    if (in->size == 2) {
        for (unsigned i = 0; i < 7; i++)
            st_le16(out + 2 * i, (uint16_t)word[i]);
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        word[i] |= ones;
    if (prot) {
        word[6] |= ones;
    } else {
        word[3] |= ones;
        word[5] |= ones;
    }
    for (unsigned i = 0; i < 7; i++)
        st_le32(out + 4 * i, word[i]);
}

static void env_load(struct x86_cpu *c, const struct x86_insn *in, const uint8_t *raw)
{
    bool prot = c->mode & MODE_PROT;
    uint32_t word[7];

    for (unsigned i = 0; i < 7; i++)
        word[i] = in->size == 2 ? ld_le16(raw + 2 * i) : ld_le32(raw + 4 * i);
    c->s.fcw = (word[0] & FCW_VALID) | FCW_ONE;
    c->s.fsw = (uint16_t)word[1];
    x87_set_full_tags(c, (uint16_t)word[2]);
    x87_update_es(c);
    if (!prot) {
        c->s.fip = (word[3] & 0xffff) | word[4] >> 12 << 16;
        c->s.fdp = (word[5] & 0xffff) | word[6] >> 12 << 16;
        c->s.fcs = c->s.fds = 0;
        c->s.fop = word[4] & 0x7ff;
    } else {
        c->s.fip = word[3];
        c->s.fcs = (uint16_t)word[4];
        c->s.fdp = word[5];
        c->s.fds = (uint16_t)word[6];
        if (in->size != 2)
            c->s.fop = word[4] >> 16 & 0x7ff;
    }
}

void sem_fldenv(struct x86_cpu *c, const struct x86_insn *in)
{
    uint8_t raw[28];

    x87_enter(c);
    x86_ld_bytes(c, in->seg, x86_ea(c, in), raw, env_size(in));
    env_load(c, in, raw);
}

void sem_fnstenv(struct x86_cpu *c, const struct x86_insn *in)
{
    uint8_t raw[28];

    x87_enter_nowait(c);
    env_store(c, in, raw);
    x86_st_bytes(c, in->seg, x86_ea(c, in), raw, env_size(in));
    c->s.fcw |= FLOAT_ALL;
    x87_update_es(c);
}

/* The environment, then ST(0) .. ST(7) of ten bytes each. */
void sem_fnsave(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = env_size(in);
    uint8_t raw[28 + 80];

    x87_enter_nowait(c);
    env_store(c, in, raw);
    for (unsigned i = 0; i < 8; i++) {
        struct f80 v = x87_get(c, i);

        st_le64(raw + size + 10 * i, v.mant);
        st_le16(raw + size + 10 * i + 8, v.se);
    }
    x86_st_bytes(c, in->seg, x86_ea(c, in), raw, size + 80);
    x87_init(c);
}

void sem_frstor(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned size = env_size(in);
    uint8_t raw[28 + 80];

    x87_enter(c);
    x86_ld_bytes(c, in->seg, x86_ea(c, in), raw, size + 80);
    env_load(c, in, raw);
    for (unsigned i = 0; i < 8; i++)
        c->s.fpr[x87_phys(c, i)] =
            (struct f80){ld_le64(raw + size + 10 * i), ld_le16(raw + size + 10 * i + 8)};
}
