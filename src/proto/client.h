/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client: the other end of a guest's control socket, and the list of all guests of this user.
 *
 *     client_open(&c, "web", err)
 *     client_call(&c, "pause", NULL, &result, err)
 *     client_close(&c)
 *
 * Calls wait for their answer; events that come meanwhile are kept for client_event().
 */
#ifndef QUAD_PROTO_CLIENT_H
#define QUAD_PROTO_CLIENT_H

#include "proto/wire.h"

struct client {
    struct wire wire;
    json_t *events; /* array */
    uint64_t id;
    int pid;
    char *name;
};

/* -ENOENT: no guest is called so (the nearest name is told); -ENOTCONN: it does not run. */
int client_open(struct client *c, const char *name, struct error *err);
void client_close(struct client *c); /* a zeroed record is fine */

/* args: borrowed, may be NULL. result: the caller's, may be NULL. A refusal is an error with the
 * guest's code and text. */
int client_call(struct client *c, const char *what, json_t *args, json_t **result,
                struct error *err);
int client_call_fds(struct client *c, const char *what, json_t *args, const int *fds, unsigned nfds,
                    json_t **result, struct error *err);
/* How long a call may take, ms; -1 (the rule): as long as it takes. */
int client_call_timeout(struct client *c, const char *what, json_t *args, int timeout_ms,
                        json_t **result, struct error *err);

/* The next event, the caller's. -ETIMEDOUT, -EPIPE (the guest's process has gone). After a call of
 * "events". */
int client_event(struct client *c, int timeout_ms, json_t **event, struct error *err);

/* All names, sorted, NULL-terminated; roster_free(). */
struct roster {
    char **names;
    bool *running;
    size_t n;
};
int roster_open(struct roster *r, struct error *err);
void roster_free(struct roster *r);
/* Says "no guest is called ..." with the nearest name; returns -ENOENT. */
int roster_unknown(const char *name, struct error *err);

#endif
