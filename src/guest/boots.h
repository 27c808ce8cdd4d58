/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * boots: how an image that somebody brought starts by itself: as a disk or a CD, by a BIOS or by UEFI.
 * It looks at the first sectors only; an image that says nothing is a disk for a BIOS, as ever.
 */
#ifndef QUAD_GUEST_BOOTS_H
#define QUAD_GUEST_BOOTS_H

#include "base/base.h"

struct disk;

struct boots {
    bool cdrom; /* ISO 9660 [ECMA-119 8] */
    bool uefi;  /* UEFI alone finds something to start */
};

/* Errors of reading only; nonsense in the image is an image that says nothing. */
int boots_look(struct boots *b, struct disk *d, struct error *err);

#endif
