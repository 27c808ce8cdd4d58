/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A user, namespaces and a root directory of the process's own.
 *
 * An ordinary user gets a user namespace, in which the others need no rights; only itself has a number
 * there. root leaves its number for one that nobody else on the host has, and needs no user namespace.
 * A pid namespace would hold the children only, and there will be none [LINUX pid_namespaces].
 */
#include "guest/sandbox_ns.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OTHERS (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* Numbers above those of users, containers and services, and below those that software takes for
 * negative; pids are at most 2^22, so that every process has one. */
#define OWN_USERS 2000000000u

static int put_file(const char *path, const char *text, struct error *err)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return fail_errno(err, errno, "cannot write %s", path);
    return 0;
}

static int map_ids(uid_t uid, gid_t gid, struct error *err)
{
    char line[48];
    int rc = put_file("/proc/self/setgroups", "deny", err);

    snprintf(line, sizeof(line), "%u %u 1", uid, uid);
    if (!rc)
        rc = put_file("/proc/self/uid_map", line, err);
    snprintf(line, sizeof(line), "%u %u 1", gid, gid);
    return rc ? rc : put_file("/proc/self/gid_map", line, err);
}

int sandbox_namespaces(bool *own_user, struct error *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    *own_user = false;
    if (!uid && !unshare(OTHERS))
        return 0;
    if (unshare(CLONE_NEWUSER | OTHERS))
        return fail_errno(err, errno, "namespaces");
    *own_user = true;
    return map_ids(uid, gid, err);
}

/* Any folder does as the place where the empty one is mounted: nobody sees it there. */
static int mount_empty(struct error *err)
{
    static const char *const places[] = {"/tmp", "/run", "/proc"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (!mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   "size=4096,nr_inodes=1,mode=0555"))
            return chdir(places[i]) ? fail_errno(err, errno, "empty root: %s", places[i]) : 0;
    return fail_errno(err, errno, "empty root");
}

int sandbox_empty_root(struct error *err)
{
    if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL))
        return fail_errno(err, errno, "empty root: mounts");
    int rc = mount_empty(err);
    if (rc)
        return rc;
    /* The old root lies on top of the new one until it is taken off [LINUX pivot_root]. */
    if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
        return fail_errno(err, errno, "empty root");
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL))
        return fail_errno(err, errno, "empty root: read-only");
    return 0;
}

int sandbox_own_user(struct error *err)
{
    id_t own = OWN_USERS + (id_t)getpid();

    if (setgroups(0, NULL) || setresgid(own, own, own) || setresuid(own, own, own))
        return fail_errno(err, errno, "a user of its own");
    return 0;
}
