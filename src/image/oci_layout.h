/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * oci_layout: a container image in a directory: an OCI image layout, or what `docker save` writes.
 *
 *   OCI    oci-layout, index.json -> manifest -> config, layers: all named by digest, in blobs/
 *   docker manifest.json -> config, layers: by path; the config names the layers' unpacked digests
 *
 * [OCI image layout] [OCI image manifest] [OCI image config]. Everything in it is looked up inside the
 * directory only, and checked against its digest before it is used.
 */
#ifndef QUAD_IMAGE_OCI_LAYOUT_H
#define QUAD_IMAGE_OCI_LAYOUT_H

#include <jansson.h>

#include "base/base.h"

#define OCI_LAYERS_MAX 512

struct oci_layer {
    char *path;    /* inside the directory */
    char *digest;  /* of the file; NULL: not given */
    char *diff_id; /* of the unpacked archive */
};

struct oci_layout {
    int dir; /* borrowed */
    char *digest; /* of the manifest; NULL for docker's */
    json_t *config;
    struct oci_layer *layers;
    size_t count;
};

/* The architecture's name in images: "amd64"; NULL where there is none. */
const char *oci_host_arch(void);

/* Is this directory one? */
bool oci_layout_is(int dir);
/* `tag`: which one where there are several, or NULL; `arch`: "amd64". */
[[nodiscard]] int oci_layout_read(struct oci_layout *l, int dir, const char *tag, const char *arch,
                                  struct error *err);
void oci_layout_fini(struct oci_layout *l);
/* An open, verified layer; the caller's descriptor. */
[[nodiscard]] int oci_layer_open(const struct oci_layout *l, size_t i, struct error *err);

#endif
