/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "zone/zone_part.h"

static noreturn_fn void work_and_exit(struct zone *z, zone_work *work, const void *arg, int out)
{
    struct error e = {0};
    int status = 0;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* its children are the host process' when it ends */
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    int rc = work(z, arg, &status, &e);
    if (rc)
        (void)!write(out, &e, sizeof(e));
    _exit(rc ? 125 : status);
}

int zone_job_start(struct zone *z, zone_work *work, const void *arg, struct zone_job *job,
                   struct error *err)
{
    int p[2];

    *job = (struct zone_job){.pidfd = -1, .err_fd = -1};
    if (pipe2(p, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    pid_t pid = fork();
    if (pid < 0) {
        close(p[0]);
        close(p[1]);
        return fail_errno(err, errno, "fork");
    }
    if (pid == 0) {
        close(p[0]);
        work_and_exit(z, work, arg, p[1]);
    }
    close(p[1]);
    job->pid = pid;
    job->err_fd = p[0];
    job->pidfd = pidfd_open(pid, 0);
    return 0;
}

int zone_job_end(struct zone_job *job, int *status, struct error *err)
{
    struct error said = {0};
    int st = 0;

    while (waitpid(job->pid, &st, 0) < 0 && errno == EINTR)
        ;
    ssize_t n = read(job->err_fd, &said, sizeof(said));
    close(job->err_fd);
    if (job->pidfd >= 0)
        close(job->pidfd);
    *job = (struct zone_job){.pidfd = -1, .err_fd = -1};
    said.text[sizeof(said.text) - 1] = 0;
    if (n == (ssize_t)sizeof(said) && said.code > 0) {
        fail(err, said.code, "%s", said.text);
        return -said.code;
    }
    *status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
    return WIFSIGNALED(st) ? fail(err, EIO, "the zone's worker died of signal %d", WTERMSIG(st))
                           : 0;
}

int zone_use_streams(const int fds[3], struct error *err)
{
    for (int i = 0; i < 3; i++)
        if (fds[i] != i ? dup2(fds[i], i) < 0 : fcntl(i, F_SETFD, 0) < 0)
            return fail_errno(err, errno, "standard stream %d", i);
    return 0;
}

int zone_use_log(const struct zone *z, struct error *err)
{
    auto_free char *path = xasprintf("%s/console.log", z->folder);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (in < 0 || out < 0)
        return fail_errno(err, errno, "%s", path);
    return zone_use_streams((int[]){in, out, out}, err);
}
