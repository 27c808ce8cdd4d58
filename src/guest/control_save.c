/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands that take a guest elsewhere: into a file, to another engine.
 */
#include <unistd.h>

#include "guest/control.h"
#include "guest/save.h"
#include "guest/switch.h"
#include "guest/vm.h"
#include "save/machine.h"

static int save(struct control_call *call, struct error *err)
{
    struct vm *vm = control_config(call->control)->vm;
    const struct save_options o = {
        .compress = json_is_true(json_object_get(call->args, "compress")),
        .disk_snapshot = control_string(call, "disks")};
    bool go_on = json_is_true(json_object_get(call->args, "go_on"));
    auto_close int fd = control_fd(call);
    struct save_report r;

    if (fd < 0)
        return fail(err, EINVAL, "save needs a descriptor to write to");
    int rc = save_guest(vm, fd, &o, &r, err);
    if (rc || go_on)
        vm_go_on(vm);
    else
        vm_end(vm, VM_SAVED);
    if (!rc)
        call->result = json_pack("{s:I, s:I}", "bytes", (json_int_t)r.bytes, "ms",
                                 (json_int_t)(r.ns / 1000000));
    return rc;
}

static const struct control_arg save_args[] = {
    {"compress", 'b', false, "smaller; restoring reads all of it"},
    {"disks", 's', false, "a snapshot of this name is kept in each disk's image, of the same moment"},
    {"go_on", 'b', false, "the guest goes on afterwards; without it the guest ends here"},
    {0},
};

const struct control_command control_save = {
    .name = "save",
    .help = "Write the whole guest into a file, a pipe or a socket (doc/save-format.md)",
    .args = save_args,
    .result = "bytes, and ms: how long the guest stood still",
    .fds = 1,
    .machine = true,
    .run = save,
};

static int drop(struct control_call *call, struct error *err)
{
    struct vm *vm = control_config(call->control)->vm;

    machine_stop(&vm->machine);
    save_machine_settle(&vm->machine);
    int rc = disks_snapshot_drop(&vm->disks, control_string(call, "name"), err);
    vm_go_on(vm);
    return rc;
}

static const struct control_arg drop_args[] = {{"name", 's', true, "of the snapshot"}, {0}};

const struct control_command control_snapshot_drop = {
    .name = "snapshot_drop",
    .help = "Forget what `save` kept in the disks' images",
    .args = drop_args,
    .machine = true,
    .run = drop,
};

static int engine(struct control_call *call, struct error *err)
{
    struct vm *vm = control_config(call->control)->vm;
    int rc = vm_switch_engine(vm, control_string(call, "name"), control_fd(call), err);

    if (!rc)
        call->result = json_pack("{s:s, s:s, s:i}", "engine", vm->machine.engine.type->name, "way",
                                 vm->guest.way, "switches", (int)vm->n_switches);
    return rc;
}

static const struct control_arg engine_args[] = {
    {"name", 's', true, "as `quad list engines` has it"},
    {0},
};

const struct control_command control_engine = {
    .name = "engine",
    .help = "Go on under another engine; the guest does not notice. One that stands on a device of the host "
            "(`/dev/kvm`) gets its descriptor with the request: the guest's process can open nothing",
    .args = engine_args,
    .result = "engine, way, and switches: how often it was changed",
    .fds = 1,
    .machine = true,
    .run = engine,
};
