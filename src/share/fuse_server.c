/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   request   fuse_in_header {len opcode unique nodeid uid gid pid}, then the operation's record,
 *             then names, each with its zero byte, or data
 *   reply     fuse_out_header {len error unique}, then the operation's record or data
 */
#include "share/fuse_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "share/fuse_node.h"

enum { HANDLES_MAX = 4096, NOBODY = 65534, WRITE_MAX = 128 << 10, VALID_SECONDS = 1 };

struct handle {
    int fd; /* -1: free, or a folder's */
    DIR *dir;
};

struct fuse_server {
    struct fuse_nodes nodes;
    struct handle handles[HANDLES_MAX]; /* number 0 is not used */
    int proc; /* /proc/self/fd: how an O_PATH descriptor is opened */
    bool readonly, is_root;
    uid_t uid;
    gid_t gid;
};

struct call { /* one message */
    struct fuse_server *s;
    struct fuse_in_header h;
    const uint8_t *in;
    uint32_t left;
    uint8_t *out;
    uint32_t room, len; /* of out, after the header */
};

/* ------------------------------------------------------------------------------ in and out */

/* The operation's record; short ones are filled with zeroes by older minor versions. */
static bool take(struct call *c, void *record, uint32_t size)
{
    if (c->left < size)
        return false;
    memcpy(record, c->in, size);
    c->in += size;
    c->left -= size;
    return true;
}

/* A name: one component. NULL: it is none. */
static const char *take_name(struct call *c)
{
    const char *name = (const char *)c->in;
    size_t n = strnlen(name, c->left);

    if (!n || n == c->left || n > NAME_MAX || memchr(name, '/', n) || !strcmp(name, ".") ||
        !strcmp(name, ".."))
        return NULL;
    c->in += n + 1;
    c->left -= (uint32_t)n + 1;
    return name;
}

static int give(struct call *c, const void *record, uint32_t size)
{
    if (c->room < size)
        return -ERANGE;
    memcpy(c->out, record, size);
    c->len = size;
    return 0;
}

static int result(int rc)
{
    return rc < 0 ? -errno : 0;
}

static struct fuse_node *node_of(struct call *c)
{
    return node_get(&c->s->nodes, c->h.nodeid);
}

/* ------------------------------------------------------------------------------- attributes */

static void fill_attr(const struct fuse_server *s, struct fuse_attr *a, const struct stat *st)
{
    *a = (struct fuse_attr){.ino = st->st_ino,
                            .size = (uint64_t)st->st_size,
                            .blocks = (uint64_t)st->st_blocks,
                            .atime = (uint64_t)st->st_atim.tv_sec,
                            .mtime = (uint64_t)st->st_mtim.tv_sec,
                            .ctime = (uint64_t)st->st_ctim.tv_sec,
                            .atimensec = (uint32_t)st->st_atim.tv_nsec,
                            .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
                            .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
                            .mode = st->st_mode,
                            .nlink = (uint32_t)st->st_nlink,
                            .uid = st->st_uid,
                            .gid = st->st_gid,
                            .rdev = (uint32_t)st->st_rdev,
                            .blksize = (uint32_t)st->st_blksize};
    if (!s->is_root) {
        a->uid = st->st_uid == s->uid ? 0 : NOBODY;
        a->gid = st->st_gid == s->gid ? 0 : NOBODY;
    }
}

static int look_up(struct call *c, struct fuse_node *dir, const char *name,
                   struct fuse_entry_out *e)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    int fd = (int)syscall(SYS_openat2, dir->fd, name, &how, sizeof(how));

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    uint32_t id = node_put(&c->s->nodes, fd, &st);
    if (!id)
        return -ENFILE;
    *e = (struct fuse_entry_out){.nodeid = id,
                                 .generation = c->s->nodes.node[id].generation,
                                 .entry_valid = VALID_SECONDS,
                                 .attr_valid = VALID_SECONDS};
    fill_attr(c->s, &e->attr, &st);
    return 0;
}

static int give_entry(struct call *c, const char *name)
{
    struct fuse_node *dir = node_of(c);
    struct fuse_entry_out e;
    int rc = dir ? look_up(c, dir, name, &e) : -ESTALE;

    return rc ? rc : give(c, &e, sizeof(e));
}

static int op_lookup(struct call *c)
{
    const char *name = take_name(c);

    return name ? give_entry(c, name) : -EINVAL;
}

static int op_getattr(struct call *c)
{
    struct fuse_node *n = node_of(c);
    struct fuse_attr_out a = {.attr_valid = VALID_SECONDS};
    struct stat st;

    if (!n)
        return -ESTALE;
    if (fstat(n->fd, &st))
        return -errno;
    fill_attr(c->s, &a.attr, &st);
    return give(c, &a, sizeof(a));
}

/* An O_PATH descriptor's name for calls that want one. */
static const char *proc_name(const struct fuse_node *n, char text[16])
{
    snprintf(text, 16, "%d", n->fd);
    return text;
}

/* Only files and folders are opened; opening a pipe or a device would do something by itself. */
static int open_node(struct call *c, const struct fuse_node *n, int flags)
{
    char name[16];
    struct stat st;

    if (fstat(n->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return -ENXIO;
    int fd = openat(c->s->proc, proc_name(n, name), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int set_size(struct call *c, const struct fuse_node *n, uint64_t size)
{
    int fd = open_node(c, n, O_WRONLY);

    if (fd < 0)
        return fd;
    int rc = result(ftruncate(fd, (off_t)size));
    close(fd);
    return rc;
}

static int set_owner(struct call *c, const struct fuse_node *n, const struct fuse_setattr_in *a)
{
    uid_t uid = a->valid & FATTR_UID ? a->uid : (uid_t)-1;
    gid_t gid = a->valid & FATTR_GID ? a->gid : (gid_t)-1;

    if (!c->s->is_root) /* the guest's root is us, and we can be nobody else */
        return (uid == (uid_t)-1 || !uid) && (gid == (gid_t)-1 || !gid) ? 0 : -EPERM;
    return result(fchownat(n->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

static int set_times(struct call *c, const struct fuse_node *n, const struct fuse_setattr_in *a)
{
    struct timespec t[2] = {{(time_t)a->atime, (long)a->atimensec}, {(time_t)a->mtime, (long)a->mtimensec}};
    char name[16];

    t[0].tv_nsec = !(a->valid & FATTR_ATIME) ? UTIME_OMIT : a->valid & FATTR_ATIME_NOW ? UTIME_NOW : t[0].tv_nsec;
    t[1].tv_nsec = !(a->valid & FATTR_MTIME) ? UTIME_OMIT : a->valid & FATTR_MTIME_NOW ? UTIME_NOW : t[1].tv_nsec;
    return result(utimensat(c->s->proc, proc_name(n, name), t, 0));
}

/* Set-user-id bits stay the host's own matter. */
static mode_t safe_mode(uint32_t mode)
{
    return mode & 01777;
}

static int op_setattr(struct call *c)
{
    struct fuse_node *n = node_of(c);
    struct fuse_setattr_in a;
    char name[16];
    int rc = 0;

    if (!n)
        return -ESTALE;
    if (!take(c, &a, sizeof(a)))
        return -EINVAL;
    if (a.valid & FATTR_MODE)
        rc = result(fchmodat(c->s->proc, proc_name(n, name), safe_mode(a.mode), 0));
    if (!rc && a.valid & (FATTR_UID | FATTR_GID))
        rc = set_owner(c, n, &a);
    if (!rc && a.valid & FATTR_SIZE)
        rc = set_size(c, n, a.size);
    if (!rc && a.valid & (FATTR_ATIME | FATTR_MTIME))
        rc = set_times(c, n, &a);
    return rc ? rc : op_getattr(c);
}

static int op_readlink(struct call *c)
{
    struct fuse_node *n = node_of(c);
    ssize_t len = n ? readlinkat(n->fd, "", (char *)c->out, c->room) : -1;

    if (!n)
        return -ESTALE;
    if (len < 0)
        return -errno;
    c->len = (uint32_t)len;
    return 0;
}

/* ------------------------------------------------------------------------------ new and gone */

static void own(struct call *c, int dir_fd, const char *name)
{
    if (c->s->is_root && fchownat(dir_fd, name, c->h.uid, c->h.gid, AT_SYMLINK_NOFOLLOW))
        return; /* it stays ours; the guest sees whose it is */
}

static int op_mknod(struct call *c)
{
    struct fuse_node *dir = node_of(c);
    struct fuse_mknod_in m;
    const char *name;

    if (!take(c, &m, sizeof(m)) || !(name = take_name(c)))
        return -EINVAL;
    if (!dir)
        return -ESTALE;
    if (!S_ISREG(m.mode) && !S_ISFIFO(m.mode) && !S_ISSOCK(m.mode))
        return -EPERM; /* no devices */
    if (mknodat(dir->fd, name, (m.mode & S_IFMT) | safe_mode(m.mode), 0))
        return -errno;
    own(c, dir->fd, name);
    return give_entry(c, name);
}

static int op_mkdir(struct call *c)
{
    struct fuse_node *dir = node_of(c);
    struct fuse_mkdir_in m;
    const char *name;

    if (!take(c, &m, sizeof(m)) || !(name = take_name(c)))
        return -EINVAL;
    if (!dir)
        return -ESTALE;
    if (mkdirat(dir->fd, name, safe_mode(m.mode)))
        return -errno;
    own(c, dir->fd, name);
    return give_entry(c, name);
}

static int op_symlink(struct call *c)
{
    struct fuse_node *dir = node_of(c);
    const char *name = take_name(c), *target = (const char *)c->in;

    if (!name || !c->left || strnlen(target, c->left) == c->left)
        return -EINVAL;
    if (!dir)
        return -ESTALE;
    if (symlinkat(target, dir->fd, name))
        return -errno;
    own(c, dir->fd, name);
    return give_entry(c, name);
}

static int op_link(struct call *c)
{
    struct fuse_node *dir = node_of(c), *old;
    struct fuse_link_in l;
    const char *name;
    char text[16];

    if (!take(c, &l, sizeof(l)) || !(name = take_name(c)))
        return -EINVAL;
    old = node_get(&c->s->nodes, l.oldnodeid);
    if (!dir || !old)
        return -ESTALE;
    if (linkat(c->s->proc, proc_name(old, text), dir->fd, name, AT_SYMLINK_FOLLOW))
        return -errno;
    return give_entry(c, name);
}

static int remove_name(struct call *c, int flags)
{
    struct fuse_node *dir = node_of(c);
    const char *name = take_name(c);

    if (!dir)
        return -ESTALE;
    return name ? result(unlinkat(dir->fd, name, flags)) : -EINVAL;
}

static int op_unlink(struct call *c)
{
    return remove_name(c, 0);
}

static int op_rmdir(struct call *c)
{
    return remove_name(c, AT_REMOVEDIR);
}

static int rename_to(struct call *c, uint64_t newdir, uint32_t flags)
{
    struct fuse_node *from = node_of(c), *to = node_get(&c->s->nodes, newdir);
    const char *old = take_name(c), *new = old ? take_name(c) : NULL;

    if (!from || !to)
        return -ESTALE;
    if (!new || flags & ~3u) /* RENAME_NOREPLACE, RENAME_EXCHANGE */
        return -EINVAL;
    return result((int)syscall(SYS_renameat2, from->fd, old, to->fd, new, flags));
}

static int op_rename(struct call *c)
{
    struct fuse_rename_in r;

    return take(c, &r, sizeof(r)) ? rename_to(c, r.newdir, 0) : -EINVAL;
}

static int op_rename2(struct call *c)
{
    struct fuse_rename2_in r;

    return take(c, &r, sizeof(r)) ? rename_to(c, r.newdir, r.flags) : -EINVAL;
}

/* ------------------------------------------------------------------------------ open handles */

static int handle_new(struct fuse_server *s, int fd, DIR *dir)
{
    for (int i = 1; i < HANDLES_MAX; i++)
        if (s->handles[i].fd < 0 && !s->handles[i].dir) {
            s->handles[i] = (struct handle){fd, dir};
            return i;
        }
    if (dir)
        closedir(dir);
    else
        close(fd);
    return -EMFILE;
}

static struct handle *handle_of(struct call *c, uint64_t fh, bool dir)
{
    struct handle *h = fh && fh < HANDLES_MAX ? &c->s->handles[fh] : NULL;

    return h && (dir ? h->dir != NULL : h->fd >= 0) ? h : NULL;
}

static int open_flags(uint32_t flags)
{
    return (int)(flags & (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC));
}

static int op_open(struct call *c)
{
    struct fuse_node *n = node_of(c);
    struct fuse_open_in o;

    if (!take(c, &o, sizeof(o)))
        return -EINVAL;
    if (!n)
        return -ESTALE;
    if (c->s->readonly && (o.flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    int fd = open_node(c, n, open_flags(o.flags) & (c->s->readonly ? ~O_TRUNC : ~0));
    int h = fd < 0 ? fd : handle_new(c->s, fd, NULL);
    struct fuse_open_out out = {.fh = (uint64_t)h};
    return h < 0 ? h : give(c, &out, sizeof(out));
}

static int op_create(struct call *c)
{
    struct fuse_node *dir = node_of(c);
    struct fuse_create_in o;
    struct fuse_entry_out e;
    const char *name;

    if (!take(c, &o, sizeof(o)) || !(name = take_name(c)))
        return -EINVAL;
    if (!dir)
        return -ESTALE;
    struct open_how how = {.flags = (uint64_t)(open_flags(o.flags) | (int)(o.flags & O_EXCL)) | O_CREAT |
                                    O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                           .mode = safe_mode(o.mode),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    bool was_there = !fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW);
    if (was_there && !S_ISREG(st.st_mode))
        return -EEXIST;
    int fd = (int)syscall(SYS_openat2, dir->fd, name, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    if (!was_there)
        own(c, dir->fd, name);
    int rc = look_up(c, dir, name, &e);
    if (rc) {
        close(fd);
        return rc;
    }
    int h = handle_new(c->s, fd, NULL);
    if (h < 0 || c->room < sizeof(e) + sizeof(struct fuse_open_out)) {
        node_forget(&c->s->nodes, e.nodeid, 1);
        return h < 0 ? h : -ERANGE;
    }
    struct fuse_open_out out = {.fh = (uint64_t)h};
    memcpy(c->out, &e, sizeof(e));
    memcpy(c->out + sizeof(e), &out, sizeof(out));
    c->len = sizeof(e) + sizeof(out);
    return 0;
}

static int op_read(struct call *c)
{
    struct fuse_read_in r;

    if (!take(c, &r, sizeof(r)))
        return -EINVAL;
    struct handle *h = handle_of(c, r.fh, false);
    if (!h)
        return -EBADF;
    ssize_t n = pread(h->fd, c->out, MIN(r.size, c->room), (off_t)r.offset);
    c->len = n > 0 ? (uint32_t)n : 0;
    return result((int)n);
}

static int op_write(struct call *c)
{
    struct fuse_write_in w;

    if (!take(c, &w, sizeof(w)) || w.size > c->left)
        return -EINVAL;
    struct handle *h = handle_of(c, w.fh, false);
    if (!h)
        return -EBADF;
    ssize_t n = pwrite(h->fd, c->in, w.size, (off_t)w.offset);
    if (n < 0)
        return -errno;
    return give(c, &(struct fuse_write_out){.size = (uint32_t)n}, sizeof(struct fuse_write_out));
}

static int op_release(struct call *c)
{
    struct fuse_release_in r;
    bool dir = c->h.opcode == FUSE_RELEASEDIR;

    if (!take(c, &r, sizeof(r)))
        return -EINVAL;
    struct handle *h = handle_of(c, r.fh, dir);
    if (!h)
        return -EBADF;
    if (dir)
        closedir(h->dir);
    else
        close(h->fd);
    *h = (struct handle){.fd = -1};
    return 0;
}

static int op_fsync(struct call *c)
{
    struct fuse_fsync_in f;
    bool dir = c->h.opcode == FUSE_FSYNCDIR;

    if (!take(c, &f, sizeof(f)))
        return -EINVAL;
    struct handle *h = handle_of(c, f.fh, dir);
    if (!h)
        return -EBADF;
    int fd = dir ? dirfd(h->dir) : h->fd;
    return result(f.fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(fd) : fsync(fd));
}

static int op_flush(struct call *c)
{
    struct fuse_flush_in f;

    if (!take(c, &f, sizeof(f)))
        return -EINVAL;
    return handle_of(c, f.fh, false) ? 0 : -EBADF;
}

static int op_fallocate(struct call *c)
{
    struct fuse_fallocate_in f;

    if (!take(c, &f, sizeof(f)))
        return -EINVAL;
    struct handle *h = handle_of(c, f.fh, false);
    return h ? result(fallocate(h->fd, (int)f.mode, (off_t)f.offset, (off_t)f.length)) : -EBADF;
}

static int op_lseek(struct call *c)
{
    struct fuse_lseek_in l;

    if (!take(c, &l, sizeof(l)) || (l.whence != SEEK_DATA && l.whence != SEEK_HOLE))
        return -EINVAL;
    struct handle *h = handle_of(c, l.fh, false);
    if (!h)
        return -EBADF;
    off_t at = lseek(h->fd, (off_t)l.offset, (int)l.whence);
    if (at < 0)
        return -errno;
    return give(c, &(struct fuse_lseek_out){.offset = (uint64_t)at}, sizeof(struct fuse_lseek_out));
}

/* ---------------------------------------------------------------------------------- folders */

static int op_opendir(struct call *c)
{
    struct fuse_node *n = node_of(c);
    int fd = n ? open_node(c, n, O_RDONLY | O_DIRECTORY) : -ESTALE;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd < 0)
        return fd;
    if (!dir) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    int h = handle_new(c->s, -1, dir);
    struct fuse_open_out out = {.fh = (uint64_t)h};
    return h < 0 ? h : give(c, &out, sizeof(out));
}

/* One entry at c->out + c->len; false: no room. */
static bool put_dirent(struct call *c, const struct dirent *d, const struct fuse_entry_out *plus)
{
    uint32_t n = (uint32_t)strlen(d->d_name), head = plus ? sizeof(*plus) : 0;
    uint32_t size = head + (uint32_t)FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + n);
    struct fuse_dirent e = {
        .ino = d->d_ino, .off = (uint64_t)d->d_off, .namelen = n, .type = d->d_type};
    uint8_t *at = c->out + c->len;

    if (c->room - c->len < size)
        return false;
    memset(at, 0, size);
    if (plus)
        memcpy(at, plus, sizeof(*plus));
    memcpy(at + head, &e, FUSE_NAME_OFFSET);
    memcpy(at + head + FUSE_NAME_OFFSET, d->d_name, n);
    c->len += size;
    return true;
}

static bool put_plus(struct call *c, const struct dirent *d)
{
    struct fuse_entry_out e = {0};
    struct fuse_node *dir = node_of(c);
    bool dots = !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");

    /* No number: the guest looks the name up itself. */
    if (!dots && dir && look_up(c, dir, d->d_name, &e))
        e = (struct fuse_entry_out){0};
    if (put_dirent(c, d, &e))
        return true;
    if (e.nodeid)
        node_forget(&c->s->nodes, e.nodeid, 1);
    return false;
}

static int op_readdir(struct call *c)
{
    struct fuse_read_in r;

    if (!take(c, &r, sizeof(r)))
        return -EINVAL;
    struct handle *h = handle_of(c, r.fh, true);
    if (!h)
        return -EBADF;
    c->room = MIN(c->room, r.size);
    seekdir(h->dir, (long)r.offset);
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(h->dir);
        if (!d)
            return c->len ? 0 : -errno;
        if (c->h.opcode == FUSE_READDIRPLUS ? !put_plus(c, d) : !put_dirent(c, d, NULL))
            return 0;
    }
}

/* --------------------------------------------------------------------------------- the whole */

static int op_statfs(struct call *c)
{
    struct fuse_node *n = node_of(c);
    struct statvfs v;

    if (!n)
        return -ESTALE;
    if (fstatvfs(n->fd, &v))
        return -errno;
    struct fuse_statfs_out out = {.st = {.blocks = v.f_blocks,
                                         .bfree = v.f_bfree,
                                         .bavail = v.f_bavail,
                                         .files = v.f_files,
                                         .ffree = v.f_ffree,
                                         .bsize = (uint32_t)v.f_bsize,
                                         .namelen = (uint32_t)v.f_namemax,
                                         .frsize = (uint32_t)v.f_frsize}};
    return give(c, &out, sizeof(out));
}

static int op_init(struct call *c)
{
    const uint32_t wanted = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS |
                            FUSE_READDIRPLUS_AUTO | FUSE_ATOMIC_O_TRUNC | FUSE_PARALLEL_DIROPS |
                            FUSE_MAX_PAGES | FUSE_AUTO_INVAL_DATA;
    struct fuse_init_in i = {0};

    if (!take(c, &i, 16)) /* newer ones are longer */
        return -EINVAL;
    if (i.major != FUSE_KERNEL_VERSION)
        return -EPROTO;
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = 31,
                                .max_readahead = i.max_readahead,
                                .flags = i.flags & wanted,
                                .max_background = 64,
                                .congestion_threshold = 48,
                                .max_write = WRITE_MAX,
                                .time_gran = 1,
                                .max_pages = WRITE_MAX / 4096};
    return give(c, &out, sizeof(out));
}

static int op_forget(struct call *c)
{
    struct fuse_forget_in f;

    if (take(c, &f, sizeof(f)))
        node_forget(&c->s->nodes, c->h.nodeid, f.nlookup);
    return 0;
}

static int op_batch_forget(struct call *c)
{
    struct fuse_batch_forget_in b;
    struct fuse_forget_one f;

    if (take(c, &b, sizeof(b)))
        while (b.count-- && take(c, &f, sizeof(f)))
            node_forget(&c->s->nodes, f.nodeid, f.nlookup);
    return 0;
}

static int op_nothing(struct call *c)
{
    (void)c;
    return 0;
}

enum { WRITES = 1, SILENT = 2 };

static const struct op {
    int (*fn)(struct call *c);
    unsigned flags;
} ops[] = {
    [FUSE_LOOKUP] = {op_lookup, 0},
    [FUSE_FORGET] = {op_forget, SILENT},
    [FUSE_GETATTR] = {op_getattr, 0},
    [FUSE_SETATTR] = {op_setattr, WRITES},
    [FUSE_READLINK] = {op_readlink, 0},
    [FUSE_SYMLINK] = {op_symlink, WRITES},
    [FUSE_MKNOD] = {op_mknod, WRITES},
    [FUSE_MKDIR] = {op_mkdir, WRITES},
    [FUSE_UNLINK] = {op_unlink, WRITES},
    [FUSE_RMDIR] = {op_rmdir, WRITES},
    [FUSE_RENAME] = {op_rename, WRITES},
    [FUSE_LINK] = {op_link, WRITES},
    [FUSE_OPEN] = {op_open, 0},
    [FUSE_READ] = {op_read, 0},
    [FUSE_WRITE] = {op_write, WRITES},
    [FUSE_STATFS] = {op_statfs, 0},
    [FUSE_RELEASE] = {op_release, 0},
    [FUSE_FSYNC] = {op_fsync, 0},
    [FUSE_FLUSH] = {op_flush, 0},
    [FUSE_INIT] = {op_init, 0},
    [FUSE_OPENDIR] = {op_opendir, 0},
    [FUSE_READDIR] = {op_readdir, 0},
    [FUSE_RELEASEDIR] = {op_release, 0},
    [FUSE_FSYNCDIR] = {op_fsync, 0},
    [FUSE_CREATE] = {op_create, WRITES},
    [FUSE_INTERRUPT] = {op_nothing, SILENT},
    [FUSE_DESTROY] = {op_nothing, 0},
    [FUSE_BATCH_FORGET] = {op_batch_forget, SILENT},
    [FUSE_FALLOCATE] = {op_fallocate, WRITES},
    [FUSE_READDIRPLUS] = {op_readdir, 0},
    [FUSE_RENAME2] = {op_rename2, WRITES},
    [FUSE_LSEEK] = {op_lseek, 0},
};

uint32_t fuse_serve(struct fuse_server *s, const uint8_t *message, uint32_t len, uint8_t *reply,
                    uint32_t reply_max)
{
    struct call c = {.s = s, .in = message, .left = len};
    struct fuse_out_header out = {.len = sizeof(out)};

    if (!take(&c, &c.h, sizeof(c.h)))
        return 0;
    const struct op *op = c.h.opcode < ARRAY_LEN(ops) && ops[c.h.opcode].fn ? &ops[c.h.opcode] : NULL;
    bool silent = op && op->flags & SILENT;
    if (!silent && reply_max < sizeof(out))
        return 0;
    c.out = reply + sizeof(out);
    c.room = silent ? 0 : reply_max - (uint32_t)sizeof(out);
    int rc = !op ? -ENOSYS : s->readonly && op->flags & WRITES ? -EROFS : op->fn(&c);
    if (silent)
        return 0;
    out.error = rc;
    out.unique = c.h.unique;
    out.len += rc ? 0 : c.len;
    memcpy(reply, &out, sizeof(out));
    return out.len;
}

struct fuse_server *fuse_server_create(int root_fd, bool readonly)
{
    struct fuse_server *s = xcalloc(1, sizeof(*s));

    s->readonly = readonly;
    s->uid = geteuid();
    s->gid = getegid();
    s->is_root = s->uid == 0;
    s->proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < HANDLES_MAX; i++)
        s->handles[i].fd = -1;
    nodes_init(&s->nodes, root_fd);
    return s;
}

void fuse_server_destroy(struct fuse_server *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < HANDLES_MAX; i++) {
        if (s->handles[i].dir)
            closedir(s->handles[i].dir);
        else if (s->handles[i].fd >= 0)
            close(s->handles[i].fd);
    }
    nodes_fini(&s->nodes);
    close(s->proc);
    free(s);
}
