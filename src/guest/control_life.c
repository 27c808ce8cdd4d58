/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands of every guest: what it is, pause, resume, reset, power, quit, events.
 */
#include <unistd.h>

#include "base/loop.h"
#include "board/board.h"
#include "config/guest_config.h"
#include "core/machine.h"
#include "guest/control.h"
#include "guest/vm.h"

static void put_new(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static void describe_machine(json_t *r, const struct vm *vm)
{
    const struct guest_config *c = vm->config;
    json_t *forwards = json_array();

    put_new(r, "engine", json_string(vm->machine.engine.type->name));
    put_new(r, "board", json_string(vm->board->type->name));
    put_new(r, "cpus", json_integer(machine_vcpus_present(&vm->machine)));
    put_new(r, "memory", json_integer((json_int_t)c->memory));
    put_new(r, "resets", json_integer(vm->resets));
    for (unsigned i = 0; i < vm->nics.n_forwards; i++) {
        const struct net_forward *f = &vm->nics.forwards[i];
        json_array_append_new(forwards, json_pack("{s:s, s:s, s:i, s:i}", "protocol",
                                                  f->udp ? "udp" : "tcp", "address", f->address,
                                                  "port", f->host_port, "guest", f->guest_port));
    }
    put_new(r, "forwards", forwards);
    if (vm->started_ns)
        put_new(r, "seconds", json_integer((json_int_t)((monotonic_ns() - vm->started_ns) / 1000000000u)));
}

static int status(struct control_call *call, struct error *err)
{
    const struct control_config *c = control_config(call->control);

    (void)err;
    call->result = json_pack("{s:s, s:s, s:s, s:i}", "name", control_name(call->control), "state",
                             guest_state_name(c->guest->state), "way",
                             c->guest->way ? c->guest->way : "", "pid", (int)getpid());
    if (c->vm)
        describe_machine(call->result, c->vm);
    else if (c->guest->ops->describe)
        c->guest->ops->describe(c->guest, call->result);
    return 0;
}

const struct control_command control_status = {
    .name = "status",
    .help = "What the guest is and does now",
    .result = "name, state (running, paused), way, pid; of machines also engine, board, cpus, "
              "memory (bytes), resets, forwards, seconds (since it was started)",
    .run = status,
};

static struct guest *guest_of(struct control_call *call)
{
    return control_config(call->control)->guest;
}

static int pause_it(struct control_call *call, struct error *err)
{
    struct guest *g = guest_of(call);

    return g->ops->pause ? g->ops->pause(g, err) : fail(err, EOPNOTSUPP, "it cannot pause");
}

const struct control_command control_pause = {
    .name = "pause",
    .help = "Stop all processors and the guest's clock; no error if it is paused already",
    .run = pause_it,
};

static int resume(struct control_call *call, struct error *err)
{
    struct guest *g = guest_of(call);

    return g->ops->resume ? g->ops->resume(g, err) : fail(err, EOPNOTSUPP, "it cannot pause");
}

const struct control_command control_resume = {
    .name = "resume",
    .help = "Go on after a pause; no error if it runs",
    .run = resume,
};

static int reset(struct control_call *call, struct error *err)
{
    struct guest *g = guest_of(call);

    return g->ops->reset ? g->ops->reset(g, err) : fail(err, EOPNOTSUPP, "it has no reset");
}

const struct control_command control_reset = {
    .name = "reset",
    .help = "Start again from the beginning, as the reset button does; what was not written is lost",
    .run = reset,
};

static int power(struct control_call *call, struct error *err)
{
    struct guest *g = guest_of(call);

    return g->ops->stop ? g->ops->stop(g, false, err) : fail(err, EOPNOTSUPP, "it cannot be asked");
}

const struct control_command control_power = {
    .name = "power",
    .help = "Ask the guest to power off: the ACPI button; it answers at once, the guest may take "
            "its time or do nothing",
    .run = power,
};

static int quit(struct control_call *call, struct error *err)
{
    struct guest *g = guest_of(call);

    return g->ops->stop(g, true, err);
}

const struct control_command control_quit = {
    .name = "quit",
    .help = "End the guest's process now; what was not written is lost",
    .run = quit,
};

static int events(struct control_call *call, struct error *err)
{
    (void)err;
    control_subscribe(call);
    return 0;
}

const struct control_command control_events = {
    .name = "events",
    .help = "From now on this connection gets events: `state` (`state`), `reset`, `boost-end` (`key`, `n`), and as the last "
            "one `end` (`how`: poweroff, quit, reset, panic, triple-fault, watchdog, saved, failed; `text`)",
    .run = events,
};
