/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/root.h"

#include <limits.h>

#include "base/file.h"

bool root_no_openat2;

#define LINKS_MAX 40

/* The walk for kernels without openat2: each component is opened O_PATH|O_NOFOLLOW below the one
 * before; ".." pops a stack of descriptors, so it can never pass the root. */
struct walk {
    int fds[128];
    int depth; /* fds[0] is the root, borrowed */
};

static void walk_pop_to(struct walk *w, int depth)
{
    while (w->depth > depth)
        close(w->fds[w->depth--]);
}

static int walk_path(struct walk *w, const char *path, int last_flags, bool links, int *links_left)
{
    char buf[PATH_MAX];
    char *p = buf;

    if (strlen(path) >= sizeof(buf))
        return -ENAMETOOLONG;
    strcpy(buf, path);
    if (*p == '/')
        walk_pop_to(w, 0);
    while (p) {
        p += strspn(p, "/");
        char *next = strchr(p, '/');
        if (next)
            *next++ = 0;
        if (!*p || !strcmp(p, ".")) {
            p = next;
            continue;
        }
        if (!strcmp(p, "..")) {
            if (w->depth)
                walk_pop_to(w, w->depth - 1);
            p = next;
            continue;
        }
        int fd = openat(w->fds[w->depth], p, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        struct stat st;
        if (fstat(fd, &st) < 0) {
            close(fd);
            return -EIO;
        }
        bool last = !next || !next[strspn(next, "/")];
        if (S_ISLNK(st.st_mode) && !(last && (last_flags & O_NOFOLLOW))) {
            char target[PATH_MAX];
            ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
            close(fd);
            if (!links || n < 0 || --*links_left < 0)
                return -ELOOP;
            target[n] = 0;
            int rc = walk_path(w, target, 0, links, links_left);
            if (rc)
                return rc;
        } else {
            if (w->depth + 1 == (int)ARRAY_LEN(w->fds)) {
                close(fd);
                return -ENAMETOOLONG;
            }
            w->fds[++w->depth] = fd;
        }
        p = next;
    }
    return 0;
}

static int walk_open(int root, const char *path, int flags, bool links)
{
    struct walk w = {.fds = {root}};
    int links_left = LINKS_MAX;
    int rc = walk_path(&w, path, flags, links, &links_left);

    if (rc == 0) {
        char self[64];
        int at = w.fds[w.depth];
        if (flags & O_PATH) {
            rc = fcntl(at, F_DUPFD_CLOEXEC, 3);
        } else {
            /* reopen what was resolved; our own /proc, not the container's */
            size_t n = 0;
            static const char head[] = "/proc/self/fd/";
            memcpy(self, head, sizeof(head));
            n = sizeof(head) - 1;
            char digits[12];
            int k = 0;
            for (int v = at; v || !k; v /= 10)
                digits[k++] = (char)('0' + v % 10);
            while (k)
                self[n++] = digits[--k];
            self[n] = 0;
            rc = open(self, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
        }
        if (rc < 0)
            rc = -errno;
    }
    walk_pop_to(&w, 0);
    return rc;
}

static int open_resolved(int root, const char *path, int flags, uint64_t resolve)
{
    if (!root_no_openat2) {
        for (int tries = 0; tries < 128; tries++) {
            int fd = sys_openat2(root, path, (uint64_t)(unsigned)flags | O_CLOEXEC, 0, resolve);
            if (fd >= 0)
                return fd;
            /* EAGAIN: a rename or mount beside us while ".." was checked [openat2(2)] */
            if (errno != EAGAIN && errno != EINTR && errno != ENOSYS)
                return -errno;
            if (errno == ENOSYS) {
                root_no_openat2 = true;
                break;
            }
        }
        if (!root_no_openat2)
            return -EAGAIN;
    }
    return walk_open(root, path, flags, !(resolve & RESOLVE_NO_SYMLINKS));
}

int root_open(int root, const char *path, int flags)
{
    return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int root_open_strict(int root, const char *path, int flags, bool same_fs)
{
    return open_resolved(root, path, flags,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                             (same_fs ? RESOLVE_NO_XDEV : 0));
}

/* The next component of *p into name; false at the end. */
static bool next_component(const char **p, char *name)
{
    *p += strspn(*p, "/");
    size_t n = strcspn(*p, "/");
    if (!n || n > NAME_MAX)
        return false;
    memcpy(name, *p, n);
    name[n] = 0;
    *p += n;
    return true;
}

/* When `name` in the directory `at`, known as `dir`, is a link (to nothing yet), the path that it
 * and the `rest` behind it mean, in heap memory; NULL when it is no link. */
static char *through_link(int at, const char *dir, const char *name, const char *rest)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(at, name, target, sizeof(target) - 1);

    if (n <= 0)
        return NULL;
    target[n] = 0;
    return target[0] == '/' ? xasprintf("%s/%s", target, rest)
                            : xasprintf("%s/%s/%s", dir, target, rest);
}

static int mkdirs(int root, const char *path, unsigned mode, int links_left, struct error *err)
{
    int fd = root_open(root, path, O_PATH | O_DIRECTORY);

    if (fd >= 0)
        return fd;
    if (fd != -ENOENT)
        return fail_errno(err, -fd, "open %s in the root", path);

    /* Resolve the longest prefix that exists (links in it are followed inside the root), then make
     * the rest below that descriptor; a part made by someone else in between is opened strictly. */
    char done[PATH_MAX] = "", name[NAME_MAX + 1];
    const char *p = path;
    if (strlen(path) >= sizeof(done))
        return fail(err, ENAMETOOLONG, "%s", path);
    int at = fcntl(root, F_DUPFD_CLOEXEC, 3);
    if (at < 0)
        return fail_errno(err, errno, "dup");
    bool making = false;
    while (next_component(&p, name)) {
        if (!making) {
            size_t dir = strlen(done);
            strcat(done, "/");
            strcat(done, name);
            int next = root_open(root, done, O_PATH | O_DIRECTORY);
            if (next >= 0) {
                fd_drop(&at);
                at = next;
                continue;
            }
            if (next != -ENOENT) {
                close(at);
                return fail_errno(err, -next, "open %s in the root", done);
            }
            done[dir] = 0;
            auto_free char *through = through_link(at, done, name, p);
            if (through) { /* what the link names is made, inside the root */
                close(at);
                if (links_left == 0)
                    return fail(err, ELOOP, "%s: too many symbolic links", path);
                return mkdirs(root, through, mode, links_left - 1, err);
            }
            making = true;
        }
        if (!is_component(name)) {
            close(at);
            return fail(err, EINVAL, "%s: \"..\" below a directory that does not exist", path);
        }
        if (mkdirat(at, name, mode) < 0 && errno != EEXIST) {
            int code = errno;
            close(at);
            return fail_errno(err, code, "make directory %s in the root", path);
        }
        int next = root_open_strict(at, name, O_PATH | O_DIRECTORY, false);
        fd_drop(&at);
        if (next < 0)
            return fail_errno(err, -next, "open %s in the root", path);
        at = next;
    }
    return at;
}

int root_mkdirs(int root, const char *path, unsigned mode, struct error *err)
{
    return mkdirs(root, path, mode, LINKS_MAX, err);
}

int root_parent(int root, const char *path, char **keep, const char **last, struct error *err)
{
    size_t n = strlen(path);

    while (n && path[n - 1] == '/')
        n--;
    size_t slash = n;
    while (slash && path[slash - 1] != '/')
        slash--;
    char *copy = xcalloc(1, n + 2);
    memcpy(copy, path, slash ? slash - 1 : 0);
    char *name = copy + (slash ? slash : 1);
    memcpy(name, path + slash, n - slash);
    if (!is_component(name)) {
        free(copy);
        return fail(err, EINVAL, "\"%s\" names no file", path);
    }
    int fd = root_mkdirs(root, *copy ? copy : "/", 0755, err);
    if (fd < 0) {
        free(copy);
        return fd;
    }
    *keep = copy;
    *last = name;
    return fd;
}

static int mkfile(int root, const char *path, int links_left, struct error *err)
{
    int fd = root_open(root, path, O_PATH);
    auto_free char *keep = NULL;
    const char *name;

    if (fd >= 0)
        return fd;
    if (fd != -ENOENT)
        return fail_errno(err, -fd, "open %s in the root", path);
    auto_fd int parent = root_parent(root, path, &keep, &name, err);
    if (parent < 0)
        return parent;
    /* O_EXCL and O_NOFOLLOW: a dangling link is not written through */
    int made = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644);
    if (made < 0 && errno != EEXIST)
        return fail_errno(err, errno, "make file %s in the root", path);
    if (made >= 0) /* at once: a mount with a file open for writing cannot become read-only */
        close(made);
    fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "open %s in the root", path);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
        return fd;
    close(fd);
    /* a link to nothing: the file it names is made, inside the root */
    auto_free char *through = through_link(parent, keep, name, "");
    if (!through || links_left == 0)
        return fail(err, ELOOP, "%s: too many symbolic links", path);
    for (size_t n = strlen(through); n && through[n - 1] == '/'; n--)
        through[n - 1] = 0;
    return mkfile(root, through, links_left - 1, err);
}

int root_mkfile(int root, const char *path, struct error *err)
{
    return mkfile(root, path, LINKS_MAX, err);
}
