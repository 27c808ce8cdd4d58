/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grub: puts GRUB's first two stages for BIOS machines onto a disk with a GPT [GRUB].
 */
#ifndef QUAD_IMAGE_GRUB_H
#define QUAD_IMAGE_GRUB_H

#include "base/base.h"

/* boot: boot.img, 512 bytes; core: what grub-mkimage made, into the partition at `start` sectors. */
int grub_install(int fd, const void *boot, size_t boot_len, void *core, size_t core_len,
                 uint64_t start, uint64_t sectors, struct error *err);

#endif
