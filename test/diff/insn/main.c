/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The differential tester: host CPU against our operations, form by form.
 *
 *   insn [--host | --engines] [--cases N] [--forms PATTERN] [--seed S] [--log FILE] [--list]
 *        [--show N] [-v]
 *
 * PATTERN is a shell pattern for the form's name (64:0f58:addps:Vx,Hx,Wx:rr:128) or a part of it.
 * --host compares with the host only, --engines the interpreter with the translator only.
 * A mismatch prints the case and the command that repeats it. Without options: the quick run of
 * ./check.
 *
 * test-timeout: 300
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>

#include "arch/x86/disasm.h"
#include "diff.h"
#include "lib/test.h"

static struct {
    unsigned long cases;
    const char *pattern, *log;
    uint64_t seed;
    unsigned show; /* mismatches shown per form */
    bool list, verbose, engines, no_engines;
} opt = {.cases = 60, .show = 1};

static struct {
    unsigned long forms, cases, bad_forms, bad_cases, no_case, exempt, no_feature, notyet;
} total;

static bool selected(const struct form *f)
{
    return !opt.pattern || !fnmatch(opt.pattern, f->name, 0) || strstr(f->name, opt.pattern);
}

/* Each form's stream of cases depends on seed and name only, so that one form can be repeated. */
static uint64_t form_seed(const struct form *f)
{
    uint64_t h = UINT64_C(1469598103934665603) ^ opt.seed;

    for (const char *p = f->name; *p; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
    return h | 1;
}

static void run_engines(const struct forms *fs)
{
    unsigned long forms = 0, bad_forms = 0, bad_cases = 0;

    engines_init();
    for (size_t i = 0; i < fs->n; i++) {
        const struct form *f = &fs->f[i];
        struct rng g = {.s = form_seed(f)};

        if (!selected(f) || !f->code64)
            continue;
        unsigned long bad = engines_run_form(fs, f, &g, opt.cases, opt.show);
        forms++;
        bad_cases += bad;
        bad_forms += bad != 0;
    }
    printf("seed %" PRIu64 ": interpreter against translator: %lu forms, %lu cases each; "
           "mismatches: %lu forms, %lu cases\n", opt.seed, forms, opt.cases, bad_forms, bad_cases);
    total.bad_forms += bad_forms;
    if (!opt.pattern) {
        struct rng g = {.s = (opt.seed << 1) | 1};
        unsigned long insns = 0, n = opt.cases * 5;
        unsigned long bad = engines_run_long(fs, &g, n, &insns);
        printf("seed %" PRIu64 ": %lu long sequences, %lu instructions; mismatches: %lu\n", opt.seed,
               n, insns, bad);
        total.bad_forms += bad;
    }
    if (opt.verbose)
        engines_show_counters();
}

static void show_regs(const char *who, const struct regs *r)
{
    printf("  %s vector=%d error=%#x cr2=%#" PRIx64 " rip=%#" PRIx64 " rflags=%#" PRIx64 "\n   ", who,
           r->vector, r->error, r->cr2, r->rip, r->rflags);
    for (unsigned i = 0; i < 16; i++)
        printf(" %" PRIx64, r->r[i]);
    printf("\n    fcw=%04x fsw=%04x ftw=%02x mxcsr=%08x", r->fcw, r->fsw, r->ftw, r->mxcsr);
    for (unsigned i = 0; i < 8; i++)
        printf(" %04x.%016" PRIx64, r->fpr[i].se, r->fpr[i].mant);
    printf("\n");
}

static void show_ymm(const struct test_case *t, const struct regs *in, const struct regs *h,
                     const struct regs *o)
{
    const unsigned which[] = {t->in.dst & 15, t->in.src & 15, t->in.src2 & 15};

    for (unsigned k = 0; k < 3; k++) {
        const struct regs *rs[] = {in, h, o};
        unsigned i = which[k];

        if (k && (i == which[0] || (k == 2 && i == which[1])))
            continue;
        for (unsigned j = 0; j < 3; j++)
            printf("    ymm%-2u %s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", i,
                   j == 0 ? "in  " : j == 1 ? "host" : "ours", rs[j]->ymm[i].q[3],
                   rs[j]->ymm[i].q[2], rs[j]->ymm[i].q[1], rs[j]->ymm[i].q[0]);
    }
}

static void show(const struct form *f, const struct test_case *t, const struct regs *h,
                 const struct regs *o, const char *what, unsigned long k)
{
    char text[128];

    x86_disasm(text, sizeof text, &t->in, t->e,
               f->code64 ? MODE_CODE64 : MODE_CODE32, t->regs.rip);
    printf("%s: case %lu: %s\n  ", f->name, k, what);
    for (unsigned i = 0; i < t->len; i++)
        printf("%02x", t->bytes[i]);
    printf("  %s  target %#" PRIx64 "\n", text, t->target);
    if (opt.verbose) {
        show_regs("before", &t->regs);
        show_regs("host  ", h);
        show_regs("ours  ", o);
        show_ymm(t, &t->regs, h, o);
    }
}

static void run_form(const struct form *f, FILE *log)
{
    struct rng g = {.s = form_seed(f)};
    const char *why = exempt(f), *first = NULL;
    unsigned long bad = 0, k;
    static char first_text[256];

    if (why) {
        total.exempt++;
        if (log)
            fprintf(log, "%-56s exempt: %s\n", f->name, why);
        return;
    }
    if (x86_ops[f->e->op].fn[0][0] == sem_notyet) {
        total.notyet++;
        if (log)
            fprintf(log, "%-56s not yet\n", f->name);
        return;
    }
    struct x86_insn as = {.flags = f->flags};
    if (!host_has(x86_insn_feature(&as, f->e))) {
        total.no_feature++;
        if (log)
            fprintf(log, "%-56s the host lacks it\n", f->name);
        return;
    }
    total.forms++;
    if (opt.verbose) {
        printf("%s\n", f->name);
        fflush(stdout);
    }
    for (k = 0; k < opt.cases; k++) {
        struct test_case t;
        struct regs h = {.vector = NO_FAULT}, o;
        const char *what;

        memset(&t, 0, sizeof t);
        if (!gen_case(&t, f, &g)) {
            printf("%s: no case can be made\n", f->name);
            total.no_case++;
            return;
        }
        memcpy(o.r, t.regs.r, sizeof o.r);
        host_run(&t, &h);
        ours_run(&t, &o);
        what = compare(f, &t, &h, &o);
        if (!what)
            continue;
        if (!bad++) {
            snprintf(first_text, sizeof first_text, "%s", what);
            first = first_text;
        }
        if (bad <= opt.show)
            show(f, &t, &h, &o, what, k);
    }
    total.cases += k;
    total.bad_cases += bad;
    total.bad_forms += bad != 0;
    if (log)
        fprintf(log, "%-56s %lu cases, %lu mismatches%s%s\n", f->name, k, bad, first ? ", first: " : "",
                first ? first : "");
}

static void options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"cases", required_argument, NULL, 'c'}, {"forms", required_argument, NULL, 'f'},
        {"engines", no_argument, NULL, 'e'},     {"host", no_argument, NULL, 'h'},
        {"seed", required_argument, NULL, 's'},  {"log", required_argument, NULL, 'l'},
        {"list", no_argument, NULL, 'L'},        {"show", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int c;

    if (test_long())
        opt.cases = 10000;
    while ((c = getopt_long(argc, argv, "v", longs, NULL)) != -1) {
        switch (c) {
        case 'c': opt.cases = strtoul(optarg, NULL, 0); break;
        case 'f': opt.pattern = optarg; break;
        case 's': opt.seed = strtoull(optarg, NULL, 0); break;
        case 'l': opt.log = optarg; break;
        case 'L': opt.list = true; break;
        case 'e': opt.engines = true; break;
        case 'h': opt.no_engines = true; break;
        case 'n': opt.show = (unsigned)strtoul(optarg, NULL, 0); break;
        case 'v': opt.verbose = true; break;
        default: exit(2);
        }
    }
    if (!opt.seed)
        opt.seed = test_seed();
}

int main(int argc, char **argv)
{
    struct forms fs = {0};
    FILE *log = NULL;

    options(argc, argv);
    forms_find(&fs);
    if (opt.list) {
        for (size_t i = 0; i < fs.n; i++)
            puts(fs.f[i].name);
        return 0;
    }
    if (opt.engines) {
        run_engines(&fs);
        return total.bad_forms != 0;
    }
    host_init();
    ours_init();
    if (opt.log && !(log = fopen(opt.log, "w"))) {
        perror(opt.log);
        return 1;
    }
    if (log)
        setvbuf(log, NULL, _IOLBF, 0);
    for (size_t i = 0; i < fs.n; i++)
        if (selected(&fs.f[i]))
            run_form(&fs.f[i], log);
    printf("seed %" PRIu64 ": %lu forms, %lu cases; mismatches: %lu forms, %lu cases; "
           "no case: %lu; exempt: %lu; not on this host: %lu; not yet: %lu\n",
           opt.seed, total.forms, total.cases, total.bad_forms, total.bad_cases, total.no_case,
           total.exempt, total.no_feature, total.notyet);
    if (log) {
        fprintf(log, "total: seed %" PRIu64 ", %lu forms, %lu cases, %lu mismatches in %lu forms, "
                     "%lu without a case, %lu exempt, %lu not on this host, %lu not yet\n",
                opt.seed, total.forms, total.cases, total.bad_cases, total.bad_forms,
                total.no_case, total.exempt, total.no_feature, total.notyet);
        fclose(log);
    }
    if (!opt.no_engines) {
        opt.cases = opt.cases > 60 ? 60 : opt.cases;
        run_engines(&fs);
    }
    return total.bad_forms || total.no_case ? 1 : 0;
}
