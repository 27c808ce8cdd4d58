/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gdbstub: gdb's remote protocol over a Unix socket or a local TCP port, one debugger at a time.
 * Threads are vCPUs (thread n + 1 is vCPU n); all stop together. [GDB appendix E]
 *
 * It lives on the guest's main loop. While a debugger is attached and the guest stopped, the
 * machine is stopped by it. A machine that has a stub waits for the debugger's first "continue".
 *
 * Breakpoints are linear addresses in whatever address space runs, and never written to guest
 * memory; while there is one, the translator runs by its operations' functions. A single step lets
 * no interrupt in between.
 *
 * Not modelled: watchpoints, 16- and 32-bit code described as such (registers are always shown as
 * the 64-bit ones), non-stop mode, reverse execution.
 */
#ifndef QUAD_GUEST_GDBSTUB_H
#define QUAD_GUEST_GDBSTUB_H

#include "core/machine.h"

struct gdbstub;

/* where: "unix:PATH" or "tcp:PORT" (of 127.0.0.1). Before machine_start(). */
int gdbstub_create(struct gdbstub **out, const char *where, struct machine *m, struct error *err);
/* The guest is over: tells a debugger so. NULL is fine. */
void gdbstub_destroy(struct gdbstub *g);

/* EV_DEBUG: a vCPU met a breakpoint or ended a step. */
void gdbstub_stopped(struct gdbstub *g);

#endif
