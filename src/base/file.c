/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool fd_lazy;

void fd_drop(const int *fd)
{
    if (*fd >= 0 && !(fd_lazy && *fd < 256))
        close(*fd);
}

int file_slurp(int fd, char **data, size_t *len, struct error *err)
{
    struct stat st;
    size_t cap = 4096, used = 0;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((uint64_t)st.st_size > FILE_READ_MAX)
            return fail(err, EFBIG, "file of %lld bytes is too large", (long long)st.st_size);
        cap = (size_t)st.st_size + 2;
    }
    auto_free char *buf = malloc(cap);
    if (!buf)
        return fail(err, ENOMEM, "out of memory");
    for (;;) {
        ssize_t n = read(fd, buf + used, cap - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "read");
        used += (size_t)n;
        /* a regular file that gave what it promised needs no second read to see its end */
        if (n == 0 || (S_ISREG(st.st_mode) && st.st_size > 0 && used == (size_t)st.st_size))
            break;
        if (used + 1 < cap)
            continue;
        if (cap > FILE_READ_MAX)
            return fail(err, EFBIG, "more than %u bytes", FILE_READ_MAX);
        char *more = realloc(buf, cap * 2);
        if (!more)
            return fail(err, ENOMEM, "out of memory");
        buf = more;
        cap *= 2;
    }
    buf[used] = 0;
    if (len)
        *len = used;
    *data = take_ptr(buf);
    return 0;
}

int file_read(int dirfd, const char *path, char **data, size_t *len, struct error *err)
{
    auto_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, errno, "open %s", path);
    int rc = file_slurp(fd, data, len, err);
    return rc ? error_prefix(err, "%s", path) : 0;
}

ssize_t file_read_buf(int dirfd, const char *path, char *buf, size_t size)
{
    auto_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;

    if (fd < 0)
        return -errno;
    while (used + 1 < size) {
        ssize_t n = read(fd, buf + used, size - 1 - used);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
        if (used == (size_t)n && used < 512 && buf[used - 1] == '\n')
            break; /* a short kernel file comes in one piece */
    }
    buf[used] = 0;
    return (ssize_t)used;
}

int file_write_len(int dirfd, const char *path, const void *data, size_t len)
{
    auto_fd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, data, len);
    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EIO;
}

int file_write(int dirfd, const char *path, const char *text)
{
    return file_write_len(dirfd, path, text, strlen(text));
}

int file_replace(int dirfd, const char *name, const void *data, size_t len, struct error *err)
{
    char tmp[64];

    snprintf(tmp, sizeof(tmp), ".new.%ld", (long)getpid());
    auto_fd int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(err, errno, "create %s", name);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0) {
            int code = errno;
            unlinkat(dirfd, tmp, 0);
            return fail_errno(err, code, "write %s", name);
        }
        done += (size_t)n;
    }
    if (renameat(dirfd, tmp, dirfd, name) < 0) {
        int code = errno;
        unlinkat(dirfd, tmp, 0);
        return fail_errno(err, code, "rename %s", name);
    }
    return 0;
}

bool parse_u64(const char *s, uint64_t max, uint64_t *v)
{
    uint64_t n = 0;

    if (!s || !*s)
        return false;
    for (; *s; s++) {
        unsigned d = (unsigned)(*s - '0');
        if (d > 9 || n > UINT64_MAX / 10 || n * 10 > UINT64_MAX - d)
            return false;
        n = n * 10 + d;
    }
    if (n > max)
        return false;
    *v = n;
    return true;
}

bool file_read_u64(int dirfd, const char *path, uint64_t *v)
{
    char buf[64];

    if (file_read_buf(dirfd, path, buf, sizeof(buf)) <= 0)
        return false;
    buf[strcspn(buf, "\n")] = 0;
    return parse_u64(buf, UINT64_MAX, v);
}

bool is_component(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
