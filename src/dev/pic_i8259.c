/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pic_i8259: two programmable interrupt controllers, slave on the master's IR2 [8259A], with the
 * edge/level control registers of the ICH9 at 0x4d0 [ICH9 13.4].
 *
 * Each chip: IRR (requests), ISR (in service), IMR (mask). ICW1..4 initialise it, OCW1..3 operate
 * it. Priority runs from `lowest + 1` round to `lowest`.
 *
 * Not modelled: other cascades than the PC's, buffered mode, 8080 mode (the acknowledge cycle
 * always gives one vector), withdrawal of an edge-triggered request whose line falls before it is
 * acknowledged (the request stays, where the chip would end up with a spurious IR7).
 */
#include "dev/pic_i8259.h"

#include "base/trace.h"

enum { ICW1_IC4 = 1, ICW1_SNGL = 2, ICW1_LTIM = 8, ICW1 = 0x10, OCW3 = 0x08 };
enum { ICW4_AEOI = 2, ICW4_SFNM = 0x10 };
enum { WANT_NONE, WANT_ICW2, WANT_ICW3, WANT_ICW4 };

struct pic_chip {
    uint8_t irr, isr, imr;
    uint8_t lines;  /* levels of the inputs */
    uint8_t lowest; /* input of lowest priority */
    uint8_t vector; /* base, bits 7..3 */
    uint8_t want;   /* next initialisation word */
    uint8_t want_icw4;
    uint8_t single;
    uint8_t ltim; /* all inputs level-triggered */
    uint8_t auto_eoi, rotate_auto_eoi;
    uint8_t sfnm, special_mask;
    uint8_t read_isr, poll;
    uint8_t elcr;
    uint8_t unused[7];
};

struct pic_regs {
    struct pic_chip chip[2]; /* master, slave */
};

struct pic {
    struct dev dev;
    struct pic_regs regs;
    bool intr; /* what the line was told last */
    uint64_t n_spurious, n_acks, n_bad_writes;
};

static const struct field chip_fields[] = {
    FIELD(struct pic_chip, irr),      FIELD(struct pic_chip, isr),
    FIELD(struct pic_chip, imr),      FIELD(struct pic_chip, lines),
    FIELD(struct pic_chip, lowest),   FIELD(struct pic_chip, vector),
    FIELD(struct pic_chip, want),     FIELD(struct pic_chip, want_icw4),
    FIELD(struct pic_chip, single),   FIELD(struct pic_chip, ltim),
    FIELD(struct pic_chip, auto_eoi), FIELD(struct pic_chip, rotate_auto_eoi),
    FIELD(struct pic_chip, sfnm),     FIELD(struct pic_chip, special_mask),
    FIELD(struct pic_chip, read_isr), FIELD(struct pic_chip, poll),
    FIELD(struct pic_chip, elcr),     FIELD_BYTES(struct pic_chip, unused),
    FIELD_END,
};
static const struct field pic_fields[] = {
    FIELD_SUBS(struct pic_regs, chip, chip_fields),
    FIELD_END,
};
static const struct state pic_state = {"pic_i8259", 1, sizeof(struct pic_regs), pic_fields};

/* Which bits of the ELCR can be set: not the timer, keyboard, cascade, RTC and coprocessor. */
static const uint8_t elcr_mask[2] = {0xf8, 0xde};

/* Rank of the best bit set (0 = highest priority), 8 if none. */
static unsigned best_rank(const struct pic_chip *c, uint8_t bits)
{
    unsigned rank = 0;

    while (rank < 8 && !(bits >> ((c->lowest + 1 + rank) & 7) & 1))
        rank++;
    return rank;
}

static unsigned rank_input(const struct pic_chip *c, unsigned rank)
{
    return (c->lowest + 1 + rank) & 7;
}

/* The input that the chip asks the CPU to serve, or -1. */
static int chip_pending(const struct pic_chip *c, bool master)
{
    uint8_t want = c->irr & (uint8_t)~c->imr, busy = c->isr;

    /* Special fully nested: a slave in service does not stop its own better requests. */
    if (c->sfnm && master)
        busy &= (uint8_t)~4;
    /* Special mask: what is in service stops only itself [8259A "special mask mode"]. */
    if (c->special_mask) {
        want &= (uint8_t)~busy;
        busy = 0;
    }
    unsigned rank = best_rank(c, want);
    return rank < best_rank(c, busy) ? (int)rank_input(c, rank) : -1;
}

static bool input_is_level(const struct pic_chip *c, unsigned n)
{
    return c->ltim || (c->elcr >> n & 1);
}

static void chip_input(struct pic_chip *c, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (input_is_level(c, n)) {
        c->irr = level ? c->irr | bit : c->irr & (uint8_t)~bit;
    } else if (level && !(c->lines & bit)) {
        c->irr |= bit;
    }
    c->lines = level ? c->lines | bit : c->lines & (uint8_t)~bit;
}

/* The slave's output is the master's IR2; the master's output is INTR. */
static void pic_update(struct pic *p)
{
    struct pic_chip *m = &p->regs.chip[0];
    bool slave = chip_pending(&p->regs.chip[1], false) >= 0;

    if (slave)
        m->irr |= 4;
    else
        m->irr &= (uint8_t)~4;
    m->lines = slave ? m->lines | 4 : m->lines & (uint8_t)~4;
    bool intr = chip_pending(m, true) >= 0;
    if (intr != p->intr) {
        p->intr = intr;
        irq_set(&p->dev.lines[PIC_I8259_LINE_INTR], intr);
    }
}

static void pic_input_set(void *opaque, unsigned n, bool level)
{
    struct pic *p = opaque;

    pthread_mutex_lock(&p->dev.lock);
    if (n != 2) {
        chip_input(&p->regs.chip[n >> 3 & 1], n & 7, level);
        TRACE(pic_input, "irq=%u level=%d", n, level);
        pic_update(p);
    }
    pthread_mutex_unlock(&p->dev.lock);
}

struct irq pic_i8259_input(struct dev *dev, unsigned irq)
{
    return (struct irq){.set = pic_input_set, .opaque = dev, .n = irq & 15};
}

/* Acknowledge input n: from IRR to ISR. */
static void chip_ack(struct pic_chip *c, unsigned n)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (!input_is_level(c, n))
        c->irr &= (uint8_t)~bit;
    if (!c->auto_eoi)
        c->isr |= bit;
    else if (c->rotate_auto_eoi)
        c->lowest = (uint8_t)n;
}

uint8_t pic_i8259_ack(void *opaque)
{
    struct pic *p = opaque;
    struct pic_chip *m = &p->regs.chip[0], *s = &p->regs.chip[1];
    uint8_t vector;

    pthread_mutex_lock(&p->dev.lock);
    int n = chip_pending(m, true);
    if (n < 0) {
        n = 7; /* nothing there any more: spurious, not in service [8259A "IR7"] */
        p->n_spurious++;
        vector = m->vector | 7;
    } else if (n == 2) {
        chip_ack(m, 2);
        int k = chip_pending(s, false);
        if (k < 0) {
            k = 7;
            p->n_spurious++;
        } else {
            chip_ack(s, (unsigned)k);
        }
        vector = s->vector | (uint8_t)k;
    } else {
        chip_ack(m, (unsigned)n);
        vector = m->vector | (uint8_t)n;
    }
    p->n_acks++;
    TRACE(pic_ack, "vector=%#x", vector);
    pic_update(p);
    pthread_mutex_unlock(&p->dev.lock);
    return vector;
}

static void icw1_write(struct pic_chip *c, uint8_t v)
{
    uint8_t elcr = c->elcr, lines = c->lines;

    *c = (struct pic_chip){.lowest = 7,
                           .elcr = elcr,
                           .lines = lines,
                           .vector = c->vector,
                           .want = WANT_ICW2,
                           .want_icw4 = v & ICW1_IC4,
                           .single = (v & ICW1_SNGL) != 0,
                           .ltim = (v & ICW1_LTIM) != 0};
    /* Edge detectors are cleared; level-triggered inputs show at once. */
    c->irr = c->ltim ? lines : lines & elcr;
}

static void ocw2_write(struct pic_chip *c, uint8_t v)
{
    unsigned n = v & 7;
    unsigned rank = best_rank(c, c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr);

    switch (v >> 5) {
    case 0: /* rotate in automatic EOI mode: clear */
    case 4: /* ... set */
        c->rotate_auto_eoi = v >> 7;
        break;
    case 1: /* non-specific EOI */
    case 5: /* ... with rotation */
        if (rank == 8)
            break;
        n = rank_input(c, rank);
        c->isr &= (uint8_t) ~(1u << n);
        if (v >> 7)
            c->lowest = (uint8_t)n;
        break;
    case 3: /* specific EOI */
        c->isr &= (uint8_t) ~(1u << n);
        break;
    case 6: /* set priority */
        c->lowest = (uint8_t)n;
        break;
    case 7: /* rotate on specific EOI */
        c->isr &= (uint8_t) ~(1u << n);
        c->lowest = (uint8_t)n;
        break;
    default: break; /* 2: no operation */
    }
}

static void ocw3_write(struct pic_chip *c, uint8_t v)
{
    if (v & 0x40)
        c->special_mask = v >> 5 & 1;
    if (v & 0x04)
        c->poll = 1;
    else if (v & 0x02)
        c->read_isr = v & 1;
}

static void data_write(struct pic *p, struct pic_chip *c, uint8_t v)
{
    switch (c->want) {
    case WANT_NONE: c->imr = v; break;
    case WANT_ICW2:
        c->vector = v & 0xf8;
        c->want = !c->single ? WANT_ICW3 : c->want_icw4 ? WANT_ICW4 : WANT_NONE;
        break;
    case WANT_ICW3: /* the wiring is fixed: 4 for the master, 2 for the slave */
        p->n_bad_writes += v != (c == &p->regs.chip[0] ? 4 : 2);
        c->want = c->want_icw4 ? WANT_ICW4 : WANT_NONE;
        break;
    case WANT_ICW4:
        c->auto_eoi = (v & ICW4_AEOI) != 0;
        c->sfnm = (v & ICW4_SFNM) != 0;
        c->want = WANT_NONE;
        break;
    }
}

static void chip_write(struct pic *p, unsigned which, uint64_t offset, uint8_t v)
{
    struct pic_chip *c = &p->regs.chip[which];

    TRACE(pic_write, "chip=%u a0=%u value=%#x", which, (unsigned)offset, v);
    if (offset)
        data_write(p, c, v);
    else if (v & ICW1)
        icw1_write(c, v);
    else if (v & OCW3)
        ocw3_write(c, v);
    else
        ocw2_write(c, v);
    pic_update(p);
}

static uint8_t chip_poll(struct pic *p, unsigned which)
{
    struct pic_chip *c = &p->regs.chip[which];
    int n = chip_pending(c, which == 0);

    c->poll = 0;
    if (n < 0)
        return 7;
    chip_ack(c, (unsigned)n);
    pic_update(p);
    return 0x80 | (uint8_t)n;
}

static uint8_t chip_read(struct pic *p, unsigned which, uint64_t offset)
{
    struct pic_chip *c = &p->regs.chip[which];

    if (c->poll)
        return chip_poll(p, which);
    if (offset)
        return c->imr;
    return c->read_isr ? c->isr : c->irr;
}

static uint64_t master_read(struct dev *dev, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(container_of(dev, struct pic, dev), 0, offset);
}

static void master_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    (void)size;
    chip_write(container_of(dev, struct pic, dev), 0, offset, (uint8_t)v);
}

static uint64_t slave_read(struct dev *dev, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(container_of(dev, struct pic, dev), 1, offset);
}

static void slave_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    (void)size;
    chip_write(container_of(dev, struct pic, dev), 1, offset, (uint8_t)v);
}

static uint64_t elcr_read(struct dev *dev, uint64_t offset, unsigned size)
{
    (void)size;
    return container_of(dev, struct pic, dev)->regs.chip[offset & 1].elcr;
}

static void elcr_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    struct pic *p = container_of(dev, struct pic, dev);
    struct pic_chip *c = &p->regs.chip[offset & 1];

    (void)size;
    c->elcr = (uint8_t)v & elcr_mask[offset & 1];
    /* A level-triggered input asks as long as it is high. */
    for (unsigned n = 0; n < 8; n++)
        if (c->elcr >> n & 1)
            chip_input(c, n, c->lines >> n & 1);
    pic_update(p);
}

/* Inputs keep their levels: the devices behind them say when they fall. */
static void pic_reset(struct dev *dev)
{
    struct pic *p = container_of(dev, struct pic, dev);

    for (unsigned i = 0; i < 2; i++) {
        struct pic_chip *c = &p->regs.chip[i];
        *c = (struct pic_chip){.lowest = 7, .lines = c->lines};
    }
    pic_update(p);
}

static void pic_loaded(struct dev *dev)
{
    struct pic *p = container_of(dev, struct pic, dev);

    for (unsigned i = 0; i < 2; i++) {
        p->regs.chip[i].lowest &= 7;
        p->regs.chip[i].vector &= 0xf8;
    }
    pic_update(p);
    irq_set(&p->dev.lines[PIC_I8259_LINE_INTR], p->intr);
}

static const struct window_ops master_ops = {master_read, master_write, 1, 1};
static const struct window_ops slave_ops = {slave_read, slave_write, 1, 1};
static const struct window_ops elcr_ops = {elcr_read, elcr_write, 1, 1};
static const struct dev_window_desc pic_windows[] = {
    {"master", 2, &master_ops},
    {"slave", 2, &slave_ops},
    {"elcr", 2, &elcr_ops},
    {0},
};
static const char *const pic_lines[] = {"intr", NULL};
static const struct dev_counter pic_counters[] = {
    {"acks", offsetof(struct pic, n_acks)},
    {"spurious", offsetof(struct pic, n_spurious)},
    {"bad_writes", offsetof(struct pic, n_bad_writes)},
    {0},
};

const struct dev_type pic_i8259_type = {
    .name = "pic_i8259",
    .help = "8259A interrupt controllers, master and slave",
    .size = sizeof(struct pic),
    .regs = offsetof(struct pic, regs),
    .state = &pic_state,
    .windows = pic_windows,
    .lines = pic_lines,
    .counters = pic_counters,
    .reset = pic_reset,
    .loaded = pic_loaded,
};
