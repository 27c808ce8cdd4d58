/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/run_command.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/ssh.h"
#include "guest/shares.h"
#include "image/store.h"

#define BOOT_SECONDS 600
#define OFF_SECONDS 120

static void quote(FILE *f, const char *word)
{
    fputc('\'', f);
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", f);
        else
            fputc(*p, f);
    }
    fputc('\'', f);
}

/* One line for the guest's shell: in the first shared folder, the words as they are. */
static char *command_line(const struct guest_config *c, char **words)
{
    struct share_config share = {0};
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        abort(); /* out of memory */
    if (c->shares.count && !share_config_parse(&share, c->shares.items[0], NULL)) {
        fputs("cd ", f);
        quote(f, share.mountpoint);
        fputs(" && ", f);
        share_config_free(&share);
    }
    fputs("exec", f);
    for (; *words; words++) {
        fputc(' ', f);
        quote(f, *words);
    }
    fclose(f);
    return text;
}

struct child {
    pid_t pid;
    int status;
    bool ended;
};

static bool alive(void *opaque)
{
    struct child *k = opaque;

    if (!k->ended && waitpid(k->pid, &k->status, WNOHANG) == k->pid)
        k->ended = true;
    return !k->ended;
}

/* The port is written by the guest's process once it has chosen one. */
static int wait_for_port(const char *name, struct child *k, struct error *err)
{
    while (alive(k)) {
        int port = ssh_port(name, err);
        if (port > 0)
            return port;
        usleep(20000);
    }
    return fail(err, ENOTCONN, "the guest did not start");
}

static int ssh_and_wait(const struct guest_config *c, int port, bool tty, const char *const *words)
{
    struct error err = {0};
    int status = 0;
    pid_t pid = fork();

    if (!pid) {
        signal(SIGINT, SIG_DFL);
        ssh_exec(c->name, NULL, port, tty, words, &err);
        log_error("%s", err.text);
        _exit(EXIT_FAILED);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int in_guest(struct guest_config *c, struct child *k, const char *line, struct error *err)
{
    const char *const words[] = {line, NULL};
    int port = wait_for_port(c->name, k, err), status = 0;
    int rc = port < 0 ? port : ssh_wait(c->name, port, BOOT_SECONDS, alive, k, err);

    if (rc)
        return -1;
    signal(SIGINT, SIG_IGN); /* ctrl-c is the command's */
    status = ssh_and_wait(c, port, isatty(0) && isatty(1), words);
    if (!c->rm) { /* what is kept is shut down in order */
        static const char *const off[] = {"systemctl poweroff", NULL};
        ssh_and_wait(c, port, false, off);
        for (unsigned i = 0; i < 10 * OFF_SECONDS && alive(k); i++)
            usleep(100000);
    }
    return status;
}

int run_command(struct guest_config *c, int (*machine)(struct guest_config *c), char **words)
{
    auto_free char *line = command_line(c, words);
    auto_free char *dir = store_path(STORE_GUESTS, c->name);
    auto_free char *old = xasprintf("%s/ssh_port", dir);
    struct error err = {0};
    struct child k = {0};

    unlink(old);
    if (!c->serial.count)
        opt_list_insert(&c->serial, 0, "null");
    c->quiet = true;
    fflush(stdout);
    k.pid = fork();
    if (!k.pid) {
        setsid();
        _exit(machine(c));
    }
    int code = k.pid < 0 ? -1 : in_guest(c, &k, line, &err);
    if (!k.ended && k.pid > 0) {
        kill(k.pid, SIGTERM);
        while (waitpid(k.pid, &k.status, 0) < 0 && errno == EINTR)
            ;
    }
    if (code >= 0)
        return code;
    if (err.code && !(k.ended && WIFEXITED(k.status) && WEXITSTATUS(k.status)))
        log_error("%s", err.text);
    return EXIT_FAILED; /* the guest's process has said why */
}
