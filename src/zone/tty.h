/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tty: a container's terminal. The master side goes to whoever holds the console socket.
 */
#ifndef QUAD_ZONE_TTY_H
#define QUAD_ZONE_TTY_H

#include <sys/types.h>

#include "base/base.h"

/* A pair from the devpts at `devpts` (directory descriptor), or of the host where that is -1. */
[[nodiscard]] int tty_open(int devpts, unsigned short rows, unsigned short cols, int *master,
                           int *slave, struct error *err);
/* Hand a descriptor over a connected socket, with a name as its data. */
[[nodiscard]] int fd_send(int sock, int fd, const char *name, struct error *err);
/* Receive one; -errno on failure. Data is dropped. */
int fd_receive(int sock);
/* As fd_receive, with the data (one message): its length. */
ssize_t fd_receive_text(int sock, int *fd, char *text, size_t room);
/* Connect to a unix socket by path, relative to the directory `at`. */
[[nodiscard]] int unix_connect(int at, const char *path, int type, struct error *err);
/* Standard input, output and error become the slave. */
[[nodiscard]] int tty_to_stdio(int slave, struct error *err);

/* The person's terminal and the container's master, both ways, until the process of `pidfd` ends
 * (or, without one, the master closes). */
int tty_relay(int master, int pidfd);

#endif
