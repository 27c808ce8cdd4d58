/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hpet: high precision event timers [HPET].
 *
 *   0x000 capabilities   0x010 configuration   0x020 interrupt status   0x0f0 main counter
 *   0x100 + 0x20 n: timer n: +0 configuration, +8 comparator
 *
 * The counter is not stepped: it is a base plus the guest time since it was enabled, at 10 ns a
 * tick. A timer's deadline is where the counter meets its comparator.
 *
 * Not modelled: FSB (message) delivery, which no timer announces; ticks of a periodic timer that a
 * late host loses (counted).
 */
#include "dev/hpet.h"

#include "base/bits.h"
#include "base/trace.h"

#define TICK_NS (HPET_PERIOD_FS / 1000000)
#define MIN_WAIT_NS 20000 /* no host thread is kept busy by a shorter period */
#define FAR_TICKS (UINT64_C(1) << 56)

enum { CAP = 0x000, CONFIG = 0x010, ISR = 0x020, COUNTER = 0x0f0, TIMER0 = 0x100 };
enum { CFG_ENABLE = 1, CFG_LEGACY = 2 };
enum {
    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_PERIODIC_CAP = 1 << 4,
    T_SIZE_CAP = 1 << 5,
    T_VAL_SET = 1 << 6,
    T_32BIT = 1 << 8,
    T_WRITABLE = 0x3f4e, /* with the route, bits 13..9 */
};
#define T_ROUTES UINT64_C(0x00f00000) /* I/O APIC inputs 20..23 */

struct hpet_timer {
    uint64_t config;
    uint64_t comparator;
    uint64_t period; /* what is added in periodic mode */
};

struct hpet_regs {
    uint64_t config, isr;
    uint64_t base;     /* counter while halted, or at start_ns */
    uint64_t start_ns; /* guest ns when it was enabled */
    struct hpet_timer timer[HPET_TIMERS];
    uint8_t input[2]; /* levels of the PIT's and the RTC's lines */
    uint8_t unused[6];
};

struct hpet {
    struct dev dev;
    struct hpet_regs regs;
    struct timer timers[HPET_TIMERS];
    uint64_t due[HPET_TIMERS]; /* guest ns */
    struct hpet_ref { /* what a timer's callback needs */
        struct hpet *hpet;
        unsigned n;
    } refs[HPET_TIMERS];
    uint64_t n_irqs, n_lost_ticks, n_bad_accesses;
};

static const struct field timer_fields[] = {
    FIELD(struct hpet_timer, config),
    FIELD(struct hpet_timer, comparator),
    FIELD(struct hpet_timer, period),
    FIELD_END,
};
static const struct field hpet_fields[] = {
    FIELD(struct hpet_regs, config),
    FIELD(struct hpet_regs, isr),
    FIELD(struct hpet_regs, base),
    FIELD(struct hpet_regs, start_ns),
    FIELD_SUBS(struct hpet_regs, timer, timer_fields),
    FIELD_BYTES(struct hpet_regs, input),
    FIELD_BYTES(struct hpet_regs, unused),
    FIELD_END,
};
static const struct state hpet_state = {"hpet", 1, sizeof(struct hpet_regs), hpet_fields};

uint32_t hpet_block_id(void)
{
    /* vendor, legacy capable, 64-bit counter, last timer, revision */
    return 0x8086u << 16 | 1u << 15 | 1u << 13 | (HPET_TIMERS - 1) << 8 | 1;
}

static uint64_t counter_at(const struct hpet *h, uint64_t now)
{
    const struct hpet_regs *r = &h->regs;

    return r->config & CFG_ENABLE ? r->base + (now - r->start_ns) / TICK_NS : r->base;
}

static bool is_legacy(const struct hpet *h)
{
    return h->regs.config & CFG_LEGACY;
}

static const struct irq *timer_line(const struct hpet *h, unsigned n)
{
    if (is_legacy(h) && n < 2)
        return &h->dev.lines[n == 0 ? HPET_LINE_IRQ0 : HPET_LINE_IRQ8];
    unsigned pin = (unsigned)bits_get(h->regs.timer[n].config, 13, 9);
    return pin < 24 ? &h->dev.lines[HPET_LINE_PIN0 + pin] : NULL;
}

/* A level-triggered timer's line follows its status bit. */
static void timer_line_update(struct hpet *h, unsigned n)
{
    const struct irq *line = timer_line(h, n);
    bool on = h->regs.isr >> n & 1 && (h->regs.timer[n].config & T_ENABLE) &&
              (h->regs.config & CFG_ENABLE);

    if (line && (h->regs.timer[n].config & T_LEVEL))
        irq_set(line, on);
}

/* Before a change of configuration: whatever the timer holds up falls. */
static void timer_line_drop(struct hpet *h, unsigned n)
{
    const struct irq *line = timer_line(h, n);

    if (line && (h->regs.timer[n].config & T_LEVEL) && (h->regs.isr >> n & 1))
        irq_set(line, false);
}

/* Ticks until counter and comparator meet; 0: now. */
static uint64_t timer_wait(const struct hpet_timer *t, uint64_t counter)
{
    if (t->config & T_32BIT)
        return (uint32_t)(t->comparator - counter);
    return t->comparator - counter;
}

/* `met`: it fires now, so the next meeting is wanted. */
static void timer_arm(struct hpet *h, unsigned n, uint64_t now, bool met)
{
    const struct hpet_timer *t = &h->regs.timer[n];
    uint64_t at = UINT64_MAX;

    if (h->regs.config & CFG_ENABLE) {
        uint64_t counter = counter_at(h, now), wait = timer_wait(t, counter);
        if (!wait && met)
            wait = t->config & T_32BIT ? BIT64(32) : UINT64_MAX;
        if (wait < FAR_TICKS)
            at = h->regs.start_ns + (counter - h->regs.base + wait) * TICK_NS;
        if ((t->config & T_PERIODIC) && at < now + MIN_WAIT_NS)
            at = now + MIN_WAIT_NS;
    }
    /* Without its interrupt a timer has nothing to tell, but its comparator still moves on. */
    if (!(t->config & T_ENABLE) && !(t->config & T_LEVEL))
        at = UINT64_MAX;
    h->due[n] = at;
    timer_set(&h->timers[n], at);
}

static void arm_all(struct hpet *h)
{
    uint64_t now = clock_ns(dev_clock(&h->dev));

    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_arm(h, n, now, false);
}

/* Move a periodic comparator past the counter; returns how many periods went by. */
static uint64_t timer_advance(struct hpet_timer *t, uint64_t counter)
{
    if (!(t->config & T_PERIODIC) || !t->period)
        return 0;
    uint64_t past = counter - t->comparator;
    if (t->config & T_32BIT)
        past = (uint32_t)past;
    uint64_t steps = past / t->period + 1;
    t->comparator += steps * t->period;
    if (t->config & T_32BIT)
        t->comparator = (uint32_t)t->comparator;
    return steps;
}

static void timer_fires(void *opaque)
{
    const struct hpet_ref *ref = opaque;
    struct hpet *h = ref->hpet;
    struct hpet_timer *t = &h->regs.timer[ref->n];
    uint64_t now = clock_ns(dev_clock(&h->dev));
    const struct irq *line = timer_line(h, ref->n);

    if (now < h->due[ref->n])
        return; /* programmed anew while it was on its way here */
    uint64_t steps = timer_advance(t, counter_at(h, now));
    h->n_lost_ticks += steps > 1 ? steps - 1 : 0;
    if (t->config & T_LEVEL) {
        h->regs.isr |= BIT64(ref->n);
        timer_line_update(h, ref->n);
    } else if (line && (t->config & T_ENABLE)) {
        irq_pulse(line);
    }
    h->n_irqs += (t->config & T_ENABLE) != 0;
    TRACE(hpet_fires, "timer=%u", ref->n);
    timer_arm(h, ref->n, now, true);
}

/* ---- the PIT's and the RTC's interrupts --------------------------------------------------- */

static void hpet_input_set(void *opaque, unsigned which, bool level)
{
    struct hpet *h = opaque;

    pthread_mutex_lock(&h->dev.lock);
    h->regs.input[which] = level;
    if (!is_legacy(h))
        irq_set(&h->dev.lines[HPET_LINE_IRQ0 + which], level);
    pthread_mutex_unlock(&h->dev.lock);
}

struct irq hpet_input(struct dev *dev, unsigned which)
{
    return (struct irq){.set = hpet_input_set, .opaque = dev, .n = which & 1};
}

/* ---- registers ---------------------------------------------------------------------------- */

static void config_write(struct hpet *h, uint64_t v)
{
    struct hpet_regs *r = &h->regs;
    uint64_t now = clock_ns(dev_clock(&h->dev)), old = r->config;

    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_line_drop(h, n);
    r->base = counter_at(h, now);
    r->start_ns = now;
    r->config = v & (CFG_ENABLE | CFG_LEGACY);
    if ((old ^ r->config) & CFG_LEGACY)
        for (unsigned i = 0; i < 2; i++)
            irq_set(&h->dev.lines[HPET_LINE_IRQ0 + i], !is_legacy(h) && r->input[i]);
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_line_update(h, n);
    arm_all(h);
}

static void counter_write(struct hpet *h, uint64_t v)
{
    h->regs.base = v;
    h->regs.start_ns = clock_ns(dev_clock(&h->dev));
    arm_all(h);
}

static void timer_config_write(struct hpet *h, unsigned n, uint64_t v)
{
    struct hpet_timer *t = &h->regs.timer[n];

    timer_line_drop(h, n);
    t->config = v & T_WRITABLE;
    if (t->config & T_32BIT) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & T_LEVEL))
        h->regs.isr &= ~BIT64(n);
    timer_line_update(h, n);
    timer_arm(h, n, clock_ns(dev_clock(&h->dev)), false);
}

/* In periodic mode a write sets the period, and the comparator with VAL_SET [HPET 2.3.9.2.2]. */
static void comparator_write(struct hpet *h, unsigned n, uint64_t v)
{
    struct hpet_timer *t = &h->regs.timer[n];

    if (t->config & T_32BIT)
        v = (uint32_t)v;
    if (!(t->config & T_PERIODIC) || (t->config & T_VAL_SET))
        t->comparator = v;
    if (t->config & T_PERIODIC)
        t->period = v;
    t->config &= ~(uint64_t)T_VAL_SET;
    timer_arm(h, n, clock_ns(dev_clock(&h->dev)), false);
}

/* Registers are 64 bits wide. A periodic comparator shows where it would be by now. */
static uint64_t reg_read(struct hpet *h, unsigned reg)
{
    struct hpet_regs *r = &h->regs;
    unsigned n = (reg - TIMER0) / 0x20;

    switch (reg) {
    case CAP: return (uint64_t)HPET_PERIOD_FS << 32 | hpet_block_id();
    case CONFIG: return r->config;
    case ISR: return r->isr;
    case COUNTER: return counter_at(h, clock_ns(dev_clock(&h->dev)));
    default: break;
    }
    if (reg >= TIMER0 && n < HPET_TIMERS) {
        if ((reg & 0x1f) == 0)
            return r->timer[n].config | T_PERIODIC_CAP | T_SIZE_CAP | T_ROUTES << 32;
        if ((reg & 0x1f) == 8)
            return r->timer[n].comparator;
        if ((reg & 0x1f) == 0x10)
            return 0; /* no FSB route */
    }
    h->n_bad_accesses++;
    return 0;
}

static void reg_write(struct hpet *h, unsigned reg, uint64_t v)
{
    unsigned n = (reg - TIMER0) / 0x20;

    TRACE(hpet_write, "reg=%#x value=%#" PRIx64, reg, v);
    switch (reg) {
    case CONFIG: config_write(h, v); return;
    case COUNTER: counter_write(h, v); return;
    default: break;
    }
    if (reg >= TIMER0 && n < HPET_TIMERS && (reg & 0x1f) == 0)
        timer_config_write(h, n, v);
    else if (reg >= TIMER0 && n < HPET_TIMERS && (reg & 0x1f) == 8)
        comparator_write(h, n, v);
    else
        h->n_bad_accesses++;
}

static void isr_write(struct hpet *h, uint64_t v)
{
    h->regs.isr &= ~v;
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        if (v >> n & 1)
            timer_line_update(h, n);
}

static uint64_t hpet_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct hpet *h = container_of(dev, struct hpet, dev);
    uint64_t v = reg_read(h, (unsigned)off & ~7u);

    return size == 8 ? v : (uint32_t)(v >> (off & 4 ? 32 : 0));
}

/* What a half write leaves of the register: the comparator's other half is what was written to
 * it, which in periodic mode is the period. */
static uint64_t reg_old(struct hpet *h, unsigned reg)
{
    unsigned n = (reg - TIMER0) / 0x20;

    if (reg >= TIMER0 && n < HPET_TIMERS && (reg & 0x1f) == 8 &&
        (h->regs.timer[n].config & T_PERIODIC) && !(h->regs.timer[n].config & T_VAL_SET))
        return h->regs.timer[n].period;
    return reg_read(h, reg);
}

static void hpet_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct hpet *h = container_of(dev, struct hpet, dev);
    unsigned reg = (unsigned)off & ~7u;

    if (off & (size - 1)) {
        h->n_bad_accesses++;
        return;
    }
    if (reg == ISR) {
        isr_write(h, off & 4 ? 0 : v);
        return;
    }
    if (size == 4)
        v = off & 4 ? bits_set(reg_old(h, reg), 63, 32, v) : bits_set(reg_old(h, reg), 31, 0, v);
    reg_write(h, reg, v);
}

static void hpet_reset(struct dev *dev)
{
    struct hpet *h = container_of(dev, struct hpet, dev);
    struct hpet_regs *r = &h->regs;

    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_line_drop(h, n);
    *r = (struct hpet_regs){.input = {r->input[0], r->input[1]}};
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        r->timer[n].comparator = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++)
        irq_set(&dev->lines[HPET_LINE_IRQ0 + i], r->input[i]);
    arm_all(h);
}

static void hpet_loaded(struct dev *dev)
{
    struct hpet *h = container_of(dev, struct hpet, dev);

    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->regs.timer[n].config &= T_WRITABLE;
        timer_line_update(h, n);
    }
    arm_all(h);
}

static int hpet_init(struct dev *dev, struct error *err)
{
    struct hpet *h = container_of(dev, struct hpet, dev);

    (void)err;
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->refs[n] = (struct hpet_ref){h, n};
        timer_init(&h->timers[n], dev_clock(dev), timer_fires, &h->refs[n], &dev->lock);
    }
    return 0;
}

static void hpet_fini(struct dev *dev)
{
    struct hpet *h = container_of(dev, struct hpet, dev);

    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_cancel(&h->timers[n]);
}

static const struct window_ops hpet_ops = {hpet_read, hpet_write, 4, 8};
static const struct dev_window_desc hpet_windows[] = {{"regs", 0x400, &hpet_ops}, {0}};
static const char *const hpet_lines[] = {
    "irq0",  "irq8",  "pin0",  "pin1",  "pin2",  "pin3",  "pin4",  "pin5",  "pin6",
    "pin7",  "pin8",  "pin9",  "pin10", "pin11", "pin12", "pin13", "pin14", "pin15",
    "pin16", "pin17", "pin18", "pin19", "pin20", "pin21", "pin22", "pin23", NULL};
static const struct dev_counter hpet_counters[] = {
    {"irqs", offsetof(struct hpet, n_irqs)},
    {"lost_ticks", offsetof(struct hpet, n_lost_ticks)},
    {"bad_accesses", offsetof(struct hpet, n_bad_accesses)},
    {0},
};

const struct dev_type hpet_type = {
    .name = "hpet",
    .help = "high precision event timers",
    .size = sizeof(struct hpet),
    .regs = offsetof(struct hpet, regs),
    .state = &hpet_state,
    .windows = hpet_windows,
    .lines = hpet_lines,
    .counters = hpet_counters,
    .init = hpet_init,
    .fini = hpet_fini,
    .reset = hpet_reset,
    .loaded = hpet_loaded,
};
