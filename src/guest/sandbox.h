/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sandbox: what a guest's process can still ask of the host once the guest runs: to use the
 * descriptors that it has, memory and threads, and nothing else. Entered after everything is open and
 * every helper process runs, before the first thread and the guest's first instruction; there is no
 * way back. What it needs later is handed to it over its control socket, as descriptors.
 *
 *   user           one of its own: a user namespace, or a number that nobody else on the host has
 *   namespaces     mounts, network, IPC and host name of its own
 *   empty root     a root directory that holds nothing and takes nothing
 *   no privileges  all capabilities dropped, no new ones by exec, no core dump
 *   landlock       no file can be opened, made or changed by name [LINUX userspace-api/landlock]
 *   seccomp        an allow-list of system calls: no sockets are made, no processes, no other's memory
 *
 * Each layer alone would do for most of what an attacker can try; a host that lacks some (inside a
 * container, say) leaves the others.
 */
#ifndef QUAD_GUEST_SANDBOX_H
#define QUAD_GUEST_SANDBOX_H

#include "base/base.h"

enum {
    SANDBOX_USER = 1,
    SANDBOX_NAMESPACES = 2,
    SANDBOX_ROOT = 4,
    SANDBOX_PRIVILEGES = 8,
    SANDBOX_LANDLOCK = 16,
    SANDBOX_SECCOMP = 32,
    SANDBOX_ALL = 63,
};

enum { SANDBOX_TEXT = 96 };

/* 0: all layers hold. Otherwise *why says what the first missing one met. *on: those that hold, also
 * then. */
int sandbox_enter(unsigned *on, struct error *why);

/* "user, namespaces, empty root, no privileges, landlock, seccomp" */
void sandbox_print(unsigned layers, char out[SANDBOX_TEXT]);

#endif
