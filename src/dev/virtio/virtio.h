/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio: what every virtio device shares [VIRTIO 2, 4.1]: feature negotiation, status, virtqueues
 * (split and packed), the modern PCI transport.
 *
 * A device's struct starts with `struct virtio v`, its saved record with
 * `struct pci_regs pci; struct virtio_regs virtio`. Its init calls virtio_init(); its reset, loaded
 * and fini hooks call virtio_reset(), virtio_loaded(), virtio_fini() first.
 *
 *     static void foo_notify(struct virtio *v, unsigned qi)      the driver put something in queue qi
 *     {
 *         struct vq_chain c;
 *         while (vq_pop(v, qi, &c)) {
 *             ... vq_read(v, &c, 0, buf, n) ... vq_write(v, &c, 0, buf, n);
 *             vq_push(v, qi, &c, n);
 *         }
 *         vq_signal(v, qi);
 *     }
 *
 * Everything runs with dev->lock held. A driver that breaks the rules of a ring gets DEVICE_NEEDS_RESET
 * and no more service until it resets the device; nothing that it writes makes us read or write
 * outside guest memory or loop longer than the ring.
 */
#ifndef QUAD_DEV_VIRTIO_VIRTIO_H
#define QUAD_DEV_VIRTIO_VIRTIO_H

#include <sys/uio.h>

#include "base/bits.h"
#include "dev/pci/pci.h"

#define VIRTIO_QUEUES_MAX 20
#define VIRTIO_RING_MAX 1024u
#define VQ_SEGS_MAX 260
#define VQ_IOV_MAX 256

enum { /* device numbers [VIRTIO 5] */
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_VSOCK = 19,
    VIRTIO_ID_MEM = 24,
    VIRTIO_ID_FS = 26,
};

enum { /* feature bits of all devices [VIRTIO 6] */
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_RING_RESET = 40,
};

enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 0x40,
    VIRTIO_FAILED = 0x80,
};

#define VIRTIO_NO_VECTOR 0xffff

struct virtio_queue_regs { /* saved; no padding */
    uint64_t desc, driver, device;
    uint16_t size, vector;
    uint16_t last_avail; /* split: running index; packed: slot */
    uint16_t used;       /* likewise */
    uint16_t signalled;  /* `used` at the last interrupt decision */
    uint8_t enable, avail_wrap, used_wrap, signalled_valid;
    uint16_t unused;
};

struct virtio_regs { /* saved; no padding */
    uint64_t driver_features;
    uint32_t feature_select, driver_feature_select;
    uint16_t queue_select, config_vector;
    uint8_t status, generation, isr, unused;
    struct virtio_queue_regs q[VIRTIO_QUEUES_MAX];
};

extern const struct field virtio_fields[]; /* of struct virtio_regs */

struct virtio;

struct virtio_class { /* what a device is */
    uint16_t id;         /* VIRTIO_ID_* */
    uint32_t class_code; /* PCI */
    void (*notify)(struct virtio *v, unsigned qi);
    void (*ready)(struct virtio *v);                /* the driver set DRIVER_OK; may be NULL */
    /* The device gives back or forgets all that it holds of queue qi, or of all (-1): nothing is
     * written to guest memory for it afterwards. May be NULL. */
    void (*quiesce)(struct virtio *v, int qi);
    void (*config_read)(struct virtio *v);          /* bring v->config up to date; may be NULL */
    void (*config_written)(struct virtio *v, unsigned off, unsigned size); /* may be NULL */
    const uint8_t *config_writable; /* mask as long as config; NULL: nothing is */
};

struct virtio {
    struct pci_dev pci;
    struct virtio_regs *regs;
    const struct virtio_class *class;
    uint64_t features; /* offered */
    unsigned nqueues;
    uint16_t queue_max[VIRTIO_QUEUES_MAX];
    uint8_t *config; /* device-specific configuration, little-endian */
    unsigned config_size;
    uint64_t n_broken, n_notifies, n_interrupts;
};

#define VIRTIO_COUNTERS(type)                                           \
    {"broken_rings", offsetof(type, v.n_broken)},                       \
        {"notifies", offsetof(type, v.n_notifies)}, {"interrupts", offsetof(type, v.n_interrupts)}

struct virtio_setup {
    const struct virtio_class *class;
    struct pci_regs *pci;
    struct virtio_regs *regs;
    unsigned nqueues;
    uint16_t queue_size;
    uint64_t features; /* of the device itself; those of the transport are added */
    uint8_t *config;
    unsigned config_size;
};

/* Windows of every virtio device, for its type's table: registers and MSI-X. */
extern const struct dev_window_desc virtio_windows[];

void virtio_init(struct virtio *v, const struct virtio_setup *s);
void virtio_fini(struct virtio *v);
void virtio_reset(struct virtio *v);
void virtio_loaded(struct virtio *v);
/* Before the guest runs: another number of queues than at init. */
void virtio_set_queues(struct virtio *v, unsigned n, uint16_t size);
/* Likewise: do not offer a feature. */
void virtio_leave_out(struct dev *dev, unsigned feature);

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return v->regs->driver_features >> feature & 1;
}
static inline struct virtio *virtio_of(struct dev *dev)
{
    return container_of(dev, struct virtio, pci.dev);
}
/* The driver may use queue qi now. */
bool virtio_queue_ready(const struct virtio *v, unsigned qi);
/* The device's configuration changed. */
void virtio_config_changed(struct virtio *v);
/* The driver broke the rules. */
void virtio_broken(struct virtio *v, const char *what);

struct vq_seg {
    uint64_t gpa;
    uint32_t len;
};

struct vq_chain {
    uint16_t id, slots; /* what goes into the used ring */
    unsigned n_out, n_in; /* segments: first those that the device reads */
    uint64_t out_len, in_len;
    struct vq_seg seg[VQ_SEGS_MAX];
};

bool vq_pop(struct virtio *v, unsigned qi, struct vq_chain *c); /* false: nothing, or broken */
void vq_push(struct virtio *v, unsigned qi, const struct vq_chain *c, uint64_t written);
/* As vq_push for several chains that become visible at once: put each, then publish. */
void vq_push_at(struct virtio *v, unsigned qi, const struct vq_chain *c, uint64_t written,
                unsigned ahead);
void vq_publish(struct virtio *v, unsigned qi, unsigned n, unsigned slots);
void vq_unpop(struct virtio *v, unsigned qi, const struct vq_chain *c);
void vq_signal(struct virtio *v, unsigned qi); /* interrupt, if the driver wants one */

/* Bytes from `off` of what the device reads / writes; how many were there. */
uint64_t vq_read(struct virtio *v, const struct vq_chain *c, uint64_t off, void *buf, uint64_t len);
uint64_t vq_write(struct virtio *v, const struct vq_chain *c, uint64_t off, const void *buf,
                  uint64_t len);
/* Host addresses of [off, off+len) of one side. 0: a part is no RAM, or too many pieces. */
unsigned vq_iov(struct virtio *v, const struct vq_chain *c, bool in, uint64_t off, uint64_t len,
                struct iovec *iov);
/* After somebody stored through vq_iov(in): record it in the memory map. */
void vq_iov_written(struct virtio *v, const struct vq_chain *c, uint64_t off, uint64_t len);

/* queue.c for the transport */
void vq_reset(struct virtio *v, unsigned qi);

#endif
