/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * post_port: port 0x80. It keeps what was written; `quad stat` and the trace show it.
 *
 * Not modelled: the microsecond that an access takes on an ISA bus.
 */
#include "dev/post_port.h"

#include "base/trace.h"

struct post_regs {
    uint8_t code;
};

struct post_port {
    struct dev dev;
    struct post_regs regs;
    uint64_t n_writes;
};

static const struct field post_fields[] = {FIELD(struct post_regs, code), FIELD_END};
static const struct state post_state = {"post_port", 1, sizeof(struct post_regs), post_fields};

static uint64_t post_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)off;
    (void)size;
    return container_of(dev, struct post_port, dev)->regs.code;
}

static void post_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct post_port *p = container_of(dev, struct post_port, dev);

    (void)off;
    (void)size;
    p->regs.code = (uint8_t)v;
    p->n_writes++;
    TRACE(post_code, "code=%#x", (unsigned)v);
}

static void post_reset(struct dev *dev)
{
    container_of(dev, struct post_port, dev)->regs.code = 0;
}

static const struct window_ops post_ops = {post_read, post_write, 1, 1};
static const struct dev_window_desc post_windows[] = {{"port", 1, &post_ops}, {0}};
static const struct dev_counter post_counters[] = {
    {"writes", offsetof(struct post_port, n_writes)},
    {0},
};

const struct dev_type post_port_type = {
    .name = "post_port",
    .help = "progress codes at port 0x80",
    .size = sizeof(struct post_port),
    .regs = offsetof(struct post_port, regs),
    .state = &post_state,
    .windows = post_windows,
    .counters = post_counters,
    .reset = post_reset,
};
