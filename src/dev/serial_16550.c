/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * serial_16550: UART with 16-byte FIFOs [PC16550D].
 *
 *   0  RBR (read) THR (write), DLL with LCR.DLAB     4  MCR  modem control
 *   1  IER interrupt enable,   DLM with LCR.DLAB     5  LSR  line status
 *   2  IIR (read) FCR (write)                        6  MSR  modem status
 *   3  LCR line control                              7  SCR  scratch
 *
 * The interrupt leaves the chip through a buffer that OUT2 opens, as on every PC.
 *
 * Not modelled: the time that a byte takes to leave (the transmitter is always empty again at
 * once; only the receiver's timeout follows the baud rate), word length and parity, sending a
 * break outside loopback, the modem's lines (CTS, DSR and DCD are always on), DMA signals, the
 * 64-byte FIFO of later chips. Input that arrives while the FIFO is full waits in the back end
 * instead of being lost, so an overrun is seen in loopback only.
 */
#include "dev/serial_16550.h"

#include "base/trace.h"
#include "core/chr.h"

#define FIFO_SIZE 16
#define CLOCK_HZ 1843200

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { IER_RDA = 1, IER_THRE = 2, IER_RLS = 4, IER_MSI = 8 };
enum {
    IIR_MSI = 0x0,
    IIR_NONE = 0x1,
    IIR_THRE = 0x2,
    IIR_RDA = 0x4,
    IIR_RLS = 0x6,
    IIR_TIMEOUT = 0xc,
    IIR_FIFO = 0xc0,
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_STOP = 4, LCR_PARITY = 8, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum {
    LSR_DR = 1,
    LSR_OE = 2,
    LSR_PE = 4,
    LSR_FE = 8,
    LSR_BI = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERR = 0x80,
    LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI,
};
enum { MSR_TERI = 4, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

struct serial_regs {
    uint64_t timeout_at; /* guest ns when the receiver's timeout is due; UINT64_MAX: not running */
    uint8_t fifo[FIFO_SIZE];
    uint8_t fifo_err[FIFO_SIZE]; /* LSR error bits that belong to the byte */
    uint8_t head, count;         /* of the receive FIFO */
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
    uint8_t thre_pending; /* the THRE interrupt has not been answered yet */
    uint8_t timed_out;
    uint8_t unused[3];
};

struct serial {
    struct dev dev;
    struct serial_regs regs;
    struct timer timer;
    struct chr *chr; /* borrowed */
    bool out;        /* what the line was told last */
    bool burst;      /* the last access wrote a byte to send */
    uint64_t n_tx, n_rx, n_overruns;
};

static const struct field serial_fields[] = {
    FIELD(struct serial_regs, timeout_at),  FIELD_BYTES(struct serial_regs, fifo),
    FIELD_BYTES(struct serial_regs, fifo_err), FIELD(struct serial_regs, head),
    FIELD(struct serial_regs, count),       FIELD(struct serial_regs, ier),
    FIELD(struct serial_regs, fcr),         FIELD(struct serial_regs, lcr),
    FIELD(struct serial_regs, mcr),         FIELD(struct serial_regs, lsr),
    FIELD(struct serial_regs, msr),         FIELD(struct serial_regs, scr),
    FIELD(struct serial_regs, dll),         FIELD(struct serial_regs, dlm),
    FIELD(struct serial_regs, thre_pending), FIELD(struct serial_regs, timed_out),
    FIELD_BYTES(struct serial_regs, unused), FIELD_END,
};
static const struct state serial_state = {"serial_16550", 1, sizeof(struct serial_regs),
                                          serial_fields};

static unsigned fifo_room(const struct serial_regs *r)
{
    return (r->fcr & FCR_ENABLE ? FIFO_SIZE : 1u) - r->count;
}

static unsigned fifo_trigger(const struct serial_regs *r)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};

    return r->fcr & FCR_ENABLE ? levels[r->fcr >> 6] : 1;
}

/* The interrupt of highest priority that is enabled and pending [PC16550D table 4]. */
static uint8_t serial_iir(const struct serial_regs *r)
{
    if ((r->ier & IER_RLS) && (r->lsr & LSR_ERRORS))
        return IIR_RLS;
    if ((r->ier & IER_RDA) && r->count >= fifo_trigger(r))
        return IIR_RDA;
    if ((r->ier & IER_RDA) && r->timed_out)
        return IIR_TIMEOUT;
    if ((r->ier & IER_THRE) && r->thre_pending)
        return IIR_THRE;
    if ((r->ier & IER_MSI) && (r->msr & 0x0f))
        return IIR_MSI;
    return IIR_NONE;
}

static void serial_update(struct serial *s)
{
    bool out = serial_iir(&s->regs) != IIR_NONE && (s->regs.mcr & MCR_OUT2);

    if (out != s->out) {
        s->out = out;
        irq_set(&s->dev.lines[SERIAL_16550_LINE_IRQ], out);
    }
}

/* Four character times without a change of the receive FIFO [PC16550D 8.7]. */
static void timeout_restart(struct serial *s)
{
    struct serial_regs *r = &s->regs;

    r->timed_out = 0;
    r->timeout_at = UINT64_MAX;
    if ((r->fcr & FCR_ENABLE) && r->count) {
        unsigned divisor = MAX(r->dll | r->dlm << 8, 1);
        unsigned bits = 7 + (r->lcr & 3) + !!(r->lcr & LCR_PARITY) + !!(r->lcr & LCR_STOP);
        r->timeout_at =
            clock_ns(dev_clock(&s->dev)) + 4 * bits * 16 * divisor * UINT64_C(1000000000) / CLOCK_HZ;
    }
    timer_set(&s->timer, r->timeout_at);
}

static void serial_timeout(void *opaque)
{
    struct serial *s = opaque;

    if (clock_ns(dev_clock(&s->dev)) < s->regs.timeout_at)
        return; /* restarted while it was on its way here */
    s->regs.timeout_at = UINT64_MAX;
    s->regs.timed_out = s->regs.count != 0;
    serial_update(s);
}

/* The error bits of the byte at the head show in the LSR [PC16550D 8.6.3]. */
static void head_errors(struct serial_regs *r)
{
    if (r->count)
        r->lsr |= r->fifo_err[r->head];
}

static void fifo_push(struct serial *s, uint8_t byte, uint8_t errors)
{
    struct serial_regs *r = &s->regs;
    unsigned at = (r->head + r->count) % FIFO_SIZE;

    if (!fifo_room(r)) {
        r->lsr |= LSR_OE;
        s->n_overruns++;
        if (r->fcr & FCR_ENABLE)
            return;
        r->count = 0; /* without a FIFO the new byte replaces the old one */
        at = r->head;
    }
    r->fifo[at] = byte;
    r->fifo_err[at] = errors;
    r->count++;
    if (r->count == 1)
        head_errors(r);
}

static uint8_t fifo_pop(struct serial *s)
{
    struct serial_regs *r = &s->regs;

    if (!r->count)
        return 0;
    uint8_t byte = r->fifo[r->head];
    r->head = (r->head + 1) % FIFO_SIZE;
    r->count--;
    head_errors(r);
    return byte;
}

static void fifo_clear(struct serial_regs *r)
{
    r->head = r->count = 0;
}

static bool accepts_input(const struct serial_regs *r)
{
    return !(r->mcr & MCR_LOOP) && fifo_room(r);
}

static size_t serial_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct serial *s = opaque;
    size_t n = accepts_input(&s->regs) ? MIN(len, (size_t)fifo_room(&s->regs)) : 0;

    for (size_t i = 0; i < n; i++)
        fifo_push(s, buf[i], 0);
    s->n_rx += n;
    if (n) {
        timeout_restart(s);
        serial_update(s);
    }
    return n;
}

static void serial_event(void *opaque, enum chr_event ev)
{
    struct serial *s = opaque;

    if (ev != CHR_BREAK || (s->regs.mcr & MCR_LOOP))
        return;
    fifo_push(s, 0, LSR_BI | LSR_FE);
    timeout_restart(s);
    serial_update(s);
}

/* What the modem's lines show: in loopback the chip's own outputs [PC16550D 8.6.7]. */
static void msr_update(struct serial_regs *r)
{
    uint8_t now = MSR_CTS | MSR_DSR | MSR_DCD;

    if (r->mcr & MCR_LOOP)
        now = (r->mcr & MCR_RTS ? MSR_CTS : 0) | (r->mcr & MCR_DTR ? MSR_DSR : 0) |
              (r->mcr & MCR_OUT1 ? MSR_RI : 0) | (r->mcr & MCR_OUT2 ? MSR_DCD : 0);
    uint8_t changed = (r->msr ^ now) & 0xf0;
    uint8_t delta = changed >> 4;
    if (now & MSR_RI)
        delta &= (uint8_t)~MSR_TERI; /* only the trailing edge of the ring counts */
    r->msr = now | (r->msr & 0x0f) | delta;
}

static void thr_write(struct serial *s, uint8_t byte)
{
    struct serial_regs *r = &s->regs;

    if (r->mcr & MCR_LOOP) {
        fifo_push(s, byte, 0);
        timeout_restart(s);
    } else {
        chr_write(s->chr, &byte, 1);
        s->n_tx++;
    }
    /* The line falls while the bytes stay in the FIFO: one edge a burst, as it is empty once. */
    if (!s->burst) {
        r->thre_pending = 0;
        serial_update(s);
    }
    r->thre_pending = 1;
    s->burst = true;
}

static void fcr_write(struct serial *s, uint8_t v)
{
    struct serial_regs *r = &s->regs;
    bool toggled = (r->fcr ^ v) & FCR_ENABLE;

    if (!(v & FCR_ENABLE) && !toggled)
        return; /* the other bits are programmed with the enable bit only */
    if (toggled || (v & FCR_CLEAR_RX))
        fifo_clear(r);
    if (toggled || (v & FCR_CLEAR_TX))
        r->thre_pending = 1;
    r->fcr = v & FCR_ENABLE ? v & 0xc9 : 0;
    timeout_restart(s);
}

static void ier_write(struct serial *s, uint8_t v)
{
    struct serial_regs *r = &s->regs;

    /* Enabled while the register is empty: pending at once [PC16550D 8.6.5]. */
    if ((v & IER_THRE) && !(r->ier & IER_THRE))
        r->thre_pending = 1;
    r->ier = v & 0x0f;
}

static void serial_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct serial *s = container_of(dev, struct serial, dev);
    struct serial_regs *r = &s->regs;
    uint8_t v = (uint8_t)value;
    bool could = accepts_input(r);

    (void)size;
    if (offset != RBR || (r->lcr & LCR_DLAB))
        s->burst = false;
    TRACE(serial_write, "%s reg=%u value=%#x", dev->name, (unsigned)offset, v);
    switch (offset) {
    case RBR:
        if (r->lcr & LCR_DLAB)
            r->dll = v;
        else
            thr_write(s, v);
        break;
    case IER:
        if (r->lcr & LCR_DLAB)
            r->dlm = v;
        else
            ier_write(s, v);
        break;
    case IIR: fcr_write(s, v); break;
    case LCR:
        if ((v & LCR_BREAK) && !(r->lcr & LCR_BREAK) && (r->mcr & MCR_LOOP)) {
            fifo_push(s, 0, LSR_BI);
            timeout_restart(s);
        }
        r->lcr = v;
        break;
    case MCR:
        r->mcr = v & 0x1f;
        msr_update(r);
        break;
    case SCR: r->scr = v; break;
    default: break; /* LSR and MSR are for reading */
    }
    serial_update(s);
    if (!could && accepts_input(r))
        chr_accept(s->chr);
}

static uint8_t rbr_read(struct serial *s)
{
    bool could = accepts_input(&s->regs);
    uint8_t v = fifo_pop(s);

    timeout_restart(s);
    if (!could && accepts_input(&s->regs))
        chr_accept(s->chr);
    return v;
}

static uint8_t iir_read(struct serial *s)
{
    uint8_t iir = serial_iir(&s->regs);

    if (iir == IIR_THRE)
        s->regs.thre_pending = 0;
    return iir | (s->regs.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t lsr_read(struct serial_regs *r)
{
    uint8_t v = r->lsr | LSR_THRE | LSR_TEMT | (r->count ? LSR_DR : 0);

    if (r->fcr & FCR_ENABLE)
        for (unsigned i = 0; i < r->count; i++)
            if (r->fifo_err[(r->head + i) % FIFO_SIZE])
                v |= LSR_FIFO_ERR;
    r->lsr &= (uint8_t)~LSR_ERRORS;
    if (r->count)
        r->fifo_err[r->head] = 0; /* told */
    return v;
}

static uint64_t serial_read(struct dev *dev, uint64_t offset, unsigned size)
{
    struct serial *s = container_of(dev, struct serial, dev);
    struct serial_regs *r = &s->regs;
    uint8_t v = 0;

    (void)size;
    s->burst = false;
    switch (offset) {
    case RBR: v = r->lcr & LCR_DLAB ? r->dll : rbr_read(s); break;
    case IER: v = r->lcr & LCR_DLAB ? r->dlm : r->ier; break;
    case IIR: v = iir_read(s); break;
    case LCR: v = r->lcr; break;
    case MCR: v = r->mcr; break;
    case LSR: v = lsr_read(r); break;
    case MSR:
        v = r->msr;
        r->msr &= 0xf0;
        break;
    case SCR: v = r->scr; break;
    }
    serial_update(s);
    TRACE(serial_read, "%s reg=%u value=%#x", dev->name, (unsigned)offset, v);
    return v;
}

static void serial_reset(struct dev *dev)
{
    struct serial *s = container_of(dev, struct serial, dev);

    s->regs = (struct serial_regs){.timeout_at = UINT64_MAX,
                                   .dll = 12, /* 9600 baud; the chip leaves it open */
                                   .msr = MSR_CTS | MSR_DSR | MSR_DCD};
    s->burst = false;
    timer_cancel(&s->timer);
    serial_update(s);
    chr_accept(s->chr);
}

static void serial_loaded(struct dev *dev)
{
    struct serial *s = container_of(dev, struct serial, dev);

    s->regs.head %= FIFO_SIZE;
    s->regs.count = MIN(s->regs.count, FIFO_SIZE);
    if (!(s->regs.fcr & FCR_ENABLE))
        s->regs.count = MIN(s->regs.count, 1);
    timer_set(&s->timer, s->regs.timeout_at);
    serial_update(s);
    irq_set(&s->dev.lines[SERIAL_16550_LINE_IRQ], s->out);
    chr_accept(s->chr);
}

static int serial_init(struct dev *dev, struct error *err)
{
    struct serial *s = container_of(dev, struct serial, dev);

    (void)err;
    timer_init(&s->timer, dev_clock(dev), serial_timeout, s, &dev->lock);
    s->regs.timeout_at = UINT64_MAX;
    return 0;
}

static void serial_fini(struct dev *dev)
{
    struct serial *s = container_of(dev, struct serial, dev);

    timer_cancel(&s->timer);
    if (s->chr)
        s->chr->front = (struct chr_front){0};
}

void serial_16550_configure(struct dev *dev, struct chr *chr)
{
    struct serial *s = container_of(dev, struct serial, dev);

    s->chr = chr;
    if (chr)
        chr->front = (struct chr_front){
            .receive = serial_receive, .event = serial_event, .opaque = s, .lock = &dev->lock};
}

static const struct window_ops serial_ops = {serial_read, serial_write, 1, 1};
static const struct dev_window_desc serial_windows[] = {{"regs", 8, &serial_ops}, {0}};
static const char *const serial_lines[] = {"irq", NULL};
static const struct dev_counter serial_counters[] = {
    {"tx_bytes", offsetof(struct serial, n_tx)},
    {"rx_bytes", offsetof(struct serial, n_rx)},
    {"overruns", offsetof(struct serial, n_overruns)},
    {0},
};

const struct dev_type serial_16550_type = {
    .name = "serial_16550",
    .help = "16550A UART",
    .size = sizeof(struct serial),
    .regs = offsetof(struct serial, regs),
    .state = &serial_state,
    .windows = serial_windows,
    .lines = serial_lines,
    .counters = serial_counters,
    .init = serial_init,
    .fini = serial_fini,
    .reset = serial_reset,
    .loaded = serial_loaded,
};
