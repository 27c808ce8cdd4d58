/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_rng: entropy device [VIRTIO 5.4]: what the driver hands in comes back full of random bytes
 * from the host's kernel. In deterministic mode they are a function of the machine's seed.
 */
#include "dev/virtio/virtio_rng.h"

#include <sys/random.h>

#include "core/machine.h"
#include "dev/virtio/virtio.h"

#define BYTES_MAX 4096u /* for one request: the driver asks again */

struct rng_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
    uint64_t state; /* deterministic mode */
};

struct rng {
    struct virtio v;
    struct rng_regs regs;
    uint64_t n_bytes;
};

static const struct field rng_fields[] = {
    FIELD_SUB(struct rng_regs, pci, pci_fields),
    FIELD_SUB(struct rng_regs, virtio, virtio_fields),
    FIELD(struct rng_regs, state),
    FIELD_END,
};
static const struct state rng_state = {"virtio_rng", 1, sizeof(struct rng_regs), rng_fields};

static struct rng *rng_of(struct virtio *v)
{
    return container_of(v, struct rng, v);
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static size_t fill(struct rng *r, uint8_t *buf, size_t len)
{
    if (!r->v.pci.dev.machine->deterministic) {
        ssize_t n = getrandom(buf, len, GRND_NONBLOCK);
        return n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < len; i += 8) {
        uint64_t x = next(&r->regs.state);
        memcpy(buf + i, &x, MIN(len - i, sizeof(x)));
    }
    return len;
}

static void rng_notify(struct virtio *v, unsigned qi)
{
    struct rng *r = rng_of(v);
    struct vq_chain c;
    uint8_t buf[BYTES_MAX];

    unsigned n = 0;

    for (; n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        size_t len = fill(r, buf, (size_t)MIN(c.in_len, (uint64_t)sizeof(buf)));
        vq_write(v, &c, 0, buf, len);
        vq_push(v, qi, &c, len);
        r->n_bytes += len;
    }
    if (n)
        vq_signal(v, qi);
}

static const struct virtio_class rng_class = {
    .id = VIRTIO_ID_ENTROPY, .class_code = 0x00ff00, .notify = rng_notify};

static int rng_init(struct dev *dev, struct error *err)
{
    struct rng *r = rng_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &rng_class,
                                   .pci = &r->regs.pci,
                                   .regs = &r->regs.virtio,
                                   .nqueues = 1,
                                   .queue_size = 64};

    (void)err;
    virtio_init(&r->v, &s);
    return 0;
}

static void rng_fini(struct dev *dev)
{
    virtio_fini(virtio_of(dev));
}

static void rng_reset(struct dev *dev)
{
    struct rng *r = rng_of(virtio_of(dev));

    virtio_reset(&r->v);
    r->regs.state = dev->machine->seed;
}

static void rng_loaded(struct dev *dev)
{
    virtio_loaded(virtio_of(dev));
}

static const struct dev_counter rng_counters[] = {
    VIRTIO_COUNTERS(struct rng),
    {"bytes", offsetof(struct rng, n_bytes)},
    {0},
};

const struct dev_type virtio_rng_type = {
    .name = "virtio_rng",
    .help = "virtio entropy source",
    .size = sizeof(struct rng),
    .regs = offsetof(struct rng, regs),
    .state = &rng_state,
    .windows = virtio_windows,
    .counters = rng_counters,
    .init = rng_init,
    .fini = rng_fini,
    .reset = rng_reset,
    .loaded = rng_loaded,
};
