/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seed: the small volume from which a guest learns its name, keys and settings at first boot: a
 * NoCloud source of cloud-init [NOCLOUD], and the same in plain files for images that we built.
 *
 *     meta-data user-data vendor-data            cloud-init's
 *     quad/hostname quad/authorized_keys quad/host_key quad/users quad/shares quad/command
 */
#ifndef QUAD_IMAGE_SEED_H
#define QUAD_IMAGE_SEED_H

#include "base/base.h"

struct seed {
    const char *instance; /* changes when cloud-init is to run again */
    const char *hostname;
    const char *keys;             /* of root and all users, one a line */
    const char *host_key, *host_public; /* of the ssh server; NULL: it makes its own */
    const char *const *users; /* more users; they may become root by sudo */
    size_t nusers;
    const char *user_data; /* the person's, whole; NULL: none */
    const char *shares;    /* "TAG MOUNTPOINT ro|rw" a line; NULL: none */
};

/* A FAT image at `path`, replaced whole. */
int seed_write(const struct seed *s, const char *path, struct error *err);

#endif
