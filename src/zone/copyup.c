/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tmpcopyup: what the image has at a place is copied into the tmpfs that hides it.
 */
#include <dirent.h>
#include <limits.h>
#include <sys/sendfile.h>

#include "base/file.h"
#include "zone/rootfs.h"
#include "base/sys.h"

#define DEPTH_MAX 64

static int copy_owner(int to, const char *name, const struct stat *st, struct error *err)
{
    /* an owner that has no place in this user namespace stays the maker's */
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL &&
        errno != EPERM)
        return fail_errno(err, errno, "owner of %s", name);
    if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
        return fail_errno(err, errno, "mode of %s", name);
    return 0;
}

static int copy_file(int from, int to, const char *name, struct error *err)
{
    auto_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    auto_close int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (in < 0 || out < 0)
        return fail_errno(err, errno, "copy %s", name);
    for (;;) {
        ssize_t n = sendfile(out, in, NULL, 1 << 20);
        if (n < 0)
            return fail_errno(err, errno, "copy %s", name);
        if (n == 0)
            return 0;
    }
}

static int copy_level(int from, int to, int depth, struct error *err);

static int copy_entry(int from, int to, const char *name, int depth, struct error *err)
{
    struct stat st;
    char target[PATH_MAX];
    int rc = 0;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(err, errno, "%s", name);
    if (S_ISDIR(st.st_mode)) {
        if (mkdirat(to, name, 0700) < 0)
            return fail_errno(err, errno, "make %s", name);
        auto_fd int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_fd int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0 || out < 0)
            return fail_errno(err, errno, "open %s", name);
        rc = copy_level(in, out, depth + 1, err);
    } else if (S_ISREG(st.st_mode)) {
        rc = copy_file(from, to, name, err);
    } else if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
        if (n < 0)
            return fail_errno(err, errno, "read link %s", name);
        target[n] = 0;
        if (symlinkat(target, to, name) < 0)
            return fail_errno(err, errno, "link %s", name);
    } else {
        return 0; /* devices, sockets and pipes are not content */
    }
    return rc ? rc : copy_owner(to, name, &st, err);
}

static int copy_level(int from, int to, int depth, struct error *err)
{
    int dup_fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
    int rc = 0;

    if (!d)
        return fail_errno(err, errno, "read a directory");
    if (depth > DEPTH_MAX)
        rc = fail(err, ELOOP, "more than %d directories deep", DEPTH_MAX);
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (is_component(e->d_name))
            rc = copy_entry(from, to, e->d_name, depth, err);
    closedir(d);
    return rc;
}

int copy_tree(int from, int to, struct error *err)
{
    struct stat st;

    if (fstat(from, &st) == 0) {
        auto_fd int dir = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || (fchown(dir, st.st_uid, st.st_gid) < 0 && errno != EINVAL && errno != EPERM))
            return fail_errno(err, errno, "tmpcopyup");
        if (fchmod(dir, st.st_mode & 07777) < 0)
            return fail_errno(err, errno, "tmpcopyup");
    }
    int rc = copy_level(from, to, 0, err);
    return rc ? error_prefix(err, "tmpcopyup") : 0;
}
