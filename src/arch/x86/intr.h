/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * intr: events at instruction boundaries: INIT, SIPI, NMI, external interrupts, wake-up from halt.
 * Shared by all engines of ours.
 */
#ifndef QUAD_ARCH_X86_INTR_H
#define QUAD_ARCH_X86_INTR_H

#include "arch/x86/cpu.h"

enum x86_event {
    EVENT_NONE,      /* nothing to deliver: run on */
    EVENT_DELIVERED, /* state changed: at the handler's first instruction, or reset */
    EVENT_WAIT,      /* halted or waiting for SIPI, and nothing ends it */
    EVENT_SHUTDOWN,  /* delivery ended in a triple fault */
};

/* Clears REQ_INTR, takes what other threads posted, delivers at most one event. */
enum x86_event x86_poll_events(struct x86_cpu *c);

/* Any thread: would x86_poll_events() end a halt? */
bool x86_event_pending(const struct x86_cpu *c);

void x86_reset(struct x86_cpu *c, bool init); /* power-on, or INIT [SDM3 9.1.1] */

#endif
