/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * file: small files by descriptor: read whole, write in one call, and the text of numbers.
 *
 * Every function takes a directory descriptor; none follows a path that a container controls (that
 * is root.h). Sizes are bounded by FILE_READ_MAX.
 */
#ifndef QUAD_BASE_FILE_H
#define QUAD_BASE_FILE_H

#include "base/base.h"

#define FILE_READ_MAX (64u << 20)

/* A descriptor that is closed at the end of its scope; or, in a process that ends or executes soon,
 * left to that (every descriptor of ours closes on exec): fd_lazy, set by quad-oci. Only low numbers
 * are left, so that many mounts do not use up the table. */
extern bool fd_lazy;
void fd_drop(const int *fd);
#define auto_fd __attribute__((cleanup(fd_drop)))

/* The file's content, NUL-terminated, in heap memory; *len without the NUL (may be NULL). */
[[nodiscard]] int file_read(int dirfd, const char *path, char **data, size_t *len,
                            struct error *err);
/* As file_read, into a caller's buffer, cut at size - 1; the length, or -errno. */
ssize_t file_read_buf(int dirfd, const char *path, char *buf, size_t size);
/* Open (without creating), write text in one write(2), close: kernel files. 0 or -errno. */
int file_write(int dirfd, const char *path, const char *text);
int file_write_len(int dirfd, const char *path, const void *data, size_t len);
/* Create a file of our own with this content; replaced atomically where it exists. */
[[nodiscard]] int file_replace(int dirfd, const char *name, const void *data, size_t len,
                               struct error *err);
/* Read all of fd to its end into heap memory. */
[[nodiscard]] int file_slurp(int fd, char **data, size_t *len, struct error *err);

/* Strict decimal: digits only, the whole string, at most max. */
bool parse_u64(const char *s, uint64_t max, uint64_t *v);
/* As parse_u64, the file's first line; false where it cannot be read or is no number. */
bool file_read_u64(int dirfd, const char *path, uint64_t *v);

/* "name" is one path component: no '/', not empty, "." or "..". */
bool is_component(const char *name);

#endif
