/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_net: network card [VIRTIO 5.1].
 *
 *   queues   receive 0, transmit 0, receive 1, ... , control last
 *   header   12 bytes before each frame: flags, gso type, lengths, checksum place, buffers
 *
 * Checksums and TCP segmentation of sent frames are done here (net_gso.c). With several queue pairs
 * a flow's frames arrive where the driver last sent that flow from.
 *
 * Not modelled: receive-side segmentation (long receive frames), RSS, hash reports, standby, speed.
 */
#include "dev/virtio/virtio_net.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "core/net.h"
#include "dev/virtio/net_gso.h"
#include "dev/virtio/virtio.h"

enum { /* features */
    F_CSUM = 0,
    F_GUEST_CSUM = 1,
    F_MAC = 5,
    F_HOST_TSO4 = 11,
    F_HOST_TSO6 = 12,
    F_HOST_ECN = 13,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_VLAN = 19,
    F_MQ = 22,
    F_CTRL_MAC_ADDR = 23,
};
enum { K_MAC = 0, K_STATUS = 6, K_MAX_PAIRS = 8, K_MTU = 10, K_SIZE = 12 };
enum { LINK_UP = 1 };

enum { /* control: class, command */
    CTRL_RX = 0,
    CTRL_MAC = 1,
    CTRL_VLAN = 2,
    CTRL_MQ = 4,
    RX_PROMISC = 0,
    RX_ALLMULTI = 1,
    RX_ALLUNI = 2,
    RX_NOMULTI = 3,
    RX_NOUNI = 4,
    RX_NOBCAST = 5,
    MAC_TABLE = 0,
    MAC_ADDR = 1,
    VLAN_ADD = 0,
    VLAN_DEL = 1,
    MQ_PAIRS = 0,
};

#define RING 256
#define PAIRS_MAX 8u
#define MACS_MAX 64u
#define FLOWS 256u
#define MERGE_MAX 64u

struct net_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
    uint8_t macs[MACS_MAX * 6]; /* filter: n_uni unicast, then n_multi others */
    uint8_t vlans[512];         /* bit a VLAN id */
    uint8_t mac[6];
    uint8_t rx_mode[6];         /* RX_PROMISC ... RX_NOBCAST */
    uint8_t n_uni, n_multi;
    uint8_t overflow_uni, overflow_multi; /* the driver's list was longer: take all */
    uint16_t pairs;
    uint8_t unused[6];
};

struct vnet {
    struct virtio v;
    struct net_regs regs;
    uint8_t config[K_SIZE];
    uint8_t own_mac[6];
    struct net *net;
    unsigned max_pairs;
    bool link_up;
    bool starved; /* a frame waits for receive buffers */
    uint8_t flow[FLOWS]; /* queue pair where a flow was last sent from */
    uint64_t n_tx, n_rx, n_filtered, n_bad, n_no_buffer;
    uint8_t buf[NET_FRAME_MAX + 64];
    struct vq_chain merge[MERGE_MAX]; /* buffers of one received frame */
};

static const struct field net_fields[] = {
    FIELD_SUB(struct net_regs, pci, pci_fields),
    FIELD_SUB(struct net_regs, virtio, virtio_fields),
    FIELD_BYTES(struct net_regs, macs),
    FIELD_BYTES(struct net_regs, vlans),
    FIELD_BYTES(struct net_regs, mac),
    FIELD_BYTES(struct net_regs, rx_mode),
    FIELD(struct net_regs, n_uni),
    FIELD(struct net_regs, n_multi),
    FIELD(struct net_regs, overflow_uni),
    FIELD(struct net_regs, overflow_multi),
    FIELD(struct net_regs, pairs),
    FIELD_BYTES(struct net_regs, unused),
    FIELD_END,
};
static const struct state net_state = {"virtio_net", 1, sizeof(struct net_regs), net_fields};

static struct vnet *vnet_of(struct virtio *v)
{
    return container_of(v, struct vnet, v);
}

/* ---------------------------------------------------------------------------------- the filter */

/* Is it for this card? [VIRTIO 5.1.6.5.1] */
static bool wanted(const struct vnet *d, const uint8_t *f, size_t len)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct net_regs *r = &d->regs;
    bool multi = f[0] & 1;
    unsigned from = multi ? r->n_uni : 0, n = multi ? r->n_multi : r->n_uni;

    if (r->rx_mode[RX_PROMISC])
        return true;
    if (virtio_has(&d->v, F_CTRL_VLAN) && len >= 18 && ld_be16(f + 12) == 0x8100) {
        unsigned id = ld_be16(f + 14) & 0xfff;
        if (!(r->vlans[id / 8] >> (id & 7) & 1))
            return false;
    }
    if (!memcmp(f, broadcast, 6))
        return !r->rx_mode[RX_NOBCAST];
    if (multi ? r->rx_mode[RX_NOMULTI] : r->rx_mode[RX_NOUNI])
        return false;
    if (multi ? r->rx_mode[RX_ALLMULTI] || r->overflow_multi
              : r->rx_mode[RX_ALLUNI] || r->overflow_uni || !memcmp(f, r->mac, 6))
        return true;
    for (unsigned i = 0; i < n; i++)
        if (!memcmp(f, r->macs + (size_t)6 * (from + i), 6))
            return true;
    return false;
}

/* Addresses, protocol and ports, the same for both directions of a flow. */
static unsigned flow_of(const uint8_t *f, size_t len)
{
    uint32_t x = 0;
    size_t at = 14, ports = 0;

    if (len < 54)
        return 0;
    if (ld_be16(f + 12) == 0x0800) {
        x = ld_be32(f + at + 12) ^ ld_be32(f + at + 16);
        ports = f[at + 9] == 6 || f[at + 9] == 17 ? at + (f[at] & 15u) * 4 : 0;
    } else if (ld_be16(f + 12) == 0x86dd) {
        for (unsigned i = 0; i < 32; i += 4)
            x ^= ld_be32(f + at + 8 + i);
        ports = f[at + 6] == 6 || f[at + 6] == 17 ? at + 40 : 0;
    }
    if (ports && ports + 4 <= len)
        x ^= (uint32_t)(ld_be16(f + ports) ^ ld_be16(f + ports + 2));
    x *= 0x9e3779b1u;
    return x >> 24;
}

/* ------------------------------------------------------------------------------------- receive */

static bool take_buffers(struct vnet *d, unsigned qi, struct vq_chain *c, size_t need, unsigned *n)
{
    bool merge = virtio_has(&d->v, F_MRG_RXBUF);
    uint64_t room = 0;

    for (*n = 0; room < need && *n < (merge ? MERGE_MAX : 1u);) {
        if (!vq_pop(&d->v, qi, &c[*n]))
            break;
        room += c[(*n)++].in_len;
    }
    if (room >= need)
        return true;
    /* A single buffer that is too short will not grow: the frame is lost with it. */
    bool lost = *n && (!merge || *n == MERGE_MAX || c[0].in_len < NET_HDR_LEN);
    if (lost) {
        d->n_no_buffer++;
        vq_push(&d->v, qi, &c[0], 0);
        for (unsigned i = 1; i < *n; i++)
            vq_push(&d->v, qi, &c[i], 0);
        vq_signal(&d->v, qi);
    } else {
        while (*n)
            vq_unpop(&d->v, qi, &c[--*n]);
    }
    *n = lost; /* 0: wait */
    return false;
}

static void put_frame(struct vnet *d, unsigned qi, const struct vq_chain *c, unsigned n,
                      const uint8_t *frame, size_t len)
{
    uint8_t h[NET_HDR_LEN] = {0};
    unsigned ahead = 0, slots = 0;
    size_t at = 0;
    bool packed = virtio_has(&d->v, VIRTIO_F_RING_PACKED);

    if (virtio_has(&d->v, F_GUEST_CSUM) && d->net->checked)
        h[0] = NET_HDR_DATA_VALID;
    st_le16(h + 10, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        uint64_t put = i ? 0 : vq_write(&d->v, &c[i], 0, h, sizeof(h));
        uint64_t k = vq_write(&d->v, &c[i], put, frame + at, len - at);
        at += k;
        vq_push_at(&d->v, qi, &c[i], put + k, ahead);
        slots += c[i].slots;
        ahead += packed ? c[i].slots : 1;
    }
    vq_publish(&d->v, qi, n, slots);
    vq_signal(&d->v, qi);
    d->n_rx++;
}

static bool vnet_receive(void *opaque, const uint8_t *frame, size_t len)
{
    struct vnet *d = opaque;
    struct vq_chain *c = d->merge;
    unsigned n, pair = 0;

    if (len < 14 || len > NET_FRAME_MAX || !d->link_up ||
        !(d->regs.virtio.status & VIRTIO_DRIVER_OK) || !wanted(d, frame, len)) {
        d->n_filtered++;
        return true;
    }
    if (d->regs.pairs > 1)
        pair = d->flow[flow_of(frame, len)] % d->regs.pairs;
    unsigned qi = 2 * pair;
    if (!virtio_queue_ready(&d->v, qi)) {
        d->n_filtered++;
        return true;
    }
    if (!take_buffers(d, qi, c, len + NET_HDR_LEN, &n)) {
        d->starved = !n && virtio_queue_ready(&d->v, qi);
        return !d->starved;
    }
    put_frame(d, qi, c, n, frame, len);
    return true;
}

/* ------------------------------------------------------------------------------------ transmit */

static void emit(void *opaque, const uint8_t *frame, size_t len)
{
    struct vnet *d = opaque;

    net_send(d->net, &(struct iovec){(void *)(uintptr_t)frame, len}, 1);
}

static void transmit(struct vnet *d, const struct vq_chain *c, unsigned pair)
{
    uint8_t h[NET_HDR_LEN];
    struct net_hdr hdr;
    struct iovec iov[VQ_IOV_MAX];
    uint64_t len = c->out_len - NET_HDR_LEN;

    if (c->out_len < NET_HDR_LEN + 14u || len > NET_FRAME_MAX) {
        d->n_bad++;
        return;
    }
    vq_read(&d->v, c, 0, h, sizeof(h));
    net_hdr_load(&hdr, h);
    d->n_tx++;
    if (!d->link_up)
        return;
    if (d->regs.pairs > 1) {
        vq_read(&d->v, c, NET_HDR_LEN, d->buf, MIN(len, UINT64_C(128)));
        d->flow[flow_of(d->buf, (size_t)MIN(len, UINT64_C(128)))] = (uint8_t)pair;
    }
    if (!(hdr.flags & NET_HDR_NEEDS_CSUM) && hdr.gso_type == NET_GSO_NONE) {
        unsigned n = vq_iov(&d->v, c, false, NET_HDR_LEN, len, iov);
        if (n && n <= 64) {
            net_send(d->net, iov, n);
            return;
        }
    }
    if (d->net && d->net->whole) /* its checksum is the whole segment's already */
        hdr.gso_type = NET_GSO_NONE;
    vq_read(&d->v, c, NET_HDR_LEN, d->buf, len);
    if (!net_gso(&hdr, d->buf, (size_t)len, emit, d))
        d->n_bad++;
}

/* ------------------------------------------------------------------------------------- control */

static bool set_macs(struct vnet *d, const uint8_t *p, uint64_t len)
{
    struct net_regs *r = &d->regs;
    uint8_t macs[MACS_MAX * 6], count[2] = {0}, overflow[2] = {0};
    unsigned at = 0;

    for (unsigned list = 0; list < 2; list++) {
        if (len < 4)
            return false;
        uint64_t n = ld_le32(p);
        p += 4;
        len -= 4;
        if (n > len / 6)
            return false;
        if (at + n <= MACS_MAX) {
            memcpy(macs + (size_t)6 * at, p, 6 * n);
            at += (unsigned)n;
            count[list] = (uint8_t)n;
        } else {
            overflow[list] = 1;
        }
        p += 6 * n;
        len -= 6 * n;
    }
    memcpy(r->macs, macs, (size_t)6 * at);
    r->n_uni = count[0];
    r->n_multi = count[1];
    r->overflow_uni = overflow[0];
    r->overflow_multi = overflow[1];
    return true;
}

static bool control_vlan(struct vnet *d, unsigned command, const uint8_t *p)
{
    unsigned id = ld_le16(p);

    if (id > 4095 || command > VLAN_DEL)
        return false;
    if (command == VLAN_ADD)
        d->regs.vlans[id / 8] |= (uint8_t)(1u << (id & 7));
    else
        d->regs.vlans[id / 8] &= (uint8_t)~(1u << (id & 7));
    return true;
}

static bool control(struct vnet *d, unsigned class, unsigned command, const uint8_t *p, uint64_t len)
{
    struct net_regs *r = &d->regs;

    switch (class) {
    case CTRL_RX:
        if (command > RX_NOBCAST || len < 1)
            return false;
        r->rx_mode[command] = p[0] != 0;
        return true;
    case CTRL_MAC:
        if (command == MAC_TABLE)
            return set_macs(d, p, len);
        if (command != MAC_ADDR || len != 6)
            return false;
        memcpy(r->mac, p, 6);
        memcpy(d->config + K_MAC, p, 6);
        return true;
    case CTRL_VLAN: return len >= 2 && control_vlan(d, command, p);
    case CTRL_MQ:
        if (command != MQ_PAIRS || len < 2 || !ld_le16(p) || ld_le16(p) > d->max_pairs)
            return false;
        r->pairs = ld_le16(p);
        return true;
    default: return false;
    }
}

static void control_queue(struct vnet *d, unsigned qi)
{
    struct vq_chain c;
    uint8_t h[2 + 8 + 2 * MACS_MAX * 6 + 64];

    unsigned n = 0;

    for (; n < VIRTIO_RING_MAX && vq_pop(&d->v, qi, &c); n++) {
        uint64_t len = vq_read(&d->v, &c, 0, h, sizeof(h));
        uint8_t status = 1;
        if (len >= 2 && len == c.out_len && control(d, h[0], h[1], h + 2, len - 2))
            status = 0;
        else if (len >= 2 && h[0] == CTRL_MAC && h[1] == MAC_TABLE) {
            d->regs.overflow_uni = d->regs.overflow_multi = 1; /* a list too long to keep */
            status = 0;
        }
        d->n_bad += status;
        vq_write(&d->v, &c, 0, &status, 1);
        vq_push(&d->v, qi, &c, 1);
    }
    if (n)
        vq_signal(&d->v, qi);
}

static void vnet_notify(struct virtio *v, unsigned qi)
{
    struct vnet *d = vnet_of(v);
    struct vq_chain c;

    if (qi == 2 * d->max_pairs || (qi == 2 && !virtio_has(v, F_MQ))) {
        if (virtio_has(v, F_CTRL_VQ))
            control_queue(d, qi);
        return;
    }
    if (!(qi & 1)) { /* new receive buffers */
        if (d->starved) {
            d->starved = false;
            net_accept(d->net);
        }
        return;
    }
    unsigned n = 0;
    for (; n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        transmit(d, &c, qi / 2);
        vq_push(v, qi, &c, 0);
    }
    if (n)
        vq_signal(v, qi);
}

/* --------------------------------------------------------------------------------- the device */

static void vnet_ready(struct virtio *v)
{
    net_accept(vnet_of(v)->net);
}

static void defaults(struct vnet *d)
{
    struct net_regs *r = &d->regs;

    memset(r->macs, 0, sizeof(r->macs));
    memset(r->vlans, 0, sizeof(r->vlans));
    memset(r->rx_mode, 0, sizeof(r->rx_mode));
    r->rx_mode[RX_PROMISC] = 1; /* until the driver says what it wants */
    r->n_uni = r->n_multi = r->overflow_uni = r->overflow_multi = 0;
    r->pairs = 1;
    memcpy(r->mac, d->own_mac, 6);
    memcpy(d->config + K_MAC, d->own_mac, 6);
    memset(d->flow, 0, sizeof(d->flow));
    d->starved = false;
}

static void vnet_quiesce(struct virtio *v, int qi)
{
    if (qi < 0)
        defaults(vnet_of(v));
}

static const struct virtio_class net_class = {
    .id = VIRTIO_ID_NET,
    .class_code = 0x020000,
    .notify = vnet_notify,
    .ready = vnet_ready,
    .quiesce = vnet_quiesce,
};

static void fill_config(struct vnet *d)
{
    memcpy(d->config + K_MAC, d->regs.mac, 6);
    st_le16(d->config + K_STATUS, d->link_up ? LINK_UP : 0);
    st_le16(d->config + K_MAX_PAIRS, (uint16_t)d->max_pairs);
}

void virtio_net_configure(struct dev *dev, const struct virtio_net_config *config)
{
    struct vnet *d = vnet_of(virtio_of(dev));

    d->net = config->net;
    memcpy(d->own_mac, config->mac, 6);
    d->max_pairs = MAX(1u, MIN(config->pairs, PAIRS_MAX));
    virtio_set_queues(&d->v, 2 * d->max_pairs + 1, RING);
    if (d->max_pairs > 1)
        d->v.features |= BIT64(F_MQ);
    defaults(d);
    fill_config(d);
    if (d->net)
        d->net->front = (struct net_front){vnet_receive, d, &dev->lock};
}

/* A reverse request about itself [RFC 903], which bridges learn from and nobody answers. */
static void announce(struct vnet *d, const uint8_t mac[6])
{
    static const uint8_t fixed[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
    uint8_t f[60] = {0};

    memset(f, 0xff, 6);
    memcpy(f + 6, mac, 6);
    memcpy(f + 12, fixed, sizeof(fixed));
    memcpy(f + 22, mac, 6);
    memcpy(f + 32, mac, 6);
    net_send(d->net, &(struct iovec){f, sizeof(f)}, 1);
}

void virtio_net_announce(struct dev *dev)
{
    struct vnet *d = vnet_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    if (d->link_up && (d->regs.virtio.status & VIRTIO_DRIVER_OK)) {
        announce(d, d->regs.mac);
        for (unsigned i = 0; i < d->regs.n_uni; i++)
            announce(d, d->regs.macs + (size_t)6 * i);
    }
    pthread_mutex_unlock(&dev->lock);
}

void virtio_net_link(struct dev *dev, bool up)
{
    struct vnet *d = vnet_of(virtio_of(dev));

    pthread_mutex_lock(&dev->lock);
    if (d->link_up != up) {
        d->link_up = up;
        fill_config(d);
        virtio_config_changed(&d->v);
    }
    pthread_mutex_unlock(&dev->lock);
}

static int vnet_init(struct dev *dev, struct error *err)
{
    struct vnet *d = vnet_of(virtio_of(dev));
    const struct virtio_setup s = {
        .class = &net_class,
        .pci = &d->regs.pci,
        .regs = &d->regs.virtio,
        .nqueues = 3,
        .queue_size = RING,
        .features = BIT64(F_CSUM) | BIT64(F_GUEST_CSUM) | BIT64(F_MAC) | BIT64(F_HOST_TSO4) |
                    BIT64(F_HOST_TSO6) | BIT64(F_HOST_ECN) | BIT64(F_MRG_RXBUF) | BIT64(F_STATUS) |
                    BIT64(F_CTRL_VQ) | BIT64(F_CTRL_RX) | BIT64(F_CTRL_VLAN) |
                    BIT64(F_CTRL_MAC_ADDR),
        .config = d->config,
        .config_size = sizeof(d->config)};

    (void)err;
    d->max_pairs = 1;
    d->link_up = true;
    virtio_init(&d->v, &s);
    defaults(d);
    return 0;
}

static void vnet_fini(struct dev *dev)
{
    struct vnet *d = vnet_of(virtio_of(dev));

    if (d->net)
        d->net->front.receive = NULL;
    virtio_fini(&d->v);
}

static void vnet_reset(struct dev *dev)
{
    struct vnet *d = vnet_of(virtio_of(dev));

    virtio_reset(&d->v);
    fill_config(d);
}

static void vnet_loaded(struct dev *dev)
{
    struct vnet *d = vnet_of(virtio_of(dev));
    struct net_regs *r = &d->regs;

    virtio_loaded(&d->v);
    r->n_uni = (uint8_t)MIN((unsigned)r->n_uni, MACS_MAX);
    r->n_multi = (uint8_t)MIN((unsigned)r->n_multi, MACS_MAX - r->n_uni);
    r->pairs = (uint16_t)MAX(1u, MIN((unsigned)r->pairs, d->max_pairs));
    d->starved = false;
    fill_config(d);
    net_accept(d->net);
}

static const struct dev_counter net_counters[] = {
    VIRTIO_COUNTERS(struct vnet),
    {"tx_frames", offsetof(struct vnet, n_tx)},
    {"rx_frames", offsetof(struct vnet, n_rx)},
    {"filtered", offsetof(struct vnet, n_filtered)},
    {"bad_frames", offsetof(struct vnet, n_bad)},
    {"no_buffer", offsetof(struct vnet, n_no_buffer)},
    {0},
};

const struct dev_type virtio_net_type = {
    .name = "virtio_net",
    .help = "virtio network card",
    .size = sizeof(struct vnet),
    .regs = offsetof(struct vnet, regs),
    .state = &net_state,
    .windows = virtio_windows,
    .counters = net_counters,
    .init = vnet_init,
    .fini = vnet_fini,
    .reset = vnet_reset,
    .loaded = vnet_loaded,
};
