/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire: messages over a Unix stream socket: one JSON object a line, descriptors beside them.
 *
 *     client   {"id": 1, "do": "pause", "args": {...}, "fds": 0}
 *     guest    {"id": 1, "ok": {...}}   or   {"id": 1, "error": {"code": 22, "text": "..."}}
 *     guest    {"event": "state", "data": {...}}      to those who asked for events
 *     guest    {"quad": "0.1.0", "proto": 1, "guest": "web", "pid": 4711}      first of all
 *
 * "fds" says how many of the descriptors that came (SCM_RIGHTS) belong to this message, in order.
 * The socket is made non-blocking. What is bad in a message is bad for good: the peer is dropped.
 */
#ifndef QUAD_PROTO_WIRE_H
#define QUAD_PROTO_WIRE_H

#include <jansson.h>

#include "base/list.h"

#define WIRE_PROTO 1
#define WIRE_LINE_MAX (1u << 20)
#define WIRE_FDS_MAX 16
#define WIRE_OUT_MAX (4u << 20) /* a peer that reads nothing is dropped beyond that */

struct wire {
    int fd; /* owned */
    char *in;
    size_t in_len, in_room;
    int fds[WIRE_FDS_MAX];
    unsigned nfds;
    struct list_node out;
    size_t out_bytes;
};

void wire_init(struct wire *w, int fd); /* takes fd */
void wire_fini(struct wire *w);

/* Read what is there. 1: something came; 0: nothing now; negative: the peer has gone, or sends
 * nonsense. */
int wire_fill(struct wire *w, struct error *err);
/* The next whole message (an object); NULL with err->code 0: none yet. */
json_t *wire_next(struct wire *w, struct error *err);
/* The oldest descriptor that came, the caller's; -1: none. */
int wire_take_fd(struct wire *w);

/* Queue a message; descriptors are borrowed. */
int wire_put(struct wire *w, const json_t *msg, const int *fds, unsigned nfds, struct error *err);
/* Write what goes. 1: more is left; 0: all is out; negative: the peer has gone. */
int wire_flush(struct wire *w);
/* The same until all is out, or timeout_ms (-1: none) have passed. */
int wire_flush_all(struct wire *w, int timeout_ms);

#endif
