/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * e1000_82540em: gigabit Ethernet controller [E1000]: registers in 128 KiB of memory (BAR 0) or by address
 * and data ports (BAR 1), one ring of descriptors each way, an EEPROM with the address, a PHY.
 *
 *   receive    +0 buffer 64   +8 length 16   +10 sum 16   +12 status 8   +13 errors 8   +14 VLAN 16
 *   transmit   +0 buffer 64   +8 length, command 32   +12 status, options 32
 *              a context instead of a buffer says where checksums and long segments' headers are
 *
 * Checksums are filled in and long TCP segments cut as virtio_net has it done (net_gso). What is sent
 * is taken at once when the tail register is written; a received frame waits at the back end while
 * the ring has no room for it.
 *
 * Not modelled: checking of received checksums, stripping of VLAN tags, flow control, delayed
 * interrupts (all come at once), wake-up, statistics, parts of a frame that is being sent while the
 * machine is saved, loopback.
 */
#include "dev/e1000_82540em.h"

#include "base/bits.h"
#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "core/net.h"
#include "dev/pci/pci.h"
#include "dev/virtio/net_gso.h"

enum { WIN_REGS, WIN_PORTS };
enum { REGS_SIZE = 0x20000, KEPT = 0x6000, EEPROM_WORDS = 64, PHY_REGS = 32 };
enum { /* registers [E1000 13] */
    CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, MDIC = 0x0020, ICR = 0x00c0,
    ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400, PBA = 0x1000,
    RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, TDBAL = 0x3800,
    TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818, MTA = 0x5200, RAL = 0x5400,
};
enum { CTRL_RST = 1 << 26, CTRL_RESET = 0x0a09 };
enum { STATUS_UP = 0x80080783, STATUS_LU = 2 };
enum { EE_SK = 1, EE_CS = 2, EE_DI = 4, EE_DO = 8, EE_REQ = 0x40, EE_GNT = 0x80, EE_PRES = 0x100 };
enum { EERD_START = 1, EERD_DONE = 0x10, EE_READ = 6 };
enum { MDIC_WRITE = 1, MDIC_READ = 2, MDIC_READY = 1 << 28, MDIC_INT = 1 << 29, MDIC_ERROR = 1 << 30 };
enum { INT_TXDW = 1, INT_LSC = 4, INT_RXT0 = 0x80, INT_MDAC = 0x200, INT_ALL = 0x1f6df };
enum { RCTL_EN = 2, RCTL_UPE = 8, RCTL_MPE = 0x10, RCTL_BAM = 1 << 15, RCTL_BSEX = 1 << 25, RCTL_SECRC = 1 << 26 };
enum { TCTL_EN = 2 };
enum { D_EOP = 1 << 24, D_IFCS = 1 << 25, D_IC_TSE = 1 << 26, D_RS = 1 << 27, D_DEXT = 1 << 29, D_VLE = 1 << 30 };
enum { D_CONTEXT = 0, D_DATA = 1, POPTS_IP = 1, POPTS_TCP = 2, TU_IPV4 = 2 };
enum { DESC = 16, DD = 1, RX_EOP = 2, RX_IXSM = 4 };

struct e1000_regs {
    struct pci_regs pci;
    uint32_t mac[KEPT / 4];
    uint16_t phy[PHY_REGS];
    uint32_t context[4]; /* the last one of the transmit ring */
    uint32_t io_address;
    uint32_t ee_bit; /* next bit of the EEPROM's output */
    uint16_t ee_in;  /* what was shifted in, from its start bit */
    uint8_t ee_reading, unused[5];
};

struct e1000 {
    struct pci_dev pci;
    struct e1000_regs regs;
    struct net *net;
    uint16_t eeprom[EEPROM_WORDS];
    uint8_t *frame; /* NET_FRAME_MAX; being put together */
    size_t len;
    uint32_t options; /* of its first descriptor */
    uint64_t n_tx, n_rx, n_tx_dropped, n_rx_filtered, n_bad;
};

static const struct field e1000_fields[] = {
    FIELD_SUB(struct e1000_regs, pci, pci_fields), FIELD_ARRAY(struct e1000_regs, mac),
    FIELD_ARRAY(struct e1000_regs, phy),           FIELD_ARRAY(struct e1000_regs, context),
    FIELD(struct e1000_regs, io_address),          FIELD(struct e1000_regs, ee_bit),
    FIELD(struct e1000_regs, ee_in),               FIELD(struct e1000_regs, ee_reading),
    FIELD_BYTES(struct e1000_regs, unused),        FIELD_END,
};
static const struct state e1000_state = {"e1000_82540em", 1, sizeof(struct e1000_regs), e1000_fields};

static struct e1000 *e1000_of(struct dev *dev)
{
    return container_of(dev, struct e1000, pci.dev);
}

static uint32_t *reg(struct e1000 *e, unsigned at)
{
    return &e->regs.mac[at / 4];
}

static uint64_t reg64(struct e1000 *e, unsigned low)
{
    return (uint64_t)*reg(e, low + 4) << 32 | (*reg(e, low) & ~15u);
}

static void interrupt(struct e1000 *e, uint32_t causes)
{
    *reg(e, ICR) |= causes;
    pci_intx(&e->pci, *reg(e, ICR) & *reg(e, IMS));
}

/* ------------------------------------------------------------------------------------- sending */

static void emit(void *opaque, const uint8_t *frame, size_t len)
{
    struct e1000 *e = opaque;

    e->n_tx++;
    net_send(e->net, &(struct iovec){(void *)(uintptr_t)frame, len}, 1);
}

static void ip_checksum(struct e1000 *e)
{
    size_t start = e->regs.context[0] & 0xff, at = e->regs.context[0] >> 8 & 0xff;
    size_t end = e->regs.context[0] >> 16;
    uint32_t sum = 0;

    end = end && end < e->len ? end + 1 : e->len;
    if (start >= end || at + 2 > e->len)
        return;
    st_be16(e->frame + at, 0);
    for (size_t i = start; i < end; i++)
        sum += (uint32_t)e->frame[i] << ((i - start) & 1 ? 0 : 8);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    st_be16(e->frame + at, (uint16_t)~sum);
}

/* What the frame's descriptors ask for, in the words of the common code. */
static struct net_hdr wishes(const struct e1000 *e, uint32_t lower)
{
    const uint32_t *c = e->regs.context;
    unsigned start = c[1] & 0xff, at = c[1] >> 8 & 0xff;
    struct net_hdr h = {0};

    if (!(lower & D_DEXT)) {
        start = e->options >> 8 & 0xff;
        at = lower >> 16 & 0xff;
        h.flags = lower & D_IC_TSE ? NET_HDR_NEEDS_CSUM : 0;
    } else if (lower & D_IC_TSE) {
        h.gso_type = c[2] >> 24 & TU_IPV4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
        h.gso_size = (uint16_t)(c[3] >> 16);
    } else {
        h.flags = e->options >> 8 & POPTS_TCP ? NET_HDR_NEEDS_CSUM : 0;
    }
    h.csum_start = (uint16_t)start;
    h.csum_offset = (uint16_t)(at - start); /* wraps where it makes no sense, and is refused then */
    return h;
}

static void insert_tag(struct e1000 *e, uint16_t tag)
{
    if (e->len < 14 || e->len + 4 > NET_FRAME_MAX)
        return;
    memmove(e->frame + 16, e->frame + 12, e->len - 12);
    st_be16(e->frame + 12, 0x8100);
    st_be16(e->frame + 14, tag);
    e->len += 4;
}

static void send_frame(struct e1000 *e, uint32_t lower, uint32_t upper)
{
    struct net_hdr h = wishes(e, lower);

    if ((lower & D_DEXT) && (e->options >> 8 & POPTS_IP) && !h.gso_type)
        ip_checksum(e);
    /* Lengths of segments count from the frame as it is cut: the tag comes first only then. */
    if (lower & D_VLE)
        insert_tag(e, (uint16_t)(upper >> 16));
    if ((lower & D_VLE) && h.flags)
        h.csum_start = (uint16_t)(h.csum_start + 4);
    if (e->len < 14 || !net_gso(&h, e->frame, e->len, emit, e))
        e->n_tx_dropped++;
}

static void take_buffer(struct e1000 *e, uint64_t gpa, uint32_t len)
{
    if (len > NET_FRAME_MAX - e->len) {
        e->n_bad++;
        len = (uint32_t)(NET_FRAME_MAX - e->len);
    }
    mem_read(dev_mem(&e->pci.dev), gpa, e->frame + e->len, len);
    e->len += len;
}

static void take_descriptor(struct e1000 *e, uint8_t d[DESC], uint64_t at)
{
    uint32_t lower = ld_le32(d + 8), upper = ld_le32(d + 12);
    bool extended = lower & D_DEXT;

    if (extended && (lower >> 20 & 15) == D_CONTEXT) {
        for (unsigned i = 0; i < 4; i++)
            e->regs.context[i] = ld_le32(d + 4 * i);
    } else {
        if (!e->len)
            e->options = upper;
        take_buffer(e, ld_le64(d), lower & (extended ? 0xfffff : 0xffff));
        if (lower & D_EOP) {
            send_frame(e, lower, upper);
            e->len = 0;
        }
    }
    if (lower & D_RS) {
        st_le32(d + 12, upper | DD);
        mem_write(dev_mem(&e->pci.dev), at + 12, d + 12, 4);
    }
}

static void transmit(struct e1000 *e)
{
    uint32_t n = *reg(e, TDLEN) / DESC, head = *reg(e, TDH), tail = *reg(e, TDT);
    uint8_t d[DESC];

    if (!(*reg(e, TCTL) & TCTL_EN) || !pci_bus_master(&e->pci) || head >= n || tail >= n || head == tail)
        return;
    for (; head != tail; head = (head + 1) % n) {
        uint64_t at = reg64(e, TDBAL) + (uint64_t)head * DESC;
        mem_read(dev_mem(&e->pci.dev), at, d, sizeof(d));
        take_descriptor(e, d, at);
    }
    *reg(e, TDH) = head;
    interrupt(e, INT_TXDW);
}

/* ----------------------------------------------------------------------------------- receiving */

static bool is_for_us(struct e1000 *e, const uint8_t *f)
{
    static const unsigned shifts[4] = {4, 3, 2, 0}; /* which 12 bits choose in the table */
    uint32_t rctl = *reg(e, RCTL);

    if (rctl & (f[0] & 1 ? RCTL_MPE : RCTL_UPE))
        return true;
    if ((rctl & RCTL_BAM) && !memcmp(f, "\xff\xff\xff\xff\xff\xff", 6))
        return true;
    for (unsigned i = 0; i < 16; i++)
        if ((*reg(e, RAL + 8 * i + 4) >> 31) && *reg(e, RAL + 8 * i) == ld_le32(f) &&
            (*reg(e, RAL + 8 * i + 4) & 0xffff) == ld_le16(f + 4))
            return true;
    unsigned bit = (unsigned)(ld_le16(f + 4) >> shifts[rctl >> 12 & 3]) & 0xfff;
    return (f[0] & 1) && (*reg(e, MTA + 4 * (bit >> 5)) >> (bit & 31) & 1);
}

static uint32_t buffer_size(struct e1000 *e)
{
    uint32_t rctl = *reg(e, RCTL), shift = rctl >> 16 & 3;

    return rctl & RCTL_BSEX && shift ? 32768u >> shift : 2048u >> shift;
}

/* In as many buffers as it takes. Without the end's checksum, which nobody looks at, unless the driver
 * expects to take one off. */
static bool e1000_receive(void *opaque, const uint8_t *frame, size_t len)
{
    struct e1000 *e = opaque;
    uint32_t n = *reg(e, RDLEN) / DESC, head = *reg(e, RDH), tail = *reg(e, RDT);
    uint32_t size = buffer_size(e), pad = *reg(e, RCTL) & RCTL_SECRC ? 0 : 4;

    if (!(*reg(e, RCTL) & RCTL_EN) || !pci_bus_master(&e->pci) || len < 14 || !is_for_us(e, frame)) {
        e->n_rx_filtered++;
        return true;
    }
    size_t total = MAX(len, (size_t)60) + pad;
    if (head >= n || tail >= n || total > 16384)
        return head < n && tail < n;
    if ((uint64_t)((tail + n - head) % n) * size < total)
        return false;
    for (size_t off = 0; off < total; head = (head + 1) % n) {
        uint64_t at = reg64(e, RDBAL) + (uint64_t)head * DESC;
        size_t k = MIN(total - off, (size_t)size);
        uint8_t d[DESC] = {0};
        mem_read(dev_mem(&e->pci.dev), at, d, 8);
        if (off < len)
            mem_write(dev_mem(&e->pci.dev), ld_le64(d), frame + off, MIN(k, len - off));
        st_le16(d + 8, (uint16_t)k);
        off += k;
        d[12] = (uint8_t)(DD | (off == total ? RX_EOP | RX_IXSM : 0));
        mem_write(dev_mem(&e->pci.dev), at + 8, d + 8, 8);
    }
    *reg(e, RDH) = head;
    e->n_rx++;
    interrupt(e, INT_RXT0);
    return true;
}

/* ------------------------------------------------------------------------------- EEPROM and PHY */

/* Bit by bit [E1000 5.6.2]: a start bit, two of the operation, six of the address come in with the
 * clock's rise; each fall brings the next bit of the words from there on. */
static void eecd_write(struct e1000 *e, uint32_t v)
{
    struct e1000_regs *r = &e->regs;
    uint32_t old = *reg(e, EECD), rose = v & ~old, fell = old & ~v;

    *reg(e, EECD) = v & (EE_SK | EE_CS | EE_DI | EE_REQ);
    if ((rose & EE_CS) || !(v & EE_CS)) {
        r->ee_in = 0;
        r->ee_reading = false;
    }
    if (!(v & EE_CS))
        return;
    if ((fell & EE_SK) && r->ee_reading)
        r->ee_bit++;
    if (!(rose & EE_SK) || r->ee_reading)
        return;
    r->ee_in = (uint16_t)(r->ee_in << 1 | (v & EE_DI ? 1 : 0));
    if (r->ee_in >> 8 & 1) {
        r->ee_reading = (r->ee_in >> 6 & 7) == EE_READ;
        r->ee_bit = (r->ee_in & 63u) * 16 - 1;
        r->ee_in = 0;
    }
}

static uint32_t eecd_read(struct e1000 *e)
{
    const struct e1000_regs *r = &e->regs;
    uint16_t word = e->eeprom[(r->ee_bit >> 4) % EEPROM_WORDS];
    bool out = !r->ee_reading || (word >> (15 - (r->ee_bit & 15)) & 1);

    return *reg(e, EECD) | EE_PRES | (*reg(e, EECD) & EE_REQ ? EE_GNT : 0u) | (out ? EE_DO : 0u);
}

static void mdic_write(struct e1000 *e, uint32_t v)
{
    unsigned n = v >> 16 & 31, op = v >> 26 & 3;
    uint16_t *p = &e->regs.phy[n];

    if ((v >> 21 & 31) != 1 || (op != MDIC_READ && op != MDIC_WRITE)) {
        v |= MDIC_ERROR;
    } else if (op == MDIC_READ) {
        v = (v & 0xffff0000) | *p;
    } else if (n == 0) {
        *p = (uint16_t)(v & ~0x8200u); /* reset and renegotiation are over at once */
    } else if (n > 3 && n != 5 && n != 10 && n != 17) {
        *p = (uint16_t)v;
    }
    *reg(e, MDIC) = v | (uint32_t)MDIC_READY;
    if (v & MDIC_INT)
        interrupt(e, INT_MDAC);
}

/* -------------------------------------------------------------------------------------- registers */

static void chip_reset(struct e1000 *e)
{
    static const uint16_t phy[PHY_REGS] = {
        [0] = 0x1140, [1] = 0x796d, [2] = 0x0141, [3] = 0x0c20, [4] = 0x0de1,  [5] = 0xc5e1,
        [9] = 0x0e00, [10] = 0x3c00, [16] = 0x0360, [17] = 0xac00, [20] = 0x0d60};
    struct e1000_regs *r = &e->regs;

    *r = (struct e1000_regs){.pci = r->pci};
    memcpy(r->phy, phy, sizeof(phy));
    *reg(e, CTRL) = CTRL_RESET;
    *reg(e, PBA) = 0x00100030;
    *reg(e, RAL) = e->eeprom[0] | (uint32_t)e->eeprom[1] << 16;
    *reg(e, RAL + 4) = e->eeprom[2] | 1u << 31;
    e->len = 0;
    pci_intx(&e->pci, false);
}

static uint32_t reg_read(struct e1000 *e, unsigned at)
{
    uint32_t v;

    switch (at) {
    case STATUS: return (uint32_t)STATUS_UP & ~(e->net ? 0u : STATUS_LU);
    case EECD: return eecd_read(e);
    case ICR:
        v = *reg(e, ICR);
        *reg(e, ICR) = 0;
        interrupt(e, 0);
        return v;
    case ICS:
    case IMC: return 0;
    default: return at < KEPT ? *reg(e, at) : 0;
    }
}

static void reg_write(struct e1000 *e, unsigned at, uint32_t v)
{
    switch (at) {
    case CTRL:
        if (v & CTRL_RST)
            chip_reset(e);
        else
            *reg(e, CTRL) = v & 0x7fffffff; /* the PHY's reset is over at once */
        return;
    case STATUS: return;
    case EECD: eecd_write(e, v); return;
    case EERD:
        *reg(e, EERD) = (v & 0xff00) | EERD_DONE |
                        (v & EERD_START ? (uint32_t)e->eeprom[v >> 8 & 63] << 16 : 0);
        return;
    case MDIC: mdic_write(e, v); return;
    case ICR:
        *reg(e, ICR) &= ~v;
        interrupt(e, 0);
        return;
    case ICS: interrupt(e, v & INT_ALL); return;
    case IMS:
        *reg(e, IMS) |= v & INT_ALL;
        interrupt(e, 0);
        return;
    case IMC:
        *reg(e, IMS) &= ~v;
        interrupt(e, 0);
        return;
    default: break;
    }
    if (at < KEPT)
        *reg(e, at) = at == RDLEN || at == TDLEN ? v & 0xfff80 : v;
    if (at == TDT || at == TCTL)
        transmit(e);
    if (at == RDT || at == RCTL)
        net_accept(e->net);
}

static uint64_t e1000_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)size;
    return off & 3 ? 0 : reg_read(e1000_of(dev), (unsigned)off);
}

static void e1000_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct e1000 *e = e1000_of(dev);

    (void)size;
    TRACE(e1000_write, "reg=%#x value=%#x", (unsigned)off, (unsigned)v);
    if (off & 3)
        e->n_bad++;
    else
        reg_write(e, (unsigned)off, (uint32_t)v);
}

static uint64_t ports_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct e1000 *e = e1000_of(dev);

    return off ? off == 4 ? e1000_read(dev, e->regs.io_address % REGS_SIZE, size) : 0
               : e->regs.io_address;
}

static void ports_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct e1000 *e = e1000_of(dev);

    if (!off)
        e->regs.io_address = (uint32_t)v;
    else if (off == 4)
        e1000_write(dev, e->regs.io_address % REGS_SIZE, size, v);
}

void e1000_82540em_configure(struct dev *dev, struct net *net, const uint8_t mac[6])
{
    struct e1000 *e = e1000_of(dev);
    uint16_t sum = 0;

    e->net = net;
    for (unsigned i = 0; i < 3; i++)
        e->eeprom[i] = ld_le16(mac + 2 * i);
    for (unsigned i = 0; i < EEPROM_WORDS - 1; i++)
        sum = (uint16_t)(sum + e->eeprom[i]);
    e->eeprom[EEPROM_WORDS - 1] = (uint16_t)(0xbaba - sum);
    if (net)
        net->front = (struct net_front){e1000_receive, e, &dev->lock};
}

/* -------------------------------------------------------------------------------------- the device */

static int e1000_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x100e,
                                     .subsystem_vendor = 0x8086,
                                     .subsystem = 0x001e,
                                     .class_code = 0x020000,
                                     .revision = 3,
                                     .pin = 1};
    struct e1000 *e = e1000_of(dev);

    (void)err;
    e->frame = xcalloc(1, NET_FRAME_MAX);
    pci_init(&e->pci, &e->regs.pci, &id);
    pci_bar(&e->pci, 0, PCI_BAR_MEM32, &dev->windows[WIN_REGS]);
    pci_bar(&e->pci, 1, PCI_BAR_IO, &dev->windows[WIN_PORTS]);
    return 0;
}

static void e1000_fini(struct dev *dev)
{
    struct e1000 *e = e1000_of(dev);

    if (e->net)
        e->net->front = (struct net_front){0};
    pci_fini(&e->pci);
    free(e->frame);
}

static void e1000_reset(struct dev *dev)
{
    struct e1000 *e = e1000_of(dev);

    pci_reset(&e->pci);
    chip_reset(e);
}

static void e1000_loaded(struct dev *dev)
{
    struct e1000 *e = e1000_of(dev);

    pci_loaded(&e->pci);
    e->len = 0;
    interrupt(e, 0);
}

static const struct window_ops e1000_ops = {e1000_read, e1000_write, 4, 4};
static const struct window_ops ports_ops = {ports_read, ports_write, 4, 4};
static const struct dev_window_desc e1000_windows[] = {
    {"regs", REGS_SIZE, &e1000_ops},
    {"ports", 64, &ports_ops},
    {0},
};
static const struct dev_counter e1000_counters[] = {
    {"tx_frames", offsetof(struct e1000, n_tx)},
    {"rx_frames", offsetof(struct e1000, n_rx)},
    {"tx_dropped", offsetof(struct e1000, n_tx_dropped)},
    {"rx_filtered", offsetof(struct e1000, n_rx_filtered)},
    {"bad", offsetof(struct e1000, n_bad)},
    {0},
};

const struct dev_type e1000_82540em_type = {
    .name = "e1000_82540em",
    .help = "gigabit network card",
    .size = sizeof(struct e1000),
    .regs = offsetof(struct e1000, regs),
    .state = &e1000_state,
    .windows = e1000_windows,
    .counters = e1000_counters,
    .init = e1000_init,
    .fini = e1000_fini,
    .reset = e1000_reset,
    .loaded = e1000_loaded,
};
