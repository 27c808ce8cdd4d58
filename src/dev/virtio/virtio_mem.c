/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_mem: memory device [VIRTIO 5.15]: one queue of requests.
 *
 *   request  +0 type 16   +8 first address 64   +16 blocks 16
 *   answer   +0 result 16 +8 state 16 (of a state request)
 *
 *   config   +0 block size  +8 node 16  +16 address  +24 region  +32 usable  +40 plugged  +48 requested
 *
 * The host says how much it wants the guest to have (requested); the driver plugs and unplugs blocks
 * until it has that. Blocks that are unplugged go back to the host at once. A system that starts
 * finds nothing plugged.
 *
 * Not modelled: proximity domains, the promise that unplugged memory cannot be reached (it can, as far
 * as it is usable: reads give zeroes, and writes take the host's memory).
 */
#include "dev/virtio/virtio_mem.h"

#include "base/endian.h"
#include "core/mem.h"
#include "dev/virtio/virtio.h"

enum { K_BLOCK = 0, K_ADDR = 16, K_REGION = 24, K_USABLE = 32, K_PLUGGED = 40, K_REQUESTED = 48, K_SIZE = 56 };
enum { PLUG, UNPLUG, UNPLUG_ALL, STATE };
enum { ACK, NACK, BUSY, ERROR };
enum { IS_PLUGGED, IS_UNPLUGGED, IS_MIXED };
enum { REQUEST = 24, ANSWER = 10, RING = 128, BLOCKS = 4096 };

#define BLOCK_MIN (UINT64_C(2) << 20) /* what Linux plugs at least */

struct vmem_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
    uint64_t requested, usable;
    uint8_t plugged[BLOCKS / 8]; /* bit a block */
};

struct vmem {
    struct virtio v;
    struct vmem_regs regs;
    uint8_t config[K_SIZE];
    uint64_t gpa, region, block;
    uint64_t n_plugged; /* blocks now */
    uint64_t n_plugs, n_unplugs, n_refused;
};

static const struct field vmem_fields[] = {
    FIELD_SUB(struct vmem_regs, pci, pci_fields),
    FIELD_SUB(struct vmem_regs, virtio, virtio_fields),
    FIELD(struct vmem_regs, requested),
    FIELD(struct vmem_regs, usable),
    FIELD_BYTES(struct vmem_regs, plugged),
    FIELD_END,
};
static const struct state vmem_state = {"virtio_mem", 1, sizeof(struct vmem_regs), vmem_fields};

static struct vmem *vmem_of(struct virtio *v)
{
    return container_of(v, struct vmem, v);
}

static bool is_plugged(const struct vmem *d, uint64_t n)
{
    return d->regs.plugged[n / 8] >> n % 8 & 1;
}

static void put_config(struct vmem *d)
{
    st_le64(d->config + K_BLOCK, d->block);
    st_le64(d->config + K_ADDR, d->gpa);
    st_le64(d->config + K_REGION, d->region);
    st_le64(d->config + K_USABLE, d->regs.usable);
    st_le64(d->config + K_PLUGGED, d->n_plugged * d->block);
    st_le64(d->config + K_REQUESTED, d->regs.requested);
}

static void set_block(struct vmem *d, uint64_t n, bool on)
{
    if (on == is_plugged(d, n))
        return;
    d->regs.plugged[n / 8] ^= (uint8_t)(1u << n % 8);
    d->n_plugged += on ? 1 : -UINT64_C(1);
    if (!on)
        mem_discard(dev_mem(&d->v.pci.dev), d->gpa + n * d->block, d->block);
}

static void unplug_all(struct vmem *d)
{
    for (uint64_t n = 0; n < BLOCKS && d->n_plugged; n++)
        set_block(d, n, false);
}

/* How many of the blocks are plugged; false: some are none of the usable region's. */
static bool count(const struct vmem *d, uint64_t addr, unsigned n, uint64_t *first, unsigned *plugged)
{
    uint64_t off = addr - d->gpa;

    if (!n || off % d->block || off >= d->regs.usable || n > (d->regs.usable - off) / d->block)
        return false;
    *first = off / d->block;
    *plugged = 0;
    for (unsigned i = 0; i < n; i++)
        *plugged += is_plugged(d, *first + i);
    return true;
}

static unsigned answer(struct vmem *d, const uint8_t *req, unsigned *is)
{
    unsigned type = ld_le16(req), n = ld_le16(req + 16), had;
    uint64_t first;

    if (type == UNPLUG_ALL) {
        unplug_all(d);
        return ACK;
    }
    if (type > STATE || !count(d, ld_le64(req + 8), n, &first, &had))
        return ERROR;
    if (type == STATE) {
        *is = had == n ? IS_PLUGGED : had ? IS_MIXED : IS_UNPLUGGED;
        return ACK;
    }
    if (had != (type == PLUG ? 0 : n))
        return ERROR;
    if (type == PLUG && (d->n_plugged + n) * d->block > d->regs.requested)
        return NACK;
    for (unsigned i = 0; i < n; i++)
        set_block(d, first + i, type == PLUG);
    *(type == PLUG ? &d->n_plugs : &d->n_unplugs) += n;
    return ACK;
}

static void vmem_notify(struct virtio *v, unsigned qi)
{
    struct vmem *d = vmem_of(v);
    struct vq_chain c;
    unsigned n = 0;

    for (; n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        uint8_t req[REQUEST] = {0}, out[ANSWER] = {0};
        unsigned is = 0, result = ERROR;
        if (vq_read(v, &c, 0, req, sizeof(req)) == sizeof(req))
            result = answer(d, req, &is);
        d->n_refused += result != ACK;
        st_le16(out, (uint16_t)result);
        st_le16(out + 8, (uint16_t)is);
        put_config(d);
        vq_push(v, qi, &c, vq_write(v, &c, 0, out, sizeof(out)));
    }
    if (n)
        vq_signal(v, qi);
}

static const struct virtio_class vmem_class = {
    .id = VIRTIO_ID_MEM, .class_code = 0x00ff00, .notify = vmem_notify};

void virtio_mem_configure(struct dev *dev, uint64_t gpa, uint64_t size)
{
    struct vmem *d = vmem_of(virtio_of(dev));

    d->gpa = gpa;
    d->region = size;
    while (size / d->block > BLOCKS)
        d->block *= 2;
    put_config(d);
}

void virtio_mem_ask(struct dev *dev, uint64_t bytes, uint64_t usable)
{
    struct vmem *d = vmem_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    d->regs.usable = MIN(MAX(usable, d->regs.usable), d->region);
    d->regs.requested = MIN(bytes, d->regs.usable) / d->block * d->block;
    put_config(d);
    virtio_config_changed(&d->v);
    pthread_mutex_unlock(&dev->lock);
}

void virtio_mem_look(struct dev *dev, struct virtio_mem_state *state)
{
    struct vmem *d = vmem_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    *state = (struct virtio_mem_state){.driver = (d->regs.virtio.status & VIRTIO_DRIVER_OK) != 0,
                                       .block = d->block,
                                       .plugged = d->n_plugged * d->block};
    pthread_mutex_unlock(&dev->lock);
}

static int vmem_init(struct dev *dev, struct error *err)
{
    struct vmem *d = vmem_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &vmem_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = 1,
                                   .queue_size = RING,
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    virtio_init(&d->v, &s);
    d->block = BLOCK_MIN;
    put_config(d);
    return 0;
}

static void vmem_fini(struct dev *dev)
{
    virtio_fini(virtio_of(dev));
}

/* Of the machine: a driver's reset of the device takes nothing from the guest. */
static void vmem_reset(struct dev *dev)
{
    struct vmem *d = vmem_of(virtio_of(dev));

    virtio_reset(&d->v);
    unplug_all(d);
    put_config(d);
}

static void vmem_loaded(struct dev *dev)
{
    struct vmem *d = vmem_of(virtio_of(dev));
    struct vmem_regs *r = &d->regs;

    virtio_loaded(&d->v);
    r->usable = MIN(r->usable, d->region) / d->block * d->block;
    r->requested = MIN(r->requested, r->usable) / d->block * d->block;
    d->n_plugged = 0;
    for (uint64_t n = 0; n < BLOCKS; n++) {
        if (n >= r->usable / d->block)
            r->plugged[n / 8] &= (uint8_t) ~(1u << n % 8);
        d->n_plugged += is_plugged(d, n);
    }
    put_config(d);
}

static const struct dev_counter vmem_counters[] = {
    VIRTIO_COUNTERS(struct vmem),
    {"plugged_blocks", offsetof(struct vmem, n_plugged)},
    {"plugs", offsetof(struct vmem, n_plugs)},
    {"unplugs", offsetof(struct vmem, n_unplugs)},
    {"refused", offsetof(struct vmem, n_refused)},
    {0},
};

const struct dev_type virtio_mem_type = {
    .name = "virtio_mem",
    .help = "virtio memory that comes and goes",
    .size = sizeof(struct vmem),
    .regs = offsetof(struct vmem, regs),
    .state = &vmem_state,
    .windows = virtio_windows,
    .counters = vmem_counters,
    .init = vmem_init,
    .fini = vmem_fini,
    .reset = vmem_reset,
    .loaded = vmem_loaded,
};
