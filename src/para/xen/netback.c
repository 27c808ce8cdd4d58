/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netback: a network card for the guest [XEN io/netif], on the same back ends as every other card.
 * Checksums and TCP segments that the guest leaves to the card are finished by net_gso.
 *
 * Not modelled: multicast control, hash-based queue choice, XDP headroom. Received frames are whole
 * Ethernet frames, never longer ones.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "core/net.h"
#include "dev/virtio/net_gso.h"
#include "para/xen/domain.h"
#include "para/xen/ring.h"
#include "para/xen/xenbus.h"

/* clang-format off */
enum { TX_SIZE = 12, TX_RSP_SIZE = 4, RX_SIZE = 8, RX_RSP_SIZE = 8, QUEUES_MAX = 8 };
enum { TXF_CSUM_BLANK = 1, TXF_DATA_VALIDATED = 2, TXF_MORE = 4, TXF_EXTRA = 8 };
enum { RXF_DATA_VALIDATED = 1, RXF_MORE = 4 };
enum { EXTRA_GSO = 1, EXTRA_MORE = 1, GSO_TCPV4 = 1, GSO_TCPV6 = 2 };
enum { NETIF_OKAY = 0, NETIF_ERROR = -1, NETIF_NULL = 1 };
enum { PIECES_MAX = 24 };
/* clang-format on */

struct queue {
    struct netback *n;
    struct ring tx, rx;
    uint32_t tx_port, rx_port;
    bool broken;
};

struct netback {
    struct xenbus_dev dev;
    struct net *net; /* borrowed */
    uint8_t mac[6];
    pthread_mutex_t lock; /* rings, buf */
    struct queue queue[QUEUES_MAX];
    unsigned nqueues, next;
    bool starved;
    uint8_t buf[NET_FRAME_MAX];
    uint64_t n_tx, n_rx, n_bad;
};

static struct netback *netback_of(struct xenbus_dev *dev)
{
    return container_of(dev, struct netback, dev);
}

/* ---- from the guest ---- */

static void emit(void *opaque, const uint8_t *frame, size_t len)
{
    struct netback *n = opaque;

    net_send(n->net, &(struct iovec){(void *)(uintptr_t)frame, len}, 1);
}

static uint32_t add16(const uint8_t *p, size_t len, uint32_t s)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        s += ld_be16(p + i);
    return s;
}

/* A frame whose TCP or UDP checksum is missing: where it goes, with the pseudo header's sum put there
 * as the card's header expects it. */
static bool find_checksum(uint8_t *f, size_t len, struct net_hdr *h)
{
    size_t ip = 14, l4;
    uint8_t proto;
    uint32_t s;

    if (len < ip + 40)
        return false;
    if (ld_be16(f + 12) == 0x0800) {
        l4 = ip + (f[ip] & 15u) * 4;
        proto = f[ip + 9];
        s = add16(f + ip + 12, 8, 0);
    } else if (ld_be16(f + 12) == 0x86dd) {
        l4 = ip + 40;
        proto = f[ip + 6];
        s = add16(f + ip + 8, 32, 0);
    } else {
        return false;
    }
    size_t at = proto == 6 ? 16 : proto == 17 ? 6 : 0;
    if (!at || l4 < ip + 20 || l4 + at + 2 > len)
        return false;
    s += proto + (uint32_t)(len - l4);
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    st_be16(f + l4 + at, (uint16_t)s);
    h->flags = NET_HDR_NEEDS_CSUM;
    h->csum_start = (uint16_t)l4;
    h->csum_offset = (uint16_t)at;
    return true;
}

static void tx_respond(struct queue *q, uint16_t id, int status)
{
    uint8_t rsp[TX_RSP_SIZE];

    st_le16(rsp, id);
    st_le16(rsp + 2, (uint16_t)status);
    ring_put(&q->tx, rsp, sizeof(rsp));
}

/* Copy one piece behind what is in buf. */
static bool take_piece(struct netback *n, const uint8_t *req, size_t *len, size_t size)
{
    unsigned off = ld_le16(req + 4);
    uint64_t mfn;

    if (off + size > PAGE_SIZE_4K || *len + size > sizeof(n->buf))
        return false;
    const uint8_t *page = grant_map(n->dev.d, 0, ld_le32(req), false, &mfn);
    if (!page)
        return false;
    memcpy(n->buf + *len, page + off, size);
    grant_unmap(n->dev.d, ld_le32(req), false, mfn);
    *len += size;
    return true;
}

struct frame_in {
    uint8_t piece[PIECES_MAX][TX_SIZE];
    unsigned pieces, extras;
    uint8_t gso_type;
    uint16_t gso_size;
};

/* All slots of one frame: the first piece, extra infos, further pieces. False: nonsense. */
static bool read_frame(struct queue *q, const uint8_t *first, struct frame_in *in, bool *bad)
{
    uint8_t raw[TX_SIZE];
    bool extra = ld_le16(first + 6) & TXF_EXTRA, more = ld_le16(first + 6) & TXF_MORE;

    *in = (struct frame_in){.pieces = 1};
    memcpy(in->piece[0], first, TX_SIZE);
    while (extra) {
        if (!ring_get(&q->tx, raw, sizeof(raw), bad))
            return false;
        in->extras++;
        if (raw[0] == EXTRA_GSO) {
            in->gso_size = ld_le16(raw + 2);
            in->gso_type = raw[4] == GSO_TCPV4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
        }
        extra = raw[1] & EXTRA_MORE;
    }
    while (more) {
        if (in->pieces == PIECES_MAX || !ring_get(&q->tx, raw, sizeof(raw), bad))
            return false;
        memcpy(in->piece[in->pieces++], raw, TX_SIZE);
        more = ld_le16(raw + 6) & TXF_MORE;
    }
    return true;
}

static bool send_frame(struct netback *n, const struct frame_in *in)
{
    struct net_hdr h = {.gso_type = in->gso_type, .gso_size = in->gso_size};
    size_t len = 0, total = ld_le16(in->piece[0] + 10), rest = 0;

    /* The first piece's size is the whole frame's. */
    for (unsigned i = 1; i < in->pieces; i++)
        rest += ld_le16(in->piece[i] + 10);
    if (total < rest || total < 14)
        return false;
    for (unsigned i = 0; i < in->pieces; i++)
        if (!take_piece(n, in->piece[i], &len, i ? ld_le16(in->piece[i] + 10) : total - rest))
            return false;
    if ((ld_le16(in->piece[0] + 6) & TXF_CSUM_BLANK) && !h.gso_type &&
        !find_checksum(n->buf, len, &h))
        return false;
    return net_gso(&h, n->buf, len, emit, n);
}

static void transmit(struct queue *q, const uint8_t *first, bool *bad)
{
    struct netback *n = q->n;
    struct frame_in in;

    if (!read_frame(q, first, &in, bad)) {
        *bad = true;
        return;
    }
    bool ok = send_frame(n, &in);
    n->n_tx++;
    n->n_bad += !ok;
    for (unsigned i = 0; i < in.pieces; i++) {
        tx_respond(q, ld_le16(in.piece[i] + 8), ok ? NETIF_OKAY : NETIF_ERROR);
        for (unsigned k = 0; i == 0 && k < in.extras; k++)
            tx_respond(q, 0, NETIF_NULL);
    }
}

static void tx_notified(void *opaque)
{
    struct queue *q = opaque;
    struct netback *n = q->n;
    uint8_t raw[TX_SIZE];
    bool bad = false, notify = false;

    pthread_mutex_lock(&n->lock);
    if (q->tx.npages && !q->broken) {
        uint32_t from = q->tx.rsp_prod;
        do {
            while (!bad && ring_get(&q->tx, raw, sizeof(raw), &bad))
                transmit(q, raw, &bad);
        } while (!bad && ring_sleep(&q->tx));
        if (q->tx.rsp_prod != from)
            notify = ring_push(&q->tx, from);
        if (bad) {
            q->broken = true;
            log_warn("vif %u: the guest's ring makes no sense; it is not served any more",
                     n->dev.id);
        }
    }
    bool accept = n->starved;
    n->starved = false;
    pthread_mutex_unlock(&n->lock);
    if (notify)
        evtchn_raise(n->dev.d, q->tx_port);
    if (accept)
        net_accept(n->net);
}

/* ---- to the guest ---- */

static bool rx_room(struct queue *q, size_t len)
{
    return ring_waiting(&q->rx) >= (len + PAGE_SIZE_4K - 1) / PAGE_SIZE_4K;
}

static void put_frame(struct queue *q, const uint8_t *frame, size_t len)
{
    uint8_t req[RX_SIZE], rsp[RX_RSP_SIZE];
    struct netback *n = q->n;
    bool bad;

    for (size_t at = 0; at < len;) {
        size_t k = MIN(len - at, (size_t)PAGE_SIZE_4K);
        uint64_t mfn;
        if (!ring_get(&q->rx, req, sizeof(req), &bad))
            return;
        uint32_t ref = ld_le32(req + 4);
        uint8_t *page = grant_map(n->dev.d, 0, ref, true, &mfn);
        if (page) {
            memcpy(page, frame + at, k);
            grant_unmap(n->dev.d, ref, true, mfn);
        }
        bool more = at + k < len;
        st_le16(rsp, ld_le16(req));
        st_le16(rsp + 2, 0);
        st_le16(rsp + 4, (uint16_t)((more ? RXF_MORE : 0) |
                                    (n->net->checked && !at ? RXF_DATA_VALIDATED : 0)));
        st_le16(rsp + 6, page ? (uint16_t)k : (uint16_t)NETIF_ERROR);
        ring_put(&q->rx, rsp, sizeof(rsp));
        at += k;
    }
}

/* The back end holds n->lock. */
static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
    struct netback *n = opaque;

    if (!n->nqueues || len < 14 || len > NET_FRAME_MAX)
        return true;
    struct queue *q = &n->queue[n->next++ % n->nqueues];
    for (unsigned i = 0; !rx_room(q, len) && i < n->nqueues; i++)
        q = &n->queue[i];
    if (!rx_room(q, len)) {
        bool more = false;
        for (unsigned i = 0; i < n->nqueues; i++)
            more = ring_sleep(&n->queue[i].rx) || more;
        n->starved = true;
        return false;
    }
    uint32_t from = q->rx.rsp_prod;
    put_frame(q, frame, len);
    n->n_rx++;
    if (ring_push(&q->rx, from))
        evtchn_raise(n->dev.d, q->rx_port);
    return true;
}

static void rx_notified(void *opaque)
{
    struct queue *q = opaque;
    struct netback *n = q->n;

    pthread_mutex_lock(&n->lock);
    bool accept = n->starved;
    n->starved = false;
    pthread_mutex_unlock(&n->lock);
    if (accept)
        net_accept(n->net);
}

/* ---- the device ---- */

static void offer(struct xenbus_dev *dev)
{
    const struct netback *n = netback_of(dev);

    xenbus_put_front(dev, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2],
                     n->mac[3], n->mac[4], n->mac[5]);
    xenbus_put_front(dev, "handle", "%u", dev->id);
    xenbus_put(dev, "handle", "%u", dev->id);
    xenbus_put(dev, "feature-rx-copy", "%d", 1);
    xenbus_put(dev, "feature-rx-flip", "%d", 0);
    xenbus_put(dev, "feature-rx-notify", "%d", 1);
    xenbus_put(dev, "feature-sg", "%d", 1);
    xenbus_put(dev, "feature-gso-tcpv4", "%d", 1);
    xenbus_put(dev, "feature-gso-tcpv6", "%d", 1);
    xenbus_put(dev, "feature-ipv6-csum-offload", "%d", 1);
    xenbus_put(dev, "feature-split-event-channels", "%d", 1);
    xenbus_put(dev, "multi-queue-max-queues", "%u", MIN(dev->d->nvcpus, (unsigned)QUEUES_MAX));
}

static bool get(struct netback *n, const char *prefix, const char *name, uint32_t *out)
{
    char path[64];
    uint64_t value;

    snprintf(path, sizeof(path), "%s%s", prefix, name);
    if (!xenbus_get(&n->dev, path, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool open_queue(struct netback *n, struct queue *q, const char *prefix)
{
    struct xen_domain *d = n->dev.d;
    uint32_t tx, rx;

    *q = (struct queue){.n = n};
    if (!get(n, prefix, "tx-ring-ref", &tx) || !get(n, prefix, "rx-ring-ref", &rx))
        return false;
    if (!get(n, prefix, "event-channel-tx", &q->tx_port) ||
        !get(n, prefix, "event-channel-rx", &q->rx_port)) {
        if (!get(n, prefix, "event-channel", &q->tx_port))
            return false;
        q->rx_port = q->tx_port;
    }
    if (!ring_open(&q->tx, d, &tx, 1, TX_SIZE) || !ring_open(&q->rx, d, &rx, 1, RX_SIZE) ||
        !evtchn_backend_bind(d, q->tx_port, 0, tx_notified, q) ||
        (q->rx_port != q->tx_port && !evtchn_backend_bind(d, q->rx_port, 0, rx_notified, q))) {
        ring_close(&q->tx, d);
        ring_close(&q->rx, d);
        return false;
    }
    return true;
}

static void disconnect(struct xenbus_dev *dev)
{
    struct netback *n = netback_of(dev);

    for (unsigned i = 0; i < n->nqueues; i++) {
        evtchn_backend_unbind(dev->d, n->queue[i].tx_port);
        evtchn_backend_unbind(dev->d, n->queue[i].rx_port);
    }
    pthread_mutex_lock(&n->lock);
    for (unsigned i = 0; i < n->nqueues; i++) {
        ring_close(&n->queue[i].tx, dev->d);
        ring_close(&n->queue[i].rx, dev->d);
    }
    n->nqueues = 0;
    pthread_mutex_unlock(&n->lock);
}

static bool connect(struct xenbus_dev *dev)
{
    struct netback *n = netback_of(dev);
    uint64_t queues = 1, copy = 0;
    char prefix[24] = "";
    unsigned opened = 0;
    bool ok = true;

    if (!xenbus_get(dev, "request-rx-copy", &copy) || !copy)
        return false;
    xenbus_get(dev, "multi-queue-num-queues", &queues);
    if (!queues || queues > QUEUES_MAX)
        return false;
    pthread_mutex_lock(&n->lock);
    for (unsigned i = 0; ok && i < queues; i++) {
        if (queues > 1)
            snprintf(prefix, sizeof(prefix), "queue-%u/", i);
        ok = open_queue(n, &n->queue[i], prefix);
        opened += ok;
    }
    n->nqueues = opened;
    n->starved = false;
    pthread_mutex_unlock(&n->lock);
    if (!ok) {
        disconnect(dev);
        return false;
    }
    for (unsigned i = 0; i < n->nqueues; i++)
        tx_notified(&n->queue[i]);
    net_accept(n->net);
    return true;
}

static void destroy(struct xenbus_dev *dev)
{
    struct netback *n = netback_of(dev);

    pthread_mutex_destroy(&n->lock);
    free(n);
}

static const struct xenbus_class vif = {
    .name = "vif",
    .offer = offer,
    .connect = connect,
    .disconnect = disconnect,
    .destroy = destroy,
    .ready = XENBUS_CONNECTED, /* the front end goes there by itself */
};

void netback_add(struct xen_domain *d, struct net *net, const uint8_t mac[6], unsigned index)
{
    struct netback *n = xcalloc(1, sizeof(*n));

    n->net = net;
    memcpy(n->mac, mac, 6);
    pthread_mutex_init(&n->lock, NULL);
    if (net)
        net->front = (struct net_front){.receive = receive, .opaque = n, .lock = &n->lock};
    xenbus_add(d, &n->dev, &vif, index);
}
