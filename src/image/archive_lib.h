/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * archive_lib: libarchive, loaded when an archive is first opened. A guest's process never needs
 * it and does not map it. The functions are called as `ar->read_new()`, named as in archive.h without
 * their "archive_".
 */
#ifndef QUAD_IMAGE_ARCHIVE_LIB_H
#define QUAD_IMAGE_ARCHIVE_LIB_H

#include "base/base.h"

#if HAVE_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>

#define ARCHIVE_FUNCTIONS(F)                                                               \
    F(read_new) F(read_free) F(read_support_filter_gzip) F(read_support_filter_zstd)       \
    F(read_support_filter_xz) F(read_support_filter_bzip2) F(read_support_filter_lz4)      \
    F(read_support_format_tar) F(read_support_format_raw) F(read_support_format_empty)     \
    F(read_open_fd) F(read_next_header) F(read_data_block)                                \
    F(error_string) F(entry_pathname) F(entry_hardlink)            \
    F(entry_symlink) F(entry_filetype) F(entry_perm) F(entry_uid) F(entry_gid)             \
    F(entry_mtime) F(entry_mtime_nsec) F(entry_size) F(entry_xattr_reset) F(entry_xattr_next)

struct archive_lib {
#define F(name) typeof(archive_##name) *name;
    ARCHIVE_FUNCTIONS(F)
#undef F
};

/* The library, or NULL with *err filled. */
const struct archive_lib *archive_lib(struct error *err);
/* Open a tar (or, with `raw`, any file), packed or not. `fd` is borrowed, read from where it is.
 * NULL with *err filled; free with read_free. */
struct archive *archive_open(int fd, bool raw, const char *name, struct error *err);
#endif

#endif
