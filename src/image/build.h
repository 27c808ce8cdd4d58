/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * build: makes a bootable disk image of a distribution from its packages, as an ordinary user where
 * the host has user namespaces, without loop devices and without the distribution's boot packages
 * on the host.
 *
 *   partition 1   1 MiB    GRUB's core for BIOS machines
 *             2   16 MiB   EFI system partition with GRUB as /EFI/BOOT/BOOTX64.EFI
 *             3   the rest ext4, root
 *
 * mmdebstrap installs the packages into a tar archive; it is unpacked beside the image (under
 * fakeroot where we are nobody special) and mke2fs fills the file system from there. The kernel and
 * its initial RAM disk are also kept beside the disk, for entering them directly.
 */
#ifndef QUAD_IMAGE_BUILD_H
#define QUAD_IMAGE_BUILD_H

#include "base/base.h"

struct image_build {
    const char *source; /* "debian:12" */
    const char *name;
    const char *mirror;  /* NULL: the distribution's own */
    const char *kernel;  /* "cloud" or "generic" */
    const char *const *packages; /* more of them */
    size_t npackages;
    uint64_t size; /* of the disk, bytes */
    bool cloud_init;
    void (*progress)(void *opaque, const char *what);
    void (*detail)(void *opaque, const char *line); /* what the programs print; may be NULL */
    void *opaque;
    const volatile int *stop; /* non-zero: give up */
};

int image_build(const struct image_build *b, struct error *err);

extern const char image_sources[]; /* "debian:12, debian:13" */

#endif
