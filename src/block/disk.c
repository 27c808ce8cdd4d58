/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/disk.h"

#include <limits.h>

#define HEAD_SIZE 2048

const struct disk_format *disk_format_find(const struct disk_format *const *formats,
                                           const char *name)
{
    for (; *formats; formats++)
        if (!strcmp((*formats)->name, name))
            return *formats;
    return NULL;
}

const struct disk_format *disk_format_probe(const struct disk_format *const *formats,
                                            const uint8_t *head, size_t len)
{
    const struct disk_format *best = NULL;
    int score = 0;

    for (; *formats; formats++) {
        int s = (*formats)->probe(head, len);
        if (s > score) {
            score = s;
            best = *formats;
        }
    }
    return best;
}

static int choose_format(struct disk *d, const struct disk_options *o, struct error *err)
{
    uint8_t head[HEAD_SIZE];

    if (o->format) {
        d->format = disk_format_find(o->formats, o->format);
        return d->format ? 0 : fail(err, EINVAL, "no disk format is called \"%s\"", o->format);
    }
    int rc = disk_file_read(&d->file, 0, head, sizeof(head));
    if (rc)
        return fail_errno(err, -rc, "cannot read %s", o->path);
    d->format = disk_format_probe(o->formats, head, sizeof(head));
    d->probed = true;
    return d->format ? 0 : fail(err, EINVAL, "%s: format not recognized", o->path);
}

/* A relative name is relative to the folder of the image that says it. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    if (name[0] == '/' || !slash)
        return xstrdup(name);
    return xasprintf("%.*s%s", (int)(slash - path + 1), path, name);
}

static int open_depth(struct disk **out, const struct disk_options *o, unsigned depth,
                      struct error *err);

static int open_backing(struct disk *d, const struct disk_options *o, unsigned depth,
                        struct error *err)
{
    if (depth >= DISK_CHAIN_MAX)
        return fail(err, ELOOP, "%s: more than %d backing images; do they form a ring?", o->path,
                    DISK_CHAIN_MAX);
    auto_free char *path = beside(o->path, d->backing_name);
    const struct disk_options bo = {.path = path,
                                    .format = d->backing_format,
                                    .readonly = true,
                                    .no_lock = o->no_lock,
                                    .file = o->nbacking ? o->backing : NULL,
                                    .backing = o->nbacking ? o->backing + 1 : NULL,
                                    .nbacking = o->nbacking ? o->nbacking - 1 : 0,
                                    .formats = o->formats};
    int rc = open_depth(&d->backing, &bo, depth + 1, err);
    if (rc)
        return error_prefix(err, "%s: its backing image", o->path);
    /* A guest could have written a header into its raw disk that names any file of the host. */
    if (!d->backing_format && d->backing->backing_name)
        return fail(err, EPERM,
                    "%s does not say the format of its backing image %s, which names another; "
                    "try: qemu-img rebase -u -F %s -b %s %s",
                    o->path, d->backing_name, d->backing->format->name, d->backing_name, o->path);
    return 0;
}

static int open_depth(struct disk **out, const struct disk_options *o, unsigned depth,
                      struct error *err)
{
    struct disk *d = xcalloc(1, sizeof(*d));

    d->readonly = o->readonly;
    d->checking = o->checking;
    d->unsafe = o->unsafe;
    d->snapshot = o->snapshot ? xstrdup(o->snapshot) : NULL;
    d->file.fd = -1;
    int rc = 0;
    if (o->file) {
        d->file = *o->file;
        *o->file = (struct disk_file){.fd = -1};
    } else {
        rc = file_open(&d->file, o->path, o->readonly, err);
    }
    if (!rc && !o->no_lock)
        rc = file_lock(&d->file, !o->readonly, err);
    if (!rc)
        rc = choose_format(d, o, err);
    if (!rc && !o->readonly && !d->format->writable)
        rc = fail(err, EROFS, "%s: %s images can only be read; try: quad disk convert", o->path,
                  d->format->name);
    if (!rc)
        rc = d->format->open(d, err);
    if (!rc && d->backing_name && !o->no_backing)
        rc = open_backing(d, o, depth, err);
    if (rc) {
        disk_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

int disk_open(struct disk **out, const struct disk_options *o, struct error *err)
{
    *out = NULL;
    return open_depth(out, o, 0, err);
}

int disk_files(const struct disk *d, struct disk_file *out, unsigned max, struct error *err)
{
    unsigned n = 0;

    for (; d && n < max; d = d->backing, n++) {
        int rc = file_dup(&out[n], &d->file, err);
        if (rc) {
            while (n--)
                file_close(&out[n]);
            return rc;
        }
    }
    return (int)n;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    if (d->priv)
        d->format->close(d);
    disk_close(d->backing);
    file_close(&d->file);
    free(d->backing_name);
    free(d->backing_format);
    free(d->snapshot);
    free(d);
}

static int bounds(const struct disk *d, uint64_t off, uint64_t len)
{
    return off > d->size || len > d->size - off ? -EINVAL : 0;
}

int disk_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    int rc = bounds(d, off, len);

    return rc || !len ? rc : d->format->read(d, off, iov, n, len);
}

int disk_write(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    int rc = d->readonly ? -EROFS : bounds(d, off, len);

    return rc || !len ? rc : d->format->write(d, off, iov, n, len);
}

int disk_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap)
{
    int rc = d->readonly ? -EROFS : bounds(d, off, len);

    return rc || !len ? rc : d->format->zero(d, off, len, unmap);
}

int disk_discard(struct disk *d, uint64_t off, uint64_t len)
{
    int rc = d->readonly ? -EROFS : bounds(d, off, len);

    return rc || !len ? rc : d->format->discard(d, off, len);
}

int disk_flush(struct disk *d)
{
    return d->readonly ? 0 : d->format->flush(d);
}

int disk_read_buf(struct disk *d, uint64_t off, void *buf, uint64_t len)
{
    return disk_read(d, off, &(struct iovec){buf, len}, 1, len);
}

int disk_write_buf(struct disk *d, uint64_t off, const void *buf, uint64_t len)
{
    return disk_write(d, off, &(struct iovec){(void *)(uintptr_t)buf, len}, 1, len);
}

int disk_read_backing(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n,
                      uint64_t len)
{
    struct iovec part[DISK_IOV_MAX];
    uint64_t there = d->backing && off < d->backing->size ? MIN(len, d->backing->size - off) : 0;

    if (there < len) {
        unsigned k = iov_slice(iov, n, there, len - there, part, DISK_IOV_MAX);
        if (!k)
            return -EINVAL;
        iov_zero(part, k);
    }
    if (!there)
        return 0;
    unsigned k = iov_slice(iov, n, 0, there, part, DISK_IOV_MAX);
    return k ? disk_read(d->backing, off, part, k, there) : -EINVAL;
}

unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
                   struct iovec *out, unsigned max)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n && len; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        if (k == max)
            return 0;
        size_t take = (size_t)MIN(len, (uint64_t)iov[i].iov_len - skip);
        out[k++] = (struct iovec){(char *)iov[i].iov_base + skip, take};
        len -= take;
        skip = 0;
    }
    return len ? 0 : k;
}

void iov_zero(const struct iovec *iov, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        memset(iov[i].iov_base, 0, iov[i].iov_len);
}

void iov_from_buf(const struct iovec *iov, unsigned n, const void *buf, uint64_t len)
{
    const uint8_t *from = buf;

    for (unsigned i = 0; i < n && len; i++) {
        size_t k = (size_t)MIN(len, (uint64_t)iov[i].iov_len);
        memcpy(iov[i].iov_base, from, k);
        from += k;
        len -= k;
    }
}

void iov_to_buf(const struct iovec *iov, unsigned n, void *buf, uint64_t len)
{
    uint8_t *to = buf;

    for (unsigned i = 0; i < n && len; i++) {
        size_t k = (size_t)MIN(len, (uint64_t)iov[i].iov_len);
        memcpy(to, iov[i].iov_base, k);
        to += k;
        len -= k;
    }
}
