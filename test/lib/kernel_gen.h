/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kernel_gen: small kernel files of every kind that the loaders know, made by hand: what a test
 * loads, cuts and mutates.
 */
#ifndef QUAD_TEST_LIB_KERNEL_GEN_H
#define QUAD_TEST_LIB_KERNEL_GEN_H

#include "base/base.h"

#define KERNEL_GEN_MAX 16384

enum kernel_gen {
    KERNEL_BZIMAGE,        /* protocol 2.15, 64-bit entry, no payload */
    KERNEL_BZIMAGE_32,     /* without the 64-bit entry, not relocatable */
    KERNEL_PVH,            /* ELF64 with PHYS32_ENTRY */
    KERNEL_VMLINUX,        /* ELF64 whose note says "linux" */
    KERNEL_MULTIBOOT,      /* ELF32 with a multiboot 1 header */
    KERNEL_MULTIBOOT_FLAT, /* addresses in the header */
    KERNEL_MULTIBOOT2,     /* address and entry tags */
    KERNEL_GENS,
};

extern const char *const kernel_gen_names[KERNEL_GENS]; /* the loader type that auto chooses */

/* Fills buf[KERNEL_GEN_MAX]; returns the size. The code is at KERNEL_GEN_AT and starts with
 * KERNEL_GEN_CODE, so that a test finds it in guest memory. */
size_t kernel_gen(enum kernel_gen kind, uint8_t *buf);

/* ELF64 for the Xen PV interface, mapped one to one. */
size_t kernel_gen_xen(uint8_t *buf);

#define KERNEL_GEN_AT 0x1000000u
#define KERNEL_GEN_CODE 0x5a5aa5a5c3f4ebfeu

#endif
