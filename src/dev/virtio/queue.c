/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * queue: virtqueues, split [VIRTIO 2.7] and packed [VIRTIO 2.8].
 *
 *   descriptor       0 address, 8 length, 12 flags, 14 next     (packed: 12 id, 14 flags)
 *   split, driver    0 flags, 2 index, 4 ring of heads, then used_event
 *   split, device    0 flags, 2 index, 4 ring of {id 32, length 32}, then avail_event
 *   packed, both     0 offset and wrap, 2 flags: when the other side wants to be told
 */
#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/virtio/virtio.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_AT = 2 };
enum { DESC_SIZE = 16 };

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next; /* packed: next is the id */
};

static struct mem *mem_of(const struct virtio *v)
{
    return dev_mem(&v->pci.dev);
}

/* ----------------------------------------------------------------------------- ring memory */

static bool ring_ld16(struct virtio *v, uint64_t gpa, uint16_t *out)
{
    const void *p = mem_ptr(mem_of(v), gpa, 2);

    if (!p || (gpa & 1)) {
        virtio_broken(v, "ring outside memory");
        return false;
    }
    *out = mem_host_ld16(p);
    return true;
}

static bool ring_st16(struct virtio *v, uint64_t gpa, uint16_t value)
{
    void *p = mem_write_begin(mem_of(v), gpa, 2);

    if (!p || (gpa & 1)) {
        virtio_broken(v, "ring outside memory");
        return false;
    }
    mem_host_st16(p, value);
    mem_write_end(mem_of(v), gpa, 2);
    return true;
}

static bool desc_load(struct virtio *v, uint64_t gpa, bool packed, struct desc *d)
{
    uint8_t b[DESC_SIZE];

    if (!mem_read(mem_of(v), gpa, b, sizeof(b))) {
        virtio_broken(v, "descriptor outside memory");
        return false;
    }
    d->addr = ld_le64(b);
    d->len = ld_le32(b + 8);
    d->flags = ld_le16(b + (packed ? 14 : 12));
    d->next = ld_le16(b + (packed ? 12 : 14));
    return true;
}

/* --------------------------------------------------------------------------------- chains */

static bool chain_add(struct virtio *v, struct vq_chain *c, const struct desc *d)
{
    if (c->n_out + c->n_in == VQ_SEGS_MAX) {
        virtio_broken(v, "chain too long");
        return false;
    }
    if (!(d->flags & DESC_WRITE) && c->n_in) {
        virtio_broken(v, "readable descriptor behind a writable one");
        return false;
    }
    c->seg[c->n_out + c->n_in] = (struct vq_seg){d->addr, d->len};
    if (d->flags & DESC_WRITE) {
        c->n_in++;
        c->in_len += d->len;
    } else {
        c->n_out++;
        c->out_len += d->len;
    }
    if (c->in_len + c->out_len > UINT32_MAX) {
        virtio_broken(v, "chain above 4 GiB");
        return false;
    }
    return true;
}

static bool chain_indirect(struct virtio *v, struct vq_chain *c, const struct desc *d, bool packed)
{
    uint32_t n = d->len / DESC_SIZE, i = 0;

    if (!virtio_has(v, VIRTIO_F_INDIRECT_DESC) || d->len % DESC_SIZE || !n ||
        (!packed && (d->flags & DESC_NEXT))) {
        virtio_broken(v, "bad indirect table");
        return false;
    }
    for (uint32_t seen = 0; seen < n; seen++) {
        struct desc e;
        if (!desc_load(v, d->addr + (uint64_t)i * DESC_SIZE, packed, &e))
            return false;
        if (e.flags & DESC_INDIRECT) {
            virtio_broken(v, "indirect table inside another");
            return false;
        }
        if (!chain_add(v, c, &e))
            return false;
        if (!packed && !(e.flags & DESC_NEXT))
            return true;
        i = packed ? i + 1 : e.next;
        if (!packed && i >= n) {
            virtio_broken(v, "indirect descriptor beyond its table");
            return false;
        }
    }
    if (!packed)
        virtio_broken(v, "loop of indirect descriptors");
    return packed;
}

static bool split_chain(struct virtio *v, const struct virtio_queue_regs *q, uint16_t head,
                        struct vq_chain *c)
{
    uint16_t i = head;

    for (unsigned seen = 0; seen < q->size; seen++) {
        struct desc d;
        if (i >= q->size) {
            virtio_broken(v, "descriptor beyond the ring");
            return false;
        }
        if (!desc_load(v, q->desc + (uint64_t)i * DESC_SIZE, false, &d))
            return false;
        if (d.flags & DESC_INDIRECT)
            return chain_indirect(v, c, &d, false);
        if (!chain_add(v, c, &d))
            return false;
        if (!(d.flags & DESC_NEXT))
            return true;
        i = d.next;
    }
    virtio_broken(v, "loop of descriptors");
    return false;
}

static uint64_t avail_event_at(const struct virtio_queue_regs *q)
{
    return q->device + 4 + 8 * (uint64_t)q->size;
}

static bool split_pop(struct virtio *v, struct virtio_queue_regs *q, struct vq_chain *c)
{
    uint16_t idx, head;

    if (!ring_ld16(v, q->driver + 2, &idx))
        return false;
    if (idx == q->last_avail) {
        if (!virtio_has(v, VIRTIO_F_EVENT_IDX))
            return false;
        /* "Tell me about the next one", and look again: it may have come meanwhile. */
        if (!ring_st16(v, avail_event_at(q), q->last_avail))
            return false;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!ring_ld16(v, q->driver + 2, &idx) || idx == q->last_avail)
            return false;
    }
    if ((uint16_t)(idx - q->last_avail) > q->size) {
        virtio_broken(v, "index runs away");
        return false;
    }
    if (!ring_ld16(v, q->driver + 4 + 2 * (uint64_t)(q->last_avail & (q->size - 1)), &head) ||
        !split_chain(v, q, head, c))
        return false;
    c->id = head;
    c->slots = 1;
    q->last_avail++;
    return true;
}

static bool packed_available(uint16_t flags, bool wrap)
{
    return !(flags & DESC_AVAIL) == !wrap && !(flags & DESC_USED) == wrap;
}

static bool packed_pop(struct virtio *v, struct virtio_queue_regs *q, struct vq_chain *c)
{
    uint16_t slot = q->last_avail, flags;
    bool wrap = q->avail_wrap;

    if (!ring_ld16(v, q->desc + slot * (uint64_t)DESC_SIZE + 14, &flags))
        return false;
    if (!packed_available(flags, wrap)) {
        if (!virtio_has(v, VIRTIO_F_EVENT_IDX))
            return false;
        if (!ring_st16(v, q->device, (uint16_t)(slot | wrap << 15)) ||
            !ring_st16(v, q->device + 2, EVENT_AT))
            return false;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!ring_ld16(v, q->desc + slot * (uint64_t)DESC_SIZE + 14, &flags) ||
            !packed_available(flags, wrap))
            return false;
    }
    for (unsigned seen = 0; seen < q->size; seen++) {
        struct desc d;
        if (!desc_load(v, q->desc + slot * (uint64_t)DESC_SIZE, true, &d))
            return false;
        if (++slot == q->size) {
            slot = 0;
            wrap = !wrap;
        }
        bool ok = d.flags & DESC_INDIRECT ? chain_indirect(v, c, &d, true) : chain_add(v, c, &d);
        if (!ok)
            return false;
        if (d.flags & DESC_NEXT)
            continue;
        c->id = d.next;
        c->slots = (uint16_t)(seen + 1);
        q->last_avail = slot;
        q->avail_wrap = wrap;
        return true;
    }
    virtio_broken(v, "loop of descriptors");
    return false;
}

bool vq_pop(struct virtio *v, unsigned qi, struct vq_chain *c)
{
    struct virtio_queue_regs *q = &v->regs->q[qi];

    if (!virtio_queue_ready(v, qi))
        return false;
    c->n_out = c->n_in = 0;
    c->out_len = c->in_len = 0;
    return virtio_has(v, VIRTIO_F_RING_PACKED) ? packed_pop(v, q, c) : split_pop(v, q, c);
}

/* The chain was the last one popped and shall come again. */
void vq_unpop(struct virtio *v, unsigned qi, const struct vq_chain *c)
{
    struct virtio_queue_regs *q = &v->regs->q[qi];

    if (!virtio_has(v, VIRTIO_F_RING_PACKED)) {
        q->last_avail--;
        return;
    }
    if (q->last_avail < c->slots) {
        q->last_avail = (uint16_t)(q->last_avail + q->size);
        q->avail_wrap = !q->avail_wrap;
    }
    q->last_avail = (uint16_t)(q->last_avail - c->slots);
}

/* ------------------------------------------------------------------------------- used ring */

/* Packed: entry in the slot `ahead` places on; its flags are what makes it visible. */
static void packed_put(struct virtio *v, struct virtio_queue_regs *q, const struct vq_chain *c,
                       uint32_t len, unsigned ahead, bool flags_too)
{
    unsigned slot = q->used + ahead;
    bool wrap = q->used_wrap;
    uint8_t b[6];

    if (slot >= q->size) {
        slot -= q->size;
        wrap = !wrap;
    }
    uint64_t at = q->desc + slot * (uint64_t)DESC_SIZE;
    st_le32(b, len);
    st_le16(b + 4, c->id);
    mem_write(mem_of(v), at + 8, b, sizeof(b));
    if (flags_too)
        ring_st16(v, at + 14,
                  (uint16_t)((wrap ? DESC_AVAIL | DESC_USED : 0) | (len ? DESC_WRITE : 0)));
}

/* `ahead`: chains (split) or slots (packed) put before and not yet published. In a packed ring all
 * but the first become visible at once, in the order of the ring, so the driver, who waits for the
 * first, sees none of them before vq_publish(). */
void vq_push_at(struct virtio *v, unsigned qi, const struct vq_chain *c, uint64_t written,
                unsigned ahead)
{
    struct virtio_queue_regs *q = &v->regs->q[qi];
    uint32_t len = (uint32_t)MIN(written, c->in_len);
    uint8_t b[8];

    if (!virtio_queue_ready(v, qi))
        return;
    if (virtio_has(v, VIRTIO_F_RING_PACKED)) {
        packed_put(v, q, c, len, ahead, ahead > 0);
        return;
    }
    st_le32(b, c->id);
    st_le32(b + 4, len);
    if (!mem_write(mem_of(v), q->device + 4 + 8 * (uint64_t)((q->used + ahead) & (q->size - 1)), b,
                   sizeof(b)))
        virtio_broken(v, "used ring outside memory");
}

void vq_publish(struct virtio *v, unsigned qi, unsigned n, unsigned slots)
{
    struct virtio_queue_regs *q = &v->regs->q[qi];

    if (!virtio_queue_ready(v, qi) || !n)
        return;
    if (!virtio_has(v, VIRTIO_F_RING_PACKED)) {
        q->used = (uint16_t)(q->used + n);
        ring_st16(v, q->device + 2, q->used); /* a release: entries first */
        return;
    }
    uint64_t at = q->desc + q->used * (uint64_t)DESC_SIZE;
    uint8_t len[4];
    mem_read(mem_of(v), at + 8, len, sizeof(len));
    ring_st16(v, at + 14,
              (uint16_t)((q->used_wrap ? DESC_AVAIL | DESC_USED : 0) | (ld_le32(len) ? DESC_WRITE : 0)));
    q->used = (uint16_t)(q->used + slots);
    if (q->used >= q->size) {
        q->used = (uint16_t)(q->used - q->size);
        q->used_wrap = !q->used_wrap;
    }
}

void vq_push(struct virtio *v, unsigned qi, const struct vq_chain *c, uint64_t written)
{
    vq_push_at(v, qi, c, written, 0);
    vq_publish(v, qi, 1, c->slots);
}

/* ------------------------------------------------------------------------------ interrupts */

/* [VIRTIO 2.7.7.2]: did `used` pass the driver's event index since the last decision? */
static bool passed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static bool split_wants(struct virtio *v, struct virtio_queue_regs *q)
{
    uint16_t before = q->signalled, x;
    bool valid = q->signalled_valid;

    if (!virtio_has(v, VIRTIO_F_EVENT_IDX))
        return ring_ld16(v, q->driver, &x) && !(x & 1);
    q->signalled = q->used;
    q->signalled_valid = 1;
    return ring_ld16(v, q->driver + 4 + 2 * (uint64_t)q->size, &x) &&
           (!valid || passed(x, q->used, before));
}

static bool packed_wants(struct virtio *v, struct virtio_queue_regs *q)
{
    uint16_t before = q->signalled, flags, at;
    bool valid = q->signalled_valid;

    q->signalled = q->used;
    q->signalled_valid = 1;
    if (!ring_ld16(v, q->driver + 2, &flags) || !ring_ld16(v, q->driver, &at))
        return false;
    if ((flags & 3) != EVENT_AT || !virtio_has(v, VIRTIO_F_EVENT_IDX))
        return (flags & 3) != EVENT_DISABLE;
    uint16_t event = at & 0x7fff;
    if ((at >> 15) != q->used_wrap)
        event = (uint16_t)(event - q->size);
    if (before > q->used)
        before = (uint16_t)(before - q->size);
    return !valid || passed(event, q->used, before);
}

void vq_signal(struct virtio *v, unsigned qi)
{
    struct virtio_queue_regs *q = &v->regs->q[qi];

    if (!virtio_queue_ready(v, qi))
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* our index, then the driver's wish */
    if (!(virtio_has(v, VIRTIO_F_RING_PACKED) ? packed_wants(v, q) : split_wants(v, q)))
        return;
    v->n_interrupts++;
    TRACE(virtio_interrupt, "%s queue %u", v->pci.dev.name, qi);
    if (pci_msix_enabled(&v->pci)) {
        if (q->vector != VIRTIO_NO_VECTOR)
            pci_notify(&v->pci, q->vector);
        return;
    }
    v->regs->isr |= 1;
    pci_intx(&v->pci, true);
}

void vq_reset(struct virtio *v, unsigned qi)
{
    v->regs->q[qi] = (struct virtio_queue_regs){
        .size = v->queue_max[qi], .vector = VIRTIO_NO_VECTOR, .avail_wrap = 1, .used_wrap = 1};
}

/* ----------------------------------------------------------------------------------- bytes */

static uint64_t copy(struct virtio *v, const struct vq_chain *c, bool in, uint64_t off, uint8_t *buf,
                     uint64_t len)
{
    const struct vq_seg *s = c->seg + (in ? c->n_out : 0);
    uint64_t done = 0;

    for (unsigned n = in ? c->n_in : c->n_out; n && done < len; n--, s++) {
        if (off >= s->len) {
            off -= s->len;
            continue;
        }
        uint64_t k = MIN(len - done, s->len - off);
        if (in)
            mem_write(mem_of(v), s->gpa + off, buf + done, k);
        else
            mem_read(mem_of(v), s->gpa + off, buf + done, k);
        done += k;
        off = 0;
    }
    return done;
}

uint64_t vq_read(struct virtio *v, const struct vq_chain *c, uint64_t off, void *buf, uint64_t len)
{
    return copy(v, c, false, off, buf, len);
}

uint64_t vq_write(struct virtio *v, const struct vq_chain *c, uint64_t off, const void *buf,
                  uint64_t len)
{
    return copy(v, c, true, off, (uint8_t *)(uintptr_t)buf, len);
}

/* Memory slots may meet inside a segment: then it becomes two pieces. */
unsigned vq_iov(struct virtio *v, const struct vq_chain *c, bool in, uint64_t off, uint64_t len,
                struct iovec *iov)
{
    const struct vq_seg *s = c->seg + (in ? c->n_out : 0);
    struct mem *mem = mem_of(v);
    unsigned k = 0;

    for (unsigned n = in ? c->n_in : c->n_out; n && len; n--, s++) {
        uint64_t gpa = s->gpa + off, left = off < s->len ? MIN(len, s->len - off) : 0;
        off -= MIN(off, (uint64_t)s->len);
        len -= left;
        while (left) {
            const struct mem_slot *slot = mem_find(mem, gpa);
            if (!slot || k == VQ_IOV_MAX || (in && slot->kind != SLOT_RAM))
                return 0;
            uint64_t there = MIN(left, slot->size - (gpa - slot->gpa));
            iov[k++] = (struct iovec){slot->hva + (gpa - slot->gpa), there};
            gpa += there;
            left -= there;
        }
    }
    return len ? 0 : k;
}

void vq_iov_written(struct virtio *v, const struct vq_chain *c, uint64_t off, uint64_t len)
{
    const struct vq_seg *s = c->seg + c->n_out;
    struct mem *mem = mem_of(v);

    for (unsigned n = c->n_in; n && len; n--, s++) {
        uint64_t gpa = s->gpa + off, left = off < s->len ? MIN(len, s->len - off) : 0;
        off -= MIN(off, (uint64_t)s->len);
        len -= left;
        while (left) {
            const struct mem_slot *slot = mem_find(mem, gpa);
            if (!slot)
                return;
            uint64_t there = MIN(left, slot->size - (gpa - slot->gpa));
            mem_write_end(mem, gpa, there);
            gpa += there;
            left -= there;
        }
    }
}
