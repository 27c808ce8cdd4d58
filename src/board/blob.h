/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * blob: a file's bytes in memory. Kept for as long as the guest may be reset.
 */
#ifndef QUAD_BOARD_BLOB_H
#define QUAD_BOARD_BLOB_H

#include "base/base.h"

struct blob {
    uint8_t *data;
    size_t size;
};

/* Read all of `path` (file or pipe), at most `limit` bytes. `what` names it in errors: "kernel",
 * "initrd". */
int blob_read(struct blob *b, const char *what, const char *path, uint64_t limit,
              struct error *err);
void blob_free(struct blob *b);

/* Are [off, off+len) inside? */
static inline bool blob_has(const struct blob *b, uint64_t off, uint64_t len)
{
    return off <= b->size && len <= b->size - off;
}

#endif
