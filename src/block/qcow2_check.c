/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_check: count anew who uses each host cluster and compare with the refcounts; repair those
 * and the COPIED flags. Tables that point outside the file or at each other are reported, never
 * "repaired" by dropping what they hold.
 */
#include <stdarg.h>

#include "block/qcow2.h"

#define CLUSTERS_MAX (UINT64_C(1) << 28)
#define SAY_MAX 20

struct count {
    struct qcow2 *q;
    struct disk_check *c;
    uint32_t *users;
    uint64_t n; /* clusters of the file */
    unsigned said;
    bool active; /* what is walked now is the current state */
};

static void say(struct count *k, const char *fmt, ...) printf_like(2, 3);
static void say(struct count *k, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (!k->c->say || k->said++ >= SAY_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    k->c->say(k->c->opaque, text);
}

static bool use(struct count *k, uint64_t offset, uint64_t len, const char *what)
{
    uint64_t first = offset >> k->q->cluster_bits;

    if (!len)
        return true;
    uint64_t last = (offset + len - 1) >> k->q->cluster_bits;
    if (offset + len < offset || last >= k->n) {
        say(k, "corruption: %s at %#" PRIx64 " lies behind the file's end", what, offset);
        k->c->corruptions++;
        return false;
    }
    for (; first <= last; first++)
        if (k->users[first] < UINT32_MAX)
            k->users[first]++;
    return true;
}

static void use_entry(struct count *k, uint64_t e, uint64_t guest)
{
    struct qcow2 *q = k->q;

    if (e & QCOW2_COMPRESSED) {
        uint64_t off, len;
        qcow2_compressed_range(q, e, &off, &len);
        /* The last sector may reach over the file's end. */
        uint64_t start = off & ~UINT64_C(511), sectors = off + len - start;
        if (!((off + len - 1) >> q->cluster_bits < k->n))
            sectors = (k->n << q->cluster_bits) > start ? (k->n << q->cluster_bits) - start : len;
        use(k, start, sectors, "compressed cluster");
        k->c->compressed += k->active;
        k->c->allocated += k->active;
        return;
    }
    uint64_t at = e & QCOW2_OFFSET;
    if (!at)
        return;
    if (at & (q->cs - 1)) {
        say(k, "corruption: guest offset %#" PRIx64 " maps to %#" PRIx64, guest, at);
        k->c->corruptions++;
        return;
    }
    use(k, at, q->cs, "data cluster");
    k->c->allocated += k->active;
}

static int walk_l2(struct count *k, uint64_t at, uint32_t l1_index)
{
    struct qcow2 *q = k->q;
    uint64_t n = BIT64(q->l2_bits), *t = NULL;

    if (at & (q->cs - 1)) {
        say(k, "corruption: L2 table %u at %#" PRIx64, l1_index, at);
        k->c->corruptions++;
        return 0;
    }
    if (!use(k, at, q->cs, "L2 table"))
        return 0;
    int rc = qcow2_read_table(q, at, n, &t);
    if (rc == -ENOMEM)
        return rc;
    if (rc) {
        k->c->errors++;
        return 0;
    }
    for (uint64_t i = 0; i < n; i++)
        if (t[i])
            use_entry(k, t[i], ((uint64_t)l1_index << q->l2_bits | i) << q->cluster_bits);
    free(t);
    return 0;
}

static int walk_l1(struct count *k, uint64_t at, uint32_t size)
{
    struct qcow2 *q = k->q;
    uint64_t *l1 = NULL;
    int rc;

    if ((at & (q->cs - 1)) || !use(k, at, (uint64_t)size * 8, "L1 table")) {
        k->c->corruptions += (at & (q->cs - 1)) != 0;
        return 0;
    }
    rc = qcow2_read_table(q, at, size, &l1);
    for (uint32_t i = 0; !rc && i < size; i++)
        if (l1[i] & QCOW2_OFFSET)
            rc = walk_l2(k, l1[i] & QCOW2_OFFSET, i);
    free(l1);
    return rc;
}

static int count_all(struct count *k, struct error *err)
{
    struct qcow2 *q = k->q;
    struct qcow2_snap *snaps = NULL;
    int rc;

    use(k, 0, q->cs, "header");
    use(k, q->reft_offset, (uint64_t)q->reft_clusters << q->cluster_bits, "refcount table");
    for (uint32_t i = 0; i < q->reft_entries; i++)
        if (q->reft[i] & (q->cs - 1)) {
            say(k, "corruption: refcount block %u at %#" PRIx64, i, q->reft[i]);
            k->c->corruptions++;
        } else if (q->reft[i]) {
            use(k, q->reft[i], q->cs, "refcount block");
        }
    k->active = true;
    rc = walk_l1(k, q->l1_offset, q->l1_size);
    k->active = false;
    if (!rc && q->n_snapshots) {
        struct error snap_err;
        if (qcow2_snap_load(q, &snaps, &snap_err)) {
            say(k, "corruption: %s", snap_err.text);
            k->c->corruptions++;
            return 0;
        }
        use(k, q->snapshots_offset, q->snapshots_size, "snapshot table");
        for (uint32_t i = 0; !rc && i < q->n_snapshots; i++)
            rc = walk_l1(k, snaps[i].l1_offset, snaps[i].l1_size);
        qcow2_snap_free(snaps, q->n_snapshots);
    }
    return rc ? fail_errno(err, -rc, "qcow2: check") : 0;
}

static int compare(struct count *k, bool fix)
{
    struct qcow2 *q = k->q;
    int rc = 0;

    for (uint64_t i = 0; i < k->n && !rc; i++) {
        uint64_t v = 0;
        if (qcow2_ref_get(q, i, &v)) {
            k->c->errors++;
            return 0; /* a block that cannot be read says nothing about its clusters */
        }
        if (v == k->users[i])
            continue;
        bool leak = v > k->users[i];
        if (leak && q->has_bitmaps)
            continue; /* the bitmaps' own */
        say(k, "%s: cluster %" PRIu64 " has refcount %" PRIu64 ", users %u",
            leak ? "leak" : "corruption", i, v, k->users[i]);
        *(leak ? &k->c->leaks : &k->c->corruptions) += 1;
        if (!fix)
            continue;
        rc = qcow2_ref_set(q, i, k->users[i]);
        *(leak ? &k->c->fixed_leaks : &k->c->fixed_corruptions) += !rc;
    }
    return rc;
}

static bool flag_wrong(const struct count *k, uint64_t e)
{
    uint64_t at = e & QCOW2_OFFSET, i = at >> k->q->cluster_bits;

    if (!at || (e & QCOW2_COMPRESSED) || (at & (k->q->cs - 1)) || i >= k->n)
        return false;
    return !(e & QCOW2_COPIED) != (k->users[i] != 1);
}

/* COPIED stands for "refcount 1"; a table that lacks it by mistake costs a copy, one that has it by
 * mistake would let a write through to a snapshot. */
static int check_flags(struct count *k, bool fix)
{
    struct qcow2 *q = k->q;

    for (uint32_t i = 0; i < q->l1_size; i++) {
        struct qcow2_l2 *t = NULL;
        if (flag_wrong(k, q->l1[i])) {
            say(k, "corruption: COPIED flag of L2 table %u", i);
            k->c->corruptions++;
            if (fix) {
                q->l1[i] ^= QCOW2_COPIED;
                q->l1_dirty = true;
                k->c->fixed_corruptions++;
            }
        }
        if (!(q->l1[i] & QCOW2_OFFSET) ||
            (q->l1[i] & QCOW2_OFFSET) >> q->cluster_bits >= k->n)
            continue;
        int rc = qcow2_l2_get(q, i, &t);
        if (rc == -ENOMEM)
            return rc;
        for (uint64_t e = 0; !rc && t && e < BIT64(q->l2_bits); e++) {
            if (!flag_wrong(k, qcow2_l2_entry(t, e)))
                continue;
            say(k, "corruption: COPIED flag of guest offset %#" PRIx64,
                ((uint64_t)i << q->l2_bits | e) << q->cluster_bits);
            k->c->corruptions++;
            /* A shared table is the snapshot's as well: its flags mean nothing there. */
            if (fix) {
                qcow2_l2_set(q, t, e, qcow2_l2_entry(t, e) ^ QCOW2_COPIED);
                k->c->fixed_corruptions++;
            }
        }
    }
    return 0;
}

static int finish(struct count *k)
{
    struct qcow2 *q = k->q;
    bool was = q->marked_corrupt;

    q->marked_corrupt = false;
    q->hint = 0;
    int rc = qcow2_flush_locked(q);
    if (!rc && k->c->corruptions == k->c->fixed_corruptions && !k->c->errors) {
        q->incompatible &= ~(uint64_t)(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
        rc = qcow2_write_features(q);
    } else {
        q->marked_corrupt = was;
    }
    return rc;
}

int qcow2_check(struct disk *d, struct disk_check *c, bool fix, struct error *err)
{
    struct qcow2 *q = qcow2_of(d);
    struct count k = {.q = q, .c = c};
    bool checking = d->checking;
    int rc = d->readonly ? 0 : d->format->flush(d);

    if (fix && d->readonly)
        return fail(err, EROFS, "qcow2: %s is open for reading only", d->file.path);
    if (rc && !checking)
        return fail_errno(err, -rc, "qcow2: %s", d->file.path);
    k.n = qcow2_clusters(q, file_size(&d->file));
    c->total = qcow2_clusters(q, d->size);
    if (k.n > CLUSTERS_MAX)
        return fail(err, EFBIG, "qcow2: %" PRIu64 " clusters are too many to check", k.n);
    k.users = calloc(MAX(k.n, UINT64_C(1)), sizeof(*k.users));
    if (!k.users)
        return fail(err, ENOMEM, "qcow2: no memory for the check");
    pthread_mutex_lock(&q->lock);
    d->checking = true; /* what is wrong is counted, not acted upon */
    rc = count_all(&k, err);
    /* With tables that point anywhere nothing can be said to be unused. */
    fix = fix && !c->corruptions && !c->errors;
    q->repairing = true;
    q->hint = k.n;
    if (!rc)
        rc = compare(&k, fix);
    if (!rc)
        rc = check_flags(&k, fix);
    q->repairing = false;
    q->hint = 0;
    if (!rc && fix)
        rc = finish(&k);
    d->checking = checking;
    pthread_mutex_unlock(&q->lock);
    free(k.users);
    if (rc && !(err && err->code))
        return fail_errno(err, -rc, "qcow2: check of %s", d->file.path);
    return rc;
}
