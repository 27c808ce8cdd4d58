/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ssh: the way into a guest that was started from an image.
 */
#ifndef QUAD_CLI_SSH_H
#define QUAD_CLI_SSH_H

#include "base/base.h"

/* The host's port that leads to the guest's ssh server, or a negative errno. */
int ssh_port(const char *name, struct error *err);
/* Until its server greets. `alive`: does the guest still run? NULL: it is somebody else's. */
int ssh_wait(const char *name, int port, uint64_t seconds, bool (*alive)(void *opaque),
             void *opaque, struct error *err);
/* Becomes ssh; only returns on failure. words end with NULL; none: a shell. */
int ssh_exec(const char *name, const char *user, int port, bool tty, const char *const *words,
             struct error *err);

#endif
