/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad stop: the power button first; the plug, when that was in vain.
 */
#include <signal.h>

#include "base/log.h"
#include "base/loop.h"
#include "cli/guests.h"

extern const struct command command_stop;

#define BUTTON_MS 10000 /* pressed again: a guest that boots does not see it */
#define QUIT_MS 10000   /* its process must end in that time */

struct stop_options {
    uint64_t timeout;
    bool force, help;
};

static const struct opt options[] = {
    OPT(struct stop_options, timeout, .name = "timeout", .letter = 't', .kind = OPT_UINT,
        .arg = "SECONDS", .help = "how long the guest may take before it is ended (60)"),
    OPT(struct stop_options, force, .name = "force", .letter = 'f', .kind = OPT_FLAG,
        .help = "end it at once: what was not written is lost"),
    OPT(struct stop_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int press_button(struct client *c, const struct stop_options *o, char **how,
                        struct error *err)
{
    int64_t left = (int64_t)o->timeout * 1000;
    int rc = client_call(c, "resume", NULL, NULL, err); /* a paused one cannot hear it */

    while (!rc && left > 0) {
        rc = client_call(c, "power", NULL, NULL, err);
        if (rc)
            break;
        int64_t slice = MIN(left, (int64_t)BUTTON_MS);
        rc = guests_wait_end(c, slice, how, err);
        if (rc != -ETIMEDOUT)
            return rc;
        rc = 0;
        left -= slice;
    }
    return rc ? rc : fail(err, ETIMEDOUT, "%s", c->name);
}

static int end_it(struct client *c, char **how, struct error *err)
{
    int rc = client_call_timeout(c, "quit", NULL, QUIT_MS, NULL, err);

    if (!rc || rc == -EPIPE)
        rc = guests_wait_end(c, QUIT_MS, how, err);
    if (rc == -ETIMEDOUT && c->pid > 0) {
        log_warn("%s: its process does not answer and is killed", c->name);
        kill(c->pid, SIGKILL);
        rc = guests_wait_end(c, QUIT_MS, how, err);
    }
    return rc;
}

static int stop_one(const char *name, void *opaque)
{
    const struct stop_options *o = opaque;
    struct client c = {0};
    struct error err = {0};
    auto_free char *how = NULL;
    int rc = client_open(&c, name, &err);

    if (rc == -ENOTCONN) {
        log_notice("%s does not run", name);
        return EXIT_OK;
    }
    if (!rc)
        rc = client_call_timeout(&c, "events", NULL, QUIT_MS, NULL, &err);
    if (!rc && !o->force) {
        rc = press_button(&c, o, &how, &err);
        if (rc && rc != -EPIPE)
            log_notice("%s did not power off in %" PRIu64 " s; it is ended", name, o->timeout);
    }
    if (!how && (rc == 0 || rc == -ETIMEDOUT || rc == -EOPNOTSUPP))
        rc = end_it(&c, &how, &err);
    client_close(&c);
    if (rc)
        return guests_failed(&err);
    log_notice("%s: %s", name, !strcmp(how, "poweroff") ? "powered off" : "stopped");
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct stop_options o = {.timeout = 60};
    int rest, code = guests_parse(&command_stop, &o, offsetof(struct stop_options, help), argc,
                                  argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, stop_one, &o);
}

static const struct command_example examples[] = {
    {"quad stop web", "press the power button, and end it if nothing happens for a minute"},
    {"quad stop --timeout 5 web db", "less patience"},
    {NULL, NULL},
};

const struct command command_stop = {
    .name = "stop",
    .summary = "power a guest off: ask it first, then end it",
    .operands = "GUEST...",
    .text = "No error if it does not run.",
    .options = options,
    .examples = examples,
    .run = run,
};
