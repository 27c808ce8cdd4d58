/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_snap: internal snapshots [QCOW2 snapshots]: list, view, take, delete, go back to.
 *
 *   entry: 0 L1 offset, 8 L1 size, 12 length of id, 14 of name, 16 date s, 20 ns, 24 guest ns,
 *          32 size of VM state, 36 length of what follows at 40 (VM state 64, disk size 64, ...),
 *          then id, name, padding to 8
 *
 * Taking one: refcounts of all that the active tables refer to grow by one; COPIED goes from those
 * tables; the L1 table is copied; then the snapshot table is written anew and the header points
 * to it. Each step is on the disk before the next.
 */
#include <time.h>

#include "block/qcow2.h"

enum { ENTRY_FIXED = 40 };

void qcow2_snap_free(struct qcow2_snap *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(list[i].info.id);
        free(list[i].info.name);
        free(list[i].raw);
    }
    free(list);
}

static int load_one(struct qcow2 *q, uint64_t at, struct qcow2_snap *s, uint32_t i,
                    struct error *err)
{
    uint8_t h[ENTRY_FIXED];

    if (disk_file_read(&q->d->file, at, h, sizeof(h)))
        return fail(err, EIO, "qcow2: cannot read snapshot %u", i);
    uint32_t id_len = ld_be16(h + 12), name_len = ld_be16(h + 14), extra = ld_be32(h + 36);
    if (extra > 1024)
        return fail(err, EINVAL, "qcow2: snapshot %u: %u bytes of extra data", i, extra);
    s->raw_len = ALIGN_UP(ENTRY_FIXED + extra + id_len + name_len, 8u);
    s->raw = calloc(1, s->raw_len);
    if (!s->raw || disk_file_read(&q->d->file, at, s->raw, s->raw_len))
        return fail(err, EIO, "qcow2: cannot read snapshot %u", i);
    s->l1_offset = ld_be64(h);
    s->l1_size = ld_be32(h + 8);
    if ((s->l1_offset & (q->cs - 1)) || s->l1_offset >> 56 || s->l1_size > QCOW2_L1_MAX / 8)
        return fail(err, EINVAL, "qcow2: snapshot %u: L1 table of %u entries at %#" PRIx64, i,
                    s->l1_size, s->l1_offset);
    s->info = (struct disk_snapshot){.date_sec = ld_be32(h + 16),
                                     .date_nsec = ld_be32(h + 20),
                                     .vm_clock_ns = ld_be64(h + 24),
                                     .vm_state_size = ld_be32(h + 32),
                                     .disk_size = q->d->size};
    if (extra >= 8)
        s->info.vm_state_size = ld_be64(s->raw + ENTRY_FIXED);
    if (extra >= 16)
        s->info.disk_size = ld_be64(s->raw + ENTRY_FIXED + 8);
    s->info.id = strndup((char *)s->raw + ENTRY_FIXED + extra, id_len);
    s->info.name = strndup((char *)s->raw + ENTRY_FIXED + extra + id_len, name_len);
    return 0;
}

int qcow2_snap_load(struct qcow2 *q, struct qcow2_snap **out, struct error *err)
{
    struct qcow2_snap *list = calloc(MAX(q->n_snapshots, 1u), sizeof(*list));
    uint64_t at = q->snapshots_offset;
    int rc = list ? 0 : fail(err, ENOMEM, "qcow2: no memory");

    *out = NULL;
    for (uint32_t i = 0; !rc && i < q->n_snapshots; i++) {
        rc = load_one(q, at, &list[i], i, err);
        at += list[i].raw_len;
        if (!rc && at - q->snapshots_offset > QCOW2_SNAPSHOT_TABLE_MAX)
            rc = fail(err, EFBIG, "qcow2: the snapshot table is above 64 MiB");
    }
    if (rc) {
        if (list)
            qcow2_snap_free(list, q->n_snapshots);
        return rc;
    }
    q->snapshots_size = at - q->snapshots_offset;
    *out = list;
    return 0;
}

int qcow2_snapshots(struct disk *d, struct disk_snapshot **out, size_t *n, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    struct qcow2_snap *list;
    int rc = qcow2_snap_load(q, &list, err);

    if (rc)
        return rc;
    *out = xcalloc(MAX(q->n_snapshots, 1u), sizeof(**out));
    *n = q->n_snapshots;
    for (uint32_t i = 0; i < q->n_snapshots; i++) {
        (*out)[i] = list[i].info;
        list[i].info.id = list[i].info.name = NULL;
    }
    qcow2_snap_free(list, q->n_snapshots);
    return 0;
}

static int find(const struct qcow2 *q, const struct qcow2_snap *list, const char *name, uint32_t *at,
                struct error *err)
{
    for (uint32_t i = 0; i < q->n_snapshots; i++)
        if (!strcmp(list[i].info.name, name) || !strcmp(list[i].info.id, name)) {
            *at = i;
            return 0;
        }
    return fail(err, ENOENT, "%s has no snapshot \"%s\"", q->d->file.path, name);
}

static int use_l1(struct qcow2 *q, const struct qcow2_snap *s, uint64_t size, struct error *err)
{
    uint64_t *l1, per_l1 = q->cs << q->l2_bits;

    if (size % 512 || size > INT64_MAX - (2u << 20) ||
        s->l1_size < size / per_l1 + !!(size % per_l1))
        return fail(err, EINVAL, "qcow2: snapshot %s: L1 table too short", s->info.name);
    int rc = qcow2_read_table(q, s->l1_offset, s->l1_size, &l1);
    struct qcow2_l2 **l2 = rc ? NULL : calloc(MAX(s->l1_size, 1u), sizeof(struct qcow2_l2 *));
    if (rc || !l2) {
        if (!rc)
            free(l1);
        return fail_errno(err, rc ? -rc : ENOMEM, "qcow2: cannot read snapshot %s", s->info.name);
    }
    while (!list_empty(&q->l2_lru))
        qcow2_l2_drop(q, list_entry(q->l2_lru.next, struct qcow2_l2, lru));
    free(q->l1);
    free(q->l2);
    q->l1 = l1;
    q->l2 = l2;
    q->l1_size = s->l1_size;
    q->d->size = size;
    return 0;
}

int qcow2_snapshot_view(struct qcow2 *q, const char *name, struct error *err)
{
    struct qcow2_snap *list;
    uint32_t at;

    if (!q->d->readonly)
        return fail(err, EROFS, "qcow2: a snapshot can only be read");
    int rc = qcow2_snap_load(q, &list, err);
    if (rc)
        return rc;
    rc = find(q, list, name, &at, err);
    if (!rc)
        rc = use_l1(q, &list[at], list[at].info.disk_size, err);
    qcow2_snap_free(list, q->n_snapshots);
    return rc;
}

/* ------------------------------------------------------------------------------------- changes */

/* Users of all that an L1 table refers to, itself excluded, by delta (+1, -1 later). */
static int count_l2(struct qcow2 *q, uint64_t at, int delta)
{
    uint64_t *t;
    int rc = at & (q->cs - 1) ? -EIO : qcow2_read_table(q, at, BIT64(q->l2_bits), &t);

    if (rc)
        return rc;
    for (uint64_t i = 0; i < BIT64(q->l2_bits) && !rc; i++) {
        if (delta < 0) {
            rc = qcow2_free_entry(q, t[i]);
        } else if (t[i] & QCOW2_COMPRESSED) {
            uint64_t off, len;
            qcow2_compressed_range(q, t[i], &off, &len);
            for (uint64_t c = off >> q->cluster_bits; c <= (off + len - 1) >> q->cluster_bits && !rc;
                 c++)
                rc = qcow2_ref_add(q, c, 1);
        } else if (t[i] & QCOW2_OFFSET) {
            rc = qcow2_ref_add(q, (t[i] & QCOW2_OFFSET) >> q->cluster_bits, 1);
        }
    }
    free(t);
    return rc;
}

static int count_l1(struct qcow2 *q, const uint64_t *l1, uint32_t size, int delta)
{
    int rc = 0;

    for (uint32_t i = 0; i < size && !rc; i++) {
        uint64_t at = l1[i] & QCOW2_OFFSET;
        if (!at)
            continue;
        rc = count_l2(q, at, delta);
        if (!rc)
            rc = delta < 0 ? qcow2_free_later(q, at, 1) : qcow2_ref_add(q, at >> q->cluster_bits, 1);
    }
    return rc;
}

/* COPIED of the active tables becomes "refcount is 1" again. */
static int set_flags(struct qcow2 *q)
{
    int rc = 0;

    for (uint32_t i = 0; i < q->l1_size && !rc; i++) {
        struct qcow2_l2 *t;
        uint64_t v, at = q->l1[i] & QCOW2_OFFSET;
        if (!at)
            continue;
        rc = qcow2_l2_get(q, i, &t);
        for (uint64_t e = 0; !rc && e < BIT64(q->l2_bits); e++) {
            uint64_t old = qcow2_l2_entry(t, e), now = old & ~QCOW2_COPIED;
            if ((old & QCOW2_COMPRESSED) || !(old & QCOW2_OFFSET))
                continue;
            rc = qcow2_ref_get(q, (old & QCOW2_OFFSET) >> q->cluster_bits, &v);
            now |= v == 1 ? QCOW2_COPIED : 0;
            if (!rc && now != old)
                qcow2_l2_set(q, t, e, now);
        }
        if (!rc)
            rc = qcow2_ref_get(q, at >> q->cluster_bits, &v);
        if (!rc) {
            q->l1[i] = at | (v == 1 ? QCOW2_COPIED : 0);
            q->l1_dirty = true;
        }
    }
    return rc;
}

/* The table anew in a new place; then the header points there. */
static int write_snapshots(struct qcow2 *q, const struct qcow2_snap *list, uint32_t n)
{
    uint64_t bytes = 0, at = 0, got, old = q->snapshots_offset, old_bytes = q->snapshots_size;
    uint8_t h[12];
    int rc = 0;

    for (uint32_t i = 0; i < n; i++)
        bytes += list[i].raw_len;
    if (n)
        rc = qcow2_alloc(q, qcow2_clusters(q, bytes), false, &at, &got);
    if (!rc)
        rc = qcow2_flush_locked(q);
    uint64_t to = at;
    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = disk_file_write(&q->d->file, to, list[i].raw, list[i].raw_len);
        to += list[i].raw_len;
    }
    if (!rc)
        rc = file_sync(&q->d->file);
    st_be32(h, n);
    st_be64(h + 4, at);
    if (!rc)
        rc = disk_file_write(&q->d->file, H_NSNAPSHOTS, h, sizeof(h));
    if (!rc)
        rc = file_sync(&q->d->file);
    if (rc)
        return rc;
    uint32_t had = q->n_snapshots;
    q->n_snapshots = n;
    q->snapshots_offset = at;
    q->snapshots_size = bytes;
    return had ? qcow2_free_later(q, old, qcow2_clusters(q, old_bytes)) : 0;
}

static void make_entry(struct qcow2 *q, struct qcow2_snap *s, unsigned id, const char *name)
{
    char id_text[16];
    size_t id_len = (size_t)snprintf(id_text, sizeof(id_text), "%u", id), name_len = strlen(name);
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    s->raw_len = (uint32_t)ALIGN_UP(ENTRY_FIXED + 16 + id_len + name_len, (size_t)8);
    s->raw = xcalloc(1, s->raw_len);
    st_be64(s->raw, s->l1_offset);
    st_be32(s->raw + 8, s->l1_size);
    st_be16(s->raw + 12, (uint16_t)id_len);
    st_be16(s->raw + 14, (uint16_t)name_len);
    st_be32(s->raw + 16, (uint32_t)now.tv_sec);
    st_be32(s->raw + 20, (uint32_t)now.tv_nsec);
    st_be32(s->raw + 36, 16);
    st_be64(s->raw + ENTRY_FIXED + 8, q->d->size);
    memcpy(s->raw + ENTRY_FIXED + 16, id_text, id_len);
    memcpy(s->raw + ENTRY_FIXED + 16 + id_len, name, name_len);
}

static int take(struct qcow2 *q, struct qcow2_snap *list, uint32_t n, const char *name)
{
    struct qcow2_snap *s = &list[n];
    uint64_t got;
    unsigned id = 1;
    int rc = qcow2_flush_locked(q);

    for (uint32_t i = 0; i < n; i++)
        id = MAX(id, (unsigned)strtoul(list[i].info.id, NULL, 10) + 1);
    s->l1_size = q->l1_size;
    if (!rc)
        rc = qcow2_alloc(q, MAX(qcow2_clusters(q, (uint64_t)q->l1_size * 8), UINT64_C(1)), false,
                         &s->l1_offset, &got);
    if (!rc)
        rc = count_l1(q, q->l1, q->l1_size, 1);
    if (!rc)
        rc = set_flags(q);
    if (!rc)
        rc = qcow2_flush_locked(q); /* refcounts, then flags */
    if (!rc)
        rc = qcow2_write_table(q, s->l1_offset, q->l1, q->l1_size);
    if (rc)
        return rc;
    make_entry(q, s, id, name);
    return write_snapshots(q, list, n + 1);
}

/* Load the list with room for one more, and hold the lock. */
static int begin(struct disk *d, struct qcow2_snap **list, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);

    if (d->readonly)
        return fail(err, EROFS, "%s is open for reading only", d->file.path);
    pthread_mutex_lock(&q->lock);
    int rc = qcow2_snap_load(q, list, err);
    if (!rc) {
        struct qcow2_snap *more = realloc(*list, (q->n_snapshots + 1) * sizeof(*more));
        if (!more)
            rc = fail(err, ENOMEM, "qcow2: no memory");
        else
            memset(more + q->n_snapshots, 0, sizeof(*more));
        *list = more ? more : *list;
    }
    if (rc)
        pthread_mutex_unlock(&q->lock);
    return rc;
}

static int end(struct disk *d, struct qcow2_snap *list, uint32_t n, int rc, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);

    if (!rc)
        rc = qcow2_flush_locked(q);
    if (!rc)
        rc = set_flags(q); /* what a snapshot shared may be ours alone now */
    if (!rc)
        rc = qcow2_flush_locked(q);
    pthread_mutex_unlock(&q->lock);
    qcow2_snap_free(list, n);
    return rc ? fail_errno(err, -rc, "qcow2: %s", d->file.path) : 0;
}

int qcow2_snapshot_take(struct disk *d, const char *name, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    struct qcow2_snap *list = NULL;
    struct error absent;
    uint32_t at;
    int rc = begin(d, &list, err);

    if (rc)
        return rc;
    uint32_t n = q->n_snapshots;
    if (!find(q, list, name, &at, &absent) || !*name || strlen(name) > 1023) {
        pthread_mutex_unlock(&q->lock);
        qcow2_snap_free(list, n);
        return fail(err, EEXIST, "%s: no snapshot can be called \"%s\" (again)", d->file.path, name);
    }
    return end(d, list, n + 1, take(q, list, n, name), err);
}

int qcow2_snapshot_delete(struct disk *d, const char *name, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    struct qcow2_snap *list = NULL, gone;
    uint64_t *l1 = NULL;
    uint32_t at, n;
    int rc = begin(d, &list, err);

    if (rc)
        return rc;
    n = q->n_snapshots;
    rc = find(q, list, name, &at, err);
    if (rc) {
        pthread_mutex_unlock(&q->lock);
        qcow2_snap_free(list, n);
        return rc;
    }
    gone = list[at];
    memmove(&list[at], &list[at + 1], (n - at - 1) * sizeof(*list));
    list[n - 1] = gone;
    rc = qcow2_read_table(q, gone.l1_offset, gone.l1_size, &l1);
    if (!rc)
        rc = write_snapshots(q, list, n - 1);
    if (!rc)
        rc = count_l1(q, l1, gone.l1_size, -1);
    if (!rc)
        rc = qcow2_free_later(q, gone.l1_offset,
                              MAX(qcow2_clusters(q, (uint64_t)gone.l1_size * 8), UINT64_C(1)));
    free(l1);
    return end(d, list, n, rc, err);
}

/* The current state becomes the snapshot's: its clusters gain a user, those of the old state lose
 * one, the L1 table is written over at its place (its length stays). */
static int apply(struct qcow2 *q, const struct qcow2_snap *s)
{
    uint64_t *l1 = NULL;
    int rc = qcow2_flush_locked(q);

    if (!rc && s->l1_size > q->l1_size)
        rc = qcow2_l1_grow(q, s->l1_size);
    if (!rc)
        rc = qcow2_read_table(q, s->l1_offset, s->l1_size, &l1);
    if (!rc)
        rc = count_l1(q, l1, s->l1_size, 1);
    if (!rc)
        rc = qcow2_flush_locked(q);
    if (!rc)
        rc = count_l1(q, q->l1, q->l1_size, -1); /* later, after the new table is there */
    if (rc) {
        free(l1);
        return rc;
    }
    while (!list_empty(&q->l2_lru))
        qcow2_l2_drop(q, list_entry(q->l2_lru.next, struct qcow2_l2, lru));
    memset(q->l1, 0, q->l1_size * sizeof(*q->l1));
    for (uint32_t i = 0; i < s->l1_size; i++)
        q->l1[i] = l1[i] & QCOW2_OFFSET;
    free(l1);
    q->l1_dirty = true;
    if (s->info.disk_size != q->d->size) {
        rc = qcow2_write_header64(q, H_SIZE, s->info.disk_size);
        q->d->size = s->info.disk_size;
    }
    /* The snapshot's tables carry flags from when it was taken: none of them holds now. */
    if (!rc)
        rc = set_flags(q);
    return rc ? rc : qcow2_flush_locked(q);
}

int qcow2_snapshot_apply(struct disk *d, const char *name, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    struct qcow2_snap *list = NULL;
    uint32_t at;
    int rc = begin(d, &list, err);

    if (rc)
        return rc;
    uint32_t n = q->n_snapshots;
    rc = find(q, list, name, &at, err);
    if (rc) {
        pthread_mutex_unlock(&q->lock);
        qcow2_snap_free(list, n);
        return rc;
    }
    return end(d, list, n, apply(q, &list[at]), err);
}
