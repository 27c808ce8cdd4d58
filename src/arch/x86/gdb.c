/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gdb numbers the registers in the order of the description: the features org.gnu.gdb.i386.core,
 * .sse, .avx, .segments as its manual names them ("i386 Features"), then one of our own.
 */
#include "arch/x86/gdb.h"

#include <stdio.h>

#include "arch/x86/tlb.h"
#include "base/endian.h"
#include "core/machine.h"

enum kind { GPR, FLAGS, SEG, ST, FPU_CTRL, XMM, MXCSR, YMMH, BASE, CONTROL };

struct reg {
    const char *name, *type;
    uint8_t kind, num, bits;
};

#define G(n, r) {n, "int64", GPR, r, 64}
#define S(n, r) {n, "int32", SEG, r, 32}
#define F(n, r) {"f" n, "int", FPU_CTRL, r, 32}
#define EIGHT(X, n, t, k, b) \
    {n "0", t, k, X + 0, b}, {n "1", t, k, X + 1, b}, {n "2", t, k, X + 2, b}, \
    {n "3", t, k, X + 3, b}, {n "4", t, k, X + 4, b}, {n "5", t, k, X + 5, b}, \
    {n "6", t, k, X + 6, b}, {n "7", t, k, X + 7, b}

enum { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };
enum { CR0, CR2, CR3, CR4, EFER };

static const struct reg core[] = {
    G("rax", RAX), G("rbx", RBX), G("rcx", RCX), G("rdx", RDX), G("rsi", RSI), G("rdi", RDI),
    {"rbp", "data_ptr", GPR, RBP, 64}, {"rsp", "data_ptr", GPR, RSP, 64},
    G("r8", 8), G("r9", 9), G("r10", 10), G("r11", 11), G("r12", 12), G("r13", 13), G("r14", 14),
    G("r15", 15), {"rip", "code_ptr", GPR, X86_RIP, 64}, {"eflags", "int32", FLAGS, 0, 32},
    S("cs", SEG_CS), S("ss", SEG_SS), S("ds", SEG_DS), S("es", SEG_ES), S("fs", SEG_FS),
    S("gs", SEG_GS), EIGHT(0, "st", "i387_ext", ST, 80),
    F("ctrl", FCTRL), F("stat", FSTAT), F("tag", FTAG), F("iseg", FISEG), F("ioff", FIOFF),
    F("oseg", FOSEG), F("ooff", FOOFF), F("op", FOP),
};
static const struct reg sse[] = {
    EIGHT(0, "xmm", "vec128", XMM, 128),
    {"xmm8", "vec128", XMM, 8, 128}, {"xmm9", "vec128", XMM, 9, 128},
    {"xmm10", "vec128", XMM, 10, 128}, {"xmm11", "vec128", XMM, 11, 128},
    {"xmm12", "vec128", XMM, 12, 128}, {"xmm13", "vec128", XMM, 13, 128},
    {"xmm14", "vec128", XMM, 14, 128}, {"xmm15", "vec128", XMM, 15, 128},
    {"mxcsr", "int", MXCSR, 0, 32},
};
static const struct reg avx[] = {
    {"ymm0h", "uint128", YMMH, 0, 128}, {"ymm1h", "uint128", YMMH, 1, 128},
    {"ymm2h", "uint128", YMMH, 2, 128}, {"ymm3h", "uint128", YMMH, 3, 128},
    {"ymm4h", "uint128", YMMH, 4, 128}, {"ymm5h", "uint128", YMMH, 5, 128},
    {"ymm6h", "uint128", YMMH, 6, 128}, {"ymm7h", "uint128", YMMH, 7, 128},
    {"ymm8h", "uint128", YMMH, 8, 128}, {"ymm9h", "uint128", YMMH, 9, 128},
    {"ymm10h", "uint128", YMMH, 10, 128}, {"ymm11h", "uint128", YMMH, 11, 128},
    {"ymm12h", "uint128", YMMH, 12, 128}, {"ymm13h", "uint128", YMMH, 13, 128},
    {"ymm14h", "uint128", YMMH, 14, 128}, {"ymm15h", "uint128", YMMH, 15, 128},
};
static const struct reg segments[] = {
    {"fs_base", "int", BASE, SEG_FS, 64}, {"gs_base", "int", BASE, SEG_GS, 64},
};
static const struct reg control[] = {
    {"cr0", "int", CONTROL, CR0, 64}, {"cr2", "int", CONTROL, CR2, 64},
    {"cr3", "int", CONTROL, CR3, 64}, {"cr4", "int", CONTROL, CR4, 64},
    {"efer", "int", CONTROL, EFER, 64},
};

static const struct {
    const char *feature, *types;
    const struct reg *regs;
    unsigned n;
} features[] = {
    {"org.gnu.gdb.i386.core", "", core, ARRAY_LEN(core)},
    {"org.gnu.gdb.i386.sse",
     "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
     "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
     "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
     "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
     "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
     "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
     "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
     "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
     "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
     "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>",
     sse, ARRAY_LEN(sse)},
    {"org.gnu.gdb.i386.avx", "", avx, ARRAY_LEN(avx)},
    {"org.gnu.gdb.i386.segments", "", segments, ARRAY_LEN(segments)},
    {"quadrivium.control", "", control, ARRAY_LEN(control)},
};

char *x86_gdb_description(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        abort(); /* as with xcalloc */
    fputs("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
          "<architecture>i386:x86-64</architecture>", f);
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        fprintf(f, "<feature name=\"%s\">%s", features[i].feature, features[i].types);
        for (unsigned n = 0; n < features[i].n; n++)
            fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", features[i].regs[n].name,
                    features[i].regs[n].bits, features[i].regs[n].type);
        fputs("</feature>", f);
    }
    fputs("</target>", f);
    fclose(f);
    return text;
}

static const struct reg *reg_at(unsigned n)
{
    for (size_t i = 0; i < ARRAY_LEN(features); n -= features[i].n, i++)
        if (n < features[i].n)
            return &features[i].regs[n];
    return NULL;
}

unsigned x86_gdb_regs(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        n += features[i].n;
    return n;
}

/* Two bits a register: 0 valid, 1 zero, 2 special, 3 empty; as FSTENV stores it. [SDM1 8.1.7] */
static uint32_t full_tag(const struct x86_state *s)
{
    uint32_t tag = 0;

    for (unsigned i = 0; i < 8; i++) {
        const struct f80 *v = &s->fpr[i];
        unsigned exp = v->se & 0x7fff, t = 0;
        if (!(s->ftw >> i & 1))
            t = 3;
        else if (!exp && !v->mant)
            t = 1;
        else if (!exp || exp == 0x7fff || !(v->mant >> 63))
            t = 2;
        tag |= t << (2 * i);
    }
    return tag;
}

static uint32_t fpu_ctrl(const struct x86_state *s, unsigned num)
{
    switch (num) {
    case FCTRL: return s->fcw;
    case FSTAT: return s->fsw;
    case FTAG: return full_tag(s);
    case FISEG: return s->fcs;
    case FIOFF: return (uint32_t)s->fip;
    case FOSEG: return s->fds;
    case FOOFF: return (uint32_t)s->fdp;
    default: return s->fop;
    }
}

static uint64_t control_reg(const struct x86_state *s, unsigned num)
{
    const uint64_t v[] = {s->cr0, s->cr2, s->cr3, s->cr4, s->efer};

    return v[num];
}

unsigned x86_gdb_read(const struct x86_cpu *c, unsigned n, uint8_t out[X86_GDB_REG_BYTES])
{
    const struct x86_state *s = &c->s;
    const struct reg *r = reg_at(n);
    const struct f80 *st;

    if (!r)
        return 0;
    memset(out, 0, X86_GDB_REG_BYTES);
    switch ((enum kind)r->kind) {
    case GPR: st_le64(out, s->r[r->num]); break;
    case FLAGS: st_le32(out, (uint32_t)s->rflags); break;
    case SEG: st_le32(out, s->seg[r->num].sel); break;
    case ST:
        st = &s->fpr[((s->fsw >> 11) + r->num) & 7];
        st_le64(out, st->mant);
        st_le16(out + 8, st->se);
        break;
    case FPU_CTRL: st_le32(out, fpu_ctrl(s, r->num)); break;
    case XMM: memcpy(out, s->ymm[r->num].b, 16); break;
    case YMMH: memcpy(out, s->ymm[r->num].b + 16, 16); break;
    case MXCSR: st_le32(out, s->mxcsr); break;
    case BASE: st_le64(out, s->seg[r->num].base); break;
    case CONTROL: st_le64(out, control_reg(s, r->num)); break;
    }
    return r->bits / 8;
}

static void write_fpu_ctrl(struct x86_state *s, unsigned num, uint32_t v)
{
    switch (num) {
    case FCTRL: s->fcw = (v & 0x1f7f) | 0x40; break;
    case FSTAT: s->fsw = (uint16_t)v; break;
    case FTAG:
        for (unsigned i = 0; i < 8; i++)
            s->ftw = (uint8_t)((s->ftw & ~(1u << i)) | (unsigned)((v >> (2 * i) & 3) != 3) << i);
        break;
    case FISEG: s->fcs = (uint16_t)v; break;
    case FIOFF: s->fip = v; break;
    case FOSEG: s->fds = (uint16_t)v; break;
    case FOOFF: s->fdp = v; break;
    default: s->fop = v & 0x7ff; break;
    }
}

/* Flags that a debugger may set without upsetting what the mode rests on. */
#define FLAGS_WRITABLE (~(uint64_t)(FL_VM | FL_RF) & UINT64_C(0x3f7fd5))

unsigned x86_gdb_write(struct x86_cpu *c, unsigned n, const uint8_t *in)
{
    struct x86_state *s = &c->s;
    const struct reg *r = reg_at(n);
    struct f80 *st;

    if (!r)
        return 0;
    switch ((enum kind)r->kind) {
    case GPR: s->r[r->num] = ld_le64(in); break;
    case FLAGS:
        s->rflags = (s->rflags & ~FLAGS_WRITABLE) | (ld_le32(in) & FLAGS_WRITABLE) | 2;
        break;
    case SEG: s->seg[r->num].sel = ld_le16(in); break;
    case ST:
        st = &s->fpr[((s->fsw >> 11) + r->num) & 7];
        st->mant = ld_le64(in);
        st->se = ld_le16(in + 8);
        break;
    case FPU_CTRL: write_fpu_ctrl(s, r->num, ld_le32(in)); break;
    case XMM: memcpy(s->ymm[r->num].b, in, 16); break;
    case YMMH: memcpy(s->ymm[r->num].b + 16, in, 16); break;
    case MXCSR: s->mxcsr = ld_le32(in) & 0xffff; break;
    case BASE: s->seg[r->num].base = ld_le64(in); break;
    case CONTROL: break;
    }
    return r->bits / 8;
}

bool x86_gdb_memory(struct x86_cpu *c, uint64_t lin, void *buf, size_t len, bool write)
{
    for (unsigned pass = write ? 0 : 1; pass < 2; pass++) {
        for (size_t at = 0; at < len;) {
            size_t n = MIN(len - at, (size_t)(PAGE_SIZE_4K - ((lin + at) & 0xfff)));
            uint8_t *p = (uint8_t *)buf + at;
            uint64_t gpa;
            if (!x86_walk_peek(c, lin + at, &gpa))
                return false;
            if (pass == 0 ? !mem_ptr(c->mem, gpa, n)
                          : !(write ? mem_load(c->mem, gpa, p, n) : mem_read(c->mem, gpa, p, n)))
                return false;
            at += n;
        }
    }
    return true;
}
