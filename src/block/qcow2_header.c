/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_header: the header and its extensions [QCOW2 header], making an empty image.
 */
#include <stdarg.h>

#include "base/log.h"
#include "block/formats.h"
#include "block/qcow2.h"

enum {
    EXT_END = 0,
    EXT_BACKING_FORMAT = (int)0xe2792aca,
    EXT_FEATURES = 0x6803f857,
    EXT_BITMAPS = 0x23852875,
    EXT_DATA_FILE = 0x44415441,
};

#define BACKING_NAME_MAX 1023u

int qcow2_corrupt(struct qcow2 *q, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (q->marked_corrupt || q->d->checking)
        return -EIO;
    q->marked_corrupt = true;
    log_error("%s: the image is corrupt: %s; %stry: quad disk check %s", q->d->file.path, text,
              q->d->readonly ? "" : "it takes no more writes; ", q->d->file.path);
    if (!q->d->readonly && q->version >= 3) {
        q->incompatible |= QCOW2_INCOMPAT_CORRUPT;
        qcow2_write_features(q);
    }
    return -EIO;
}

int qcow2_write_header32(struct qcow2 *q, unsigned at, uint32_t v)
{
    uint8_t b[4];

    st_be32(b, v);
    return disk_file_write(&q->d->file, at, b, sizeof(b));
}

int qcow2_write_header64(struct qcow2 *q, unsigned at, uint64_t v)
{
    uint8_t b[8];

    st_be64(b, v);
    return disk_file_write(&q->d->file, at, b, sizeof(b));
}

int qcow2_write_features(struct qcow2 *q)
{
    uint8_t b[24];

    if (q->version < 3)
        return 0;
    st_be64(b, q->incompatible);
    st_be64(b + 8, q->compatible);
    st_be64(b + 16, q->autoclear);
    int rc = disk_file_write(&q->d->file, H_INCOMPATIBLE, b, sizeof(b));
    return rc ? rc : file_sync(&q->d->file);
}

static int parse_extensions(struct qcow2 *q, const uint8_t *h, uint64_t end, struct error *err)
{
    for (uint64_t at = q->header_length; at + 8 <= end;) {
        uint32_t type = ld_be32(h + at), len = ld_be32(h + at + 4);
        at += 8;
        if (type == EXT_END)
            return 0;
        if (len > end - at)
            return fail(err, EINVAL, "qcow2: header extension %#x: length %u leaves the header",
                        type, len);
        if (type == (uint32_t)EXT_BACKING_FORMAT && !q->d->backing_format) {
            if (len > 64)
                return fail(err, EINVAL, "qcow2: name of the backing format: length %u", len);
            q->d->backing_format = strndup((const char *)h + at, len);
        }
        q->has_bitmaps = q->has_bitmaps || type == EXT_BITMAPS;
        at += ALIGN_UP((uint64_t)len, UINT64_C(8));
    }
    return 0;
}

static int parse_backing(struct qcow2 *q, const uint8_t *h, uint64_t room, struct error *err)
{
    uint64_t at = ld_be64(h + H_BACKING_OFFSET);
    uint32_t len = ld_be32(h + H_BACKING_SIZE);

    if (!at)
        return 0;
    if (!len || len > BACKING_NAME_MAX || at > room || len > room - at)
        return fail(err, EINVAL, "qcow2: backing file name: offset %" PRIu64 ", length %u", at,
                    len);
    if (memchr(h + at, 0, len))
        return fail(err, EINVAL, "qcow2: backing file name holds a zero byte");
    q->d->backing_name = strndup((const char *)h + at, len);
    return 0;
}

static int parse_features(struct qcow2 *q, const uint8_t *h, struct error *err)
{
    if (q->version == 2) {
        q->refcount_order = 4;
        q->header_length = H_V2_LENGTH;
        return 0;
    }
    q->incompatible = ld_be64(h + H_INCOMPATIBLE);
    q->compatible = ld_be64(h + H_COMPATIBLE);
    q->autoclear = ld_be64(h + H_AUTOCLEAR);
    q->refcount_order = ld_be32(h + H_REFCOUNT_ORDER);
    q->header_length = ld_be32(h + H_LENGTH);
    if (q->header_length < H_V3_LENGTH || q->header_length > q->cs)
        return fail(err, EINVAL, "qcow2: header length %u", q->header_length);
    if (q->refcount_order > 6)
        return fail(err, EINVAL, "qcow2: refcount order %u not in 0..6", q->refcount_order);
    uint64_t unknown = q->incompatible & ~(uint64_t)(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT |
                                                     QCOW2_INCOMPAT_ZIP);
    if (unknown)
        return fail(err, ENOTSUP, "qcow2: it needs %s (feature bits %#" PRIx64 "); try: qemu-img "
                                  "convert -O qcow2 (defaults)",
                    unknown & 4 ? "an external data file" : unknown & 16 ? "subclusters"
                                                                         : "an unknown feature",
                    unknown);
    if ((q->incompatible & QCOW2_INCOMPAT_ZIP) && q->header_length > H_COMPRESSION)
        q->compression = h[H_COMPRESSION];
    if (q->compression > QCOW2_ZSTD)
        return fail(err, ENOTSUP, "qcow2: compression type %u", q->compression);
    return 0;
}

static int parse_tables(struct qcow2 *q, const uint8_t *h, struct error *err)
{
    uint64_t mask = q->cs - 1;

    q->l1_size = ld_be32(h + H_L1_SIZE);
    q->l1_offset = ld_be64(h + H_L1_OFFSET);
    q->reft_offset = ld_be64(h + H_REFT_OFFSET);
    q->reft_clusters = ld_be32(h + H_REFT_CLUSTERS);
    q->n_snapshots = ld_be32(h + H_NSNAPSHOTS);
    q->snapshots_offset = ld_be64(h + H_SNAPSHOTS_OFFSET);
    if (q->l1_size > QCOW2_L1_MAX / 8 || (q->l1_offset & mask) || q->l1_offset >> 56)
        return fail(err, EINVAL, "qcow2: L1 table: %u entries at %#" PRIx64, q->l1_size,
                    q->l1_offset);
    if (!q->reft_clusters || q->reft_clusters > QCOW2_REFT_MAX >> q->cluster_bits ||
        (q->reft_offset & mask) || !q->reft_offset || q->reft_offset >> 56)
        return fail(err, EINVAL, "qcow2: refcount table: %u clusters at %#" PRIx64,
                    q->reft_clusters, q->reft_offset);
    if (q->n_snapshots > QCOW2_SNAPSHOTS_MAX || (q->snapshots_offset & mask) ||
        q->snapshots_offset >> 56)
        return fail(err, EINVAL, "qcow2: snapshot table: %u entries at %#" PRIx64, q->n_snapshots,
                    q->snapshots_offset);
    uint64_t per_l1 = q->cs << q->l2_bits;
    uint64_t need = q->d->size / per_l1 + !!(q->d->size % per_l1);
    if (q->l1_size < need)
        return fail(err, EINVAL, "qcow2: L1 table too short: %u entries, %" PRIu64 " needed",
                    q->l1_size, need);
    return 0;
}

int qcow2_parse(struct qcow2 *q, struct error *err)
{
    uint8_t first[H_V3_LENGTH + 8];
    int rc = disk_file_read(&q->d->file, 0, first, sizeof(first));

    if (rc)
        return fail_errno(err, -rc, "qcow2: cannot read the header");
    q->version = ld_be32(first + H_VERSION);
    q->cluster_bits = ld_be32(first + H_CLUSTER_BITS);
    q->d->size = ld_be64(first + H_SIZE);
    if (ld_be32(first) != MAGIC_QCOW || q->version < 2 || q->version > 3)
        return fail(err, EINVAL, "qcow2: no qcow2 header of version 2 or 3");
    if (q->cluster_bits < 9 || q->cluster_bits > 21)
        return fail(err, EINVAL, "qcow2: cluster_bits %u not in 9..21", q->cluster_bits);
    if (ld_be32(first + H_CRYPT))
        return fail(err, ENOTSUP, "qcow2: encrypted images are not supported");
    if (q->d->size > INT64_MAX - (1u << 21) || q->d->size % 512)
        return fail(err, EINVAL, "qcow2: size %" PRIu64, q->d->size);
    q->cs = UINT64_C(1) << q->cluster_bits;
    q->d->cluster_size = (uint32_t)q->cs;
    q->l2_bits = q->cluster_bits - 3;
    auto_free uint8_t *h = calloc(1, q->cs + 8);
    if (!h || (rc = disk_file_read(&q->d->file, 0, h, q->cs)))
        return fail_errno(err, h ? -rc : ENOMEM, "qcow2: cannot read the header");
    rc = parse_features(q, h, err);
    if (rc)
        return rc;
    q->refb_bits = q->cluster_bits + 3 - q->refcount_order;
    rc = parse_tables(q, h, err);
    if (!rc)
        rc = parse_backing(q, h, q->cs, err);
    uint64_t end = ld_be64(h + H_BACKING_OFFSET);
    if (!rc)
        rc = parse_extensions(q, h, end && end < q->cs ? end : q->cs, err);
    return rc;
}

/* ------------------------------------------------------------------------------- an empty image */

static size_t put_extension(uint8_t *h, size_t at, uint32_t type, const void *data, size_t len)
{
    st_be32(h + at, type);
    st_be32(h + at + 4, (uint32_t)len);
    if (len)
        memcpy(h + at + 8, data, len);
    return at + 8 + ALIGN_UP(len, (size_t)8);
}

static size_t put_features(uint8_t *h, size_t at)
{
    static const struct {
        uint8_t kind, bit;
        const char *name;
    } names[] = {{0, 0, "dirty bit"}, {0, 1, "corrupt bit"}, {0, 3, "compression type"},
                 {1, 0, "lazy refcounts"}};
    uint8_t table[48 * ARRAY_LEN(names)] = {0};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        table[48 * i] = names[i].kind;
        table[48 * i + 1] = names[i].bit;
        memcpy(table + 48 * i + 2, names[i].name, strlen(names[i].name));
    }
    return put_extension(h, at, EXT_FEATURES, table, sizeof(table));
}

/* Layout: header, refcount table, refcount blocks, L1 table. */
struct layout {
    uint64_t cs, l1_entries, l1_clusters, reft_clusters, refb_clusters, total;
};

static int plan(struct layout *l, const struct disk_create *c, unsigned order, struct error *err)
{
    uint64_t per_l1 = l->cs * (l->cs / 8), per_block = l->cs * 8 >> order;

    l->l1_entries = c->size / per_l1 + !!(c->size % per_l1);
    if (l->l1_entries > QCOW2_L1_MAX / 8)
        return fail(err, EFBIG, "qcow2: %" PRIu64 " bytes with clusters of %" PRIu64
                                " would need an L1 table above 32 MiB; try: larger clusters",
                    c->size, l->cs);
    l->l1_clusters = MAX((l->l1_entries * 8 + l->cs - 1) / l->cs, UINT64_C(1));
    l->reft_clusters = l->refb_clusters = 1;
    for (;;) {
        l->total = 1 + l->reft_clusters + l->refb_clusters + l->l1_clusters;
        uint64_t blocks = (l->total + per_block - 1) / per_block;
        uint64_t table = (blocks * 8 + l->cs - 1) / l->cs;
        if (blocks <= l->refb_clusters && table <= l->reft_clusters)
            return 0;
        l->refb_clusters = MAX(blocks, l->refb_clusters);
        l->reft_clusters = MAX(table, l->reft_clusters);
    }
}

static void put_refcount(uint8_t *block, uint64_t i, unsigned order)
{
    switch (order) {
    case 4: st_be16(block + 2 * i, 1); break;
    case 5: st_be32(block + 4 * i, 1); break;
    case 6: st_be64(block + 8 * i, 1); break;
    default: block[i << order >> 3] |= (uint8_t)(1u << ((i << order) & 7)); break;
    }
}

static int make_header(uint8_t *h, const struct disk_create *c, const struct layout *l,
                       unsigned order, struct error *err)
{
    size_t at, length = c->zstd ? H_V3_LENGTH + 8 : H_V3_LENGTH;

    st_be32(h + H_MAGIC, MAGIC_QCOW);
    st_be32(h + H_VERSION, c->compat_v2 ? 2 : 3);
    st_be32(h + H_CLUSTER_BITS, (uint32_t)__builtin_ctzll(l->cs));
    st_be64(h + H_SIZE, c->size);
    st_be32(h + H_L1_SIZE, (uint32_t)l->l1_entries);
    st_be64(h + H_L1_OFFSET, (1 + l->reft_clusters + l->refb_clusters) * l->cs);
    st_be64(h + H_REFT_OFFSET, l->cs);
    st_be32(h + H_REFT_CLUSTERS, (uint32_t)l->reft_clusters);
    at = H_V2_LENGTH;
    if (!c->compat_v2) {
        st_be64(h + H_INCOMPATIBLE, c->zstd ? QCOW2_INCOMPAT_ZIP : 0);
        st_be64(h + H_COMPATIBLE, c->lazy_refcounts ? QCOW2_COMPAT_LAZY : 0);
        st_be32(h + H_REFCOUNT_ORDER, order);
        st_be32(h + H_LENGTH, (uint32_t)length);
        if (c->zstd)
            h[H_COMPRESSION] = QCOW2_ZSTD;
        at = length;
    }
    size_t need = at + 8 + 8 + (c->backing ? strlen(c->backing) : 0) +
                  (c->backing_format ? 16 + strlen(c->backing_format) : 0);
    if (need > l->cs || (c->backing && strlen(c->backing) > BACKING_NAME_MAX))
        return fail(err, EINVAL, "qcow2: the backing file's name is too long for the header");
    if (c->backing_format)
        at = put_extension(h, at, (uint32_t)EXT_BACKING_FORMAT, c->backing_format,
                           strlen(c->backing_format));
    if (!c->compat_v2 && need + 256 < l->cs)
        at = put_features(h, at);
    at = put_extension(h, at, EXT_END, NULL, 0);
    if (c->backing) {
        st_be64(h + H_BACKING_OFFSET, at);
        st_be32(h + H_BACKING_SIZE, (uint32_t)strlen(c->backing));
        memcpy(h + at, c->backing, strlen(c->backing));
    }
    return 0;
}

static int check_settings(const struct disk_create *c, uint64_t cs, struct error *err)
{
    if (!is_pow2(cs) || cs < 512 || cs > 2u << 20)
        return fail(err, EINVAL, "qcow2: cluster size %" PRIu64 " is no power of two from 512 to 2M",
                    cs);
    if (c->size % 512 || c->size > INT64_MAX - (2u << 20))
        return fail(err, EINVAL, "qcow2: size %" PRIu64 " is no multiple of 512", c->size);
    if (c->refcount_bits && (!is_pow2(c->refcount_bits) || c->refcount_bits > 64))
        return fail(err, EINVAL, "qcow2: refcount bits %u", c->refcount_bits);
    if (c->compat_v2 && (c->lazy_refcounts || c->zstd ||
                         (c->refcount_bits && c->refcount_bits != 16)))
        return fail(err, EINVAL, "qcow2: version 2 knows no lazy refcounts, zstd, refcount widths");
    return 0;
}

int qcow2_create(struct disk_file *f, const struct disk_create *c, struct error *err)
{
    struct layout l = {.cs = c->cluster_size ? c->cluster_size : 65536};
    unsigned order = c->refcount_bits ? (unsigned)__builtin_ctz(c->refcount_bits) : 4;
    int rc = check_settings(c, l.cs, err);

    if (!rc)
        rc = plan(&l, c, order, err);
    if (rc)
        return rc;
    size_t len = (size_t)((1 + l.reft_clusters + l.refb_clusters) * l.cs);
    auto_free uint8_t *b = calloc(1, len);
    if (!b)
        return fail(err, ENOMEM, "qcow2: no memory");
    rc = make_header(b, c, &l, order, err);
    if (rc)
        return rc;
    for (uint64_t i = 0; i < l.refb_clusters; i++)
        st_be64(b + l.cs + 8 * i, (1 + l.reft_clusters + i) * l.cs);
    for (uint64_t i = 0; i < l.total; i++)
        put_refcount(b + (1 + l.reft_clusters) * l.cs, i, order);
    rc = file_truncate(f, l.total * l.cs);
    if (!rc)
        rc = disk_file_write(f, 0, b, len);
    if (!rc)
        rc = file_sync(f);
    return rc ? fail_errno(err, -rc, "qcow2: cannot write %s", f->path) : 0;
}
