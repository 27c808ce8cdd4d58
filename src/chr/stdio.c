/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stdio: the process' own terminal, raw while the guest uses it, or whatever standard input and
 * output are. Put back at exit, on a fatal signal, and by chr_stdio_restore().
 */
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "chr/chr_fd.h"
#include "chr/chr_open.h"

/* The terminal is the process': signal handlers need it. */
static struct {
    struct termios before, raw;
    volatile sig_atomic_t is_raw;
    bool open;
} tty;

static const int fatal_signals[] = {SIGHUP,  SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS,
                                    SIGFPE,  SIGSEGV, SIGTERM, SIGXCPU, SIGSYS};

void chr_stdio_restore(void)
{
    if (!tty.is_raw)
        return;
    tty.is_raw = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &tty.before);
    log_set_crlf(false);
}

static void on_fatal_signal(int sig)
{
    if (tty.is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &tty.before);
    raise(sig); /* its default action, which SA_RESETHAND put back */
}

static void on_continue(int sig)
{
    (void)sig;
    if (tty.is_raw) /* the shell has used the terminal meanwhile */
        tcsetattr(STDIN_FILENO, TCSANOW, &tty.raw);
}

/* Who has handlers of their own keeps them. */
static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction old, new = {.sa_handler = fn, .sa_flags = flags};

    if (!sigaction(sig, NULL, &old) && old.sa_handler == SIG_DFL)
        sigaction(sig, &new, NULL);
}

static void tty_make_raw(void)
{
    static bool installed;

    tty.raw = tty.before;
    cfmakeraw(&tty.raw);
    tty.raw.c_cc[VMIN] = 1;
    tty.raw.c_cc[VTIME] = 0;
    if (!installed) {
        installed = true;
        atexit(chr_stdio_restore);
        for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
            handle(fatal_signals[i], on_fatal_signal, (int)(SA_RESETHAND | SA_NODEFER));
        handle(SIGCONT, on_continue, SA_RESTART);
    }
    tty.is_raw = 1;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &tty.raw);
    log_set_crlf(true);
}

static void stdio_fini(struct chr_fd *c)
{
    (void)c;
    chr_stdio_restore();
    tty.open = false;
}

int chr_stdio_open(struct loop *loop, struct chr **out, struct error *err)
{
    if (tty.open)
        return fail(err, EBUSY, "stdio is in use by another serial port already");
    struct chr_fd *c = chr_fd_create(sizeof(*c), loop, "stdio");
    bool is_tty = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &tty.before);
    bool foreground = is_tty && tcgetpgrp(STDIN_FILENO) == getpgrp();

    tty.open = true;
    c->on_fini = stdio_fini;
    c->terminal = foreground;
    handle(SIGPIPE, SIG_IGN, 0); /* a reader that goes away does not end the guest */
    /* A background process that reads its terminal is stopped: output only. */
    int rc = chr_fd_attach(c, is_tty && !foreground ? -1 : STDIN_FILENO, STDOUT_FILENO, true, err);
    if (rc) {
        chr_destroy(&c->chr);
        return rc;
    }
    if (foreground)
        tty_make_raw();
    *out = &c->chr;
    return 0;
}
