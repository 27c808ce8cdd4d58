/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * machine: all records of a machine as sections: clock, memory slots, processors, devices; and back
 * into a machine that was made from the same description. RAM's contents are ram.h's.
 *
 *     "clock"  "slot/NAME"  "vcpuN/GROUP"  "dev/NAME"
 *
 * Writing: the machine is stopped. Reading: the machine was made and reset and has no engine yet:
 *
 *     save_machine_begin(&l, m)
 *     save_machine_take(&l, &section, err)     for each SAVE_RECORD
 *     save_machine_done(&l, err)               everything was there; the machine can run
 *     save_machine_free(&l)
 */
#ifndef QUAD_SAVE_MACHINE_H
#define QUAD_SAVE_MACHINE_H

#include "save/stream.h"

struct machine;

/* Can all of it be saved? The first thing that cannot is named. */
int save_machine_check(const struct machine *m, struct error *err);

/* All of them, one text each. */
void save_machine_blockers(const struct machine *m, void (*tell)(void *opaque, const char *text),
                           void *opaque);

/* A `tell` that keeps the first one in the struct error at opaque, which was all zeros. */
void save_first_blocker(void *opaque, const char *text);

/* Bring records up to date: in-flight I/O has ended, its answers are in the guest's memory. After
 * this nothing changes records or memory before the machine goes on. */
void save_machine_settle(struct machine *m);

/* After save_machine_settle. */
int save_machine_write(struct save_out *o, struct machine *m, struct error *err);

struct save_machine_load {
    struct machine *m;
    bool clock;
    bool *vcpus; /* vCPU x group */
    bool *devs, *slots; /* by position in the machine's lists */
    unsigned ngroups, ndevs;
};

void save_machine_begin(struct save_machine_load *l, struct machine *m);
int save_machine_take(struct save_machine_load *l, const struct save_section *s, struct error *err);
int save_machine_done(struct save_machine_load *l, struct error *err);
void save_machine_free(struct save_machine_load *l);

extern const struct state save_clock_state, save_slot_state; /* for the format's documentation */

#endif
