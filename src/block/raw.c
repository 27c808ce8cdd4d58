/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * raw: the file's bytes are the disk's bytes. A file that ends inside a sector is rounded up; the
 * rest reads as zeroes.
 *
 * Where the format was guessed, a guest must not make its disk look like an image with a header
 * (which could name any file of the host as its backing image): such a write of the first sector
 * is refused.
 */
#include <unistd.h>

#include "block/disk.h"
#include "block/formats.h"

static int raw_probe(const uint8_t *head, size_t len)
{
    (void)head;
    (void)len;
    return 1;
}

static int raw_open(struct disk *d, struct error *err)
{
    (void)err;
    d->priv = d;
    d->size = ALIGN_UP(file_size(&d->file), UINT64_C(512));
    return 0;
}

static void raw_close(struct disk *d)
{
    (void)d;
}

static int raw_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    struct iovec part[DISK_IOV_MAX];
    unsigned k = iov_slice(iov, n, 0, len, part, DISK_IOV_MAX);

    return k ? file_readv(&d->file, off, part, k) : -EINVAL;
}

/* Would the first sector be taken for something else than raw? */
static bool is_disguise(uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    uint8_t head[512] = {0};

    if (off >= 4)
        return false;
    iov_to_buf(iov, n, head + off, MIN(len, sizeof(head) - off));
    return disk_has_header(head, sizeof(head));
}

static int raw_write(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n,
                     uint64_t len)
{
    struct iovec part[DISK_IOV_MAX];
    unsigned k = iov_slice(iov, n, 0, len, part, DISK_IOV_MAX);

    if (!k)
        return -EINVAL;
    if (d->probed && is_disguise(off, part, k, len))
        return -EPERM;
    return file_writev(&d->file, off, part, k);
}

static int raw_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap)
{
    return file_zero(&d->file, off, len, unmap);
}

static int raw_discard(struct disk *d, uint64_t off, uint64_t len)
{
    int rc = file_punch(&d->file, off, len);

    return rc == -ENOTSUP ? 0 : rc; /* a hint */
}

static int raw_flush(struct disk *d)
{
    return d->unsafe ? 0 : file_sync(&d->file);
}

static int raw_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status)
{
    off_t data = d->file.hook ? (off_t)off : lseek(d->file.fd, (off_t)off, SEEK_DATA);

    *status = DISK_DATA;
    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        *status = DISK_ZEROES;
        *len = d->size - off;
    } else if (data > (off_t)off) {
        *status = DISK_ZEROES;
        *len = MIN((uint64_t)data, d->size) - off;
    } else {
        off_t hole = data < 0 || d->file.hook ? -1 : lseek(d->file.fd, (off_t)off, SEEK_HOLE);
        *len = (hole > (off_t)off ? MIN((uint64_t)hole, d->size) : d->size) - off;
    }
    return 0;
}

static int raw_create(struct disk_file *f, const struct disk_create *c, struct error *err)
{
    if (c->backing)
        return fail(err, EINVAL, "a raw image has no backing image; try: --format qcow2");
    int rc = file_truncate(f, c->size);
    return rc ? fail_errno(err, -rc, "cannot give %s its size", f->path) : 0;
}

static int raw_resize(struct disk *d, uint64_t size, struct error *err)
{
    int rc = file_truncate(&d->file, size);

    if (rc)
        return fail_errno(err, -rc, "cannot resize %s", d->file.path);
    d->size = size;
    return 0;
}

const struct disk_format raw_disk = {
    .name = "raw",
    .help = "the disk's bytes, nothing else",
    .writable = true,
    .probe = raw_probe,
    .open = raw_open,
    .close = raw_close,
    .read = raw_read,
    .write = raw_write,
    .zero = raw_zero,
    .discard = raw_discard,
    .flush = raw_flush,
    .status = raw_status,
    .create = raw_create,
    .resize = raw_resize,
};
