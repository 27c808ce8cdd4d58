/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * debugcon: a port that takes characters, for firmware's and other early output.
 *
 * Not modelled: nothing; it is a convention of emulators, not a chip.
 */
#include "dev/debugcon.h"

#include "core/chr.h"

#define READBACK 0xe9

struct debugcon_regs {
    uint8_t last;
};

struct debugcon {
    struct dev dev;
    struct debugcon_regs regs;
    struct chr *chr; /* borrowed */
    uint64_t n_bytes;
};

static const struct field debugcon_fields[] = {FIELD(struct debugcon_regs, last), FIELD_END};
static const struct state debugcon_state = {"debugcon", 1, sizeof(struct debugcon_regs),
                                            debugcon_fields};

static uint64_t debugcon_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)dev;
    (void)off;
    (void)size;
    return READBACK;
}

static void debugcon_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct debugcon *d = container_of(dev, struct debugcon, dev);

    (void)off;
    (void)size;
    d->regs.last = (uint8_t)v;
    d->n_bytes++;
    chr_write(d->chr, &d->regs.last, 1);
}

static void debugcon_reset(struct dev *dev)
{
    container_of(dev, struct debugcon, dev)->regs.last = 0;
}

void debugcon_configure(struct dev *dev, struct chr *chr)
{
    container_of(dev, struct debugcon, dev)->chr = chr;
}

static const struct window_ops debugcon_ops = {debugcon_read, debugcon_write, 1, 1};
static const struct dev_window_desc debugcon_windows[] = {{"port", 1, &debugcon_ops}, {0}};
static const struct dev_counter debugcon_counters[] = {
    {"bytes", offsetof(struct debugcon, n_bytes)},
    {0},
};

const struct dev_type debugcon_type = {
    .name = "debugcon",
    .help = "debug output port",
    .size = sizeof(struct debugcon),
    .regs = offsetof(struct debugcon, regs),
    .state = &debugcon_state,
    .windows = debugcon_windows,
    .counters = debugcon_counters,
    .reset = debugcon_reset,
};
