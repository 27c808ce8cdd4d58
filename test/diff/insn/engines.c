/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Interpreter against translator: sequences of random instructions, run as user code by both
 * engines up to an exception or the INT3 behind them. All state is compared. The translator is made
 * to translate at once. Short sequences have one instruction of the form asked for; long ones are
 * many blocks, run twice by the translator, so that the second run goes from block to block without
 * leaving native code. They lie across a page end.
 */
#include <stdio.h>

#include "arch/x86/disasm.h"
#include "diff.h"
#include "full/interp/interp.h"
#include "full/jit.h"
#include "full/jit/backend.h"

enum { SEQ_MAX = 6, LONG_MAX = 120, BYTES_MAX = 3600 };

static struct side *interp, *jit;

static uint8_t *interp_page(uint64_t lin) { return lin < DATA ? NULL : side_page(interp, lin); }
static uint8_t *jit_page(uint64_t lin) { return lin < DATA ? NULL : side_page(jit, lin); }

void engines_init(void)
{
    interp = side_create(&interp_engine);
    jit = side_create(&jit_engine);
    first_page = interp_page;
    second_page = jit_page;
    sides[0] = "interp";
    sides[1] = "jit";
}

/* The instructions of a sequence, and its bytes. */
struct sequence {
    struct test_case t[LONG_MAX];
    unsigned n, len, at;
    uint8_t bytes[BYTES_MAX + 64];
    struct regs regs;
};

static bool ends(const struct test_case *t)
{
    return t->in.flags & (IN_BRANCH | IN_ENDBLOCK);
}

static bool is_fit(const struct form *f)
{
    return f->code64 && !exempt(f);
}

/* Random forms around the one asked for; whatever ends a block comes last. */
static bool choose(struct sequence *s, const struct forms *fs, const struct form *f, struct rng *g)
{
    unsigned n = below(g, SEQ_MAX), mine = below(g, n + 1);

    s->n = 0;
    for (unsigned i = 0; i <= n; i++) {
        const struct form *k = f;

        while (i != mine && (k == f || !is_fit(k)))
            k = &fs->f[below(g, (uint32_t)fs->n)];
        struct test_case *t = &s->t[s->n];
        memset(t, 0, sizeof *t);
        if (!gen_case(t, k, g))
            return false;
        if (ends(t) || is_all_undefined(t)) {
            if (i != mine)
                continue;
            s->t[0] = s->n ? *t : s->t[0];
            s->n = 1;
            return !is_all_undefined(t);
        }
        s->n++;
    }
    return true;
}

/* One set of registers: the first instruction's, with the addresses of the others where they do
 * not take a register that has a part already. */
static void join_registers(struct sequence *s, struct rng *g)
{
    uint32_t taken = 1u << RSP;

    s->regs = s->t[0].regs;
    for (unsigned i = 0; i < s->n; i++) {
        const uint8_t r[2] = {s->t[i].in.base, s->t[i].in.index};

        for (unsigned k = 0; k < 2; k++) {
            if (r[k] >= 16 || taken >> r[k] & 1)
                continue;
            s->regs.r[r[k]] = s->t[i].regs.r[r[k]];
            taken |= 1u << r[k];
        }
    }
    s->regs.rflags &= ~(uint64_t)(FL_TF | FL_RF);
    if (!one_in(g, 4))
        s->regs.mxcsr |= 0x1f80;
    s->at = below(g, CODE_SIZE - SEQ_MAX * 18 - 1);
    s->regs.rip = CODE + s->at;
}

/* What leaves flags undefined is followed by a CMP, which defines them all. */
static void join_bytes(struct sequence *s, struct rng *g)
{
    s->len = 0;
    for (unsigned i = 0; i < s->n; i++) {
        memcpy(s->bytes + s->len, s->t[i].bytes, s->t[i].len);
        s->len += s->t[i].len;
        if (i + 1 < s->n && undefined_flags(&s->t[i])) {
            s->bytes[s->len++] = 0x3c;
            s->bytes[s->len++] = (uint8_t)rnd(g);
        }
    }
    s->bytes[s->len] = 0xcc;
}

/* All blocks of the sequence will be translated when they are met. */
static void make_hot(struct side *s, const struct sequence *q)
{
    struct jit_vcpu *jv = side_cpu(s)->engine;
    uint64_t at = q->regs.rip;

    while (at < q->regs.rip + q->len && !setjmp(side_cpu(s)->unwind)) {
        struct block *b = block_find(&jv->blocks, side_cpu(s), at);

        b->heat = UINT16_MAX;
        at += b->bytes;
    }
}

static bool run_side(struct side *s, const struct sequence *q, struct regs *out, bool hot)
{
    bool ok;

    side_load(s, &q->regs);
    if (hot)
        make_hot(s, q);
    ok = side_run(s, out, hot ? UINT64_MAX : 10000);
    return ok;
}

static void put_code(struct side *s, const struct sequence *q)
{
    side_code(s, q->at, q->bytes, q->len + 1);
}

static void take_code(struct side *s, const struct sequence *q)
{
    static const uint8_t int3[BYTES_MAX + 64] = {[0 ... BYTES_MAX + 63] = 0xcc};

    side_code(s, q->at, int3, q->len + 1);
}

static void show_sequence(const struct sequence *q, const struct form *f, const char *what)
{
    char text[128];

    printf("%s: %s\n", f->name, what);
    for (unsigned i = 0; i < q->n; i++) {
        x86_disasm(text, sizeof text, &q->t[i].in, q->t[i].e, MODE_CODE64, 0);
        printf("  ");
        for (unsigned k = 0; k < q->t[i].len; k++)
            printf("%02x", q->t[i].bytes[k]);
        printf("  %s\n", text);
    }
    printf("  rip %#" PRIx64 " rflags %#" PRIx64 " mxcsr %#x fcw %#x fsw %#x\n  ", q->regs.rip,
           q->regs.rflags, q->regs.mxcsr, q->regs.fcw, q->regs.fsw);
    for (unsigned i = 0; i < 16; i++)
        printf(" %" PRIx64, q->regs.r[i]);
    printf("\n");
}

void engines_show_counters(void) { side_dump(jit); }

unsigned long engines_run_form(const struct forms *fs, const struct form *f, struct rng *g,
                               unsigned long cases, unsigned show)
{
    unsigned long bad = 0;
    static struct sequence q;

    if (!is_fit(f))
        return 0;
    for (unsigned long k = 0; k < cases; k++) {
        struct regs a = {0}, b = {0};
        const char *what;

        if (!choose(&q, fs, f, g))
            continue;
        join_registers(&q, g);
        join_bytes(&q, g);
        put_code(interp, &q);
        put_code(jit, &q);
        bool ends = run_side(interp, &q, &a, false);
        bool ok = ends && run_side(jit, &q, &b, true);
        take_code(interp, &q);
        take_code(jit, &q);
        if (!ends) { /* a loop without an end */
            compare_all(&a, &a, 0);
            continue;
        }
        what = compare_all(&a, &b, undefined_flags(&q.t[q.n - 1]));
        if (ok && !what)
            continue;
        if (bad++ < show)
            show_sequence(&q, f, what ? what : "jit did not end");
    }
    return bad;
}

/* --------------------------------------------------------------------------- long sequences */

static bool is_calm(const struct test_case *t, struct rng *g)
{
    if (ends(t) || is_all_undefined(t) || undefined_flags(t) == FL_ARITH)
        return false;
    if (one_in(g, 60))
        return true; /* it may fault */
    switch (t->in.op) {
    case X86_OP_div: case X86_OP_idiv: case X86_OP_ldmxcsr: case X86_OP_fldcw: case X86_OP_fldenv:
    case X86_OP_frstor: case X86_OP_fxrstor: case X86_OP_xrstor: case X86_OP_in: case X86_OP_out:
    case X86_OP_enter: case X86_OP_hlt: case X86_OP_ud0: case X86_OP_ud1: case X86_OP_ud2:
    case X86_OP_mov_to_seg: case X86_OP_lss: case X86_OP_lfs: case X86_OP_lgs: case X86_OP_pop_seg:
    case X86_OP_popf: case X86_OP_wrfsbase: case X86_OP_wrgsbase: case X86_OP_std:
    case X86_OP_mov_cr_st: case X86_OP_mov_dr_st: case X86_OP_swapgs: case X86_OP_rdpmc:
    case X86_OP_wbinvd: case X86_OP_invd: case X86_OP_rdmsr: case X86_OP_stac: case X86_OP_clac:
    case X86_OP_monitor: case X86_OP_xsaves: case X86_OP_xrstors: case X86_OP_ltr: case X86_OP_lldt:
        return false;
    }
    return t->in.form == FORM_RR ||
           (t->target >= DATA + 64 && t->target < DATA + DATA_RW - 1024 && !(t->target & 63));
}

/* MOV r, imm64 */
static void put_mov(struct sequence *s, unsigned r, uint64_t v)
{
    s->bytes[s->len++] = r & 8 ? 0x49 : 0x48;
    s->bytes[s->len++] = (uint8_t)(0xb8 | (r & 7));
    memcpy(s->bytes + s->len, &v, 8);
    s->len += 8;
}

/* The registers that an instruction finds its memory by. */
static void put_address(struct sequence *s, const struct test_case *t)
{
    if (t->e->attr & A_STRING) {
        put_mov(s, RSI, t->regs.r[RSI]);
        put_mov(s, RDI, t->regs.r[RDI]);
        if (t->in.flags & (IN_REP | IN_REPNE))
            put_mov(s, RCX, t->regs.r[RCX]);
        return;
    }
    switch (t->in.op) {
    case X86_OP_push: case X86_OP_pop: case X86_OP_push_seg: case X86_OP_pushf:
        put_mov(s, RSP, DATA + 1024);
        break;
    case X86_OP_leave:
        put_mov(s, RBP, t->regs.r[RBP]);
        return;
    case X86_OP_xlat:
        put_mov(s, RAX, t->regs.r[RAX]);
        put_mov(s, RBX, t->regs.r[RBX]);
        return;
    case X86_OP_maskmovq: case X86_OP_maskmovdqu:
        put_mov(s, RDI, t->regs.r[RDI]);
        return;
    }
    if (t->in.form != FORM_RR) {
        if (t->in.base < 16)
            put_mov(s, t->in.base, t->regs.r[t->in.base]);
        if (t->in.index < 16 && t->in.index != t->in.base)
            put_mov(s, t->in.index, t->regs.r[t->in.index]);
    }
}

static bool choose_long(struct sequence *s, const struct forms *fs, struct rng *g)
{
    unsigned n = 20 + below(g, LONG_MAX - 20), tries = 0;

    s->n = s->len = 0;
    s->at = below(g, CODE_SIZE);
    while (s->n < n && s->len < BYTES_MAX - 64 && tries++ < 4000) {
        struct test_case *t = &s->t[s->n];
        const struct form *k = &fs->f[below(g, (uint32_t)fs->n)];

        if (!is_fit(k))
            continue;
        memset(t, 0, sizeof *t);
        if (!gen_case(t, k, g) || t->in.base == X86_RIP || !is_calm(t, g))
            continue;
        put_address(s, t);
        memcpy(s->bytes + s->len, t->bytes, t->len);
        s->len += t->len;
        if (undefined_flags(t)) {
            s->bytes[s->len++] = 0x3c;
            s->bytes[s->len++] = (uint8_t)rnd(g);
        }
        s->n++;
    }
    s->bytes[s->len] = 0xcc;
    s->regs = s->t[0].regs;
    s->regs.rflags &= ~(uint64_t)(FL_TF | FL_RF | FL_DF);
    s->regs.rip = CODE + s->at;
    if (!one_in(g, 8)) {
        s->regs.mxcsr |= 0x1f80;
        s->regs.fcw |= 0x3f;
        s->regs.fsw &= 0x7f7f;
    }
    return s->n > 1;
}

static void memory_copy(struct side *s, uint8_t *save, bool back)
{
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *p = side_page(s, i < 2 ? DATA + i * 4096 : DATA_RO);

        memcpy(back ? p : save + i * 4096, back ? save + i * 4096 : p, 4096);
    }
}

unsigned long engines_run_long(const struct forms *fs, struct rng *g, unsigned long cases,
                               unsigned long *insns)
{
    static uint8_t save[3 * 4096];
    static struct sequence q;
    unsigned long bad = 0;

    for (unsigned long k = 0; k < cases; k++) {
        struct regs a = {0}, b = {0};
        const char *what = NULL;

        if (!choose_long(&q, fs, g))
            continue;
        memory_copy(jit, save, false);
        put_code(interp, &q);
        put_code(jit, &q);
        uint64_t before = side_cpu(interp)->icount;
        bool ok = run_side(interp, &q, &a, false);
        *insns += side_cpu(interp)->icount - before;
        for (unsigned run = 0; run < 2 && ok && !what; run++) {
            if (run) {
                memory_copy(jit, save, true);
                b = (struct regs){0};
            }
            ok = run_side(jit, &q, &b, true);
            what = compare_all(&a, &b, 0);
            if (run == 0 && !what && !ok)
                what = "jit did not end";
        }
        take_code(interp, &q);
        take_code(jit, &q);
        if (what && bad++ < 3)
            show_sequence(&q, fs->f, what);
    }
    return bad;
}
