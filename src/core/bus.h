/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bus: an address space of device windows (I/O ports, memory-mapped registers).
 *
 * A window belongs to its device and stays valid as long as the machine. A device gets the
 * *offset* into its window and a checked size; the bus splits or widens what the device does not
 * take, as an ISA or PCI bridge would. Unclaimed reads give all ones and are counted. The bus
 * takes the device's lock around each call.
 *
 * Look-ups take no lock (they read again when a change ran into them); adding and moving windows
 * takes the bus lock and may be done by a device from inside its own write callback (BARs). A guest
 * may move windows for ever: that allocates nothing. A device may see an access that was on its way
 * to the window's old place, but never an offset outside of the window.
 */
#ifndef QUAD_CORE_BUS_H
#define QUAD_CORE_BUS_H

#include <pthread.h>

#include "base/base.h"

struct dev;

/* size is 1, 2, 4 or 8. Values are little-endian numbers, upper bits zero. */
struct window_ops {
    uint64_t (*read)(struct dev *dev, uint64_t offset, unsigned size);
    void (*write)(struct dev *dev, uint64_t offset, unsigned size, uint64_t value);
    uint8_t min_size, max_size; /* 0 = 1 and 8 */
};

struct window {
    const char *name;
    const struct window_ops *ops;
    struct dev *dev;
    uint64_t base, size;
    int priority; /* higher wins where windows overlap */
    struct bus *bus; /* while on a bus */
};

struct bus_map; /* the windows in the order of look-up */

struct bus {
    const char *name;
    struct bus_map *map; /* atomic */
    pthread_mutex_t lock; /* guards changes */
    struct bus_map *old;  /* outgrown maps, freed with the bus */
    uint64_t unclaimed_reads, unclaimed_writes;
};

void bus_init(struct bus *bus, const char *name);
void bus_fini(struct bus *bus);

void bus_add(struct bus *bus, struct window *w, uint64_t base);
void bus_remove(struct window *w); /* no-op when not on a bus */
void bus_move(struct window *w, uint64_t base);

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned size);
void bus_write(struct bus *bus, uint64_t addr, unsigned size, uint64_t value);
bool bus_claimed(struct bus *bus, uint64_t addr);

#endif
