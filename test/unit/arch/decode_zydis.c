/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The decoder against Zydis, an independent one: random bytes and structured instructions, in
 * 16, 32 and 64-bit code: valid or not, length, mnemonic, every operand. The operands that are
 * compared are read back from struct x86_insn, so that a wrongly placed operand shows.
 *
 * Where the two differ on purpose a line of `known` says why; a line that never applied in the
 * long run is a failure too.
 *
 * test-timeout: 120
 */
#include <stdio.h>

#include <Zydis/Zydis.h>

#include "arch/x86/cpu.h"
#include "arch/x86/disasm.h"
#include "lib/test.h"

static const struct mode {
    const char *name;
    uint32_t mode;
    ZydisMachineMode zmode;
    ZydisStackWidth zstack;
} modes[] = {
    {"64", MODE_CODE64 | MODE_PROT | MODE_LMA, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
    {"32", MODE_CODE32 | MODE_PROT | MODE_STACK32, ZYDIS_MACHINE_MODE_LEGACY_32,
     ZYDIS_STACK_WIDTH_32},
    {"16", MODE_PROT, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16},
    {"real", 0, ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16},
};

/* What one comparison works on. */
struct sample {
    const struct mode *m;
    uint8_t bytes[15];
    int rc;
    struct x86_insn in;
    const struct x86_entry *e;
    bool z_ok;
    ZyanStatus zrc;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
};

/* ------------------------------------------------------------------------ known differences */

/* Instruction sets that the CPU models do not have. */
static bool is_unsupported_isa(const struct sample *s)
{
    if (!s->z_ok || s->rc == X86_DECODE_OK)
        return false;
    static const char *const have[] = {
        "ADOX_ADCX", "AES", "AMD", "AVX", "AVX2", "AVX2GATHER", "AVXAES", "BMI1", "BMI2",
        "CLDEMOTE", "CLFLUSHOPT", "CLFSH", "CLWB", "CMOV", "CMPXCHG16B", "F16C",
        "FAT_NOP", "FCMOV", "FCOMI", "FMA", "FXSAVE", "FXSAVE64", "I186", "I286PROTECTED", "I286REAL",
        "I386", "I486", "I486REAL", "I86", "INVPCID", "LAHF", "LONGMODE", "LZCNT", "MONITOR",
        "MOVBE", "PAUSE", "PCLMULQDQ", "PENTIUMMMX", "PENTIUMREAL", "POPCNT", "PPRO", "PREFETCHW",
        "PREFETCH_NOP", "RDPID", "RDPMC", "RDRAND", "RDSEED", "RDTSCP", "RDWRFSGS", "SHA", "SMAP",
        "SSE", "SSE2", "SSE2MMX", "SSE3", "SSE3X87", "SSE4", "SSE42", "SSEMXCSR",
        "SSE_PREFETCH", "SSSE3", "SSSE3MMX", "X87", "XSAVE", "XSAVEC", "XSAVEOPT", "XSAVES",
    };
    const char *isa = ZydisISASetGetString(s->z.meta.isa_set);

    for (size_t i = 0; i < ARRAY_LEN(have); i++)
        if (!strcmp(isa, have[i]))
            return false;
    return true;
}

static bool z_is(const struct sample *s, const char *name)
{
    return s->z_ok && !strcmp(ZydisMnemonicGetString(s->z.mnemonic), name);
}

static bool z_is_op(const struct sample *s, unsigned op)
{
    return s->rc == X86_DECODE_OK && s->in.op == op;
}

static bool is_prefetchw_reg(const struct sample *s)
{
    return s->z_ok && !strcmp(ZydisISASetGetString(s->z.meta.isa_set), "PREFETCH_NOP");
}

static bool is_far_w(const struct sample *s)
{
    return (z_is_op(s, X86_OP_lss) || z_is_op(s, X86_OP_lfs) || z_is_op(s, X86_OP_lgs) ||
            z_is_op(s, X86_OP_jmp_far_ind) || z_is_op(s, X86_OP_call_far_ind)) &&
           s->in.flags & IN_W;
}

static bool is_near_66(const struct sample *s)
{
    return (z_is_op(s, X86_OP_jmp_ind) || z_is_op(s, X86_OP_call_ind)) &&
           s->m->mode & MODE_CODE64 && s->in.size == 2;
}

static bool is_pause_rexb(const struct sample *s)
{
    return z_is_op(s, X86_OP_xchg) && z_is(s, "pause");
}

static bool is_sib_rexb(const struct sample *s)
{
    return s->rc == X86_DECODE_OK && s->in.asize == 4 && s->in.base == X86_ZERO &&
           (s->in.modrm & 0xc7) == 4 && s->m->mode & MODE_CODE64;
}

static bool is_width(const struct sample *s)
{
    return z_is_op(s, X86_OP_lsl) || z_is_op(s, X86_OP_lar) || z_is_op(s, X86_OP_movmskps) ||
           z_is_op(s, X86_OP_movmskpd) || z_is_op(s, X86_OP_movsxd);
}

static bool is_real_syscall(const struct sample *s)
{
    return !s->m->mode && (z_is_op(s, X86_OP_sysenter) || z_is_op(s, X86_OP_sysexit) ||
                           z_is_op(s, X86_OP_syscall) || z_is_op(s, X86_OP_sysret));
}

static bool is_insert_w32(const struct sample *s)
{
    return s->z_ok && s->rc == X86_DECODE_UD && !(s->m->mode & MODE_CODE64) &&
           (z_is(s, "vpinsrd") || z_is(s, "vpextrd") || z_is(s, "vpinsrq") || z_is(s, "vpextrq"));
}

/* Each of these asks for its own kind of difference; the first that fits excuses it. */
static struct known {
    const char *why;
    bool (*is)(const struct sample *s);
    unsigned long hits;
} known[] = {
    {"instruction set that the models do not have", is_unsupported_isa, 0},
    {"AMD: PREFETCHW has no register form", is_prefetchw_reg, 0},
    {"AMD: far pointers have 32-bit offsets also with REX.W", is_far_w, 0},
    {"AMD: near branches obey 66 in 64-bit code, indirect ones too", is_near_66, 0},
    {"AMD: F3 90 with REX.B is XCHG", is_pause_rexb, 0},
    {"Zydis shows a base where SIB.base 101 with mod 0 has none", is_sib_rexb, 0},
    {"system calls fault in real mode when executed", is_real_syscall, 0},
    {"AMD: VPINSRD, VPEXTRD with VEX.W outside 64-bit code raise #UD", is_insert_w32, 0},
    {"LSL, LAR, MOVSXD, MOVMSK: another width of the same register", is_width, 0},
};

/* ------------------------------------------------------------------------------ comparison */

static unsigned n_bad;
static bool verbose;

static void hex_of(char *buf, const uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sprintf(buf + i * 2, "%02x", b[i]);
}

static void z_text(const struct sample *s, char *buf, size_t size)
{
    ZydisFormatter f;

    if (!s->z_ok) {
        snprintf(buf, size, "(bad, status %#x)", (unsigned)s->zrc);
        return;
    }
    ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&f, &s->z, s->zo,
                                                      s->z.operand_count_visible, buf, size, 0, NULL)))
        snprintf(buf, size, "%s ?", ZydisMnemonicGetString(s->z.mnemonic));
}

static void report(const struct sample *s, const char *what)
{
    char hex[40], ours[128], theirs[256];
    /* one line per kind: mnemonic and reason */
    static char seen[600][80];
    static unsigned n_seen;
    char key[80];

    snprintf(key, sizeof key, "%s/%s/%s/%s", what, s->e ? x86_ops[s->in.op].name : "-",
             s->z_ok ? ZydisMnemonicGetString(s->z.mnemonic) : "-", verbose ? s->m->name : "");
    n_bad++;
    for (unsigned i = 0; i < n_seen; i++)
        if (!strcmp(seen[i], key))
            return;
    if (n_seen < ARRAY_LEN(seen))
        memcpy(seen[n_seen++], key, sizeof key);
    hex_of(hex, s->bytes, 15);
    x86_disasm(ours, sizeof ours, &s->in, s->e, s->m->mode, 0);
    z_text(s, theirs, sizeof theirs);
    print_error("%s %s %s: ours %u %s; Zydis %u %s [%s]\n", s->m->name, hex, what, s->in.len, ours,
                s->z_ok ? s->z.length : 0, theirs,
                s->z_ok ? ZydisISASetGetString(s->z.meta.isa_set) : "");
}

static ZydisRegister vec(unsigned bytes, unsigned n)
{
    return (ZydisRegister)((bytes == 32 ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0) + n);
}

static ZydisRegister gpr(unsigned bytes, unsigned n)
{
    static const uint8_t low[16] = {0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

    switch (bytes) {
    case 1:
        return (ZydisRegister)(ZYDIS_REGISTER_AL + (n & X86_HIGH8 ? 4 + (n & 3) : low[n & 15]));
    case 2: return (ZydisRegister)(ZYDIS_REGISTER_AX + n);
    case 4: return (ZydisRegister)(ZYDIS_REGISTER_EAX + n);
    }
    return (ZydisRegister)(ZYDIS_REGISTER_RAX + n);
}

static ZydisRegister reg_of(const struct x86_operand *o)
{
    switch ((enum x86_reg_class)o->cls) {
    case XR_GPR: return gpr(o->bytes, o->num);
    case XR_SEG: return (ZydisRegister)(ZYDIS_REGISTER_ES + o->num);
    case XR_CR: return (ZydisRegister)(ZYDIS_REGISTER_CR0 + o->num);
    case XR_DR: return (ZydisRegister)(ZYDIS_REGISTER_DR0 + o->num);
    case XR_VEC: return vec(o->bytes, o->num);
    case XR_MMX: return (ZydisRegister)(ZYDIS_REGISTER_MM0 + o->num);
    case XR_ST: return (ZydisRegister)(ZYDIS_REGISTER_ST0 + o->num);
    }
    return ZYDIS_REGISTER_NONE;
}

static ZydisRegister base_of(const struct x86_insn *in)
{
    if (in->base == X86_ZERO)
        return ZYDIS_REGISTER_NONE;
    if (in->base == X86_RIP)
        return in->asize == 8 ? ZYDIS_REGISTER_RIP : ZYDIS_REGISTER_EIP;
    return gpr(in->asize, in->base);
}

static bool same_memory(const struct sample *s, const struct x86_operand *o,
                        const ZydisDecodedOperandMem *z)
{
    const struct x86_insn *in = &s->in;
    uint64_t amask = in->asize == 8 ? UINT64_MAX : (UINT64_C(1) << (in->asize * 8)) - 1;
    ZydisRegister index = in->index == X86_ZERO ? ZYDIS_REGISTER_NONE : gpr(in->asize, in->index);
    bool vsib = z->index >= ZYDIS_REGISTER_XMM0 && z->index <= ZYDIS_REGISTER_YMM31;
    int64_t disp = o->cls ? (int64_t)o->imm : in->disp;

    if (vsib)
        index = (ZydisRegister)((z->index >= ZYDIS_REGISTER_YMM0 ? ZYDIS_REGISTER_YMM0
                                                                 : ZYDIS_REGISTER_XMM0) +
                                in->count);
    if (z->base != base_of(in) || z->index != index)
        return false;
    if (index != ZYDIS_REGISTER_NONE && z->scale != 1u << in->scale)
        return false;
    if (((uint64_t)disp & amask) != ((uint64_t)z->disp.value & amask))
        return false;
    /* LEA and hints have a segment of no meaning */
    if (z->type != ZYDIS_MEMOP_TYPE_MEM && z->type != ZYDIS_MEMOP_TYPE_VSIB)
        return true;
    return z->segment == (ZydisRegister)(ZYDIS_REGISTER_ES + in->seg);
}

static bool same_operand(const struct sample *s, const struct x86_operand *o,
                         const ZydisDecodedOperand *z)
{
    uint64_t mask;

    switch (o->type) {
    case XO_REG: return z->type == ZYDIS_OPERAND_TYPE_REGISTER && z->reg.value == reg_of(o);
    case XO_MEM:
        if (z->type != ZYDIS_OPERAND_TYPE_MEMORY)
            return false;
        if (o->bytes && z->size && z->size != o->bytes * 8)
            return false;
        return same_memory(s, o, &z->mem);
    case XO_IMM:
    case XO_REL:
        if (z->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return false;
        /* immediates as far as the operand goes */
        mask = o->type == XO_REL    ? UINT64_MAX
               : s->in.size == 1    ? 0xff
               : s->in.size == 2    ? 0xffff
               : s->in.size == 4    ? 0xffffffff
                                    : UINT64_MAX;
        return ((o->imm ^ z->imm.value.u) & mask) == 0;
    case XO_FAR:
        return z->type == ZYDIS_OPERAND_TYPE_POINTER && z->ptr.segment == o->num &&
               ((z->ptr.offset ^ o->imm) & (s->in.size == 2 ? 0xffff : 0xffffffff)) == 0;
    case XO_STRING:
        return z->type == ZYDIS_OPERAND_TYPE_MEMORY &&
               z->mem.base == gpr(s->in.asize, o->cls ? RDI : RSI) &&
               z->mem.segment == (ZydisRegister)(ZYDIS_REGISTER_ES + (o->cls ? SEG_ES : s->in.seg));
    }
    return false;
}

/* Zydis' mnemonics are as ours but for these. */
static bool same_mnemonic(const struct sample *s, const char *ours)
{
    static const char *const alias[][2] = {
        {"prefetchw", "prefetch"}, {"prefetch", "prefetchnta"}, {"prefetch", "prefetcht0"},
        {"prefetch", "prefetcht1"}, {"prefetch", "prefetcht2"}, {"prefetchw", "prefetchwt1"},
        {"nop", "endbr32"}, {"nop", "endbr64"}, {"nop", "cldemote"}, {"nop", "prefetchit0"}, {"nop", "prefetchit1"}, {"fneni", "fdisi8087_nop"}, {"fneni", "feni8087_nop"}, {"fneni", "fsetpm287_nop"},
        {"prefetchw", "prefetchw"}, {"ret", "ret"}, {"retf", "ret"}, {"nop", "rdsspd"},
        {"nop", "rdsspq"}, {"fstp", "fstpnce"},
    };
    const char *theirs = ZydisMnemonicGetString(s->z.mnemonic);

    if (!strcmp(ours, theirs))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(alias); i++)
        if (!strcmp(ours, alias[i][0]) && !strcmp(theirs, alias[i][1]))
            return true;
    return false;
}

static bool is_st0(const struct x86_operand *o)
{
    return o->type == XO_REG && o->cls == XR_ST && o->num == 0;
}

static bool z_is_st0(const ZydisDecodedOperand *z)
{
    return z->type == ZYDIS_OPERAND_TYPE_REGISTER && z->reg.value == ZYDIS_REGISTER_ST0;
}

/* Strings: Zydis hides their operands; ours are compared with its memory operands. */
static bool same_string(const struct sample *s, const struct x86_operand *o, unsigned n)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n; i++) {
        if (o[i].type != XO_STRING)
            continue;
        while (k < s->z.operand_count && s->zo[k].type != ZYDIS_OPERAND_TYPE_MEMORY)
            k++;
        if (k == s->z.operand_count || !same_operand(s, &o[i], &s->zo[k++]))
            return false;
    }
    return true;
}

static bool same_operands(const struct sample *s)
{
    struct x86_operand o[4];
    unsigned n = x86_operands(&s->in, s->e, s->m->mode, o), k = 0, zn = s->z.operand_count_visible;
    bool hides_st0 = zn != n;

    if (s->in.op == X86_OP_nop || s->in.op == X86_OP_ud0 || s->in.op == X86_OP_ud1)
        return true; /* operands without a use */
    for (unsigned i = 0; i < n; i++)
        if (o[i].type == XO_STRING)
            return same_string(s, o, n);
    for (unsigned i = 0; i < n; i++) {
        if (hides_st0 && is_st0(&o[i]))
            continue;
        while (hides_st0 && k < zn && z_is_st0(&s->zo[k]))
            k++;
        if (k >= zn || !same_operand(s, &o[i], &s->zo[k++]))
            return false;
    }
    while (hides_st0 && k < zn && z_is_st0(&s->zo[k]))
        k++;
    return k == zn;
}

static const char *difference(const struct sample *s)
{
    char name[32];

    if (s->z_ok != (s->rc == X86_DECODE_OK))
        return s->z_ok ? "only Zydis" : "only ours";
    if (!s->z_ok)
        return NULL;
    x86_mnemonic(name, sizeof name, &s->in);
    if (s->in.len != s->z.length)
        return "length";
    if (!same_mnemonic(s, name))
        return "mnemonic";
    return same_operands(s) ? NULL : "operands";
}

static void compare(const struct sample *s)
{
    const char *what = difference(s);

    if (!what)
        return;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].is(s)) {
            known[i].hits++;
            return;
        }
    }
    report(s, what);
}

/* ----------------------------------------------------------------------------------- input */

static uint64_t rnd;

static uint32_t pick(uint32_t n) { return (uint32_t)((test_random(&rnd) >> 20) % n); }

static void random_bytes(uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        b[i] = (uint8_t)(test_random(&rnd) >> 24);
}

/* Prefixes, an opcode of some map, random rest: every opcode comes up often. */
static void structured(uint8_t *b, bool code64)
{
    static const uint8_t px[] = {0x66, 0xf2, 0xf3, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0};
    unsigned n = 0, map = pick(6);

    random_bytes(b, 15);
    if (map >= 4) { /* VEX */
        if (pick(4) == 0)
            b[n++] = px[pick(pick(4) ? 3 : ARRAY_LEN(px))];
        if (pick(2)) {
            b[n] = 0xc4;
            b[n + 1] = (uint8_t)((b[n + 1] & 0xe0) | pick(4));
            if (pick(2)) /* unused vvvv */
                b[n + 2] |= 0x78;
            if (!code64)
                b[n + 1] |= 0xc0;
        } else {
            b[n] = 0xc5;
            if (pick(2))
                b[n + 1] |= 0x78;
            if (!code64)
                b[n + 1] |= 0xc0;
        }
        return;
    }
    for (unsigned k = pick(3); k; k--)
        b[n++] = px[pick(pick(3) ? 3 : ARRAY_LEN(px))];
    if (code64 && pick(2))
        b[n++] = 0x40 | (uint8_t)pick(16);
    if (map >= 1)
        b[n++] = 0x0f;
    if (map >= 2)
        b[n++] = map == 2 ? 0x38 : 0x3a;
}

static void run_one(struct sample *s, ZydisDecoder *dec)
{
    s->rc = x86_decode_entry(&s->in, s->bytes, 15, s->m->mode, &s->e);
    s->zrc = ZydisDecoderDecodeFull(dec, s->bytes, 15, &s->z, s->zo);
    s->z_ok = ZYAN_SUCCESS(s->zrc);
    compare(s);
}

static void test_against_zydis(void **state)
{
    unsigned long rounds = test_long() ? 20000000 : 400000;

    (void)state;
    verbose = getenv("QUAD_VERBOSE");
    rnd = test_seed() | 1;
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        ZydisDecoder dec;
        struct sample s = {.m = &modes[m]};

        ZydisDecoderInit(&dec, modes[m].zmode, modes[m].zstack);
        ZydisDecoderEnableMode(&dec, ZYDIS_DECODER_MODE_AMD_BRANCHES, ZYAN_TRUE);
        ZydisDecoderEnableMode(&dec, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(&dec, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
        ZydisDecoderEnableMode(&dec, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
        ZydisDecoderEnableMode(&dec, ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
        for (unsigned long i = 0; i < rounds; i++) {
            if (pick(8) == 0)
                random_bytes(s.bytes, 15);
            else
                structured(s.bytes, modes[m].mode & MODE_CODE64);
            run_one(&s, &dec);
        }
    }
    for (size_t i = 0; test_long() && i < ARRAY_LEN(known); i++)
        if (!known[i].hits)
            fail_msg("no longer a difference: %s", known[i].why);
    if (n_bad)
        fail_msg("%u differences", n_bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_zydis)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
