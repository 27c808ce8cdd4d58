/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * move: what the two ends of a move share: their connection and what they say to each other.
 *
 *     source                                   destination (quad receive)
 *       header, description  ------------------>
 *                            <-----------------  header, "ready" (the machine is made; its disks are
 *       pages, round by round ---------------->            open to be looked at, without locks)
 *       [stops; gives its disks away]
 *       last pages, records, "stopped" time -->
 *                            <-----------------  "loaded" (it has the disks and could run)
 *       "go" --------------------------------->  it runs
 *                            <-----------------  "running"
 *       [ends]
 *
 * Until "go" is written the guest belongs to the source: whatever breaks, it takes its disks back and
 * goes on. From then on it belongs to the destination. A source that wrote "go" and did not hear
 * "running" does not know, and never runs the guest by itself: a person says where it is.
 *
 * "refused" with a text may come instead of any answer.
 */
#ifndef QUAD_GUEST_MOVE_H
#define QUAD_GUEST_MOVE_H

#include "save/stream.h"

/* tcp:HOST:PORT or unix:PATH. Blocking descriptors. */
int move_connect(const char *where, int *fd, struct error *err);
int move_listen(const char *where, int *fd, struct error *err);
int move_accept(int listen_fd, int *fd, struct error *err);

bool move_is_local(int fd); /* the other end is on this host */

/* A message; value and text may be 0 and NULL. */
int move_say(struct save_out *o, const char *what, uint64_t value, const char *text,
             struct error *err);
/* The next message, which must be `what`; *value may be NULL. -ETIMEDOUT; ms -1: no limit. */
int move_hear(struct save_in *in, int fd, const char *what, int ms, uint64_t *value,
              struct error *err);
/* rc and *err, or what the other side gave as its reason where rc says that it hung up. */
int move_reason(struct save_in *in, int fd, int rc, struct error *err);
/* A SAVE_MOVE section's value. */
uint64_t move_value(const struct save_section *s);

/* For tests: $QUAD_MOVE_FAULT is "STAGE:cut" (the link), "STAGE:kill" (this process) or
 * "STAGE:fail"; it happens once. True: fail here. The source passes hello, round, stopped, go (just
 * before it is said) and running (just after), the destination ready, loaded and went. */
bool move_fault(const char *stage, int fd);

/* CLOCK_REALTIME, which two hosts agree on more or less. */
uint64_t move_now(void);

#endif
