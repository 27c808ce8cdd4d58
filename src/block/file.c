/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the file that stand for rights [QEMU block/file-posix, protocol of the locks]: a shared
 * lock on HELD + n says "I use right n", on UNSHARED + n "nobody else may use right n". */
enum { LOCK_HELD = 100, LOCK_UNSHARED = 200 };
enum { RIGHT_READ = 0, RIGHT_WRITE = 1, RIGHT_RESIZE = 3 };

int file_open(struct disk_file *f, const char *path, bool readonly, struct error *err)
{
    struct stat st;
    int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;

    *f = (struct disk_file){.fd = open(path, flags), .readonly = readonly};
    if (f->fd < 0)
        return fail_errno(err, errno, "cannot open %s%s", path, readonly ? "" : " for writing");
    if (fstat(f->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        close(f->fd);
        f->fd = -1;
        return fail(err, EINVAL, "%s is neither a file nor a block device", path);
    }
    f->block_device = S_ISBLK(st.st_mode);
    if (f->block_device && ioctl(f->fd, BLKGETSIZE64, &f->end) < 0)
        f->end = 0;
    f->path = xstrdup(path);
    return 0;
}

int file_create(struct disk_file *f, const char *path, bool overwrite, struct error *err)
{
    struct error lock_err;

    *f = (struct disk_file){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (overwrite ? 0 : O_EXCL),
                                       0644)};
    if (f->fd < 0 && errno == EEXIST)
        return fail(err, EEXIST, "%s exists already; try: --force", path);
    if (f->fd < 0)
        return fail_errno(err, errno, "cannot create %s", path);
    f->path = xstrdup(path);
    int rc = file_lock(f, true, &lock_err);
    if (!rc && ftruncate(f->fd, 0) < 0)
        rc = fail_errno(&lock_err, errno, "cannot empty %s", path);
    if (rc) {
        file_close(f);
        return fail(err, -rc, "%s", lock_err.text);
    }
    return 0;
}

void file_close(struct disk_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    free(take_ptr(f->path));
}

static bool lock_byte(int fd, int cmd, short type, off_t at)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    if (fcntl(fd, cmd, &l) < 0)
        return errno == EINVAL || errno == ENOLCK || errno == EOPNOTSUPP; /* no locks here */
    return cmd != F_OFD_GETLK || l.l_type == F_UNLCK;
}

void file_unlock(struct disk_file *f)
{
    struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};

    if (f->fd >= 0)
        fcntl(f->fd, F_OFD_SETLK, &l);
    f->locks = 0;
}

int file_dup(struct disk_file *out, const struct disk_file *f, struct error *err)
{
    *out = *f;
    out->locks = 0;
    out->path = NULL;
    if (f->fd >= 0 && (out->fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return fail_errno(err, errno, "cannot keep %s", f->path);
    out->path = xstrdup(f->path);
    return 0;
}

int file_lock(struct disk_file *f, bool write, struct error *err)
{
    unsigned held = 1u << RIGHT_READ | (write ? 1u << RIGHT_WRITE | 1u << RIGHT_RESIZE : 0);
    unsigned unshared = 1u << RIGHT_WRITE | 1u << RIGHT_RESIZE;
    bool ok = true;

    if (f->fd < 0)
        return 0;
    for (unsigned n = 0; n < 4; n++) {
        if (held >> n & 1)
            ok = lock_byte(f->fd, F_OFD_SETLK, F_RDLCK, LOCK_HELD + (off_t)n) && ok;
        if (unshared >> n & 1)
            ok = lock_byte(f->fd, F_OFD_SETLK, F_RDLCK, LOCK_UNSHARED + (off_t)n) && ok;
    }
    /* Whoever asks second sees the first one's marks. */
    for (unsigned n = 0; ok && n < 4; n++) {
        if (held >> n & 1)
            ok = lock_byte(f->fd, F_OFD_GETLK, F_WRLCK, LOCK_UNSHARED + (off_t)n);
        if (ok && (unshared >> n & 1))
            ok = lock_byte(f->fd, F_OFD_GETLK, F_WRLCK, LOCK_HELD + (off_t)n);
    }
    if (ok) {
        f->locks = held;
        return 0;
    }
    file_unlock(f);
    return fail(err, EAGAIN, "%s is in use by another process; %s", f->path,
                write ? "only one may write it" : "it is being written");
}

uint64_t file_size(struct disk_file *f)
{
    struct stat st;

    if (f->hook)
        return f->hook->size(f);
    if (f->block_device)
        return f->end;
    return fstat(f->fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

int file_truncate(struct disk_file *f, uint64_t size)
{
    if (f->hook)
        return f->hook->truncate(f, size);
    if (f->block_device)
        return size <= f->end ? 0 : -ENOSPC;
    return ftruncate(f->fd, (off_t)size) < 0 ? -errno : 0;
}

static int hook_each(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n,
                     bool write)
{
    size_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += iov[i].iov_len;
    if (write && n > 1) { /* one write for the host, one for the hook */
        auto_free uint8_t *all = malloc(len);
        size_t at = 0;
        for (unsigned i = 0; all && i < n; at += iov[i++].iov_len)
            memcpy(all + at, iov[i].iov_base, iov[i].iov_len);
        return all ? f->hook->write(f, off, all, len) : -ENOMEM;
    }
    for (unsigned i = 0; i < n; i++) {
        int rc = write ? f->hook->write(f, off, iov[i].iov_base, iov[i].iov_len)
                       : f->hook->read(f, off, iov[i].iov_base, iov[i].iov_len);
        if (rc)
            return rc;
        off += iov[i].iov_len;
    }
    return 0;
}

#define BATCH 64

/* Whole transfers: short ones go on from where they ended, the end of the file reads as zeroes. */
static int transfer(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n,
                    bool write)
{
    struct iovec part[BATCH];
    size_t skip = 0; /* bytes of iov[0] done */

    if (f->hook)
        return hook_each(f, off, iov, n, write);
    while (n) {
        unsigned k = 0;
        for (; k < n && k < BATCH; k++)
            part[k] = iov[k];
        part[0].iov_base = (char *)part[0].iov_base + skip;
        part[0].iov_len -= skip;
        ssize_t done = write ? pwritev(f->fd, part, (int)k, (off_t)off)
                             : preadv(f->fd, part, (int)k, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        size_t left = (size_t)done, asked = 0;
        for (unsigned i = 0; i < k; i++)
            asked += part[i].iov_len;
        if (!done && asked) {
            if (write)
                return -EIO;
            for (unsigned i = 0; i < k; i++)
                memset(part[i].iov_base, 0, part[i].iov_len);
            left = asked;
        }
        off += left;
        left += skip;
        while (n && left >= iov->iov_len) {
            left -= iov->iov_len;
            iov++;
            n--;
        }
        skip = left;
    }
    return 0;
}

int file_readv(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n)
{
    return transfer(f, off, iov, n, false);
}

int file_writev(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n)
{
    return f->readonly ? -EROFS : transfer(f, off, iov, n, true);
}

int disk_file_read(struct disk_file *f, uint64_t off, void *buf, size_t len)
{
    return file_readv(f, off, &(struct iovec){buf, len}, 1);
}

int disk_file_write(struct disk_file *f, uint64_t off, const void *buf, size_t len)
{
    return file_writev(f, off, &(struct iovec){(void *)(uintptr_t)buf, len}, 1);
}

int file_sync(struct disk_file *f)
{
    if (f->hook)
        return f->hook->sync(f);
    return fdatasync(f->fd) < 0 ? -errno : 0;
}

int file_punch(struct disk_file *f, uint64_t off, uint64_t len)
{
    if (f->hook || f->readonly)
        return -ENOTSUP;
    if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) < 0)
        return errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : -errno;
    return 0;
}

static int write_zeroes(struct disk_file *f, uint64_t off, uint64_t len)
{
    static const uint8_t zeroes[65536];

    while (len) {
        size_t n = (size_t)MIN(len, (uint64_t)sizeof(zeroes));
        int rc = disk_file_write(f, off, zeroes, n);
        if (rc)
            return rc;
        off += n;
        len -= n;
    }
    return 0;
}

int file_zero(struct disk_file *f, uint64_t off, uint64_t len, bool unmap)
{
    if (f->readonly)
        return -EROFS;
    if (!f->hook && unmap && off + len <= file_size(f) && !file_punch(f, off, len))
        return 0;
    if (!f->hook && !fallocate(f->fd, FALLOC_FL_ZERO_RANGE, (off_t)off, (off_t)len))
        return 0;
    return write_zeroes(f, off, len);
}
