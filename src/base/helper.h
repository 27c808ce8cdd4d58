/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * helper: a process beside this one, for what this one must not do itself (guest/sandbox.h): a
 * network, a folder of the host, names that are taken away at the end.
 *
 *     helper_start(&(struct helper){.name = "quad-net", .main = serve, .opaque = &what}, &fd, err);
 *
 * It is a grandchild, so that nobody has to wait for it; it sees this process's memory as it was, and
 * has /dev/null as standard input, output and error, descriptor 3 as its end of a sequenced-packet
 * socket pair, those of `fds` from 4 on, and nothing else. It gets no new privileges, and ends when
 * its main returns: main's business is to return when the socket ends.
 */
#ifndef QUAD_BASE_HELPER_H
#define QUAD_BASE_HELPER_H

#include "base/base.h"

enum { HELPER_FD = 3, HELPER_FDS_MAX = 4 };

struct helper {
    const char *name; /* at most 15 letters: as ps shows it */
    void (*main)(void *opaque);
    void *opaque;
    int fds[HELPER_FDS_MAX]; /* borrowed */
    unsigned nfds;
    int buffer; /* bytes that the socket holds in each direction; 0: as the host has it */
};

/* *fd: this process's end, the caller's. */
int helper_start(const struct helper *h, int *fd, struct error *err);

#endif
