/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * launch: the last step before a container's own program.
 *
 * The process that becomes the container's program must not be the runtime's executable while the
 * container can look at it: /proc/PID/exe and an entry point of "/proc/self/exe" would lead to the
 * host's file (S1). So the last step runs from a memfd: a few hundred bytes of code copied from
 * this program, beside the data that they need, sealed. It waits for `start`, forks into the
 * container's pid namespace for `exec`, loads the seccomp filter, drops what the filter's loading
 * needed, and executes. A created container that waits for `start` costs two pages.
 */
#ifndef QUAD_ZONE_LAUNCH_H
#define QUAD_ZONE_LAUNCH_H

#include <linux/filter.h>

#include "base/base.h"

/* One message on the report socket (SOCK_SEQPACKET). */
struct launch_report {
    uint32_t kind; /* enum launch_report_kind */
    int32_t value;
};
enum launch_report_kind {
    LAUNCH_PID = 1,   /* value: the forked process, in the launcher's pid namespace */
    LAUNCH_EXEC_FAIL, /* value: errno of execve */
    LAUNCH_SECCOMP_FAIL,
    LAUNCH_CAPS_FAIL,
    LAUNCH_LABEL_FAIL,
    LAUNCH_FORK_FAIL,
    LAUNCH_TTY_FAIL,
    LAUNCH_FIFO_FAIL,
};

struct launch {
    int wait_fd;   /* listening socket to accept `start` on, or -1 */
    int report_fd; /* connected socket for reports, or -1 (then the accepted connection) */
    bool fork;     /* enter the pid namespace that was joined; report LAUNCH_PID */
    bool session;  /* a new session, and standard input its terminal where `tty` */
    bool tty;
    const struct sock_filter *filter;
    size_t filter_len;
    unsigned filter_flags;
    bool set_caps; /* after the filter is loaded */
    uint64_t cap_effective, cap_permitted, cap_inheritable;
    int proc_fd;            /* a procfs of the container's, for label and FIFO; or -1 */
    int fifo_fd;            /* the FIFO, O_PATH; or -1 */
    const char *label_path; /* "self/attr/exec" or NULL */
    const char *label;
    const char *fifo_path; /* below proc_fd: opened for writing, which waits for a reader; or NULL */
    const char *program;
    const char **argv, **envp;
};

/* Build the sealed image: a descriptor for launch_enter. */
[[nodiscard]] int launch_build(const struct launch *l, struct error *err);
/* Become the image. Returns only on failure: -errno. */
int launch_enter(int fd, const struct launch *l);

/* Run this very program again from a sealed memfd: for processes that join a pid namespace whose
 * members may trace us. Returns 0 where that is already so. */
[[nodiscard]] int launch_protect_self(char **argv, struct error *err);

#endif
