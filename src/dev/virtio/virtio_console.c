/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_console: several ports [VIRTIO 5.3]. Port n receives on queue 2n+2 (port 0: on 0) and sends
 * on the next; queues 2 and 3 carry messages about the ports.
 *
 * Bytes for a port that nobody in the guest has open are dropped, as on a line without a terminal:
 * what is said there is never for a program that opens it later. Our side of a port is always open: a
 * program in the guest that found it closed would come back to look, many times a second, for ever.
 *
 * Not modelled: window size and its changes, adding and removing ports while the guest runs.
 */
#include "dev/virtio/virtio_console.h"

#include "base/endian.h"
#include "core/chr.h"
#include "dev/virtio/virtio.h"

enum { F_MULTIPORT = 1, F_EMERG_WRITE = 2 };
enum { K_PORTS = 4, K_EMERG = 8, K_SIZE = 12 }; /* before: columns and rows */
enum { Q_CONTROL_RX = 2, Q_CONTROL_TX = 3, RING = 128, PORTS = VIRTIO_CONSOLE_PORTS };
enum { MESSAGE = 8, NAME_MAX_LEN = 64, CONTROL_MAX = 64, CHUNK = 4096 };
enum {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

struct console_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
    uint8_t open[PORTS]; /* the guest has it open */
    uint8_t control[CONTROL_MAX][4]; /* messages not delivered yet: port, event, value, unused */
    uint32_t n_control;
};

struct console;

struct port {
    struct console *owner;
    const char *name;
    struct chr *chr;
    bool is_console;
};

struct console {
    struct virtio v;
    struct console_regs regs;
    uint8_t config[K_SIZE];
    struct port port[PORTS];
    uint64_t n_tx, n_rx, n_dropped, n_bad;
};

static const struct field console_fields[] = {
    FIELD_SUB(struct console_regs, pci, pci_fields),
    FIELD_SUB(struct console_regs, virtio, virtio_fields),
    FIELD_BYTES(struct console_regs, open),
    FIELD_BYTES(struct console_regs, control),
    FIELD(struct console_regs, n_control),
    FIELD_END,
};
static const struct state console_state = {"virtio_console", 1, sizeof(struct console_regs),
                                           console_fields};

static struct console *console_of(struct virtio *v)
{
    return container_of(v, struct console, v);
}

static unsigned rx_queue(unsigned port)
{
    return port ? 2 * port + 2 : 0;
}

/* ----------------------------------------------------------------------------------- messages */

static void flush_control(struct console *d)
{
    struct console_regs *r = &d->regs;
    struct vq_chain c;
    unsigned n = 0;

    while (n < r->n_control && vq_pop(&d->v, Q_CONTROL_RX, &c)) {
        const uint8_t *m = r->control[n++];
        const char *name = m[1] == PORT_NAME && m[0] < PORTS ? d->port[m[0]].name : NULL;
        uint8_t text[MESSAGE + NAME_MAX_LEN];
        size_t len = name ? strnlen(name, NAME_MAX_LEN) : 0;
        st_le32(text, m[0]);
        st_le16(text + 4, m[1]);
        st_le16(text + 6, m[2]);
        if (name)
            memcpy(text + MESSAGE, name, len);
        uint64_t put = vq_write(&d->v, &c, 0, text, MESSAGE + len);
        vq_push(&d->v, Q_CONTROL_RX, &c, put);
    }
    if (!n)
        return;
    memmove(r->control, r->control + n, (r->n_control - n) * sizeof(r->control[0]));
    r->n_control -= n;
    vq_signal(&d->v, Q_CONTROL_RX);
}

static void tell(struct console *d, unsigned port, unsigned event, unsigned value)
{
    struct console_regs *r = &d->regs;

    if (r->n_control == CONTROL_MAX) {
        d->n_bad++;
        return;
    }
    memcpy(r->control[r->n_control++], (uint8_t[4]){(uint8_t)port, (uint8_t)event, (uint8_t)value}, 4);
    flush_control(d);
}

static void control_message(struct console *d, const uint8_t *m)
{
    uint32_t id = ld_le32(m);
    unsigned event = ld_le16(m + 4), value = ld_le16(m + 6);

    if (event == DEVICE_READY) {
        for (unsigned i = 0; value && i < PORTS; i++)
            if (d->port[i].name)
                tell(d, i, PORT_ADD, 1);
        return;
    }
    if (id >= PORTS || !d->port[id].name) {
        d->n_bad++;
        return;
    }
    if (event == PORT_READY && value) {
        if (d->port[id].is_console)
            tell(d, id, CONSOLE_PORT, 1);
        tell(d, id, PORT_NAME, 1);
        tell(d, id, PORT_OPEN, 1);
    } else if (event == PORT_OPEN) {
        d->regs.open[id] = value != 0;
        if (value)
            chr_accept(d->port[id].chr);
    }
}

static void control_queue(struct console *d)
{
    struct vq_chain c;
    uint8_t m[MESSAGE];
    unsigned n = 0;

    for (; n < VIRTIO_RING_MAX && vq_pop(&d->v, Q_CONTROL_TX, &c); n++) {
        if (vq_read(&d->v, &c, 0, m, sizeof(m)) == sizeof(m))
            control_message(d, m);
        else
            d->n_bad++;
        vq_push(&d->v, Q_CONTROL_TX, &c, 0);
    }
    if (n)
        vq_signal(&d->v, Q_CONTROL_TX);
}

/* -------------------------------------------------------------------------------------- bytes */

static void send_port(struct console *d, unsigned i, unsigned qi)
{
    struct vq_chain c;
    uint8_t buf[CHUNK];
    unsigned n = 0;

    for (; n < VIRTIO_RING_MAX && vq_pop(&d->v, qi, &c); n++) {
        for (uint64_t at = 0; at < c.out_len && at < (1u << 20);) {
            uint64_t k = vq_read(&d->v, &c, at, buf, MIN(c.out_len - at, (uint64_t)sizeof(buf)));
            if (!k)
                break;
            chr_write(d->port[i].chr, buf, k);
            d->n_tx += k;
            at += k;
        }
        vq_push(&d->v, qi, &c, 0);
    }
    if (n)
        vq_signal(&d->v, qi);
}

static size_t receive(struct console *d, unsigned i, const uint8_t *buf, size_t len)
{
    struct vq_chain c;
    size_t at = 0;
    unsigned qi = rx_queue(i), n = 0;

    if (!d->regs.open[i]) {
        d->n_dropped += len;
        return len;
    }
    for (; at < len && n < VIRTIO_RING_MAX && vq_pop(&d->v, qi, &c); n++) {
        uint64_t k = vq_write(&d->v, &c, 0, buf + at, len - at);
        vq_push(&d->v, qi, &c, k);
        at += k;
    }
    if (n)
        vq_signal(&d->v, qi);
    d->n_rx += at;
    return at;
}

static void console_notify(struct virtio *v, unsigned qi)
{
    struct console *d = console_of(v);
    unsigned i = qi < 2 ? 0 : qi / 2 - 1;

    if (qi == Q_CONTROL_RX)
        flush_control(d);
    else if (qi == Q_CONTROL_TX)
        control_queue(d);
    else if (qi & 1)
        send_port(d, i, qi);
    else if (d->port[i].chr)
        chr_accept(d->port[i].chr);
}

static void console_quiesce(struct virtio *v, int qi)
{
    struct console *d = console_of(v);

    if (qi >= 0)
        return;
    memset(d->regs.open, 0, sizeof(d->regs.open));
    memset(d->regs.control, 0, sizeof(d->regs.control));
    d->regs.n_control = 0;
}

static void config_written(struct virtio *v, unsigned off, unsigned size)
{
    struct console *d = console_of(v);

    (void)size;
    if (off >= K_EMERG && off < K_SIZE && d->port[0].chr) /* a byte in an emergency */
        chr_write(d->port[0].chr, d->config + K_EMERG, 1);
}

static const uint8_t writable[K_SIZE] = {[K_EMERG] = 0xff};

static const struct virtio_class console_class = {
    .id = VIRTIO_ID_CONSOLE,
    .class_code = 0x078000,
    .notify = console_notify,
    .quiesce = console_quiesce,
    .config_written = config_written,
    .config_writable = writable,
};

/* ------------------------------------------------------------------------------- back ends */

static size_t port_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct port *p = opaque;

    return receive(p->owner, (unsigned)(p - p->owner->port), buf, len);
}

void virtio_console_port(struct dev *dev, unsigned n, const char *name, struct chr *chr,
                         bool is_console)
{
    struct console *d = console_of(virtio_of(dev));
    struct port *p = &d->port[n];

    *p = (struct port){d, name, chr, is_console};
    if (chr)
        chr->front = (struct chr_front){port_receive, NULL, p, &dev->lock};
}

/* --------------------------------------------------------------------------------- the device */

static int console_init(struct dev *dev, struct error *err)
{
    struct console *d = console_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &console_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = 2 * PORTS + 2,
                                   .queue_size = RING,
                                   .features = BIT64(F_MULTIPORT) | BIT64(F_EMERG_WRITE),
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    virtio_init(&d->v, &s);
    st_le32(d->config + K_PORTS, PORTS);
    return 0;
}

static void console_fini(struct dev *dev)
{
    struct console *d = console_of(virtio_of(dev));

    for (unsigned i = 0; i < PORTS; i++)
        if (d->port[i].chr)
            d->port[i].chr->front.receive = NULL;
    virtio_fini(&d->v);
}

static void console_reset(struct dev *dev)
{
    virtio_reset(virtio_of(dev));
}

static void console_loaded(struct dev *dev)
{
    struct console *d = console_of(virtio_of(dev));

    virtio_loaded(&d->v);
    d->regs.n_control = MIN(d->regs.n_control, CONTROL_MAX);
}

static const struct dev_counter console_counters[] = {
    VIRTIO_COUNTERS(struct console),
    {"tx_bytes", offsetof(struct console, n_tx)},
    {"rx_bytes", offsetof(struct console, n_rx)},
    {"dropped_bytes", offsetof(struct console, n_dropped)},
    {"bad_messages", offsetof(struct console, n_bad)},
    {0},
};

const struct dev_type virtio_console_type = {
    .name = "virtio_console",
    .help = "virtio console: named character channels",
    .size = sizeof(struct console),
    .regs = offsetof(struct console, regs),
    .state = &console_state,
    .windows = virtio_windows,
    .counters = console_counters,
    .init = console_init,
    .fini = console_fini,
    .reset = console_reset,
    .loaded = console_loaded,
};
