/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpu_limit: how much of the host's processors a machine may take, without control groups or rights.
 *
 * Cap: a token bucket over the CPU time of the vCPUs' threads, in parts of one processor (25% of one,
 * 150% is one and a half). When the bucket is in debt the vCPUs are held outside guest code until it
 * is paid, while the guest's clock goes on: for the guest its processors are busy elsewhere. What a
 * thread takes between two looks is counted whole, so the mean is exact.
 *
 * Shares: the nice value of the vCPUs' threads; 100 is nice 0, each step of nice is a quarter more or
 * less, as the host's scheduler has it. More than it was needs the right to (RLIMIT_NICE).
 *
 * Everything on the loop's thread.
 */
#ifndef QUAD_GUEST_CPU_LIMIT_H
#define QUAD_GUEST_CPU_LIMIT_H

#include "base/bucket.h"
#include "base/loop.h"

struct machine;

struct cpu_limit {
    struct machine *machine;
    struct loop *loop;
    struct loop_io io;
    int timer_fd; /* -1: never used */
    unsigned cap; /* percent of one processor; 0: none */
    struct bucket bucket; /* ns of CPU time */
    uint64_t seen;        /* ns of CPU time at the last look */
    uint64_t n_held, held_ns; /* counters */
    uint64_t held_since;
};

/* Opens what it needs later; before the guest starts. */
int cpu_limit_init(struct cpu_limit *l, struct machine *m, struct loop *loop, struct error *err);
void cpu_limit_fini(struct cpu_limit *l); /* a zeroed record is fine */

void cpu_limit_cap(struct cpu_limit *l, unsigned percent);
unsigned cpu_limit_shares(const struct cpu_limit *l);
int cpu_limit_set_shares(struct cpu_limit *l, unsigned shares, struct error *err);

#endif
