/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/run.h"

#include "arch/x86/arch.h"
#include "arch/x86/exc.h"
#include "arch/x86/flags.h"
#include "arch/x86/intr.h"
#include "arch/x86/lapic.h"
#include "arch/x86/tlb.h"
#include "base/trace.h"
#include "core/machine.h"

enum stop_reason run_boundary(struct vcpu *v, struct x86_cpu *c)
{
    uint32_t req = vcpu_requests(v);

    if (req & (REQ_STOP | REQ_EXCL | REQ_RESET))
        return STOP_KICK;
    if (req & REQ_FLUSH)
        vcpu_request_done(v, REQ_FLUSH);
    switch (x86_poll_events(c)) {
    case EVENT_WAIT:
        return vcpu_requests(v) ? STOP_KICK : STOP_HALT;
    case EVENT_SHUTDOWN:
        return STOP_CRASH;
    case EVENT_NONE:
    case EVENT_DELIVERED:
        break;
    }
    return RUN_ON;
}

static void check_code_limit(struct x86_cpu *c, struct block *b)
{
    uint64_t ip = c->s.r[X86_RIP];
    uint32_t limit = c->s.seg[SEG_CS].limit;

    if (likely(limit == UINT32_MAX))
        return;
    if (ip > limit)
        x86_gp0(c);
    /* Stop short of an instruction that passes the limit; alone, it faults. */
    uint64_t end = ip;
    for (unsigned i = 0; i < b->n; i++) {
        end += b->insns[i].len;
        if (end - 1 > limit) {
            if (i == 0)
                x86_gp0(c);
            c->end = &b->insns[i];
            return;
        }
    }
}

uint64_t run_block(struct x86_cpu *c, struct block *b, uint64_t most)
{
    const struct x86_insn *in = b->insns;

    c->cur = NULL;
    c->first = in;
    c->end = in + MIN((uint64_t)b->n, most);
    if (unlikely(!(c->mode & MODE_CODE64)))
        check_code_limit(c, b);
    do {
        c->cur = in;
        c->s.r[X86_RIP] += in->len;
        in->fn(c, in);
        in++;
    } while (in < c->end);
    c->s.r[X86_RIP] &= c->ip_mask;
    c->cur = NULL;
    uint64_t done = (uint64_t)(in - b->insns);
    c->icount += done;
    return done;
}

uint64_t run_until_breakpoint(const struct vcpu *v, const struct block *b, uint64_t lin,
                              uint64_t most)
{
    const struct machine *m = v->machine;
    uint64_t off = 0, n;

    for (n = 0; n < MIN((uint64_t)b->n, most); off += b->insns[n++].len)
        for (unsigned i = 0; i < m->n_breakpoints; i++)
            if (m->breakpoints[i] == lin + off)
                return n;
    return most;
}

void run_spend(struct vcpu *v, uint64_t n)
{
    struct machine *m = v->machine;

    struct x86_cpu *c = x86_cpu_of(v);
    uint64_t in_clock = MIN(n, c->synced);

    v->budget -= MIN(n, v->budget);
    c->synced -= in_clock;
    if (m->deterministic)
        clock_advance(&m->clock, n - in_clock);
}

enum stop_reason run_fault(struct vcpu *v, struct x86_cpu *c)
{
    if (c->cur) {
        uint64_t done = (uint64_t)(c->cur - c->first);
        c->icount += done;
        if (v->budget != UINT64_MAX)
            run_spend(v, done);
    }
    if (x86_deliver(c) < 0) {
        TRACE(triple_fault, "vcpu=%u", v->index);
        return STOP_CRASH;
    }
    if (v->budget != UINT64_MAX)
        run_spend(v, 1);
    return RUN_ON;
}

uint64_t run_jump_tag(const struct x86_cpu *c)
{
    uint64_t user = c->tlb == c->tlbs[TLB_USER];

    return c->asid | (uint64_t)c->mode << 12 | user << 20 | (uint64_t)c->tlb_epoch << 32;
}

int run_open(struct engine *eng, struct machine *m, struct error *err)
{
    if (strcmp(m->arch->name, "x86"))
        return fail(err, ENOTSUP, "engine %s: no %s", eng->type->name, m->arch->name);
    return 0;
}

void run_close(struct engine *eng)
{
    (void)eng;
}

int run_map(struct engine *eng, struct mem_slot *slot, struct error *err)
{
    (void)eng;
    (void)slot;
    (void)err;
    return 0;
}

void run_unmap(struct engine *eng, struct mem_slot *slot)
{
    (void)eng;
    (void)slot;
}

void run_dirty(struct engine *eng, struct mem_slot *slot, enum dirty_op op, uint64_t *bitmap)
{
    /* Page flags are always kept: only fetching does anything. */
    if (op == DIRTY_FETCH)
        mem_dirty_fetch(&eng->machine->mem, slot, bitmap);
}

void run_kick(struct vcpu *v)
{
    (void)v;
}

void run_get(struct vcpu *v, unsigned groups)
{
    (void)groups;
    struct x86_cpu *c = x86_cpu_of(v);

    x86_flags_sync(c);
    c->s.posted = (uint8_t)__atomic_load_n(&c->lapic->events, __ATOMIC_SEQ_CST);
    c->s.sipi_vector = c->lapic->sipi_vector;
}

void run_put(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu_of(v);

    x86_set_rflags(c, c->s.rflags);
    x86_derive(c);
    if (c->s.posted & APIC_EV_SIPI)
        c->lapic->sipi_vector = c->s.sipi_vector;
    __atomic_fetch_or(&c->lapic->events, c->s.posted, __ATOMIC_SEQ_CST);
    vcpu_request(v, REQ_INTR);
}
