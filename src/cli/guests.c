/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/guests.h"

#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "proto/place.h"

int guests_failed(const struct error *err)
{
    log_error("%s", err->text);
    switch (err->code) {
    case ENOENT: return EXIT_NOT_FOUND;
    case EBUSY:
    case ENOTCONN: return EXIT_CONFLICT;
    case ETIMEDOUT: return EXIT_TIMEOUT;
    }
    return EXIT_FAILED;
}

int guests_parse(const struct command *c, void *record, size_t help, int argc, char **argv,
                 int min_operands, int *rest)
{
    struct error err = {0};

    if (opt_parse(c->options, record, argc, argv, rest, &err))
        return command_usage(c, &err);
    if (*(bool *)((char *)record + help)) {
        help_print(c, stdout);
        return EXIT_OK;
    }
    if (argc - *rest < min_operands) {
        fail(&err, EINVAL, "%s which guest? try: quad ls", c->name);
        return command_usage(c, &err);
    }
    return -1;
}

int guests_each(int argc, char **argv, int rest, int (*do_one)(const char *name, void *opaque),
                void *opaque)
{
    int worst = EXIT_OK;

    for (int i = rest; i < argc; i++) {
        int code = do_one(argv[i], opaque);
        worst = worst ? worst : code;
    }
    return worst;
}

const struct opt guests_help_only[] = {
    {.name = "help", .letter = 'h', .kind = OPT_FLAG, .offset = 0, .help = "this help"},
    OPT_END,
};

struct simple {
    const char *what, *done;
};

static int simple_one(const char *name, void *opaque)
{
    const struct simple *s = opaque;
    struct client c = {0};
    struct error err = {0};
    int rc = client_open(&c, name, &err);

    if (rc)
        return guests_failed(&err);
    rc = client_call(&c, s->what, NULL, NULL, &err);
    client_close(&c);
    if (rc)
        return guests_failed(&err);
    log_notice("%s: %s", name, s->done);
    return EXIT_OK;
}

int guests_simple(const struct command *c, int argc, char **argv, const char *what,
                  const char *done)
{
    struct simple s = {what, done};
    bool help = false;
    int rest, code = guests_parse(c, &help, 0, argc, argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, simple_one, &s);
}

static const struct {
    const char *how;
    int code;
} ends[] = {
    {"poweroff", EXIT_OK},       {"quit", EXIT_OK},
    {"saved", EXIT_OK},          {"moved", EXIT_OK},
    {"reset", EXIT_RESET},       {"panic", EXIT_PANIC},
    {"watchdog", EXIT_WATCHDOG}, {"triple-fault", EXIT_TRIPLE_FAULT},
};

int guests_end_code(const char *how)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (how && !strcmp(ends[i].how, how))
            return ends[i].code;
    return EXIT_FAILED;
}

void guests_print_time(char out[32], uint64_t s)
{
    if (s >= 86400)
        snprintf(out, 32, "%" PRIu64 "d %" PRIu64 "h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        snprintf(out, 32, "%" PRIu64 "h %" PRIu64 "m", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 32, "%" PRIu64 "m %" PRIu64 "s", s / 60, s % 60);
    else
        snprintf(out, 32, "%" PRIu64 "s", s);
}
