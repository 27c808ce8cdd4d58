/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_console: named character channels over PCI (what qemu-guest-agent speaks through).
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_CONSOLE_H
#define QUAD_DEV_VIRTIO_VIRTIO_CONSOLE_H

#include "core/dev.h"

struct chr;

#define VIRTIO_CONSOLE_PORTS 4

extern const struct dev_type virtio_console_type;

/* Port `n` (0..3) is there, is called `name` (borrowed) and talks to chr (borrowed). Before the guest
 * runs. With is_console it is a terminal, hvc0 for the first of them. */
void virtio_console_port(struct dev *dev, unsigned n, const char *name, struct chr *chr,
                         bool is_console);

#endif
