/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * launch: from the name of an image to settings that a machine can be made of: the guest's own
 * overlay over the image, its seed, its network with a way in for ssh.
 *
 *     launch_open(&l, &config, err)     before vm_create(); adds to config what --image means
 *     launch_close(&l)                  after the guest has ended; with --rm nothing is left
 *
 * The guest's folder holds: image (its name or file), root.qcow2, seed.img, host_key, known_hosts,
 * ssh_port. A guest that has a disk keeps the image that it began with.
 */
#ifndef QUAD_GUEST_LAUNCH_H
#define QUAD_GUEST_LAUNCH_H

#include "base/base.h"

struct guest_config;

#define LAUNCH_STRINGS 16

struct launch {
    char *strings[LAUNCH_STRINGS]; /* what config borrows */
    unsigned n;
    char *dir;   /* the guest's folder */
    char *image; /* of a guest that was there before */
    bool discard, is_cd;
};

/* A new qcow2 image at `path` over `backing` (format NULL: it is looked at). */
int launch_overlay(const char *path, const char *backing, const char *format, struct error *err);

int launch_open(struct launch *l, struct guest_config *c, struct error *err);
void launch_close(struct launch *l); /* a zeroed record is fine */

#endif
