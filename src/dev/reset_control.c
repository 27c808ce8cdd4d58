/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * reset_control: RST_CNT (port 0xcf9) [ICH9 13.7.5] and system control port A (0x92)
 * [ICH9 13.7.3].
 *
 *   0xcf9  bit 1 SYS_RST (hard)  bit 2 RST_CPU (a rise resets)  bit 3 FULL_RST
 *   0x92   bit 0 INIT_NOW (a rise resets)  bit 1 ALT_A20_GATE
 *
 * Not modelled: the difference between hard, soft and full reset (each is a machine reset).
 */
#include "dev/reset_control.h"

#include "base/trace.h"
#include "core/machine.h"

enum { RST_CPU = 4, RST_WRITABLE = 0x0e, INIT_NOW = 1, ALT_A20 = 2 };

struct reset_regs {
    uint8_t cf9, port92;
};

struct reset_control {
    struct dev dev;
    struct reset_regs regs;
    uint64_t n_resets;
};

static const struct field reset_fields[] = {
    FIELD(struct reset_regs, cf9),
    FIELD(struct reset_regs, port92),
    FIELD_END,
};
static const struct state reset_state = {"reset_control", 1, sizeof(struct reset_regs),
                                         reset_fields};

static void ask_reset(struct reset_control *rc, const char *how)
{
    TRACE(reset_control, "%s", how);
    rc->n_resets++;
    machine_event(rc->dev.machine, EV_RESET);
}

static uint64_t cf9_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)off;
    (void)size;
    return container_of(dev, struct reset_control, dev)->regs.cf9;
}

static void cf9_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct reset_control *rc = container_of(dev, struct reset_control, dev);
    uint8_t old = rc->regs.cf9;

    (void)off;
    (void)size;
    rc->regs.cf9 = v & RST_WRITABLE;
    if ((v & RST_CPU) && !(old & RST_CPU))
        ask_reset(rc, "cf9");
}

static uint64_t port92_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)off;
    (void)size;
    return container_of(dev, struct reset_control, dev)->regs.port92;
}

static void port92_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct reset_control *rc = container_of(dev, struct reset_control, dev);
    uint8_t old = rc->regs.port92;

    (void)off;
    (void)size;
    rc->regs.port92 = v & (INIT_NOW | ALT_A20);
    if ((old ^ v) & ALT_A20)
        irq_set(&dev->lines[RESET_CONTROL_LINE_A20], v & ALT_A20);
    if ((v & INIT_NOW) && !(old & INIT_NOW))
        ask_reset(rc, "port 92");
}

static void reset_reset(struct dev *dev)
{
    struct reset_control *rc = container_of(dev, struct reset_control, dev);

    rc->regs = (struct reset_regs){0};
    irq_set(&dev->lines[RESET_CONTROL_LINE_A20], false);
}

static void reset_loaded(struct dev *dev)
{
    struct reset_control *rc = container_of(dev, struct reset_control, dev);

    irq_set(&dev->lines[RESET_CONTROL_LINE_A20], rc->regs.port92 & ALT_A20);
}

static const struct window_ops cf9_ops = {cf9_read, cf9_write, 1, 1};
static const struct window_ops port92_ops = {port92_read, port92_write, 1, 1};
static const struct dev_window_desc reset_windows[] = {
    {"cf9", 1, &cf9_ops},
    {"port92", 1, &port92_ops},
    {0},
};
static const char *const reset_lines[] = {"a20", NULL};
static const struct dev_counter reset_counters[] = {
    {"resets", offsetof(struct reset_control, n_resets)},
    {0},
};

const struct dev_type reset_control_type = {
    .name = "reset_control",
    .help = "reset control register and system control port A",
    .size = sizeof(struct reset_control),
    .regs = offsetof(struct reset_control, regs),
    .state = &reset_state,
    .windows = reset_windows,
    .lines = reset_lines,
    .counters = reset_counters,
    .reset = reset_reset,
    .loaded = reset_loaded,
};
