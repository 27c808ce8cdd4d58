/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * init: the container's first process until it becomes the configured program, and what it and
 * the runtime say to each other over a SOCK_SEQPACKET pair.
 */
#ifndef QUAD_ZONE_INIT_H
#define QUAD_ZONE_INIT_H

#include "zone/container.h"
#include "zone/launch.h"
#include "zone/rootfs.h"
#include "zone/seccomp.h"

/* From the container; beside these the launch stage's struct launch_report (launch.h). */
enum sync_kind {
    SYNC_ERROR = 100, /* value: errno, text: what */
    SYNC_HOOKS,       /* the tree is made: run prestart and createRuntime hooks, answer */
    SYNC_SECCOMP,     /* value: the descriptor that the filter's listener will have; answer comes
                         by the filter being noticed */
    SYNC_PID,         /* value: pid of the container's process, from a helper that joined a user
                         namespace first */
    SYNC_READY,       /* all is done but the program's execution */
};

struct sync_msg {
    uint32_t kind;
    int32_t value;
    char text[ERROR_TEXT_MAX];
};

struct init {
    const struct spec *spec;
    const struct create_opts *opts;
    struct container *c;
    struct rootfs rootfs;
    struct seccomp_program seccomp;
    int sync;          /* our end of the pair */
    int wait_fd;       /* the start socket, or -1 for run */
    int console;       /* connected console socket, or -1 */
    int ns_fd[NS_KINDS];
    bool join_cgroup;  /* the container's process does it itself */
    bool cloned_into_v2;
    bool early_go;     /* the runtime has work to do before we may go on */
    bool privileged;
    int preserve;      /* descriptors above 2 that the program gets */
    char *listen_fds;  /* "LISTEN_FDS=n" or NULL */
};

/* Never returns. */
noreturn_fn void init_run(struct init *in);

/* Mark every descriptor from `first` on to close when a program is executed. */
int close_on_exec_from(unsigned first);

#endif
