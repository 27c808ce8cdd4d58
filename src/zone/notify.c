/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "zone/tty.h"

static int take_listener(int pidfd, int number, struct error *err)
{
    for (int i = 0; i < 2000; i++) {
        char self[40], link[64];
        auto_close int fd = pidfd_getfd(pidfd, number, 0);
        if (fd < 0) {
            if (errno != EBADF)
                return fail_errno(err, errno, "seccomp listener");
            poll(NULL, 0, 1); /* not loaded yet */
            continue;
        }
        snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(self, link, sizeof(link) - 1);
        if (n < 0 || strncmp(link, "anon_inode:seccomp notify", 25) != 0)
            return fail(err, EPROTO, "seccomp listener: another descriptor");
        return take_fd(&fd);
    }
    return fail(err, ETIMEDOUT, "seccomp listener: the filter is not loaded");
}

int notify_forward(pid_t pid, int number, const struct seccomp_program *prog, struct container *c,
                   enum container_status status, struct error *err)
{
    auto_close int pidfd = pidfd_open(pid, 0);
    auto_close int fd = pidfd < 0 ? fail_errno(err, errno, "seccomp listener")
                                  : take_listener(pidfd, number, err);

    if (fd < 0)
        return fd;
    auto_close int agent = unix_connect(AT_FDCWD, prog->listener_path, SOCK_STREAM, err);
    if (agent < 0)
        return error_prefix(err, "failed to connect with seccomp agent");
    auto_free char *state = state_text(c, status, false);
    json_t *o = json_pack("{s:s,s:[s],s:i,s:s*,s:o}", "ociVersion", "1.2.0", "fds", "seccompFd",
                          "pid", (int)pid, "metadata", prog->listener_metadata, "state",
                          json_loads(state, 0, NULL));
    auto_free char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return fd_send(agent, fd, text, err);
}
