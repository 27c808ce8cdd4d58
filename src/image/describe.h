/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * describe: what image.json says of an image.
 */
#ifndef QUAD_IMAGE_DESCRIBE_H
#define QUAD_IMAGE_DESCRIBE_H

#include "base/base.h"

struct image {
    char *dir, *source, *built;
    char *disk, *format;           /* disk: full path; NULL: a root, for zones (import.h) */
    char *rootfs;                  /* full path of the tree, or NULL */
    char *kernel, *initrd, *append; /* full paths; NULL: only its boot loader starts it */
    uint64_t size, on_host;        /* bytes */
};

int image_load(struct image *im, const char *name, struct error *err);
void image_free(struct image *im);

#endif
