/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/unpack.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/root.h"
#include "image/archive_lib.h"

#define DEPTH_MAX 200
#define XATTR_MAX (64u << 10)

static int remove_tree(int dir, const char *name, unsigned depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth > DEPTH_MAX)
        return -ELOOP;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int rc = 0;
    if (!d)
        return -errno;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (is_component(e->d_name))
            rc = remove_tree(fd, e->d_name, depth + 1);
    closedir(d);
    if (!rc && unlinkat(dir, name, AT_REMOVEDIR) < 0)
        rc = -errno;
    return rc;
}

int unpack_remove(int dir, const char *name)
{
    return remove_tree(dir, name, 0);
}

#if HAVE_LIBARCHIVE

/* Directories get their times at the end, when nothing is made in them any more. */
struct late_dir {
    char *path;
    struct timespec mtime;
    mode_t mode;
};

struct unpack {
    const struct archive_lib *ar;
    struct archive *a;
    struct archive_entry *e;
    int root;
    const char *name; /* of the archive, for messages */
    const struct unpack_opts *o;
    struct unpack_stats *st;
    struct late_dir *dirs;
    size_t dir_count, dir_room;
    /* the directory of the last entry; forgotten when a link or a removal may have changed the way */
    char *parent_path;
    int parent;
};

static void forget_parent(struct unpack *u)
{
    if (u->parent >= 0)
        close(u->parent);
    free(u->parent_path);
    u->parent = -1;
    u->parent_path = NULL;
}

/* The entry's path without "/" and "." at its ends; "" is the root itself. Heap. */
static char *clean_path(const struct unpack *u, const char *path, struct error *err)
{
    char *out = xcalloc(1, strlen(path) + 1);
    size_t n = 0;
    unsigned depth = 0;

    if (strlen(path) >= PATH_MAX)
        goto bad;
    for (const char *p = path; *p;) {
        p += strspn(p, "/");
        size_t len = strcspn(p, "/");
        if (len == 2 && !memcmp(p, "..", 2))
            goto bad;
        if (len && !(len == 1 && *p == '.')) {
            if (n)
                out[n++] = '/';
            memcpy(out + n, p, len);
            n += len;
            depth++;
        }
        p += len;
    }
    if (depth <= DEPTH_MAX)
        return out;
bad:
    free(out);
    fail(err, EINVAL, "%s: entry \"%.120s\": not a path inside the archive", u->name, path);
    return NULL;
}

/* The directory that holds `path` (borrowed), and the last component in *last. */
static int parent_of(struct unpack *u, const char *path, const char **last, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    *last = slash ? slash + 1 : path;
    if (u->parent >= 0 && strlen(u->parent_path) == n && !memcmp(u->parent_path, path, n))
        return u->parent;
    forget_parent(u);
    char *dir = xcalloc(1, n + 2);
    memcpy(dir, path, n);
    int fd = root_mkdirs(u->root, n ? dir : "/", 0755, err);
    if (fd < 0) {
        free(dir);
        return error_prefix(err, "%s: entry \"%.120s\"", u->name, path);
    }
    u->parent_path = dir;
    return u->parent = fd;
}

/* ------------------------------------------------------------------------------------- metadata */

static bool xattr_allowed(const char *name)
{
    if (!strcmp(name, "security.capability"))
        return true;
    return !strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13) != 0;
}

/* By the descriptor's name in our own /proc: an O_PATH descriptor has no other way. */
static void set_xattrs(struct unpack *u, int fd)
{
    char self[40];
    const char *name;
    const void *value;
    size_t size;

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    u->ar->entry_xattr_reset(u->e);
    while (u->ar->entry_xattr_next(u->e, &name, &value, &size) == ARCHIVE_OK)
        if (name && xattr_allowed(name) && size <= XATTR_MAX &&
            (u->o->owners || !strncmp(name, "user.", 5)))
            (void)!setxattr(self, name, value, size, 0); /* not every file system has them */
}

static int set_owner(struct unpack *u, int dir, const char *last, struct error *err)
{
    int64_t uid = u->ar->entry_uid(u->e), gid = u->ar->entry_gid(u->e);

    if (!u->o->owners)
        return 0;
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return fail(err, EINVAL, "%s: entry \"%.120s\": owner %lld:%lld", u->name, last,
                    (long long)uid, (long long)gid);
    return fchownat(dir, last, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0
               ? fail_errno(err, errno, "%s: owner of \"%.120s\"", u->name, last)
               : 0;
}

static mode_t mode_of(const struct unpack *u)
{
    return u->ar->entry_perm(u->e) & (u->o->owners ? 07777 : 0777);
}

static struct timespec mtime_of(const struct unpack *u)
{
    return (struct timespec){.tv_sec = u->ar->entry_mtime(u->e),
                             .tv_nsec = u->ar->entry_mtime_nsec(u->e)};
}

static void set_time(int dir, const char *last, struct timespec t)
{
    const struct timespec both[2] = {t, t};

    (void)!utimensat(dir, last, both, AT_SYMLINK_NOFOLLOW);
}

/* -------------------------------------------------------------------------------------- entries */

static int write_content(struct unpack *u, int fd, const char *path, struct error *err)
{
    const void *block;
    uint64_t limit = u->o->max_bytes ? u->o->max_bytes : UINT64_C(256) << 30;
    int64_t at, end = 0;
    size_t len;
    int rc;

    while ((rc = u->ar->read_data_block(u->a, &block, &len, &at)) == ARCHIVE_OK) {
        u->st->bytes += len;
        if (u->st->bytes > limit || at < 0)
            return fail(err, EFBIG, "%s: more than %" PRIu64 " bytes", u->name, limit);
        for (size_t done = 0; done < len;) {
            ssize_t n = pwrite(fd, (const char *)block + done, len - done, at + (off_t)done);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return fail_errno(err, n ? errno : EIO, "%s: write \"%.120s\"", u->name, path);
            done += (size_t)n;
        }
        end = MAX(end, at + (int64_t)len);
    }
    if (rc != ARCHIVE_EOF)
        return fail(err, EINVAL, "%s: entry \"%.120s\" is damaged: %s", u->name, path,
                    u->ar->error_string(u->a) ? u->ar->error_string(u->a) : "cut off");
    int64_t size = u->ar->entry_size(u->e); /* a hole at the end */
    if (size > end && (uint64_t)size <= limit && ftruncate(fd, size) < 0)
        return fail_errno(err, errno, "%s: size of \"%.120s\"", u->name, path);
    return 0;
}

static int make_file(struct unpack *u, int dir, const char *last, const char *path,
                     struct error *err)
{
    auto_close int fd =
        openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail_errno(err, errno, "%s: make \"%.120s\"", u->name, path);
    int rc = write_content(u, fd, path, err);
    if (!rc)
        rc = set_owner(u, dir, last, err);
    if (rc)
        return rc;
    if (fchmod(fd, mode_of(u)) < 0)
        return fail_errno(err, errno, "%s: mode of \"%.120s\"", u->name, path);
    set_xattrs(u, fd);
    set_time(dir, last, mtime_of(u));
    return 0;
}

static void keep_dir(struct unpack *u, const char *path)
{
    if (u->dir_count == u->dir_room) {
        size_t room = u->dir_room ? u->dir_room * 2 : 256;
        struct late_dir *more = realloc(u->dirs, room * sizeof(*more));
        if (!more)
            return;
        u->dirs = more;
        u->dir_room = room;
    }
    u->dirs[u->dir_count++] =
        (struct late_dir){.path = xstrdup(path), .mtime = mtime_of(u), .mode = mode_of(u)};
}

static int make_dir(struct unpack *u, int dir, const char *last, const char *path,
                    struct error *err)
{
    if (mkdirat(dir, last, 0700) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "%s: make \"%.120s\"", u->name, path);
    auto_close int fd = openat(dir, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "%s: open \"%.120s\"", u->name, path);
    int rc = set_owner(u, dir, last, err);
    if (rc)
        return rc;
    set_xattrs(u, fd);
    keep_dir(u, path);
    /* until the end its owner may work in it */
    return fchmod(fd, mode_of(u) | 0700) < 0
               ? fail_errno(err, errno, "%s: mode of \"%.120s\"", u->name, path)
               : 0;
}

static int make_link(struct unpack *u, int dir, const char *last, const char *path,
                     const char *target, struct error *err)
{
    auto_free char *clean = clean_path(u, target, err);
    auto_free char *keep = NULL;
    const char *from;
    struct stat st;

    if (!clean)
        return -err->code;
    auto_close int at = *clean ? root_parent(u->root, clean, &keep, &from, err) : -EINVAL;
    if (at < 0)
        return fail(err, EINVAL, "%s: \"%.120s\" is a hard link to nothing", u->name, path);
    if (fstatat(at, from, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
        return fail(err, EINVAL, "%s: \"%.120s\" is a hard link to \"%.120s\", which is %s",
                    u->name, path, target, errno == ENOENT ? "not there" : "no file");
    return linkat(at, from, dir, last, 0) < 0
               ? fail_errno(err, errno, "%s: link \"%.120s\"", u->name, path)
               : 0;
}

static int make_symlink(struct unpack *u, int dir, const char *last, const char *path,
                        struct error *err)
{
    const char *target = u->ar->entry_symlink(u->e);

    if (!target || !*target || strlen(target) >= PATH_MAX)
        return fail(err, EINVAL, "%s: symbolic link \"%.120s\" has no target", u->name, path);
    if (symlinkat(target, dir, last) < 0)
        return fail_errno(err, errno, "%s: link \"%.120s\"", u->name, path);
    forget_parent(u);
    return 0;
}

/* What is at the entry's place goes, but a directory that stays one. */
static int clear_place(struct unpack *u, const char *path, const char *last, bool is_dir,
                       struct error *err)
{
    struct stat st;

    if (fstatat(u->parent, last, &st, AT_SYMLINK_NOFOLLOW) < 0 || (is_dir && S_ISDIR(st.st_mode)))
        return 0;
    int rc = unpack_remove(u->parent, last);
    return rc ? fail_errno(err, -rc, "%s: replace \"%.120s\"", u->name, path) : 0;
}

static int make_entry(struct unpack *u, const char *path, struct error *err)
{
    const char *last, *hard = u->ar->entry_hardlink(u->e);
    mode_t type = u->ar->entry_filetype(u->e);
    int rc;

    if (!hard && (type == AE_IFCHR || type == AE_IFBLK)) {
        u->st->devices++;
        return 0;
    }
    if (!hard && type == AE_IFSOCK)
        return 0;
    int dir = parent_of(u, path, &last, err);
    if (dir < 0)
        return dir;
    if (hard) { /* first look whether it can be made, as the old file may be its target's other name */
        struct stat a, b;
        auto_free char *clean = clean_path(u, hard, err);
        auto_close int to = clean ? root_open(u->root, clean, O_PATH | O_NOFOLLOW) : -1;
        if (to >= 0 && fstat(to, &a) == 0 && fstatat(dir, last, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
            a.st_ino == b.st_ino && a.st_dev == b.st_dev)
            return 0;
    }
    if ((rc = clear_place(u, path, last, !hard && type == AE_IFDIR, err)))
        return rc;
    if (hard)
        return make_link(u, dir, last, path, hard, err);
    switch (type) {
    case AE_IFDIR:
        return make_dir(u, dir, last, path, err);
    case AE_IFREG:
        return make_file(u, dir, last, path, err);
    case AE_IFLNK:
        rc = make_symlink(u, dir, last, path, err);
        if (rc)
            return rc;
        dir = parent_of(u, path, &last, err);
        rc = dir < 0 ? dir : set_owner(u, dir, last, err);
        forget_parent(u);
        return rc;
    case AE_IFIFO:
        if (mknodat(dir, last, S_IFIFO | 0600, 0) < 0)
            return fail_errno(err, errno, "%s: make \"%.120s\"", u->name, path);
        rc = set_owner(u, dir, last, err);
        if (!rc && fchmodat(dir, last, mode_of(u), 0) < 0)
            rc = fail_errno(err, errno, "%s: mode of \"%.120s\"", u->name, path);
        return rc;
    default:
        return fail(err, EINVAL, "%s: \"%.120s\" is of a kind (%o) that no root has", u->name, path,
                    (unsigned)type);
    }
}

/* ------------------------------------------------------------------------------------ whiteouts */

#define WH ".wh."
#define WH_META ".wh..wh."
#define WH_OPAQUE ".wh..wh..opq"

static bool is_whiteout(const char *path)
{
    const char *slash = strrchr(path, '/');

    return !strncmp(slash ? slash + 1 : path, WH, strlen(WH));
}

static int empty_dir(struct unpack *u, const char *path, struct error *err)
{
    int fd = root_open(u->root, *path ? path : "/", O_RDONLY | O_DIRECTORY);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int rc = 0;

    if (!d)
        return fd == -ENOENT || fd == -ENOTDIR ? 0 : fail_errno(err, fd < 0 ? -fd : errno, "%s: %s",
                                                                u->name, path);
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (is_component(e->d_name)) {
            rc = unpack_remove(fd, e->d_name);
            u->st->removed++;
        }
    closedir(d);
    return rc ? fail_errno(err, -rc, "%s: empty \"%.120s\"", u->name, path) : 0;
}

static int apply_whiteout(struct unpack *u, char *path, struct error *err)
{
    char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    int dir, rc;

    forget_parent(u);
    if (slash)
        *slash = 0;
    if (!strcmp(last, WH_OPAQUE))
        return empty_dir(u, slash ? path : "", err);
    if (!strncmp(last, WH_META, strlen(WH_META)))
        return 0; /* another file system's own marks */
    const char *victim = last + strlen(WH);
    if (!is_component(victim))
        return fail(err, EINVAL, "%s: \"%.120s\" removes nothing that has a name", u->name, last);
    dir = root_open(u->root, slash ? path : "/", O_PATH | O_DIRECTORY);
    if (dir < 0)
        return 0; /* nothing there to remove */
    rc = unpack_remove(dir, victim);
    close(dir);
    u->st->removed++;
    return rc ? fail_errno(err, -rc, "%s: remove \"%.120s\"", u->name, victim) : 0;
}

/* ----------------------------------------------------------------------------------- one archive */

/* Whiteouts are about layers below, so they come first, wherever in the archive they are. */
static int walk(struct unpack *u, bool whiteouts, struct error *err)
{
    uint64_t limit = u->o->max_entries ? u->o->max_entries : 8u << 20;
    uint64_t n = 0;
    int rc;

    while ((rc = u->ar->read_next_header(u->a, &u->e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
        const char *name = u->ar->entry_pathname(u->e);
        if (++n > limit)
            return fail(err, EFBIG, "%s: more than %" PRIu64 " entries", u->name, limit);
        auto_free char *path = name ? clean_path(u, name, err) : NULL;
        if (!name)
            return fail(err, EINVAL, "%s: an entry has no name", u->name);
        if (!path)
            return -err->code;
        if (!*path)
            continue; /* the root itself */
        bool white = u->o->whiteouts && is_whiteout(path);
        if (white != whiteouts)
            continue;
        rc = white ? apply_whiteout(u, path, err) : make_entry(u, path, err);
        if (rc)
            return rc;
        if (!white)
            u->st->entries++;
    }
    if (rc == ARCHIVE_EOF)
        return 0;
    return fail(err, EINVAL, "%s: damaged archive: %s", u->name,
                u->ar->error_string(u->a) ? u->ar->error_string(u->a) : "cut off");
}

static int pass(struct unpack *u, int fd, bool whiteouts, struct error *err)
{
    /* a pipe has no beginning to go back to; one pass is enough where there are no whiteouts */
    if (lseek(fd, 0, SEEK_SET) < 0 && (errno != ESPIPE || u->o->whiteouts))
        return fail_errno(err, errno, "%s", u->name);
    u->a = archive_open(fd, false, u->name, err);
    if (!u->a)
        return -err->code;
    int rc = walk(u, whiteouts, err);
    u->ar->read_free(u->a);
    return rc;
}

static void finish_dirs(struct unpack *u)
{
    /* the deepest ones come last in an archive, and their parents' times must survive */
    for (size_t i = u->dir_count; i-- > 0;) {
        struct late_dir *d = &u->dirs[i];
        auto_close int fd = root_open(u->root, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd >= 0) {
            const struct timespec both[2] = {d->mtime, d->mtime};
            (void)!fchmod(fd, d->mode);
            (void)!futimens(fd, both);
        }
        free(d->path);
    }
    free(u->dirs);
}

int unpack_tar(int fd, int root, const char *name, const struct unpack_opts *o,
               struct unpack_stats *stats, struct error *err)
{
    struct error local;
    struct unpack_stats none = {0};
    struct unpack u = {
        .root = root, .name = name, .o = o, .st = stats ? stats : &none, .parent = -1};
    int rc = 0;

    err = err ? err : &local;
    u.ar = archive_lib(err);
    if (!u.ar)
        return -err->code;
    if (o->whiteouts)
        rc = pass(&u, fd, true, err);
    if (!rc)
        rc = pass(&u, fd, false, err);
    forget_parent(&u);
    finish_dirs(&u);
    return rc;
}
#else
int unpack_tar(int fd, int root, const char *name, const struct unpack_opts *o,
               struct unpack_stats *stats, struct error *err)
{
    (void)fd, (void)root, (void)o, (void)stats;
    return fail(err, ENOSYS, "%s: this quad was built without libarchive; try: install "
                             "libarchive-dev and build again", name);
}
#endif
