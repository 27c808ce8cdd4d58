/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/hook.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/sys.h"


static void child_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
}

static int status_error(const char *what, const char *path, int status, struct error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return fail(err, EIO, "%s%s: killed by signal %d", what, path, WTERMSIG(status));
    return fail(err, EIO, "%s%s: exit status %d", what, path, WEXITSTATUS(status));
}

int program_run(const char *program, const char **argv, struct error *err)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid == 0) {
        child_signals();
        execvp(program, (char *const *)argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fail_errno(err, errno, "wait for %s", program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return fail(err, ENOENT, "%s: cannot be run; is its package installed?", program);
    return status_error("", program, status, err);
}

/* The hook reads the state from a memfd: no pipe that could fill or block us. */
static int state_input(const char *state, struct error *err)
{
    int fd = (int)syscall(SYS_memfd_create, "state", MFD_CLOEXEC);
    size_t n = strlen(state);

    if (fd < 0 || write(fd, state, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) < 0) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return fail_errno(err, code, "hook input");
    }
    return fd;
}

static int run_one(const struct spec_hook *h, int input, const char *what, struct error *err)
{
    static const char *const no_env[] = {NULL};
    const char *argv1[] = {h->path, NULL};
    int pidfd = -1, status = 0;
    struct clone_args ca = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD,
    };
    pid_t pid = sys_clone3(&ca);

    if (pid < 0)
        return fail_errno(err, errno, "%s hook: clone", what);
    if (pid == 0) {
        child_signals();
        setpgid(0, 0);
        if (lseek(input, 0, SEEK_SET) < 0 || dup2(input, 0) < 0)
            _exit(126);
        execve(h->path, (char *const *)(h->args && h->args[0] ? h->args : argv1),
               (char *const *)(h->env ? h->env : (const char **)no_env));
        _exit(127);
    }
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int n;
    while ((n = poll(&p, 1, h->timeout ? h->timeout * 1000 : -1)) < 0 && errno == EINTR)
        ;
    if (n == 0) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(pidfd);
    if (n == 0)
        return fail(err, ETIMEDOUT, "%s hook %s: no end within %d s", what, h->path, h->timeout);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && access(h->path, X_OK) < 0)
        return fail_errno(err, errno, "%s hook %s", what, h->path);
    auto_free char *prefix = xasprintf("%s hook ", what);
    return status_error(prefix, h->path, status, err);
}

int hooks_run(const struct spec_hooks *hooks, const char *state, const char *what,
              struct error *err)
{
    if (!hooks->count)
        return 0;
    auto_fd int input = state_input(state, err);
    if (input < 0)
        return input;
    for (size_t i = 0; i < hooks->count; i++) {
        int rc = run_one(&hooks->hook[i], input, what, err);
        if (rc)
            return rc;
    }
    return 0;
}
