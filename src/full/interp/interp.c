/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/interp/interp.h"

#include "arch/x86/arch.h"
#include "arch/x86/debug.h"
#include "arch/x86/mmu.h"
#include "arch/x86/tlb.h"
#include "core/machine.h"
#include "full/block.h"
#include "full/run.h"

/* A direct-mapped cache in front of the block hash, by linear address: a hit needs no page walk,
 * no TLB look-up and no hashing. The tag holds all that the translation depends on. */
#define JUMP_BITS 12

struct jump {
    uint64_t lin, tag;
    struct block *block;
};

struct interp_vcpu {
    struct block_cache blocks;
    struct jump jumps[1u << JUMP_BITS];
    uint64_t mem_generation;
    uint64_t n_blocks, n_faults, n_polls; /* counters */
};

static struct block *find(struct interp_vcpu *iv, struct x86_cpu *c, uint64_t lin)
{
    struct jump *j = &iv->jumps[(lin ^ lin >> JUMP_BITS) & ((1u << JUMP_BITS) - 1)];
    uint64_t tag = run_jump_tag(c);

    if (likely(j->lin == lin && j->tag == tag && block_is_fresh(j->block)))
        return j->block;
    uint64_t full = iv->blocks.n_full;
    struct block *b = block_find(&iv->blocks, c, lin);
    if (iv->blocks.n_full != full) /* the arena began anew: remembered blocks are overwritten */
        memset(iv->jumps, 0, sizeof(iv->jumps));
    if (b->genp2 || !block_is_fresh(b))
        return b; /* not to be remembered */
    *j = (struct jump){lin, tag, b};
    return b;
}

/* Guest-physical mappings changed under us. */
static void drop_everything(struct interp_vcpu *iv, struct x86_cpu *c)
{
    block_cache_clear(&iv->blocks);
    memset(iv->jumps, 0, sizeof(iv->jumps));
    x86_tlb_flush_all(c);
    iv->mem_generation = c->mem->generation;
}

static enum stop_reason interp_loop(struct vcpu *v, struct interp_vcpu *iv, struct x86_cpu *c)
{
    bool poll = true;

    for (;;) {
        if (unlikely(!v->budget))
            return STOP_BUDGET;
        if (unlikely(vcpu_requests(v) || poll || c->s.mp_state != MP_RUNNABLE)) {
            if (iv->mem_generation != c->mem->generation)
                drop_everything(iv, c);
            iv->n_polls++;
            enum stop_reason why = run_boundary(v, c);
            if (why != RUN_ON)
                return why;
            poll = false;
        }
        bool shadow = c->s.intr_shadow, step = c->stepping, trap = false;
        c->cur = NULL;
        if (unlikely(step))
            trap = x86_step_before(c);
        uint64_t lin = c->s.r[X86_RIP] + c->segbase[SEG_CS], most = shadow || step ? 1 : v->budget;
        struct block *b = find(iv, c, lin);
        if (unlikely(v->machine->n_breakpoints)) {
            most = run_until_breakpoint(v, b, lin, most);
            if (!most)
                return STOP_DEBUG;
        }
        c->s.intr_shadow = false;
        iv->n_blocks++;
        uint64_t done = run_block(c, b, most);
        if (unlikely(v->budget != UINT64_MAX))
            run_spend(v, done);
        if (unlikely(step))
            x86_step_after(c, trap);
        poll = (shadow || b->poll) && c->intr_waiting;
    }
}

static enum stop_reason interp_run(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct interp_vcpu *iv = c->engine;

    if (setjmp(c->unwind)) {
        /* An instruction, or the fetch of one, raised c->fault. */
        iv->n_faults++;
        if (run_fault(v, c) != RUN_ON)
            return STOP_CRASH;
    }
    return interp_loop(v, iv, c);
}

static int interp_probe(struct engine_caps *caps, struct error *err)
{
    (void)err;
    *caps = (struct engine_caps){.exact_budget = true, .deterministic = true, .max_vcpus = 64};
    strcpy(caps->reason, "portable interpreter: runs on any host, needs nothing");
    return 0;
}

static int interp_vcpu_open(struct vcpu *v, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct interp_vcpu *iv = xcalloc(1, sizeof(*iv));

    (void)err;
    block_cache_init(&iv->blocks);
    c->engine = iv;
    return 0;
}

static void interp_vcpu_close(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);
    struct interp_vcpu *iv = c->engine;

    if (!iv)
        return;
    block_cache_fini(&iv->blocks);
    free(iv);
    c->engine = NULL;
}

static int interp_put(struct vcpu *v, unsigned groups, struct error *err)
{
    struct x86_cpu *c = x86_cpu_of(v);

    (void)groups;
    (void)err;
    run_put(v);
    drop_everything(c->engine, c);
    return 0;
}

static void interp_dump(struct engine *eng, const char *what, FILE *out)
{
    (void)what;
    for (unsigned i = 0; i < eng->machine->nvcpus; i++) {
        const struct x86_cpu *c = x86_cpu_of(eng->machine->vcpus[i]);
        const struct interp_vcpu *iv = c->engine;
        const struct x86_mmu *mmu = c->mmu;
        fprintf(out,
                "vcpu%u: instructions %" PRIu64 " blocks %" PRIu64 " decoded %" PRIu64
                " stale %" PRIu64 " cache-full %" PRIu64 " faults %" PRIu64 " polls %" PRIu64
                " tlb-fills %" PRIu64 " tlb-flushes %" PRIu64 " tlb-page-flushes %" PRIu64 "\n",
                i, c->icount, iv->n_blocks, iv->blocks.n_decoded, iv->blocks.n_stale,
                iv->blocks.n_full, iv->n_faults, iv->n_polls, mmu->n_fill, mmu->n_flush_all,
                mmu->n_flush_page);
    }
}

const struct engine_type interp_engine = {
    .name = "interp",
    .way = "full",
    .help = "portable interpreter, the reference",
    .probe = interp_probe,
    .open = run_open,
    .close = run_close,
    .map = run_map,
    .unmap = run_unmap,
    .dirty = run_dirty,
    .vcpu_open = interp_vcpu_open,
    .vcpu_close = interp_vcpu_close,
    .vcpu_run = interp_run,
    .vcpu_kick = run_kick,
    .vcpu_get = run_get,
    .vcpu_put = interp_put,
    .dump = interp_dump,
};
