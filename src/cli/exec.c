/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad exec: a program in a running guest: by its agent in a machine (no network, no key, no password),
 * by the zone's own process in a zone.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/agent.h"
#include "cli/guests.h"
#include "guest/zone_run.h"

extern const struct command command_exec;

#define INPUT_MAX (4u << 20)

struct exec_opts {
    uint64_t timeout;
    const char *user;
    bool tty, input, help;
};

static const struct opt options[] = {
    OPT(struct exec_opts, tty, .name = "tty", .letter = 't', .kind = OPT_FLAG,
        .help = "zone: on a terminal of its own"),
    OPT(struct exec_opts, input, .name = "interactive", .letter = 'i', .kind = OPT_FLAG,
        .help = "machine: hand standard input over, up to 4 MiB; a zone always has it"),
    OPT(struct exec_opts, user, .name = "user", .letter = 'u', .kind = OPT_STRING,
        .arg = "NAME[:GROUP]", .help = "zone: as whom (as the zone's own program)"),
    OPT(struct exec_opts, timeout, .name = "timeout", .kind = OPT_UINT, .arg = "SECONDS",
        .help = "machine: how long to wait for the guest's agent (30)"),
    OPT(struct exec_opts, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int read_input(char **text, struct error *err)
{
    auto_free uint8_t *buf = xcalloc(1, INPUT_MAX + 1);
    size_t at = 0;

    for (ssize_t n; (n = read(0, buf + at, INPUT_MAX + 1 - at)) > 0;)
        if ((at += (size_t)n) > INPUT_MAX)
            return fail(err, EFBIG, "more than 4 MiB of input; try: quad cp");
    *text = base64_encode(buf, at);
    return 0;
}

static void show(const json_t *status, const char *key, FILE *out)
{
    const char *text = json_string_value(json_object_get(status, key));
    size_t len = 0;
    auto_free uint8_t *data = text ? base64_decode(text, &len) : NULL;

    if (data)
        fwrite(data, 1, len, out);
    fflush(out);
}

/* The exit code, or a negative errno. */
static int follow(struct agent *a, json_int_t pid, struct error *err)
{
    for (useconds_t pause = 20000;; pause = MIN(pause * 2, 500000u)) {
        json_t *s = NULL;
        int rc = agent_call(a, "guest-exec-status", json_pack("{s:I}", "pid", pid), &s, err);
        if (rc)
            return rc;
        if (json_is_true(json_object_get(s, "exited"))) {
            show(s, "out-data", stdout);
            show(s, "err-data", stderr);
            json_t *signal = json_object_get(s, "signal");
            rc = signal ? 128 + (int)json_integer_value(signal)
                        : (int)json_integer_value(json_object_get(s, "exitcode"));
            json_decref(s);
            return rc & 255;
        }
        json_decref(s);
        usleep(pause);
    }
}

static int exec_in(const struct exec_opts *o, char **words, struct error *err)
{
    auto_free char *input = NULL;
    struct agent a;
    int rc = o->input ? read_input(&input, err) : 0;

    if (!rc)
        rc = agent_open(&a, words[0], (int)MIN(o->timeout * 1000, UINT64_C(86400000)), err);
    if (rc)
        return rc;
    words += words[1] && !strcmp(words[1], "--") ? 2 : 1;
    json_t *args = json_array(), *answer = NULL;
    for (char **w = words + 1; *w; w++)
        json_array_append_new(args, json_string(*w));
    rc = agent_call(&a, "guest-exec",
                    json_pack("{s:s, s:o, s:b, s:s*}", "path", words[0], "arg", args,
                              "capture-output", 1, "input-data", input),
                    &answer, err);
    if (!rc)
        rc = follow(&a, json_integer_value(json_object_get(answer, "pid")), err);
    json_decref(answer);
    agent_close(&a);
    return rc;
}

static int exec_in_zone(const struct exec_opts *o, char **words, struct error *err)
{
    struct client c = {0};
    int status = 0, rc = client_open(&c, words[0], err);

    words += words[1] && !strcmp(words[1], "--") ? 2 : 1;
    if (!rc)
        rc = zone_run_exec(&c, (const char *const *)(uintptr_t)words, o->user, o->tty, &status, err);
    client_close(&c);
    return rc ? rc : status;
}

static int run(int argc, char **argv)
{
    struct exec_opts o = {.timeout = 30};
    struct error err = {0};
    int rest;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_exec, &err);
    if (o.help) {
        help_print(&command_exec, stdout);
        return EXIT_OK;
    }
    int words = argc - rest - (rest + 1 < argc && !strcmp(argv[rest + 1], "--"));
    if (words < 2) {
        fail(&err, EINVAL, "exec wants a GUEST and a COMMAND; try: quad exec web -- uname -a");
        return command_usage(&command_exec, &err);
    }
    bool agent = agent_is_there(argv[rest]);
    if (agent && (o.tty || o.user)) {
        fail(&err, EINVAL, "--tty and --user are for zones; try: quad ssh %s", argv[rest]);
        return command_usage(&command_exec, &err);
    }
    int rc = agent ? exec_in(&o, argv + rest, &err) : exec_in_zone(&o, argv + rest, &err);
    return rc < 0 ? guests_failed(&err) : rc;
}

static const struct command_example examples[] = {
    {"quad exec web -- uname -a", "its output and its exit code"},
    {"quad exec -i web -- sh <script", "a script from here"},
    {"quad exec -t shop -- sh", "a shell in a zone"},
    {NULL, NULL},
};

const struct command command_exec = {
    .name = "exec",
    .summary = "run a program in a running guest",
    .operands = "GUEST [--] COMMAND...",
    .text = "Its exit code is the program's; 128 and the signal's number where one ended it. A machine "
            "needs qemu-guest-agent (built images have it), no network and no key; there output is "
            "shown when the program has ended, at most 16 MiB.",
    .options = options,
    .examples = examples,
    .run = run,
};
