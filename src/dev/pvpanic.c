/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pvpanic: the port where a paravirtualized guest reports its panic [PVPANIC].
 *
 *   read: events that are understood    write: bit 0 panicked, bit 1 crash kernel loaded
 *
 * Not modelled: the PCI variant, the shutdown event.
 */
#include "dev/pvpanic.h"

#include "base/trace.h"
#include "core/machine.h"

enum { PANICKED = 1, CRASH_LOADED = 2 };

struct pvpanic_regs {
    uint8_t last;
};

struct pvpanic {
    struct dev dev;
    struct pvpanic_regs regs;
    uint64_t n_panics, n_unknown;
};

static const struct field pvpanic_fields[] = {FIELD(struct pvpanic_regs, last), FIELD_END};
static const struct state pvpanic_state = {"pvpanic", 1, sizeof(struct pvpanic_regs),
                                           pvpanic_fields};

static uint64_t pvpanic_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)dev;
    (void)off;
    (void)size;
    return PVPANIC_EVENTS;
}

static void pvpanic_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct pvpanic *p = container_of(dev, struct pvpanic, dev);

    (void)off;
    (void)size;
    p->regs.last = (uint8_t)v;
    TRACE(pvpanic, "value=%#x", (unsigned)v);
    if (v & PANICKED) {
        p->n_panics++;
        machine_event(dev->machine, EV_PANIC);
    } else if (v & CRASH_LOADED) {
        machine_event(dev->machine, EV_CRASH_LOADED);
    } else {
        p->n_unknown++;
    }
}

static void pvpanic_reset(struct dev *dev)
{
    container_of(dev, struct pvpanic, dev)->regs.last = 0;
}

static const struct window_ops pvpanic_ops = {pvpanic_read, pvpanic_write, 1, 1};
static const struct dev_window_desc pvpanic_windows[] = {{"port", 1, &pvpanic_ops}, {0}};
static const struct dev_counter pvpanic_counters[] = {
    {"panics", offsetof(struct pvpanic, n_panics)},
    {"unknown", offsetof(struct pvpanic, n_unknown)},
    {0},
};

const struct dev_type pvpanic_type = {
    .name = "pvpanic",
    .help = "port where the guest reports its panic",
    .size = sizeof(struct pvpanic),
    .regs = offsetof(struct pvpanic, regs),
    .state = &pvpanic_state,
    .windows = pvpanic_windows,
    .counters = pvpanic_counters,
    .reset = pvpanic_reset,
};
