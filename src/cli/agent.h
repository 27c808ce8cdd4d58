/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * agent: talks to qemu-guest-agent in a running guest [QGA] through the guest's socket.
 *
 *     agent_open(&a, "web", 5000, err)
 *     agent_call(&a, "guest-ping", NULL, &answer, err)
 *     agent_close(&a)
 */
#ifndef QUAD_CLI_AGENT_H
#define QUAD_CLI_AGENT_H

#include <jansson.h>

#include "base/base.h"

struct agent {
    int fd;
    char *buf; /* what came and is not used yet */
    size_t len, room;
};

/* Does the guest have a channel for an agent? */
bool agent_is_there(const char *name);
/* Waits up to `ms` for the agent to answer. -ENOENT, -ENOTCONN: there is no such guest, it does not
 * run, it has no channel; -ETIMEDOUT: nobody answers in it. */
int agent_open(struct agent *a, const char *name, int ms, struct error *err);
void agent_close(struct agent *a);

/* args: taken over, may be NULL. answer: the caller's ("return" of the reply), may be NULL. */
int agent_call(struct agent *a, const char *what, json_t *args, json_t **answer, struct error *err);

/* The guest's addresses, without loopback and link-local ones, as an array of strings; NULL: its agent
 * does not answer within `ms`. */
json_t *agent_addresses(const char *name, int ms);

char *base64_encode(const void *data, size_t len);
/* The bytes, with a zero after them; NULL: it is none. */
uint8_t *base64_decode(const char *text, size_t *len);

#endif
