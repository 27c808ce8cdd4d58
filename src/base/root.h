/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * root: paths inside a container's root, by descriptor.
 *
 * The image and the container's own processes may change every component while we look. So a path
 * is resolved once, by openat2(RESOLVE_IN_ROOT), to an O_PATH descriptor, and the descriptor is
 * what is used; missing parts are made component by component, each opened as it was made. On
 * kernels without openat2 (before 5.6) the same is done by a walk with O_NOFOLLOW that reads each
 * link itself.
 */
#ifndef QUAD_BASE_ROOT_H
#define QUAD_BASE_ROOT_H

#include "base/sys.h"

/* Open `path` inside `root`. `flags` as open(2); O_CLOEXEC is added. A new descriptor or -errno. */
int root_open(int root, const char *path, int flags);
/* As root_open, refusing a symbolic link in any component (-ELOOP) and mounts below (-EXDEV) when
 * `same_fs`. For what the runtime itself made and no link may replace. */
int root_open_strict(int root, const char *path, int flags, bool same_fs);

/* O_PATH descriptor of the directory `path`, made with `mode` where parts are missing. */
[[nodiscard]] int root_mkdirs(int root, const char *path, unsigned mode, struct error *err);
/* O_PATH descriptor of the file `path`; parent directories and an empty file made where missing. */
[[nodiscard]] int root_mkfile(int root, const char *path, struct error *err);
/* O_PATH descriptor of the directory that holds the last component, made where missing; *last
 * points into heap memory that *keep owns. */
[[nodiscard]] int root_parent(int root, const char *path, char **keep, const char **last,
                              struct error *err);

/* Tests: behave as a kernel without openat2 does. */
extern bool root_no_openat2;

#endif
