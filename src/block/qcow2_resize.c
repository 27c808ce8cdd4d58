/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_resize: a longer L1 table, another size of the disk.
 */
#include "block/qcow2.h"

/* Header fields that belong together are written in one piece. */
static int write_l1_fields(struct qcow2 *q)
{
    uint8_t b[12];

    st_be32(b, q->l1_size);
    st_be64(b + 4, q->l1_offset);
    int rc = disk_file_write(&q->d->file, H_L1_SIZE, b, sizeof(b));
    return rc ? rc : file_sync(&q->d->file);
}

int qcow2_l1_grow(struct qcow2 *q, uint32_t entries)
{
    uint64_t bytes = (uint64_t)entries * 8, at, got;
    uint64_t old_offset = q->l1_offset, old_clusters = qcow2_clusters(q, (uint64_t)q->l1_size * 8);

    if (entries <= q->l1_size)
        return 0;
    if (bytes > QCOW2_L1_MAX)
        return -EFBIG;
    uint64_t *l1 = realloc(q->l1, bytes);
    q->l1 = l1 ? l1 : q->l1;
    struct qcow2_l2 **l2 = realloc(q->l2, (size_t)entries * sizeof(struct qcow2_l2 *));
    q->l2 = l2 ? l2 : q->l2;
    if (!l1 || !l2)
        return -ENOMEM;
    memset(l1 + q->l1_size, 0, (entries - q->l1_size) * sizeof(*l1));
    memset(l2 + q->l1_size, 0, (entries - q->l1_size) * sizeof(struct qcow2_l2 *));
    int rc = qcow2_alloc(q, qcow2_clusters(q, bytes), false, &at, &got);
    if (!rc)
        rc = qcow2_flush_locked(q); /* the clusters are counted before anything refers to them */
    if (!rc)
        rc = qcow2_write_table(q, at, q->l1, entries);
    if (!rc)
        rc = file_sync(&q->d->file);
    if (rc)
        return rc;
    q->l1_offset = at;
    q->l1_size = entries;
    rc = write_l1_fields(q);
    if (!rc && old_offset)
        rc = qcow2_free_later(q, old_offset, old_clusters);
    return rc ? rc : qcow2_flush_locked(q);
}

static int shrink(struct disk *d, uint64_t size)
{
    struct qcow2 *q = qcow2_of(d);
    uint64_t from = ALIGN_UP(size, q->cs), to = ALIGN_UP(d->size, q->cs), e;
    int rc = 0;

    for (; from < to && !rc; from += q->cs) {
        struct qcow2_l2 *t;
        rc = qcow2_entry(q, from, &e);
        if (rc || !e)
            continue;
        rc = qcow2_l2_get_for_write(q, (uint32_t)(from >> (q->cluster_bits + q->l2_bits)), &t);
        if (rc)
            break;
        qcow2_l2_set(q, t, from >> q->cluster_bits & (BIT64(q->l2_bits) - 1), 0);
        rc = qcow2_free_entry(q, e);
    }
    return rc;
}

static int write_size(struct disk *d, uint64_t size)
{
    struct qcow2 *q = qcow2_of(d);
    int rc = qcow2_flush_locked(q);

    if (!rc)
        rc = qcow2_write_header64(q, H_SIZE, size);
    if (!rc)
        rc = file_sync(&d->file);
    if (!rc)
        d->size = size;
    return rc;
}

int qcow2_resize(struct disk *d, uint64_t size, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    uint64_t per_l1 = q->cs << q->l2_bits, need = size / per_l1 + !!(size % per_l1), old = d->size;
    int rc;

    if (size % 512 || size > INT64_MAX - (2u << 20))
        return fail(err, EINVAL, "qcow2: size %" PRIu64 " is no multiple of 512", size);
    if (q->n_snapshots && (q->version < 3 || size < old))
        return fail(err, ENOTSUP, "qcow2: an image with snapshots %s; try: quad disk snapshot "
                                  "--delete",
                    q->version < 3 ? "of version 2 cannot be resized" : "cannot be made smaller");
    if (need > QCOW2_L1_MAX / 8)
        return fail(err, EFBIG, "qcow2: %" PRIu64 " bytes are too many for its cluster size", size);
    pthread_mutex_lock(&q->lock);
    rc = q->marked_corrupt ? -EIO : size < old ? 0 : qcow2_l1_grow(q, (uint32_t)need);
    if (!rc && size >= old)
        rc = write_size(d, size);
    if (!rc && size < old) {
        /* The size first: what is cut off must not be seen half gone after a cut of power. */
        rc = write_size(d, size);
        d->size = old;
        if (!rc)
            rc = shrink(d, size);
        if (!rc)
            rc = qcow2_flush_locked(q);
        d->size = size;
    }
    pthread_mutex_unlock(&q->lock);
    /* A longer backing image must not show in the new part; nor old bytes behind a short end. */
    if (!rc && size > old) {
        uint64_t tail = MIN(ALIGN_UP(old, q->cs), size);
        rc = tail > old ? qcow2_zero(d, old, tail - old, true) : 0;
        if (!rc && d->backing_name && tail < size)
            rc = qcow2_zero(d, tail, size - tail, true);
        if (!rc)
            rc = d->format->flush(d);
    }
    return rc ? fail_errno(err, -rc, "qcow2: cannot resize %s", d->file.path) : 0;
}
