/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dev: a device type (const) and its instances.
 *
 * A chip is one file: a `struct X` with `struct dev dev` first, `struct X_regs regs` (all that the
 * guest can observe, all of it saved through the state table), then borrowed back ends. Its
 * dev_type names windows, output lines, options, state. The board gives each window its address
 * and each line its listener; the device knows neither.
 *
 *   dev_create -> board wires (dev_wire, dev_map) -> reset -> ... -> dev_destroy
 *
 * dev->lock is held around every call into a device: window access, timer, completion, reset.
 */
#ifndef QUAD_CORE_DEV_H
#define QUAD_CORE_DEV_H

#include <pthread.h>

#include "core/bus.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/state.h"

struct machine;

struct dev_window_desc {
    const char *name;
    uint64_t size;
    const struct window_ops *ops;
};

struct dev_counter {
    const char *name;
    size_t offset; /* of a uint64_t in the device struct */
};

#define DEV_WINDOWS_MAX 8
#define DEV_LINES_MAX 64

struct dev_type {
    const char *name; /* "serial_16550" */
    const char *help;
    size_t size;      /* of the device struct */
    size_t regs;      /* offset of the saved record */
    const struct state *state;
    const struct dev_window_desc *windows; /* ends with name NULL */
    const char *const *lines;              /* output lines' names, ends with NULL */
    const struct dev_counter *counters;    /* ends with name NULL; may be NULL */
    int (*init)(struct dev *dev, struct error *err); /* timers, memory; lines not wired yet */
    void (*fini)(struct dev *dev);
    void (*reset)(struct dev *dev);  /* power-on values; lines low */
    void (*loaded)(struct dev *dev); /* regs were replaced: rebuild what derives from them */
    void (*presave)(struct dev *dev); /* bring regs up to date; end what is in flight */
    /* Why its state cannot be saved now; NULL: it can. May be missing. */
    const char *(*blocker)(const struct dev *dev);
    bool may_lack; /* a saved machine from before it was there goes on with it as after a reset */
};

struct dev {
    const struct dev_type *type;
    const char *name; /* instance: "serial0" */
    struct machine *machine; /* for its clock and memory; never for other devices */
    pthread_mutex_t lock;
    struct list_node node; /* machine->devs */
    struct window windows[DEV_WINDOWS_MAX];
    struct irq *lines; /* as many as type->lines names */
    unsigned nlines;
};

/* Allocate and init; appended to the machine's devices. Types with settings or back ends declare
 * `X_configure(struct dev *, ...)` in their header for the board to call before reset. */
int dev_create(const struct dev_type *type, const char *name, struct machine *m, struct dev **out,
               struct error *err);
void dev_destroy(struct dev *dev);

void dev_wire(struct dev *dev, unsigned line, struct irq to);
void dev_map(struct dev *dev, unsigned window, struct bus *bus, uint64_t base);
void dev_reset(struct dev *dev); /* takes the lock */

static inline void *dev_regs(struct dev *dev) { return (char *)dev + dev->type->regs; }

struct clock *dev_clock(const struct dev *dev);
struct mem *dev_mem(const struct dev *dev);

#endif
