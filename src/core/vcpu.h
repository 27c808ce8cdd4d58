/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vcpu: one virtual CPU and the one loop that runs it, whatever the engine: thread, halt wait,
 * pause, reset, exclusive sections.
 *
 * Other threads speak to a running vCPU only by vcpu_kick() (a bit in `request` and the engine's
 * kick). machine_stop() returns when every vCPU is outside its engine.
 */
#ifndef QUAD_CORE_VCPU_H
#define QUAD_CORE_VCPU_H

#include <pthread.h>

#include "core/engine.h"

struct machine;

/* vcpu->request bits (atomic). An engine looks at the whole word at least once a bounded number
 * of instructions; INTR it may handle itself (look for interrupts and clear the bit). */
enum {
    REQ_INTR = 1,  /* something for intr_pending */
    REQ_STOP = 2,  /* leave the engine: pause, remap, exit */
    REQ_RESET = 4,
    REQ_EXCL = 8,  /* another vCPU is in an exclusive section: leave until it is over */
    REQ_FLUSH = 16, /* mappings changed (mem->generation): drop cached translations */
};

struct vcpu {
    struct machine *machine;
    unsigned index;
    void *cpu;      /* the arch's record */
    struct engine_priv_vcpu *engine_priv;
    uint32_t request; /* atomic */
    uint64_t budget;  /* instructions until STOP_BUDGET; UINT64_MAX: none */
    pthread_t thread;
    bool thread_started;
    int tid; /* of the thread, for the host's scheduler; 0 before it runs */
    bool inside;      /* in the engine (machine->stop_lock) */
    bool halted_wait; /* atomic: sleeping in the halt wait */
    bool excl;        /* this vCPU is in an exclusive section */
    bool absent;      /* atomic: not plugged in: no thread, hears nothing */
    /* A debugger's, changed only with the machine stopped: */
    bool parked;      /* stays outside its engine */
    bool debug_step;  /* the end of `budget`, or a halt, is to be reported */
    bool debug_hit;   /* out: this vCPU is why EV_DEBUG came */
    struct error error;
    uint64_t n_halts, n_kicks, n_exits; /* counters */
};

/* From any thread: set request bits and make the vCPU see them soon. Never lost. */
void vcpu_request(struct vcpu *vcpu, uint32_t bits);

static inline uint32_t vcpu_requests(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->request, __ATOMIC_RELAXED);
}

static inline void vcpu_request_done(struct vcpu *vcpu, uint32_t bits)
{
    __atomic_fetch_and(&vcpu->request, ~bits, __ATOMIC_SEQ_CST);
}

static inline bool vcpu_absent(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->absent, __ATOMIC_RELAXED);
}

/* Hold all other vCPUs outside guest code; from a vCPU inside its engine (a split or device
 * locked access). Not nested. */
void vcpu_exclusive_begin(struct vcpu *vcpu);
void vcpu_exclusive_end(struct vcpu *vcpu);
/* From a vCPU inside its engine that waits for something another vCPU holds: let an exclusive
 * section of others pass. Returns at once where there is none. */
void vcpu_exclusive_pass(struct vcpu *vcpu);

/* Thread bodies: of one vCPU; of all of them in turn (deterministic mode; argument: machine). */
void *vcpu_thread(void *vcpu);
void *vcpu_thread_deterministic(void *machine);

#endif
