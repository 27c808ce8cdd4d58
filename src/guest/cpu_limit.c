/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/cpu_limit.h"

#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/machine.h"

#define MS UINT64_C(1000000)
#define BURST_MS 100 /* what a guest may take at once after a rest, at the rate of its cap */
#define LOOK_MIN (1 * MS)
#define LOOK_MAX (50 * MS)

/* ns of CPU time that the vCPUs have taken so far. */
static uint64_t taken(const struct machine *m)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < m->nvcpus; i++) {
        struct timespec ts;
        clockid_t clock;
        if (m->vcpus[i]->thread_started && !pthread_getcpuclockid(m->vcpus[i]->thread, &clock) &&
            !clock_gettime(clock, &ts))
            sum += (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    }
    return sum;
}

static void arm(struct cpu_limit *l, uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};

    timerfd_settime(l->timer_fd, 0, &when, NULL);
}

static void hold(struct cpu_limit *l, bool on)
{
    if (on == l->machine->capped)
        return;
    if (on) {
        l->n_held++;
        l->held_since = monotonic_ns();
    } else {
        l->held_ns += monotonic_ns() - l->held_since;
    }
    machine_cap(l->machine, on);
}

static void look(struct cpu_limit *l)
{
    uint64_t now = monotonic_ns(), sum = taken(l->machine);

    bucket_take(&l->bucket, sum > l->seen ? sum - l->seen : 0); /* a thread may have ended */
    l->seen = sum;
    uint64_t wait = bucket_wait(&l->bucket, now);
    hold(l, wait != 0);
    if (!wait) /* when it could be empty, if all run at full speed */
        wait = (uint64_t)l->bucket.level / MAX(l->machine->nvcpus, 1u);
    arm(l, MIN(MAX(wait, LOOK_MIN), LOOK_MAX));
}

static void ready(void *opaque, unsigned events)
{
    struct cpu_limit *l = opaque;
    uint64_t n;

    (void)events;
    if (read(l->timer_fd, &n, sizeof(n)) == (ssize_t)sizeof(n) && l->cap)
        look(l);
}

int cpu_limit_init(struct cpu_limit *l, struct machine *m, struct loop *loop, struct error *err)
{
    *l = (struct cpu_limit){.machine = m, .loop = loop};
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->timer_fd < 0)
        return fail_errno(err, errno, "timerfd");
    l->io = (struct loop_io){
        .fd = l->timer_fd, .events = LOOP_READ, .ready = ready, .opaque = l};
    return loop_add(loop, &l->io, err);
}

void cpu_limit_fini(struct cpu_limit *l)
{
    if (!l->machine || l->timer_fd < 0)
        return;
    loop_remove(l->loop, &l->io);
    close(l->timer_fd);
    l->timer_fd = -1;
}

void cpu_limit_cap(struct cpu_limit *l, unsigned percent)
{
    uint64_t rate = UINT64_C(10000000) * percent; /* ns of CPU time a second */

    l->cap = percent;
    bucket_set(&l->bucket, rate, rate * BURST_MS / 1000, monotonic_ns());
    l->seen = taken(l->machine);
    if (percent) {
        look(l);
    } else {
        hold(l, false);
        arm(l, 0);
    }
}

/* ------------------------------------------------------------------------------------- shares */

/* The weight of nice 0 is 100; a step is a quarter [LINUX scheduler/sched-nice-design]. */
static unsigned shares_of(int nice)
{
    double s = 100;

    for (; nice > 0; nice--)
        s /= 1.25;
    for (; nice < 0; nice++)
        s *= 1.25;
    return (unsigned)(s + 0.5);
}

unsigned cpu_limit_shares(const struct cpu_limit *l)
{
    pid_t tid = l->machine->vcpus[0]->tid;

    return shares_of(getpriority(PRIO_PROCESS, (id_t)tid));
}

int cpu_limit_set_shares(struct cpu_limit *l, unsigned shares, struct error *err)
{
    int best = 0;

    if (!shares)
        return fail(err, EINVAL, "cpu.shares is at least 1 (100 is like any other process)");
    for (int nice = -20; nice < 20; nice++)
        if (labs((long)shares_of(nice) - (long)shares) < labs((long)shares_of(best) - (long)shares))
            best = nice;
    for (unsigned i = 0; i < l->machine->nvcpus; i++) {
        pid_t tid = l->machine->vcpus[i]->tid;
        if (tid && setpriority(PRIO_PROCESS, (id_t)tid, best))
            return fail_errno(err, errno, "cpu.shares=%u needs nice %d, which this host does not "
                                          "allow (RLIMIT_NICE)", shares, best);
    }
    return 0;
}
