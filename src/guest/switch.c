/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/switch.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trace.h"
#include "board/board.h"
#include "config/guest_config.h"
#include "guest/vm.h"
#include "registry/registry.h"

static bool can(const struct engine_type *type, const struct machine *m, struct error *err)
{
    struct engine_caps caps = {0};

    if (type->probe(&caps, err))
        return false;
    if (caps.max_vcpus < m->nvcpus)
        fail(err, ENOTSUP, "engine %s has %u vCPUs at most", type->name, caps.max_vcpus);
    else if (m->deterministic && !caps.deterministic)
        fail(err, ENOTSUP, "engine %s does not know deterministic mode", type->name);
    else if (m->persona && strcmp(type->way, "full"))
        fail(err, ENOTSUP, "engine %s runs no guest of another interface than a PC's", type->name);
    else
        return !type->offers || !type->offers(m->cpu_model, err);
    return false;
}

static int change(struct vm *vm, const struct engine_type *to, struct error *err)
{
    struct machine *m = &vm->machine;
    const struct engine_type *from = m->engine.type;
    struct error again;
    int rc = machine_set_engine(m, to, err);

    if (!rc) {
        if (!vm->board->type->way) /* else it is the board's, whatever runs it */
            vm->guest.way = to->way;
        vm->engine_reason = "switched to";
        vm->n_switches++;
    } else if (machine_set_engine(m, from, &again)) {
        m->error = again;
        vm_end(vm, VM_FAILED);
    }
    TRACE(engine_switch, "%s -> %s rc=%d", from->name, to->name, rc);
    return rc;
}

int vm_switch_engine(struct vm *vm, const char *name, int device_fd, struct error *err)
{
    auto_close int fd = device_fd;
    const struct engine_type *to;
    int rc = registry_find_engine(name, &to, err);

    if (rc)
        return rc;
    if (vm->gdb)
        return fail(err, EBUSY, "a debugger holds the guest");
    if (to == vm->machine.engine.type)
        return 0;
    if (fd >= 0 && to->hand_in)
        to->hand_in(take_fd(&fd));
    if (!can(to, &vm->machine, err))
        return -err->code;
    machine_stop(&vm->machine);
    rc = change(vm, to, err);
    vm_go_on(vm);
    return rc;
}

/* ------------------------------------------------------------------------------------ for tests */

static const struct engine_type *next_engine(const struct vm *vm)
{
    struct error ignored;
    size_t at = 0, n = 0;

    for (; registry_engines[n]; n++)
        if (registry_engines[n] == vm->machine.engine.type)
            at = n;
    for (size_t i = 1; i <= n; i++)
        if (can(registry_engines[(at + i) % n], &vm->machine, &ignored))
            return registry_engines[(at + i) % n];
    return vm->machine.engine.type;
}

static void switch_ready(void *opaque, unsigned events)
{
    struct vm *vm = opaque;
    struct error err = {0};
    uint64_t n;

    (void)events;
    if (read(vm->switch_fd, &n, sizeof(n)) != (ssize_t)sizeof(n) || vm->end != VM_RUNNING)
        return;
    if (vm_switch_engine(vm, next_engine(vm)->name, -1, &err))
        log_error("--switch-every: %s", err.text);
}

int switch_every(struct vm *vm, uint64_t ms, struct error *err)
{
    const struct timespec every = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    const struct itimerspec when = {every, every};

    vm->switch_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (vm->switch_fd < 0 || timerfd_settime(vm->switch_fd, 0, &when, NULL))
        return fail_errno(err, errno, "--switch-every");
    vm->switches = (struct loop_io){
        .fd = vm->switch_fd, .events = LOOP_READ, .ready = switch_ready, .opaque = vm};
    return loop_add(&vm->loop, &vm->switches, err);
}

void switch_stop(struct vm *vm)
{
    if (vm->switch_fd >= 0)
        close(vm->switch_fd);
    vm->switch_fd = -1;
}
