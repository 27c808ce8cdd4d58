/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/jit.h"

#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/x86/arch.h"
#include "arch/x86/debug.h"
#include "arch/x86/decode.h"
#include "arch/x86/disasm.h"
#include "arch/x86/flags.h"
#include "arch/x86/mmu.h"
#include "arch/x86/msr.h"
#include "arch/x86/tlb.h"
#include "arch/x86/x87.h"
#include "core/machine.h"
#include "full/jit/backend.h"
#include "full/run.h"

/* Times that a block is run by its operations' functions before it is worth translating. */
#define HEAT 2
/* Blocks that are run so within one call from native code. */
#define COLD_RUN 8
#define CODE_SIZE ((size_t)64 << 20)
/* Far jumps that the jump cache serves before one is linked. */
#define RELINK 64

/* ------------------------------------------------------------------------- called by native code */

static void flags_in(struct x86_cpu *c)
{
    uint64_t w = c->scratch[JIT_FLAGS];

    fl_load(c, (w >> 8 & 0xd5) | (w & 1 ? FL_OF : 0));
}

static void flags_out(struct x86_cpu *c)
{
    uint64_t fl = fl_arith(c);

    c->scratch[JIT_FLAGS] = (fl & 0xff) << 8 | (fl & FL_OF ? 1 : 0);
}

/* JIT_SIMD while the vector and x87 registers are in the record. */
static uint64_t simd_word(const struct x86_cpu *c)
{
    bool sse = (c->s.cr4 & CR4_OSFXSR) && !(c->s.cr0 & (CR0_EM | CR0_TS));
    bool vex = (c->s.cr4 & CR4_OSXSAVE) && (c->s.xcr0 & 6) == 6 && !(c->s.cr0 & CR0_TS);

    bool x87 = !(c->s.cr0 & (CR0_EM | CR0_TS)) && !(c->s.fsw & FSW_ES) &&
               (c->s.fcw & FLOAT_ALL) == FLOAT_ALL;

    return (sse ? 0u : JIT_NO_SSE) | (vex ? 0u : JIT_NO_VEX) | (x87 ? 0u : JIT_NO_X87) |
           JIT_VEC_OUT | JIT_X87_OUT;
}

/* First thing in C code. */
static inline void x87_take_back(struct x86_cpu *c)
{
    if (unlikely(!(c->scratch[JIT_SIMD] & JIT_X87_OUT))) {
        jit_x87_save(c);
        c->scratch[JIT_SIMD] |= JIT_X87_OUT;
    }
}

/* Contexts that remembered targets depend on get numbers, so that native code compares one word. */
static uint32_t tag_of(struct jit_vcpu *jv, struct x86_cpu *c)
{
    uint64_t raw = run_jump_tag(c);

    if (likely(raw == jv->raw_tag))
        return (uint32_t)c->scratch[JIT_TAG];
    size_t i = (raw * UINT64_C(0x9e3779b97f4a7c15)) >> 52;
    if (jv->tags[i].raw != raw || !jv->tags[i].tag) {
        jv->tags[i].raw = raw;
        jv->tags[i].tag = ++jv->last_tag;
    }
    jv->raw_tag = raw;
    c->scratch[JIT_TAG] = jv->tags[i].tag;
    return jv->tags[i].tag;
}

static struct jump *jump_of(struct jump *jumps, uint64_t lin, uint32_t tag)
{
    return &jumps[(lin ^ lin >> JUMP_BITS ^ tag) & ((1u << JUMP_BITS) - 1)];
}

static bool is_jump(const struct jump *j, uint64_t lin, uint32_t tag)
{
    return j->lin == lin && j->tag == tag && block_is_fresh(j->block) && j->code == j->block->code;
}

/* One instruction by its function; RIP is then where it leads. */
static void one(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next)
{
    struct jit_vcpu *jv = c->engine;

    x87_take_back(c);
    jv->n_helper++;
    jv->n_helper_of[in->op]++;
    flags_in(c);
    c->cur = in;
    c->first = jv->single ? jv->running->insns : in;
    c->end = in + 1;
    c->s.r[X86_RIP] += off_next;
    in->fn(c, in);
    c->cur = NULL;
    flags_out(c);
    tag_of(jv, c);
    c->scratch[JIT_SIMD] = simd_word(c);
    if (jv->single)
        jv->done = (uint64_t)(in - jv->running->insns) + 1;
}

int jit_helper(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next)
{
    uint64_t base = c->s.r[X86_RIP];

    one(c, in, off_next);
    if (!c->end)
        return 1;
    ((struct jit_vcpu *)c->engine)->done = 0;
    c->s.r[X86_RIP] = base;
    return 0;
}

/* May native code go on after an operation of any effect? */
static bool may_go_on(const struct jit_vcpu *jv, const struct x86_cpu *c)
{
    return !jv->single && !c->intr_waiting && (c->mode & MODE_CODE64) && !c->stepping &&
           !c->nonflat_r && !c->nonflat_w && (c->s.mxcsr & 0x1f80) == 0x1f80 &&
           c->s.mp_state == MP_RUNNABLE && c->vcpu->budget == UINT64_MAX &&
           !c->vcpu->machine->n_breakpoints && jv->mem_generation == c->mem->generation &&
           !__atomic_load_n(&c->scratch[JIT_REQUEST], __ATOMIC_RELAXED);
}

/* Code that keeps changing has to run longer between two changes. */
static uint32_t heat_needed(const struct block *b)
{
    return HEAT << MIN(b->churn, 6);
}

/* Whether b ended in a branch that was taken: which way a unit goes on. */
static void note_branch(struct block *b, uint64_t from, uint64_t to)
{
    b->taken += to != from + b->bytes;
}

/* Run the block at RIP by its functions if it is not due for translation: a few of these between
 * native code are not worth leaving it. */
static bool run_cold(struct jit_vcpu *jv, struct x86_cpu *c, uint64_t lin, uint32_t tag)
{
    const struct jump *j = jump_of(jv->cold_jumps, lin, tag);

    if (c->s.intr_shadow || !is_jump(j, lin, tag))
        return false;
    struct block *b = j->block;
    if (b->poll || b->heat >= heat_needed(b))
        return false;
    b->heat++;
    jv->n_interp++;
    flags_in(c);
    run_block(c, b, UINT64_MAX);
    flags_out(c);
    note_branch(b, lin, c->s.r[X86_RIP]);
    tag_of(jv, c);
    c->scratch[JIT_SIMD] = simd_word(c);
    return true;
}

/* The code at RIP, or NULL. A shadow ends where it begins, unless it leaves before it has run. */
const void *jit_helper_last(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next)
{
    struct jit_vcpu *jv = c->engine;
    const struct jump *j;

    one(c, in, off_next);
    for (unsigned n = 0;; n++) {
        if (!may_go_on(jv, c))
            return NULL;
        uint64_t lin = c->s.r[X86_RIP];
        uint32_t tag = (uint32_t)c->scratch[JIT_TAG];
        j = jump_of(jv->jumps, lin, tag);
        if (is_jump(j, lin, tag))
            break;
        if (n == COLD_RUN || !run_cold(jv, c, lin, tag))
            return NULL;
    }
    c->s.r[X86_RIP] &= ~UINT64_C(0xfff);
    jv->shadow = c->s.intr_shadow;
    jv->shadow_at = c->scratch[JIT_NATIVE];
    c->s.intr_shadow = false;
    jv->n_go_on++;
    return j->code;
}

/* RDTSC, RDTSCP where they are allowed: less than a whole helper call. */
int jit_tsc(struct x86_cpu *c, const void *unused, uint64_t with_aux)
{
    uint64_t v;

    (void)unused;
    x87_take_back(c);
    v = x86_tsc(c);
    c->s.r[RAX] = (uint32_t)v;
    c->s.r[RDX] = v >> 32;
    if (with_aux)
        c->s.r[RCX] = (uint32_t)c->s.tsc_aux;
    return 0;
}

/* The running block is left behind the instruction that ends at off. */
static void note_done(struct jit_vcpu *jv, uint64_t off)
{
    uint64_t at = jv->running->gpa & 0xfff;

    for (jv->done = 0; at < off; jv->done++)
        at += jv->running->insns[jv->done].len;
}

/* Native code is left for page offset `off` of the page that runs. */
static void leave_to(struct x86_cpu *c, int64_t off)
{
    struct jit_vcpu *jv = c->engine;

    if (off == INT64_MIN) {
        c->s.r[X86_RIP] = c->scratch[JIT_TARGET];
        return;
    }
    c->s.r[X86_RIP] += (uint64_t)off;
    if (jv->single)
        note_done(jv, (uint64_t)off);
}

int jit_note(struct x86_cpu *c, const uint8_t *page_flags, int64_t off_next)
{
    uint8_t flags = *page_flags;
    size_t page;
    struct mem_slot *slot = mem_slot_of_flags(c->mem, page_flags, &page);

    x87_take_back(c);
    mem_page_written(c->mem, slot, page * PAGE_SIZE_4K);
    if (!(flags & PAGE_CODE))
        return 0;
    leave_to(c, off_next);
    return 1;
}

int jit_fill(struct x86_cpu *c, uint64_t write, uint64_t lin)
{
    x87_take_back(c);
    /* For reading in any case: the store may never come, and only a store marks a page dirty. */
    const struct x86_tlbe *e = x86_try(c, lin, ACC_READ);
    /* A page whose stores must be looked at one by one has no group. */
    c->scratch[JIT_FILLED] =
        e && !(write && (e->tag_w != x86_tag(c, lin, 1) || *e->flagp != PAGE_DIRTY));
    return 0;
}

/* The x87 may be used as it is; else out of the unit, in front of the instruction at off_next. */
int jit_x87_in(struct x86_cpu *c, const void *unused, int64_t off_next)
{
    (void)unused;
    if (c->scratch[JIT_SIMD] & JIT_NO_X87) {
        leave_to(c, off_next);
        return 1;
    }
    jit_x87_load(c);
    c->scratch[JIT_SIMD] &= ~(uint64_t)JIT_X87_OUT;
    return 0;
}

/* ---------------------------------------------------------------------------------------- cache */

static int cache_init(struct code_cache *cc, struct error *err)
{
    auto_close int fd = memfd_create("jit", MFD_CLOEXEC);

    cc->size = CODE_SIZE;
    if (fd < 0 || ftruncate(fd, (off_t)cc->size) < 0)
        return fail_errno(err, errno, "jit: cannot create the code cache");
    void *rw = mmap(NULL, cc->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *rx = mmap(NULL, cc->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    cc->rw = rw == MAP_FAILED ? NULL : rw;
    cc->rx = rx == MAP_FAILED ? NULL : rx;
    if (!cc->rw || !cc->rx)
        return fail_errno(err, errno, "jit: the host allows no executable mapping; try: --engine interp");
    cc->to_rx = cc->rx - cc->rw;
    return 0;
}

static void cache_fini(struct code_cache *cc)
{
    if (cc->rw)
        munmap(cc->rw, cc->size);
    if (cc->rx)
        munmap(cc->rx, cc->size);
}

/* Blocks and code go together: code holds addresses of blocks' instructions. */
static void drop_code(struct jit_vcpu *jv)
{
    block_cache_clear(&jv->blocks);
    /* What the tables of jumps remember has a tag that no context will have again. */
    memset(jv->tags, 0, sizeof(jv->tags));
    jv->raw_tag = UINT64_MAX;
    jv->code.used = jv->code.base_used;
    jv->code.cold_used = jv->code.cold_base;
    jv->cpu->scratch[JIT_LINK] = 0;
    jv->n_full = jv->blocks.n_full;
    jv->n_flush++;
}

static struct block *find(struct jit_vcpu *jv, struct x86_cpu *c, uint64_t lin)
{
    uint32_t tag = tag_of(jv, c);
    struct jump *j = jump_of(jv->jumps, lin, tag);

    if (likely(is_jump(j, lin, tag)))
        return j->block;
    j = jump_of(jv->cold_jumps, lin, tag);
    if (is_jump(j, lin, tag))
        return j->block;
    struct block *b = block_find(&jv->blocks, c, lin);
    if (jv->n_full != jv->blocks.n_full) { /* the arena began anew under all code */
        drop_code(jv);
        b = block_find(&jv->blocks, c, lin);
    }
    if (b->genp2 || !block_is_fresh(b))
        return b; /* not to be remembered */
    tag = tag_of(jv, c);
    *jump_of(b->code ? jv->jumps : jv->cold_jumps, lin, tag) = (struct jump){lin, tag, b, b->code};
    return b;
}

static void perf_line(const struct jit_vcpu *jv, const void *at, uint32_t bytes, uint64_t lin,
                      const char *what)
{
    fprintf(jv->perf_map, "%" PRIxPTR " %x guest_%" PRIx64 "%s\n", (uintptr_t)at, bytes, lin, what);
}

/* What crosses a page end into no memory is decoded anew each time. */
static bool is_kept(const struct block *b)
{
    return block_is_fresh(b) && (b->genp2 || (b->gpa & 0xfff) + b->bytes <= PAGE_SIZE_4K);
}

static void translate(struct jit_vcpu *jv, struct x86_cpu *c, struct block *b, uint64_t lin)
{
    if (!is_kept(b))
        return;
    if (!jit_translate(jv, b)) {
        drop_code(jv);
        return;
    }
    b->lin = lin;
    if (jv->perf_map) {
        perf_line(jv, b->code, b->code_bytes, lin, "");
        perf_line(jv, b->cold, b->cold_bytes, lin, "_cold");
    }
    /* Whether it is good is not seen by its first page alone: never remembered. */
    if (b->genp2 || b->is_twin)
        return;
    uint32_t tag = tag_of(jv, c);
    *jump_of(jv->jumps, lin, tag) = (struct jump){lin, tag, b, b->code};
}

/* ----------------------------------------------------------------------------------------- loop */

/* What native code cannot honour goes by functions: the ends of bounded runs, single steps,
 * breakpoints and alignment checks (nonflat), unmasked floating-point exceptions. */
static bool native_ok(const struct vcpu *v, const struct jit_vcpu *jv, const struct x86_cpu *c,
                      const struct block *b)
{
    if (jv->single ? v->budget < b->n : v->budget != UINT64_MAX)
        return false;
    /* What a shadow holds back is due right behind the first instruction. */
    if (c->s.intr_shadow && c->intr_waiting)
        return false;
    if (v->machine->n_breakpoints)
        return false;
    return (c->mode & MODE_CODE64) && !c->stepping && !c->nonflat_r && !c->nonflat_w &&
           (c->s.mxcsr & 0x1f80) == 0x1f80;
}

/* Blocks are counted whole when they begin: a fault leaves the rest of one counted too much. */
static void count_native(struct jit_vcpu *jv, struct x86_cpu *c)
{
    c->icount += c->scratch[JIT_NATIVE] - jv->before;
    jv->before = c->scratch[JIT_NATIVE];
}

/* Run native code from b on; comes back at a block boundary. */
static void run_native(struct vcpu *v, struct jit_vcpu *jv, struct x86_cpu *c, struct block *b)
{
    jv->n_enter++;
    jv->before = c->scratch[JIT_NATIVE];
    flags_out(c);
    c->scratch[JIT_LINK] = 0;
    c->s.r[X86_RIP] &= ~UINT64_C(0xfff);
    c->scratch[JIT_SIMD] = simd_word(c);
    jv->running = b;
    jv->done = 0;
    /* A shadow lasts for one instruction; requests are looked at before the first and then not
     * before the next block. */
    jv->shadow = c->s.intr_shadow;
    jv->shadow_at = jv->before;
    c->s.intr_shadow = false;
    jv->enter(b->code);
    x87_take_back(c);
    flags_in(c);
    if (jv->shadow && c->scratch[JIT_NATIVE] == jv->shadow_at)
        c->s.intr_shadow = true;
    if (!jv->single) {
        count_native(jv, c);
        return;
    }
    if (c->scratch[JIT_NATIVE] == jv->before)
        return; /* a request, or the code has changed: nothing ran */
    uint64_t n = jv->done ? jv->done : b->n;
    c->icount += n;
    if (v->budget != UINT64_MAX)
        run_spend(v, n);
}

/* The last native exit wants to be linked to the block at RIP. */
static void link_exit(struct jit_vcpu *jv, struct x86_cpu *c, const struct block *b)
{
    uint64_t link = c->scratch[JIT_LINK];

    /* Far links are many after each change of context, and writing code that runs is dear: the jump
     * cache serves most. */
    bool far = link & JIT_LINK_FAR;
    if (link && b->code && (!far || (int32_t)c->scratch[JIT_RELINK] < 0)) {
        if (far)
            c->scratch[JIT_RELINK] = RELINK;
        jit_link(jv, link, b);
        jv->n_links++;
    }
    c->scratch[JIT_LINK] = 0;
}

/* Requests from now on are seen by native code; false: there is one already. */
static bool requests_armed(struct vcpu *v, struct x86_cpu *c)
{
    if (!__atomic_load_n(&c->scratch[JIT_REQUEST], __ATOMIC_RELAXED))
        return true;
    __atomic_store_n(&c->scratch[JIT_REQUEST], UINT64_C(0), __ATOMIC_SEQ_CST);
    return !__atomic_load_n(&v->request, __ATOMIC_SEQ_CST);
}

/* For the link that native code was left by. */
static struct block *twin_of(struct jit_vcpu *jv, struct block *b)
{
    struct block *t = is_kept(b) ? block_twin(&jv->blocks, b) : NULL;

    jv->n_twin++;
    return t ? t : b;
}

static enum stop_reason jit_loop(struct vcpu *v, struct jit_vcpu *jv, struct x86_cpu *c)
{
    bool poll = true;

    for (;;) {
        if (unlikely(!v->budget))
            return STOP_BUDGET;
        if (unlikely(vcpu_requests(v) || poll || c->s.mp_state != MP_RUNNABLE)) {
            if (jv->mem_generation != c->mem->generation) {
                drop_code(jv);
                x86_tlb_flush_all(c);
                jv->mem_generation = c->mem->generation;
            }
            jv->n_polls++;
            uint64_t rip = c->s.r[X86_RIP], rsp = c->s.r[RSP];
            enum stop_reason why = run_boundary(v, c);
            /* A delivered event leads elsewhere; it always pushes something. An interrupt that is
             * only held back must not keep blocks from being linked. */
            if (c->s.r[X86_RIP] != rip || c->s.r[RSP] != rsp || why != RUN_ON)
                c->scratch[JIT_LINK] = 0;
            if (why != RUN_ON)
                return why;
            poll = false;
        }
        uint64_t lin = c->s.r[X86_RIP] + c->segbase[SEG_CS];
        bool step = c->stepping, trap = false;
        c->cur = NULL;
        if (unlikely(step))
            trap = x86_step_before(c);
        struct block *b = find(jv, c, lin);
        if (likely(native_ok(v, jv, c, b))) {
            if (unlikely(c->scratch[JIT_LINK] & JIT_LINK_TWIN))
                b = twin_of(jv, b);
            if (!b->code && (b->is_twin || b->heat++ >= heat_needed(b)))
                translate(jv, c, b, lin);
            link_exit(jv, c, b);
            if (b->code && block_is_fresh(b)) {
                if (unlikely(!requests_armed(v, c)))
                    continue;
                run_native(v, jv, c, b);
                poll = c->intr_waiting;
                continue;
            }
        }
        c->scratch[JIT_LINK] = 0;
        bool shadow = c->s.intr_shadow;
        uint64_t most = shadow || step ? 1 : v->budget;
        if (unlikely(v->machine->n_breakpoints)) {
            most = run_until_breakpoint(v, b, lin, most);
            if (!most)
                return STOP_DEBUG;
        }
        c->s.intr_shadow = false;
        jv->n_interp++;
        uint64_t done = run_block(c, b, most);
        note_branch(b, lin, c->s.r[X86_RIP]);
        if (unlikely(v->budget != UINT64_MAX))
            run_spend(v, done);
        if (unlikely(step))
            x86_step_after(c, trap);
        poll = (shadow || b->poll) && c->intr_waiting;
    }
}

static enum stop_reason jit_run(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct jit_vcpu *jv = c->engine;

    static __thread const struct x86_cpu *gs_base;

    if (gs_base != c) {
        /* This thread's GS base is the CPU record while it runs this vCPU; the C library has FS. */
        if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)(uintptr_t)c)) {
            fail_errno(&v->error, errno, "jit: arch_prctl");
            return STOP_FAIL;
        }
        gs_base = c;
    }
    if (jv->n_full != jv->blocks.n_full)
        drop_code(jv);
    if (setjmp(c->unwind)) {
        jv->n_faults++;
        if (!jv->single)
            count_native(jv, c);
        if (run_fault(v, c) != RUN_ON)
            return STOP_CRASH;
        c->cur = NULL;
        c->scratch[JIT_LINK] = 0;
    }
    return jit_loop(v, jv, c);
}

/* --------------------------------------------------------------------------------------- engine */

static int jit_probe(struct engine_caps *caps, struct error *err)
{
    (void)err;
    *caps = (struct engine_caps){.exact_budget = true, .deterministic = true, .max_vcpus = 64};
    strcpy(caps->reason, "x86-64 translator: an ordinary process, needs nothing");
    return 0;
}

static void jit_vcpu_close(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct jit_vcpu *jv = c->engine;

    if (!jv)
        return;
    block_cache_fini(&jv->blocks);
    cache_fini(&jv->code);
    free(jv->gen);
    free(jv);
    c->engine = NULL;
}

static int jit_vcpu_open(struct vcpu *v, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct jit_vcpu *jv = xcalloc(1, sizeof(*jv));

    jv->cpu = c;
    jv->single = v->machine->deterministic;
    c->engine = jv;
    block_cache_init(&jv->blocks);
    int rc = cache_init(&jv->code, err);
    if (!rc)
        rc = jit_backend_init(jv, err);
    if (rc)
        jit_vcpu_close(v);
    else
        drop_code(jv);
    return rc;
}

static void jit_kick(struct vcpu *v)
{
    __atomic_store_n(&x86_cpu_of(v)->scratch[JIT_REQUEST], UINT64_C(1), __ATOMIC_SEQ_CST);
}

static int jit_put(struct vcpu *v, unsigned groups, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(v);

    (void)groups;
    (void)err;
    run_put(v);
    drop_code(c->engine);
    x86_tlb_flush_all(c);
    return 0;
}

/* The operations that native code calls most, and what share of all instructions they are. */
static void dump_helpers(const struct jit_vcpu *jv, const struct x86_cpu *c, unsigned vcpu, FILE *out)
{
    const uint64_t *n = jv->n_helper_of;
    uint64_t native = c->scratch[JIT_NATIVE] - MIN(c->scratch[JIT_NATIVE], jv->n_helper);
    bool told[X86_OP_COUNT] = {0};

    fprintf(out, "vcpu%u.generated_percent: %.2f\n", vcpu,
            c->icount ? 100.0 * (double)native / (double)c->icount : 0.0);
    for (unsigned rank = 0; rank < 20; rank++) {
        unsigned best = 0;
        for (unsigned op = 0; op < X86_OP_COUNT; op++)
            if (!told[op] && (told[best] || n[op] > n[best]))
                best = op;
        if (told[best] || !n[best])
            break;
        told[best] = true;
        fprintf(out, "vcpu%u.helper.%s: %" PRIu64 "\n", vcpu, x86_ops[best].name, n[best]);
    }
}

static void dump_bytes(const uint8_t *p, uint32_t mode, uint64_t at, size_t len, FILE *out)
{
    for (size_t off = 0; off < len;) {
        const struct x86_entry *e;
        struct x86_insn in;
        char text[128] = "(bad)";
        size_t n = 1;
        if (x86_decode_entry(&in, p + off, MIN(len - off, (size_t)15), mode, &e) !=
                X86_DECODE_SHORT && e) {
            x86_disasm(text, sizeof(text), &in, e, mode, at + off);
            n = in.len;
        }
        fprintf(out, "        %016" PRIx64 "  %s\n", at + off, text);
        off += n;
    }
}

/* A block: the guest's instructions, then the host's. */
static void dump_block(const struct x86_cpu *c, const struct block *b, bool guest, bool host,
                       FILE *out)
{
    const uint8_t *bytes = mem_ptr(c->mem, b->gpa, b->bytes);

    fprintf(out, "block gva=%#" PRIx64 " gpa=%#" PRIx64 " mode=%#x instructions=%u bytes=%u "
                 "host=%p host-bytes=%u%s\n",
            b->lin, b->gpa, b->mode, b->n, b->bytes, b->code, b->code_bytes,
            block_is_fresh(b) ? "" : " stale");
    if (guest && bytes && !b->genp2)
        dump_bytes(bytes, b->mode, b->lin, b->bytes, out);
    if (guest && host)
        fputs("    ->\n", out);
    if (host) {
        uint32_t mode = MODE_CODE64 | MODE_PROT | MODE_LMA;
        dump_bytes(b->code, mode, (uintptr_t)b->code, b->code_bytes, out);
        fputs("    cold\n", out);
        dump_bytes(b->cold, mode, (uintptr_t)b->cold, b->cold_bytes, out);
    }
}

/* what: "guest", "host", "guest,host", each also with "@GVA": the blocks that hold that address. */
static void dump_blocks(struct engine *eng, const char *what, FILE *out)
{
    const char *at = strchr(what, '@');
    uint64_t gva = at ? strtoull(at + 1, NULL, 16) : 0;

    for (unsigned i = 0; i < eng->machine->nvcpus; i++) {
        const struct x86_cpu *c = x86_cpu_of(eng->machine->vcpus[i]);
        const struct jit_vcpu *jv = c->engine;
        for (size_t h = 0; h < BLOCK_HASH_SIZE; h++)
            for (const struct block *b = jv->blocks.hash[h]; b; b = b->next)
                if (b->code && (!at || gva - b->lin < b->bytes))
                    dump_block(c, b, strstr(what, "guest"), strstr(what, "host"), out);
    }
}

static void jit_dump(struct engine *eng, const char *what, FILE *out)
{
    if (!strcmp(what, "perf-map")) { /* from now on; borrowed */
        for (unsigned i = 0; i < eng->machine->nvcpus; i++)
            ((struct jit_vcpu *)x86_cpu_of(eng->machine->vcpus[i])->engine)->perf_map = out;
        return;
    }
    if (strcmp(what, "stats")) {
        dump_blocks(eng, what, out);
        return;
    }
    for (unsigned i = 0; i < eng->machine->nvcpus; i++) {
        const struct x86_cpu *c = x86_cpu_of(eng->machine->vcpus[i]);
        const struct jit_vcpu *jv = c->engine;
        const struct x86_mmu *mmu = c->mmu;
        fprintf(out,
                "vcpu%u: instructions %" PRIu64 " native %" PRIu64 " helpers %" PRIu64
                " entries %" PRIu64 " went-on %" PRIu64 " interpreted-blocks %" PRIu64 " translated %" PRIu64
                " links %" PRIu64 " twins %" PRIu64 " blocks-in-units %" PRIu64 " code-bytes %zu cold-bytes %zu flushes %" PRIu64 " decoded %" PRIu64
                " stale %" PRIu64 " same %" PRIu64 " faults %" PRIu64 " polls %" PRIu64 " tlb-fills %" PRIu64
                " tlb-flushes %" PRIu64 " tlb-page-flushes %" PRIu64 "\n",
                i, c->icount, c->scratch[JIT_NATIVE], jv->n_helper, jv->n_enter, jv->n_go_on, jv->n_interp,
                jv->n_translated, jv->n_links, jv->n_twin, jv->n_unit_blocks, jv->code.used,
                jv->code.cold_used - jv->code.cold_base, jv->n_flush, jv->blocks.n_decoded,
                jv->blocks.n_stale, jv->blocks.n_same, jv->n_faults, jv->n_polls, mmu->n_fill, mmu->n_flush_all,
                mmu->n_flush_page);
        dump_helpers(jv, c, i, out);
    }
}

const struct engine_type jit_engine = {
    .name = "jit",
    .way = "full",
    .help = "x86-64 translator",
    .probe = jit_probe,
    .open = run_open,
    .close = run_close,
    .map = run_map,
    .unmap = run_unmap,
    .dirty = run_dirty,
    .vcpu_open = jit_vcpu_open,
    .vcpu_close = jit_vcpu_close,
    .vcpu_run = jit_run,
    .vcpu_kick = jit_kick,
    .vcpu_get = run_get,
    .vcpu_put = jit_put,
    .dump = jit_dump,
};
