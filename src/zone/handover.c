/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/handover.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/sys.h"
#include "zone/tty.h"

int handover_check(int n, struct error *err)
{
    /* a range with holes is usual; one of holes only is a mistake of who started us */
    for (int i = 0; i < n; i++)
        if (fcntl(3 + i, F_GETFD) >= 0)
            return 0;
    return n ? fail(err, EBADF, "unable to stat preserved-fd 0 (of %d): none of them is open", n)
             : 0;
}

static int write_pid(int at, pid_t pid, const char *path, struct error *err)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", (int)pid);
    auto_free char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = 0;
    /* whole or not there: who waits for the file reads it at once */
    auto_fd int in = openat(at, slash ? (*dir ? dir : "/") : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (in < 0)
        return fail_errno(err, errno, "pid file %s", path);
    return file_replace(in, slash ? slash + 1 : dir, text, strlen(text), err);
}

static int send_pidfd(int at, pid_t pid, const char *path, struct error *err)
{
    auto_fd int pidfd = pidfd_open(pid, 0);
    auto_fd int sock = unix_connect(at, path, SOCK_STREAM, err);

    if (sock < 0)
        return sock;
    return pidfd < 0 ? fail_errno(err, errno, "pidfd") : fd_send(sock, pidfd, "pidfd", err);
}

int handover_report(int at, pid_t pid, const char *file, const char *socket, struct error *err)
{
    int rc = file && *file ? write_pid(at, pid, file, err) : 0;

    return rc || !socket || !*socket ? rc : send_pidfd(at, pid, socket, err);
}
