/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vmdk: VMware images in one file, for reading [VMDK]: sparse (monolithicSparse), and compressed as in
 * OVA files (streamOptimized).
 *
 *   0 "KDMV"   4 version   8 flags   12 capacity 64   20 grain size 64   28 descriptor offset 64
 *   36 size 64   44 entries of a grain table   48 redundant directory 64   56 grain directory 64
 *   64 overhead 64   77 compression 16                         (all sizes and offsets in sectors)
 *
 *   directory: 32 bits a grain table; grain table: 32 bits a grain; 0 nothing there, 1 zeroes
 *   compressed grain: sector number 64, length 32, deflate stream
 *
 * A directory offset of all ones: the header's copy at the file's end counts. Refused: extents in
 * other files, parents (delta links).
 */
#include <pthread.h>

#include "base/bits.h"
#include "block/disk.h"
#include "block/formats.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

enum { F_ZERO_GRAIN = 1 << 2, F_COMPRESSED = 1 << 16 };
#define AT_END UINT64_MAX
#define DIRECTORY_MAX (32u << 20) /* bytes */
#define SECTOR UINT64_C(512)

struct vmdk {
    uint32_t *directory;
    uint64_t tables, grain, per_table; /* grain: bytes */
    bool compressed;
    pthread_mutex_t lock; /* guards the caches */
    uint32_t *table;      /* the grain table last used */
    uint64_t table_at;
    uint8_t *unzipped;
    uint64_t unzipped_at;
};

static int vmdk_probe(const uint8_t *head, size_t len)
{
    return len >= 512 && ld_le32(head) == MAGIC_VMDK_SPARSE ? 100 : 0;
}

static int parse(struct disk *d, struct vmdk *v, const uint8_t *h, uint64_t *directory,
                 struct error *err)
{
    uint32_t version = ld_le32(h + 4), flags = ld_le32(h + 8);
    uint64_t capacity = ld_le64(h + 12), grain = ld_le64(h + 20);

    if (ld_le32(h) != MAGIC_VMDK_SPARSE || !version || version > 3)
        return fail(err, EINVAL, "vmdk: no sparse VMDK header of version 1..3");
    if (!is_pow2(grain) || grain < 8 || grain > 4096)
        return fail(err, EINVAL, "vmdk: grains of %" PRIu64 " sectors", grain);
    v->per_table = ld_le32(h + 44);
    v->grain = grain * SECTOR;
    v->compressed = flags & F_COMPRESSED;
    *directory = ld_le64(h + 56);
    if (!v->per_table || v->per_table > 4096 || capacity > INT64_MAX / SECTOR)
        return fail(err, EINVAL, "vmdk: %" PRIu64 " sectors, grain tables of %" PRIu64 " entries",
                    capacity, v->per_table);
    if (v->compressed && (ld_le16(h + 77) != 1 || !HAVE_ZLIB))
        return fail(err, ENOTSUP, "vmdk: compression %u", ld_le16(h + 77));
    d->size = capacity * SECTOR;
    d->cluster_size = (uint32_t)v->grain;
    uint64_t per = v->grain * v->per_table;
    v->tables = d->size / per + !!(d->size % per);
    if (v->tables > DIRECTORY_MAX / 4)
        return fail(err, EFBIG, "vmdk: %" PRIu64 " grain tables", v->tables);
    return 0;
}

/* A delta link's descriptor names its parent. */
static int check_descriptor(struct disk *d, const uint8_t *h, struct error *err)
{
    uint64_t at = ld_le64(h + 28), len = MIN(ld_le64(h + 36), UINT64_C(40)) * SECTOR;
    auto_free char *text = calloc(1, len + 1);

    if (!at || at > INT64_MAX / SECTOR || !text || disk_file_read(&d->file, at * SECTOR, text, len))
        return 0;
    const char *p = strstr(text, "parentCID=");
    if (p && strncmp(p + 10, "ffffffff", 8))
        return fail(err, ENOTSUP, "vmdk: it is a delta of another image");
    return 0;
}

static int vmdk_open(struct disk *d, struct error *err)
{
    struct vmdk *v = xcalloc(1, sizeof(*v));
    uint8_t h[512];
    uint64_t at = 0, end = file_size(&d->file);
    int rc = disk_file_read(&d->file, 0, h, sizeof(h));

    rc = rc ? fail_errno(err, -rc, "vmdk: cannot read the header") : parse(d, v, h, &at, err);
    if (!rc)
        rc = check_descriptor(d, h, err);
    if (!rc && at == AT_END) { /* footer, then the end-of-stream marker */
        rc = end < 1024 || disk_file_read(&d->file, (end & ~(SECTOR - 1)) - 1024, h, sizeof(h))
                 ? fail(err, EINVAL, "vmdk: no footer")
                 : parse(d, v, h, &at, err);
    }
    if (!rc && at > INT64_MAX / SECTOR)
        rc = fail(err, EINVAL, "vmdk: grain directory at sector %" PRIu64, at);
    if (!rc) {
        v->directory = calloc(MAX(v->tables, UINT64_C(1)), 4);
        v->table = calloc(v->per_table, 4);
        rc = v->directory && v->table
                 ? disk_file_read(&d->file, at * SECTOR, v->directory, (size_t)v->tables * 4)
                 : -ENOMEM;
        if (rc)
            fail_errno(err, -rc, "vmdk: cannot read the grain directory");
    }
    if (rc) {
        free(v->directory);
        free(v->table);
        free(v);
        return rc;
    }
    pthread_mutex_init(&v->lock, NULL);
    d->priv = v;
    return 0;
}

static void vmdk_close(struct disk *d)
{
    struct vmdk *v = d->priv;

    pthread_mutex_destroy(&v->lock);
    free(v->directory);
    free(v->table);
    free(v->unzipped);
    free(v);
    d->priv = NULL;
}

/* Sector of the grain that holds off; 0: nothing, 1: zeroes. Lock held. */
static int find_grain(struct disk *d, uint64_t off, uint64_t *sector)
{
    struct vmdk *v = d->priv;
    uint64_t grain = off / v->grain, table = ld_le32(&v->directory[grain / v->per_table]);

    *sector = 0;
    if (!table)
        return 0;
    if (v->table_at != table) {
        v->table_at = 0;
        int rc = disk_file_read(&d->file, table * SECTOR, v->table, (size_t)v->per_table * 4);
        if (rc)
            return rc;
        v->table_at = table;
    }
    *sector = ld_le32(&v->table[grain % v->per_table]);
    return 0;
}

#if HAVE_ZLIB
static int unzip(struct disk *d, uint64_t sector)
{
    struct vmdk *v = d->priv;
    uint8_t h[12];
    uLongf out = v->grain;

    if (v->unzipped && v->unzipped_at == sector)
        return 0;
    int rc = disk_file_read(&d->file, sector * SECTOR, h, sizeof(h));
    uint32_t len = ld_le32(h + 8);
    if (rc || len > 2 * v->grain + SECTOR)
        return rc ? rc : -EIO;
    auto_free uint8_t *in = malloc(MAX(len, 1u));
    if (!v->unzipped)
        v->unzipped = malloc(v->grain);
    if (!in || !v->unzipped)
        return -ENOMEM;
    v->unzipped_at = 0;
    rc = disk_file_read(&d->file, sector * SECTOR + sizeof(h), in, len);
    if (rc)
        return rc;
    if (uncompress(v->unzipped, &out, in, len) != Z_OK)
        return -EIO;
    memset(v->unzipped + out, 0, v->grain - out); /* the last grain may be short */
    v->unzipped_at = sector;
    return 0;
}
#else
static int unzip(struct disk *d, uint64_t sector)
{
    (void)d;
    (void)sector;
    return -ENOTSUP;
}
#endif

static int vmdk_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    struct vmdk *v = d->priv;
    struct iovec part[DISK_IOV_MAX];
    int rc = 0;

    for (uint64_t done = 0; done < len && !rc;) {
        uint64_t in = (off + done) % v->grain, k = MIN(len - done, v->grain - in), sector;
        unsigned parts = iov_slice(iov, n, done, k, part, DISK_IOV_MAX);
        if (!parts)
            return -EINVAL;
        pthread_mutex_lock(&v->lock);
        rc = find_grain(d, off + done, &sector);
        if (!rc && sector > 1 && v->compressed) {
            rc = unzip(d, sector);
            if (!rc)
                iov_from_buf(part, parts, v->unzipped + in, k);
        }
        pthread_mutex_unlock(&v->lock);
        if (!rc && sector <= 1)
            iov_zero(part, parts);
        else if (!rc && !v->compressed)
            rc = file_readv(&d->file, sector * SECTOR + in, part, parts);
        done += k;
    }
    return rc;
}

static int vmdk_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status)
{
    struct vmdk *v = d->priv;
    uint64_t sector;

    pthread_mutex_lock(&v->lock);
    int rc = find_grain(d, off, &sector);
    pthread_mutex_unlock(&v->lock);
    *len = MIN(v->grain - off % v->grain, d->size - off);
    *status = sector <= 1 ? DISK_ZEROES : DISK_DATA;
    return rc;
}

static void vmdk_info(struct disk *d, FILE *out)
{
    const struct vmdk *v = d->priv;

    fprintf(out, "grain: %" PRIu64 "\ncompressed: %s\n", v->grain, v->compressed ? "yes" : "no");
}

const struct disk_format vmdk_disk = {
    .name = "vmdk",
    .help = "VMware image in one file (reading only)",
    .probe = vmdk_probe,
    .open = vmdk_open,
    .close = vmdk_close,
    .read = vmdk_read,
    .status = vmdk_status,
    .info = vmdk_info,
};
