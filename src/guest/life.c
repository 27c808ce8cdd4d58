/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a person does to a machine that runs: pause, resume, reset, power button, quit. Pause stops
 * vCPUs and the guest's clock; what devices finish meanwhile the guest finds when it goes on.
 */
#include "board/board.h"
#include "config/guest_config.h"
#include "guest/control.h"
#include "guest/migrate.h"
#include "guest/vm.h"

const char *vm_end_name(enum vm_end end)
{
    static const char *const names[] = {
        [VM_RUNNING] = "running", [VM_POWEROFF] = "poweroff",
        [VM_QUIT] = "quit",       [VM_RESET] = "reset",
        [VM_PANIC] = "panic",     [VM_TRIPLE_FAULT] = "triple-fault",
        [VM_WATCHDOG] = "watchdog", [VM_SAVED] = "saved", [VM_MOVED] = "moved", [VM_FAILED] = "failed",
    };

    return names[end];
}

void vm_set_state(struct vm *vm, enum guest_state state)
{
    bool news = vm->guest.state != state;

    vm->guest.state = state;
    if (news && vm->control)
        control_event(vm->control, "state",
                      json_pack("{s:s}", "state", guest_state_name(state)));
}

static struct vm *vm_of(struct guest *g)
{
    return container_of(g, struct vm, guest);
}

static int no_debugger(const struct vm *vm, struct error *err)
{
    if (migrate_holds(vm))
        return fail(err, EBUSY, "the guest is between two hosts; see quad migrate --resolve");
    return vm->gdb ? fail(err, EBUSY, "a debugger decides whether this guest runs") : 0;
}

static int vm_op_pause(struct guest *g, struct error *err)
{
    struct vm *vm = vm_of(g);
    int rc = no_debugger(vm, err);

    if (rc || vm->paused)
        return rc;
    machine_stop(&vm->machine);
    vm->paused = true;
    vm_set_state(vm, GUEST_PAUSED);
    return 0;
}

static int vm_op_resume(struct guest *g, struct error *err)
{
    struct vm *vm = vm_of(g);
    int rc = no_debugger(vm, err);

    if (rc || !vm->paused)
        return rc;
    rc = disks_take(&vm->disks, err); /* after a move that failed */
    if (rc)
        return rc;
    vm->paused = false;
    vm_set_state(vm, GUEST_RUNNING);
    vm_go_on(vm);
    return 0;
}

static int vm_op_reset(struct guest *g, struct error *err)
{
    struct vm *vm = vm_of(g);
    int rc = no_debugger(vm, err);

    if (!rc)
        vm_reboot(vm);
    return rc;
}

static int vm_op_stop(struct guest *g, bool force, struct error *err)
{
    struct vm *vm = vm_of(g);

    if (force) {
        vm_end(vm, VM_QUIT);
        return 0;
    }
    if (!vm->board->type->power_button)
        return fail(err, EOPNOTSUPP, "board %s has no power button", vm->board->type->name);
    vm->board->type->power_button(vm->board);
    return 0;
}

/* The engine's own counters are read with the machine at rest. */
static void vm_op_stats(struct guest *g, FILE *out)
{
    struct vm *vm = vm_of(g);
    bool running = !vm->paused && !vm->gdb;

    if (running)
        machine_stop(&vm->machine);
    vm_stats(vm, out);
    if (running)
        vm_go_on(vm);
}

const struct guest_ops vm_ops = {
    .pause = vm_op_pause,
    .resume = vm_op_resume,
    .reset = vm_op_reset,
    .stop = vm_op_stop,
    .stats = vm_op_stats,
};
