/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/hook.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"

static void child_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
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
    if (WIFSIGNALED(status))
        return fail(err, EIO, "%s: killed by signal %d", program, WTERMSIG(status));
    return WEXITSTATUS(status)
               ? fail(err, EIO, "%s: exit status %d", program, WEXITSTATUS(status))
               : 0;
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

static const char *const hook_names[HOOK_KINDS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

/* what the hooks' standard output and error are, or -1 */
static int hook_out[2] = {-1, -1};

int hooks_output(const struct spec *s, struct error *err)
{
    static const char *const keys[] = {"run.oci.hooks.stdout", "run.oci.hooks.stderr"};

    for (int i = 0; i < 2; i++) {
        const char *path = spec_annotation(s, keys[i]);
        if (!path || hook_out[i] >= 0)
            continue;
        hook_out[i] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);
        if (hook_out[i] < 0)
            return fail_errno(err, errno, "annotation %s: %s", keys[i], path);
    }
    return 0;
}

static noreturn_fn void become_hook(const struct spec_hook *h, int input,
                                    const struct hook_inside *inside)
{
    extern char **environ;
    const char *argv1[] = {h->path, NULL};

    child_signals();
    setpgid(0, 0);
    if (lseek(input, 0, SEEK_SET) < 0 || dup2(input, 0) < 0)
        _exit(126);
    for (int i = 0; i < 2; i++)
        if (hook_out[i] >= 0 && dup2(hook_out[i], 1 + i) < 0)
            _exit(126);
    const char **e = h->env ? h->env : inside ? inside->env : (const char **)environ;
    if (inside && inside->filter && inside->filter->count) {
        struct sock_fprog prog = {.len = (unsigned short)inside->filter->count,
                                  .filter = inside->filter->insn};
        if (sys_seccomp(SECCOMP_SET_MODE_FILTER, inside->filter->flags, &prog) < 0)
            _exit(125);
    }
    execve(h->path, (char *const *)(h->args && h->args[0] ? h->args : argv1), (char *const *)e);
    _exit(127);
}

static int hook_status(const struct spec_hook *h, const char *what, int status, struct error *err)
{
    if (WIFSIGNALED(status)) {
        /* "Bad system call" in small letters, as others say it */
        auto_free char *words = xstrdup(strsignal(WTERMSIG(status)));
        *words = (char)tolower((unsigned char)*words);
        return fail(err, EIO, "%s: signal: %s", h->path, words);
    }
    if (WEXITSTATUS(status) == 127 && access(h->path, X_OK) < 0)
        return fail_errno(err, errno, "%s", h->path);
    return WEXITSTATUS(status) ? fail(err, EIO, "%s: %s hook failed with exit code %d", h->path,
                                      what, WEXITSTATUS(status))
                               : 0;
}

static int run_one(const struct spec_hook *h, int input, const char *what,
                   const struct hook_inside *inside, struct error *err)
{
    int pidfd = -1, status = 0;
    struct clone_args ca = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD,
    };
    pid_t pid = sys_clone3(&ca);

    if (pid < 0)
        return fail_errno(err, errno, "clone");
    if (pid == 0)
        become_hook(h, input, inside);
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
        return fail(err, ETIMEDOUT, "%s: no end within %d s", h->path, h->timeout);
    return hook_status(h, what, status, err);
}

int hooks_run(const struct spec *s, enum hook_kind kind, const char *state,
              const struct hook_inside *inside, struct error *err)
{
    const struct spec_hooks *hooks = &s->hooks[kind];
    const char *what = hook_names[kind];

    if (!hooks->count)
        return 0;
    auto_fd int input = state_input(state, err);
    if (input < 0)
        return input;
    for (size_t i = 0; i < hooks->count; i++) {
        int rc = run_one(&hooks->hook[i], input, what, inside, err);
        if (!rc)
            continue;
        error_prefix(err, "error running %s hook #%zu", what, i);
        if (kind != HOOK_POSTSTOP)
            return rc;
        /* its failure is only to be told, and the next is run [OCI runtime#lifecycle] */
        log_warn("%s", err->text);
    }
    return 0;
}
