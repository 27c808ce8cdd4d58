/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * receive: the destination's end of a move (guest/move.h): a saved guest that comes over a socket,
 * whose last word is that it runs here now.
 */
#ifndef QUAD_GUEST_RECEIVE_H
#define QUAD_GUEST_RECEIVE_H

#include "guest/save.h"

/* The machine is made and can take memory. */
int receive_ready(struct saved *s, struct error *err);
/* It is loaded and has an engine: take the disks, wait for the word, set the clock. */
int receive_commit(struct saved *s, struct vm *vm, struct error *err);
/* Its vCPUs run. */
void receive_running(struct saved *s);
/* Something went wrong here, and the source shall know what. */
void receive_refuse(struct saved *s, const struct error *err);

#endif
