/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Interpreter against translator: short sequences of random instructions, one of the form asked
 * for, run as user code by both engines up to an exception or the INT3 behind them. All state is
 * compared. The translator is made to translate at once.
 */
#include <stdio.h>

#include "arch/x86/disasm.h"
#include "diff.h"
#include "full/interp/interp.h"
#include "full/jit.h"
#include "full/jit/backend.h"

enum { SEQ_MAX = 6 };

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
    struct test_case t[SEQ_MAX];
    unsigned n, len, at;
    uint8_t bytes[SEQ_MAX * 18 + 1];
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
    s->at = below(g, CODE_SIZE - sizeof s->bytes);
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

static bool run_side(struct side *s, const struct sequence *q, struct regs *out, bool hot)
{
    bool ok;

    side_code(s, q->at, q->bytes, q->len + 1);
    side_load(s, &q->regs);
    if (hot) {
        struct jit_vcpu *jv = side_cpu(s)->engine;

        if (!setjmp(side_cpu(s)->unwind))
            block_find(&jv->blocks, side_cpu(s), q->regs.rip)->heat = UINT16_MAX;
    }
    ok = side_run(s, out, hot ? UINT64_MAX : 10000);
    static const uint8_t int3[SEQ_MAX * 18 + 1] = {[0 ... SEQ_MAX * 18] = 0xcc};
    side_code(s, q->at, int3, q->len + 1);
    return ok;
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
        if (!run_side(interp, &q, &a, false)) { /* a loop without an end */
            compare_all(&a, &a, 0);
            continue;
        }
        bool ok = run_side(jit, &q, &b, true);
        what = compare_all(&a, &b, undefined_flags(&q.t[q.n - 1]));
        if (ok && !what)
            continue;
        if (bad++ < show)
            show_sequence(&q, f, what ? what : "jit did not end");
    }
    return bad;
}
