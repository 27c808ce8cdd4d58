/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fake: a machine without a CPU for device tests: guest time is set by hand, lines and messages are
 * recorded.
 */
#ifndef QUAD_TEST_UNIT_DEV_FAKE_H
#define QUAD_TEST_UNIT_DEV_FAKE_H

#include "core/machine.h"
#include "lib/test.h"

#define FAKE_MSIS 64

struct fake {
    struct machine m;
    bool level[DEV_LINES_MAX];
    unsigned rises[DEV_LINES_MAX], falls[DEV_LINES_MAX];
    struct {
        uint64_t addr;
        uint32_t data;
    } msi[FAKE_MSIS];
    unsigned n_msi;
};

static inline void fake_line(void *opaque, unsigned n, bool level)
{
    struct fake *f = opaque;

    f->rises[n] += level && !f->level[n];
    f->falls[n] += !level && f->level[n];
    f->level[n] = level;
}

static inline struct irq fake_irq(struct fake *f, unsigned n)
{
    return (struct irq){.set = fake_line, .opaque = f, .n = n};
}

static inline void fake_msi(struct machine *m, uint64_t addr, uint32_t data)
{
    struct fake *f = container_of(m, struct fake, m);

    f->msi[f->n_msi % FAKE_MSIS].addr = addr;
    f->msi[f->n_msi++ % FAKE_MSIS].data = data;
}

static inline void fake_init(struct fake *f)
{
    static const struct arch arch = {.name = "fake", .msi_send = fake_msi};

    memset(f, 0, sizeof(*f));
    machine_init(&f->m, &arch, NULL, true);
}

static inline void fake_fini(struct fake *f)
{
    machine_fini(&f->m);
}

/* A device with its lines recorded from `first` on, reset. */
static inline struct dev *fake_dev(struct fake *f, const struct dev_type *type, unsigned first)
{
    struct error err = {0};
    struct dev *dev = NULL;

    if (dev_create(type, type->name, &f->m, &dev, &err))
        fail_msg("%s: %s", type->name, err.text);
    for (unsigned i = 0; i < dev->nlines && first + i < DEV_LINES_MAX; i++)
        dev_wire(dev, i, fake_irq(f, first + i));
    return dev;
}

/* Guest time goes on; timers on the way run at their own time. */
static inline void fake_sleep(struct fake *f, uint64_t ns)
{
    uint64_t until = f->m.clock.det_ns + ns;

    for (;;) {
        uint64_t next = clock_next_deadline(&f->m.clock);
        if (next > until)
            break;
        f->m.clock.det_ns = MAX(f->m.clock.det_ns, next);
        clock_run_timers(&f->m.clock);
    }
    f->m.clock.det_ns = until;
}

static inline bool fake_event(struct fake *f, enum machine_event ev)
{
    uint32_t bit = 1u << ev;

    return __atomic_fetch_and(&f->m.pending_events, ~bit, __ATOMIC_SEQ_CST) & bit;
}

#define INB(f, port) ((uint8_t)bus_read(&(f)->m.ports, port, 1))
#define OUTB(f, port, v) bus_write(&(f)->m.ports, port, 1, v)
#define INL(f, port) ((uint32_t)bus_read(&(f)->m.ports, port, 4))
#define OUTL(f, port, v) bus_write(&(f)->m.ports, port, 4, v)
#define RD32(f, addr) ((uint32_t)bus_read(&(f)->m.mmio, addr, 4))
#define WR32(f, addr, v) bus_write(&(f)->m.mmio, addr, 4, v)
#define RD64(f, addr) bus_read(&(f)->m.mmio, addr, 8)
#define WR64(f, addr, v) bus_write(&(f)->m.mmio, addr, 8, v)

#endif
