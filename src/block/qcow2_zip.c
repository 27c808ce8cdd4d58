/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_zip: compressed clusters [QCOW2 compressed]: raw deflate with a window of 4 KiB, or zstd.
 */
#include "block/qcow2.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LIBZSTD
#include <zstd.h>
#endif

#define WINDOW (-12)

#if HAVE_ZLIB
static bool inflate_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t cs)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)len, .next_out = out,
                  .avail_out = (uInt)cs};

    if (inflateInit2(&z, WINDOW) != Z_OK)
        return false;
    int rc = inflate(&z, Z_FINISH);
    bool ok = (rc == Z_STREAM_END || rc == Z_BUF_ERROR) && !z.avail_out;
    inflateEnd(&z);
    return ok;
}

static size_t deflate_cluster(const uint8_t *in, size_t cs, uint8_t *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)cs, .next_out = out,
                  .avail_out = (uInt)cs - 1};

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    size_t n = deflate(&z, Z_FINISH) == Z_STREAM_END ? cs - 1 - z.avail_out : 0;
    deflateEnd(&z);
    return n;
}
#else
static bool inflate_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t cs)
{
    return in && len && out && cs && false;
}
static size_t deflate_cluster(const uint8_t *in, size_t cs, uint8_t *out)
{
    return in && cs && out ? 0 : 0;
}
#endif

#if HAVE_LIBZSTD
/* The stream is followed by whatever fills its last sector. */
static bool unzstd_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t cs)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer from = {in, len, 0};
    ZSTD_outBuffer to = {out, cs, 0};

    if (!z)
        return false;
    while (to.pos < cs) {
        size_t was_in = from.pos, was_out = to.pos;
        size_t rc = ZSTD_decompressStream(z, &to, &from);
        if (ZSTD_isError(rc) || (was_in == from.pos && was_out == to.pos))
            break;
    }
    ZSTD_freeDStream(z);
    return to.pos == cs;
}

static size_t zstd_cluster(const uint8_t *in, size_t cs, uint8_t *out)
{
    size_t n = ZSTD_compress(out, cs - 1, in, cs, ZSTD_CLEVEL_DEFAULT);

    return ZSTD_isError(n) ? 0 : n;
}
#else
static bool unzstd_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t cs)
{
    return in && len && out && cs && false;
}
static size_t zstd_cluster(const uint8_t *in, size_t cs, uint8_t *out)
{
    return in && cs && out ? 0 : 0;
}
#endif

int qcow2_unzip(struct qcow2 *q, uint64_t entry, uint8_t *out)
{
    uint64_t off, len;

    if (q->unzipped && q->unzipped_entry == entry) {
        memcpy(out, q->unzipped, q->cs);
        return 0;
    }
    qcow2_compressed_range(q, entry, &off, &len);
    auto_free uint8_t *in = malloc(len);
    if (!in)
        return -ENOMEM;
    int rc = disk_file_read(&q->d->file, off, in, len);
    if (rc)
        return rc;
    bool ok = q->compression == QCOW2_ZSTD ? unzstd_cluster(in, len, out, q->cs)
                                           : inflate_cluster(in, len, out, q->cs);
    if (!ok)
        return -EIO;
    if (!q->unzipped)
        q->unzipped = malloc(q->cs);
    if (q->unzipped) {
        memcpy(q->unzipped, out, q->cs);
        q->unzipped_entry = entry;
    }
    return 0;
}

/* A place for len bytes: behind the last compressed cluster while that one's host cluster and the
 * following ones have room. */
static int place(struct qcow2 *q, uint64_t len, uint64_t *at)
{
    uint64_t room = q->compressed_at ? q->cs - (q->compressed_at & (q->cs - 1)) : 0, offset, got;

    if (q->compressed_at && (q->compressed_at & (q->cs - 1)) && room >= len) {
        *at = q->compressed_at;
        q->compressed_at += len;
        return qcow2_ref_add(q, *at >> q->cluster_bits, 1);
    }
    int rc = qcow2_alloc(q, 1, false, &offset, &got);
    if (rc)
        return rc;
    *at = offset;
    q->compressed_at = offset + len;
    return 0;
}

int qcow2_write_compressed(struct disk *d, uint64_t off, const void *buf, uint64_t len)
{
    struct qcow2 *q = qcow2_of(d);
    uint64_t at, index = off >> (q->cluster_bits + q->l2_bits), i, x = 62 - (q->cluster_bits - 8);
    struct qcow2_l2 *t;

    if (len != q->cs || (off & (q->cs - 1)) || d->readonly || q->marked_corrupt)
        return -EINVAL;
    auto_free uint8_t *out = malloc(q->cs);
    if (!out)
        return -ENOMEM;
    size_t n = q->compression == QCOW2_ZSTD ? zstd_cluster(buf, q->cs, out)
                                            : deflate_cluster(buf, q->cs, out);
    if (!n)
        return -ENOTSUP; /* no smaller */
    i = off >> q->cluster_bits & (BIT64(q->l2_bits) - 1);
    pthread_mutex_lock(&q->lock);
    int rc = index < q->l1_size ? qcow2_l2_get_for_write(q, (uint32_t)index, &t) : -EINVAL;
    if (!rc)
        rc = place(q, n, &at);
    if (!rc)
        rc = disk_file_write(&d->file, at, out, n);
    if (!rc) {
        uint64_t sectors = ((at & 511) + n + 511) / 512 - 1, old = qcow2_l2_entry(t, i);
        qcow2_l2_set(q, t, i, QCOW2_COMPRESSED | sectors << x | at);
        rc = qcow2_free_entry(q, old);
    }
    pthread_mutex_unlock(&q->lock);
    return rc;
}
