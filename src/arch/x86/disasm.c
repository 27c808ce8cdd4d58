/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * disasm: a decoded instruction as text.
 */
#include "arch/x86/disasm.h"

#include <stdarg.h>
#include <stdio.h>

#include "arch/x86/cpu.h"

/* ------------------------------------------------------------------------------ mnemonics */

static const char cc_names[16][4] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                     "s", "ns", "p", "np", "l", "nl", "le", "nle"};

/* Operations whose name in ops.def is not the mnemonic. %c: condition; %s: b w d q by size. */
static const struct {
    uint16_t op;
    const char *name;
} names[] = {
    {X86_OP_jcc, "j%c"}, {X86_OP_setcc, "set%c"}, {X86_OP_cmov, "cmov%c"},
    {X86_OP_movzx8, "movzx"}, {X86_OP_movzx16, "movzx"}, {X86_OP_movsx8, "movsx"},
    {X86_OP_movsx16, "movsx"}, {X86_OP_mov_moffs_ld, "mov"}, {X86_OP_mov_moffs_st, "mov"},
    {X86_OP_mov_to_seg, "mov"}, {X86_OP_mov_from_seg, "mov"}, {X86_OP_mov_cr_ld, "mov"},
    {X86_OP_mov_cr_st, "mov"}, {X86_OP_mov_dr_ld, "mov"}, {X86_OP_mov_dr_st, "mov"},
    {X86_OP_push_seg, "push"}, {X86_OP_pop_seg, "pop"}, {X86_OP_imul1, "imul"},
    {X86_OP_imul3, "imul"}, {X86_OP_call_near, "call"}, {X86_OP_call_ind, "call"},
    {X86_OP_call_far, "call"}, {X86_OP_call_far_ind, "call"}, {X86_OP_jmp_near, "jmp"},
    {X86_OP_jmp_ind, "jmp"}, {X86_OP_jmp_far, "jmp"}, {X86_OP_jmp_far_ind, "jmp"},
    {X86_OP_ret_near, "ret"}, {X86_OP_ret_far, "retf"}, {X86_OP_int_imm, "int"},
    {X86_OP_icebp, "int1"}, {X86_OP_movs, "movs%s"}, {X86_OP_cmps, "cmps%s"},
    {X86_OP_scas, "scas%s"}, {X86_OP_lods, "lods%s"}, {X86_OP_stos, "stos%s"},
    {X86_OP_ins, "ins%s"}, {X86_OP_outs, "outs%s"}, {X86_OP_movd_st, "movd"},
};

/* Mnemonics by operand size: 2, 4, 8. */
static const struct {
    uint16_t op;
    const char *name[3];
} sized_names[] = {
    {X86_OP_cbw, {"cbw", "cwde", "cdqe"}},
    {X86_OP_cwd, {"cwd", "cdq", "cqo"}},
    {X86_OP_pusha, {"pusha", "pushad", "pushad"}},
    {X86_OP_popa, {"popa", "popad", "popad"}},
    {X86_OP_pushf, {"pushf", "pushfd", "pushfq"}},
    {X86_OP_popf, {"popf", "popfd", "popfq"}},
    {X86_OP_iret, {"iret", "iretd", "iretq"}},
    {X86_OP_jcxz, {"jcxz", "jecxz", "jrcxz"}}, /* by address size */
};

static const char *const const_names[8] = {"fld1",   "fldl2t", "fldl2e", "fldpi",
                                           "fldlg2", "fldln2", "fldz",   "(bad)"};
static const char *const fcmov_names[2][8] = {
    {"", "fcmovb", "fcmove", "fcmovbe", "", "fcmovu", "", ""},
    {"", "fcmovnb", "fcmovne", "fcmovnbe", "", "fcmovnu", "", ""},
};

static bool is_avx_shared(const struct x86_insn *in)
{
    switch (in->op) { /* VEX-encoded general-register instructions have no v */
    case X86_OP_andn: case X86_OP_bextr: case X86_OP_bzhi: case X86_OP_blsi: case X86_OP_blsr:
    case X86_OP_blsmsk: case X86_OP_mulx: case X86_OP_pdep: case X86_OP_pext: case X86_OP_rorx:
    case X86_OP_sarx: case X86_OP_shlx: case X86_OP_shrx: return false;
    }
    return in->flags & IN_VEX && x86_ops[in->op].name[0] != 'v';
}

/* Those that save state have their own name with REX.W. */
static bool has_64_name(unsigned op)
{
    return (op >= X86_OP_fxsave && op <= X86_OP_xrstors);
}

static void expand(char *buf, size_t size, const char *fmt, const struct x86_insn *in)
{
    size_t n = 0;

    for (; *fmt && n + 5 < size; fmt++) {
        if (*fmt != '%') {
            buf[n++] = *fmt;
            continue;
        }
        fmt++;
        if (*fmt == 'c')
            n += (size_t)snprintf(buf + n, size - n, "%s", cc_names[in->cc]);
        else
            buf[n++] = in->size == 1 ? 'b' : in->size == 2 ? 'w' : in->size == 4 ? 'd' : 'q';
    }
    buf[n] = 0;
}

void x86_mnemonic(char *buf, size_t size, const struct x86_insn *in)
{
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].op == in->op) {
            char tmp[24];

            expand(tmp, sizeof tmp, names[i].name, in);
            snprintf(buf, size, "%s%s", is_avx_shared(in) ? "v" : "", tmp);
            if (in->op == X86_OP_movd_st && in->flags & IN_W)
                buf[strlen(buf) - 1] = 'q';
            return;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(sized_names); i++) {
        if (sized_names[i].op == in->op) {
            unsigned by = in->op == X86_OP_jcxz ? in->asize : in->size;

            snprintf(buf, size, "%s", sized_names[i].name[by / 4]);
            return;
        }
    }
    if (in->op == X86_OP_fld_const)
        snprintf(buf, size, "%s", const_names[in->imm & 7]);
    else if (in->op == X86_OP_fcmov)
        snprintf(buf, size, "%s", fcmov_names[in->cc & 1][(in->cc >> 1) & 7]);
    else if (in->op == X86_OP_movd && in->flags & IN_W)
        snprintf(buf, size, "%smovq", in->flags & IN_VEX ? "v" : "");
    else
        snprintf(buf, size, "%s%s%s", is_avx_shared(in) ? "v" : "", x86_ops[in->op].name,
                 in->flags & IN_W && has_64_name(in->op) ? "64" : "");
}

/* ------------------------------------------------------------------------------- operands */

/* Where x86_decode() has put register operand i (the other way round of decode.c's put()). */
static uint8_t reg_of(const struct x86_insn *in, const struct x86_entry *e, unsigned i)
{
    unsigned kind = x86_opds[e->o[i]].kind;
    unsigned first = x86_opds[e->o[0]].kind;

    if (first == OK_H)
        return i == 0 ? in->dst : in->src2;
    if (i == 0 && !(e->attr & A_SRC))
        return in->dst;
    if (kind == OK_H || kind == OK_B)
        return in->src2;
    return e->attr & A_SHIFTD && i == 2 ? in->src2 : in->src;
}

static bool put_operand(struct x86_operand *o, const struct x86_insn *in, const struct x86_entry *e,
                        unsigned i, uint32_t mode)
{
    const struct x86_opd *s = &x86_opds[e->o[i]];
    bool is_mem = in->form != FORM_RR;

    *o = (struct x86_operand){.type = XO_REG, .num = reg_of(in, e, i)};
    o->bytes = x86_opd_bytes(in, s->size, false, mode);
    switch ((enum x86_opd_kind)s->kind) {
    case OK_NONE: return false;
    case OK_E: case OK_M: case OK_W: case OK_Q: case OK_VM:
        if (is_mem) {
            o->type = XO_MEM;
            o->bytes = x86_opd_bytes(in, s->size, true, mode);
            break;
        }
        if (s->kind == OK_E)
            break;
        o->cls = s->kind == OK_Q ? XR_MMX : XR_VEC;
        o->bytes = s->kind == OK_Q ? 8 : MAX(o->bytes, 16);
        break;
    case OK_G: case OK_R: case OK_Z: case OK_B: case OK_FIX: break;
    case OK_S: case OK_SEG:
        o->cls = XR_SEG;
        o->bytes = 2;
        break;
    case OK_C: o->cls = XR_CR; break;
    case OK_D: o->cls = XR_DR; break;
    case OK_H:
        if (!(in->flags & IN_VEX))
            return false;
        o->cls = XR_VEC;
        break;
    case OK_V: case OK_U: o->cls = XR_VEC; break;
    case OK_L:
        o->cls = XR_VEC;
        o->num = (in->imm >> 4) & 15;
        break;
    case OK_P: case OK_N: o->cls = XR_MMX; break;
    case OK_ST: case OK_STI:
        o->cls = XR_ST;
        o->bytes = 10;
        break;
    case OK_ONE: case OK_I: case OK_SI:
        o->type = XO_IMM;
        o->imm = in->imm;
        if (in->op == X86_OP_enter)
            o->imm = i ? in->imm >> 16 : in->imm & 0xffff;
        break;
    case OK_J:
        o->type = XO_REL;
        o->imm = in->imm;
        break;
    case OK_AP:
        o->type = XO_FAR;
        o->imm = in->imm;
        o->num = (uint16_t)in->disp;
        break;
    case OK_O:
        o->type = XO_MEM;
        o->cls = 1;
        o->imm = in->imm;
        break;
    case OK_X: case OK_Y:
        o->type = XO_STRING;
        o->cls = s->kind == OK_Y;
        break;
    }
    return true;
}

unsigned x86_operands(const struct x86_insn *in, const struct x86_entry *e, uint32_t mode,
                      struct x86_operand out[4])
{
    unsigned n = 0;

    for (unsigned i = 0; i < 4; i++)
        n += put_operand(&out[n], in, e, i, mode);
    return n;
}

/* ----------------------------------------------------------------------------------- text */

struct text {
    char *s;
    size_t n, size;
};

static void printf_like(2, 3) say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int k;

    if (t->n >= t->size)
        return;
    va_start(ap, fmt);
    k = vsnprintf(t->s + t->n, t->size - t->n, fmt, ap);
    va_end(ap);
    t->n += k > 0 ? (size_t)k : 0;
}

static const char gpr_names[8][3] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
static const char high_names[4][3] = {"ah", "ch", "dh", "bh"};
static const char low_names[8][4] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
static const char seg_names[8][3] = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};

static void gpr(struct text *t, unsigned num, unsigned bytes)
{
    if (num & X86_HIGH8)
        say(t, "%s", high_names[num & 3]);
    else if (num >= 8)
        say(t, "r%u%s", num, bytes == 1 ? "b" : bytes == 2 ? "w" : bytes == 4 ? "d" : "");
    else if (bytes == 1)
        say(t, "%s", low_names[num]);
    else
        say(t, "%s%s", bytes == 8 ? "r" : bytes == 4 ? "e" : "", gpr_names[num]);
}

static void hex(struct text *t, int64_t v)
{
    if (v < 0)
        say(t, "-%#" PRIx64, -(uint64_t)v);
    else
        say(t, "%#" PRIx64, (uint64_t)v);
}

static const char *size_name(unsigned bytes)
{
    switch (bytes) {
    case 1: return "byte ";
    case 2: return "word ";
    case 4: return "dword ";
    case 6: return "fword ";
    case 8: return "qword ";
    case 10: return "tbyte ";
    case 16: return "xmmword ";
    case 32: return "ymmword ";
    }
    return "";
}

static void memory(struct text *t, const struct x86_insn *in, const struct x86_entry *e,
                   const struct x86_operand *o)
{
    bool vsib = x86_opds[e->o[1]].kind == OK_VM, any = false;

    say(t, "%s", size_name(o->bytes));
    if (in->flags & IN_SEGOVR)
        say(t, "%s:", seg_names[in->seg & 7]);
    say(t, "[");
    if (o->cls) { /* moffs */
        say(t, "%#" PRIx64 "]", o->imm);
        return;
    }
    if (in->base == X86_RIP)
        say(t, "rip");
    else if (in->base != X86_ZERO)
        gpr(t, in->base, in->asize);
    any = in->base != X86_ZERO;
    if (vsib)
        say(t, "%s%smm%u*%u", any ? "+" : "", in->flags & IN_L256 ? "y" : "x", in->count,
            1u << in->scale);
    else if (in->index != X86_ZERO) {
        say(t, "%s", any ? "+" : "");
        gpr(t, in->index, in->asize);
        say(t, "*%u", 1u << in->scale);
    }
    any |= vsib || in->index != X86_ZERO;
    if (!any)
        say(t, "%#x", (unsigned)in->disp);
    else if (in->disp) {
        say(t, "%s", in->disp > 0 ? "+" : "");
        hex(t, in->disp);
    }
    say(t, "]");
}

static void reg(struct text *t, const struct x86_operand *o)
{
    switch ((enum x86_reg_class)o->cls) {
    case XR_GPR: gpr(t, o->num, o->bytes); break;
    case XR_SEG: say(t, "%s", seg_names[o->num & 7]); break;
    case XR_CR: say(t, "cr%u", o->num); break;
    case XR_DR: say(t, "dr%u", o->num); break;
    case XR_VEC: say(t, "%smm%u", o->bytes == 32 ? "y" : "x", o->num); break;
    case XR_MMX: say(t, "mm%u", o->num); break;
    case XR_ST: say(t, "st(%u)", o->num); break;
    }
}

void x86_disasm(char *buf, size_t size, const struct x86_insn *in, const struct x86_entry *e,
                uint32_t mode, uint64_t rip)
{
    struct text t = {.s = buf, .size = size};
    struct x86_operand o[4];
    char name[32];
    unsigned n;

    if (!e) {
        say(&t, "(bad)");
        return;
    }
    x86_mnemonic(name, sizeof name, in);
    say(&t, "%s%s%s%s", in->flags & IN_LOCK ? "lock " : "", in->flags & IN_REP ? "rep " : "",
        in->flags & IN_REPNE ? "repne " : "", name);
    n = x86_operands(in, e, mode, o);
    for (unsigned i = 0; i < n; i++) {
        say(&t, i ? ", " : " ");
        switch (o[i].type) {
        case XO_REG: reg(&t, &o[i]); break;
        case XO_MEM: memory(&t, in, e, &o[i]); break;
        case XO_IMM: hex(&t, (int64_t)o[i].imm); break;
        case XO_REL:
            say(&t, "%#" PRIx64,
                (rip + in->len + o[i].imm) & (in->size == 2   ? 0xffff
                                              : in->size == 4 ? 0xffffffff
                                                              : UINT64_MAX));
            break;
        case XO_FAR: say(&t, "%#x:%#" PRIx64, o[i].num, o[i].imm); break;
        case XO_STRING:
            say(&t, "%s%s[", size_name(in->size), o[i].cls ? "es:" : "");
            gpr(&t, o[i].cls ? RDI : RSI, in->asize);
            say(&t, "]");
            break;
        }
    }
}
