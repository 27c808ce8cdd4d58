/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state: what of a domain is saved: one record, taken while nothing runs and filled into the domain
 * again after all memory is there. What follows from other things is not in it but made anew: types and
 * counts of frames from what is pinned and in use, grants in use from who uses them, devices from what
 * xenstore says of them. A record that contradicts itself gives a guest that has crashed.
 */
#include "arch/x86/mmu.h"
#include "base/log.h"
#include "para/xen/domain.h"
#include "para/xen/fifo.h"
#include "para/xen/grant.h"
#include "para/xen/xenbus.h"
#include "para/xen/xenstore.h"

enum { PORTS_MAX = 4096, FIFO_PAGES_MAX = 4, MAPPINGS_MAX = 256, STORE_MAX = 256 << 10 };

/* ---- records ---- */

struct vcpu_regs {
    uint64_t trap_address[256], callback_address[CALLBACK_COUNT];
    uint16_t trap_cs[256];
    uint8_t trap_dpl[256];
    uint8_t trap_mask[256], callback_mask[CALLBACK_COUNT];
    uint64_t kernel_sp, gdt_frame[GDT_GUEST_FRAMES], ldt_base, user_cr3;
    uint32_t kernel_ss, gdt_ents, ldt_ents, iopl;
    uint8_t kernel, cpuid_fault, nmi_pending, nmi_masked, initialised, up, blocked, polling, crashed;
    uint32_t poll_port;
    uint64_t info_frame; /* ~0: in shared_info */
    uint32_t info_offset;
    uint64_t singleshot, periodic, poll, period; /* deadlines, ~0: none */
    uint64_t runstate_va, runstate_since, runstate_time[4], time_va;
    uint32_t runstate, virq_port[VIRQ_COUNT];
    uint64_t fifo_control;
    uint32_t fifo_tail[FIFO_QUEUES];
};

struct port_regs {
    uint32_t remote_port;
    uint16_t remote_dom, vcpu;
    uint8_t state, virq, priority, last[2];
};

struct mapping_regs {
    uint8_t used;
    uint32_t ref, flags;
    uint64_t mfn, host_addr;
};

struct xen_regs {
    uint32_t vm_assist, shutdown_code;
    uint8_t shut_down, fifo;
    uint64_t cur_pages, hint;
    uint32_t nports, fifo_pages;
    uint64_t fifo_page[FIFO_PAGES_MAX];
    struct port_regs port[PORTS_MAX];
    uint32_t grant_version, grant_frames;
    struct mapping_regs mapping[MAPPINGS_MAX];
    uint64_t console_mfn;
    uint32_t console_port, store_len;
    uint8_t store[STORE_MAX];
};

/* clang-format off */
#define V struct vcpu_regs
static const struct field vcpu_fields[] = {
    FIELD_ARRAY(V, trap_address), FIELD_ARRAY(V, callback_address), FIELD_ARRAY(V, trap_cs),
    FIELD_ARRAY(V, trap_dpl), FIELD_ARRAY(V, trap_mask), FIELD_ARRAY(V, callback_mask),
    FIELD(V, kernel_sp), FIELD_ARRAY(V, gdt_frame), FIELD(V, ldt_base), FIELD(V, user_cr3),
    FIELD(V, kernel_ss), FIELD(V, gdt_ents), FIELD(V, ldt_ents), FIELD(V, iopl), FIELD(V, kernel),
    FIELD(V, cpuid_fault), FIELD(V, nmi_pending), FIELD(V, nmi_masked), FIELD(V, initialised),
    FIELD(V, up), FIELD(V, blocked), FIELD(V, polling), FIELD(V, crashed), FIELD(V, poll_port),
    FIELD(V, info_frame), FIELD(V, info_offset), FIELD(V, singleshot), FIELD(V, periodic),
    FIELD(V, poll), FIELD(V, period), FIELD(V, runstate_va), FIELD(V, runstate_since),
    FIELD_ARRAY(V, runstate_time), FIELD(V, time_va), FIELD(V, runstate),
    FIELD_ARRAY(V, virq_port), FIELD(V, fifo_control), FIELD_ARRAY(V, fifo_tail), FIELD_END,
};
#undef V
#define P struct port_regs
static const struct field port_fields[] = {
    FIELD(P, remote_port), FIELD(P, remote_dom), FIELD(P, vcpu), FIELD(P, state), FIELD(P, virq),
    FIELD(P, priority), FIELD_ARRAY(P, last), FIELD_END,
};
#undef P
#define M struct mapping_regs
static const struct field mapping_fields[] = {
    FIELD(M, used), FIELD(M, ref), FIELD(M, flags), FIELD(M, mfn), FIELD(M, host_addr), FIELD_END,
};
#undef M
#define X struct xen_regs
static const struct field xen_fields[] = {
    FIELD(X, vm_assist), FIELD(X, shutdown_code), FIELD(X, shut_down), FIELD(X, fifo),
    FIELD(X, cur_pages), FIELD(X, hint), FIELD(X, nports), FIELD(X, fifo_pages),
    FIELD_ARRAY(X, fifo_page), FIELD_SUBS(X, port, port_fields), FIELD(X, grant_version),
    FIELD(X, grant_frames), FIELD_SUBS(X, mapping, mapping_fields), FIELD(X, console_mfn),
    FIELD(X, console_port), FIELD(X, store_len), FIELD_BYTES(X, store), FIELD_END,
};
#undef X
/* clang-format on */

/* The record's length depends on the domain: behind struct xen_regs come the vCPUs' records and one byte
 * a frame. So its table is the domain's own, too. */
struct saver_type {
    struct dev_type type;
    struct state state;
    struct field fields[ARRAY_LEN(xen_fields) + 2];
    struct xen_domain *d;
};

struct saver {
    struct dev dev;
    struct xen_regs regs;
};

enum { FRAME_PRESENT = 1, FRAME_PINNED = 2, FRAME_TYPE_SHIFT = 4 };

#define VCPUS_AT ALIGN_UP(sizeof(struct xen_regs), 8)

static struct xen_domain *domain_of(const struct dev *dev)
{
    return container_of(dev->type, struct saver_type, type)->d;
}

static struct vcpu_regs *vcpu_regs(struct saver *s, unsigned i)
{
    return (struct vcpu_regs *)(void *)((char *)&s->regs + VCPUS_AT) + i;
}

static uint8_t *frame_regs(struct saver *s)
{
    return (uint8_t *)vcpu_regs(s, domain_of(&s->dev)->nvcpus);
}

/* ---- taking it ---- */

static void take_vcpu(const struct xen_vcpu *v, struct vcpu_regs *r)
{
    struct fifo_vcpu_record f;

    for (unsigned i = 0; i < 256; i++) {
        r->trap_address[i] = v->trap[i].address;
        r->trap_cs[i] = v->trap[i].cs;
        r->trap_dpl[i] = v->trap[i].dpl;
        r->trap_mask[i] = v->trap[i].mask;
    }
    for (unsigned i = 0; i < CALLBACK_COUNT; i++) {
        r->callback_address[i] = v->callback[i].address;
        r->callback_mask[i] = v->callback[i].mask;
    }
    r->kernel_sp = v->kernel_sp;
    r->kernel_ss = v->kernel_ss;
    memcpy(r->gdt_frame, v->gdt_frame, sizeof(r->gdt_frame));
    r->gdt_ents = v->gdt_ents;
    r->ldt_base = v->ldt_base;
    r->ldt_ents = v->ldt_ents;
    r->user_cr3 = v->c->pv_user_cr3;
    r->kernel = v->c->pv_kernel;
    r->cpuid_fault = v->c->pv_cpuid_fault;
    r->iopl = v->iopl;
    r->nmi_pending = v->nmi_pending;
    r->nmi_masked = v->nmi_masked;
    r->initialised = v->initialised;
    r->up = v->up;
    r->blocked = v->blocked;
    r->polling = v->polling;
    r->crashed = v->crashed;
    r->poll_port = v->poll_port;
    r->info_frame = v->info_frame;
    r->info_offset = v->info_frame == UINT64_MAX
                         ? 0
                         : (uint32_t)(v->info - frame_host(v->d, v->info_frame));
    r->singleshot = v->singleshot.deadline;
    r->periodic = v->periodic.deadline;
    r->poll = v->poll_timer.deadline;
    r->period = v->period;
    r->runstate_va = v->runstate_va;
    r->runstate_since = v->runstate_since;
    memcpy(r->runstate_time, v->runstate_time, sizeof(r->runstate_time));
    r->runstate = v->runstate;
    r->time_va = v->time_va;
    memcpy(r->virq_port, v->virq_port, sizeof(r->virq_port));
    fifo_save_vcpu(v->d, v->id, &f);
    r->fifo_control = f.control;
    memcpy(r->fifo_tail, f.tail, sizeof(f.tail));
}

static void take_events(const struct xen_domain *d, struct xen_regs *r)
{
    r->fifo = d->ev.fifo;
    r->nports = d->ev.nports;
    r->fifo_pages = fifo_pages(d, r->fifo_page, FIFO_PAGES_MAX);
    for (uint32_t p = 0; p < PORTS_MAX; p++) {
        struct evtchn e = {0};
        if (p < d->ev.nports)
            e = d->ev.port[p];
        r->port[p] = (struct port_regs){.remote_port = e.remote_port, .remote_dom = e.remote_dom,
                                        .vcpu = e.vcpu, .state = e.state, .virq = e.virq,
                                        .priority = e.priority};
        fifo_save_last(d, p, r->port[p].last);
    }
}

static void take_grants(const struct xen_grants *g, struct xen_regs *r)
{
    r->grant_version = g->version;
    r->grant_frames = g->nframes;
    memset(r->mapping, 0, sizeof(r->mapping));
    for (uint32_t i = 0; i < g->nmap && i < MAPPINGS_MAX; i++)
        r->mapping[i] = (struct mapping_regs){g->map[i].used, g->map[i].ref, g->map[i].flags,
                                              g->map[i].mfn, g->map[i].host_addr};
}

static void take_frames(const struct xen_domain *d, uint8_t *out)
{
    for (uint64_t f = 0; f < d->max_pages; f++)
        out[f] = (uint8_t)((d->frames[f].present ? FRAME_PRESENT : 0) |
                           (d->frames[f].pinned ? FRAME_PINNED : 0) |
                           (d->frames[f].pinned ? d->frames[f].type << FRAME_TYPE_SHIFT : 0));
}

/* The hypervisor's own stores go past the dirty bits: what it may have written counts as written. */
static void mark_written(struct xen_domain *d, const struct xen_regs *r)
{
    for (uint64_t f = d->special; f < d->special_end; f++)
        frame_written(d, f);
    for (unsigned i = 0; i < d->nvcpus; i++) {
        struct fifo_vcpu_record f;
        if (d->vcpu[i]->info_frame != UINT64_MAX)
            frame_written(d, d->vcpu[i]->info_frame);
        fifo_save_vcpu(d, i, &f);
        if (f.control != UINT64_MAX)
            frame_written(d, f.control >> PAGE_SHIFT_4K);
    }
    for (unsigned i = 0; i < MIN(r->fifo_pages, (uint32_t)FIFO_PAGES_MAX); i++)
        frame_written(d, r->fifo_page[i]);
    grants_mark_written(d->grants);
}

static void presave(struct dev *dev)
{
    struct saver *s = container_of(dev, struct saver, dev);
    struct xen_domain *d = domain_of(dev);
    struct xen_regs *r = &s->regs;

    xenbus_presave(d);
    r->vm_assist = d->vm_assist;
    r->shutdown_code = d->shutdown_code;
    r->shut_down = d->shut_down;
    r->cur_pages = d->cur_pages;
    r->hint = d->hint;
    take_events(d, r);
    take_grants(d->grants, r);
    console_where(d, &r->console_mfn, &r->console_port);
    memset(r->store, 0, sizeof(r->store));
    r->store_len = (uint32_t)xs_save(d->store, r->store, sizeof(r->store));
    for (unsigned i = 0; i < d->nvcpus; i++)
        take_vcpu(d->vcpu[i], vcpu_regs(s, i));
    take_frames(d, frame_regs(s));
    mark_written(d, r);
}

static const char *blocker(const struct dev *dev)
{
    const struct xen_domain *d = domain_of(dev);

    if (d->ev.nports > PORTS_MAX || fifo_pages(d, NULL, 0) > FIFO_PAGES_MAX)
        return "the guest has more event channels than a saved one can have";
    for (uint32_t i = MAPPINGS_MAX; i < d->grants->nmap; i++)
        if (d->grants->map[i].used)
            return "the guest has mapped more grants than a saved one can have";
    auto_free uint8_t *scratch = xcalloc(1, STORE_MAX);
    if (!xs_save(d->store, scratch, STORE_MAX))
        return "the guest has more in xenstore than a saved one can have";
    return NULL;
}

/* ---- putting it back ---- */

static int put_events(struct xen_domain *d, const struct xen_regs *r)
{
    if (r->nports < 2 || r->nports > PORTS_MAX)
        return -EINVAL;
    free(d->ev.port);
    d->ev.nports = r->nports;
    d->ev.port = xcalloc(r->nports, sizeof(*d->ev.port));
    d->ev.fifo = r->fifo;
    for (uint32_t p = 0; p < r->nports; p++) {
        const struct port_regs *q = &r->port[p];
        /* Back ends take theirs up again. */
        uint8_t state = q->state == EV_BACKEND ? EV_UNBOUND : q->state;
        if (state > EV_BACKEND || q->vcpu >= d->nvcpus || q->priority >= FIFO_QUEUES ||
            q->virq >= VIRQ_COUNT || (state == EV_INTERDOMAIN && q->remote_port >= r->nports))
            return -EINVAL;
        d->ev.port[p] = (struct evtchn){.state = state, .virq = q->virq, .priority = q->priority,
                                        .remote_dom = q->remote_dom, .vcpu = q->vcpu,
                                        .remote_port = q->remote_port};
        fifo_load_last(d, p, q->last);
    }
    return 0;
}

static int put_traps(struct xen_vcpu *v, const struct vcpu_regs *r)
{
    for (unsigned i = 0; i < 256; i++) {
        if (!x86_is_canonical(r->trap_address[i]))
            return -EINVAL;
        v->trap[i] = (struct trap_entry){r->trap_address[i], r->trap_cs[i], r->trap_dpl[i] & 3,
                                         r->trap_mask[i]};
    }
    for (unsigned i = 0; i < CALLBACK_COUNT; i++) {
        if (!x86_is_canonical(r->callback_address[i]))
            return -EINVAL;
        v->callback[i] = (struct callback){r->callback_address[i], r->callback_mask[i]};
    }
    return 0;
}

/* Where vcpu_info lies: for good, so a reference is held. */
static int put_info(struct xen_vcpu *v, const struct vcpu_regs *r)
{
    if (r->info_frame == UINT64_MAX)
        return 0; /* as after the reset */
    if (r->info_offset > PAGE_SIZE_4K - VI_SIZE || (r->info_offset & 7) ||
        r->info_frame >= v->d->max_pages || frame_get_type(v, r->info_frame, FT_WRITABLE))
        return -EINVAL;
    v->info_frame = r->info_frame;
    v->info = frame_host(v->d, r->info_frame) + r->info_offset;
    return 0;
}

static int put_roots(struct xen_vcpu *v, const struct vcpu_regs *r)
{
    uint64_t root[2] = {v->c->s.cr3, r->user_cr3};

    for (unsigned i = 0; i < 2; i++)
        if (root[i] && ((root[i] & ~PTE_FRAME) || root[i] >> PAGE_SHIFT_4K >= v->d->max_pages ||
                        frame_get_type(v, root[i] >> PAGE_SHIFT_4K, FT_L4)))
            return -EINVAL;
    v->c->pv_user_cr3 = r->user_cr3;
    return r->up && !root[0] ? -EINVAL : 0;
}

static void put_timer(struct timer *t, uint64_t deadline)
{
    timer_cancel(t);
    if (deadline != UINT64_MAX)
        timer_set(t, deadline);
}

static void put_time(struct xen_vcpu *v, const struct vcpu_regs *r)
{
    put_timer(&v->singleshot, r->singleshot);
    put_timer(&v->periodic, r->periodic);
    put_timer(&v->poll_timer, r->poll);
    v->period = r->period;
    v->runstate_va = r->runstate_va;
    v->runstate_since = r->runstate_since;
    memcpy(v->runstate_time, r->runstate_time, sizeof(v->runstate_time));
    v->runstate = r->runstate & 3;
    v->time_va = r->time_va;
}

static int put_vcpu(struct xen_vcpu *v, const struct vcpu_regs *r)
{
    struct fifo_vcpu_record f = {.control = r->fifo_control};
    struct x86_cpu *c = v->c;

    memcpy(f.tail, r->fifo_tail, sizeof(f.tail));
    v->kernel_sp = r->kernel_sp;
    v->kernel_ss = (uint16_t)r->kernel_ss | 3;
    v->iopl = r->iopl & 3;
    v->nmi_pending = r->nmi_pending;
    v->nmi_masked = r->nmi_masked;
    v->initialised = r->initialised;
    v->up = r->up;
    v->blocked = r->blocked;
    v->polling = r->polling;
    v->crashed = r->crashed;
    v->poll_port = r->poll_port;
    c->pv_kernel = r->kernel;
    c->pv_cpuid_fault = r->cpuid_fault;
    memcpy(v->virq_port, r->virq_port, sizeof(v->virq_port));
    memset(v->space, 0, sizeof(v->space));
    int rc = put_traps(v, r);
    if (!rc)
        rc = put_roots(v, r);
    if (!rc)
        rc = put_info(v, r);
    if (!rc)
        rc = desc_set_gdt(v, r->gdt_frame, r->gdt_ents);
    if (!rc)
        rc = desc_set_ldt(v, r->ldt_base, r->ldt_ents);
    if (!rc)
        rc = fifo_load_vcpu(v, &f);
    for (unsigned i = 0; i < VIRQ_COUNT; i++)
        if (v->virq_port[i] >= v->d->ev.nports)
            rc = -EINVAL;
    if ((r->up || r->blocked) && !v->info)
        rc = -EINVAL;
    put_time(v, r);
    x86_derive(c);
    x86_tlb_flush_all(c);
    v->tlb_stamp = 0;
    return rc;
}

static int put_frames(struct xen_vcpu *v, const uint8_t *in)
{
    struct xen_domain *d = v->d;

    d->cur_pages = 0;
    for (uint64_t f = 0; f < d->special_end; f++)
        d->frames[f] = (struct frame){
            .present = f < d->max_pages ? in[f] & FRAME_PRESENT : f >= d->special};
    for (uint64_t f = 0; f < d->max_pages; f++)
        d->cur_pages += d->frames[f].present;
    for (uint64_t f = 0; f < d->max_pages; f++) {
        enum frame_type type = in[f] >> FRAME_TYPE_SHIFT;
        if (!(in[f] & FRAME_PINNED))
            continue;
        if (type < FT_L1 || type > FT_L4 || frame_get_type(v, f, type))
            return -EINVAL;
        d->frames[f].pinned = true;
    }
    return 0;
}

static int put_all(struct saver *s, struct xen_domain *d)
{
    const struct xen_regs *r = &s->regs;
    struct xen_vcpu *v0 = d->vcpu[0];
    struct error err;

    d->vm_assist = r->vm_assist;
    d->shutdown_code = r->shutdown_code;
    d->shut_down = r->shut_down;
    d->hint = r->hint % d->max_pages;
    int rc = put_frames(v0, frame_regs(s));
    if (!rc)
        rc = r->fifo_pages > FIFO_PAGES_MAX ? -EINVAL
                                            : fifo_load_pages(v0, r->fifo_page, r->fifo_pages);
    if (!rc)
        rc = put_events(d, r);
    for (unsigned i = 0; !rc && i < d->nvcpus; i++)
        rc = put_vcpu(d->vcpu[i], vcpu_regs(s, i));
    if (!rc)
        rc = grants_load(d->grants, r->grant_version, r->grant_frames);
    for (uint32_t i = 0; !rc && i < MAPPINGS_MAX; i++) {
        const struct mapping_regs *m = &r->mapping[i];
        if (m->used)
            rc = grants_load_mapping(d->grants, i, m->ref, m->flags, m->mfn, m->host_addr);
    }
    if (!rc && (r->store_len > STORE_MAX || xs_load(d->store, r->store, r->store_len, &err)))
        rc = -EINVAL;
    return rc;
}

static void loaded(struct dev *dev)
{
    struct saver *s = container_of(dev, struct saver, dev);
    struct xen_domain *d = domain_of(dev);
    struct xen_vcpu *v0 = d->vcpu[0];

    mm_lock(v0);
    int rc = put_all(s, d);
    mm_unlock(v0);
    if (rc) {
        log_error("the saved guest's state contradicts itself; it does not run again");
        for (unsigned i = 0; i < d->nvcpus; i++)
            d->vcpu[i]->up = false;
        d->shut_down = true;
        machine_event(d->m, EV_PANIC);
        return;
    }
    console_load(d, s->regs.console_mfn, s->regs.console_port);
    xs_reattach(d->store);
    for (unsigned i = 0; i < d->nvcpus; i++)
        time_publish(d->vcpu[i]);
    time_wallclock(d);
    __atomic_store_n(&d->reconnect, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < d->nvcpus; i++)
        vcpu_request(d->m->vcpus[i], REQ_INTR);
}

static void fini(struct dev *dev)
{
    free(container_of(dev->type, struct saver_type, type));
}

int domain_state_create(struct xen_domain *d, struct error *err)
{
    struct saver_type *t = xcalloc(1, sizeof(*t));
    size_t vcpus = d->nvcpus * sizeof(struct vcpu_regs), size = VCPUS_AT + vcpus + d->max_pages;
    size_t n = ARRAY_LEN(xen_fields) - 1;
    struct dev *dev;

    memcpy(t->fields, xen_fields, sizeof(xen_fields));
    t->fields[n] = (struct field){.name = "vcpu", .kind = FIELD_STRUCT, .offset = VCPUS_AT,
                                  .size = sizeof(struct vcpu_regs), .count = d->nvcpus,
                                  .sub = vcpu_fields};
    t->fields[n + 1] = (struct field){.name = "frames", .kind = FIELD_RAW, .count = 1,
                                      .offset = (uint32_t)(VCPUS_AT + vcpus),
                                      .size = (uint32_t)d->max_pages};
    t->fields[n + 2] = (struct field)FIELD_END;
    t->state = (struct state){"xen", 1, size, t->fields};
    t->type = (struct dev_type){.name = "xen_pv",
                                .help = "the Xen PV interface",
                                .size = offsetof(struct saver, regs) + size,
                                .regs = offsetof(struct saver, regs),
                                .state = &t->state,
                                .presave = presave,
                                .loaded = loaded,
                                .blocker = blocker,
                                .fini = fini};
    t->d = d;
    return dev_create(&t->type, "xen", d->m, &dev, err);
}
