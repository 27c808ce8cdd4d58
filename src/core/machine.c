/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/machine.h"

#include <stdio.h>

#include "base/trace.h"
#include "core/tape.h"

void machine_init(struct machine *m, const struct arch *arch, struct loop *loop, bool deterministic)
{
    *m = (struct machine){.arch = arch, .loop = loop, .deterministic = deterministic};
    mem_init(&m->mem);
    bus_init(&m->ports, "port");
    bus_init(&m->mmio, "mmio");
    clock_init(&m->clock, loop, deterministic);
    list_init(&m->devs);
    pthread_mutex_init(&m->stop_lock, NULL);
    pthread_cond_init(&m->stop_cond, NULL);
    pthread_mutex_init(&m->irqchip_lock, NULL);
    m->a20_mask = UINT64_MAX;
    m->stopping = true;
    if (deterministic)
        m->tape = tape_create(m);
}

/* The local APICs go to the engine, or come back; a message is delivered to one side or the other. */
static int machine_hand_irqchip(struct machine *m, bool on, struct error *err)
{
    int rc = 0;

    if (!m->engine.type->irqchip || m->irqchip == on)
        return 0;
    pthread_mutex_lock(&m->irqchip_lock);
    rc = m->engine.type->irqchip(&m->engine, on, err);
    __atomic_store_n(&m->irqchip, on && !rc, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&m->irqchip_lock);
    return rc;
}

bool machine_msi(struct machine *m, uint64_t addr, uint32_t data)
{
    if (!machine_irqchip(m))
        return false;
    pthread_mutex_lock(&m->irqchip_lock);
    bool on = m->irqchip;
    if (on)
        m->engine.type->msi_send(&m->engine, addr, data);
    pthread_mutex_unlock(&m->irqchip_lock);
    return on;
}

static void machine_close_engine(struct machine *m)
{
    struct error ignored; /* giving back cannot fail */

    if (!m->engine.type)
        return;
    machine_hand_irqchip(m, false, &ignored);
    for (unsigned i = 0; i < m->nvcpus; i++) {
        m->engine.type->vcpu_get(m->vcpus[i], ~0u);
        m->engine.type->vcpu_close(m->vcpus[i]);
    }
    m->engine.type->close(&m->engine);
    m->engine = (struct engine){0};
}

void machine_fini(struct machine *m)
{
    machine_quit(m);
    machine_close_engine(m);
    while (!list_empty(&m->devs))
        dev_destroy(list_entry(m->devs.prev, struct dev, node));
    for (unsigned i = 0; i < m->nvcpus; i++) {
        m->arch->vcpu_destroy(m->vcpus[i]);
        free(m->vcpus[i]);
    }
    bus_fini(&m->ports);
    bus_fini(&m->mmio);
    clock_fini(&m->clock);
    mem_fini(&m->mem);
    tape_destroy(m->tape);
    pthread_mutex_destroy(&m->stop_lock);
    pthread_cond_destroy(&m->stop_cond);
    pthread_mutex_destroy(&m->irqchip_lock);
}

int machine_add_vcpu(struct machine *m, struct error *err)
{
    if (m->nvcpus == MACHINE_VCPUS_MAX)
        return fail(err, EINVAL, "more than %d vCPUs", MACHINE_VCPUS_MAX);
    struct vcpu *v = xcalloc(1, sizeof(*v));
    *v = (struct vcpu){.machine = m, .index = m->nvcpus, .budget = UINT64_MAX};
    int rc = m->arch->vcpu_create(v, err);
    if (rc) {
        free(v);
        return rc;
    }
    m->vcpus[m->nvcpus++] = v;
    return 0;
}

int machine_set_engine(struct machine *m, const struct engine_type *type, struct error *err)
{
    int rc;

    machine_close_engine(m);
    m->engine = (struct engine){.type = type, .machine = m};
    rc = type->open(&m->engine, m, err);
    for (size_t i = 0; !rc && i < m->mem.nmap; i++)
        rc = type->map(&m->engine, m->mem.map[i], err);
    unsigned opened = 0;
    for (; !rc && opened < m->nvcpus; opened++)
        rc = type->vcpu_open(m->vcpus[opened], err);
    for (unsigned i = 0; !rc && i < m->nvcpus; i++)
        rc = type->vcpu_put(m->vcpus[i], ~0u, err);
    if (!rc)
        rc = machine_hand_irqchip(m, true, err);
    if (rc) {
        for (unsigned i = 0; i < opened; i++)
            type->vcpu_close(m->vcpus[i]);
        type->close(&m->engine);
        m->engine = (struct engine){0};
    }
    return rc;
}

static int start_thread(struct vcpu *v, struct error *err)
{
    struct machine *m = v->machine;
    char name[16];
    int rc = m->deterministic ? pthread_create(&v->thread, NULL, vcpu_thread_deterministic, m)
                              : pthread_create(&v->thread, NULL, vcpu_thread, v);

    if (rc)
        return fail_errno(err, rc, "cannot start the thread of vCPU %u", v->index);
    snprintf(name, sizeof(name), "vcpu%u", v->index);
    pthread_setname_np(v->thread, name);
    v->thread_started = true;
    return 0;
}

static void join_thread(struct vcpu *v)
{
    if (v->thread_started)
        pthread_join(v->thread, NULL);
    v->thread_started = false;
}

unsigned machine_vcpus_present(const struct machine *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->nvcpus; i++)
        n += !vcpu_absent(m->vcpus[i]);
    return n;
}

int machine_insert_vcpu(struct machine *m, unsigned n, struct error *err)
{
    struct vcpu *v = m->vcpus[n];
    int rc = 0;

    join_thread(v); /* of its last time, which has ended or is about to */
    if (m->engine.type)
        rc = m->engine.type->vcpu_put(v, ~0u, err);
    if (rc)
        return rc;
    __atomic_store_n(&v->absent, false, __ATOMIC_SEQ_CST);
    return m->started && !m->deterministic ? start_thread(v, err) : 0;
}

void machine_remove_vcpu(struct machine *m, unsigned n)
{
    pthread_mutex_lock(&m->stop_lock);
    __atomic_store_n(&m->vcpus[n]->absent, true, __ATOMIC_SEQ_CST);
    vcpu_request(m->vcpus[n], REQ_STOP);
    pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
}

int machine_start(struct machine *m, struct error *err)
{
    unsigned n = m->deterministic ? 1 : m->nvcpus;

    for (unsigned i = 0; i < n; i++) {
        int rc = vcpu_absent(m->vcpus[i]) ? 0 : start_thread(m->vcpus[i], err);
        if (rc)
            return rc;
    }
    m->started = true;
    machine_resume(m);
    return 0;
}

/* Forbid entering and wake everybody that is inside or halted. */
static void machine_hold(struct machine *m)
{
    pthread_mutex_lock(&m->stop_lock);
    m->stopping = true;
    for (unsigned i = 0; i < m->nvcpus; i++)
        vcpu_request(m->vcpus[i], REQ_STOP);
    pthread_mutex_unlock(&m->stop_lock);
}

void machine_stop(struct machine *m)
{
    machine_hold(m);
    pthread_mutex_lock(&m->stop_lock);
    while (m->n_inside || m->n_excl_wait)
        pthread_cond_wait(&m->stop_cond, &m->stop_lock);
    pthread_mutex_unlock(&m->stop_lock);
    clock_stop(&m->clock);
}

void machine_resume(struct machine *m)
{
    clock_start(&m->clock);
    pthread_mutex_lock(&m->stop_lock);
    m->stopping = false;
    pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
}

void machine_cap(struct machine *m, bool on)
{
    pthread_mutex_lock(&m->stop_lock);
    m->capped = on;
    for (unsigned i = 0; on && i < m->nvcpus; i++)
        vcpu_request(m->vcpus[i], REQ_STOP);
    if (!on)
        pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
}

void machine_reset(struct machine *m)
{
    if (m->engine.type)
        for (unsigned i = 0; i < m->nvcpus; i++)
            m->engine.type->vcpu_get(m->vcpus[i], ~0u);
    list_for_each(it, &m->devs)
        dev_reset(list_entry(it, struct dev, node));
    for (unsigned i = 0; i < m->nvcpus; i++)
        m->arch->vcpu_reset(m->vcpus[i]);
    if (m->persona && m->persona->reset)
        m->persona->reset(m);
    struct error err = {0};
    if (m->engine.type)
        for (unsigned i = 0; i < m->nvcpus; i++)
            if (m->engine.type->vcpu_put(m->vcpus[i], ~0u, &err)) {
                m->error = err;
                machine_event(m, EV_FAIL);
            }
}

void machine_quit(struct machine *m)
{
    if (!m->started)
        return;
    machine_stop(m);
    pthread_mutex_lock(&m->stop_lock);
    m->quitting = true;
    pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
    for (unsigned i = 0; i < m->nvcpus; i++)
        join_thread(m->vcpus[i]);
    m->started = false;
}

static void machine_deliver_events(void *opaque)
{
    struct machine *m = opaque;
    uint32_t evs = __atomic_exchange_n(&m->pending_events, 0, __ATOMIC_SEQ_CST);

    for (unsigned ev = 0; ev < 32; ev++)
        if (evs >> ev & 1)
            m->on_event(m->on_event_opaque, (enum machine_event)ev);
}

void machine_event(struct machine *m, enum machine_event ev)
{
    TRACE(machine_event, "event=%d", ev);
    /* After any of these the guest must not run on by itself; the owner resumes it or not. */
    if (ev != EV_QUIT && ev != EV_NONE)
        machine_hold(m);
    uint32_t old = __atomic_fetch_or(&m->pending_events, 1u << ev, __ATOMIC_SEQ_CST);
    if (!old && m->on_event)
        loop_call(m->loop, machine_deliver_events, m);
}
