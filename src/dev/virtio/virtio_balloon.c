/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_balloon: traditional memory balloon [VIRTIO 5.5]: queues inflate, deflate, statistics, free
 * page reporting (they are numbered without gaps, as drivers expect them when hints are not offered).
 *
 * A page that the guest gives, or reports as free, is taken from the host's memory at once: a hole
 * in its file. It reads as zeroes until the guest uses it again, which needs no message. So what the
 * process holds is the truth, whatever a guest says.
 *
 * A driver's statistics buffer is looked at and left in the ring; it is returned when new ones are
 * wanted. Nothing is held between messages.
 *
 * Not modelled: free page hints, page poisoning, MUST_TELL_HOST (a page may be used before its
 * deflate message).
 */
#include "dev/virtio/virtio_balloon.h"

#include "base/endian.h"
#include "core/mem.h"
#include "dev/virtio/virtio.h"

enum { F_STATS_VQ = 1, F_DEFLATE_ON_OOM = 2, F_REPORTING = 5 };
enum { K_NUM_PAGES = 0, K_ACTUAL = 4, K_SIZE = 8 };
enum { Q_INFLATE, Q_DEFLATE, Q_STATS, Q_REPORTING, QUEUES };
enum { RING = 128, PFNS = 512, STAT = 10 };

struct balloon_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
    uint64_t stats[BALLOON_STATS];
    uint64_t reported;
    uint32_t num_pages, actual;
};

struct balloon {
    struct virtio v;
    struct balloon_regs regs;
    uint8_t config[K_SIZE];
    uint64_t n_inflated, n_deflated, n_reported, n_refused;
};

static const struct field balloon_fields[] = {
    FIELD_SUB(struct balloon_regs, pci, pci_fields),
    FIELD_SUB(struct balloon_regs, virtio, virtio_fields),
    FIELD_BYTES(struct balloon_regs, stats),
    FIELD(struct balloon_regs, reported),
    FIELD(struct balloon_regs, num_pages),
    FIELD(struct balloon_regs, actual),
    FIELD_END,
};
static const struct state balloon_state = {"virtio_balloon", 1, sizeof(struct balloon_regs),
                                           balloon_fields};

static struct balloon *balloon_of(struct virtio *v)
{
    return container_of(v, struct balloon, v);
}

static void discard(struct balloon *d, uint64_t gpa, uint64_t len)
{
    if (!mem_discard(dev_mem(&d->v.pci.dev), gpa, len))
        d->n_refused++;
}

/* Page numbers; neighbours go together. */
static void inflate(struct balloon *d, const struct vq_chain *c)
{
    uint8_t buf[4 * PFNS];
    uint64_t first = 0, n = 0;

    for (uint64_t off = 0; off < c->out_len && off < (1u << 20);) {
        uint64_t k = vq_read(&d->v, c, off, buf, MIN(c->out_len - off, (uint64_t)sizeof(buf))) & ~3u;
        if (!k)
            break;
        for (uint64_t i = 0; i < k; i += 4) {
            uint64_t pfn = ld_le32(buf + i);
            d->n_inflated++;
            if (n && pfn + 1 == first) {
                first = pfn;
                n++;
            } else if (n && pfn == first + n) {
                n++;
            } else {
                if (n)
                    discard(d, first << PAGE_SHIFT_4K, n << PAGE_SHIFT_4K);
                first = pfn;
                n = 1;
            }
        }
        off += k;
    }
    if (n)
        discard(d, first << PAGE_SHIFT_4K, n << PAGE_SHIFT_4K);
}

/* The buffers themselves are the free memory. */
static void report(struct balloon *d, const struct vq_chain *c)
{
    for (unsigned i = c->n_out; i < c->n_out + c->n_in; i++) {
        d->n_reported += c->seg[i].len;
        d->regs.reported += c->seg[i].len;
        discard(d, c->seg[i].gpa, c->seg[i].len);
    }
}

static void take_stats(struct balloon *d, const struct vq_chain *c)
{
    uint8_t buf[STAT * 32];
    uint64_t n = vq_read(&d->v, c, 0, buf, MIN(c->out_len, (uint64_t)sizeof(buf)));

    for (uint64_t i = 0; i + STAT <= n; i += STAT) {
        unsigned tag = ld_le16(buf + i);
        if (tag < BALLOON_STATS)
            d->regs.stats[tag] = ld_le64(buf + i + 2);
    }
}

static void stats_queue(struct balloon *d)
{
    struct vq_chain c;

    if (!vq_pop(&d->v, Q_STATS, &c))
        return;
    take_stats(d, &c);
    vq_unpop(&d->v, Q_STATS, &c);
}

static void balloon_notify(struct virtio *v, unsigned qi)
{
    struct balloon *d = balloon_of(v);
    struct vq_chain c;
    unsigned n = 0;

    if (qi == Q_STATS) {
        stats_queue(d);
        return;
    }
    for (; n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        if (qi == Q_INFLATE)
            inflate(d, &c);
        else if (qi == Q_DEFLATE)
            d->n_deflated += c.out_len / 4;
        else
            report(d, &c);
        vq_push(v, qi, &c, 0);
    }
    if (n)
        vq_signal(v, qi);
}

static void config_written(struct virtio *v, unsigned off, unsigned size)
{
    struct balloon *d = balloon_of(v);

    (void)off, (void)size;
    d->regs.actual = ld_le32(d->config + K_ACTUAL);
}

static void forget(struct balloon *d)
{
    memset(d->regs.stats, 0xff, sizeof(d->regs.stats));
    d->regs.actual = 0;
    d->regs.reported = 0;
    st_le32(d->config + K_ACTUAL, 0);
}

static void balloon_quiesce(struct virtio *v, int qi)
{
    if (qi < 0)
        forget(balloon_of(v));
}

static const uint8_t writable[K_SIZE] = {
    [K_ACTUAL] = 0xff, [K_ACTUAL + 1] = 0xff, [K_ACTUAL + 2] = 0xff, [K_ACTUAL + 3] = 0xff};

static const struct virtio_class balloon_class = {
    .id = VIRTIO_ID_BALLOON,
    .class_code = 0x00ff00,
    .notify = balloon_notify,
    .quiesce = balloon_quiesce,
    .config_written = config_written,
    .config_writable = writable,
};

void virtio_balloon_ask(struct dev *dev, uint64_t bytes)
{
    struct balloon *d = balloon_of(virtio_of(dev));
    uint32_t pages = (uint32_t)MIN(bytes >> PAGE_SHIFT_4K, UINT64_C(0xffffffff));

    pthread_mutex_lock(&dev->lock);
    if (pages != d->regs.num_pages) {
        d->regs.num_pages = pages;
        st_le32(d->config + K_NUM_PAGES, pages);
        virtio_config_changed(&d->v);
    }
    pthread_mutex_unlock(&dev->lock);
}

void virtio_balloon_look(struct dev *dev, struct balloon_state *state)
{
    struct balloon *d = balloon_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    *state = (struct balloon_state){
        .driver = (d->regs.virtio.status & VIRTIO_DRIVER_OK) != 0,
        .wanted = (uint64_t)d->regs.num_pages << PAGE_SHIFT_4K,
        .given = (uint64_t)d->regs.actual << PAGE_SHIFT_4K,
        .reported = d->regs.reported,
    };
    memcpy(state->stats, d->regs.stats, sizeof(state->stats));
    pthread_mutex_unlock(&dev->lock);
}

void virtio_balloon_poll(struct dev *dev)
{
    struct balloon *d = balloon_of(virtio_of(dev));
    struct vq_chain c;

    pthread_mutex_lock(&dev->lock);
    if (virtio_queue_ready(&d->v, Q_STATS) && vq_pop(&d->v, Q_STATS, &c)) {
        vq_push(&d->v, Q_STATS, &c, 0);
        vq_signal(&d->v, Q_STATS);
    }
    pthread_mutex_unlock(&dev->lock);
}

static int balloon_init(struct dev *dev, struct error *err)
{
    struct balloon *d = balloon_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &balloon_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = QUEUES,
                                   .queue_size = RING,
                                   .features = BIT64(F_STATS_VQ) | BIT64(F_DEFLATE_ON_OOM) |
                                               BIT64(F_REPORTING),
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    virtio_init(&d->v, &s);
    forget(d);
    return 0;
}

static void balloon_fini(struct dev *dev)
{
    virtio_fini(virtio_of(dev));
}

static void balloon_reset(struct dev *dev)
{
    virtio_reset(virtio_of(dev));
}

static void balloon_loaded(struct dev *dev)
{
    struct balloon *d = balloon_of(virtio_of(dev));

    virtio_loaded(&d->v);
    st_le32(d->config + K_NUM_PAGES, d->regs.num_pages);
    st_le32(d->config + K_ACTUAL, d->regs.actual);
}

static const struct dev_counter balloon_counters[] = {
    VIRTIO_COUNTERS(struct balloon),
    {"inflated_pages", offsetof(struct balloon, n_inflated)},
    {"deflated_pages", offsetof(struct balloon, n_deflated)},
    {"reported_bytes", offsetof(struct balloon, n_reported)},
    {"refused_ranges", offsetof(struct balloon, n_refused)},
    {0},
};

const struct dev_type virtio_balloon_type = {
    .name = "virtio_balloon",
    .help = "virtio memory balloon",
    .size = sizeof(struct balloon),
    .regs = offsetof(struct balloon, regs),
    .state = &balloon_state,
    .windows = virtio_windows,
    .counters = balloon_counters,
    .init = balloon_init,
    .fini = balloon_fini,
    .reset = balloon_reset,
    .loaded = balloon_loaded,
};
