/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Out of the way first: the numbers wanted may be in use. */
static int move_fds(const struct helper *h, int fd)
{
    int all[1 + HELPER_FDS_MAX] = {fd}, above = HELPER_FD + 1 + HELPER_FDS_MAX;

    memcpy(all + 1, h->fds, h->nfds * sizeof(int));
    for (unsigned i = 0; i <= h->nfds; i++)
        if ((all[i] = fcntl(all[i], F_DUPFD_CLOEXEC, above)) < 0)
            return -1;
    for (unsigned i = 0; i <= h->nfds; i++)
        if (dup3(all[i], HELPER_FD + (int)i, O_CLOEXEC) < 0)
            return -1;
    return (int)syscall(SYS_close_range, HELPER_FD + 1 + h->nfds, ~0u, 0);
}

static void noreturn_fn run(const struct helper *h, int fd)
{
    sigset_t none;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_NAME, h->name);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* ctrl-c at a terminal, and its end, are the guest's */
    signal(SIGHUP, SIG_IGN);
    if (move_fds(h, fd))
        _exit(1);
    int null = open("/dev/null", O_RDWR);
    /* or whoever reads the output of quad run -d would wait for it */
    for (int i = 0; null >= 0 && i < 3; i++)
        dup2(null, i);
    if (null > 2)
        close(null);
    h->main(h->opaque);
    _exit(0);
}

int helper_start(const struct helper *h, int *fd, struct error *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "%s: no socket pair", h->name);
    for (int i = 0; h->buffer && i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &h->buffer, sizeof(h->buffer));
    pid_t pid = fork();
    if (!pid) {
        if (fork())
            _exit(0);
        run(h, pair[1]);
    }
    int code = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return fail_errno(err, code, "%s: no process", h->name);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *fd = pair[0];
    return 0;
}
