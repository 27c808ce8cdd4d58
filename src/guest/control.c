/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/leftover.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/opt.h"
#include "base/trace.h"
#include "proto/folder.h"
#include "proto/place.h"
#include "proto/wire.h"

#define CLIENTS_MAX 64
#define LAST_WORDS_MS 1000

struct control {
    struct control_config config;
    char *name;
    uid_t owner; /* of the run directory: who it was before it was sandboxed */
    int lock_fd, listen_fd;
    int end_fd; /* how it ended is written there; -1: nowhere */
    struct loop_io listen_io;
    struct list_node clients, calls;
    struct list_node gone; /* clients to be freed once no command of theirs runs */
    unsigned nclients;
};

struct control_client {
    struct control *control;
    struct wire wire;
    struct loop_io io;
    struct list_node node;
    bool wants_events, gone;
    void (*take)(struct control *c, int fd, int64_t arg); /* control_hand_over */
    int64_t take_arg;
};

/* ----------------------------------------------------------------------------------- clients */

static void free_gone(void *opaque)
{
    struct control *c = opaque;

    while (!list_empty(&c->gone)) {
        struct control_client *cl = list_entry(c->gone.next, struct control_client, node);
        list_remove(&cl->node);
        free(cl);
    }
}

static void client_free(struct control_client *cl)
{
    struct control *c = cl->control;

    if (cl->gone)
        return;
    cl->gone = true;
    list_for_each(it, &c->calls) {
        struct control_call *call = list_entry(it, struct control_call, node);
        if (call->client == cl)
            call->client = NULL;
    }
    loop_remove(c->config.loop, &cl->io);
    list_remove(&cl->node);
    c->nclients--;
    wire_fini(&cl->wire);
    list_append(&c->gone, &cl->node);
    loop_call(c->config.loop, free_gone, c);
}

static void client_hand_over(struct control_client *cl)
{
    struct control *c = cl->control;
    int fd = fcntl(cl->wire.fd, F_DUPFD_CLOEXEC, 3);
    int64_t arg = cl->take_arg;
    void (*take)(struct control *, int, int64_t) = cl->take;

    client_free(cl);
    if (fd >= 0)
        take(c, fd, arg);
}

/* Write what goes; false: the client is gone (or became something else). */
static bool client_flush(struct control_client *cl)
{
    int rc = wire_flush(&cl->wire);

    if (rc < 0) {
        client_free(cl);
        return false;
    }
    if (rc == 0 && cl->take) {
        client_hand_over(cl);
        return false;
    }
    loop_change(cl->control->config.loop, &cl->io, LOOP_READ | (rc ? LOOP_WRITE : 0));
    return true;
}

static bool client_put(struct control_client *cl, json_t *msg)
{
    int rc = msg ? wire_put(&cl->wire, msg, NULL, 0, NULL) : -ENOMEM;

    json_decref(msg);
    if (rc) {
        client_free(cl);
        return false;
    }
    return client_flush(cl);
}

/* ------------------------------------------------------------------------------------- calls */

static void call_free(struct control_call *call)
{
    list_remove(&call->node);
    for (unsigned i = 0; i < call->nfds; i++)
        base_close_fd(&call->fds[i]);
    json_decref(call->id);
    json_decref(call->args);
    json_decref(call->result);
    free(call);
}

/* False: the client is gone. */
static bool call_answer(struct control_call *call, int rc, const struct error *err)
{
    struct control_client *cl = call->client;
    json_t *msg;

    TRACE(control_answer, "%s: %d", call->command ? call->command->name : "?", rc);
    if (rc)
        msg = json_pack("{s:O*, s:{s:i, s:s}}", "id", call->id, "error", "code", -rc, "text",
                        err && err->text[0] ? err->text : strerror(-rc));
    else
        msg = json_pack("{s:O*, s:o}", "id", call->id, "ok",
                        call->result ? json_incref(call->result) : json_object());
    call_free(call);
    if (cl)
        return client_put(cl, msg);
    json_decref(msg);
    return false;
}

void control_done(struct control_call *call, int rc, const struct error *err)
{
    call_answer(call, rc, err);
}

static const struct control_command *find_command(const char *name, struct error *err)
{
    const char *names[64];
    size_t n = 0;

    for (; control_commands[n]; n++) {
        if (!strcmp(control_commands[n]->name, name))
            return control_commands[n];
        if (n < ARRAY_LEN(names))
            names[n] = control_commands[n]->name;
    }
    const char *near = opt_nearest(name, names, MIN(n, ARRAY_LEN(names)));
    fail(err, EOPNOTSUPP, near ? "no command \"%s\"; did you mean %s?" : "no command \"%s\"%.0s",
         name, near ? near : "");
    return NULL;
}

static bool has_type(const json_t *v, char type)
{
    switch (type) {
    case 's': return json_is_string(v);
    case 'i': return json_is_integer(v);
    case 'b': return json_is_boolean(v);
    case 'o': return json_is_object(v);
    case 'a': return json_is_array(v);
    }
    return false;
}

static int check_args(const struct control_command *cmd, json_t *args, struct error *err)
{
    static const struct control_arg none[] = {{0}};
    const struct control_arg *table = cmd->args ? cmd->args : none;
    const char *key;
    json_t *value;

    json_object_foreach(args, key, value) {
        const struct control_arg *a = table;
        while (a->name && strcmp(a->name, key))
            a++;
        if (!a->name)
            return fail(err, EINVAL, "%s has no argument \"%s\"", cmd->name, key);
        if (!has_type(value, a->type))
            return fail(err, EINVAL, "%s: \"%s\" has the wrong type", cmd->name, key);
    }
    for (const struct control_arg *a = table; a->name; a++)
        if (a->required && !json_object_get(args, a->name))
            return fail(err, EINVAL, "%s needs \"%s\": %s", cmd->name, a->name, a->help);
    return 0;
}

static int call_prepare(struct control_call *call, json_t *msg, struct error *err)
{
    const char *name = json_string_value(json_object_get(msg, "do"));
    json_t *args = json_object_get(msg, "args"), *fds = json_object_get(msg, "fds");
    json_int_t nfds = fds ? json_integer_value(fds) : 0;

    call->id = json_incref(json_object_get(msg, "id"));
    call->args = args ? json_incref(args) : json_object();
    if (nfds < 0 || nfds > (json_int_t)ARRAY_LEN(call->fds))
        return fail(err, EINVAL, "\"fds\" is not in 0..%zu", ARRAY_LEN(call->fds));
    while (call->nfds < (unsigned)nfds) {
        int fd = wire_take_fd(&call->client->wire);
        if (fd < 0)
            return fail(err, EBADMSG, "fewer descriptors came than \"fds\" says");
        call->fds[call->nfds++] = fd;
    }
    if (!name)
        return fail(err, EINVAL, "\"do\" names no command");
    call->command = find_command(name, err);
    if (!call->command)
        return -EOPNOTSUPP;
    if (!json_is_object(call->args))
        return fail(err, EINVAL, "\"args\" is no object");
    if (call->nfds > call->command->fds)
        return fail(err, EINVAL, "%s takes %u descriptors", name, call->command->fds);
    if (call->command->machine && !call->control->config.vm)
        return fail(err, EOPNOTSUPP, "%s is for guests with processors of their own", name);
    return check_args(call->command, call->args, err);
}

/* One message; false: the client is gone. */
static bool client_message(struct control_client *cl, json_t *msg)
{
    struct control_call *call = xcalloc(1, sizeof(*call));
    struct error err = {0};

    call->control = cl->control;
    call->client = cl;
    list_append(&cl->control->calls, &call->node);
    int rc = call_prepare(call, msg, &err);
    json_decref(msg);
    TRACE(control_call, "%s", call->command ? call->command->name : "?");
    if (!rc)
        rc = call->command->run(call, &err);
    if (rc == CONTROL_LATER)
        return !cl->gone;
    return call_answer(call, rc, &err) && !cl->gone;
}

static void client_ready(void *opaque, unsigned events)
{
    struct control_client *cl = opaque;
    struct error err = {0};
    json_t *msg;

    if (events & LOOP_WRITE && !client_flush(cl))
        return;
    if (!(events & (LOOP_READ | LOOP_HANGUP)))
        return;
    int rc = wire_fill(&cl->wire, &err);
    while (!cl->take && (msg = wire_next(&cl->wire, &err)))
        if (!client_message(cl, msg))
            return;
    if (rc < 0 || err.code) {
        TRACE(control_client_gone, "%s", err.text);
        client_free(cl);
    }
}

/* The directory keeps others out already: its owner and root get through. Seen from a user namespace of
 * our own root has no number, and its peers get this one [LINUX user_namespaces]. */
#define OVERFLOW_UID 65534u

static bool may_talk(const struct control *c, int fd)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);

    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
           (peer.uid == c->owner || peer.uid == 0 || peer.uid == OVERFLOW_UID);
}

static void client_accept(void *opaque, unsigned events)
{
    struct control *c = opaque;
    auto_close int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0 || c->nclients == CLIENTS_MAX || !may_talk(c, fd))
        return;
    struct control_client *cl = xcalloc(1, sizeof(*cl));
    cl->control = c;
    wire_init(&cl->wire, take_fd(&fd));
    cl->io = (struct loop_io){
        .fd = cl->wire.fd, .events = LOOP_READ, .ready = client_ready, .opaque = cl};
    list_append(&c->clients, &cl->node);
    c->nclients++;
    if (loop_add(c->config.loop, &cl->io, NULL)) {
        list_remove(&cl->node);
        c->nclients--;
        wire_fini(&cl->wire);
        free(cl);
        return;
    }
    client_put(cl, json_pack("{s:s, s:i, s:s, s:i}", "quad", QUAD_VERSION, "proto", WIRE_PROTO,
                             "guest", c->name, "pid", (int)getpid()));
}

/* -------------------------------------------------------------------------------------- life */

/* Empty while it runs: a process that dies leaves it so. */
static int open_end(struct control *c, struct error *err)
{
    auto_free char *path = folder_path(c->name, "end.json");

    c->end_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return c->end_fd < 0 ? fail_errno(err, errno, "cannot write %s", path) : 0;
}

static void add_file(const struct control *c, const char *end)
{
    auto_free char *path = place_run_file(c->name, end);

    leftover_add(path, unlink);
}

int control_create(struct control **out, const struct control_config *config, struct error *err)
{
    struct control *c = xcalloc(1, sizeof(*c));
    auto_close int run_fd = -1;
    int pid = 0;

    *c = (struct control){
        .config = *config, .lock_fd = -1, .listen_fd = -1, .end_fd = -1};
    list_init(&c->clients);
    list_init(&c->calls);
    list_init(&c->gone);
    c->owner = geteuid();
    c->name = config->name ? xstrdup(config->name) : xasprintf("guest-%d", (int)getpid());
    int rc = place_run(true, &run_fd, err);
    if (!rc)
        rc = place_claim(run_fd, c->name, &c->lock_fd, &pid, err);
    if (!rc)
        add_file(c, ".lock");
    if (!rc)
        rc = place_listen(run_fd, c->name, &c->listen_fd, err);
    if (!rc)
        add_file(c, ".sock");
    if (!rc && config->name)
        rc = open_end(c, err);
    c->listen_io = (struct loop_io){
        .fd = c->listen_fd, .events = LOOP_READ, .ready = client_accept, .opaque = c};
    if (!rc)
        rc = loop_add(config->loop, &c->listen_io, err);
    if (rc) {
        base_close_fd(&c->listen_fd);
        c->listen_fd = -1;
        control_destroy(c, NULL, NULL);
        return rc;
    }
    *out = c;
    return 0;
}

static void remove_file(struct control *c, const char *end)
{
    auto_free char *path = place_run_file(c->name, end);

    leftover_remove(path);
}

void control_destroy(struct control *c, const char *how, const char *text)
{
    if (!c)
        return;
    if (how) {
        json_t *end = json_pack("{s:s, s:s*}", "how", how, "text", text && *text ? text : NULL);
        if (c->end_fd >= 0)
            json_dumpfd(end, c->end_fd, JSON_COMPACT);
        control_event(c, "end", end);
    }
    while (!list_empty(&c->calls)) {
        struct control_call *call = list_entry(c->calls.next, struct control_call, node);
        struct error err;
        control_done(call, fail(&err, ESHUTDOWN, "the guest has ended"), &err);
    }
    while (!list_empty(&c->clients)) {
        struct control_client *cl = list_entry(c->clients.next, struct control_client, node);
        wire_flush_all(&cl->wire, LAST_WORDS_MS);
        client_free(cl);
    }
    free_gone(c);
    if (c->listen_fd >= 0) {
        loop_remove(c->config.loop, &c->listen_io);
        close(c->listen_fd);
        remove_file(c, ".sock");
    }
    if (c->lock_fd >= 0)
        remove_file(c, ".lock"); /* while it is held */
    base_close_fd(&c->end_fd);
    base_close_fd(&c->lock_fd);
    free(c->name);
    free(c);
}

void control_set_console(struct control *c, struct chr *hub)
{
    c->config.console = hub;
}

const struct control_config *control_config(const struct control *c)
{
    return &c->config;
}

const char *control_name(const struct control *c)
{
    return c->name;
}

void control_event(struct control *c, const char *name, json_t *data)
{
    json_t *msg = json_pack("{s:s, s:o}", "event", name, "data", data ? data : json_object());

    list_for_each_safe(it, &c->clients) {
        struct control_client *cl = list_entry(it, struct control_client, node);
        if (msg && cl->wants_events)
            client_put(cl, json_incref(msg));
    }
    json_decref(msg);
}

/* ------------------------------------------------------------------------- for the commands */

int control_fd(struct control_call *call)
{
    for (unsigned i = 0; i < call->nfds; i++)
        if (call->fds[i] >= 0)
            return take_fd(&call->fds[i]);
    return -1;
}

const char *control_string(const struct control_call *call, const char *name)
{
    return json_string_value(json_object_get(call->args, name));
}

int64_t control_integer(const struct control_call *call, const char *name, int64_t absent)
{
    const json_t *v = json_object_get(call->args, name);

    return v ? json_integer_value(v) : absent;
}

void control_hand_over(struct control_call *call,
                       void (*take)(struct control *c, int fd, int64_t arg), int64_t arg)
{
    call->client->take = take;
    call->client->take_arg = arg;
}

void control_subscribe(struct control_call *call)
{
    call->client->wants_events = true;
}
