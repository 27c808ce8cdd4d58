/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * board: xen-pv-1: no chips at all: memory, processors, and the interface of para/xen.
 *
 * Not modelled: 32-bit guests, superpages, auto-translated guests, PCI pass-through, PMU, control of
 * other domains.
 */
#include "arch/x86/flags.h"
#include "arch/x86/model.h"
#include "arch/x86/seg.h"
#include "base/bits.h"
#include "board/loader.h"
#include "para/xen/domain.h"
#include "para/xen/xenbus.h"
#include "para/xen/xenstore.h"

#define M2P_GPA (UINT64_C(1) << 39) /* behind everything that an entry can name */

static struct xen_domain *domain_of(const struct board *b)
{
    return container_of(b, struct xen_domain, board);
}

/* ---- processors ---- */

/* As the interface hands over: 64-bit mode, paging, everything else in its reset state. */
static void reset_vcpu(struct xen_vcpu *v)
{
    struct x86_cpu *c = v->c;
    struct x86_state *s = &c->s;

    for (unsigned i = 0; i < 16; i++)
        s->r[i] = 0;
    s->rflags = FL_IF | FL_1;
    s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    s->cr3 = 0;
    s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    s->xcr0 = c->model->xcr0 & 1;
    s->fcw = 0x37f;
    s->apic_base = 0; /* no local APIC */
    s->gdtr.limit = s->idtr.limit = 0;
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        x86_seg_put_null(c, i, 0, 0);
    s->seg[SEG_LDTR] = s->seg[SEG_TR] = (struct x86_seg){0};
    desc_put_flat(c, SEG_CS, SEL_RING3_CS64);
    desc_put_flat(c, SEG_SS, SEL_RING3_DS);
    s->mp_state = v->id ? MP_WAIT_SIPI : MP_RUNNABLE;
    c->pv_kernel = true;
    c->pv_cpuid_fault = false;
    c->pv_user_cr3 = 0;
    fl_load(c, 0);
    x86_derive(c);
}

static void reset_records(struct xen_vcpu *v)
{
    struct xen_domain *d = v->d;

    timer_cancel(&v->singleshot);
    timer_cancel(&v->periodic);
    timer_cancel(&v->poll_timer);
    memset(v->trap, 0, sizeof(v->trap));
    memset(v->callback, 0, sizeof(v->callback));
    v->gdt_ents = v->ldt_ents = 0;
    v->iopl = 0;
    v->nmi_pending = v->nmi_masked = v->initialised = v->up = v->blocked = v->polling = false;
    v->crashed = v->flush = false;
    v->poll_port = UINT32_MAX;
    v->runstate_va = v->time_va = 0;
    v->runstate = v->id ? 3 : 0;
    v->info_frame = UINT64_MAX;
    v->info = v->id < SI_LEGACY_VCPUS ? d->shared_info + VI_SIZE * v->id : NULL;
    if (v->info)
        v->info[VI_UPCALL_MASK] = 1;
    time_publish(v);
}

/* ---- the domain ---- */

static void reset_frames(struct xen_domain *d)
{
    memset(d->frames, 0, d->special_end * sizeof(*d->frames));
    for (uint64_t f = 0; f < d->max_pages; f++) {
        d->frames[f].present = f < d->nr_pages;
        d->m2p[f] = f < d->nr_pages ? f : UINT64_MAX;
    }
    for (uint64_t f = d->max_pages; f < d->special_end; f++) {
        d->frames[f].present = f >= d->special;
        d->m2p[f] = UINT64_MAX;
    }
    d->cur_pages = d->nr_pages;
    d->hint = d->nr_pages;
}

/* machine_reset() has put processors and devices into their power-on state. */
static void domain_reset(struct machine *m)
{
    struct xen_domain *d = container_of(container_of(m->persona, struct x86_persona, base),
                                        struct xen_domain, persona);

    reset_frames(d);
    memset(d->shared_info, 0, PAGE_SIZE_4K);
    memset(d->shared_info + SI_EVTCHN_MASK, 0, 512);
    d->vm_assist = 0;
    d->shut_down = d->reconnect = false;
    d->tlb_clock = 1;
    evtchn_reset(d);
    grants_reset(d->grants);
    time_wallclock(d);
    for (unsigned i = 0; i < d->nvcpus; i++) {
        reset_vcpu(d->vcpu[i]);
        reset_records(d->vcpu[i]);
        d->vcpu[i]->tlb_stamp = 0;
    }
}

static int xen_load(struct board *b, struct loader *l, struct error *err)
{
    struct xen_domain *d = domain_of(b);
    struct machine *m = d->m;

    xs_reset(d->store);
    xenbus_reset(d);
    int rc = domain_build(d, l, err);
    if (rc) {
        err->code = rc == -EINVAL ? ENOEXEC : err->code; /* the file is wrong, not the command line */
        return error_prefix(err, "kernel %s", l->kernel_name);
    }
    for (unsigned i = 0; !rc && i < m->nvcpus && m->engine.type; i++)
        rc = m->engine.type->vcpu_put(m->vcpus[i], ~0u, err);
    return rc;
}

static int add_memory(struct xen_domain *d, struct error *err)
{
    struct mem *mem = &d->m->mem;
    uint64_t special = 1 + grants_frames(), m2p_bytes;

    d->nr_pages = d->config.memory >> PAGE_SHIFT_4K;
    d->max_pages = d->nr_pages;
    d->special = ALIGN_UP(d->max_pages, UINT64_C(512));
    d->special_end = d->special + special;
    m2p_bytes = ALIGN_UP(8 * d->special_end, PAGE_SIZE_4K);
    int rc = mem_add(mem, "ram", SLOT_RAM, 0, d->max_pages << PAGE_SHIFT_4K, &d->ram_slot, err);
    if (!rc)
        rc = mem_add(mem, "xen.shared", SLOT_RAM, d->special << PAGE_SHIFT_4K,
                     special << PAGE_SHIFT_4K, &d->special_slot, err);
    if (!rc)
        rc = mem_add(mem, "xen.m2p", SLOT_ROM, M2P_GPA, m2p_bytes, &d->m2p_slot, err);
    if (rc)
        return rc;
    d->ram = d->ram_slot->hva;
    d->shared_info = d->special_slot->hva;
    d->m2p = (uint64_t *)(void *)d->m2p_slot->hva;
    d->frames = xcalloc(d->special_end, sizeof(*d->frames));
    return 0;
}

static int add_vcpus(struct xen_domain *d, struct error *err)
{
    for (unsigned i = 0; i < d->config.cpus; i++) {
        int rc = machine_add_vcpu(d->m, err);
        if (rc)
            return rc;
        struct xen_vcpu *v = xcalloc(1, sizeof(*v));
        v->d = d;
        v->c = x86_cpu_of(d->m->vcpus[i]);
        v->id = i;
        v->c->persona = &d->persona;
        v->c->pv = v;
        time_init(v);
        d->vcpu[d->nvcpus++] = v;
    }
    return 0;
}

static int xen_create(struct board **out, struct machine *m, const struct board_config *config,
                      struct error *err)
{
    struct xen_domain *d = xcalloc(1, sizeof(*d));

    list_init(&d->devices);
    d->board = (struct board){.type = &board_xen_pv_1, .machine = m};
    *out = &d->board;
    d->m = m;
    d->config = *config;
    d->domid = 1;
    d->chr = config->serial[0];
    d->persona = (struct x86_persona){
        .base = {.name = "xen-pv", .reset = domain_reset},
        .cpuid = persona_cpuid,
        .syscall = trap_enter_syscall,
        .deliver = trap_deliver,
        .poll = trap_poll,
        .pending = trap_pending,
        .region = mm_region,
        .frame = mm_frame_allowed,
        .desc = desc_lookup,
    };
    if (m->deterministic)
        return fail(err, ENOTSUP, "mode para is not deterministic; try: --mode full");
    int rc = add_memory(d, err);
    if (!rc)
        rc = add_vcpus(d, err);
    if (rc)
        return rc;
    m->persona = &d->persona.base;
    evtchn_init(d);
    d->grants = grants_create(d);
    d->console = console_create(d);
    d->store = xs_create(d);
    return domain_state_create(d, err);
}

static void xen_destroy(struct board *b)
{
    if (!b)
        return;
    struct xen_domain *d = domain_of(b);
    xenbus_destroy(d);
    xs_destroy(d->store);
    console_destroy(d->console);
    grants_destroy(d->grants);
    evtchn_fini(d);
    for (unsigned i = 0; i < d->nvcpus; i++)
        free(d->vcpu[i]);
    free(d->frames);
    free(d);
}

static void xen_add_disk(struct board *b, struct blk *blk, unsigned index)
{
    blkback_add(domain_of(b), blk, index);
}

static void xen_add_nic(struct board *b, struct net *net, const uint8_t mac[6], unsigned index)
{
    netback_add(domain_of(b), net, mac, index);
}

static void xen_let_go(struct board *b)
{
    xenbus_let_go(domain_of(b));
}

static void xen_power_button(struct board *b)
{
    xs_control(domain_of(b)->store, "shutdown", "poweroff");
}

static uint64_t xen_console_bytes(const struct board *b)
{
    return console_out_bytes(domain_of(b));
}

static void xen_dump(struct board *b, const char *what, FILE *out)
{
    if (!strcmp(what, "hypercalls"))
        stats_hypercalls(domain_of(b), out);
    else
        stats_counters(domain_of(b), out);
}

const struct board_type board_xen_pv_1 = {
    .name = "xen-pv-1",
    .help = "no chips: a kernel that calls the Xen PV interface",
    .console = "hvc0",
    .way = "para",
    .create = xen_create,
    .load = xen_load,
    .add_disk = xen_add_disk,
    .add_nic = xen_add_nic,
    .let_go = xen_let_go,
    .power_button = xen_power_button,
    .console_bytes = xen_console_bytes,
    .dump = xen_dump,
    .destroy = xen_destroy,
};
