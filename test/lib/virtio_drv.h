/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_drv: the driver's side of a virtio device, for tests: a machine with 1 MiB of RAM, the
 * device on a PCI bus, rings of either kind.
 */
#ifndef QUAD_TEST_LIB_VIRTIO_DRV_H
#define QUAD_TEST_LIB_VIRTIO_DRV_H

#include "core/machine.h"
#include "dev/virtio/virtio.h"

#define DRV_RAM (1u << 20)
#define DRV_DATA 0x40000u /* free for the test's buffers */
#define DRV_BAR 0x40000000u
#define DRV_MSIX 0x40010000u

struct drv_queue {
    uint64_t desc, driver, device; /* guest addresses */
    uint16_t size, avail, used, free_at;
    bool avail_wrap, used_wrap;
};

struct drv {
    struct machine m;
    struct dev *dev, *host;
    struct mem_slot *ram;
    bool packed, indirect, event;
    struct drv_queue q[6];
    unsigned n_interrupts[8]; /* by message data */
    uint64_t features; /* accepted */
};

struct drv_buf {
    uint64_t gpa;
    uint32_t len;
    bool in;
};

/* Device made and on the bus; the test configures it, then drv_start(). */
void drv_init(struct drv *d, const struct dev_type *type);
void drv_fini(struct drv *d);
/* Negotiate everything offered but what `without` says, set up n queues, DRIVER_OK. */
void drv_start(struct drv *d, unsigned n, uint16_t size, uint64_t without);
uint32_t drv_read(struct drv *d, uint64_t off, unsigned size);
void drv_write(struct drv *d, uint64_t off, unsigned size, uint64_t v);
/* Make a chain available (no doorbell). */
void drv_add(struct drv *d, unsigned qi, const struct drv_buf *b, unsigned n);
void drv_kick(struct drv *d, unsigned qi);
/* The next used chain: false: none. */
bool drv_used(struct drv *d, unsigned qi, uint16_t *id, uint32_t *len);
uint8_t *drv_mem(struct drv *d, uint64_t gpa);

#endif
