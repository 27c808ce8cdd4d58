/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2: what the parts of the qcow2 driver share [QCOW2].
 *
 *   header (cluster 0) ---> refcount table ---> refcount blocks: users of each host cluster
 *                      \--> L1 table ---------> L2 tables -----> data clusters
 *                      \--> snapshot table ---> L1 tables of the snapshots
 *
 *   L1 entry  63 COPIED, 55..9 offset of the L2 table
 *   L2 entry  63 COPIED, 62 compressed, 55..9 offset, 0 reads as zeroes (version 3)
 *   compressed  61..x sectors - 1, x-1..0 byte offset, x = 62 - (cluster_bits - 8)
 *
 * Order on the host's disk (qcow2_flush): refcount blocks and data, then the refcount table, then
 * L2 tables, then the L1 table, each part synced before the next. What is freed goes back into the
 * refcounts only after that. So a cut at any moment leaves at worst leaked clusters.
 *
 * Locks: `lock` guards all metadata. Data of clusters that exist already is read and written without
 * it, under `io` for reading; freeing takes `io` for writing. lock before io.
 */
#ifndef QUAD_BLOCK_QCOW2_H
#define QUAD_BLOCK_QCOW2_H

#include <pthread.h>

#include "base/bits.h"
#include "base/endian.h"
#include "base/list.h"
#include "block/disk.h"

#define QCOW2_COPIED BIT64(63)
#define QCOW2_COMPRESSED BIT64(62)
#define QCOW2_ZERO BIT64(0)
#define QCOW2_OFFSET UINT64_C(0x00fffffffffffe00)

enum { QCOW2_INCOMPAT_DIRTY = 1, QCOW2_INCOMPAT_CORRUPT = 2, QCOW2_INCOMPAT_ZIP = 8 };
enum { QCOW2_COMPAT_LAZY = 1 };
enum { QCOW2_ZLIB = 0, QCOW2_ZSTD = 1 };

/* Bounds of what a header may ask for: bytes. */
#define QCOW2_L1_MAX (32u << 20)
#define QCOW2_REFT_MAX (8u << 20)
#define QCOW2_SNAPSHOTS_MAX 65536u
#define QCOW2_SNAPSHOT_TABLE_MAX (64u << 20)

/* Header fields by offset. */
enum {
    H_MAGIC = 0,
    H_VERSION = 4,
    H_BACKING_OFFSET = 8,
    H_BACKING_SIZE = 16,
    H_CLUSTER_BITS = 20,
    H_SIZE = 24,
    H_CRYPT = 32,
    H_L1_SIZE = 36,
    H_L1_OFFSET = 40,
    H_REFT_OFFSET = 48,
    H_REFT_CLUSTERS = 56,
    H_NSNAPSHOTS = 60,
    H_SNAPSHOTS_OFFSET = 64,
    H_INCOMPATIBLE = 72,
    H_COMPATIBLE = 80,
    H_AUTOCLEAR = 88,
    H_REFCOUNT_ORDER = 96,
    H_LENGTH = 100,
    H_COMPRESSION = 104,
    H_V2_LENGTH = 72,
    H_V3_LENGTH = 104,
};

struct qcow2_l2 { /* one cached L2 table */
    struct list_node lru;
    uint32_t index; /* of its L1 entry */
    bool dirty;
    uint8_t entries[]; /* one cluster, big-endian */
};

struct qcow2_free {
    uint64_t offset, clusters;
};

struct qcow2 {
    struct disk *d;
    unsigned version, cluster_bits, refcount_order;
    uint64_t cs;    /* cluster size */
    unsigned l2_bits, refb_bits; /* entries of a table, of a refcount block: powers of two */
    uint64_t incompatible, compatible, autoclear;
    uint32_t header_length;
    unsigned compression;
    bool has_bitmaps;

    pthread_mutex_t lock;
    pthread_rwlock_t io;

    uint64_t l1_offset, *l1; /* host order */
    uint32_t l1_size;
    bool l1_dirty;
    struct qcow2_l2 **l2; /* by L1 index; NULL: not cached */
    struct list_node l2_lru;
    unsigned n_l2, n_l2_max;
    unsigned n_l2_dirty;

    uint64_t reft_offset, *reft; /* host order */
    uint32_t reft_clusters, reft_entries;
    uint8_t **refb; /* by table index; NULL: not loaded */
    uint8_t *refb_dirty;
    bool reft_dirty, reft_moved, refb_any_dirty;

    struct qcow2_free *frees;
    size_t n_frees, frees_room;
    uint64_t hint;       /* cluster where to look for a free one */
    uint64_t compressed_at; /* where the next compressed cluster may go; 0: nowhere yet */
    bool repairing;      /* allocate behind the end only */

    uint32_t n_snapshots;
    uint64_t snapshots_offset, snapshots_size;

    bool marked_corrupt, features_written;
    uint8_t *unzipped; /* the last compressed cluster that was read */
    uint64_t unzipped_entry; /* its L2 entry; 0: none */
};

static inline struct qcow2 *qcow2_of(const struct disk *d)
{
    return d->priv;
}

static inline uint64_t qcow2_clusters(const struct qcow2 *q, uint64_t bytes)
{
    return (bytes >> q->cluster_bits) + !!(bytes & (q->cs - 1));
}

/* qcow2_header.c */
int qcow2_parse(struct qcow2 *q, struct error *err);
int qcow2_create(struct disk_file *f, const struct disk_create *c, struct error *err);
int qcow2_write_header32(struct qcow2 *q, unsigned at, uint32_t v);
int qcow2_write_header64(struct qcow2 *q, unsigned at, uint64_t v);
int qcow2_write_features(struct qcow2 *q);
/* Metadata make no sense: no more writes, the file is marked. Returns -EIO. */
int qcow2_corrupt(struct qcow2 *q, const char *fmt, ...) printf_like(2, 3);

/* qcow2_alloc.c: lock held. */
int qcow2_ref_get(struct qcow2 *q, uint64_t cluster, uint64_t *v);
int qcow2_ref_set(struct qcow2 *q, uint64_t cluster, uint64_t v);
int qcow2_ref_add(struct qcow2 *q, uint64_t cluster, int delta);
int qcow2_alloc(struct qcow2 *q, uint64_t n, bool fewer, uint64_t *offset, uint64_t *got);
int qcow2_free_later(struct qcow2 *q, uint64_t offset, uint64_t clusters);
int qcow2_free_entry(struct qcow2 *q, uint64_t entry);
int qcow2_flush_locked(struct qcow2 *q);
int qcow2_write_check(struct qcow2 *q, uint64_t offset, uint64_t len);
int qcow2_read_table(struct qcow2 *q, uint64_t offset, uint64_t entries, uint64_t **out);
int qcow2_write_table(struct qcow2 *q, uint64_t offset, const uint64_t *table, uint64_t entries);

/* qcow2_map.c: lock held. */
int qcow2_l2_get(struct qcow2 *q, uint32_t l1_index, struct qcow2_l2 **out); /* NULL: none */
int qcow2_l2_get_for_write(struct qcow2 *q, uint32_t l1_index, struct qcow2_l2 **out);
void qcow2_l2_drop(struct qcow2 *q, struct qcow2_l2 *t);
void qcow2_l2_set(struct qcow2 *q, struct qcow2_l2 *t, uint64_t i, uint64_t entry);
static inline uint64_t qcow2_l2_entry(const struct qcow2_l2 *t, uint64_t i)
{
    return ld_be64(t->entries + 8 * i);
}
/* Entry that maps guest offset `off`; 0 where there is no table. */
int qcow2_entry(struct qcow2 *q, uint64_t off, uint64_t *entry);
static inline bool qcow2_entry_zero(const struct qcow2 *q, uint64_t e)
{
    return q->version >= 3 && !(e & QCOW2_COMPRESSED) && (e & QCOW2_ZERO);
}
/* A compressed cluster's place: bytes. */
void qcow2_compressed_range(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len);

/* qcow2_zip.c */
int qcow2_unzip(struct qcow2 *q, uint64_t entry, uint8_t *out); /* one cluster; lock held */
int qcow2_write_compressed(struct disk *d, uint64_t off, const void *buf, uint64_t len);

/* qcow2_check.c */
int qcow2_check(struct disk *d, struct disk_check *c, bool fix, struct error *err);

/* qcow2_snap.c */
int qcow2_snapshots(struct disk *d, struct disk_snapshot **list, size_t *n, struct error *err);
int qcow2_snapshot_take(struct disk *d, const char *name, struct error *err);
int qcow2_snapshot_delete(struct disk *d, const char *name, struct error *err);
int qcow2_snapshot_apply(struct disk *d, const char *name, struct error *err);
/* Show a snapshot instead of the current state: replaces the L1 table and the size. */
int qcow2_snapshot_view(struct qcow2 *q, const char *name, struct error *err);
/* Each snapshot's L1 table, for the check. */
struct qcow2_snap {
    struct disk_snapshot info;
    uint64_t l1_offset;
    uint32_t l1_size;
    uint8_t *raw; /* the entry as in the file */
    uint32_t raw_len;
};
int qcow2_snap_load(struct qcow2 *q, struct qcow2_snap **list, struct error *err);
void qcow2_snap_free(struct qcow2_snap *list, uint32_t n);

/* qcow2_resize.c */
int qcow2_resize(struct disk *d, uint64_t size, struct error *err);
int qcow2_l1_grow(struct qcow2 *q, uint32_t entries);

/* qcow2_io.c */
int qcow2_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
int qcow2_write(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
int qcow2_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap);
int qcow2_discard(struct disk *d, uint64_t off, uint64_t len);
int qcow2_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status);

#endif
