/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vm: a guest that is a machine: made here, once, from board, engine and settings; what happens on
 * its events (power off, reboot, panic) is decided here.
 *
 *     vm_create(&vm, &config, err)
 *     vm_run(vm, err)         until it ends; the caller's thread is the guest's main loop
 *     vm_destroy(vm)
 */
#ifndef QUAD_GUEST_VM_H
#define QUAD_GUEST_VM_H

#include <stdio.h>

#include "base/loop.h"
#include "board/firmware.h"
#include "board/loader.h"
#include "core/guest.h"
#include "core/machine.h"
#include "guest/boost.h"
#include "guest/cpu_limit.h"
#include "guest/disks.h"
#include "guest/nics.h"
#include "guest/shares.h"

struct board;
struct chr;
struct control;
struct guest_config;
struct gdbstub;
struct saved;

/* How a guest ended. */
enum vm_end {
    VM_RUNNING,
    VM_POWEROFF,
    VM_QUIT,  /* the person left, or a signal asked to */
    VM_RESET, /* --on-reboot exit */
    VM_PANIC,
    VM_TRIPLE_FAULT,
    VM_WATCHDOG,
    VM_SAVED, /* it goes on later */
    VM_MOVED, /* it goes on elsewhere */
    VM_FAILED, /* machine.error says why */
};

struct vm {
    struct guest guest;
    const struct guest_config *config; /* borrowed */
    struct loop loop;
    struct machine machine;
    struct board *board;
    struct loader loader;
    struct firmware firmware;
    struct chr *firmware_log;
    struct blk *firmware_vars;
    struct vnc *vnc; /* --display */
    bool loop_ready, machine_ready, loader_ready;
    struct chr *serial[2];
    struct dev *balloon, *memory; /* NULL: none */
    struct chr *agent; /* where qemu-guest-agent's channel leads */
    struct disks disks;
    struct nics nics;
    struct shares shares;
    struct vsock *vsock; /* NULL: none */
    const char *way_reason, *engine_reason, *model_name, *model_reason;
    enum vm_end end;
    struct loop_io signals, hint, switches;
    int signal_fd, hint_fd, switch_fd;
    unsigned n_switches; /* of engines */
    bool paused; /* by a person, or after a panic or watchdog with "pause" */
    struct control *control;
    bool restored; /* it goes on from a file or from elsewhere */
    struct saved *moving_in; /* borrowed: where it comes from waits to hear that it runs */
    struct migrate *migrate; /* a move that goes on, or the last one */
    struct chr *console; /* the first serial port's hub; belongs to serial[0] */
    uint64_t started_ns;
    struct cpu_limit cpu_limit;
    struct boosts boosts;
    bool terminal; /* a person sits at a terminal */
    unsigned resets;
    FILE *perf_map;
    struct gdbstub *gdb; /* --gdb */
};

/* From a saved one (guest/save.h): everything but its machine's contents is made anew. */
int vm_restore(struct vm **out, struct saved *saved, struct error *err);

int vm_create(struct vm **out, const struct guest_config *config, struct error *err);
enum vm_end vm_run(struct vm *vm, struct error *err);
/* Make vm_run return; the first reason counts. Loop's thread. */
void vm_end(struct vm *vm, enum vm_end end);
/* Let it run, unless it is paused or has an event to be told first. */
void vm_go_on(struct vm *vm);
void vm_destroy(struct vm *vm);

/* How it ended, for programs: "poweroff", "panic" ... */
const char *vm_end_name(enum vm_end end);

/* What control commands and events do, on the loop's thread. */
extern const struct guest_ops vm_ops;
void vm_reboot(struct vm *vm);
void vm_set_state(struct vm *vm, enum guest_state state);

/* The engine's own view (translated code). */
int vm_dump(struct vm *vm, const char *what, FILE *out, struct error *err);

/* Counters of devices and vCPUs, one "name: value" a line. */
void vm_stats(struct vm *vm, FILE *out);

/* The table of --count-hypercalls. */
void vm_count_hypercalls(struct vm *vm, FILE *out);

#endif
