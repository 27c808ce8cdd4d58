/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * standby: the destination's end of a replication (guest/replicate.h): a machine that is made, with
 * memory and disks of the last complete epoch, and does not run until somebody says so at its place in
 * the run directory (NAME.standby.sock). What comes after "begin" is kept apart until "epoch": a link
 * that dies in between changes nothing.
 *
 *     standby_create(&saved, err)         makes saved.standby, listens
 *     vm_restore(...)                     in it standby_load: takes epochs, returns to go on here
 *     standby_destroy(saved.standby)
 *
 *     standby_ask(name, how, &answer, err)     from outside: "status", "go", "force"
 */
#ifndef QUAD_GUEST_STANDBY_H
#define QUAD_GUEST_STANDBY_H

#include <jansson.h>

#include "guest/save.h"
#include "save/machine.h"

struct standby;

int standby_create(struct saved *s, struct error *err);
void standby_destroy(struct standby *sb); /* NULL is fine */
/* 0: the last complete epoch is in the machine, which goes on. */
int standby_load(struct saved *s, struct vm *vm, struct save_machine_load *l, struct error *err);

/* *answer, the caller's: epochs, age_ms (of the last one), linked (the source is there), taken. */
int standby_ask(const char *name, const char *how, json_t **answer, struct error *err);

#endif
