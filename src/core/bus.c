/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/bus.h"

#include "base/trace.h"
#include "core/dev.h"

struct bus_map {
    struct bus_map *next_old;
    size_t n;
    struct window *w[]; /* by descending priority, then by descending base */
};

void bus_init(struct bus *bus, const char *name)
{
    *bus = (struct bus){.name = name, .map = xcalloc(1, sizeof(struct bus_map))};
    pthread_mutex_init(&bus->lock, NULL);
}

void bus_fini(struct bus *bus)
{
    for (struct bus_map *m = bus->old; m;) {
        struct bus_map *next = m->next_old;
        free(m);
        m = next;
    }
    free(bus->map);
    bus->map = NULL;
    pthread_mutex_destroy(&bus->lock);
}

static bool window_before(const struct window *a, const struct window *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->base > b->base;
}

/* Publish a snapshot without `out` and with `in` (either may be NULL). Lock held. */
static void bus_publish_locked(struct bus *bus, const struct window *out, struct window *in)
{
    struct bus_map *old = bus->map;
    struct bus_map *m = xcalloc(1, sizeof(*m) + (old->n + 1) * sizeof(m->w[0]));

    for (size_t i = 0; i < old->n; i++) {
        if (old->w[i] == out)
            continue;
        if (in && window_before(in, old->w[i])) {
            m->w[m->n++] = in;
            in = NULL;
        }
        m->w[m->n++] = old->w[i];
    }
    if (in)
        m->w[m->n++] = in;
    old->next_old = bus->old;
    bus->old = old;
    __atomic_store_n(&bus->map, m, __ATOMIC_RELEASE);
}

void bus_add(struct bus *bus, struct window *w, uint64_t base)
{
    pthread_mutex_lock(&bus->lock);
    w->base = base;
    w->bus = bus;
    bus_publish_locked(bus, NULL, w);
    pthread_mutex_unlock(&bus->lock);
}

void bus_remove(struct window *w)
{
    struct bus *bus = w->bus;

    if (!bus)
        return;
    pthread_mutex_lock(&bus->lock);
    bus_publish_locked(bus, w, NULL);
    w->bus = NULL;
    pthread_mutex_unlock(&bus->lock);
}

void bus_move(struct window *w, uint64_t base)
{
    struct bus *bus = w->bus;

    pthread_mutex_lock(&bus->lock);
    bus_publish_locked(bus, w, NULL);
    w->base = base;
    bus_publish_locked(bus, NULL, w);
    pthread_mutex_unlock(&bus->lock);
}

static struct window *bus_find(struct bus *bus, uint64_t addr)
{
    const struct bus_map *m = __atomic_load_n(&bus->map, __ATOMIC_ACQUIRE);

    for (size_t i = 0; i < m->n; i++)
        if (addr - m->w[i]->base < m->w[i]->size)
            return m->w[i];
    return NULL;
}

bool bus_claimed(struct bus *bus, uint64_t addr)
{
    return bus_find(bus, addr) != NULL;
}

static unsigned window_min(const struct window *w)
{
    return w->ops->min_size ? w->ops->min_size : 1;
}

static unsigned window_max(const struct window *w)
{
    return w->ops->max_size ? w->ops->max_size : 8;
}

/* One access that lies in w and that w's device takes; narrow ones are cut out of a wide one. */
static uint64_t window_read(struct window *w, uint64_t addr, unsigned size)
{
    uint64_t off = addr - w->base;
    unsigned min = window_min(w), shift = 0;

    if (size < min) {
        shift = 8 * (unsigned)(off & (min - 1));
        off &= ~(uint64_t)(min - 1);
    }
    pthread_mutex_lock(&w->dev->lock);
    uint64_t v = w->ops->read(w->dev, off, MAX(size, min));
    pthread_mutex_unlock(&w->dev->lock);
    v >>= shift;
    return size == 8 ? v : v & ((UINT64_C(1) << (8 * size)) - 1);
}

static void window_write(struct window *w, uint64_t addr, unsigned size, uint64_t v)
{
    uint64_t off = addr - w->base;
    unsigned min = window_min(w);

    pthread_mutex_lock(&w->dev->lock);
    if (size < min) { /* read-modify-write of the register, as a byte-enable-less chip sees it */
        unsigned shift = 8 * (unsigned)(off & (min - 1));
        uint64_t mask = ((UINT64_C(1) << (8 * size)) - 1) << shift;
        off &= ~(uint64_t)(min - 1);
        v = (w->ops->read(w->dev, off, min) & ~mask) | ((v << shift) & mask);
        size = min;
    }
    w->ops->write(w->dev, off, size, v);
    pthread_mutex_unlock(&w->dev->lock);
}

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned size)
{
    struct window *w = bus_find(bus, addr);
    uint64_t v;

    if (!w && (size == 1 || !bus_find(bus, addr + size - 1))) {
        __atomic_add_fetch(&bus->unclaimed_reads, 1, __ATOMIC_RELAXED);
        TRACE(bus_unclaimed, "%s read addr=%#" PRIx64 " size=%u", bus->name, addr, size);
        return size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
    }
    if (!w || size > window_max(w) || addr - w->base + size > w->size) {
        unsigned half = size / 2;
        if (!half)
            return 0xff;
        v = bus_read(bus, addr, half);
        return v | bus_read(bus, addr + half, half) << (8 * half);
    }
    v = window_read(w, addr, size);
    TRACE(bus_read, "%s %s addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, w->name, addr,
          size, v);
    return v;
}

void bus_write(struct bus *bus, uint64_t addr, unsigned size, uint64_t v)
{
    struct window *w = bus_find(bus, addr);

    if (size < 8)
        v &= (UINT64_C(1) << (8 * size)) - 1;
    if (!w && (size == 1 || !bus_find(bus, addr + size - 1))) {
        __atomic_add_fetch(&bus->unclaimed_writes, 1, __ATOMIC_RELAXED);
        TRACE(bus_unclaimed, "%s write addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, addr,
              size, v);
        return;
    }
    if (!w || size > window_max(w) || addr - w->base + size > w->size) {
        unsigned half = size / 2;
        if (!half)
            return;
        bus_write(bus, addr, half, v);
        bus_write(bus, addr + half, half, v >> (8 * half));
        return;
    }
    TRACE(bus_write, "%s %s addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, w->name, addr,
          size, v);
    window_write(w, addr, size, v);
}
