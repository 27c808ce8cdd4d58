/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2: images of QEMU's format, versions 2 and 3: opening, closing, the driver's table.
 *
 * Not supported (refused when opened): encryption, external data files, subclusters (extended L2).
 * Persistent bitmaps are left alone and marked as out of date by the first write.
 */
#include "base/log.h"
#include "block/formats.h"
#include "block/qcow2.h"

#define L2_CACHE_BYTES (4u << 20)
#define L2_CACHE_MIN 8u

static int qcow2_probe(const uint8_t *head, size_t len)
{
    return len >= 8 && ld_be32(head) == MAGIC_QCOW && (ld_be32(head + 4) == 2 ||
                                                       ld_be32(head + 4) == 3)
               ? 100
               : 0;
}

static void qcow2_free(struct qcow2 *q)
{
    while (q->l2_lru.next && !list_empty(&q->l2_lru))
        qcow2_l2_drop(q, list_entry(q->l2_lru.next, struct qcow2_l2, lru));
    for (uint32_t i = 0; q->refb && i < q->reft_entries; i++)
        free(q->refb[i]);
    free(q->refb);
    free(q->refb_dirty);
    free(q->reft);
    free(q->l1);
    free(q->l2);
    free(q->frees);
    free(q->unzipped);
    pthread_mutex_destroy(&q->lock);
    pthread_rwlock_destroy(&q->io);
    free(q);
}

static int load_tables(struct qcow2 *q, struct error *err)
{
    int rc = qcow2_read_table(q, q->l1_offset, q->l1_size, &q->l1);

    q->reft_entries = q->reft_clusters << (q->cluster_bits - 3);
    if (!rc)
        rc = qcow2_read_table(q, q->reft_offset, q->reft_entries, &q->reft);
    for (uint32_t i = 0; !rc && i < q->reft_entries; i++)
        q->reft[i] &= QCOW2_OFFSET;
    q->refb = calloc(q->reft_entries, sizeof(*q->refb));
    q->refb_dirty = calloc(q->reft_entries, 1);
    q->l2 = calloc(MAX(q->l1_size, 1u), sizeof(struct qcow2_l2 *));
    if (!rc && (!q->refb || !q->refb_dirty || !q->l2))
        rc = -ENOMEM;
    if (rc)
        return fail_errno(err, -rc, "%s: cannot read its tables", q->d->file.path);
    q->n_l2_max = MAX(L2_CACHE_BYTES >> q->cluster_bits, L2_CACHE_MIN);
    return 0;
}

/* Bytes of the snapshot table, so that nothing is written over it. */
static int load_snapshots(struct qcow2 *q, struct error *err)
{
    struct qcow2_snap *list = NULL;

    if (!q->n_snapshots)
        return 0;
    int rc = qcow2_snap_load(q, &list, err);
    qcow2_snap_free(list, rc ? 0 : q->n_snapshots);
    return rc;
}

/* A writer that went away without closing left refcounts that may be wrong. */
static int make_clean(struct qcow2 *q, struct error *err)
{
    struct disk_check c = {0};

    if (!(q->incompatible & QCOW2_INCOMPAT_DIRTY) || q->d->readonly || q->d->checking)
        return 0;
    log_notice("%s: it was not closed; repairing its refcounts", q->d->file.path);
    int rc = qcow2_check(q->d, &c, true, err);
    if (rc)
        return rc;
    if (c.corruptions > c.fixed_corruptions || c.errors)
        return fail(err, EIO, "%s: it was not closed and cannot be repaired; try: quad disk check",
                    q->d->file.path);
    return 0;
}

static int start_writing(struct qcow2 *q, struct error *err)
{
    if (q->d->readonly || q->d->checking || (!q->autoclear && !q->features_written))
        return 0;
    q->autoclear = 0; /* nothing that we write keeps bitmaps up to date */
    int rc = qcow2_write_features(q);
    return rc ? fail_errno(err, -rc, "%s: cannot write its header", q->d->file.path) : 0;
}

static int qcow2_open(struct disk *d, struct error *err)
{
    struct qcow2 *q = xcalloc(1, sizeof(*q));

    q->d = d;
    list_init(&q->l2_lru);
    pthread_mutex_init(&q->lock, NULL);
    pthread_rwlock_init(&q->io, NULL);
    int rc = qcow2_parse(q, err);
    if (!rc && (q->incompatible & QCOW2_INCOMPAT_CORRUPT) && !d->readonly && !d->checking)
        rc = fail(err, EIO, "%s is marked corrupt; try: quad disk check --repair", d->file.path);
    if (!rc)
        rc = load_tables(q, err);
    d->priv = q; /* the rest uses it */
    if (!rc)
        rc = load_snapshots(q, err);
    if (!rc)
        rc = make_clean(q, err);
    if (!rc)
        rc = start_writing(q, err);
    if (!rc && d->snapshot)
        rc = qcow2_snapshot_view(q, d->snapshot, err);
    if (rc) {
        d->priv = NULL;
        qcow2_free(q);
    }
    return rc;
}

static int qcow2_flush(struct disk *d)
{
    struct qcow2 *q = qcow2_of(d);

    pthread_mutex_lock(&q->lock);
    int rc = qcow2_flush_locked(q);
    pthread_mutex_unlock(&q->lock);
    return rc;
}

static void qcow2_close(struct disk *d)
{
    struct qcow2 *q = qcow2_of(d);

    if (!d->readonly && !q->marked_corrupt) {
        int rc = qcow2_flush(d);
        /* What became free by the first one goes into the refcounts by the second. */
        if (!rc && q->refb_any_dirty)
            rc = qcow2_flush(d);
        if (rc)
            log_error("%s: cannot be written: %s", d->file.path, strerror(-rc));
    }
    d->priv = NULL;
    qcow2_free(q);
}

static void qcow2_info(struct disk *d, FILE *out)
{
    const struct qcow2 *q = qcow2_of(d);

    fprintf(out, "version: %u\ncluster size: %" PRIu64 "\nrefcount bits: %u\n", q->version, q->cs,
            1u << q->refcount_order);
    fprintf(out, "compression: %s\n", q->compression == QCOW2_ZSTD ? "zstd" : "zlib");
    if (q->compatible & QCOW2_COMPAT_LAZY)
        fprintf(out, "lazy refcounts: yes\n");
    if (q->incompatible & QCOW2_INCOMPAT_DIRTY)
        fprintf(out, "not closed: yes\n");
    if (q->incompatible & QCOW2_INCOMPAT_CORRUPT)
        fprintf(out, "marked corrupt: yes\n");
    if (q->n_snapshots)
        fprintf(out, "snapshots: %u\n", q->n_snapshots);
}

const struct disk_format qcow2_disk = {
    .name = "qcow2",
    .help = "grows as it is written; backing images, snapshots, compression",
    .writable = true,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .read = qcow2_read,
    .write = qcow2_write,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .status = qcow2_status,
    .create = qcow2_create,
    .resize = qcow2_resize,
    .check = qcow2_check,
    .info = qcow2_info,
    .snapshots = qcow2_snapshots,
    .snapshot_take = qcow2_snapshot_take,
    .snapshot_delete = qcow2_snapshot_delete,
    .snapshot_apply = qcow2_snapshot_apply,
    .write_compressed = qcow2_write_compressed,
};
