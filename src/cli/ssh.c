/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad ssh: into a guest that runs, by the host's ssh, with the key, the port and the host key that
 * were settled when it was started.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "cli/guests.h"
#include "cli/ssh.h"
#include "image/keys.h"
#include "image/store.h"

extern const struct command command_ssh;

struct ssh_opts {
    const char *user;
    uint64_t timeout;
    bool help;
};

static const struct opt options[] = {
    OPT(struct ssh_opts, user, .name = "user", .letter = 'l', .kind = OPT_STRING, .arg = "NAME",
        .help = "as whom (root)"),
    OPT(struct ssh_opts, timeout, .name = "timeout", .kind = OPT_UINT, .arg = "SECONDS",
        .help = "how long to wait for a guest that is starting (120)"),
    OPT(struct ssh_opts, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* Does a server greet within 3 seconds? -1: nobody listens on the host. */
static int greets(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char text[4];

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
        return -1;
    return poll(&p, 1, 3000) == 1 && recv(fd, text, 4, 0) == 4 && !memcmp(text, "SSH-", 4);
}

int ssh_port(const char *name, struct error *err)
{
    if (!store_has(STORE_GUESTS, name))
        return fail(err, ENOENT, "there is no guest \"%s\"; try: quad run %s", name, name);
    auto_free char *dir = store_path(STORE_GUESTS, name);
    auto_free char *text = store_read(dir, "ssh_port");
    int port = text ? atoi(text) : 0;
    if (port <= 0 || port > 65535)
        return fail(err, ENOENT, "guest %s has no way in for ssh: it was not started from an image, "
                                 "or has no user network", name);
    return port;
}

int ssh_wait(const char *name, int port, uint64_t seconds, bool (*alive)(void *opaque), void *opaque,
             struct error *err)
{
    uint64_t end = monotonic_ns() + seconds * 1000000000;

    for (;;) {
        int rc = greets(port);
        if (rc > 0)
            return 0;
        if (rc < 0 && !alive)
            return fail(err, ENOTCONN, "guest %s does not run; try: quad run %s", name, name);
        if (alive && !alive(opaque))
            return fail(err, ENOTCONN, "guest %s has ended before its ssh server answered", name);
        if (monotonic_ns() > end)
            return fail(err, ETIMEDOUT, "no ssh server answers in guest %s after %" PRIu64 " s", name,
                        seconds);
        usleep(rc < 0 ? 50000 : 300000);
    }
}

int ssh_exec(const char *name, const char *user, int port, bool tty, const char *const *words,
             struct error *err)
{
    auto_free char *dir = store_path(STORE_GUESTS, name);
    auto_free char *known = xasprintf("UserKnownHostsFile=%s/known_hosts", dir);
    auto_free char *alias = xasprintf("HostKeyAlias=%s", name);
    auto_free char *key = keys_own();
    char port_text[16];
    const char *argv[64] = {"ssh", "-o", known, "-o", alias, "-o", "StrictHostKeyChecking=accept-new",
                            "-o", "LogLevel=ERROR", "-p", port_text, "-l", user ? user : "root"};
    size_t n = 13;

    snprintf(port_text, sizeof(port_text), "%d", port);
    if (tty)
        argv[n++] = "-t";
    if (key) {
        argv[n++] = "-i";
        argv[n++] = key;
    }
    argv[n++] = "127.0.0.1";
    for (; *words && n + 1 < ARRAY_LEN(argv); words++)
        argv[n++] = *words;
    if (*words)
        return fail(err, E2BIG, "too many words; try: one quoted command");
    execvp("ssh", (char *const *)(uintptr_t)argv);
    return errno == ENOENT ? fail(err, ENOENT, "no program ssh; install package openssh-client")
                           : fail_errno(err, errno, "cannot start ssh");
}

static int connect_to(const struct ssh_opts *o, char **words, struct error *err)
{
    const char *name = words[0];
    int port = ssh_port(name, err);

    if (port < 0)
        return port;
    if (words[1] && !strcmp(words[1], "--"))
        words++;
    int rc = ssh_wait(name, port, o->timeout, NULL, NULL, err);
    return rc ? rc
              : ssh_exec(name, o->user, port, false, (const char *const *)(uintptr_t)(words + 1), err);
}

static int run(int argc, char **argv)
{
    struct ssh_opts o = {.timeout = 120};
    struct error err = {0};
    int rest;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_ssh, &err);
    if (o.help) {
        help_print(&command_ssh, stdout);
        return EXIT_OK;
    }
    if (rest == argc) {
        fail(&err, EINVAL, "ssh wants the NAME of a guest; try: quad ssh web");
        return command_usage(&command_ssh, &err);
    }
    connect_to(&o, argv + rest, &err);
    return guests_failed(&err);
}

static const struct command_example examples[] = {
    {"quad ssh web", "a shell in guest web"},
    {"quad ssh web apt-get update", "one command; its exit code is the answer"},
    {NULL, NULL},
};

const struct command command_ssh = {
    .name = "ssh",
    .summary = "log in to a running guest, or run a command there",
    .operands = "GUEST [COMMAND...]",
    .text = "Waits for a guest that is still starting. The port is found and the host key is known: "
            "quad gave the guest both. Keys are those of ~/.ssh, else quad's own. The exit code is "
            "ssh's: the command's, or 255.",
    .options = options,
    .examples = examples,
    .run = run,
};
