/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/vm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/leftover.h"
#include "base/log.h"
#include "board/board.h"
#include "chr/chr_open.h"
#include "config/guest_config.h"
#include "core/tape_back.h"
#include "core/blk.h"
#include "core/vsock.h"
#include "dev/virtio/virtio_balloon.h"
#include "display/vnc.h"
#include "dev/virtio/virtio_console.h"
#include "dev/virtio/virtio_mem.h"
#include "dev/virtio/virtio_rng.h"
#include "guest/choose.h"
#include "guest/console.h"
#include "guest/control.h"
#include "guest/gdbstub.h"
#include "guest/host.h"
#include "guest/screen.h"
#include "guest/sockets.h"
#include "guest/vars.h"
#include "guest/migrate.h"
#include "guest/receive.h"
#include "guest/record.h"
#include "guest/sandbox.h"
#include "guest/save.h"
#include "guest/switch.h"
#include "proto/folder.h"
#include "registry/registry.h"

#define CONSOLE_LOG_MAX (512u << 10)

/* ------------------------------------------------------------------------------------- events */

void vm_end(struct vm *vm, enum vm_end end)
{
    if (vm->end == VM_RUNNING)
        vm->end = end;
    loop_stop(&vm->loop);
}

void vm_go_on(struct vm *vm)
{
    machine_stop(&vm->machine);
    /* An event that waits holds the guest; who answers it lets it go on. */
    if (!vm->paused && !migrate_holds(vm) && !__atomic_load_n(&vm->machine.pending_events, __ATOMIC_SEQ_CST))
        machine_resume(&vm->machine);
}

void vm_reboot(struct vm *vm)
{
    struct error err = {0};

    if (!vm->loader_ready && !vm->firmware.kind) {
        log_notice("%s: it wants to reboot, and was restored without its kernel; try: --kernel FILE "
                   "when restoring", vm->guest.name);
        vm_end(vm, VM_RESET);
        return;
    }

    machine_stop(&vm->machine);
    machine_reset(&vm->machine);
    if (vm->board->type->load(vm->board, vm->loader_ready ? &vm->loader : NULL, &err)) {
        vm->machine.error = err;
        vm_end(vm, VM_FAILED);
        return;
    }
    vm->resets++;
    if (vm->control)
        control_event(vm->control, "reset", NULL);
    if (!vm->paused)
        machine_resume(&vm->machine);
}

static void vm_pause(struct vm *vm, const char *why)
{
    machine_stop(&vm->machine);
    vm->paused = true;
    vm_set_state(vm, GUEST_PAUSED);
    log_warn("%s: %s; the guest is paused%s", vm->guest.name, why,
             vm->terminal ? "; ctrl-a x leaves" : "");
}

static void vm_watchdog(struct vm *vm)
{
    const char *what = vm->config->on_watchdog;

    if (!strcmp(what, "reset"))
        vm_reboot(vm);
    else if (!strcmp(what, "pause"))
        vm_pause(vm, "its watchdog fired");
    else
        vm_end(vm, VM_WATCHDOG);
}

static void vm_on_event(void *opaque, enum machine_event ev)
{
    struct vm *vm = opaque;

    if (vm->end != VM_RUNNING)
        return;
    switch (ev) {
    case EV_NONE: break;
    case EV_POWEROFF: vm_end(vm, VM_POWEROFF); break;
    case EV_RESET:
        if (!strcmp(vm->config->on_reboot, "exit"))
            vm_end(vm, VM_RESET);
        else
            vm_reboot(vm);
        break;
    case EV_TRIPLE_FAULT: vm_end(vm, VM_TRIPLE_FAULT); break;
    case EV_PANIC:
        if (!strcmp(vm->config->on_panic, "pause"))
            vm_pause(vm, "its kernel panicked");
        else
            vm_end(vm, VM_PANIC);
        break;
    case EV_CRASH_LOADED: /* its own crash kernel takes over */
    case EV_SUSPEND: /* S3 is not offered by the tables */ vm_go_on(vm); break;
    case EV_WATCHDOG: vm_watchdog(vm); break;
    case EV_FAIL: vm_end(vm, VM_FAILED); break;
    case EV_QUIT: vm_end(vm, VM_QUIT); break;
    case EV_DEBUG: gdbstub_stopped(vm->gdb); break;
    }
}

static void vm_quit(void *opaque)
{
    vm_end(opaque, VM_QUIT);
}

static void vm_signal(void *opaque, unsigned events)
{
    struct vm *vm = opaque;
    struct signalfd_siginfo info;

    (void)events;
    if (read(vm->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        vm_end(vm, VM_QUIT);
}

/* ----------------------------------------------------------------------------------- creation */

static int open_loop(struct vm *vm, struct error *err)
{
    sigset_t set;
    int rc = loop_init(&vm->loop, err);

    if (rc)
        return rc;
    vm->loop_ready = true;
    /* Before any thread starts: all inherit the mask. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    vm->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (vm->signal_fd < 0)
        return fail_errno(err, errno, "cannot watch signals");
    vm->signals = (struct loop_io){
        .fd = vm->signal_fd, .events = LOOP_READ, .ready = vm_signal, .opaque = vm};
    return loop_add(&vm->loop, &vm->signals, err);
}

/* The first serial port has a hub, for `quad console`, and a log, if the guest has a name. */
static int open_console(struct vm *vm, struct error *err)
{
    vm->console = chr_hub_create(vm->serial[0], &vm->loop);
    vm->serial[0] = vm->console;
    if (vm->control)
        control_set_console(vm->control, vm->console);
    if (!guest_config_named(vm->config))
        return 0;
    auto_free char *path = folder_path(vm->config->name, "console.log");
    vm->serial[0] = NULL; /* a failure destroys it */
    return chr_open_log(path, CONSOLE_LOG_MAX, vm->console, &vm->serial[0], err);
}

static int open_control(struct vm *vm, struct error *err)
{
    const struct guest_config *c = vm->config;
    const struct control_config cc = {.guest = &vm->guest,
                                      .vm = vm,
                                      .loop = &vm->loop,
                                                      .name = guest_config_named(c) ? c->name : NULL};
    struct error e = {0};
    int rc = control_create(&vm->control, &cc, &e);

    if (rc && guest_config_named(c))
        return fail(err, e.code, "%s", e.text);
    if (rc) /* somebody who just runs a kernel can do without */
        log_notice("no control socket: %s", e.text);
    return 0;
}

static int open_serials(struct vm *vm, struct error *err)
{
    const char *const standard[] = {vm->config->detach ? "null" : "stdio"};
    const struct opt_list *given = &vm->config->serial;
    const char *const *items = given->count ? given->items : standard;
    size_t n = given->count ? given->count : 1;

    for (size_t i = 0; i < n && i < ARRAY_LEN(vm->serial); i++) {
        /* In the background there is no terminal; `quad console` is. */
        const char *what = vm->config->detach && !strcmp(items[i], "stdio") ? "null" : items[i];
        int rc = chr_open(what, &vm->loop, &vm->serial[i], err);
        if (rc)
            return error_prefix(err, "--serial");
        if (i == 0)
            rc = open_console(vm, err);
        if (rc)
            return rc;
        chr_on_quit(vm->serial[i], vm_quit, vm);
        vm->terminal = vm->terminal || chr_is_terminal(vm->serial[i]);
        if (strcmp(items[i], "stdio") && strcmp(items[i], "null"))
            log_notice("serial port %zu: %s", i + 1, chr_where(vm->serial[i]));
        if (vm->machine.tape)
            vm->serial[i] = tape_chr(vm->machine.tape, i ? "serial1" : "serial0", vm->serial[i]);
    }
    return 0;
}

/* Where the machine starts: by a kernel that is loaded, or by firmware. */
static int open_firmware(struct vm *vm, struct error *err)
{
    const char *kind = guest_config_firmware(vm->config), *log = vm->config->firmware_log;
    int rc = 0;

    if (log && chr_open(log, &vm->loop, &vm->firmware_log, err))
        return error_prefix(err, "--firmware-log");
    if (kind)
        rc = firmware_open(&vm->firmware, kind, getenv("QUAD_FIRMWARE_DIR"), err);
    if (!rc && vm->config->firmware_vars)
        rc = vars_open(&vm->firmware_vars, &vm->firmware, vm->config->firmware_vars,
                       vm->disks.elsewhere, err);
    else if (!rc && vm->firmware.vars.size)
        log_notice("changes of UEFI's variables are forgotten at the end; try: --firmware-vars "
                   "FILE");
    return rc;
}

static int open_loader(struct vm *vm, struct error *err)
{
    const struct guest_config *c = vm->config;
    bool para = vm->board->type->way && !strcmp(c->loader, "auto");
    struct loader_config lc = {.type = para ? "xen-pv" : c->loader,
                               .kernel = c->kernel,
                               .initrd = c->initrd,
                               .cmdline = c->append,
                               .modules = c->modules.items,
                               .nmodules = c->modules.count,
                               .memory = c->memory};
    int rc = loader_open(&vm->loader, &lc, err);

    if (rc)
        return rc;
    vm->loader_ready = true;
    if (!c->append) {
        free(vm->loader.cmdline);
        vm->loader.cmdline = console_default(vm->loader.type->name, vm->board->type->console);
    } else {
        console_check(vm->loader.type->name, c->append, vm->board->type->console);
    }
    return 0;
}

/* The board asked for, or the first of the way. */
static int choose_board(const struct vm *vm, const struct board_type **out, struct error *err)
{
    const char *name = vm->config->board;
    bool para = !strcmp(vm->guest.way, "para");
    int rc;

    for (size_t i = 0; !name && registry_boards[i]; i++)
        if (!registry_boards[i]->way == !para) {
            *out = registry_boards[i];
            return 0;
        }
    rc = registry_find_board(name, out, err);
    if (!rc && !(*out)->way != !para)
        rc = fail(err, EINVAL, "--board %s is no board of mode %s", name, vm->guest.way);
    return rc;
}

/* The channel of qemu-guest-agent, where the guest has a place for its socket. */
static int add_agent(struct vm *vm, struct error *err)
{
    struct dev *dev;

    if (!vm->config->agent)
        return 0;
    int rc = chr_open(vm->config->agent, &vm->loop, &vm->agent, err);
    if (rc)
        return error_prefix(err, "--agent");
    rc = dev_create(&virtio_console_type, "channels", &vm->machine, &dev, err);
    if (rc)
        return rc;
    virtio_console_port(dev, 1, "org.qemu.guest_agent.0", vm->agent, false);
    return vm->board->type->add_pci(vm->board, dev, err);
}

/* The device that gives the guest what quad set memory= says beyond what it was started with. */
static int add_memory_device(struct vm *vm, struct error *err)
{
    const struct memmap *map = &vm->board->map;

    if (!map->hot_size)
        return 0;
    int rc = dev_create(&virtio_mem_type, "memory", &vm->machine, &vm->memory, err);
    if (rc)
        return rc;
    virtio_mem_configure(vm->memory, map->hot, map->hot_size);
    return vm->board->type->add_pci(vm->board, vm->memory, err);
}

/* What every guest gets that has a bus for it. */
static int add_extras(struct vm *vm, struct error *err)
{
    struct dev *rng;

    if (!vm->board->type->add_pci)
        return 0;
    int rc = dev_create(&virtio_rng_type, "rng", &vm->machine, &rng, err);
    if (!rc)
        rc = vm->board->type->add_pci(vm->board, rng, err);
    if (!rc && vm->config->balloon)
        rc = dev_create(&virtio_balloon_type, "balloon", &vm->machine, &vm->balloon, err);
    if (!rc && vm->balloon)
        rc = vm->board->type->add_pci(vm->board, vm->balloon, err);
    if (!rc)
        rc = add_agent(vm, err);
    if (!rc)
        rc = sockets_open(&vm->vsock, vm->config->vsock, vm->board, &vm->loop, err);
    return rc ? rc : add_memory_device(vm, err);
}

/* perf finds the names of translated code by this file's name. */
static int open_perf_map(struct vm *vm, struct error *err)
{
    struct engine *eng = &vm->machine.engine;
    char path[64];

    if (!eng->type->dump)
        return fail(err, ENOTSUP, "--perf-map: engine %s has no translated code", eng->type->name);
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    vm->perf_map = fd < 0 ? NULL : fdopen(fd, "w");
    if (!vm->perf_map)
        return fail_errno(err, errno, "--perf-map: cannot create %s", path);
    eng->type->dump(eng, "perf-map", vm->perf_map);
    return 0;
}

/* What runs from now on has a past that others may share, or none. */
static int new_generation(struct vm *vm, struct error *err)
{
    uint8_t id[16];

    if (!vm->board->type->generation)
        return 0;
    int rc = guest_config_uuid(vm->config, id, err);
    if (!rc && !vm->machine.deterministic && getrandom(id, sizeof(id), 0) != sizeof(id))
        rc = fail_errno(err, errno, "no random numbers");
    if (!rc)
        vm->board->type->generation(vm->board, id);
    return rc;
}

static int make_machine(struct vm *vm, const struct board_type *board,
                        const struct engine_type *engine, struct saved *saved, struct error *err)
{
    struct board_config bc = {.memory = vm->config->memory,
                              .memory_max = guest_config_memory_max(vm->config),
                              .cpus = (unsigned)vm->config->cpus,
                              .cpus_max = guest_config_cpus_max(vm->config)};
    struct machine *m = &vm->machine;
    int rc;

    machine_init(m, registry_arches[0], &vm->loop, guest_config_deterministic(vm->config));
    vm->machine_ready = true;
    if (m->tape && (rc = tape_open(m->tape, vm->config->record, vm->config->replay, err)))
        return rc;
    m->seed = vm->config->seed;
    m->on_event = vm_on_event;
    m->on_event_opaque = vm;
    vm->disks.elsewhere = saved && saved->moving && !saved_has_disks(saved);
    rc = choose_model(vm, engine, err);
    if (!rc && !m->deterministic)
        m->clock.tsc_khz = choose_tsc_khz(m->clock.tsc_khz);
    if (!rc)
        rc = open_serials(vm, err);
    if (!rc)
        rc = guest_config_uuid(vm->config, bc.uuid, err);
    if (!rc)
        rc = open_firmware(vm, err);
    if (rc)
        return rc;
    bc.firmware = vm->firmware.kind ? &vm->firmware : NULL;
    bc.firmware_vars = vm->firmware_vars;
    bc.screen = screen_wanted(vm->config->display, bc.firmware != NULL);
    bc.serial_text = !vm->config->display || !strcmp(vm->config->display, "none");
    bc.debug = vm->firmware_log;
    bc.cpu_model = vm->model_name;
    memcpy(bc.serial, vm->serial, sizeof(bc.serial));
    rc = board->create(&vm->board, m, &bc, err);
    vm->disks.vars = vm->firmware_vars;
    vm->disks.vars_path = vm->config->firmware_vars;
    if (!rc)
        rc = screen_open(&vm->vnc, vm->config->display, vm->guest.name, vm->board, &vm->loop, err);
    if (!rc)
        rc = disks_open(&vm->disks, &vm->config->disks, &vm->config->cdroms, vm->board, err);
    if (!rc)
        rc = nics_open(&vm->nics,
                       &(struct nics_config){&vm->config->nics, &vm->config->forwards, bc.uuid},
                       vm->board, &vm->loop, err);
    if (!rc)
        rc = shares_open(&vm->shares, &vm->config->shares, vm->board, &vm->loop, err);
    if (!rc)
        rc = add_extras(vm, err);
    if (!rc && !vm->firmware.kind && (vm->config->kernel || !saved))
        rc = open_loader(vm, err);
    if (rc)
        return rc;
    rc = new_generation(vm, err); /* before the reset, which forgets the event */
    if (rc)
        return rc;
    machine_reset(m);
    /* A restored guest may be in the midst of its firmware, which reads its files from the board. */
    if (!saved || vm->firmware.kind)
        rc = board->load(vm->board, vm->loader_ready ? &vm->loader : NULL, err);
    if (!rc && saved)
        rc = saved_load(saved, vm, err);
    vm->restored = saved != NULL;
    if (!rc && saved && !saved->moving && !m->deterministic)
        rc = new_generation(vm, err);
    if (!rc)
        rc = machine_set_engine(m, engine, err);
    if (!rc)
        rc = record_start(vm, err);
    if (!rc && vm->config->switch_every)
        rc = switch_every(vm, vm->config->switch_every, err);
    if (!rc && vm->config->perf_map)
        rc = open_perf_map(vm, err);
    if (!rc && vm->config->gdb)
        rc = gdbstub_create(&vm->gdb, vm->config->gdb, m, err);
    return rc;
}

static void vm_say(const struct vm *vm)
{
    const struct guest_config *c = vm->config;

    log_notice("%s: way %s (%s), engine %s (%s), processor %s (%s), %" PRIu64 " MiB, %" PRIu64
               " vCPU%s, %s %s%s",
               vm->guest.name, vm->guest.way, vm->way_reason, vm->machine.engine.type->name,
               vm->engine_reason, vm->model_name, vm->model_reason, c->memory >> 20, c->cpus,
               c->cpus > 1 ? "s" : "", vm->firmware.kind ? "firmware" : "loader",
               vm->firmware.kind    ? vm->firmware.path
               : vm->loader_ready ? vm->loader.type->name
                                  : "none (restored)",
               vm->terminal ? "; ctrl-a x leaves" : "");
}

static int create(struct vm **out, const struct guest_config *config, struct saved *saved,
                  struct error *err)
{
    struct vm *vm = xcalloc(1, sizeof(*vm));
    const struct engine_type *engine = NULL;
    const struct board_type *board = NULL;
    int rc;

    *vm = (struct vm){.config = config,
                      .signal_fd = -1,
                      .hint_fd = -1,
                      .switch_fd = -1,
                      .guest = {.ops = &vm_ops, .name = config->name, .state = GUEST_CREATED}};
    rc = choose_way(vm, err);
    if (!rc)
        rc = choose_engine(vm, &engine, err);
    if (!rc)
        rc = choose_board(vm, &board, err);
    if (!rc)
        rc = open_loop(vm, err);
    if (!rc)
        rc = open_control(vm, err);
    if (!rc)
        rc = cpu_limit_init(&vm->cpu_limit, &vm->machine, &vm->loop, err);
    if (!rc)
        rc = boosts_init(&vm->boosts, vm, &vm->loop, err);
    if (!rc)
        rc = make_machine(vm, board, engine, saved, err);
    if (rc) {
        vm_destroy(vm);
        return rc;
    }
    vm_say(vm);
    host_notices();
    *out = vm;
    return 0;
}

int vm_create(struct vm **out, const struct guest_config *config, struct error *err)
{
    return create(out, config, NULL, err);
}

int vm_restore(struct vm **out, struct saved *saved, struct error *err)
{
    int rc = create(out, &saved->description.config, saved, err);

    if (!saved->moving)
        return rc;
    if (!rc) {
        rc = receive_commit(saved, *out, err);
        if (rc)
            vm_destroy(take_ptr(*out));
        else
            (*out)->moving_in = saved;
    }
    if (rc)
        receive_refuse(saved, err);
    return rc;
}

/* It runs, where it did not run before. */
static void vm_is_here(void *opaque)
{
    struct vm *vm = opaque;

    nics_announce(&vm->nics);
    if (vm->moving_in)
        receive_running(vm->moving_in);
}

/* ---------------------------------------------------------------------------------------- run */

static uint64_t counter(struct vm *vm, const char *dev_name, const char *name)
{
    list_for_each(it, &vm->machine.devs) {
        struct dev *d = list_entry(it, struct dev, node);
        for (const struct dev_counter *c = d->type->counters;
             c && c->name && !strcmp(d->name, dev_name); c++)
            if (!strcmp(c->name, name))
                return __atomic_load_n((uint64_t *)(void *)((char *)d + c->offset),
                                       __ATOMIC_RELAXED);
    }
    return 0;
}

/* A guest that says nothing is mostly one that talks elsewhere. */
static void vm_hint(void *opaque, unsigned events)
{
    struct vm *vm = opaque;

    (void)events;
    loop_remove(&vm->loop, &vm->hint);
    close(vm->hint_fd);
    vm->hint_fd = -1;
    const struct board_type *type = vm->board->type;
    if (type->console_bytes ? type->console_bytes(vm->board) : counter(vm, "serial0", "tx_bytes"))
        return;
    log_notice("ten seconds without output on the first serial port; try: console=%s in --append, "
               "earlyprintk=%s for the first messages%s",
               vm->board->type->console, vm->board->type->console,
               vm->terminal ? "; ctrl-a x leaves" : "");
}

#define HINT_SECONDS 10

static void arm_hint(struct vm *vm)
{
    struct itimerspec when = {.it_value.tv_sec = HINT_SECONDS};
    struct error ignored;

    vm->hint_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (vm->hint_fd < 0)
        return;
    timerfd_settime(vm->hint_fd, 0, &when, NULL);
    vm->hint =
        (struct loop_io){.fd = vm->hint_fd, .events = LOOP_READ, .ready = vm_hint, .opaque = vm};
    if (loop_add(&vm->loop, &vm->hint, &ignored)) {
        close(vm->hint_fd);
        vm->hint_fd = -1;
    }
}

/* Everything is open, no thread of ours runs yet. */
static int close_process(struct vm *vm, struct error *err)
{
    const char *how = vm->config->sandbox;
    struct error why;
    char text[SANDBOX_TEXT];
    unsigned on;

    if (!strcmp(how, "off"))
        return 0;
    int rc = leftover_helper(err);
    if (rc || !sandbox_enter(&on, &why))
        return rc;
    if (!strcmp(how, "require"))
        return fail(err, ENOTSUP, "--sandbox require: %s", why.text);
    sandbox_print(on, text);
    log_notice("sandbox: this host allows only: %s (%s)", on ? text : "nothing", why.text);
    return 0;
}

enum vm_end vm_run(struct vm *vm, struct error *err)
{
    arm_hint(vm);
    if (close_process(vm, err)) {
        vm->end = VM_FAILED;
        return vm->end;
    }
    vm->started_ns = monotonic_ns();
    vm_set_state(vm, GUEST_RUNNING);
    if (vm->restored)
        loop_call(&vm->loop, vm_is_here, vm);
    if (machine_start(&vm->machine, err) || loop_run(&vm->loop, err))
        vm->end = VM_FAILED;
    else if (vm->end == VM_FAILED)
        *err = vm->machine.error;
    machine_quit(&vm->machine);
    if (tape_end(vm->machine.tape, err))
        vm->end = VM_FAILED;
    vm->guest.state = vm->end == VM_FAILED ? GUEST_FAILED : GUEST_STOPPED;
    return vm->end;
}

int vm_dump(struct vm *vm, const char *what, FILE *out, struct error *err)
{
    struct engine *eng = &vm->machine.engine;

    if (!eng->type || !eng->type->dump)
        return fail(err, ENOTSUP, "--dump-jit: the engine has no translated code");
    eng->type->dump(eng, what, out);
    return 0;
}

void vm_stats(struct vm *vm, FILE *out)
{
    struct machine *m = &vm->machine;

    for (unsigned i = 0; i < m->nvcpus; i++)
        if (!vcpu_absent(m->vcpus[i]))
            fprintf(out,
                    "vcpu%u.halts: %" PRIu64 "\nvcpu%u.kicks: %" PRIu64 "\nvcpu%u.exits: %" PRIu64 "\n",
                    i, m->vcpus[i]->n_halts, i, m->vcpus[i]->n_kicks, i, m->vcpus[i]->n_exits);
    fprintf(out, "ports.unclaimed_reads: %" PRIu64 "\nports.unclaimed_writes: %" PRIu64 "\n",
            m->ports.unclaimed_reads, m->ports.unclaimed_writes);
    fprintf(out, "mmio.unclaimed_reads: %" PRIu64 "\nmmio.unclaimed_writes: %" PRIu64 "\n",
            m->mmio.unclaimed_reads, m->mmio.unclaimed_writes);
    fprintf(out, "resets: %u\nengine_switches: %u\n", vm->resets, vm->n_switches);
    fprintf(out, "cpu.held: %" PRIu64 "\ncpu.held_ms: %" PRIu64 "\n", vm->cpu_limit.n_held,
            vm->cpu_limit.held_ns / 1000000);
    list_for_each(it, &m->devs) {
        struct dev *d = list_entry(it, struct dev, node);
        for (const struct dev_counter *c = d->type->counters; c && c->name; c++)
            fprintf(out, "%s.%s: %" PRIu64 "\n", d->name, c->name,
                    *(uint64_t *)(void *)((char *)d + c->offset));
    }
    if (vm->board->type->dump)
        vm->board->type->dump(vm->board, "stats", out);
    if (m->engine.type && m->engine.type->dump)
        m->engine.type->dump(&m->engine, "stats", out);
}

void vm_count_hypercalls(struct vm *vm, FILE *out)
{
    if (vm->board->type->dump)
        vm->board->type->dump(vm->board, "hypercalls", out);
}

void vm_destroy(struct vm *vm)
{
    if (!vm)
        return;
    migrate_end(vm);
    if (vm->machine_ready) {
        machine_quit(&vm->machine);
        gdbstub_destroy(vm->gdb);
        vnc_destroy(vm->vnc);
        shares_close(&vm->shares);
        if (vm->board && vm->board->type->let_go)
            vm->board->type->let_go(vm->board);
        machine_fini(&vm->machine);
    }
    cpu_limit_fini(&vm->cpu_limit);
    boosts_fini(&vm->boosts);
    if (vm->perf_map)
        fclose(vm->perf_map);
    nics_close(&vm->nics);
    disks_close(&vm->disks);
    /* Its name is free once its disks are: who waits for that may start it again. */
    control_destroy(vm->control, vm->end == VM_RUNNING ? NULL : vm_end_name(vm->end),
                    vm->machine.error.text);
    if (vm->board)
        vm->board->type->destroy(vm->board);
    if (vm->loader_ready)
        loader_close(&vm->loader);
    firmware_close(&vm->firmware);
    blk_destroy(vm->firmware_vars);
    chr_destroy(vm->firmware_log);
    chr_destroy(vm->agent);
    vsock_destroy(vm->vsock);
    for (size_t i = 0; i < ARRAY_LEN(vm->serial); i++)
        chr_destroy(vm->serial[i]);
    if (vm->hint_fd >= 0)
        close(vm->hint_fd);
    if (vm->signal_fd >= 0)
        close(vm->signal_fd);
    switch_stop(vm);
    if (vm->loop_ready)
        loop_fini(&vm->loop);
    free(vm);
}
