/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host_run: runs a program of the host and shows each line that it prints to the caller.
 */
#ifndef QUAD_IMAGE_HOST_RUN_H
#define QUAD_IMAGE_HOST_RUN_H

#include "base/base.h"

struct host_run {
    const char *const *argv;
    const char *dir; /* NULL: where we are */
    int in;          /* standard input; -1: /dev/null */
    void (*line)(void *opaque, const char *line); /* both outputs; may be NULL */
    void *opaque;
    const volatile int *stop; /* non-zero: end it (SIGTERM to its group); may be NULL */
};

/* 0 when it ended with exit code 0; else the error names the program and how it ended, and holds
 * its last line. EINTR after `stop`, ENOENT when there is no such program. */
int host_run(const struct host_run *c, struct error *err);
bool host_has(const char *name); /* in PATH, and the folders of the administrator */

#endif
