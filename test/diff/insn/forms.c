/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The forms, from the decoder's tables: all opcodes with all prefixes that may select something
 * are decoded, and what decodes to the same operation with the same operands, size and form is one
 * form.
 */
#include <stdio.h>

#include "arch/x86/disasm.h"
#include "diff.h"

static const uint8_t pp_bytes[4] = {0, 0x66, 0xf3, 0xf2};

static bool same_entry(const struct x86_entry *a, const struct x86_entry *b)
{
    return a && b && a->op == b->op && a->attr == b->attr && !memcmp(a->o, b->o, 4);
}

/* The bytes that a form's encoding starts with; returns how many. */
static unsigned encode(const struct form *f, uint8_t *b, uint8_t modrm)
{
    unsigned n = 0;

    if (f->vex) {
        b[n++] = 0xc4;
        b[n++] = 0xe0 | f->map;
        b[n++] = (uint8_t)(f->w << 7 | 0x78 | f->l << 2 | f->pp);
    } else {
        if (f->pp)
            b[n++] = pp_bytes[f->pp];
        if (f->w)
            b[n++] = 0x48;
        if (f->map)
            b[n++] = 0x0f;
        if (f->map >= 2)
            b[n++] = f->map == 2 ? 0x38 : 0x3a;
    }
    b[n++] = f->opcode;
    b[n++] = modrm;
    memset(b + n, 0, 16 - n);
    return n;
}

static uint32_t mode_of(const struct form *f)
{
    return MODE_PROT | MODE_LMA | (f->code64 ? MODE_CODE64 : MODE_CODE32 | MODE_STACK32);
}

static bool has_size(const struct x86_entry *e, unsigned size)
{
    for (unsigned i = 0; i < 4; i++)
        if (x86_opds[e->o[i]].size == size)
            return true;
    return false;
}

static bool has_kind(const struct x86_entry *e, unsigned kind)
{
    for (unsigned i = 0; i < 4; i++)
        if (x86_opds[e->o[i]].kind == kind)
            return true;
    return false;
}

/* Flags that make a form of their own: W where the size does not already tell. */
static uint16_t flags_of(const struct x86_insn *in, const struct x86_entry *e)
{
    uint16_t f = in->flags & (IN_VEX | IN_L256);

    if (has_size(e, OS_y) || (e->op >= X86_OP_fxsave && e->op <= X86_OP_xrstors) ||
        (e->op >= X86_OP_pcmpestrm && e->op <= X86_OP_pcmpestri))
        f |= in->flags & IN_W;
    return f;
}

static bool same_form(const struct form *a, const struct form *b)
{
    uint8_t mask = has_kind(a->e, OK_Z) ? 0xf8 : 0xff;

    return a->code64 == b->code64 && a->map == b->map && (a->opcode & mask) == (b->opcode & mask) &&
           a->form == b->form && a->size == b->size && a->flags == b->flags && a->reg == b->reg &&
           a->rm == b->rm && same_entry(a->e, b->e);
}

static void name_it(struct form *f, const struct x86_insn *in)
{
    static const char *const map_names[] = {"", "0f", "0f38", "0f3a"};
    char mnemonic[32], ops[24] = "", reg[16] = "";
    unsigned n = 0;

    x86_mnemonic(mnemonic, sizeof mnemonic, in);
    for (unsigned i = 0; i < 4 && f->e->o[i]; i++) {
        if (x86_opds[f->e->o[i]].kind == OK_H && !f->vex)
            continue;
        n += (unsigned)snprintf(ops + n, sizeof ops - n, "%s%s", n ? "," : "",
                                x86_opds[f->e->o[i]].name);
    }
    if (f->reg >= 0)
        snprintf(reg, sizeof reg, "/%d%.*s%d", f->reg, f->rm >= 0, "/", f->rm >= 0 ? f->rm : 0);
    if (f->reg >= 0 && f->rm < 0)
        snprintf(reg, sizeof reg, "/%d", f->reg);
    snprintf(f->name, sizeof f->name, "%s:%s%s%02x%s:%s:%s:%s:%u%s%s", f->code64 ? "64" : "32",
             f->vex ? "vex." : "", map_names[f->map], f->opcode, reg, mnemonic, ops,
             f->form == FORM_RR ? "rr" : f->form == FORM_RM ? "rm" : "mr", f->size * 8,
             f->flags & IN_W ? ":w" : "", f->flags & IN_L256 ? ":256" : "");
}

static void add(struct forms *fs, struct form *f, const struct x86_insn *in)
{
    for (size_t i = fs->n; i-- > 0;) {
        const struct form *o = &fs->f[i];

        if (o->map != f->map || o->code64 != f->code64 ||
            (o->opcode & 0xf8) != (f->opcode & 0xf8))
            break;
        if (same_form(o, f))
            return;
    }
    if (fs->n == fs->room) {
        fs->room = fs->room ? fs->room * 2 : 1024;
        fs->f = realloc(fs->f, fs->room * sizeof(*fs->f));
    }
    name_it(f, in);
    fs->f[fs->n++] = *f;
}

static bool decodes(const struct form *f, uint8_t modrm, struct x86_insn *in,
                    const struct x86_entry **e)
{
    uint8_t b[16];

    encode(f, b, modrm);
    if (x86_decode_entry(in, b, 15, mode_of(f), e) != X86_DECODE_OK || in->opcode != f->opcode ||
        !(in->flags & IN_VEX) != !f->vex)
        *e = NULL; /* the "opcode" was a prefix */
    return *e;
}

/* The entry of every ModRM with this opcode, to see which of its fields choose. */
static void try_opcode(struct forms *fs, struct form f)
{
    const struct x86_entry *e[9][8] = {{NULL}}; /* [memory, register by rm][reg] */
    struct x86_insn in[9][8];

    for (unsigned k = 0; k < 9; k++)
        for (unsigned reg = 0; reg < 8; reg++)
            decodes(&f, (uint8_t)(k ? 0xc0 | reg << 3 | (k - 1) : 0x03 | reg << 3), &in[k][reg],
                    &e[k][reg]);
    for (unsigned k = 0; k < 9; k++) {
        for (unsigned reg = 0; reg < 8; reg++) {
            struct form g = f;
            bool by_reg = false, by_rm = false;

            if (!e[k][reg])
                continue;
            for (unsigned o = 0; o < 8; o++)
                by_reg |= !same_entry(e[k][reg], e[k][o]) || in[k][o].cc != in[k][reg].cc;
            for (unsigned o = 1; k && o < 9; o++)
                by_rm |= !same_entry(e[k][reg], e[o][reg]) ||
                         (e[k][reg]->op == X86_OP_fld_const && o != k);
            g.e = e[k][reg];
            g.form = in[k][reg].form;
            g.size = in[k][reg].size;
            g.flags = flags_of(&in[k][reg], g.e);
            g.mod = -1;
            g.reg = by_reg && !has_kind(g.e, OK_S) ? (int16_t)reg : -1;
            g.rm = by_rm ? (int16_t)(k - 1) : -1;
            if (by_rm || k)
                g.mod = 3;
            add(fs, &g, &in[k][reg]);
        }
    }
}

/* vvvv matters with VEX: 1111 for those that do not use it, which encode() writes. */
void forms_find(struct forms *fs)
{
    for (unsigned code64 = 1; code64 < 2; code64--) {
        for (unsigned map = 0; map < 4; map++) {
            for (unsigned op = 0; op < 256; op++) {
                for (unsigned k = 0; k < 8 + 16; k++) {
                    struct form f = {.code64 = code64, .map = (uint8_t)map, .opcode = (uint8_t)op};

                    f.pp = k & 3;
                    f.w = k >> 2 & 1;
                    f.vex = k >= 8;
                    f.l = f.vex && k >> 3 == 2;
                    if ((f.vex && !map) || (f.w && !f.vex && !code64))
                        continue;
                    try_opcode(fs, f);
                }
            }
        }
    }
}

bool form_is(const struct form *f, const struct x86_insn *in, const struct x86_entry *e)
{
    return same_entry(f->e, e) && in->form == f->form && in->size == f->size &&
           flags_of(in, e) == f->flags;
}
