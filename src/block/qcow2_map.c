/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_map: from guest offsets to L2 entries, through a cache of L2 tables that are written back
 * by qcow2_flush_locked(). `lock` is held in all of it.
 */
#include "block/qcow2.h"

void qcow2_compressed_range(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len)
{
    unsigned x = 62 - (q->cluster_bits - 8);

    *off = entry & (BIT64(x) - 1);
    *len = (bits_get(entry, 61, x) + 1) * 512 - (*off & 511);
}

void qcow2_l2_drop(struct qcow2 *q, struct qcow2_l2 *t)
{
    q->l2[t->index] = NULL;
    q->n_l2--;
    q->n_l2_dirty -= t->dirty;
    list_remove(&t->lru);
    free(t);
}

/* Room for one more table: the one not used for longest goes, after a flush if it is dirty. */
static int make_room(struct qcow2 *q)
{
    if (q->n_l2 < q->n_l2_max)
        return 0;
    struct qcow2_l2 *t = list_entry(q->l2_lru.next, struct qcow2_l2, lru);
    if (t->dirty) {
        int rc = qcow2_flush_locked(q);
        if (rc)
            return rc;
    }
    qcow2_l2_drop(q, t);
    return 0;
}

static int l2_new(struct qcow2 *q, uint32_t index, struct qcow2_l2 **out)
{
    int rc = make_room(q);

    if (rc)
        return rc;
    struct qcow2_l2 *t = calloc(1, sizeof(*t) + q->cs);
    if (!t)
        return -ENOMEM;
    t->index = index;
    q->l2[index] = t;
    q->n_l2++;
    list_append(&q->l2_lru, &t->lru);
    *out = t;
    return 0;
}

int qcow2_l2_get(struct qcow2 *q, uint32_t l1_index, struct qcow2_l2 **out)
{
    uint64_t at = q->l1[l1_index] & QCOW2_OFFSET;
    struct qcow2_l2 *t = q->l2[l1_index];

    *out = t;
    if (t) {
        list_remove(&t->lru);
        list_append(&q->l2_lru, &t->lru);
        return 0;
    }
    if (!at)
        return 0;
    if (at & (q->cs - 1))
        return qcow2_corrupt(q, "L2 table %u at %#" PRIx64, l1_index, at);
    int rc = l2_new(q, l1_index, &t);
    if (rc)
        return rc;
    rc = disk_file_read(&q->d->file, at, t->entries, q->cs);
    if (rc) {
        qcow2_l2_drop(q, t);
        return rc;
    }
    *out = t;
    return 0;
}

static void l2_set_dirty(struct qcow2 *q, struct qcow2_l2 *t)
{
    q->n_l2_dirty += !t->dirty;
    t->dirty = true;
}

/* The table of its own (not shared with a snapshot), made where there is none. */
int qcow2_l2_get_for_write(struct qcow2 *q, uint32_t l1_index, struct qcow2_l2 **out)
{
    uint64_t at, got, old = q->l1[l1_index] & QCOW2_OFFSET;
    struct qcow2_l2 *t;
    int rc = qcow2_l2_get(q, l1_index, &t);

    if (rc)
        return rc;
    if (t && (q->l1[l1_index] & QCOW2_COPIED)) {
        *out = t;
        return 0;
    }
    if (!t)
        rc = l2_new(q, l1_index, &t);
    if (!rc)
        rc = qcow2_alloc(q, 1, false, &at, &got);
    if (rc) {
        if (t && !old)
            qcow2_l2_drop(q, t);
        return rc;
    }
    q->l1[l1_index] = at | QCOW2_COPIED;
    q->l1_dirty = true;
    l2_set_dirty(q, t);
    *out = t;
    return old ? qcow2_free_later(q, old, 1) : 0;
}

void qcow2_l2_set(struct qcow2 *q, struct qcow2_l2 *t, uint64_t i, uint64_t entry)
{
    st_be64(t->entries + 8 * i, entry);
    l2_set_dirty(q, t);
}

int qcow2_entry(struct qcow2 *q, uint64_t off, uint64_t *entry)
{
    uint64_t l1_index = off >> (q->cluster_bits + q->l2_bits);
    struct qcow2_l2 *t = NULL;

    *entry = 0;
    if (l1_index >= q->l1_size)
        return 0;
    int rc = qcow2_l2_get(q, (uint32_t)l1_index, &t);
    if (rc || !t)
        return rc;
    uint64_t e = qcow2_l2_entry(t, off >> q->cluster_bits & (BIT64(q->l2_bits) - 1));
    if (!(e & QCOW2_COMPRESSED) && ((e & QCOW2_OFFSET) & (q->cs - 1)))
        return qcow2_corrupt(q, "entry %#" PRIx64 " for guest offset %#" PRIx64, e, off);
    *entry = e;
    return 0;
}
