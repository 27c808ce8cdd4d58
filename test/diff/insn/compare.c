/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must be equal after a case, what is undefined, and which forms are not run at all.
 */
#include <stdio.h>

#include "base/bits.h"
#include "base/endian.h"
#include "diff.h"

/* --------------------------------------------------------------------------------- exempt */

static const struct {
    uint16_t op;
    const char *why;
} exempt_ops[] = {
    {X86_OP_rdtsc, "time"},
    {X86_OP_rdtscp, "time"},
    {X86_OP_rdrand, "random numbers"},
    {X86_OP_rdseed, "random numbers"},
    {X86_OP_cpuid, "says what the processor is"},
    {X86_OP_xgetbv, "the host enables more state"},
    {X86_OP_rdpid, "the kernel's CPU number"},
    {X86_OP_sgdt, "the kernel answers for it (UMIP)"},
    {X86_OP_sidt, "the kernel answers for it (UMIP)"},
    {X86_OP_sldt, "the kernel answers for it (UMIP)"},
    {X86_OP_str, "the kernel answers for it (UMIP)"},
    {X86_OP_smsw, "the kernel answers for it (UMIP)"},
    {X86_OP_syscall, "enters the kernel"},
    {X86_OP_sysenter, "enters the kernel"},
    {X86_OP_icebp, "the host's hypervisor moves its return address"},
    {X86_OP_vmcall, "calls the host's own hypervisor"},
    {X86_OP_vmmcall, "calls the host's own hypervisor"},
};

const char *exempt(const struct form *f)
{
    for (size_t i = 0; i < ARRAY_LEN(exempt_ops); i++)
        if (exempt_ops[i].op == f->e->op)
            return exempt_ops[i].why;
    return NULL;
}

/* ------------------------------------------------------------------------ undefined flags */

/* Flags that an operation leaves undefined [SDM1 appendix A, APM3 appendix E]. */
static const struct {
    uint16_t op;
    uint32_t flags;
} undefined[] = {
    {X86_OP_and, FL_AF}, {X86_OP_or, FL_AF}, {X86_OP_xor, FL_AF}, {X86_OP_test, FL_AF},
    {X86_OP_mul, FL_SF | FL_ZF | FL_AF | FL_PF}, {X86_OP_imul1, FL_SF | FL_ZF | FL_AF | FL_PF},
    {X86_OP_imul, FL_SF | FL_ZF | FL_AF | FL_PF}, {X86_OP_imul3, FL_SF | FL_ZF | FL_AF | FL_PF},
    {X86_OP_div, FL_ARITH}, {X86_OP_idiv, FL_ARITH},
    {X86_OP_bt, FL_OF | FL_SF | FL_AF | FL_PF}, {X86_OP_bts, FL_OF | FL_SF | FL_AF | FL_PF},
    {X86_OP_btr, FL_OF | FL_SF | FL_AF | FL_PF}, {X86_OP_btc, FL_OF | FL_SF | FL_AF | FL_PF},
    {X86_OP_bsf, FL_CF | FL_OF | FL_SF | FL_AF | FL_PF},
    {X86_OP_bsr, FL_CF | FL_OF | FL_SF | FL_AF | FL_PF},
    {X86_OP_tzcnt, FL_OF | FL_SF | FL_AF | FL_PF}, {X86_OP_lzcnt, FL_OF | FL_SF | FL_AF | FL_PF},
    {X86_OP_aaa, FL_OF | FL_SF | FL_ZF | FL_PF}, {X86_OP_aas, FL_OF | FL_SF | FL_ZF | FL_PF},
    {X86_OP_aam, FL_OF | FL_AF | FL_CF}, {X86_OP_aad, FL_OF | FL_AF | FL_CF},
    {X86_OP_daa, FL_OF}, {X86_OP_das, FL_OF},
    {X86_OP_andn, FL_AF | FL_PF}, {X86_OP_bextr, FL_AF | FL_SF | FL_PF},
    {X86_OP_bzhi, FL_AF | FL_PF}, {X86_OP_blsi, FL_AF | FL_PF}, {X86_OP_blsr, FL_AF | FL_PF},
    {X86_OP_blsmsk, FL_AF | FL_PF},
};

/* Shifts: what is undefined depends on the count. */
static uint32_t undefined_of_shift(const struct test_case *t)
{
    const struct x86_insn *in = &t->in;
    bool two = in->op == X86_OP_shld || in->op == X86_OP_shrd;
    uint8_t src = two ? in->src2 : in->src;
    unsigned bits = in->size * 8, count;

    count = (unsigned)(src == X86_IMM ? in->imm : t->regs.r[RCX]) & (bits == 64 ? 63 : 31);
    if (!count)
        return 0;
    switch (in->op) {
    case X86_OP_shl: case X86_OP_shr: case X86_OP_sar:
        return FL_AF | (count != 1 ? FL_OF : 0) |
               (count >= bits && in->op != X86_OP_sar ? FL_CF : 0);
    case X86_OP_rol: case X86_OP_ror: case X86_OP_rcl: case X86_OP_rcr:
        return count != 1 ? FL_OF : 0;
    case X86_OP_shld: case X86_OP_shrd:
        return count > bits ? FL_ARITH : FL_AF | (count != 1 ? FL_OF : 0);
    }
    return 0;
}

uint32_t undefined_flags(const struct test_case *t)
{
    for (size_t i = 0; i < ARRAY_LEN(undefined); i++)
        if (undefined[i].op == t->in.op)
            return undefined[i].flags;
    return undefined_of_shift(t);
}

/* A double shift of 16 bits by more than 16 leaves the destination undefined too. */
bool is_all_undefined(const struct test_case *t)
{
    return (t->in.op == X86_OP_shld || t->in.op == X86_OP_shrd) &&
           undefined_of_shift(t) == FL_ARITH;
}

/* --------------------------------------------------------------------- what may differ a little */

/* The x87's transcendental functions: one unit in the last place, and C1, which tells how the last
 * place was rounded. */
static bool is_transcendental(unsigned op)
{
    switch (op) {
    case X86_OP_f2xm1: case X86_OP_fyl2x: case X86_OP_fyl2xp1: case X86_OP_fptan: case X86_OP_fpatan:
    case X86_OP_fsin: case X86_OP_fcos: case X86_OP_fsincos: return true;
    }
    return false;
}

/* Order of exponent and mantissa as one number; a unit is one place, over all binades. */
static bool is_one_ulp(const struct f80 *a, const struct f80 *b)
{
    unsigned __int128 x = (unsigned __int128)(a->se & 0x7fff) << 63 | (a->mant & INT64_MAX);
    unsigned __int128 y = (unsigned __int128)(b->se & 0x7fff) << 63 | (b->mant & INT64_MAX);
    unsigned __int128 d = x > y ? x - y : y - x;

    if ((a->se ^ b->se) & 0x8000)
        return false;
    return d <= 1 || (!(a->se & 0x7fff) && !(b->se & 0x7fff) && d <= 1);
}

/* RCP, RSQRT: relative error of each at most 1.5 * 2^-12 [SDM2], so of both together twice that.
 * a, b: two approximations of one value. */
static bool is_approximation(uint32_t a, uint32_t b)
{
    double x, y;
    float fa, fb;

    memcpy(&fa, &a, 4);
    memcpy(&fb, &b, 4);
    x = (double)fa;
    y = (double)fb;
    if (a == b)
        return true;
    if ((a ^ b) >> 31 || x != x || y != y)
        return false;
    if ((a & INT32_MAX) < 0x801000 && (b & INT32_MAX) < 0x801000)
        return true; /* about the smallest number: one of them was flushed to zero */
    x = x > y ? (x - y) / y : (y - x) / y;
    return (x < 0 ? -x : x) <= 3.0 / 4096;
}

static bool is_rcp(unsigned op)
{
    return op == X86_OP_rcpps || op == X86_OP_rcpss || op == X86_OP_rsqrtps || op == X86_OP_rsqrtss;
}

/* Instructions of many accesses: which of them faults first is the processor's own affair, so that
 * CR2 may be anywhere in the operand, one fault may come before another or after it, and registers
 * may be half done. */
static bool is_many_accesses(const struct test_case *t)
{
    unsigned op = t->in.op;

    return (op >= X86_OP_fxsave && op <= X86_OP_xrstors) || op == X86_OP_frstor ||
           op == X86_OP_fnsave || op == X86_OP_fldenv || op == X86_OP_fnstenv ||
           op == X86_OP_ret_far || op == X86_OP_iret || op == X86_OP_popa;
}

static bool is_access_fault(int v) { return v == EXC_SS || v == EXC_GP || v == EXC_PF; }

/* Addresses where the host may have pages of its own: whether they are present is its affair. */
static bool is_foreign(uint64_t lin) { return lin < CODE - (1 << 20) || lin >= DATA + (1 << 16); }

/* --------------------------------------------------------------------------------- compare */

static char text[256];
const char *sides[2] = {"host", "ours"};

static const char *hex2(const char *what, uint64_t h, uint64_t o)
{
    snprintf(text, sizeof text, "%s: %s %#" PRIx64 ", %s %#" PRIx64, what, sides[0], h, sides[1], o);
    return text;
}

/* MXCSR_MASK of an FXSAVE image is the processor's own. */
static void excuse_memory(const struct test_case *t)
{
    uint8_t *h = first_page(t->target + 28), *o = second_page(t->target + 28);

    if (t->in.op >= X86_OP_fxsave && t->in.op <= X86_OP_xsavec && h && o &&
        ld_le32(o) == 0xffff && (ld_le32(h) & 0xffff) == 0xffff)
        memcpy(o, h, 4);
}

static const char *cmp_memory(void)
{
    static const uint64_t pages[] = {DATA, DATA + 4096, DATA_RO};
    const char *what = NULL;

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        uint8_t *h = first_page(pages[i]), *o = second_page(pages[i]);

        if (!memcmp(h, o, 4096))
            continue;
        for (unsigned k = 0; k < 4096 && !what; k++)
            if (h[k] != o[k]) {
                snprintf(text, sizeof text, "memory at %#" PRIx64 ": host %02x, ours %02x",
                         pages[i] + k, h[k], o[k]);
                what = text;
            }
        memcpy(o, h, 4096);
    }
    return what;
}

static const char *cmp_general(const struct test_case *t, const struct regs *h, const struct regs *o)
{
    static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    bool code64 = t->regs.sel[SEG_CS] == 0x33;
    uint64_t mask = code64 ? UINT64_MAX : UINT32_MAX;

    for (unsigned i = 0; i < (code64 ? 16u : 8u); i++)
        if ((h->r[i] ^ o->r[i]) & mask)
            return hex2(names[i], h->r[i], o->r[i]);
    for (unsigned i = 0; i < 6; i++) /* null selectors: the kernel's IRET clears their RPL */
        if (h->sel[i] != o->sel[i] && (h->sel[i] | o->sel[i]) > 3)
            return hex2("selector", h->sel[i], o->sel[i]);
    if (h->fs_base != o->fs_base || h->gs_base != o->gs_base)
        return hex2("fs or gs base", h->fs_base + h->gs_base, o->fs_base + o->gs_base);
    return NULL;
}

static const char *cmp_flags(const struct test_case *t, const struct regs *h, const struct regs *o)
{
    uint64_t diff = (h->rflags ^ o->rflags) & ~(uint64_t)FL_RF;

    if (h->vector == NO_FAULT)
        diff &= ~(uint64_t)undefined_flags(t);
    return diff ? hex2("rflags", h->rflags, o->rflags) : NULL;
}

static const char *cmp_x87(const struct test_case *t, const struct regs *h, const struct regs *o)
{
    bool trans = is_transcendental(t->in.op);

    if (h->fcw != o->fcw)
        return hex2("fcw", h->fcw, o->fcw);
    if ((h->fsw ^ o->fsw) & (trans ? ~0x200 : ~0))
        return hex2("fsw", h->fsw, o->fsw);
    if (h->ftw != o->ftw)
        return hex2("ftw", h->ftw, o->ftw);
    for (unsigned i = 0; i < 8; i++) {
        if (trans && is_one_ulp(&h->fpr[i], &o->fpr[i]))
            continue;
        if (h->fpr[i].mant != o->fpr[i].mant)
            return hex2("x87 mantissa", h->fpr[i].mant, o->fpr[i].mant);
        if (h->fpr[i].se != o->fpr[i].se)
            return hex2("x87 exponent", h->fpr[i].se, o->fpr[i].se);
    }
    return NULL;
}

static const char *cmp_vector(const struct test_case *t, const struct regs *h, const struct regs *o)
{
    unsigned n = t->regs.sel[SEG_CS] == 0x33 ? 16 : 8;

    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < 4; k++)
            if (h->ymm[i].q[k] != o->ymm[i].q[k]) {
                char what[16];

                if (is_rcp(t->in.op) && i == t->in.dst &&
                    is_approximation((uint32_t)h->ymm[i].q[k], (uint32_t)o->ymm[i].q[k]) &&
                    is_approximation((uint32_t)(h->ymm[i].q[k] >> 32),
                                     (uint32_t)(o->ymm[i].q[k] >> 32)))
                    continue;

                snprintf(what, sizeof what, "ymm%u.q[%u]", i, k);
                return hex2(what, h->ymm[i].q[k], o->ymm[i].q[k]);
            }
    return h->mxcsr != o->mxcsr ? hex2("mxcsr", h->mxcsr, o->mxcsr) : NULL;
}

const char *compare_all(const struct regs *a, const struct regs *b, uint64_t flags)
{
    static const struct test_case any = {.regs.sel = {[SEG_CS] = 0x33}};
    const char *mem = cmp_memory(), *what;

    if (a->vector != b->vector)
        return hex2("exception", (uint64_t)a->vector, (uint64_t)b->vector);
    if (a->error != b->error)
        return hex2("error code", a->error, b->error);
    if (a->cr2 != b->cr2)
        return hex2("cr2", a->cr2, b->cr2);
    if (a->rip != b->rip)
        return hex2("rip", a->rip, b->rip);
    if ((what = cmp_general(&any, a, b)))
        return what;
    if (mem)
        return mem;
    if ((a->rflags ^ b->rflags) & ~flags)
        return hex2("rflags", a->rflags, b->rflags);
    if ((what = cmp_x87(&any, a, b)))
        return what;
    if (a->fip != b->fip)
        return hex2("fip", a->fip, b->fip);
    if (a->fdp != b->fdp)
        return hex2("fdp", a->fdp, b->fdp);
    if (a->fop != b->fop || a->fcs != b->fcs || a->fds != b->fds)
        return hex2("fop, fcs or fds", a->fop, b->fop);
    return cmp_vector(&any, a, b);
}

const char *compare(const struct form *f, const struct test_case *t, const struct regs *h,
                    const struct regs *o)
{
    const char *mem, *what;

    (void)f;
    excuse_memory(t);
    mem = cmp_memory();
    if (is_all_undefined(t) && h->vector == o->vector)
        return NULL;
    if (is_many_accesses(t) && is_access_fault(h->vector) && is_access_fault(o->vector) &&
        (h->vector != o->vector || h->error != o->error))
        return NULL;
    if (h->vector != o->vector)
        return hex2("exception", (uint64_t)h->vector, (uint64_t)o->vector);
    if (h->vector >= 8 && h->vector != EXC_MF && h->vector != EXC_XM &&
        (h->error ^ o->error) & (h->vector == EXC_PF && is_foreign(h->cr2) ? ~1u : ~0u))
        return hex2("error code", h->error, o->error);
    if (h->cr2 != o->cr2 && !(is_many_accesses(t) && h->cr2 - o->cr2 + 1024 < 2048))
        return hex2("cr2", h->cr2, o->cr2);
    if (h->rip != o->rip)
        return hex2("rip", h->rip, o->rip);
    if (h->vector == NO_FAULT || !is_many_accesses(t))
        if ((what = cmp_general(t, h, o)))
            return what;
    if (mem)
        return mem;
    if ((what = cmp_flags(t, h, o)))
        return what;
    if ((what = cmp_x87(t, h, o)))
        return what;
    return cmp_vector(t, h, o);
}
