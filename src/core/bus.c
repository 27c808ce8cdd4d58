/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/bus.h"

#include "base/trace.h"
#include "core/dev.h"

#define MAP_ROOM 32

/* A window with the place that it had when the map was made: w's own place may be on the move. */
struct bus_entry {
    struct window *w;
    uint64_t base, size;
};

/* Changed in place while `seq` is odd; readers start again when it was odd or has changed. A map
 * that is too small is left as it is and replaced. */
struct bus_map {
    struct bus_map *next_old;
    uint32_t seq; /* atomic */
    size_t room, n;
    struct bus_entry *scratch; /* as long as e: for who changes the map */
    struct bus_entry e[];      /* by descending priority, then by descending base */
};

static struct bus_map *map_new(size_t room)
{
    struct bus_map *m = xcalloc(1, sizeof(*m) + room * sizeof(m->e[0]));

    m->room = room;
    m->scratch = xcalloc(room, sizeof(m->e[0]));
    return m;
}

static void map_free(struct bus_map *m)
{
    free(m->scratch);
    free(m);
}

void bus_init(struct bus *bus, const char *name)
{
    *bus = (struct bus){.name = name, .map = map_new(MAP_ROOM)};
    pthread_mutex_init(&bus->lock, NULL);
}

void bus_fini(struct bus *bus)
{
    for (struct bus_map *m = bus->old; m;) {
        struct bus_map *next = m->next_old;
        map_free(m);
        m = next;
    }
    map_free(bus->map);
    bus->map = NULL;
    pthread_mutex_destroy(&bus->lock);
}

static bool window_before(const struct window *a, const struct window *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->base > b->base;
}

static void entry_store(struct bus_entry *to, const struct bus_entry *from)
{
    __atomic_store_n(&to->w, from->w, __ATOMIC_RELAXED);
    __atomic_store_n(&to->base, from->base, __ATOMIC_RELAXED);
    __atomic_store_n(&to->size, from->size, __ATOMIC_RELAXED);
}

/* Take `out` off and put `in` on (either may be NULL). Lock held. */
static void bus_publish_locked(struct bus *bus, const struct window *out, struct window *in)
{
    struct bus_map *m = bus->map, *old = m;
    size_t n = 0;

    if (old->n == old->room)
        m = map_new(2 * old->room);
    for (size_t i = 0; i < old->n; i++) {
        if (old->e[i].w == out)
            continue;
        if (in && window_before(in, old->e[i].w)) {
            m->scratch[n++] = (struct bus_entry){in, in->base, in->size};
            in = NULL;
        }
        m->scratch[n++] = old->e[i];
    }
    if (in)
        m->scratch[n++] = (struct bus_entry){in, in->base, in->size};
    __atomic_store_n(&m->seq, m->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (size_t i = 0; i < n; i++)
        entry_store(&m->e[i], &m->scratch[i]);
    __atomic_store_n(&m->n, n, __ATOMIC_RELAXED);
    __atomic_store_n(&m->seq, m->seq + 1, __ATOMIC_RELEASE);
    if (m != old) {
        old->next_old = bus->old;
        bus->old = old;
        __atomic_store_n(&bus->map, m, __ATOMIC_RELEASE);
    }
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

/* What holds addr; w NULL: nothing does. */
static struct bus_entry bus_find(struct bus *bus, uint64_t addr)
{
    for (;;) {
        const struct bus_map *m = __atomic_load_n(&bus->map, __ATOMIC_ACQUIRE);
        uint32_t seq = __atomic_load_n(&m->seq, __ATOMIC_ACQUIRE);
        size_t n = MIN(__atomic_load_n(&m->n, __ATOMIC_RELAXED), m->room);
        struct bus_entry hit = {0};
        for (size_t i = 0; i < n && !hit.w; i++) {
            uint64_t base = __atomic_load_n(&m->e[i].base, __ATOMIC_RELAXED);
            uint64_t size = __atomic_load_n(&m->e[i].size, __ATOMIC_RELAXED);
            if (addr - base < size)
                hit = (struct bus_entry){__atomic_load_n(&m->e[i].w, __ATOMIC_RELAXED), base, size};
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (likely(!(seq & 1) && __atomic_load_n(&m->seq, __ATOMIC_RELAXED) == seq))
            return hit;
    }
}

bool bus_claimed(struct bus *bus, uint64_t addr)
{
    return bus_find(bus, addr).w != NULL;
}

static unsigned window_min(const struct window *w)
{
    return w->ops->min_size ? w->ops->min_size : 1;
}

static unsigned window_max(const struct window *w)
{
    return w->ops->max_size ? w->ops->max_size : 8;
}

/* Does the access have to be cut: wider than the device takes, over the window's end, or over the
 * edge of two registers? */
static bool must_split(const struct bus_entry *e, uint64_t addr, unsigned size)
{
    unsigned min = window_min(e->w);
    uint64_t off = addr - e->base;

    return size > window_max(e->w) || off + size > e->size ||
           (size < min && (off & (min - 1)) + size > min);
}

/* One access that the device takes; narrow ones are cut out of a wide one. */
static uint64_t window_read(const struct bus_entry *e, uint64_t addr, unsigned size)
{
    struct window *w = e->w;
    uint64_t off = addr - e->base;
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

static void window_write(const struct bus_entry *e, uint64_t addr, unsigned size, uint64_t v)
{
    struct window *w = e->w;
    uint64_t off = addr - e->base;
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
    struct bus_entry e = bus_find(bus, addr);
    uint64_t v;

    if (!e.w && (size == 1 || !bus_claimed(bus, addr + size - 1))) {
        __atomic_add_fetch(&bus->unclaimed_reads, 1, __ATOMIC_RELAXED);
        TRACE(bus_unclaimed, "%s read addr=%#" PRIx64 " size=%u", bus->name, addr, size);
        return size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
    }
    if (!e.w || must_split(&e, addr, size)) {
        unsigned half = size / 2;
        if (!half)
            return 0xff;
        v = bus_read(bus, addr, half);
        return v | bus_read(bus, addr + half, half) << (8 * half);
    }
    v = window_read(&e, addr, size);
    TRACE(bus_read, "%s %s addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, e.w->name, addr,
          size, v);
    return v;
}

void bus_write(struct bus *bus, uint64_t addr, unsigned size, uint64_t v)
{
    struct bus_entry e = bus_find(bus, addr);

    if (size < 8)
        v &= (UINT64_C(1) << (8 * size)) - 1;
    if (!e.w && (size == 1 || !bus_claimed(bus, addr + size - 1))) {
        __atomic_add_fetch(&bus->unclaimed_writes, 1, __ATOMIC_RELAXED);
        TRACE(bus_unclaimed, "%s write addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, addr,
              size, v);
        return;
    }
    if (!e.w || must_split(&e, addr, size)) {
        unsigned half = size / 2;
        if (!half)
            return;
        bus_write(bus, addr, half, v);
        bus_write(bus, addr + half, half, v >> (8 * half));
        return;
    }
    TRACE(bus_write, "%s %s addr=%#" PRIx64 " size=%u value=%#" PRIx64, bus->name, e.w->name, addr,
          size, v);
    window_write(&e, addr, size, v);
}
