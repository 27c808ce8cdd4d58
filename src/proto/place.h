/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * place: where a user's guests are found.
 *
 *     run directory     /run/quad (root), $XDG_RUNTIME_DIR/quad, else /tmp/quad-UID
 *         NAME.lock     held (flock) by the guest's process while it runs; its pid inside
 *         NAME.sock     its control socket
 *     guests' folder    /var/lib/quad/guests (root), $XDG_DATA_HOME/quad/guests
 *         NAME/         what a guest with a name keeps (proto/folder.h)
 *
 * $QUAD_RUN_DIR and $QUAD_DATA_DIR take the place of .../quad in both. The run directory belongs to
 * one user alone (0700): who may connect is whom it belongs to.
 */
#ifndef QUAD_PROTO_PLACE_H
#define QUAD_PROTO_PLACE_H

#include "base/base.h"

/* A descriptor of the run directory; made if missing when `create`. -ENOENT without it. */
int place_run(bool create, int *fd, struct error *err);

/* The folder's path, to be freed; `place_data("guests")`, `place_data("images")`. */
char *place_data(const char *what);

/* mkdir -p, 0700 for what is new. */
int place_make(const char *path, struct error *err);

/* Letters, digits, ".", "_", "-"; not first "." or "-"; at most 63. */
int place_name_check(const char *name, struct error *err);

/* Held while a guest called `name` runs: the lock's descriptor. -EBUSY: it runs, *pid says where. */
int place_claim(int run_fd, const char *name, int *lock_fd, int *pid, struct error *err);
bool place_is_claimed(int run_fd, const char *name);

/* The path of the guest's file there (".sock", ".lock"), to be freed. */
char *place_run_file(const char *name, const char *end);

/* A listening socket NAME.sock, in place of a stale one: the caller has the claim. */
int place_listen(int run_fd, const char *name, int *fd, struct error *err);
/* -ENOENT or -ECONNREFUSED: nobody there. */
int place_connect(int run_fd, const char *name, int *fd, struct error *err);

#endif
