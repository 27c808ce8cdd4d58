/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad console: this terminal becomes a guest's, beside others.
 */
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"

extern const struct command command_console;

#define ESCAPE 0x01 /* ctrl-a */

struct console_options {
    uint64_t history;
    bool help;
};

static const struct opt options[] = {
    OPT(struct console_options, history, .name = "history", .kind = OPT_SIZE, .arg = "BYTES",
        .max = 16384, .help = "how much of the last output to show first (1K on a terminal)"),
    OPT(struct console_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static bool write_all(int fd, const char *buf, size_t len)
{
    while (len) {
        ssize_t n = write(fd, buf, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        buf += n;
        len -= (size_t)n;
    }
    return true;
}

/* What was typed, without the escapes; false: leave. */
static bool pass_keys(int fd, const char *buf, size_t len, bool *escaped)
{
    for (size_t i = 0; i < len; i++) {
        char key = buf[i];
        if (*escaped && (key == 'x' || key == 'X'))
            return false;
        if (!*escaped && key == ESCAPE) {
            *escaped = true;
            continue;
        }
        *escaped = false;
        if (!write_all(fd, &key, 1))
            return false;
    }
    return true;
}

/* Until the guest's end or the person leaves; the end of input leaves only a terminal. True: the
 * guest's side closed. */
static bool relay(int fd, bool terminal)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    bool escaped = false;
    char buf[4096];

    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return false;
        if (p[0].revents) {
            ssize_t n = read(fd, buf, sizeof(buf));
            if (n <= 0)
                return true;
            if (!write_all(STDOUT_FILENO, buf, (size_t)n))
                return false;
        }
        if (!p[1].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
        if (n <= 0) {
            p[1].fd = -1;
            if (terminal)
                return false;
        } else if (!(terminal ? pass_keys(fd, buf, (size_t)n, &escaped)
                              : write_all(fd, buf, (size_t)n))) {
            return false;
        }
    }
}

static void talk(const char *name, int fd)
{
    struct termios before, raw;
    bool terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before);

    if (terminal) {
        log_notice("%s: ctrl-a x leaves the console, the guest goes on", name);
        raw = before;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    bool ended = relay(fd, terminal);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        write_all(STDOUT_FILENO, "\n", 1);
    }
    log_notice(ended ? "%s: has ended" : "%s: left; it goes on", name);
}

static int attach(const char *name, const struct console_options *o)
{
    struct client c = {0};
    struct error err = {0};
    int pair[2] = {-1, -1};
    bool terminal = isatty(STDIN_FILENO);
    json_t *args = json_pack("{s:I}", "history",
                             (json_int_t)(o->history != UINT64_MAX ? o->history : terminal * 1024u));
    int rc = client_open(&c, name, &err);

    if (!rc && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        rc = fail_errno(&err, errno, "socketpair");
    if (!rc)
        rc = client_call_fds(&c, "console", args, &pair[1], 1, NULL, &err);
    json_decref(args);
    base_close_fd(&pair[1]);
    if (!rc)
        talk(name, pair[0]);
    base_close_fd(&pair[0]);
    client_close(&c);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct console_options o = {.history = UINT64_MAX};
    int rest, code = guests_parse(&command_console, &o, offsetof(struct console_options, help),
                                  argc, argv, 1, &rest);

    return code >= 0 ? code : attach(argv[rest], &o);
}

static const struct command_example examples[] = {
    {"quad console web", "type into the guest; ctrl-a x leaves, ctrl-a ctrl-a types ctrl-a"},
    {"quad console --history 16K web </dev/null | tee boot.log", "watch it"},
    {NULL, NULL},
};

const struct command command_console = {
    .name = "console",
    .summary = "attach this terminal to a guest's console",
    .operands = "GUEST",
    .options = options,
    .examples = examples,
    .run = run,
};
