/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * control: the control socket of a running guest, on its main loop. Messages: proto/wire.h; what can
 * be asked: the commands of registry/control.def, each a `control_NAME` in a file of its own group.
 *
 * A command answers at once (returns 0, with call->result or without), refuses (a negative errno and
 * *err), or returns CONTROL_LATER and calls control_done() when it knows; the client may have gone
 * by then, which is control_done()'s business.
 *
 * It serves any `struct guest`: what every guest can goes through guest->ops; commands about
 * processors and devices have `machine` set and are refused for others.
 */
#ifndef QUAD_GUEST_CONTROL_H
#define QUAD_GUEST_CONTROL_H

#include <jansson.h>

#include "base/list.h"
#include "core/guest.h"

struct chr;
struct control;
struct control_client;
struct loop;
struct vm;

enum { CONTROL_LATER = 1 };

struct control_arg {
    const char *name;
    char type; /* 's'tring, 'i'nteger, 'b'oolean, 'o'bject, 'a'rray */
    bool required;
    const char *help;
};

struct control_call {
    struct control *control;
    struct control_client *client; /* NULL: it has gone */
    const struct control_command *command;
    json_t *id, *args; /* args: an object */
    json_t *result;    /* what the command answers: an object, owned; may stay NULL */
    int fds[4];
    unsigned nfds;
    struct list_node node;
};

struct control_command {
    const char *name, *help;
    const struct control_arg *args; /* ends with name NULL; may be NULL */
    const char *result;             /* what it answers, for the manual */
    unsigned fds;                   /* descriptors that it takes at most */
    bool machine;                   /* for guests with processors */
    int (*run)(struct control_call *call, struct error *err);
};

extern const struct control_command *const control_commands[]; /* ends with NULL */

struct control_config {
    struct guest *guest;
    struct vm *vm;       /* NULL: a guest without processors */
    struct chr *console; /* a hub (chr_open.h); may be NULL */
    struct loop *loop;
    const char *name;  /* "web"; NULL: guest-PID */
};

/* Claims the name; -EBUSY: a guest of that name runs. A guest with a name has a folder, where end.json
 * is opened. Descriptors are open from now on: nothing more is opened later. */
int control_create(struct control **out, const struct control_config *config, struct error *err);
/* Tells those who listen how the guest ended and takes the socket away. NULL is fine. */
void control_destroy(struct control *c, const char *how, const char *text);

void control_set_console(struct control *c, struct chr *hub);

const struct control_config *control_config(const struct control *c);
const char *control_name(const struct control *c);

/* To all clients that asked for events; takes data. Loop's thread. */
void control_event(struct control *c, const char *name, json_t *data);

/* The answer of a call that was put off: rc 0 and call->result, or *err. Frees the call. */
void control_done(struct control_call *call, int rc, const struct error *err);

/* The call's next descriptor, the command's own; -1: none is left. */
int control_fd(struct control_call *call);

/* Arguments, checked by the table already. */
const char *control_string(const struct control_call *call, const char *name); /* NULL: absent */
int64_t control_integer(const struct control_call *call, const char *name, int64_t absent);

/* Make the connection itself a stream of bytes after the answer: called by a command that then
 * returns 0; `take` gets the descriptor (its own) once the answer is out. */
void control_hand_over(struct control_call *call,
                       void (*take)(struct control *c, int fd, int64_t arg), int64_t arg);

/* The client wants events from now on. */
void control_subscribe(struct control_call *call);

/* All commands as the manual page doc/control.md has them. */
void control_print_manual(void *file);

#endif
