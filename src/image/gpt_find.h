/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gpt_find: where the root file system of a disk is: the first partition of the type "Linux root" of
 * this host's processor, or else "Linux file system". [UEFI 5.3] [DPS]
 */
#ifndef QUAD_IMAGE_GPT_FIND_H
#define QUAD_IMAGE_GPT_FIND_H

#include "base/base.h"

/* Bytes from the disk's beginning. -ENOENT: no partition table, or none of that type in it. */
[[nodiscard]] int gpt_find_root(int fd, uint64_t *offset, uint64_t *size, struct error *err);

#endif
