/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * smbios: the tables that tell a guest what kind of machine it sits in [SMBIOS 3.0]: types 0, 1, 3,
 * 4, 16, 17, 19, 32, 127, with the 32-bit and the 64-bit entry point.
 */
#ifndef QUAD_BOARD_SMBIOS_H
#define QUAD_BOARD_SMBIOS_H

#include "base/base.h"

struct smbios_config {
    uint64_t ram, low_top;
    unsigned cpus;
    uint8_t uuid[16];    /* in text order */
    const char *version; /* of the board: "pc-1" */
    const char *cpu;     /* model's name */
};

/* Fills buf (to be put at guest-physical `base`, 16-aligned, in 0xf0000..0xfffff). */
int smbios_build(const struct smbios_config *c, uint64_t base, uint8_t *buf, size_t size,
                 size_t *used, struct error *err);

#endif
