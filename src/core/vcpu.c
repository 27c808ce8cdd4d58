/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vcpu.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/trace.h"
#include "core/machine.h"
#include "core/tape.h"

/* A futex hand-over costs tens of microseconds, a spin a fraction of one: halts that end soon
 * are worth a short spin, long ones are not. */
#define HALT_SPIN_NS 3000

/* Deterministic mode: one instruction is one ns; slices are short enough for SMP hand-overs. */
#define DET_SLICE 20000

static long futex(uint32_t *word, int op, uint32_t val)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, 0);
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
    uint32_t old = __atomic_fetch_or(&v->request, bits, __ATOMIC_SEQ_CST);

    if (__atomic_load_n(&v->halted_wait, __ATOMIC_SEQ_CST))
        futex(&v->request, FUTEX_WAKE, INT_MAX);
    else if ((old & bits) != bits && v->machine->engine.type)
        v->machine->engine.type->vcpu_kick(v);
    __atomic_add_fetch(&v->n_kicks, 1, __ATOMIC_RELAXED);
}

static void halt_wait(struct vcpu *v)
{
    uint64_t until = monotonic_ns() + HALT_SPIN_NS;

    v->n_halts++;
    do {
        if (vcpu_requests(v))
            return;
    } while (monotonic_ns() < until);
    __atomic_store_n(&v->halted_wait, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&v->request, __ATOMIC_SEQ_CST))
        futex(&v->request, FUTEX_WAIT, 0);
    __atomic_store_n(&v->halted_wait, false, __ATOMIC_SEQ_CST);
}

/* Enter the engine once it is allowed; false: the machine quits, or the vCPU was taken out. */
static bool vcpu_enter(struct vcpu *v)
{
    struct machine *m = v->machine;
    bool go;

    pthread_mutex_lock(&m->stop_lock);
    while (!m->quitting && !vcpu_absent(v) && (m->stopping || m->capped || m->excl_owner || v->parked))
        pthread_cond_wait(&m->stop_cond, &m->stop_lock);
    go = !m->quitting && !vcpu_absent(v);
    if (go) {
        vcpu_request_done(v, REQ_STOP | REQ_EXCL);
        v->inside = true;
        m->n_inside++;
    }
    pthread_mutex_unlock(&m->stop_lock);
    return go;
}

static void vcpu_leave(struct vcpu *v)
{
    struct machine *m = v->machine;

    pthread_mutex_lock(&m->stop_lock);
    v->inside = false;
    m->n_inside--;
    pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
}

void vcpu_exclusive_begin(struct vcpu *v)
{
    struct machine *m = v->machine;

    pthread_mutex_lock(&m->stop_lock);
    m->n_inside--; /* whoever is exclusive now need not wait for this vCPU */
    m->n_excl_wait++;
    pthread_cond_broadcast(&m->stop_cond);
    while (m->excl_owner)
        pthread_cond_wait(&m->stop_cond, &m->stop_lock);
    m->excl_owner = v;
    for (unsigned i = 0; i < m->nvcpus; i++)
        if (m->vcpus[i] != v && m->vcpus[i]->inside)
            vcpu_request(m->vcpus[i], REQ_EXCL);
    while (m->n_inside)
        pthread_cond_wait(&m->stop_cond, &m->stop_lock);
    m->n_inside++;
    m->n_excl_wait--;
    pthread_mutex_unlock(&m->stop_lock);
}

void vcpu_exclusive_end(struct vcpu *v)
{
    struct machine *m = v->machine;

    pthread_mutex_lock(&m->stop_lock);
    if (m->excl_owner == v)
        m->excl_owner = NULL;
    pthread_cond_broadcast(&m->stop_cond);
    pthread_mutex_unlock(&m->stop_lock);
}

void vcpu_exclusive_pass(struct vcpu *v)
{
    struct machine *m = v->machine;

    pthread_mutex_lock(&m->stop_lock);
    if (m->excl_owner && m->excl_owner != v) {
        m->n_inside--;
        m->n_excl_wait++;
        pthread_cond_broadcast(&m->stop_cond);
        while (m->excl_owner)
            pthread_cond_wait(&m->stop_cond, &m->stop_lock);
        m->n_inside++;
        m->n_excl_wait--;
    }
    pthread_mutex_unlock(&m->stop_lock);
}

/* What a stop reason means to the machine; true: the vCPU may go on at once. */
static bool vcpu_stopped(struct vcpu *v, enum stop_reason why)
{
    struct machine *m = v->machine;

    if (v->debug_step && (why == STOP_BUDGET || why == STOP_HALT))
        why = STOP_DEBUG;
    switch (why) {
    case STOP_KICK:
    case STOP_BUDGET:
    case STOP_HALT:
        return true;
    case STOP_DEBUG:
        v->debug_step = false;
        v->debug_hit = true;
        machine_event(m, EV_DEBUG);
        return false;
    case STOP_RESET:
        machine_event(m, EV_RESET);
        return false;
    case STOP_POWEROFF:
        machine_event(m, EV_POWEROFF);
        return false;
    case STOP_SUSPEND:
        machine_event(m, EV_SUSPEND);
        return false;
    case STOP_CRASH:
        machine_event(m, EV_TRIPLE_FAULT);
        return false;
    case STOP_FAIL:
        m->error = v->error;
        machine_event(m, EV_FAIL);
        return false;
    }
    return true;
}

void *vcpu_thread(void *opaque)
{
    struct vcpu *v = opaque;
    struct machine *m = v->machine;

    v->tid = gettid();
    while (vcpu_enter(v)) {
        enum stop_reason why = m->engine.type->vcpu_run(v);
        vcpu_leave(v);
        v->n_exits++;
        TRACE(vcpu_stop, "vcpu=%u reason=%d", v->index, why);
        if (vcpu_stopped(v, why) && why == STOP_HALT)
            halt_wait(v);
    }
    v->tid = 0;
    return NULL;
}

/* The whole state after each slice: what two engines must agree on, line by line. */
static void trace_slice(struct vcpu *v, enum stop_reason why)
{
    char text[1024];

    if (!trace_any)
        return;
    v->machine->engine.type->vcpu_get(v, ~0u);
    v->machine->arch->vcpu_show(v, text, sizeof(text));
    TRACE(vcpu_slice, "vcpu=%u reason=%d ns=%" PRIu64 "\n%s", v->index, why,
          clock_ns(&v->machine->clock), text);
}

/* Up to DET_SLICE instructions, not beyond the next timer. A stop from outside (pause) does not end
 * the slice: where slices begin depends on the guest alone. False: the machine quits. */
static bool run_slice(struct vcpu *v, enum stop_reason *why)
{
    struct machine *m = v->machine;
    uint64_t next, now;

    tape_deliver(m->tape);
    next = clock_run_timers(&m->clock);
    now = clock_ns(&m->clock);
    v->budget = MIN(next > now ? next - now : 1, (uint64_t)DET_SLICE);
    do {
        if (!vcpu_enter(v))
            return false;
        *why = m->engine.type->vcpu_run(v);
        vcpu_leave(v);
    } while (*why == STOP_KICK && v->budget);
    vcpu_stopped(v, *why);
    trace_slice(v, *why);
    return true;
}

static bool has_intr(const struct machine *m)
{
    for (unsigned i = 0; i < m->nvcpus; i++)
        if (vcpu_requests(m->vcpus[i]) & REQ_INTR)
            return true;
    return false;
}

/* Nothing happens by itself: until there is input. False: the machine quits. */
static bool wait_input(struct machine *m)
{
    while (!has_intr(m) && !tape_pending(m->tape)) {
        halt_wait(m->vcpus[0]);
        if (!vcpu_enter(m->vcpus[0]))
            return false;
        vcpu_leave(m->vcpus[0]);
    }
    return true;
}

/* Deterministic mode: all vCPUs in turn on one thread; time is what they retire. */
void *vcpu_thread_deterministic(void *opaque)
{
    struct machine *m = opaque;

    m->vcpus[0]->tid = gettid();
    for (;;) {
        bool all_halted = true;
        for (unsigned i = 0; i < m->nvcpus; i++) {
            enum stop_reason why;
            if (vcpu_absent(m->vcpus[i]))
                continue;
            if (!run_slice(m->vcpus[i], &why))
                return NULL;
            all_halted = all_halted && why == STOP_HALT;
        }
        if (!all_halted)
            continue;
        uint64_t next = clock_next_deadline(&m->clock);
        if (next != UINT64_MAX)
            m->clock.det_ns = MAX(next, m->clock.det_ns);
        else if (!wait_input(m))
            return NULL;
    }
}
