/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * import: a root file system into the image folder, for zones: from a directory, a tar archive of
 * one, an OCI image layout or a `docker save` archive. In the folder it is
 *
 *     images/NAME/rootfs/       the tree, never written again
 *     images/NAME/image.json    {"kind": "root", "source", "built", "os", "architecture", "digest",
 *                                "bytes", "config": {...}}: `config` as in a container image
 *
 * The archive's content is hostile: see unpack.h. Without privileges all files belong to the user.
 */
#ifndef QUAD_IMAGE_IMPORT_H
#define QUAD_IMAGE_IMPORT_H

#include <jansson.h>

#include "base/base.h"

struct image_import {
    const char *source; /* a path */
    const char *name;
    const char *tag;  /* of several images in one archive; or NULL */
    const char *arch; /* "amd64"; NULL: this host's */
};

struct image_import_result {
    uint64_t entries, bytes, devices;
    size_t layers; /* 0: a plain tree */
};

[[nodiscard]] int image_import(const struct image_import *i, struct image_import_result *result,
                               struct error *err);

/* An image of the folder that holds a root: its image.json, and the path of the tree; or the disk, and
 * where on it the root file system is. */
struct image_root {
    char *path; /* NULL: on the disk */
    char *disk;
    uint64_t offset, size;
    json_t *about;
};
/* -ENOENT: there is no such image; -ENOEXEC: its system needs a kernel of its own. */
[[nodiscard]] int image_root_open(struct image_root *r, const char *name, struct error *err);
void image_root_fini(struct image_root *r);

#endif
