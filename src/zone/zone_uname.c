/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_uname.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What uname says in the process's own namespace of host names. A thread may go there and back. */
static int names_of(pid_t pid, struct utsname *u)
{
    char path[40];
    auto_close int own = open("/proc/thread-self/ns/uts", O_RDONLY | O_CLOEXEC);

    snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)pid);
    auto_close int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWUTS) < 0)
        return -errno;
    int rc = uname(u) < 0 ? -errno : 0;
    if (setns(own, CLONE_NEWUTS) < 0)
        abort(); /* this process must not stay in a zone */
    return rc;
}

static int answer(int listener, const struct seccomp_notif *n, const char *release)
{
    struct utsname u;
    char path[40];

    if (n->data.nr != SYS_uname && n->data.nr != 122 /* i386 */)
        return -ENOSYS;
    int rc = names_of((pid_t)n->pid, &u);
    if (rc)
        return rc;
    snprintf(u.release, sizeof(u.release), "%s", release);
    snprintf(path, sizeof(path), "/proc/%u/mem", n->pid);
    auto_close int mem = open(path, O_RDWR | O_CLOEXEC);
    /* opened first, then asked: it is still the same process that called */
    if (mem < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->id) < 0)
        return -ESRCH;
    return pwrite(mem, &u, sizeof(u), (off_t)n->data.args[0]) == (ssize_t)sizeof(u) ? 0 : -EFAULT;
}

bool zone_uname_serve(int listener, const char *release)
{
    struct seccomp_notif n = {0};
    struct seccomp_notif_resp r = {0};

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
        return errno == EINTR || errno == ENOENT || errno == EAGAIN;
    r.id = n.id;
    r.error = answer(listener, &n, release);
    /* gone meanwhile: nobody waits */
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0 || errno == ENOENT;
}
