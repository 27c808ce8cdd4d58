/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/blob.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int blob_grow(struct blob *b, size_t *room, size_t want)
{
    uint8_t *p = realloc(b->data, want);

    if (!p)
        return -ENOMEM;
    b->data = p;
    *room = want;
    return 0;
}

static int too_large(const char *what, const char *path, uint64_t limit, struct error *err)
{
    return fail(err, EFBIG, "%s: %s is larger than the %" PRIu64 " MiB that can hold it", what,
                path, limit >> 20);
}

int blob_read(struct blob *b, const char *what, const char *path, uint64_t limit, struct error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    size_t room = 0;

    *b = (struct blob){0};
    if (fd < 0)
        return fail_errno(err, errno, "%s: cannot open %s", what, path);
    if (fstat(fd, &st) < 0)
        return fail_errno(err, errno, "%s: cannot read %s", what, path);
    if (S_ISDIR(st.st_mode))
        return fail(err, EISDIR, "%s: %s is a directory", what, path);
    if ((uint64_t)st.st_size > limit)
        return too_large(what, path, limit, err);
    if (blob_grow(b, &room, (size_t)st.st_size + 4096))
        return fail(err, ENOMEM, "%s: no memory for %s", what, path);
    for (;;) {
        if (b->size == room && (b->size > limit || blob_grow(b, &room, room * 2))) {
            int rc = b->size > limit ? too_large(what, path, limit, err)
                                     : fail(err, ENOMEM, "%s: no memory for %s", what, path);
            blob_free(b);
            return rc;
        }
        ssize_t n = read(fd, b->data + b->size, room - b->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int code = errno;
            blob_free(b);
            return fail_errno(err, code, "%s: cannot read %s", what, path);
        }
        if (!n)
            break;
        b->size += (size_t)n;
    }
    if (!b->size) {
        blob_free(b);
        return fail(err, EINVAL, "%s: %s is empty", what, path);
    }
    return 0;
}

void blob_free(struct blob *b)
{
    free(b->data);
    *b = (struct blob){0};
}
