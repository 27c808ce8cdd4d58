/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pit_i8254: interval timer [8254] with three counters at 1.193182 MHz, and system control port B
 * (0x61) [ICH9 13.7.1].
 *
 * Nothing counts by itself: a counter is the tick at which it was loaded plus a formula a mode.
 * The gates of counters 0 and 1 are always high, that of counter 2 is bit 0 of port 0x61.
 *
 *   mode  OUT after n ticks of a count N             count          ends by
 *   0     low, high from N on                        N - n          going on
 *   1     low, high from N on (gate starts it)       N - n          going on
 *   2     low for the last tick of every N           N - n % N      reload
 *   3     high for (N + 1) / 2, low for the rest     N - 2n % N     reload
 *   4     low during tick N only                     N - n          going on
 *   5     as 4 (gate starts it)                      N - n          going on
 *
 * A new count in modes 2 and 3 is taken when the period ends; in the others at once.
 *
 * Not modelled: the one tick that loading takes, a speaker, ticks that a late host loses (they are
 * counted, not delivered in a burst), SERR# and IOCHK# (their enable bits are stored).
 */
#include "dev/pit_i8254.h"

#include "base/bits.h"
#include "base/trace.h"

#define PIT_HZ UINT64_C(1193182)
#define NS_PER_S UINT64_C(1000000000)
#define MIN_TICKS 24     /* 20 us: no host thread is kept busy by a shorter period */
#define REFRESH_NS 15085 /* half a period of the refresh toggle */

enum { RW_LSB = 1, RW_MSB, RW_BOTH };
enum { STATUS_NULL = 0x40, STATUS_OUT = 0x80 };
enum { PORT61_GATE2 = 1, PORT61_WRITABLE = 0x0f, PORT61_REFRESH = 0x10, PORT61_OUT2 = 0x20 };

struct pit_counter {
    uint64_t start;  /* tick at which `count` began to count */
    uint64_t frozen; /* ticks done while the gate holds modes 0 and 4; UINT64_MAX: not held */
    uint32_t count;  /* 1..0x10000 (binary ticks); 0: none written since the mode was */
    uint32_t next;   /* takes over at the end of the period; 0: none */
    uint8_t mode, bcd, rw;
    uint8_t gate;
    uint8_t triggered;  /* modes 1 and 5: the gate has risen since the mode was written */
    uint8_t low_byte;   /* written, waiting for the high one */
    uint8_t write_high; /* the next byte written is the high one */
    uint8_t read_high;  /* the next byte read is the high one */
    uint8_t latched;    /* bytes of latch still to be read */
    uint8_t status_latched, status;
    uint8_t unused[3];
    uint16_t latch;
};

struct pit_regs {
    struct pit_counter counter[3];
    uint8_t port61; /* writable bits */
    uint8_t unused[7];
};

struct pit {
    struct dev dev;
    struct pit_regs regs;
    struct timer timer; /* counter 0's next rise of OUT */
    uint64_t due;       /* its tick */
    uint64_t n_irqs, n_lost_ticks, n_bad_writes;
};

static const struct field counter_fields[] = {
    FIELD(struct pit_counter, start),          FIELD(struct pit_counter, frozen),
    FIELD(struct pit_counter, count),          FIELD(struct pit_counter, next),
    FIELD(struct pit_counter, mode),           FIELD(struct pit_counter, bcd),
    FIELD(struct pit_counter, rw),             FIELD(struct pit_counter, gate),
    FIELD(struct pit_counter, triggered),      FIELD(struct pit_counter, low_byte),
    FIELD(struct pit_counter, write_high),     FIELD(struct pit_counter, read_high),
    FIELD(struct pit_counter, latched),        FIELD(struct pit_counter, status_latched),
    FIELD(struct pit_counter, status),         FIELD_BYTES(struct pit_counter, unused),
    FIELD(struct pit_counter, latch),          FIELD_END,
};
static const struct field pit_fields[] = {
    FIELD_SUBS(struct pit_regs, counter, counter_fields),
    FIELD(struct pit_regs, port61),
    FIELD_BYTES(struct pit_regs, unused),
    FIELD_END,
};
static const struct state pit_state = {"pit_i8254", 1, sizeof(struct pit_regs), pit_fields};

static uint64_t ns_to_tick(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * PIT_HZ / NS_PER_S);
}

/* The first ns at which ns_to_tick() gives tick. */
static uint64_t tick_to_ns(uint64_t tick)
{
    return (uint64_t)(((unsigned __int128)tick * NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static uint64_t pit_now(const struct pit *p)
{
    return ns_to_tick(clock_ns(dev_clock(&p->dev)));
}

static bool is_periodic(const struct pit_counter *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_gate_started(const struct pit_counter *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* Take a new count whose time has come. */
static void counter_sync(struct pit_counter *c, uint64_t now)
{
    if (!c->next || !c->count || !is_periodic(c) || c->frozen != UINT64_MAX || now < c->start || now - c->start < c->count)
        return;
    c->start += (now - c->start) / c->count * c->count;
    c->count = c->next;
    c->next = 0;
}

/* Does it count, and how far has it come? */
static bool counter_runs(const struct pit_counter *c)
{
    return c->count && (!is_gate_started(c) || c->triggered);
}

static uint64_t counter_ticks(const struct pit_counter *c, uint64_t now)
{
    if (c->frozen != UINT64_MAX)
        return c->frozen;
    return now > c->start ? now - c->start : 0;
}

/* In modes 2 and 3 a low gate stops the counter; OUT is high. */
static bool counter_out(const struct pit_counter *c, uint64_t now)
{
    if (!counter_runs(c))
        return c->mode != 0;
    uint64_t n = counter_ticks(c, now);
    switch (c->mode) {
    case 0:
    case 1: return n >= c->count;
    case 2: return !c->gate || n % c->count != c->count - 1;
    case 3: return !c->gate || n % c->count < (c->count + 1) / 2;
    default: return n != c->count;
    }
}

/* The counting element as it reads. */
static uint16_t counter_value(const struct pit_counter *c, uint64_t now)
{
    uint32_t modulus = c->bcd ? 10000 : 0x10000;
    uint64_t n = counter_ticks(c, now);
    uint32_t v;

    if (!counter_runs(c)) {
        v = c->count;
    } else if (c->mode == 2) {
        v = c->count - (uint32_t)(n % c->count);
    } else if (c->mode == 3) {
        /* Two a tick; an odd count loses one more in the first half, three in the second. */
        uint32_t half = (c->count + 1) / 2;
        uint32_t at = (uint32_t)(n % c->count);
        v = (c->count & ~1u) - 2 * (at < half ? at : at - half);
    } else {
        v = (uint32_t)((c->count + modulus - n % modulus) % modulus);
    }
    v %= modulus;
    if (c->bcd)
        v = v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 << 12;
    return (uint16_t)v;
}

/* The next tick after `now` at which OUT of counter 0 rises; UINT64_MAX: never. */
static uint64_t next_rise(const struct pit_counter *c, uint64_t now)
{
    if (!counter_runs(c) || c->frozen != UINT64_MAX)
        return UINT64_MAX;
    if (is_periodic(c)) {
        uint64_t n = now > c->start ? now - c->start : 0;
        return c->start + (n / c->count + 1) * c->count;
    }
    uint64_t rise = c->start + c->count + (c->mode >= 4);
    return rise > now ? rise : UINT64_MAX;
}

static void pit_arm(struct pit *p, uint64_t now)
{
    const struct pit_counter *c = &p->regs.counter[0];

    p->due = next_rise(c, now);
    if (is_periodic(c) && p->due != UINT64_MAX)
        p->due = MAX(p->due, now + MIN_TICKS);
    timer_set(&p->timer, p->due == UINT64_MAX ? UINT64_MAX : tick_to_ns(p->due));
}

/* Counter 0 was reprogrammed: its line follows OUT, the timer the next rise. */
static void pit_rearm(struct pit *p, uint64_t now)
{
    irq_set(&p->dev.lines[PIT_I8254_LINE_OUT0], counter_out(&p->regs.counter[0], now));
    pit_arm(p, now);
}

static void pit_timer(void *opaque)
{
    struct pit *p = opaque;
    struct pit_counter *c = &p->regs.counter[0];
    uint64_t now = pit_now(p);

    if (now < p->due)
        return; /* programmed anew while it was on its way here */
    if (is_periodic(c) && counter_runs(c) && now > p->due)
        p->n_lost_ticks += (now - p->due) / c->count;
    counter_sync(c, now);
    /* The short low phase before the rise is told together with it. */
    irq_set(&p->dev.lines[PIT_I8254_LINE_OUT0], false);
    irq_set(&p->dev.lines[PIT_I8254_LINE_OUT0], true);
    p->n_irqs++;
    pit_arm(p, now);
}

static void counter_load(struct pit_counter *c, uint16_t v, uint64_t now)
{
    uint32_t n = v;

    if (c->bcd)
        n = (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12) * 1000u;
    if (!n)
        n = c->bcd ? 10000 : 0x10000;
    if ((is_periodic(c) && c->count && c->gate) || (is_gate_started(c) && c->triggered)) {
        c->next = n;
        return;
    }
    c->count = n;
    c->start = now;
    c->frozen = c->gate || is_gate_started(c) ? UINT64_MAX : 0;
}

static void counter_write(struct pit_counter *c, uint8_t v, uint64_t now)
{
    switch (c->rw) {
    case RW_LSB: counter_load(c, v, now); break;
    case RW_MSB: counter_load(c, (uint16_t)(v << 8), now); break;
    default:
        if (c->write_high) {
            c->write_high = 0;
            counter_load(c, (uint16_t)(v << 8 | c->low_byte), now);
        } else {
            c->write_high = 1;
            c->low_byte = v;
            if (c->mode == 0)
                c->count = 0; /* the first byte stops it [8254 "mode 0"] */
        }
        break;
    }
}

static void counter_gate(struct pit_counter *c, bool gate, uint64_t now)
{
    bool rises = gate && !c->gate, falls = !gate && c->gate;

    if (falls && !is_gate_started(c))
        c->frozen = counter_ticks(c, now);
    c->gate = gate;
    if (!rises)
        return;
    if (is_gate_started(c)) {
        c->triggered = 1;
        c->start = now;
    } else if (is_periodic(c)) {
        c->start = now;
        c->frozen = UINT64_MAX;
    } else if (c->frozen != UINT64_MAX) {
        c->start = now - c->frozen;
        c->frozen = UINT64_MAX;
    }
    if (c->next) {
        c->count = c->next;
        c->next = 0;
    }
}

static void counter_control(struct pit_counter *c, uint8_t v)
{
    *c = (struct pit_counter){.rw = v >> 4 & 3,
                              .mode = (v >> 1 & 7) > 5 ? v >> 1 & 3 : v >> 1 & 7,
                              .bcd = v & 1,
                              .gate = c->gate,
                              .frozen = UINT64_MAX};
}

static void counter_latch(struct pit_counter *c, uint64_t now)
{
    if (c->latched)
        return; /* the first latch stays until it is read */
    c->latch = counter_value(c, now);
    c->latched = c->rw == RW_BOTH ? 2 : 1;
}

static void counter_latch_status(struct pit_counter *c, uint64_t now)
{
    bool null = !c->count || c->next || (is_gate_started(c) && !c->triggered);

    if (c->status_latched)
        return;
    c->status_latched = 1;
    c->status = (uint8_t)((counter_out(c, now) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0) |
                          c->rw << 4 | c->mode << 1 | c->bcd);
}

static uint8_t counter_read(struct pit_counter *c, uint64_t now)
{
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    if (c->latched) {
        bool high = c->rw == RW_MSB || (c->rw == RW_BOTH && c->latched == 1);
        c->latched--;
        return (uint8_t)(c->latch >> (high ? 8 : 0));
    }
    uint16_t v = counter_value(c, now);
    bool high = c->rw == RW_MSB || (c->rw == RW_BOTH && c->read_high);
    if (c->rw == RW_BOTH)
        c->read_high ^= 1;
    return (uint8_t)(v >> (high ? 8 : 0));
}

static void control_write(struct pit *p, uint8_t v, uint64_t now)
{
    unsigned which = v >> 6;

    if (which == 3) { /* read-back: bit 5 low latches counts, bit 4 low latches status */
        p->n_bad_writes += v & 1;
        for (unsigned i = 0; i < 3; i++) {
            if (!(v >> (i + 1) & 1))
                continue;
            counter_sync(&p->regs.counter[i], now);
            if (!(v & 0x20))
                counter_latch(&p->regs.counter[i], now);
            if (!(v & 0x10))
                counter_latch_status(&p->regs.counter[i], now);
        }
        return;
    }
    struct pit_counter *c = &p->regs.counter[which];
    counter_sync(c, now);
    if (v >> 4 & 3)
        counter_control(c, v);
    else
        counter_latch(c, now);
    if (which == 0 && (v >> 4 & 3))
        pit_rearm(p, now);
}

static uint64_t counters_read(struct dev *dev, uint64_t offset, unsigned size)
{
    struct pit *p = container_of(dev, struct pit, dev);
    uint64_t now = pit_now(p);

    (void)size;
    if (offset == 3)
        return 0xff; /* the control word is for writing */
    counter_sync(&p->regs.counter[offset], now);
    return counter_read(&p->regs.counter[offset], now);
}

static void counters_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    struct pit *p = container_of(dev, struct pit, dev);
    uint64_t now = pit_now(p);

    (void)size;
    TRACE(pit_write, "reg=%u value=%#x", (unsigned)offset, (unsigned)v);
    if (offset == 3) {
        control_write(p, (uint8_t)v, now);
        return;
    }
    counter_sync(&p->regs.counter[offset], now);
    counter_write(&p->regs.counter[offset], (uint8_t)v, now);
    if (offset == 0)
        pit_rearm(p, now);
}

static uint64_t port61_read(struct dev *dev, uint64_t offset, unsigned size)
{
    struct pit *p = container_of(dev, struct pit, dev);
    uint64_t now = pit_now(p);

    (void)offset;
    (void)size;
    counter_sync(&p->regs.counter[2], now);
    return p->regs.port61 | (counter_out(&p->regs.counter[2], now) ? PORT61_OUT2 : 0) |
           (clock_ns(dev_clock(dev)) / REFRESH_NS & 1 ? PORT61_REFRESH : 0);
}

static void port61_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    struct pit *p = container_of(dev, struct pit, dev);
    uint64_t now = pit_now(p);

    (void)offset;
    (void)size;
    p->regs.port61 = v & PORT61_WRITABLE;
    counter_sync(&p->regs.counter[2], now);
    counter_gate(&p->regs.counter[2], v & PORT61_GATE2, now);
}

static void pit_reset(struct dev *dev)
{
    struct pit *p = container_of(dev, struct pit, dev);

    p->regs = (struct pit_regs){0};
    for (unsigned i = 0; i < 3; i++)
        p->regs.counter[i] = (struct pit_counter){
            .rw = RW_BOTH, .mode = 3, .gate = i != 2, .frozen = UINT64_MAX};
    pit_rearm(p, pit_now(p));
}

static void pit_loaded(struct dev *dev)
{
    struct pit *p = container_of(dev, struct pit, dev);

    for (unsigned i = 0; i < 3; i++) {
        struct pit_counter *c = &p->regs.counter[i];
        c->mode %= 6;
        c->rw &= 3;
        c->count = MIN(c->count, 0x10000u);
        c->next = c->count ? MIN(c->next, 0x10000u) : 0;
    }
    pit_rearm(p, pit_now(p));
}

static int pit_init(struct dev *dev, struct error *err)
{
    struct pit *p = container_of(dev, struct pit, dev);

    (void)err;
    timer_init(&p->timer, dev_clock(dev), pit_timer, p, &dev->lock);
    return 0;
}

static void pit_fini(struct dev *dev)
{
    timer_cancel(&container_of(dev, struct pit, dev)->timer);
}

static const struct window_ops counters_ops = {counters_read, counters_write, 1, 1};
static const struct window_ops port61_ops = {port61_read, port61_write, 1, 1};
static const struct dev_window_desc pit_windows[] = {
    {"counters", 4, &counters_ops},
    {"port61", 1, &port61_ops},
    {0},
};
static const char *const pit_lines[] = {"out0", NULL};
static const struct dev_counter pit_counters[] = {
    {"irqs", offsetof(struct pit, n_irqs)},
    {"lost_ticks", offsetof(struct pit, n_lost_ticks)},
    {"bad_writes", offsetof(struct pit, n_bad_writes)},
    {0},
};

const struct dev_type pit_i8254_type = {
    .name = "pit_i8254",
    .help = "8254 interval timer and port 0x61",
    .size = sizeof(struct pit),
    .regs = offsetof(struct pit, regs),
    .state = &pit_state,
    .windows = pit_windows,
    .lines = pit_lines,
    .counters = pit_counters,
    .init = pit_init,
    .fini = pit_fini,
    .reset = pit_reset,
    .loaded = pit_loaded,
};
