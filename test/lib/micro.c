/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See micro.h.
 */
#include "lib/micro.h"

#include <stdio.h>

#include "arch/x86/arch.h"
#include "arch/x86/flags.h"
#include "arch/x86/model.h"
#include "core/machine.h"
#include "lib/test.h"

struct micro {
    struct machine machine;
    struct mem_slot *ram;
    uint64_t *log;
};

static struct micro *create(const struct engine_type *engine, bool deterministic)
{
    struct micro *m = xcalloc(1, sizeof(*m));
    struct error err = {0};

    machine_init(&m->machine, &x86_arch, NULL, deterministic);
    m->machine.cpu_model = x86_model_find("v3");
    if (mem_add(&m->machine.mem, "ram", SLOT_RAM, 0, MICRO_MEM, &m->ram, &err) ||
        machine_add_vcpu(&m->machine, &err) || machine_set_engine(&m->machine, engine, &err))
        fail_msg("microguest: %s", err.text);
    return m;
}

struct micro *micro_create(const struct engine_type *engine)
{
    return create(engine, true);
}

struct micro *micro_create_free(const struct engine_type *engine)
{
    return create(engine, false);
}

struct vcpu *micro_vcpu(struct micro *m)
{
    return m->machine.vcpus[0];
}

void micro_log(struct micro *m, uint64_t *bitmap)
{
    m->log = bitmap;
}

static void log_fetch(struct micro *m)
{
    uint64_t got[MICRO_LOG_WORDS];

    if (!m->log)
        return;
    mem_dirty_fetch(&m->machine.mem, m->ram, got);
    for (unsigned i = 0; i < MICRO_LOG_WORDS; i++)
        m->log[i] |= got[i];
}

void micro_destroy(struct micro *m)
{
    machine_fini(&m->machine);
    free(m);
}

void micro_run(struct micro *m, const struct x86_state *start, const uint8_t *image,
               uint64_t budget, struct micro_outcome *out)
{
    const struct engine_type *engine = m->machine.engine.type;
    struct vcpu *v = m->machine.vcpus[0];
    struct x86_cpu *c = x86_cpu_of(v);
    struct error err = {0};

    memcpy(m->ram->hva, image, MICRO_MEM);
    m->machine.mem.generation++;
    uint64_t apic_base = c->s.apic_base;
    c->s = *start;
    c->s.apic_base = apic_base;
    if (engine->vcpu_put(v, ~0u, &err))
        fail_msg("microguest: %s", err.text);
    v->budget = budget;
    m->machine.stopping = false;
    enum stop_reason why;
    do { /* as the vCPU loop does, on this thread */
        m->machine.n_inside = 1;
        v->inside = true;
        vcpu_request_done(v, REQ_STOP | REQ_EXCL);
        why = engine->vcpu_run(v);
        v->inside = false;
        m->machine.n_inside = 0;
        log_fetch(m);
    } while (why == STOP_KICK);
    out->end = why == STOP_HALT    ? MICRO_HALT
               : why == STOP_CRASH ? MICRO_SHUTDOWN
               : why == STOP_BUDGET ? MICRO_BUDGET
                                    : MICRO_ERROR;
    engine->vcpu_get(v, ~0u);
    out->s = c->s;
    out->mem = m->ram->hva;
}

/* ---- comparing ---- */

static bool seg_differs(const struct x86_seg *a, const struct x86_seg *b)
{
    const unsigned mask = 0x7ff; /* G is in the limit */

    if (a->sel != b->sel || ((a->attr ^ b->attr) & SEG_A_P))
        return true;
    if (!(a->attr & SEG_A_P))
        return false;
    return a->base != b->base || a->limit != b->limit || ((a->attr ^ b->attr) & mask);
}

static const char *const end_names[] = {"halt", "shutdown", "budget", "error"};

void micro_compare(const struct micro_outcome *a, const struct micro_outcome *b, char *text,
                   size_t size)
{
    static const char *const reg_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                            "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                            "r12", "r13", "r14", "r15", "",    "rip"};
    static const char *const seg_names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

    text[0] = 0;
    if (a->end != b->end) {
        snprintf(text, size, "ends in %s, %s", end_names[a->end], end_names[b->end]);
        return;
    }
    if (a->end != MICRO_HALT)
        return; /* after a shutdown the state is nobody's */
    for (unsigned i = 0; i < X86_NREG; i++) {
        if (i != X86_ZERO && a->s.r[i] != b->s.r[i]) {
            snprintf(text, size, "%s %#" PRIx64 " %#" PRIx64, reg_names[i], a->s.r[i], b->s.r[i]);
            return;
        }
    }
#define CMP(f)                                                                              \
    if (a->s.f != b->s.f) {                                                                   \
        snprintf(text, size, #f " %#" PRIx64 " %#" PRIx64, (uint64_t)a->s.f, (uint64_t)b->s.f); \
        return;                                                                               \
    }
    CMP(rflags)
    for (unsigned i = 0; i < X86_NSEG; i++) {
        const struct x86_seg *x = &a->s.seg[i], *y = &b->s.seg[i];
        if (seg_differs(x, y)) {
            snprintf(text, size,
                     "%s sel %#x %#x attr %#x %#x base %#" PRIx64 " %#" PRIx64 " limit %#x %#x",
                     seg_names[i], x->sel, y->sel, x->attr, y->attr, x->base, y->base, x->limit,
                     y->limit);
            return;
        }
    }
    CMP(cr0)
    CMP(cr2)
    CMP(cr3)
    CMP(cr4)
    CMP(efer)
    CMP(gdtr.base)
    CMP(gdtr.limit)
    CMP(idtr.base)
    CMP(idtr.limit)
    CMP(dr[6])
    CMP(dr[7])
    CMP(kernel_gs_base)
#undef CMP
    for (uint64_t i = 0; i < MICRO_MEM; i++) {
        if (a->mem[i] != b->mem[i]) {
            snprintf(text, size, "memory at %#" PRIx64 ": %02x %02x", i, a->mem[i], b->mem[i]);
            return;
        }
    }
}

void micro_show(const struct micro_outcome *o, char *text, size_t size)
{
    const uint64_t *r = o->s.r;

    snprintf(text, size,
             "%s rip %04x:%" PRIx64 " ss:rsp %04x:%" PRIx64 " rflags %" PRIx64 " rax %" PRIx64
             " rcx %" PRIx64 " rdx %" PRIx64 " rbx %" PRIx64 " cr0 %" PRIx64 " cr2 %" PRIx64
             " efer %" PRIx64,
             end_names[o->end], o->s.seg[SEG_CS].sel, r[X86_RIP], o->s.seg[SEG_SS].sel, r[RSP],
             o->s.rflags, r[RAX], r[RCX], r[RDX], r[RBX], o->s.cr0, o->s.cr2, o->s.efer);
}
