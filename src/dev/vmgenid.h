/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vmgenid: the generation of a virtual machine [VMGENID]: 128 bits that change when the machine goes
 * on from a saved state, so that a system that finds other ones knows that it may not be the only one
 * with its past (random numbers, network addresses). The board tells the system by a general-purpose
 * event; a reset does not change them.
 */
#ifndef QUAD_DEV_VMGENID_H
#define QUAD_DEV_VMGENID_H

#include "core/dev.h"

extern const struct dev_type vmgenid_type;

#define VMGENID_SIZE 16
enum { VMGENID_WIN_ID }; /* a page: the 16 bytes, then zeros */

void vmgenid_set(struct dev *dev, const uint8_t id[VMGENID_SIZE]);

#endif
