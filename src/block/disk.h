/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * disk: a disk image, synchronously: one format driver over one host file, perhaps over a backing
 * image. The asynchronous `struct blk` of block/pool.h runs these functions on its threads.
 *
 *     struct disk *d;
 *     disk_open(&d, &(struct disk_options){.path = "a.qcow2", .formats = registry_disks}, err)
 *     disk_read(d, off, iov, n, len) ... disk_flush(d)      0 or negative errno
 *     disk_close(d)
 *
 * read, write, zero, discard and flush may be called by several threads at once; the rest by one,
 * with nothing else in flight. Offsets and lengths are in bytes; drivers take any alignment and are
 * never called beyond `size`.
 */
#ifndef QUAD_BLOCK_DISK_H
#define QUAD_BLOCK_DISK_H

#include <stdio.h>
#include <sys/uio.h>

#include "base/base.h"
#include "block/file.h"

struct disk;

struct disk_create {
    uint64_t size;
    const char *backing, *backing_format; /* NULL: none */
    uint32_t cluster_size;                /* 0: the format's default */
    bool lazy_refcounts, zstd, compat_v2;
    unsigned refcount_bits; /* 0: 16 */
};

/* What a check found; the first few are also said in words through say(). */
struct disk_check {
    uint64_t corruptions, leaks, errors; /* errors: could not be read */
    uint64_t fixed_corruptions, fixed_leaks;
    uint64_t allocated, total; /* clusters */
    uint64_t compressed;
    void (*say)(void *opaque, const char *text); /* may be NULL */
    void *opaque;
};

struct disk_snapshot {
    char *id, *name;
    uint64_t disk_size, vm_state_size, vm_clock_ns;
    uint32_t date_sec, date_nsec;
};

enum disk_status {
    DISK_ABSENT, /* this image says nothing: the backing image's data, or zeroes without one */
    DISK_ZEROES,
    DISK_DATA,
};

struct disk_format {
    const char *name, *help;
    bool writable;
    /* The first `len` bytes of the file: 0 not this format .. 100 certainly. */
    int (*probe)(const uint8_t *head, size_t len);
    int (*open)(struct disk *d, struct error *err); /* d->file is open; sets size, backing_* */
    void (*close)(struct disk *d);                  /* flushes where writable */
    int (*read)(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
    int (*write)(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
    int (*zero)(struct disk *d, uint64_t off, uint64_t len, bool unmap);
    int (*discard)(struct disk *d, uint64_t off, uint64_t len);
    int (*flush)(struct disk *d);
    /* What `off` holds, and for how many bytes (*len, at least 1) the same is so. */
    int (*status)(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status);
    /* An empty image in an empty file. May be NULL, as what follows. */
    int (*create)(struct disk_file *f, const struct disk_create *c, struct error *err);
    int (*resize)(struct disk *d, uint64_t size, struct error *err);
    int (*check)(struct disk *d, struct disk_check *c, bool fix, struct error *err);
    void (*info)(struct disk *d, FILE *out);
    int (*snapshots)(struct disk *d, struct disk_snapshot **list, size_t *n, struct error *err);
    int (*snapshot_take)(struct disk *d, const char *name, struct error *err);
    int (*snapshot_delete)(struct disk *d, const char *name, struct error *err);
    int (*snapshot_apply)(struct disk *d, const char *name, struct error *err);
    /* Compressed cluster write, for convert; NULL or -ENOTSUP: none. One whole cluster. */
    int (*write_compressed)(struct disk *d, uint64_t off, const void *buf, uint64_t len);
};

struct disk {
    const struct disk_format *format;
    struct disk_file file;
    void *priv;   /* the format's */
    uint64_t size; /* virtual bytes */
    uint32_t cluster_size; /* 0: none */
    bool readonly, probed, checking;
    bool unsafe; /* a flush does not wait for the host's disk */
    struct disk *backing; /* owned */
    char *backing_name, *backing_format; /* as the image says; owned */
    char *snapshot; /* internal snapshot to show instead of the current state; owned */
};

struct disk_options {
    const char *path;
    const char *format; /* NULL: by probing */
    const char *snapshot; /* internal snapshot to read; NULL: none */
    bool readonly;
    bool no_backing; /* look at this file only */
    bool checking;   /* open also what an ordinary open refuses (corrupt, dirty) */
    bool unsafe;
    bool no_lock;
    struct disk_file *file; /* open already, taken over; the path is for messages */
    struct disk_file *backing; /* and its backing images, the nearest first, as far as they are */
    unsigned nbacking;
    const struct disk_format *const *formats; /* ends with NULL */
};

int disk_open(struct disk **out, const struct disk_options *o, struct error *err);
void disk_close(struct disk *d); /* NULL is fine */

/* Its file and those of its backing images once more, to open it again where nothing can be opened by
 * name; at most `max`. The count, or a negative errno. */
int disk_files(const struct disk *d, struct disk_file *out, unsigned max, struct error *err);
#define DISK_CHAIN_MAX 64

const struct disk_format *disk_format_find(const struct disk_format *const *formats,
                                           const char *name);
const struct disk_format *disk_format_probe(const struct disk_format *const *formats,
                                            const uint8_t *head, size_t len);

/* With bounds checked: -EINVAL beyond the end, -EROFS. */
int disk_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
int disk_write(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len);
int disk_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap);
int disk_discard(struct disk *d, uint64_t off, uint64_t len);
int disk_flush(struct disk *d);
int disk_read_buf(struct disk *d, uint64_t off, void *buf, uint64_t len);
int disk_write_buf(struct disk *d, uint64_t off, const void *buf, uint64_t len);

/* For drivers: the backing image's bytes, zeroes beyond its end or without one. */
int disk_read_backing(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n,
                      uint64_t len);

/* Slices of scatter lists: `len` bytes from `skip` of (iov, n) into out[]; returns the count. */
unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
                   struct iovec *out, unsigned max);
void iov_zero(const struct iovec *iov, unsigned n);
void iov_from_buf(const struct iovec *iov, unsigned n, const void *buf, uint64_t len);
void iov_to_buf(const struct iovec *iov, unsigned n, void *buf, uint64_t len);

#define DISK_IOV_MAX 256

#endif
