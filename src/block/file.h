/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * file: the host file under an image: whole reads and writes, locks, a hook for tests that drop
 * or reorder writes.
 *
 * Reads beyond the end give zeroes. All functions but file_open and file_close may be used by
 * several threads.
 */
#ifndef QUAD_BLOCK_FILE_H
#define QUAD_BLOCK_FILE_H

#include <sys/uio.h>

#include "base/base.h"

struct disk_file;

/* A test's stand-in for the host: every access goes there instead. */
struct disk_file_hook {
    int (*read)(struct disk_file *f, uint64_t off, void *buf, size_t len);
    int (*write)(struct disk_file *f, uint64_t off, const void *buf, size_t len);
    int (*sync)(struct disk_file *f);
    int (*truncate)(struct disk_file *f, uint64_t size);
    uint64_t (*size)(struct disk_file *f);
    void *opaque;
};

struct disk_file {
    int fd; /* owned; -1 with a hook */
    char *path; /* owned */
    bool readonly, block_device;
    uint64_t end; /* of a block device; a file is asked */
    const struct disk_file_hook *hook;
    unsigned locks; /* what is held */
};

int file_open(struct disk_file *f, const char *path, bool readonly, struct error *err);
/* O_EXCL unless `overwrite`. */
int file_create(struct disk_file *f, const char *path, bool overwrite, struct error *err);
void file_close(struct disk_file *f);

/* Locks as QEMU takes them, so that both keep out of each other's images: a writer alone, or any
 * number of readers. EAGAIN with a message that names the file. */
int file_lock(struct disk_file *f, bool write, struct error *err);
/* Others may have it, also where descriptors of the same opening are still held. */
void file_unlock(struct disk_file *f);
/* The same opening, so the same locks; *f stays the caller's. */
int file_dup(struct disk_file *out, const struct disk_file *f, struct error *err);

uint64_t file_size(struct disk_file *f);
int file_truncate(struct disk_file *f, uint64_t size);
int disk_file_read(struct disk_file *f, uint64_t off, void *buf, size_t len);
int disk_file_write(struct disk_file *f, uint64_t off, const void *buf, size_t len);
int file_readv(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n);
int file_writev(struct disk_file *f, uint64_t off, const struct iovec *iov, unsigned n);
int file_sync(struct disk_file *f);
/* Make a hole: -ENOTSUP where the host cannot. */
int file_punch(struct disk_file *f, uint64_t off, uint64_t len);
/* Zeroes, cheaply where the host can; allocated unless `unmap`. */
int file_zero(struct disk_file *f, uint64_t off, uint64_t len, bool unmap);

#endif
