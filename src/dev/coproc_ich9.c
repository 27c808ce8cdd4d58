/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * coproc_ich9: the coprocessor interface of the ICH9: register COPROC_ERR at port F0h
 * [ICH9 5.11, 13.7.1].
 *
 * Not modelled: more than one processor's FERR#: they share the pin.
 */
#include "dev/coproc_ich9.h"

#include "base/bits.h"
#include "base/trace.h"

struct coproc_regs {
    uint8_t ferr, irq, ignne; /* levels: asserted or not */
};

struct coproc {
    struct dev dev;
    struct coproc_regs regs;
    uint64_t n_errors;
};

static const struct field coproc_fields[] = {
    FIELD(struct coproc_regs, ferr),
    FIELD(struct coproc_regs, irq),
    FIELD(struct coproc_regs, ignne),
    FIELD_END,
};
static const struct state coproc_state = {"coproc_ich9", 1, sizeof(struct coproc_regs),
                                          coproc_fields};

static void coproc_lines(struct coproc *c)
{
    irq_set(&c->dev.lines[COPROC_ICH9_LINE_IRQ], c->regs.irq);
    irq_set(&c->dev.lines[COPROC_ICH9_LINE_IGNNE], c->regs.ignne);
}

static void ferr_set(void *opaque, unsigned n, bool level)
{
    struct coproc *c = opaque;

    (void)n;
    pthread_mutex_lock(&c->dev.lock);
    if (level != !!c->regs.ferr) {
        TRACE(coproc_ferr, "level=%d", level);
        c->regs.ferr = level;
        c->regs.irq |= level;
        c->regs.ignne &= level;
        c->n_errors += level;
        coproc_lines(c);
    }
    pthread_mutex_unlock(&c->dev.lock);
}

struct irq coproc_ich9_ferr(struct dev *dev)
{
    return (struct irq){.set = ferr_set, .opaque = container_of(dev, struct coproc, dev)};
}

static uint64_t coproc_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)dev;
    (void)off;
    return BIT64(8 * size) - 1; /* write only */
}

static void coproc_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct coproc *c = container_of(dev, struct coproc, dev);

    (void)off;
    (void)size;
    (void)v;
    c->regs.irq = 0;
    c->regs.ignne = c->regs.ferr;
    coproc_lines(c);
}

static void coproc_reset(struct dev *dev)
{
    struct coproc *c = container_of(dev, struct coproc, dev);

    c->regs = (struct coproc_regs){0};
    coproc_lines(c);
}

static void coproc_loaded(struct dev *dev)
{
    coproc_lines(container_of(dev, struct coproc, dev));
}

static const struct window_ops coproc_ops = {coproc_read, coproc_write, 1, 1};
static const struct dev_window_desc coproc_windows[] = {{"port", 1, &coproc_ops}, {0}};
static const char *const coproc_line_names[] = {"irq", "ignne", NULL};
static const struct dev_counter coproc_counters[] = {
    {"errors", offsetof(struct coproc, n_errors)},
    {0},
};

const struct dev_type coproc_ich9_type = {
    .name = "coproc_ich9",
    .help = "x87 errors as IRQ 13",
    .size = sizeof(struct coproc),
    .regs = offsetof(struct coproc, regs),
    .state = &coproc_state,
    .windows = coproc_windows,
    .lines = coproc_line_names,
    .counters = coproc_counters,
    .reset = coproc_reset,
    .loaded = coproc_loaded,
};
