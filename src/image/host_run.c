/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/host_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEARCH_MORE "/usr/local/sbin:/usr/sbin:/sbin"

static char *find(const char *name)
{
    const char *path = getenv("PATH");
    auto_free char *all = xasprintf("%s:%s", path ? path : "/usr/bin:/bin", SEARCH_MORE);
    char *save = NULL;

    if (strchr(name, '/'))
        return access(name, X_OK) ? NULL : xstrdup(name);
    for (char *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
        char *full = xasprintf("%s/%s", dir, name);
        if (!access(full, X_OK))
            return full;
        free(full);
    }
    return NULL;
}

bool host_has(const char *name)
{
    auto_free char *path = find(name);
    return path != NULL;
}

noreturn_fn static void child(const struct host_run *c, const char *path, int out)
{
    const char *old = getenv("PATH");
    auto_free char *all = xasprintf("%s:%s", old ? old : "/usr/bin:/bin", SEARCH_MORE);
    int null = c->in < 0 ? open("/dev/null", O_RDONLY) : c->in;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    setenv("PATH", all, 1);
    if (!c->dir || !chdir(c->dir))
        execv(path, (char *const *)(uintptr_t)c->argv);
    _exit(127);
}

struct lines {
    char text[400];
    size_t n;
    char last[200];
};

static void add(struct lines *l, const struct host_run *c, const char *buf, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (buf[i] != '\n' && buf[i] != '\r') {
            if (l->n < sizeof(l->text) - 1)
                l->text[l->n++] = buf[i];
            continue;
        }
        l->text[l->n] = 0;
        if (l->n) {
            snprintf(l->last, sizeof(l->last), "%.199s", l->text);
            if (c->line)
                c->line(c->opaque, l->text);
        }
        l->n = 0;
    }
}

static bool follow(const struct host_run *c, pid_t pid, int fd, struct lines *l)
{
    bool stopped = false;
    char buf[4096];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (c->stop && *c->stop && !stopped) {
            stopped = true;
            kill(-pid, SIGTERM);
        }
        if (poll(&p, 1, 200) <= 0)
            continue;
        ssize_t n = read(fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        add(l, c, buf, (size_t)n);
    }
    add(l, c, "\n", 1);
    return stopped;
}

int host_run(const struct host_run *c, struct error *err)
{
    auto_free char *path = find(c->argv[0]);
    struct lines l = {0};
    int pipes[2], status = 0;

    if (!path)
        return fail(err, ENOENT, "there is no program %s", c->argv[0]);
    if (pipe2(pipes, O_CLOEXEC))
        return fail_errno(err, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (!pid)
        child(c, path, pipes[1]);
    close(pipes[1]);
    if (pid < 0) {
        int e = errno;
        close(pipes[0]);
        return fail_errno(err, e, "cannot start %s", c->argv[0]);
    }
    setpgid(pid, pid);
    bool stopped = follow(c, pid, pipes[0], &l);
    close(pipes[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (stopped)
        return fail(err, EINTR, "interrupted");
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    if (WIFSIGNALED(status))
        return fail(err, EIO, "%s was ended by signal %d (%s)", c->argv[0], WTERMSIG(status),
                    l.last);
    return fail(err, EIO, "%s ended with exit code %d (%s)", c->argv[0], WEXITSTATUS(status),
                l.last);
}
