/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/irq.h"

static void fanout_set(void *opaque, unsigned n, bool level)
{
    struct irq_fanout *f = opaque;

    (void)n;
    for (unsigned i = 0; i < f->n; i++)
        irq_set(&f->out[i], level);
}

struct irq irq_fanout_line(struct irq_fanout *f)
{
    return (struct irq){.set = fanout_set, .opaque = f};
}

static void or_set(void *opaque, unsigned n, bool level)
{
    struct irq_or *o = opaque;
    uint64_t bit = UINT64_C(1) << n, old;

    if (level)
        old = __atomic_fetch_or(&o->levels, bit, __ATOMIC_SEQ_CST);
    else
        old = __atomic_fetch_and(&o->levels, ~bit, __ATOMIC_SEQ_CST);
    bool was = old != 0, is = level || (old & ~bit);
    if (was != is)
        irq_set(&o->out, is);
}

struct irq irq_or_line(struct irq_or *o, unsigned source)
{
    return (struct irq){.set = or_set, .opaque = o, .n = source};
}
