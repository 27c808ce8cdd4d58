/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sandbox: what a guest's process can still ask of the host once the guest runs: to use the
 * descriptors that it has, memory and threads, and nothing else. Entered after everything is open and
 * every helper process runs, before the first thread and the guest's first instruction; there is no
 * way back.
 *
 *   privileges   all capabilities dropped, no new ones by exec, no core dump
 *   landlock     no file can be opened, made or changed by name [LINUX userspace-api/landlock]
 *   seccomp      an allow-list of system calls: no sockets are made, no processes, no other's memory
 *
 * A layer that this host does not have is named in the report; whoever requires all of them gets an
 * error.
 *
 * Not done: namespaces and an empty root directory. The filter lets `stat` of a path pass.
 */
#ifndef QUAD_GUEST_SANDBOX_H
#define QUAD_GUEST_SANDBOX_H

#include "base/base.h"

enum { SANDBOX_PRIVILEGES = 1, SANDBOX_LANDLOCK = 2, SANDBOX_SECCOMP = 4, SANDBOX_ALL = 7 };

struct sandbox_config {
    bool require; /* all layers, or an error */
    int run_fd;   /* a directory where files may still be removed by name; -1: none */
};

/* *on: the layers that hold now. An error leaves those that hold. */
int sandbox_enter(const struct sandbox_config *config, unsigned *on, struct error *err);

/* "privileges, landlock, seccomp" */
void sandbox_print(unsigned layers, char out[64]);

#endif
