/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vmgenid: the generation id of a virtual machine, as a page that can only be read.
 *
 * Not modelled: the id as cacheable memory (each access comes here; systems look at it once for each
 * event).
 */
#include "dev/vmgenid.h"

struct vmgenid_regs {
    uint8_t id[VMGENID_SIZE];
};

struct vmgenid {
    struct dev dev;
    struct vmgenid_regs regs;
    uint64_t n_reads;
};

static const struct field vmgenid_fields[] = {FIELD_BYTES(struct vmgenid_regs, id), FIELD_END};
static const struct state vmgenid_state = {"vmgenid", 1, sizeof(struct vmgenid_regs), vmgenid_fields};

static uint64_t vmgenid_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct vmgenid *g = container_of(dev, struct vmgenid, dev);
    uint64_t v = 0;

    g->n_reads++;
    for (unsigned i = 0; i < size && off + i < VMGENID_SIZE; i++)
        v |= (uint64_t)g->regs.id[off + i] << 8 * i;
    return v;
}

static void vmgenid_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    (void)dev;
    (void)off;
    (void)size;
    (void)v;
}

static void vmgenid_reset(struct dev *dev)
{
    (void)dev; /* the same generation */
}

void vmgenid_set(struct dev *dev, const uint8_t id[VMGENID_SIZE])
{
    pthread_mutex_lock(&dev->lock);
    memcpy(container_of(dev, struct vmgenid, dev)->regs.id, id, VMGENID_SIZE);
    pthread_mutex_unlock(&dev->lock);
}

static const struct window_ops vmgenid_ops = {vmgenid_read, vmgenid_write, 1, 8};
static const struct dev_window_desc vmgenid_windows[] = {{"id", 4096, &vmgenid_ops}, {0}};
static const struct dev_counter vmgenid_counters[] = {
    {"reads", offsetof(struct vmgenid, n_reads)},
    {0},
};

const struct dev_type vmgenid_type = {
    .name = "vmgenid",
    .help = "generation of a virtual machine",
    .size = sizeof(struct vmgenid),
    .regs = offsetof(struct vmgenid, regs),
    .state = &vmgenid_state,
    .windows = vmgenid_windows,
    .counters = vmgenid_counters,
    .reset = vmgenid_reset,
    .may_lack = true,
};
