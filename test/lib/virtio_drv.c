/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/virtio_drv.h"

#include "base/endian.h"
#include "dev/pci/q35_host.h"
#include "lib/test.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 0x80, USED = 0x8000 };
enum { C_FEATURE_SELECT = 8, C_FEATURE = 12, C_STATUS = 20, C_QUEUE = 22 };
#define AT_TABLES 0x20000u /* indirect tables, 1 KiB each */

static void on_msi(struct machine *m, uint64_t addr, uint32_t data)
{
    struct drv *d = container_of(m, struct drv, m);

    (void)addr;
    d->n_interrupts[data % ARRAY_LEN(d->n_interrupts)]++;
}

static void config_write(struct drv *d, unsigned off, unsigned size, uint32_t v)
{
    pci_config_write(q35_host_bus(d->host), PCI_DEVFN(2, 0), off, size, v);
}

void drv_init(struct drv *d, const struct dev_type *type)
{
    static const struct arch arch = {.name = "none", .msi_send = on_msi};
    struct error err = {0};

    *d = (struct drv){0};
    machine_init(&d->m, &arch, NULL, true);
    if (mem_add(&d->m.mem, "ram", SLOT_RAM, 0, DRV_RAM, &d->ram, &err) ||
        dev_create(&q35_host_type, "host", &d->m, &d->host, &err) ||
        dev_create(type, type->name, &d->m, &d->dev, &err) ||
        pci_add(q35_host_bus(d->host), d->dev, PCI_DEVFN(2, 0), &err))
        fail_msg("%s", err.text);
}

void drv_fini(struct drv *d)
{
    machine_fini(&d->m);
}

uint32_t drv_read(struct drv *d, uint64_t off, unsigned size)
{
    return (uint32_t)bus_read(&d->m.mmio, DRV_BAR + off, size);
}

void drv_write(struct drv *d, uint64_t off, unsigned size, uint64_t v)
{
    bus_write(&d->m.mmio, DRV_BAR + off, size, v);
}

uint8_t *drv_mem(struct drv *d, uint64_t gpa)
{
    return d->ram->hva + gpa;
}

static void start_queue(struct drv *d, unsigned i, uint16_t size)
{
    struct drv_queue *q = &d->q[i];
    uint64_t at = 0x1000 + 0x6000 * (uint64_t)i;

    *q = (struct drv_queue){.desc = at, .driver = at + 0x4000, .device = at + 0x5000, .size = size,
                            .avail_wrap = true, .used_wrap = true};
    memset(drv_mem(d, at), 0, 0x6000);
    drv_write(d, C_QUEUE, 2, i);
    drv_write(d, 24, 2, size);
    drv_write(d, 26, 2, i + 1);
    for (unsigned k = 0; k < 2; k++) {
        drv_write(d, 32 + 4 * k, 4, q->desc >> 32 * k);
        drv_write(d, 40 + 4 * k, 4, q->driver >> 32 * k);
        drv_write(d, 48 + 4 * k, 4, q->device >> 32 * k);
    }
    drv_write(d, 28, 2, 1);
}

void drv_start(struct drv *d, unsigned n, uint16_t size, uint64_t without)
{
    uint64_t f = 0;

    config_write(d, 0x10, 4, DRV_BAR);
    config_write(d, 0x14, 4, DRV_MSIX);
    config_write(d, 4, 2, 6);
    for (unsigned at = d->dev ? virtio_of(d->dev)->pci.msix_cap : 0, once = 1; once; once = 0)
        config_write(d, at + 2, 2, 0x8000);
    for (unsigned v = 0; v <= n; v++) {
        bus_write(&d->m.mmio, DRV_MSIX + 16 * v, 4, 0xfee00000);
        bus_write(&d->m.mmio, DRV_MSIX + 16 * v + 8, 4, v);
        bus_write(&d->m.mmio, DRV_MSIX + 16 * v + 12, 4, 0);
    }
    drv_write(d, C_STATUS, 1, 0);
    drv_write(d, C_STATUS, 1, 3);
    for (unsigned k = 0; k < 2; k++) {
        drv_write(d, 0, 4, k);
        f |= (uint64_t)drv_read(d, 4, 4) << 32 * k;
    }
    f &= ~without;
    for (unsigned k = 0; k < 2; k++) {
        drv_write(d, C_FEATURE_SELECT, 4, k);
        drv_write(d, C_FEATURE, 4, f >> 32 * k);
    }
    drv_write(d, C_STATUS, 1, 11);
    assert_int_equal(drv_read(d, C_STATUS, 1), 11);
    d->features = f;
    d->packed = f >> VIRTIO_F_RING_PACKED & 1;
    d->indirect = f >> VIRTIO_F_INDIRECT_DESC & 1;
    d->event = f >> VIRTIO_F_EVENT_IDX & 1;
    drv_write(d, 16, 2, 0);
    for (unsigned i = 0; i < n; i++)
        start_queue(d, i, size);
    drv_write(d, C_STATUS, 1, 15);
}

static void put_desc(struct drv *d, uint64_t at, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
    uint8_t *p = drv_mem(d, at);

    st_le64(p, addr);
    st_le32(p + 8, len);
    st_le16(p + 12, a);
    st_le16(p + 14, b);
}

static uint16_t ring_flags(const struct drv_queue *q)
{
    return q->avail_wrap ? AVAIL : USED;
}

static void add_packed(struct drv *d, struct drv_queue *q, const struct drv_buf *b, unsigned n,
                       bool table)
{
    uint16_t first = q->avail, first_flags = 0, id = q->avail;
    uint64_t t = AT_TABLES + 1024 * (uint64_t)(q->avail % 64);

    for (unsigned i = 0; table && i < n; i++)
        put_desc(d, t + 16 * (uint64_t)i, b[i].gpa, b[i].len, 0, b[i].in ? WRITE : 0);
    for (unsigned i = 0; i < (table ? 1 : n); i++) {
        uint16_t flags = ring_flags(q);
        flags |= table ? INDIRECT : (uint16_t)((b[i].in ? WRITE : 0) | (i + 1 < n ? NEXT : 0));
        if (!i)
            first_flags = flags;
        put_desc(d, q->desc + 16 * (uint64_t)q->avail, table ? t : b[i].gpa,
                 table ? 16 * n : b[i].len, id,
                 i ? flags : (uint16_t)(flags ^ AVAIL ^ USED));
        if (++q->avail == q->size) {
            q->avail = 0;
            q->avail_wrap = !q->avail_wrap;
        }
    }
    st_le16(drv_mem(d, q->desc + 16 * (uint64_t)first + 14), first_flags);
}

static void add_split(struct drv *d, struct drv_queue *q, const struct drv_buf *b, unsigned n,
                      bool table)
{
    uint16_t head = q->free_at;
    uint64_t t = AT_TABLES + 1024 * (uint64_t)(head % 64);

    for (unsigned i = 0; i < n; i++) {
        uint16_t flags = (uint16_t)((b[i].in ? WRITE : 0) | (i + 1 < n ? NEXT : 0));
        uint16_t slot = (uint16_t)((head + i) % q->size);
        put_desc(d, table ? t + 16 * (uint64_t)i : q->desc + 16 * (uint64_t)slot, b[i].gpa, b[i].len,
                 flags, (uint16_t)(table ? i + 1 : (slot + 1u) % q->size));
    }
    if (table)
        put_desc(d, q->desc + 16 * (uint64_t)head, t, 16 * n, INDIRECT, 0);
    q->free_at = (uint16_t)((head + (table ? 1 : n)) % q->size);
    st_le16(drv_mem(d, q->driver + 4 + 2 * (uint64_t)(q->avail % q->size)), head);
    st_le16(drv_mem(d, q->driver + 2), ++q->avail);
}

void drv_add(struct drv *d, unsigned qi, const struct drv_buf *b, unsigned n)
{
    bool table = d->indirect && n > 1;

    if (d->packed)
        add_packed(d, &d->q[qi], b, n, table);
    else
        add_split(d, &d->q[qi], b, n, table);
}

void drv_kick(struct drv *d, unsigned qi)
{
    drv_write(d, 0x3000 + 4 * qi, 2, qi);
}

bool drv_used(struct drv *d, unsigned qi, uint16_t *id, uint32_t *len)
{
    struct drv_queue *q = &d->q[qi];

    if (!d->packed) {
        if (ld_le16(drv_mem(d, q->device + 2)) == q->used)
            return false;
        const uint8_t *e = drv_mem(d, q->device + 4 + 8 * (uint64_t)(q->used++ % q->size));
        *id = (uint16_t)ld_le32(e);
        *len = ld_le32(e + 4);
        if (d->event)
            st_le16(drv_mem(d, q->driver + 4 + 2 * (uint64_t)q->size), q->used);
        return true;
    }
    const uint8_t *p = drv_mem(d, q->desc + 16 * (uint64_t)q->used);
    uint16_t flags = ld_le16(p + 14);
    if (!(flags & AVAIL) != !(flags & USED) || !(flags & USED) == q->used_wrap)
        return false;
    *id = ld_le16(p + 12);
    *len = ld_le32(p + 8);
    /* Tests use one chain length at a time in direct packed rings: the caller moves on. */
    return true;
}
