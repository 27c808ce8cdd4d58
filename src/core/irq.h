/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * irq: an interrupt line as a value. A device raises and lowers its own lines; who listens is the
 * board's business. A line call is a leaf: it may be made with the device's lock held and never
 * calls back into the device.
 */
#ifndef QUAD_CORE_IRQ_H
#define QUAD_CORE_IRQ_H

#include "base/base.h"

struct irq {
    void (*set)(void *opaque, unsigned n, bool level);
    void *opaque;
    unsigned n;
};

static inline void irq_set(const struct irq *irq, bool level)
{
    if (irq->set)
        irq->set(irq->opaque, irq->n, level);
}

static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, true);
    irq_set(irq, false);
}

/* One line that drives several inputs (ISA IRQ: 8259 and I/O APIC). */
#define IRQ_FANOUT_MAX 4
struct irq_fanout {
    struct irq out[IRQ_FANOUT_MAX];
    unsigned n;
};

struct irq irq_fanout_line(struct irq_fanout *f);

/* Several sources of one shared, level-triggered line (PCI INTx): high while any is high. */
struct irq_or {
    struct irq out;
    uint64_t levels; /* atomic, bit per source */
};

struct irq irq_or_line(struct irq_or *o, unsigned source);

#endif
