/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpu_hotplug: ACPI processor hot-plug registers as a Q35 has them [QEMU acpi_cpu_hotplug].
 *
 *        read                                 write
 *   +0   command data, upper half (0)         selector
 *   +4   1 there, 2 has come, 4 shall go      2, 4: event answered; 8: eject
 *   +5                                        command
 *   +8   command data                         command data
 *
 *   command 0: select the next processor with an event; data: the selector
 *           1, 2: event and status of _OST are in data       3: data: the APIC ID
 *
 * A selector that means no processor reads as 0 everywhere and takes no write but of itself.
 *
 * Not modelled: the older interface (a bitmap, before the selector), ejection by firmware (bit 4).
 */
#include "dev/cpu_hotplug.h"

#include "base/bits.h"
#include "base/trace.h"

enum { SELECTOR = 0, CONTROL = 4, COMMAND = 5, DATA = 8, SIZE = 12 };
enum { PRESENT = 1, INSERTING = 2, REMOVING = 4, EJECT = 8 };
enum { CMD_NEXT = 0, CMD_OST_EVENT = 1, CMD_OST_STATUS = 2, CMD_APIC_ID = 3 };

struct cpu_hotplug_slot {
    uint32_t ost_event, ost_status;
};

struct cpu_hotplug_regs {
    uint64_t present, inserting, removing; /* bit a processor */
    uint32_t selector;
    uint8_t command, unused[3];
    struct cpu_hotplug_slot slot[CPU_HOTPLUG_MAX];
};

struct cpu_hotplug {
    struct dev dev;
    struct cpu_hotplug_regs regs;
    unsigned possible;
    void (*set)(void *opaque, unsigned n, bool present);
    void *opaque;
    uint64_t n_inserted, n_ejected, n_refused, n_bad;
};

static const struct field slot_fields[] = {
    FIELD(struct cpu_hotplug_slot, ost_event),
    FIELD(struct cpu_hotplug_slot, ost_status),
    FIELD_END,
};
static const struct field cpu_hotplug_fields[] = {
    FIELD(struct cpu_hotplug_regs, present),
    FIELD(struct cpu_hotplug_regs, inserting),
    FIELD(struct cpu_hotplug_regs, removing),
    FIELD(struct cpu_hotplug_regs, selector),
    FIELD(struct cpu_hotplug_regs, command),
    FIELD_BYTES(struct cpu_hotplug_regs, unused),
    FIELD_SUBS(struct cpu_hotplug_regs, slot, slot_fields),
    FIELD_END,
};
static const struct state cpu_hotplug_state = {"cpu_hotplug", 1, sizeof(struct cpu_hotplug_regs),
                                               cpu_hotplug_fields};

static struct cpu_hotplug *of(struct dev *dev)
{
    return container_of(dev, struct cpu_hotplug, dev);
}

static uint64_t all(const struct cpu_hotplug *h)
{
    return h->possible ? UINT64_MAX >> (CPU_HOTPLUG_MAX - h->possible) : 0;
}

static uint8_t status(const struct cpu_hotplug_regs *r, unsigned n)
{
    return (uint8_t)((r->present >> n & 1 ? PRESENT : 0) | (r->inserting >> n & 1 ? INSERTING : 0) |
                     (r->removing >> n & 1 ? REMOVING : 0));
}

static uint32_t data(const struct cpu_hotplug_regs *r)
{
    return r->command == CMD_NEXT || r->command == CMD_APIC_ID ? r->selector : 0;
}

/* All as bytes of the block: accesses of any width and place. */
static uint64_t hotplug_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct cpu_hotplug *h = of(dev);
    const struct cpu_hotplug_regs *r = &h->regs;
    uint64_t v = 0;

    if (r->selector >= h->possible)
        return 0;
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = off + i;
        uint8_t b = at == CONTROL            ? status(r, r->selector)
                    : at >= DATA && at < SIZE ? (uint8_t)(data(r) >> 8 * (at - DATA))
                                              : 0;
        v |= (uint64_t)b << 8 * i;
    }
    return v;
}

static void next_event(struct cpu_hotplug_regs *r)
{
    uint64_t events = r->inserting | r->removing;

    if (events)
        r->selector = (uint32_t)__builtin_ctzll(events);
}

static void eject(struct cpu_hotplug *h, unsigned n)
{
    if (!n || !(h->regs.present >> n & 1)) {
        h->n_refused++; /* the first one never goes */
        return;
    }
    h->regs.present &= ~BIT64(n);
    h->regs.inserting &= ~BIT64(n);
    h->regs.removing &= ~BIT64(n);
    h->n_ejected++;
    TRACE(cpu_ejected, "cpu=%u", n);
    if (h->set)
        h->set(h->opaque, n, false);
}

static void control(struct cpu_hotplug *h, uint8_t v)
{
    unsigned n = h->regs.selector;

    if (v & INSERTING)
        h->regs.inserting &= ~BIT64(n);
    if (v & REMOVING)
        h->regs.removing &= ~BIT64(n);
    if (v & EJECT)
        eject(h, n);
}

static void put_data(struct cpu_hotplug_regs *r, uint32_t v)
{
    struct cpu_hotplug_slot *s = &r->slot[r->selector];

    if (r->command == CMD_OST_EVENT)
        s->ost_event = v;
    else if (r->command == CMD_OST_STATUS)
        s->ost_status = v;
    TRACE(cpu_hotplug_ost, "cpu=%u command=%u value=%#x", r->selector, r->command, v);
}

static void hotplug_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct cpu_hotplug *h = of(dev);
    struct cpu_hotplug_regs *r = &h->regs;

    if (off == SELECTOR && size == 4)
        r->selector = (uint32_t)v;
    else if (r->selector >= h->possible)
        h->n_bad++;
    else if (off == CONTROL && size == 1)
        control(h, (uint8_t)v);
    else if (off == COMMAND && size == 1) {
        r->command = (uint8_t)v;
        if (v == CMD_NEXT)
            next_event(r);
    } else if (off == DATA && size == 4)
        put_data(r, (uint32_t)v);
    else
        h->n_bad++;
}

/* ------------------------------------------------------------------------------------- the host's side */

void cpu_hotplug_configure(struct dev *dev, unsigned possible, unsigned present,
                           void (*set)(void *opaque, unsigned n, bool present), void *opaque)
{
    struct cpu_hotplug *h = of(dev);

    h->possible = MIN(possible, (unsigned)CPU_HOTPLUG_MAX);
    h->regs.present = UINT64_MAX >> (CPU_HOTPLUG_MAX - present);
    h->set = set;
    h->opaque = opaque;
}

uint64_t cpu_hotplug_present(struct dev *dev)
{
    pthread_mutex_lock(&dev->lock);
    uint64_t v = of(dev)->regs.present;
    pthread_mutex_unlock(&dev->lock);
    return v;
}

void cpu_hotplug_insert(struct dev *dev, unsigned n)
{
    struct cpu_hotplug *h = of(dev);

    pthread_mutex_lock(&dev->lock);
    h->regs.present |= BIT64(n);
    h->regs.inserting |= BIT64(n);
    h->n_inserted++;
    irq_pulse(&dev->lines[CPU_HOTPLUG_LINE_EVENT]);
    pthread_mutex_unlock(&dev->lock);
}

void cpu_hotplug_remove(struct dev *dev, unsigned n)
{
    struct cpu_hotplug_regs *r = &of(dev)->regs;

    pthread_mutex_lock(&dev->lock);
    r->removing |= r->present & BIT64(n);
    irq_pulse(&dev->lines[CPU_HOTPLUG_LINE_EVENT]);
    pthread_mutex_unlock(&dev->lock);
}

void cpu_hotplug_cancel(struct dev *dev)
{
    pthread_mutex_lock(&dev->lock);
    of(dev)->regs.removing = 0;
    pthread_mutex_unlock(&dev->lock);
}

/* What is plugged in stays so; the system that starts finds it in the tables. */
static void hotplug_reset(struct dev *dev)
{
    struct cpu_hotplug *h = of(dev);

    h->regs = (struct cpu_hotplug_regs){.present = h->regs.present};
}

static void hotplug_loaded(struct dev *dev)
{
    struct cpu_hotplug *h = of(dev);
    struct cpu_hotplug_regs *r = &h->regs;

    r->present = (r->present | 1) & all(h);
    r->inserting &= r->present;
    r->removing &= r->present & ~UINT64_C(1);
    for (unsigned n = 0; h->set && n < h->possible; n++)
        h->set(h->opaque, n, r->present >> n & 1);
}

static const struct window_ops hotplug_ops = {hotplug_read, hotplug_write, 1, 4};
static const struct dev_window_desc hotplug_windows[] = {{"regs", SIZE, &hotplug_ops}, {0}};
static const char *const hotplug_lines[] = {"event", NULL};
static const struct dev_counter hotplug_counters[] = {
    {"inserted", offsetof(struct cpu_hotplug, n_inserted)},
    {"ejected", offsetof(struct cpu_hotplug, n_ejected)},
    {"refused_ejects", offsetof(struct cpu_hotplug, n_refused)},
    {"bad_accesses", offsetof(struct cpu_hotplug, n_bad)},
    {0},
};

const struct dev_type cpu_hotplug_type = {
    .name = "cpu_hotplug",
    .help = "ACPI processor hot-plug",
    .size = sizeof(struct cpu_hotplug),
    .regs = offsetof(struct cpu_hotplug, regs),
    .state = &cpu_hotplug_state,
    .windows = hotplug_windows,
    .lines = hotplug_lines,
    .counters = hotplug_counters,
    .reset = hotplug_reset,
    .loaded = hotplug_loaded,
};
