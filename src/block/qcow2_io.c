/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_io: reads and writes of guest data.
 *
 * What changes no metadata (reads, writes of clusters that are ours alone) looks up its place under
 * `lock` and transfers under `io`; everything else happens under `lock`.
 */
#include "block/qcow2.h"

/* A run of guest bytes in one state. */
struct run {
    uint64_t entry; /* of the first cluster */
    uint64_t host;  /* byte where it begins; 0: not one place in the file */
    uint64_t len;
};

static bool is_plain(const struct qcow2 *q, uint64_t e)
{
    return !(e & QCOW2_COMPRESSED) && (e & QCOW2_OFFSET) && !qcow2_entry_zero(q, e);
}

static bool same_kind(const struct qcow2 *q, uint64_t a, uint64_t b)
{
    if ((a | b) & QCOW2_COMPRESSED)
        return false;
    return is_plain(q, a) == is_plain(q, b) && qcow2_entry_zero(q, a) == qcow2_entry_zero(q, b) &&
           (a & QCOW2_COPIED) == (b & QCOW2_COPIED) && !(a & QCOW2_OFFSET) == !(b & QCOW2_OFFSET);
}

/* What lies at guest offset off, and up to `len` bytes of the same kind and in a row. */
static int find_run(struct qcow2 *q, uint64_t off, uint64_t len, struct run *r)
{
    uint64_t in = off & (q->cs - 1), table_end = ALIGN_UP(off + 1, q->cs << q->l2_bits), e;
    int rc = qcow2_entry(q, off, &r->entry);

    if (rc)
        return rc;
    r->len = MIN(len, q->cs - in);
    r->host = is_plain(q, r->entry) ? (r->entry & QCOW2_OFFSET) + in : 0;
    for (uint64_t at = off + r->len; r->len < len && at < table_end; at = off + r->len) {
        rc = qcow2_entry(q, at, &e);
        if (rc)
            return rc;
        if (!same_kind(q, r->entry, e) || (r->host && (e & QCOW2_OFFSET) != r->host + r->len))
            break;
        r->len += MIN(len - r->len, q->cs);
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------- reads */

static int read_compressed(struct qcow2 *q, uint64_t off, uint64_t entry, const struct iovec *iov,
                           unsigned n, uint64_t len)
{
    auto_free uint8_t *buf = malloc(q->cs);

    if (!buf)
        return -ENOMEM;
    int rc = qcow2_unzip(q, entry, buf);
    if (!rc)
        iov_from_buf(iov, n, buf + (off & (q->cs - 1)), len);
    return rc;
}

int qcow2_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    struct qcow2 *q = qcow2_of(d);
    struct iovec part[DISK_IOV_MAX];
    int rc = 0;

    for (uint64_t done = 0; done < len && !rc;) {
        struct run r;
        pthread_mutex_lock(&q->lock);
        rc = find_run(q, off + done, len - done, &r);
        unsigned k = rc ? 0 : iov_slice(iov, n, done, r.len, part, DISK_IOV_MAX);
        if (!rc && !k)
            rc = -EINVAL;
        if (!rc && (r.entry & QCOW2_COMPRESSED))
            rc = read_compressed(q, off + done, r.entry, part, k, r.len);
        if (!rc && r.host)
            pthread_rwlock_rdlock(&q->io);
        pthread_mutex_unlock(&q->lock);
        if (rc)
            break;
        if (r.host) {
            rc = file_readv(&d->file, r.host, part, k);
            pthread_rwlock_unlock(&q->io);
        } else if (qcow2_entry_zero(q, r.entry)) {
            iov_zero(part, k);
        } else if (!(r.entry & QCOW2_COMPRESSED)) {
            rc = disk_read_backing(d, off + done, part, k, r.len);
        }
        done += r.len;
    }
    return rc;
}

/* --------------------------------------------------------------------------------------- writes */

/* What the guest reads in one whole cluster; lock held. */
static int read_cluster(struct qcow2 *q, uint64_t off, uint64_t entry, uint8_t *buf)
{
    struct iovec v = {buf, q->cs};

    if (entry & QCOW2_COMPRESSED)
        return qcow2_unzip(q, entry, buf);
    if (qcow2_entry_zero(q, entry)) {
        memset(buf, 0, q->cs);
        return 0;
    }
    if (entry & QCOW2_OFFSET)
        return disk_file_read(&q->d->file, entry & QCOW2_OFFSET, buf, q->cs);
    return disk_read_backing(q->d, off, &v, 1, q->cs);
}

/* Clusters not touched whole keep the rest of what they showed. */
static int fill_edge(struct qcow2 *q, uint64_t off, uint64_t from, uint64_t to, uint64_t host)
{
    uint64_t entry;
    auto_free uint8_t *buf = malloc(q->cs);

    if (!buf)
        return -ENOMEM;
    int rc = qcow2_entry(q, off, &entry);
    if (!rc)
        rc = read_cluster(q, off, entry, buf);
    if (!rc && from)
        rc = disk_file_write(&q->d->file, host, buf, from);
    if (!rc && to < q->cs)
        rc = disk_file_write(&q->d->file, host + to, buf + to, q->cs - to);
    return rc;
}

/* Give clusters from guest offset off new places and write there; *len says how much was. */
static int write_new(struct qcow2 *q, uint64_t off, const struct iovec *iov, unsigned n,
                     uint64_t skip, uint64_t *len)
{
    uint64_t in = off & (q->cs - 1), first = off - in, host, got;
    uint64_t clusters = qcow2_clusters(q, in + *len);
    uint64_t i = off >> q->cluster_bits & (BIT64(q->l2_bits) - 1);
    struct iovec part[DISK_IOV_MAX];
    struct qcow2_l2 *t;
    int rc;

    rc = qcow2_l2_get_for_write(q, (uint32_t)(off >> (q->cluster_bits + q->l2_bits)), &t);
    if (!rc)
        rc = qcow2_alloc(q, clusters, true, &host, &got);
    if (rc)
        return rc;
    *len = MIN(*len, (got << q->cluster_bits) - in);
    uint64_t end = in + *len, tail = end & (q->cs - 1);
    if (got == 1) {
        if (in || tail)
            rc = fill_edge(q, first, in, end, host);
    } else {
        if (in)
            rc = fill_edge(q, first, in, q->cs, host);
        if (!rc && tail)
            rc = fill_edge(q, first + ((got - 1) << q->cluster_bits), 0, tail,
                           host + ((got - 1) << q->cluster_bits));
    }
    unsigned k = iov_slice(iov, n, skip, *len, part, DISK_IOV_MAX);
    if (!rc)
        rc = k ? file_writev(&q->d->file, host + in, part, k) : -EINVAL;
    if (rc) { /* not mapped yet: give back */
        for (uint64_t c = 0; c < got; c++)
            (void)qcow2_ref_add(q, (host >> q->cluster_bits) + c, -1);
        return rc;
    }
    for (uint64_t c = 0; c < got && !rc; c++) {
        uint64_t old = qcow2_l2_entry(t, i + c);
        qcow2_l2_set(q, t, i + c, (host + (c << q->cluster_bits)) | QCOW2_COPIED);
        rc = qcow2_free_entry(q, old);
    }
    return rc;
}

int qcow2_write(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    struct qcow2 *q = qcow2_of(d);
    struct iovec part[DISK_IOV_MAX];
    int rc = 0;

    for (uint64_t done = 0; done < len && !rc;) {
        struct run r;
        pthread_mutex_lock(&q->lock);
        rc = q->marked_corrupt ? -EIO : find_run(q, off + done, len - done, &r);
        bool here = !rc && r.host && (r.entry & QCOW2_COPIED);
        if (here)
            rc = qcow2_write_check(q, r.host, r.len);
        else if (!rc)
            rc = write_new(q, off + done, iov, n, done, &r.len);
        if (here && !rc)
            pthread_rwlock_rdlock(&q->io);
        pthread_mutex_unlock(&q->lock);
        if (rc)
            break;
        if (here) {
            unsigned k = iov_slice(iov, n, done, r.len, part, DISK_IOV_MAX);
            rc = k ? file_writev(&d->file, r.host, part, k) : -EINVAL;
            pthread_rwlock_unlock(&q->io);
        }
        done += r.len;
    }
    return rc;
}

/* ---------------------------------------------------------------------------- zeroes and discard */

/* Entry of a whole cluster that shall read as zeroes and hold no place. False: it cannot be said
 * in this version of the format. */
static bool zero_entry(const struct qcow2 *q, uint64_t *entry)
{
    *entry = q->version >= 3 && q->d->backing_name ? QCOW2_ZERO : 0;
    return q->version >= 3 || !q->d->backing_name;
}

static int drop_cluster(struct qcow2 *q, uint64_t off, uint64_t entry)
{
    struct qcow2_l2 *t;
    uint64_t old, i = off >> q->cluster_bits & (BIT64(q->l2_bits) - 1);
    int rc = qcow2_entry(q, off, &old);

    if (rc || old == entry)
        return rc;
    rc = qcow2_l2_get_for_write(q, (uint32_t)(off >> (q->cluster_bits + q->l2_bits)), &t);
    if (rc)
        return rc;
    qcow2_l2_set(q, t, i, entry);
    return qcow2_free_entry(q, old);
}

/* The disk's end may lie inside its last cluster: that one counts as whole. */
static uint64_t whole_end(const struct qcow2 *q, uint64_t end)
{
    return end == q->d->size ? ALIGN_UP(end, q->cs) : ALIGN_DOWN(end, q->cs);
}

/* Nothing there and nothing below: it reads as zeroes already. */
static bool reads_zero(struct qcow2 *q, uint64_t off)
{
    uint64_t e;

    pthread_mutex_lock(&q->lock);
    bool yes = !qcow2_entry(q, off, &e) &&
               (qcow2_entry_zero(q, e) || (!e && !q->d->backing_name));
    pthread_mutex_unlock(&q->lock);
    return yes;
}

static int write_zeroes(struct disk *d, uint64_t off, uint64_t len)
{
    struct qcow2 *q = qcow2_of(d);
    auto_free uint8_t *zeroes = calloc(1, q->cs);

    if (!zeroes)
        return -ENOMEM;
    while (len) {
        uint64_t n = MIN(len, q->cs - (off & (q->cs - 1)));
        int rc = reads_zero(q, off) ? 0 : qcow2_write(d, off, &(struct iovec){zeroes, n}, 1, n);
        if (rc)
            return rc;
        off += n;
        len -= n;
    }
    return 0;
}

static int drop_range(struct disk *d, uint64_t from, uint64_t to, uint64_t entry)
{
    struct qcow2 *q = qcow2_of(d);
    int rc = 0;

    for (; from < to && !rc; from += q->cs) {
        pthread_mutex_lock(&q->lock);
        rc = q->marked_corrupt ? -EIO : drop_cluster(q, from, entry);
        pthread_mutex_unlock(&q->lock);
    }
    return rc;
}

int qcow2_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap)
{
    struct qcow2 *q = qcow2_of(d);
    uint64_t end = off + len, from = ALIGN_UP(off, q->cs), to = whole_end(q, end), entry;

    (void)unmap; /* keeping the place would not keep the promise of space: refcounts may move */
    if (from >= to || !zero_entry(q, &entry))
        return write_zeroes(d, off, len);
    int rc = write_zeroes(d, off, from - off);
    if (!rc)
        rc = drop_range(d, from, to, entry);
    if (!rc && end > to)
        rc = write_zeroes(d, to, end - to);
    return rc;
}

int qcow2_discard(struct disk *d, uint64_t off, uint64_t len)
{
    struct qcow2 *q = qcow2_of(d);
    uint64_t entry;

    if (!zero_entry(q, &entry))
        return 0; /* a hint; the backing image's data must not come back */
    return drop_range(d, ALIGN_UP(off, q->cs), whole_end(q, off + len), entry);
}

int qcow2_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status)
{
    struct qcow2 *q = qcow2_of(d);
    struct run r;

    pthread_mutex_lock(&q->lock);
    int rc = find_run(q, off, d->size - off, &r);
    pthread_mutex_unlock(&q->lock);
    if (rc)
        return rc;
    *len = r.len;
    *status = qcow2_entry_zero(q, r.entry) ? DISK_ZEROES
              : r.entry & (QCOW2_OFFSET | QCOW2_COMPRESSED) ? DISK_DATA
                                                            : DISK_ABSENT;
    return 0;
}
