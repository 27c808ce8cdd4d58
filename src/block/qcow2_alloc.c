/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_alloc: refcounts, allocation of host clusters, and the order in which metadata reach the
 * host's disk [QCOW2 refcount]. `lock` is held in all of it.
 */
#include "block/qcow2.h"

/* ---------------------------------------------------------------------------------- refcounts */

static uint64_t ref_max(const struct qcow2 *q)
{
    return q->refcount_order == 6 ? UINT64_MAX : (UINT64_C(1) << (1u << q->refcount_order)) - 1;
}

static uint64_t ref_load(const struct qcow2 *q, const uint8_t *block, uint64_t i)
{
    switch (q->refcount_order) {
    case 4: return ld_be16(block + 2 * i);
    case 5: return ld_be32(block + 4 * i);
    case 6: return ld_be64(block + 8 * i);
    default: {
        uint64_t bit = i << q->refcount_order;
        return block[bit >> 3] >> (bit & 7) & ref_max(q);
    }
    }
}

static void ref_store(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t v)
{
    switch (q->refcount_order) {
    case 4: st_be16(block + 2 * i, (uint16_t)v); break;
    case 5: st_be32(block + 4 * i, (uint32_t)v); break;
    case 6: st_be64(block + 8 * i, v); break;
    default: {
        uint64_t bit = i << q->refcount_order;
        uint8_t *b = &block[bit >> 3];
        *b = (uint8_t)((*b & ~(ref_max(q) << (bit & 7))) | v << (bit & 7));
    }
    }
}

/* The refcount block with table index `ti`; NULL where there is none. */
static int refb_get(struct qcow2 *q, uint64_t ti, uint8_t **out)
{
    *out = NULL;
    if (ti >= q->reft_entries || !q->reft[ti])
        return 0;
    if (!q->refb[ti]) {
        uint64_t at = q->reft[ti];
        if ((at & (q->cs - 1)) || at >> 56 || at >= file_size(&q->d->file))
            return qcow2_corrupt(q, "refcount block %" PRIu64 " at %#" PRIx64, ti, at);
        uint8_t *b = calloc(1, q->cs);
        if (!b)
            return -ENOMEM;
        int rc = disk_file_read(&q->d->file, at, b, q->cs);
        if (rc) {
            free(b);
            return rc;
        }
        q->refb[ti] = b;
    }
    *out = q->refb[ti];
    return 0;
}

int qcow2_ref_get(struct qcow2 *q, uint64_t cluster, uint64_t *v)
{
    uint8_t *block;
    int rc = refb_get(q, cluster >> q->refb_bits, &block);

    if (!rc)
        *v = block ? ref_load(q, block, cluster & (BIT64(q->refb_bits) - 1)) : 0;
    return rc;
}

static int reft_grow(struct qcow2 *q, uint64_t entries);

/* A new block for table index ti: it takes the first free cluster of the range that it describes
 * itself; nobody can use that range yet. */
static int refb_make(struct qcow2 *q, uint64_t ti)
{
    uint64_t first = ti << q->refb_bits;

    if (ti >= q->reft_entries) {
        int rc = reft_grow(q, ti + 1);
        if (rc)
            return rc;
    }
    if (q->refb[ti]) /* growing the table made it */
        return 0;
    uint8_t *b = calloc(1, q->cs);
    if (!b)
        return -ENOMEM;
    /* An image may lack blocks for what it uses: never take a cluster inside the file then. */
    uint64_t end = q->d->file.block_device ? 0 : qcow2_clusters(q, file_size(&q->d->file));
    uint64_t at = MAX(first, end);
    if (at >= first + BIT64(q->refb_bits)) {
        free(b);
        return qcow2_corrupt(q, "no refcount block for clusters from %" PRIu64 " on", first);
    }
    ref_store(q, b, at - first, 1);
    q->refb[ti] = b;
    q->refb_dirty[ti] = 1;
    q->refb_any_dirty = true;
    q->reft[ti] = at << q->cluster_bits;
    q->reft_dirty = true;
    /* The file must reach over it: the next block or table is put behind. */
    return file_size(&q->d->file) < (at + 1) << q->cluster_bits
               ? file_truncate(&q->d->file, (at + 1) << q->cluster_bits)
               : 0;
}

int qcow2_ref_set(struct qcow2 *q, uint64_t cluster, uint64_t v)
{
    uint64_t ti = cluster >> q->refb_bits;
    uint8_t *block;
    int rc = refb_get(q, ti, &block);

    if (!rc && !block) {
        if (!v)
            return 0;
        rc = refb_make(q, ti);
        block = rc ? NULL : q->refb[ti];
    }
    if (rc)
        return rc;
    if (v > ref_max(q))
        return -EOVERFLOW;
    ref_store(q, block, cluster & (BIT64(q->refb_bits) - 1), v);
    q->refb_dirty[ti] = 1;
    q->refb_any_dirty = true;
    if (!v && cluster < q->hint)
        q->hint = cluster;
    return 0;
}

int qcow2_ref_add(struct qcow2 *q, uint64_t cluster, int delta)
{
    uint64_t v;
    int rc = qcow2_ref_get(q, cluster, &v);

    if (rc)
        return rc;
    if (delta < 0 && v < (uint64_t)-delta)
        return qcow2_corrupt(q, "cluster %" PRIu64 " is freed more often than used", cluster);
    return qcow2_ref_set(q, cluster, v + (uint64_t)(int64_t)delta);
}

/* The table in memory becomes longer at once; flush writes it to its new place. */
static int reft_grow(struct qcow2 *q, uint64_t entries)
{
    uint64_t per = q->cs / 8, clusters = MAX((entries + per - 1) / per, q->reft_clusters * 3 / 2 + 1);
    uint64_t n = clusters * per, old_offset = q->reft_offset, old_clusters = q->reft_clusters, at,
             got;

    if (clusters << q->cluster_bits > QCOW2_REFT_MAX)
        return -EFBIG;
    uint64_t *reft = realloc(q->reft, n * sizeof(*reft));
    q->reft = reft ? reft : q->reft;
    uint8_t **refb = realloc(q->refb, n * sizeof(*refb));
    q->refb = refb ? refb : q->refb;
    uint8_t *dirty = realloc(q->refb_dirty, n);
    q->refb_dirty = dirty ? dirty : q->refb_dirty;
    if (!reft || !refb || !dirty)
        return -ENOMEM;
    memset(reft + q->reft_entries, 0, (n - q->reft_entries) * sizeof(*reft));
    memset(refb + q->reft_entries, 0, (n - q->reft_entries) * sizeof(*refb));
    memset(dirty + q->reft_entries, 0, n - q->reft_entries);
    q->reft_entries = (uint32_t)n;
    int rc = qcow2_alloc(q, clusters, false, &at, &got);
    if (rc)
        return rc;
    q->reft_offset = at;
    q->reft_clusters = (uint32_t)clusters;
    q->reft_dirty = q->reft_moved = true;
    return qcow2_free_later(q, old_offset, old_clusters);
}

/* ----------------------------------------------------------------------------------- allocation */

static bool meets(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return a < b + blen && b < a + alen;
}

/* Would data at [offset, +len) be written over metadata? */
static const char *metadata_at(const struct qcow2 *q, uint64_t offset, uint64_t len)
{
    if (offset < q->cs)
        return "the header";
    if (meets(offset, len, q->l1_offset, MAX((uint64_t)q->l1_size * 8, UINT64_C(1))))
        return "the L1 table";
    if (meets(offset, len, q->reft_offset, (uint64_t)q->reft_clusters << q->cluster_bits))
        return "the refcount table";
    if (q->n_snapshots && meets(offset, len, q->snapshots_offset, MAX(q->snapshots_size, UINT64_C(1))))
        return "the snapshot table";
    for (uint32_t i = 0; i < q->reft_entries; i++)
        if (q->reft[i] && meets(offset, len, q->reft[i], q->cs))
            return "a refcount block";
    for (uint32_t i = 0; i < q->l1_size; i++)
        if ((q->l1[i] & QCOW2_OFFSET) && meets(offset, len, q->l1[i] & QCOW2_OFFSET, q->cs))
            return "an L2 table";
    return NULL;
}

int qcow2_write_check(struct qcow2 *q, uint64_t offset, uint64_t len)
{
    const char *what = metadata_at(q, offset, len);

    return what ? qcow2_corrupt(q, "data at %#" PRIx64 " would be written over %s", offset, what)
                : 0;
}

/* n clusters in a row (with `fewer`: 1..n), counted once. */
int qcow2_alloc(struct qcow2 *q, uint64_t n, bool fewer, uint64_t *offset, uint64_t *got)
{
    uint64_t at = q->repairing ? MAX(q->hint, qcow2_clusters(q, file_size(&q->d->file))) : q->hint;
    uint64_t first = 0, run = 0, limit = BIT64(56 - q->cluster_bits);

    for (; run < n && at < limit; at++) {
        uint64_t v = 0, before = q->reft_offset;
        uint64_t ti = at >> q->refb_bits;
        int rc = 0;
        if (ti >= q->reft_entries || !q->reft[ti])
            rc = refb_make(q, ti);
        if (!rc && q->reft_offset != before) {
            run = 0; /* growing the table allocated, perhaps from our run */
            at = q->hint;
        }
        if (!rc)
            rc = qcow2_ref_get(q, at, &v);
        if (rc)
            return rc;
        if (!v && !run++)
            first = at;
        else if (v && run && fewer)
            break;
        else if (v)
            run = 0;
    }
    if (!run || (run < n && !fewer))
        return -EFBIG;
    const char *what = metadata_at(q, first << q->cluster_bits, run << q->cluster_bits);
    if (what)
        return qcow2_corrupt(q, "cluster %" PRIu64 " counts as free and holds %s", first, what);
    for (uint64_t i = 0; i < run; i++) {
        int rc = qcow2_ref_set(q, first + i, 1);
        if (rc)
            return rc;
    }
    /* Clusters skipped for want of a longer run stay behind the hint unless one by one. */
    if (fewer || first == q->hint)
        q->hint = first + run;
    *offset = first << q->cluster_bits;
    *got = run;
    return 0;
}

/* One user less, once nothing on the disk refers to the clusters any more. */
int qcow2_free_later(struct qcow2 *q, uint64_t offset, uint64_t clusters)
{
    struct qcow2_free *last = q->n_frees ? &q->frees[q->n_frees - 1] : NULL;

    if (last && last->offset + (last->clusters << q->cluster_bits) == offset) {
        last->clusters += clusters;
        return 0;
    }
    if (q->n_frees == q->frees_room) {
        size_t room = MAX(q->frees_room * 2, (size_t)64);
        struct qcow2_free *more = realloc(q->frees, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        q->frees = more;
        q->frees_room = room;
    }
    q->frees[q->n_frees++] = (struct qcow2_free){offset, clusters};
    return 0;
}

/* What an L2 entry refers to loses that user. */
int qcow2_free_entry(struct qcow2 *q, uint64_t entry)
{
    if (entry & QCOW2_COMPRESSED) {
        uint64_t off, len;
        qcow2_compressed_range(q, entry, &off, &len);
        uint64_t first = off >> q->cluster_bits, last = (off + len - 1) >> q->cluster_bits;
        if (q->unzipped_entry == entry)
            q->unzipped_entry = 0;
        return qcow2_free_later(q, first << q->cluster_bits, last - first + 1);
    }
    if (!(entry & QCOW2_OFFSET))
        return 0;
    return qcow2_free_later(q, entry & QCOW2_OFFSET, 1);
}

static int apply_frees(struct qcow2 *q)
{
    int rc = 0;

    if (!q->n_frees)
        return 0;
    pthread_rwlock_wrlock(&q->io); /* nobody still reads or writes there */
    for (size_t i = 0; i < q->n_frees && !rc; i++) {
        uint64_t first = q->frees[i].offset >> q->cluster_bits, hole = 0;
        for (uint64_t k = 0; k < q->frees[i].clusters && !rc; k++) {
            uint64_t v = 1;
            rc = qcow2_ref_add(q, first + k, -1);
            if (!rc)
                rc = qcow2_ref_get(q, first + k, &v);
            if (!rc && !v) {
                hole++;
                continue;
            }
            if (hole)
                (void)file_punch(&q->d->file, (first + k - hole) << q->cluster_bits,
                                 hole << q->cluster_bits);
            hole = 0;
        }
        if (!rc && hole)
            (void)file_punch(&q->d->file, (first + q->frees[i].clusters - hole) << q->cluster_bits,
                             hole << q->cluster_bits);
    }
    q->n_frees = 0;
    if (q->compressed_at) { /* its cluster may be gone */
        uint64_t v = 0;
        if (qcow2_ref_get(q, q->compressed_at >> q->cluster_bits, &v) || !v)
            q->compressed_at = 0;
    }
    pthread_rwlock_unlock(&q->io);
    return rc;
}

/* ----------------------------------------------------------------------------------- the order */

int qcow2_read_table(struct qcow2 *q, uint64_t offset, uint64_t entries, uint64_t **out)
{
    uint64_t *t = calloc(MAX(entries, UINT64_C(1)), sizeof(*t));

    *out = NULL;
    if (!t)
        return -ENOMEM;
    int rc = entries ? disk_file_read(&q->d->file, offset, t, entries * sizeof(*t)) : 0;
    if (rc) {
        free(t);
        return rc;
    }
    for (uint64_t i = 0; i < entries; i++)
        t[i] = ld_be64(&t[i]);
    *out = t;
    return 0;
}

int qcow2_write_table(struct qcow2 *q, uint64_t offset, const uint64_t *table, uint64_t entries)
{
    auto_free uint8_t *b = malloc(MAX(entries * 8, UINT64_C(1)));

    if (!b)
        return -ENOMEM;
    for (uint64_t i = 0; i < entries; i++)
        st_be64(b + 8 * i, table[i]);
    return disk_file_write(&q->d->file, offset, b, entries * 8);
}

static int sync_file(struct qcow2 *q)
{
    return q->d->unsafe ? 0 : file_sync(&q->d->file);
}

static int flush_refcounts(struct qcow2 *q)
{
    int rc = 0;

    for (uint32_t i = 0; q->refb_any_dirty && i < q->reft_entries && !rc; i++)
        if (q->refb_dirty[i]) {
            rc = disk_file_write(&q->d->file, q->reft[i], q->refb[i], q->cs);
            if (!rc)
                q->refb_dirty[i] = 0;
        }
    if (rc)
        return rc;
    q->refb_any_dirty = false;
    rc = sync_file(q); /* with all data written so far */
    if (rc || !q->reft_dirty)
        return rc;
    rc = qcow2_write_table(q, q->reft_offset, q->reft, q->reft_entries);
    if (!rc)
        rc = sync_file(q);
    if (!rc && q->reft_moved) {
        uint8_t b[12];
        st_be64(b, q->reft_offset);
        st_be32(b + 8, q->reft_clusters);
        rc = disk_file_write(&q->d->file, H_REFT_OFFSET, b, sizeof(b));
        if (!rc)
            rc = sync_file(q);
    }
    if (!rc)
        q->reft_dirty = q->reft_moved = false;
    return rc;
}

static int flush_l2(struct qcow2 *q)
{
    int rc = 0;

    if (q->n_l2_dirty) {
        list_for_each(it, &q->l2_lru) {
            struct qcow2_l2 *t = list_entry(it, struct qcow2_l2, lru);
            if (!t->dirty)
                continue;
            rc = disk_file_write(&q->d->file, q->l1[t->index] & QCOW2_OFFSET, t->entries, q->cs);
            if (rc)
                return rc;
            t->dirty = false;
            q->n_l2_dirty--;
        }
        rc = sync_file(q);
    }
    if (!rc && q->l1_dirty) {
        rc = qcow2_write_table(q, q->l1_offset, q->l1, q->l1_size);
        if (!rc)
            rc = sync_file(q);
        if (!rc)
            q->l1_dirty = false;
    }
    return rc;
}

int qcow2_flush_locked(struct qcow2 *q)
{
    if (q->marked_corrupt)
        return -EIO;
    int rc = flush_refcounts(q);
    if (!rc)
        rc = flush_l2(q);
    if (!rc)
        rc = apply_frees(q);
    return rc;
}
