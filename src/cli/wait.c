/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad wait: until a guest has ended, or something happened in it.
 */
#include "base/log.h"
#include "cli/guests.h"
#include "proto/folder.h"

extern const struct command command_wait;

struct wait_options {
    const char *what;
    uint64_t timeout;
    bool help;
};

static const struct opt options[] = {
    OPT(struct wait_options, what, .name = "for", .kind = OPT_STRING, .arg = "end|boot|ssh|port:N",
        .help = "what to wait for (end)"),
    OPT(struct wait_options, timeout, .name = "timeout", .letter = 't', .kind = OPT_UINT,
        .arg = "SECONDS", .min = 1, .max = 1u << 30, .help = "how long at most (for ever)"),
    OPT(struct wait_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

#define FOR_EVER (UINT64_C(1) << 30)

/* One that does not run says how it ended the last time. */
static int ended_before(const char *name)
{
    struct error err = {0};
    json_t *end = folder_load(name, "end.json", &err);
    int code = guests_end_code(json_string_value(json_object_get(end, "how")));

    json_decref(end);
    return code;
}

static int wait_end(const char *name, const struct wait_options *o)
{
    struct client c = {0};
    struct error err = {0};
    auto_free char *how = NULL;
    int rc = client_open(&c, name, &err);

    if (rc == -ENOTCONN)
        return ended_before(name);
    if (!rc)
        rc = client_call(&c, "events", NULL, NULL, &err);
    if (!rc || rc == -EPIPE)
        rc = guests_wait_end(&c, o->timeout == FOR_EVER ? -1 : (int64_t)o->timeout * 1000, &how,
                             &err);
    client_close(&c);
    if (rc)
        return guests_failed(&err);
    log_notice("%s: ended (%s)", name, how);
    return guests_end_code(how);
}

static int wait_one(const char *name, void *opaque)
{
    const struct wait_options *o = opaque;
    struct error err = {0};

    if (!strcmp(o->what, "end"))
        return wait_end(name, o);
    if (guests_wait_for(name, o->what, o->timeout, &err))
        return guests_failed(&err);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct wait_options o = {.what = "end", .timeout = FOR_EVER};
    int rest, code = guests_parse(&command_wait, &o, offsetof(struct wait_options, help), argc,
                                  argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, wait_one, &o);
}

static const struct command_example examples[] = {
    {"quad wait web", "until it has ended; the exit code says how"},
    {"quad wait --for ssh --timeout 60 web", "until somebody can log in"},
    {NULL, NULL},
};

const struct command command_wait = {
    .name = "wait",
    .summary = "wait until a guest has ended, or for something in it",
    .operands = "GUEST...",
    .text = "boot: the console asks for a login or shows a shell's prompt, and is silent. ssh: an "
            "ssh server answers on the port that leads to the guest's port 22. port:N: the guest "
            "takes connections on its port N, to which a --forward leads.",
    .options = options,
    .examples = examples,
    .run = run,
};
