/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_vsock: socket device [VIRTIO 5.10]: queues to the guest, from the guest, events.
 *
 *   packet   +0 source cid 64   +8 destination cid 64   +16 source port 32   +20 destination port 32
 *            +24 bytes 32   +28 kind 16 (1 stream)   +30 operation 16   +32 flags 32
 *            +36 room of the sender 32   +40 bytes that it has taken 32 (of all, wrapping)
 *
 * Each side may have as many bytes on the way as the other has room: room - (sent - taken). What the
 * guest sends waits in a buffer of the connection until the back end takes it; what goes to the guest
 * waits at the back end. Answers that find no buffer in the guest's queue stay due, as bits.
 *
 * Connections are no part of a saved guest: one that goes on is told by an event that they are gone.
 *
 * Not modelled: datagrams, sequenced packets.
 */
#include "dev/virtio/virtio_vsock.h"

#include "base/endian.h"
#include "base/trace.h"
#include "dev/virtio/virtio.h"

enum { Q_TO_GUEST, Q_FROM_GUEST, Q_EVENT, QUEUES };
enum { OP_REQUEST = 1, OP_RESPONSE, OP_RST, OP_SHUTDOWN, OP_RW, OP_CREDIT_UPDATE, OP_CREDIT_REQUEST };
enum { SHUT_READS = 1, SHUT_SENDS = 2 };
enum { HEADER = 44, STREAM = 1, CID_HOST = 2, RING = 128, STRAYS = 32, PORT_FIRST = 1 << 30 };
enum { DUE_REQUEST = 1, DUE_RESPONSE = 2, DUE_SHUTDOWN = 4, DUE_CREDIT = 8, DUE_RST = 16 };

struct vsock_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
};

struct conn {
    enum vsock_state state;
    uint64_t serial;
    uint32_t guest_port, host_port;
    uint32_t room, taken, sent;  /* the guest's room, what it took, what we sent */
    uint32_t from_guest, told;   /* bytes that the host took, and how many the guest knows of */
    unsigned due, shut;          /* DUE_*; what the guest has shut */
    uint8_t *buf;                /* VSOCK_BUFFER, a ring */
    uint32_t head, len;
};

struct header {
    uint64_t src, dst;
    uint32_t src_port, dst_port, len, flags, room, taken;
    uint16_t kind, op;
};

struct vsock_dev {
    struct virtio v;
    struct vsock_regs regs;
    uint8_t config[8];
    uint32_t cid;
    struct vsock *back;
    struct conn conns[VSOCK_CONNS];
    struct header strays[STRAYS]; /* packets of no connection, that a reset answers */
    unsigned n_strays;
    uint64_t serial;
    uint32_t next_port;
    bool lost; /* the guest has to be told that its connections are gone */
    uint64_t n_opened, n_refused, n_bad, tx_bytes, rx_bytes;
};

static const struct field vsock_fields[] = {
    FIELD_SUB(struct vsock_regs, pci, pci_fields),
    FIELD_SUB(struct vsock_regs, virtio, virtio_fields),
    FIELD_END,
};
static const struct state vsock_state = {"virtio_vsock", 1, sizeof(struct vsock_regs), vsock_fields};

static struct vsock_dev *vsock_of(struct virtio *v)
{
    return container_of(v, struct vsock_dev, v);
}

static void kick(struct vsock_dev *d)
{
    if (d->back)
        d->back->ops->kick(d->back);
}

static void conn_free(struct conn *c)
{
    free(c->buf);
    *c = (struct conn){0};
}

static struct conn *conn_new(struct vsock_dev *d, enum vsock_state state)
{
    for (unsigned i = 0; i < VSOCK_CONNS; i++)
        if (d->conns[i].state == VSOCK_FREE) {
            d->conns[i] = (struct conn){
                .state = state, .serial = ++d->serial, .buf = xcalloc(1, VSOCK_BUFFER)};
            return &d->conns[i];
        }
    return NULL;
}

static struct conn *conn_find(struct vsock_dev *d, uint32_t guest_port, uint32_t host_port)
{
    for (unsigned i = 0; i < VSOCK_CONNS; i++) {
        struct conn *c = &d->conns[i];
        if (c->state != VSOCK_FREE && c->guest_port == guest_port && c->host_port == host_port)
            return c;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------- to the guest */

static void put_header(uint8_t b[HEADER], const struct header *h)
{
    st_le64(b, h->src);
    st_le64(b + 8, h->dst);
    st_le32(b + 16, h->src_port);
    st_le32(b + 20, h->dst_port);
    st_le32(b + 24, h->len);
    st_le16(b + 28, h->kind);
    st_le16(b + 30, h->op);
    st_le32(b + 32, h->flags);
    st_le32(b + 36, h->room);
    st_le32(b + 40, h->taken);
}

/* One packet with what fits of data; false: the guest has no buffer. */
static bool send_packet(struct vsock_dev *d, struct header *h, const uint8_t *data, size_t *len)
{
    struct vq_chain c;
    uint8_t b[HEADER];

    if (!virtio_queue_ready(&d->v, Q_TO_GUEST) || !vq_pop(&d->v, Q_TO_GUEST, &c))
        return false;
    if (c.in_len < HEADER) {
        virtio_broken(&d->v, "vsock: a buffer without room for a header");
        return false;
    }
    *len = (size_t)MIN((uint64_t)*len, c.in_len - HEADER);
    h->len = (uint32_t)*len;
    h->kind = STREAM;
    put_header(b, h);
    vq_write(&d->v, &c, 0, b, sizeof(b));
    vq_write(&d->v, &c, HEADER, data, *len);
    vq_push(&d->v, Q_TO_GUEST, &c, HEADER + *len);
    vq_signal(&d->v, Q_TO_GUEST);
    d->rx_bytes += *len;
    TRACE(vsock_to_guest, "op=%u ports %u -> %u bytes=%zu", h->op, h->src_port, h->dst_port, *len);
    return true;
}

static bool send_conn(struct vsock_dev *d, struct conn *c, unsigned op, unsigned flags,
                      const uint8_t *data, size_t *len)
{
    struct header h = {.src = CID_HOST,
                       .dst = d->cid,
                       .src_port = c->host_port,
                       .dst_port = c->guest_port,
                       .op = (uint16_t)op,
                       .flags = flags,
                       .room = VSOCK_BUFFER,
                       .taken = c->from_guest};

    if (!send_packet(d, &h, data, len))
        return false;
    c->told = c->from_guest;
    c->sent += (uint32_t)*len;
    return true;
}

/* What is due, the most important first; false: no buffer. */
static bool flush_conn(struct vsock_dev *d, struct conn *c)
{
    static const struct {
        unsigned due, op, flags;
    } order[] = {{DUE_RST, OP_RST, 0},
                 {DUE_REQUEST, OP_REQUEST, 0},
                 {DUE_RESPONSE, OP_RESPONSE, 0},
                 {DUE_SHUTDOWN, OP_SHUTDOWN, SHUT_SENDS},
                 {DUE_CREDIT, OP_CREDIT_UPDATE, 0}};

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        size_t none = 0;
        if (!(c->due & order[i].due))
            continue;
        if (!send_conn(d, c, order[i].op, order[i].flags, NULL, &none))
            return false;
        c->due &= ~order[i].due;
        if (order[i].due == DUE_RST) {
            conn_free(c);
            return true;
        }
    }
    return true;
}

static void flush_lost(struct vsock_dev *d)
{
    struct vq_chain c;
    uint8_t id[4] = {0}; /* the transport was reset */

    if (!d->lost || !virtio_queue_ready(&d->v, Q_EVENT) || !vq_pop(&d->v, Q_EVENT, &c))
        return;
    vq_push(&d->v, Q_EVENT, &c, vq_write(&d->v, &c, 0, id, sizeof(id)));
    vq_signal(&d->v, Q_EVENT);
    d->lost = false;
}

static void flush(struct vsock_dev *d)
{
    flush_lost(d);
    while (d->n_strays) {
        const struct header *s = &d->strays[d->n_strays - 1];
        struct header h = {.src = CID_HOST, .dst = d->cid, .src_port = s->dst_port,
                           .dst_port = s->src_port, .op = OP_RST};
        size_t none = 0;
        if (!send_packet(d, &h, NULL, &none))
            return;
        d->n_strays--;
    }
    for (unsigned i = 0; i < VSOCK_CONNS; i++)
        if (d->conns[i].due && !flush_conn(d, &d->conns[i]))
            return;
}

/* ----------------------------------------------------------------------------- from the guest */

static void stray(struct vsock_dev *d, const struct header *h)
{
    if (h->op != OP_RST && d->n_strays < STRAYS)
        d->strays[d->n_strays++] = *h;
}

static void request(struct vsock_dev *d, const struct header *h)
{
    struct conn *c = d->back ? conn_new(d, VSOCK_WANTED) : NULL;

    if (!c) {
        d->n_refused++;
        stray(d, h);
        return;
    }
    c->guest_port = h->src_port;
    c->host_port = h->dst_port;
    c->room = h->room;
    c->taken = h->taken;
}

static void data(struct vsock_dev *d, struct conn *c, const struct vq_chain *chain, uint32_t len)
{
    if (c->state != VSOCK_OPEN || len > VSOCK_BUFFER - c->len || len > chain->out_len - HEADER) {
        d->n_bad++; /* more than it was told that there is room for */
        c->due = DUE_RST;
        return;
    }
    uint32_t at = (c->head + c->len) % VSOCK_BUFFER, first = MIN(len, VSOCK_BUFFER - at);
    vq_read(&d->v, chain, HEADER, c->buf + at, first);
    vq_read(&d->v, chain, HEADER + first, c->buf, len - first);
    c->len += len;
    d->tx_bytes += len;
}

static void take_packet(struct vsock_dev *d, const struct header *h, const struct vq_chain *chain)
{
    struct conn *c = conn_find(d, h->src_port, h->dst_port);

    if (h->kind != STREAM || h->dst != CID_HOST || h->src != d->cid) {
        d->n_bad++;
        stray(d, h);
        return;
    }
    if (!c) {
        if (h->op == OP_REQUEST)
            request(d, h);
        else
            stray(d, h);
        return;
    }
    c->room = h->room;
    c->taken = h->taken;
    switch (h->op) {
    case OP_RESPONSE:
        if (c->state == VSOCK_CALLING) {
            c->state = VSOCK_OPEN;
            d->n_opened++;
        }
        break;
    case OP_RW: data(d, c, chain, h->len); break;
    case OP_SHUTDOWN: c->shut |= h->flags; break;
    case OP_CREDIT_REQUEST: c->due |= DUE_CREDIT; break;
    case OP_CREDIT_UPDATE: break;
    case OP_RST: conn_free(c); break;
    default: /* a request for what is there, or nothing known */
        d->n_bad++;
        c->due = DUE_RST;
        break;
    }
}

static bool get_header(struct vsock_dev *d, const struct vq_chain *c, struct header *h)
{
    uint8_t b[HEADER];

    if (vq_read(&d->v, c, 0, b, sizeof(b)) != sizeof(b))
        return false;
    *h = (struct header){.src = ld_le64(b),
                         .dst = ld_le64(b + 8),
                         .src_port = ld_le32(b + 16),
                         .dst_port = ld_le32(b + 20),
                         .len = ld_le32(b + 24),
                         .kind = ld_le16(b + 28),
                         .op = ld_le16(b + 30),
                         .flags = ld_le32(b + 32),
                         .room = ld_le32(b + 36),
                         .taken = ld_le32(b + 40)};
    TRACE(vsock_from_guest, "op=%u ports %u -> %u bytes=%u", h->op, h->src_port, h->dst_port, h->len);
    return true;
}

static void vsock_notify(struct virtio *v, unsigned qi)
{
    struct vsock_dev *d = vsock_of(v);
    struct vq_chain c;
    unsigned n = 0;

    for (; qi == Q_FROM_GUEST && n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        struct header h;
        if (get_header(d, &c, &h))
            take_packet(d, &h, &c);
        else
            d->n_bad++;
        vq_push(v, qi, &c, 0);
    }
    if (n)
        vq_signal(v, qi);
    flush(d);
    kick(d);
}

static void drop_all(struct vsock_dev *d)
{
    for (unsigned i = 0; i < VSOCK_CONNS; i++)
        conn_free(&d->conns[i]);
    d->n_strays = 0;
    kick(d);
}

static void vsock_quiesce(struct virtio *v, int qi)
{
    if (qi < 0)
        drop_all(vsock_of(v));
}

static const struct virtio_class vsock_class = {
    .id = VIRTIO_ID_VSOCK, .class_code = 0x078000, .notify = vsock_notify, .quiesce = vsock_quiesce};

/* --------------------------------------------------------------------------- for the back end */

static void front_look(void *opaque, unsigned n, struct vsock_look *look)
{
    struct vsock_dev *d = opaque;
    const struct conn *c = &d->conns[n];

    pthread_mutex_lock(&d->v.pci.dev.lock);
    *look = (struct vsock_look){.state = c->due & DUE_RST ? VSOCK_FREE : c->state,
                                .serial = c->serial,
                                .host_port = c->host_port,
                                .waiting = c->len,
                                .sends = !(c->shut & SHUT_SENDS),
                                .reads = !(c->shut & SHUT_READS)};
    pthread_mutex_unlock(&d->v.pci.dev.lock);
}

static int front_call(void *opaque, uint32_t port)
{
    struct vsock_dev *d = opaque;
    int rc = -EAGAIN;

    pthread_mutex_lock(&d->v.pci.dev.lock);
    struct conn *c = virtio_queue_ready(&d->v, Q_TO_GUEST) ? conn_new(d, VSOCK_CALLING) : NULL;
    if (c) {
        do
            c->host_port = PORT_FIRST | d->next_port++;
        while (conn_find(d, port, c->host_port));
        c->guest_port = port;
        c->due = DUE_REQUEST;
        flush(d);
        rc = (int)(c - d->conns);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
    return rc;
}

static void front_answer(void *opaque, unsigned n, bool yes)
{
    struct vsock_dev *d = opaque;
    struct conn *c = &d->conns[n];

    pthread_mutex_lock(&d->v.pci.dev.lock);
    if (c->state == VSOCK_WANTED) {
        c->due |= yes ? DUE_RESPONSE : DUE_RST;
        c->state = VSOCK_OPEN;
        *(yes ? &d->n_opened : &d->n_refused) += 1;
        flush(d);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
}

static size_t front_put(void *opaque, unsigned n, const uint8_t *buf, size_t len)
{
    struct vsock_dev *d = opaque;
    struct conn *c = &d->conns[n];
    size_t done = 0;

    pthread_mutex_lock(&d->v.pci.dev.lock);
    while (done < len && c->state == VSOCK_OPEN && !c->due) {
        uint32_t way = c->sent - c->taken;
        size_t k = MIN(len - done, (size_t)(c->room > way ? c->room - way : 0));
        if (!k || !send_conn(d, c, OP_RW, 0, buf + done, &k) || !k)
            break;
        done += k;
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
    return done;
}

static size_t front_peek(void *opaque, unsigned n, uint8_t *buf, size_t len)
{
    struct vsock_dev *d = opaque;
    const struct conn *c = &d->conns[n];

    pthread_mutex_lock(&d->v.pci.dev.lock);
    len = MIN(len, (size_t)c->len);
    size_t first = MIN(len, (size_t)(VSOCK_BUFFER - c->head));
    if (len) {
        memcpy(buf, c->buf + c->head, first);
        memcpy(buf + first, c->buf, len - first);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
    return len;
}

static void front_take(void *opaque, unsigned n, size_t len)
{
    struct vsock_dev *d = opaque;
    struct conn *c = &d->conns[n];

    pthread_mutex_lock(&d->v.pci.dev.lock);
    len = MIN(len, (size_t)c->len); /* the guest may have ended it meanwhile */
    c->head = (c->head + (uint32_t)len) % VSOCK_BUFFER;
    c->len -= (uint32_t)len;
    c->from_guest += (uint32_t)len;
    if (c->state == VSOCK_OPEN && c->from_guest - c->told >= VSOCK_BUFFER / 2) {
        c->due |= DUE_CREDIT;
        flush(d);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
}

static void front_due(struct vsock_dev *d, unsigned n, unsigned due)
{
    struct conn *c = &d->conns[n];

    pthread_mutex_lock(&d->v.pci.dev.lock);
    if (c->state != VSOCK_FREE) {
        c->due |= due;
        flush(d);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
}

static void front_end(void *opaque, unsigned n)
{
    front_due(opaque, n, DUE_SHUTDOWN);
}

static void front_drop(void *opaque, unsigned n)
{
    front_due(opaque, n, DUE_RST);
}

void virtio_vsock_configure(struct dev *dev, uint32_t cid, struct vsock *back)
{
    struct vsock_dev *d = vsock_of(virtio_of(dev));

    d->cid = cid;
    st_le64(d->config, cid);
    d->back = back;
    if (back)
        back->front = (struct vsock_front){front_look, front_call, front_answer, front_put,
                                           front_peek, front_take, front_end,    front_drop, d};
}

/* -------------------------------------------------------------------------------- the device */

static int vsock_init(struct dev *dev, struct error *err)
{
    struct vsock_dev *d = vsock_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &vsock_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = QUEUES,
                                   .queue_size = RING,
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    virtio_init(&d->v, &s);
    virtio_vsock_configure(dev, 3, NULL);
    return 0;
}

static void vsock_fini(struct dev *dev)
{
    struct vsock_dev *d = vsock_of(virtio_of(dev));

    if (d->back)
        d->back->front = (struct vsock_front){0};
    d->back = NULL;
    drop_all(d);
    virtio_fini(&d->v);
}

static void vsock_reset(struct dev *dev)
{
    virtio_reset(virtio_of(dev));
}

static void vsock_loaded(struct dev *dev)
{
    struct vsock_dev *d = vsock_of(virtio_of(dev));

    virtio_loaded(&d->v);
    drop_all(d);
    d->lost = (d->regs.virtio.status & VIRTIO_DRIVER_OK) != 0;
}

static const struct dev_counter vsock_counters[] = {
    VIRTIO_COUNTERS(struct vsock_dev),
    {"opened", offsetof(struct vsock_dev, n_opened)},
    {"refused", offsetof(struct vsock_dev, n_refused)},
    {"bad_packets", offsetof(struct vsock_dev, n_bad)},
    {"tx_bytes", offsetof(struct vsock_dev, tx_bytes)},
    {"rx_bytes", offsetof(struct vsock_dev, rx_bytes)},
    {0},
};

const struct dev_type virtio_vsock_type = {
    .name = "virtio_vsock",
    .help = "virtio sockets between guest and host",
    .size = sizeof(struct vsock_dev),
    .regs = offsetof(struct vsock_dev, regs),
    .state = &vsock_state,
    .windows = virtio_windows,
    .counters = vsock_counters,
    .init = vsock_init,
    .fini = vsock_fini,
    .reset = vsock_reset,
    .loaded = vsock_loaded,
};
