/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sys: the system calls of a zone that the C library lacks or hides, as plain functions that return
 * -1 and set errno, and the few constants that older headers do not have.
 *
 * Facts: openat2(2), clone3(2), mount_setattr(2), pidfd_open(2), seccomp(2), and the kernel's uapi
 * headers. <linux/mount.h> cannot be included beside <sys/mount.h> in glibc 2.36; we use the latter.
 */
#ifndef QUAD_BASE_SYS_H
#define QUAD_BASE_SYS_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/base.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

/* RESOLVE_* by `resolve`; mode only with O_CREAT or O_TMPFILE. */
static inline int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
                              uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/* A fork with flags (never a stack or shared memory). Before 5.3 the older call does it, without what
 * only the new one has (EINVAL). */
static inline pid_t sys_clone3(struct clone_args *args)
{
    pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(*args));

    if (pid >= 0 || errno != ENOSYS)
        return pid;
    if (args->flags >> 32) {
        errno = EINVAL;
        return -1;
    }
    return (pid_t)syscall(SYS_clone, args->flags | args->exit_signal, 0, args->pidfd, 0, 0);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_seccomp(unsigned op, unsigned flags, void *args)
{
    return (int)syscall(SYS_seccomp, op, flags, args);
}

static inline int sys_execveat(int fd, const char *path, char *const argv[], char *const envp[],
                               int flags)
{
    return (int)syscall(SYS_execveat, fd, path, argv, envp, flags);
}

#endif
