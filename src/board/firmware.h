/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * firmware: the program that a PC starts with when no kernel is given: SeaBIOS or OVMF, as the
 * distribution packages them, found by a search list and read when the guest is made.
 *
 *     firmware_open(&fw, "bios", vars, err)      image (and variables) read
 *     firmware_close(&fw)
 */
#ifndef QUAD_BOARD_FIRMWARE_H
#define QUAD_BOARD_FIRMWARE_H

#include "board/blob.h"

struct firmware {
    const char *kind; /* "bios" or "uefi" */
    char *path;       /* of the image, for messages */
    struct blob image; /* a multiple of 4 KiB; ends at 4 GiB */
    struct blob vars; /* UEFI: variables as delivered; stand below the image */
    struct blob vgabios; /* of the Bochs display; may be empty */
};

/* kind: "bios" or "uefi"; dir: a folder that is looked at first, may be NULL. ENOENT names the
 * package that is missing. */
int firmware_open(struct firmware *fw, const char *kind, const char *dir, struct error *err);
void firmware_close(struct firmware *fw);

#endif
