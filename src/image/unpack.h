/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * unpack: a tar archive that nobody trusts, into a directory. [OCI image layer]
 *
 * Every name is resolved inside the directory, links followed there only (root.h), so nothing outside
 * can be written, read or linked to. Devices are left out (a zone has its own /dev), as are extended
 * attributes that mean something to the host (trusted.*, user.overlay.*). Sizes are bounded.
 */
#ifndef QUAD_IMAGE_UNPACK_H
#define QUAD_IMAGE_UNPACK_H

#include "base/base.h"

struct unpack_opts {
    bool whiteouts;    /* a layer: ".wh.NAME" removes what layers below had */
    bool owners;       /* set owners and set-id bits (needs privilege) */
    uint64_t max_bytes, max_entries; /* 0: 256 GiB, 8 million */
};

struct unpack_stats {
    uint64_t entries, bytes;
    uint64_t devices; /* left out */
    uint64_t removed; /* by whiteouts */
};

/* `fd`: the archive, packed or not, read from its beginning. `root`: an open directory. */
[[nodiscard]] int unpack_tar(int fd, int root, const char *name, const struct unpack_opts *o,
                             struct unpack_stats *stats, struct error *err);
/* Remove `name` in `dir` with all below it; 0 or -errno; nothing there is no error. */
int unpack_remove(int dir, const char *name);

#endif
