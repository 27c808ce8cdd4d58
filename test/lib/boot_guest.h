/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * boot_guest: real guests for test programs: the stock cloud kernel with our initramfs.
 *
 *     boot_guest_prepare("");             or skips; options of tools/mkinitramfs
 *     boot_guest_config(&c, cpus, "quad.check");
 *     text = boot_guest_console();        what the last guest with that console said; to be freed
 *     boot_guest_digest(vm)               of memory, processors and devices, at the end
 */
#ifndef QUAD_TEST_LIB_BOOT_GUEST_H
#define QUAD_TEST_LIB_BOOT_GUEST_H

#include "config/guest_config.h"

struct vm;

void boot_guest_prepare(const char *mkinitramfs_options);
/* A file in the test's own folder; to be freed. */
char *boot_guest_path(const char *name);
/* 128 MiB, the engine under test, the first serial port into a file. */
void boot_guest_config(struct guest_config *c, unsigned cpus, const char *append);
/* The serial port alone. */
void boot_guest_serial(struct guest_config *c);
char *boot_guest_console(void);
uint64_t boot_guest_digest(struct vm *vm);

#endif
