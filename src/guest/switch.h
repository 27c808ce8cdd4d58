/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch: another engine under a running guest: a move without a wire. The machine is stopped, the
 * old engine gives its processors' state back and closes, the new one takes it. The way that a
 * person sees follows the engine; the guest sees nothing.
 *
 * On the loop's thread.
 */
#ifndef QUAD_GUEST_SWITCH_H
#define QUAD_GUEST_SWITCH_H

#include "base/base.h"

struct vm;

/* On failure the guest goes on under the old engine. device_fd: what the new one stands on
 * (engine_type.host_device), taken; -1: none was handed in. */
int vm_switch_engine(struct vm *vm, const char *name, int device_fd, struct error *err);

/* --switch-every: to the next engine that works here, every ms milliseconds, from now on. */
int switch_every(struct vm *vm, uint64_t ms, struct error *err);
void switch_stop(struct vm *vm);

#endif
