/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio: status, features and the PCI transport [VIRTIO 3.1, 4.1].
 *
 *   BAR 0  0x0000 common configuration   0x1000 ISR   0x2000 device   0x3000 doorbells (4 bytes each)
 *   BAR 1  MSI-X table and pending bits
 *
 * Not modelled: the legacy (0.9) interface and transitional devices, shared memory regions,
 * notification data, the window in config space for reads with side effects (it shows what was there
 * when its address was written).
 */
#include "dev/virtio/virtio.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"

enum { WIN_REGS, WIN_MSIX };
enum { AT_COMMON = 0x0000, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_DOORBELL = 0x3000, BAR_SIZE = 0x4000 };
enum { CAP_VENDOR = 0x09 };
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };

enum { /* common configuration [VIRTIO 4.1.4.3] */
    C_DEVICE_FEATURE_SELECT = 0x00,
    C_DEVICE_FEATURE = 0x04,
    C_DRIVER_FEATURE_SELECT = 0x08,
    C_DRIVER_FEATURE = 0x0c,
    C_CONFIG_VECTOR = 0x10,
    C_NUM_QUEUES = 0x12,
    C_STATUS = 0x14,
    C_GENERATION = 0x15,
    C_QUEUE_SELECT = 0x16,
    C_QUEUE_SIZE = 0x18,
    C_QUEUE_VECTOR = 0x1a,
    C_QUEUE_ENABLE = 0x1c,
    C_QUEUE_NOTIFY_OFF = 0x1e,
    C_QUEUE_DESC = 0x20,
    C_QUEUE_DRIVER = 0x28,
    C_QUEUE_DEVICE = 0x30,
    C_QUEUE_NOTIFY_DATA = 0x38,
    C_QUEUE_RESET = 0x3a,
};

static const struct field queue_fields[] = {
    FIELD(struct virtio_queue_regs, desc),       FIELD(struct virtio_queue_regs, driver),
    FIELD(struct virtio_queue_regs, device),     FIELD(struct virtio_queue_regs, size),
    FIELD(struct virtio_queue_regs, vector),     FIELD(struct virtio_queue_regs, last_avail),
    FIELD(struct virtio_queue_regs, used),       FIELD(struct virtio_queue_regs, signalled),
    FIELD(struct virtio_queue_regs, enable),     FIELD(struct virtio_queue_regs, avail_wrap),
    FIELD(struct virtio_queue_regs, used_wrap),  FIELD(struct virtio_queue_regs, signalled_valid),
    FIELD(struct virtio_queue_regs, unused),     FIELD_END,
};
const struct field virtio_fields[] = {
    FIELD(struct virtio_regs, driver_features),
    FIELD(struct virtio_regs, feature_select),
    FIELD(struct virtio_regs, driver_feature_select),
    FIELD(struct virtio_regs, queue_select),
    FIELD(struct virtio_regs, config_vector),
    FIELD(struct virtio_regs, status),
    FIELD(struct virtio_regs, generation),
    FIELD(struct virtio_regs, isr),
    FIELD(struct virtio_regs, unused),
    FIELD_SUBS(struct virtio_regs, q, queue_fields),
    FIELD_END,
};

/* ------------------------------------------------------------------------------------ status */

bool virtio_queue_ready(const struct virtio *v, unsigned qi)
{
    return qi < v->nqueues && v->regs->q[qi].enable && (v->regs->status & VIRTIO_DRIVER_OK) &&
           !(v->regs->status & VIRTIO_NEEDS_RESET) && pci_bus_master(&v->pci);
}

static void config_interrupt(struct virtio *v)
{
    if (pci_msix_enabled(&v->pci)) {
        if (v->regs->config_vector != VIRTIO_NO_VECTOR)
            pci_notify(&v->pci, v->regs->config_vector);
        return;
    }
    v->regs->isr |= 3;
    pci_intx(&v->pci, true);
}

void virtio_config_changed(struct virtio *v)
{
    v->regs->generation++;
    if (v->regs->status & VIRTIO_DRIVER_OK)
        config_interrupt(v);
}

void virtio_broken(struct virtio *v, const char *what)
{
    TRACE(virtio_broken, "%s: %s", v->pci.dev.name, what);
    if (v->regs->status & VIRTIO_NEEDS_RESET)
        return;
    v->n_broken++;
    v->regs->status |= VIRTIO_NEEDS_RESET;
    if (v->regs->status & VIRTIO_DRIVER_OK)
        config_interrupt(v);
}

/* The device's own part of a reset: everything but PCI. */
static void device_reset(struct virtio *v)
{
    if (v->class->quiesce)
        v->class->quiesce(v, -1);
    *v->regs = (struct virtio_regs){.config_vector = VIRTIO_NO_VECTOR};
    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
        vq_reset(v, i);
    pci_intx(&v->pci, false);
}

static void status_write(struct virtio *v, uint8_t s)
{
    uint8_t old = v->regs->status;
    uint64_t f = v->regs->driver_features;

    TRACE(virtio_status, "%s %#x -> %#x features %#" PRIx64, v->pci.dev.name, old, s, f);
    if (!s) {
        device_reset(v);
        return;
    }
    s |= old & (VIRTIO_NEEDS_RESET | VIRTIO_FAILED);
    if ((s & ~old & VIRTIO_FEATURES_OK) &&
        ((f & ~v->features) || !(f >> VIRTIO_F_VERSION_1 & 1)))
        s &= (uint8_t)~VIRTIO_FEATURES_OK;
    if (!(s & VIRTIO_FEATURES_OK))
        s &= (uint8_t)~VIRTIO_DRIVER_OK;
    v->regs->status = s;
    if ((s & ~old & VIRTIO_DRIVER_OK) && v->class->ready)
        v->class->ready(v);
}

/* -------------------------------------------------------------------------- common configuration */

static struct virtio_queue_regs *selected(struct virtio *v)
{
    return v->regs->queue_select < v->nqueues ? &v->regs->q[v->regs->queue_select] : NULL;
}

static uint32_t queue_read(struct virtio *v, unsigned off)
{
    const struct virtio_queue_regs *q = selected(v);

    if (!q)
        return 0;
    switch (off) {
    case C_QUEUE_SIZE: return q->size;
    case C_QUEUE_VECTOR: return q->vector;
    case C_QUEUE_ENABLE: return q->enable;
    case C_QUEUE_NOTIFY_OFF: return v->regs->queue_select;
    case C_QUEUE_DESC: return (uint32_t)q->desc;
    case C_QUEUE_DESC + 4: return (uint32_t)(q->desc >> 32);
    case C_QUEUE_DRIVER: return (uint32_t)q->driver;
    case C_QUEUE_DRIVER + 4: return (uint32_t)(q->driver >> 32);
    case C_QUEUE_DEVICE: return (uint32_t)q->device;
    case C_QUEUE_DEVICE + 4: return (uint32_t)(q->device >> 32);
    case C_QUEUE_NOTIFY_DATA: return v->regs->queue_select;
    default: return 0; /* also queue_reset: it is over at once */
    }
}

static uint32_t common_read(struct virtio *v, unsigned off)
{
    const struct virtio_regs *r = v->regs;

    switch (off) {
    case C_DEVICE_FEATURE_SELECT: return r->feature_select;
    case C_DEVICE_FEATURE:
        return r->feature_select < 2 ? (uint32_t)(v->features >> 32 * r->feature_select) : 0;
    case C_DRIVER_FEATURE_SELECT: return r->driver_feature_select;
    case C_DRIVER_FEATURE:
        return r->driver_feature_select < 2
                   ? (uint32_t)(r->driver_features >> 32 * r->driver_feature_select)
                   : 0;
    case C_CONFIG_VECTOR: return r->config_vector;
    case C_NUM_QUEUES: return v->nqueues;
    case C_STATUS: return r->status;
    case C_GENERATION: return r->generation;
    case C_QUEUE_SELECT: return r->queue_select;
    default: return queue_read(v, off);
    }
}

static uint16_t vector_of(const struct virtio *v, uint32_t x)
{
    return x < v->pci.msix_vectors ? (uint16_t)x : VIRTIO_NO_VECTOR;
}

static void set_half(uint64_t *to, bool high, uint32_t x)
{
    *to = high ? (*to & UINT32_MAX) | (uint64_t)x << 32 : (*to & ~(uint64_t)UINT32_MAX) | x;
}

static bool size_fits(const struct virtio *v, uint32_t x)
{
    return x && x <= v->queue_max[v->regs->queue_select] &&
           (is_pow2(x) || virtio_has(v, VIRTIO_F_RING_PACKED));
}

static void queue_write(struct virtio *v, unsigned off, uint32_t x)
{
    struct virtio_queue_regs *q = selected(v);

    if (!q)
        return;
    if (off == C_QUEUE_VECTOR) {
        q->vector = vector_of(v, x);
        return;
    }
    if (off == C_QUEUE_RESET && (x & 1) && virtio_has(v, VIRTIO_F_RING_RESET)) {
        if (v->class->quiesce)
            v->class->quiesce(v, v->regs->queue_select);
        vq_reset(v, v->regs->queue_select);
        return;
    }
    if (q->enable)
        return; /* set up once */
    switch (off) {
    case C_QUEUE_SIZE:
        if (size_fits(v, x))
            q->size = (uint16_t)x;
        break;
    case C_QUEUE_ENABLE:
        /* A size of the packed kind must not outlive the feature. */
        q->enable = (x & 1) && size_fits(v, q->size);
        break;
    case C_QUEUE_DESC:
    case C_QUEUE_DESC + 4: set_half(&q->desc, off & 4, x); break;
    case C_QUEUE_DRIVER:
    case C_QUEUE_DRIVER + 4: set_half(&q->driver, off & 4, x); break;
    case C_QUEUE_DEVICE:
    case C_QUEUE_DEVICE + 4: set_half(&q->device, off & 4, x); break;
    default: break;
    }
}

static void common_write(struct virtio *v, unsigned off, uint32_t x)
{
    struct virtio_regs *r = v->regs;

    switch (off) {
    case C_DEVICE_FEATURE_SELECT: r->feature_select = x; break;
    case C_DRIVER_FEATURE_SELECT: r->driver_feature_select = x; break;
    case C_DRIVER_FEATURE:
        if (r->driver_feature_select < 2 && !(r->status & VIRTIO_FEATURES_OK))
            set_half(&r->driver_features, r->driver_feature_select, x);
        break;
    case C_CONFIG_VECTOR: r->config_vector = vector_of(v, x); break;
    case C_STATUS: status_write(v, (uint8_t)x); break;
    case C_QUEUE_SELECT: r->queue_select = (uint16_t)x; break;
    default: queue_write(v, off, x); break;
    }
}

/* ----------------------------------------------------------------------------------- BAR 0 */

static uint64_t device_read(struct virtio *v, uint64_t off, unsigned size)
{
    uint64_t x = 0;

    if (v->class->config_read)
        v->class->config_read(v);
    for (unsigned i = 0; i < size && off + i < v->config_size; i++)
        x |= (uint64_t)v->config[off + i] << 8 * i;
    return x;
}

static void device_write(struct virtio *v, uint64_t off, unsigned size, uint64_t x)
{
    bool any = false;

    for (unsigned i = 0; i < size && off + i < v->config_size; i++, x >>= 8) {
        uint8_t mask = v->class->config_writable ? v->class->config_writable[off + i] : 0;
        uint8_t *b = &v->config[off + i];
        *b = (uint8_t)((*b & ~mask) | (x & mask));
        any = any || mask;
    }
    if (any && v->class->config_written)
        v->class->config_written(v, (unsigned)off, size);
}

static void doorbell(struct virtio *v, uint32_t qi)
{
    TRACE(virtio_notify, "%s queue %u", v->pci.dev.name, qi);
    v->n_notifies++;
    if (virtio_queue_ready(v, qi))
        v->class->notify(v, qi);
}

static uint64_t regs_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct virtio *v = virtio_of(dev);
    uint64_t x = 0;

    if (off >= AT_DOORBELL)
        return 0;
    if (off >= AT_DEVICE)
        return device_read(v, off - AT_DEVICE, size);
    if (off >= AT_ISR) {
        if (off == AT_ISR) {
            x = v->regs->isr;
            v->regs->isr = 0;
            pci_intx(&v->pci, false);
        }
        return x;
    }
    /* Two fields read at once, or a part of a wider one. */
    if (size == 4 && off >= C_CONFIG_VECTOR && off < C_QUEUE_DESC)
        return regs_read(dev, off, 2) | regs_read(dev, off + 2, 2) << 16;
    if (size == 2 && off == C_STATUS)
        return common_read(v, C_STATUS) | common_read(v, C_GENERATION) << 8;
    return common_read(v, (unsigned)off);
}

static void regs_write(struct dev *dev, uint64_t off, unsigned size, uint64_t x)
{
    struct virtio *v = virtio_of(dev);

    if (off >= AT_DOORBELL)
        doorbell(v, size == 1 ? (uint32_t)x : (uint16_t)x);
    else if (off >= AT_DEVICE)
        device_write(v, off - AT_DEVICE, size, x);
    else if (off < AT_ISR)
        common_write(v, (unsigned)off, (uint32_t)x);
}

static const struct window_ops regs_ops = {regs_read, regs_write, 1, 4};
const struct dev_window_desc virtio_windows[] = {
    {"regs", BAR_SIZE, &regs_ops},
    {"msix", PCI_MSIX_WINDOW_SIZE, &pci_msix_window_ops},
    {0},
};

/* -------------------------------------------------------------------------------- PCI function */

static void put_cap(struct virtio *v, uint8_t type, uint32_t at, uint32_t len, unsigned extra)
{
    uint8_t cap = pci_cap(&v->pci, CAP_VENDOR, 16 + extra);
    uint8_t *c = v->pci.reset_config + cap;

    c[2] = (uint8_t)(16 + extra);
    c[3] = type;
    c[4] = 0; /* BAR */
    st_le32(c + 8, at);
    st_le32(c + 12, len);
    if (type == CFG_NOTIFY)
        st_le32(c + 16, 4);
    if (type == CFG_PCI) { /* a window for software that cannot reach memory */
        uint8_t *w = v->pci.wmask + cap;
        w[4] = 0xff;
        st_le32(w + 8, UINT32_MAX);
        st_le32(w + 12, UINT32_MAX);
        st_le32(w + 16, UINT32_MAX);
    }
}

/* [VIRTIO 4.1.4.9]: an access of the length given, at the offset given, through the data field. */
static void pci_window(struct pci_dev *pci, unsigned off, unsigned size)
{
    struct virtio *v = container_of(pci, struct virtio, pci);
    unsigned cap = 0;

    for (unsigned at = pci->regs->config[0x34]; at; at = pci->regs->config[at + 1])
        if (pci->regs->config[at] == CAP_VENDOR && pci->regs->config[at + 3] == CFG_PCI)
            cap = at;
    if (!cap || off + size <= cap + 4 || off >= cap + 20)
        return;
    uint8_t *c = pci->regs->config + cap;
    uint32_t at = ld_le32(c + 8), len = ld_le32(c + 12);
    if (c[4] || (len != 1 && len != 2 && len != 4) || at % len || at > BAR_SIZE - len)
        return;
    if (off >= cap + 16)
        regs_write(&v->pci.dev, at, len, ld_le32(c + 16) & (UINT32_MAX >> (32 - 8 * len)));
    else
        st_le32(c + 16, (uint32_t)regs_read(&v->pci.dev, at, len));
}

void virtio_set_queues(struct virtio *v, unsigned n, uint16_t size)
{
    v->nqueues = MIN(n, (unsigned)VIRTIO_QUEUES_MAX);
    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
        v->queue_max[i] = size;
        vq_reset(v, i);
    }
}

void virtio_leave_out(struct dev *dev, unsigned feature)
{
    virtio_of(dev)->features &= ~BIT64(feature);
}

void virtio_init(struct virtio *v, const struct virtio_setup *s)
{
    const struct pci_id id = {.vendor = 0x1af4,
                              .device = (uint16_t)(0x1040 + s->class->id),
                              .subsystem_vendor = 0x1af4,
                              .subsystem = 0x1100,
                              .class_code = s->class->class_code,
                              .revision = 1,
                              .pin = 1};

    v->class = s->class;
    v->regs = s->regs;
    v->config = s->config;
    v->config_size = s->config_size;
    v->features = s->features | BIT64(VIRTIO_F_INDIRECT_DESC) | BIT64(VIRTIO_F_EVENT_IDX) |
                  BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_F_RING_PACKED) |
                  BIT64(VIRTIO_F_RING_RESET);
    v->regs->config_vector = VIRTIO_NO_VECTOR;
    virtio_set_queues(v, s->nqueues, s->queue_size);
    pci_init(&v->pci, s->pci, &id);
    v->pci.config_written = pci_window;
    pci_bar(&v->pci, 0, PCI_BAR_MEM32, &v->pci.dev.windows[WIN_REGS]);
    pci_bar(&v->pci, 1, PCI_BAR_MEM32, &v->pci.dev.windows[WIN_MSIX]);
    pci_msix(&v->pci, VIRTIO_QUEUES_MAX + 1, 1, 0, PCI_MSIX_WINDOW_PBA);
    put_cap(v, CFG_COMMON, AT_COMMON, 0x40, 0);
    put_cap(v, CFG_ISR, AT_ISR, 4, 0);
    put_cap(v, CFG_DEVICE, AT_DEVICE, MAX(s->config_size, 4u), 0);
    put_cap(v, CFG_NOTIFY, AT_DOORBELL, 4 * VIRTIO_QUEUES_MAX, 4);
    put_cap(v, CFG_PCI, 0, 0, 4);
}

void virtio_fini(struct virtio *v)
{
    pci_fini(&v->pci);
}

void virtio_reset(struct virtio *v)
{
    device_reset(v);
    pci_reset(&v->pci);
}

void virtio_loaded(struct virtio *v)
{
    struct virtio_regs *r = v->regs;

    pci_loaded(&v->pci);
    r->driver_features &= v->features;
    r->config_vector = vector_of(v, r->config_vector);
    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
        struct virtio_queue_regs *q = &r->q[i];
        bool packed = virtio_has(v, VIRTIO_F_RING_PACKED);
        q->vector = vector_of(v, q->vector);
        q->enable &= 1;
        q->avail_wrap &= 1;
        q->used_wrap &= 1;
        q->signalled_valid &= 1;
        if (!q->size || q->size > v->queue_max[i] || (!packed && !is_pow2(q->size))) {
            vq_reset(v, i);
            continue;
        }
        if (packed) {
            q->last_avail %= q->size;
            q->used %= q->size;
            q->signalled %= q->size;
        }
    }
}
