/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/dev.h"

#include "core/machine.h"

int dev_create(const struct dev_type *type, const char *name, struct machine *m, struct dev **out,
               struct error *err)
{
    struct dev *dev = xcalloc(1, type->size);
    pthread_mutexattr_t attr;

    dev->type = type;
    dev->name = name;
    dev->machine = m;
    /* Recursive: a write may move the device's own window or pulse a line that ends in it. */
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&dev->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    while (type->lines && type->lines[dev->nlines])
        dev->nlines++;
    dev->lines = xcalloc(dev->nlines, sizeof(*dev->lines));
    for (unsigned i = 0; type->windows && type->windows[i].name; i++)
        dev->windows[i] = (struct window){.name = type->windows[i].name,
                                          .ops = type->windows[i].ops,
                                          .size = type->windows[i].size,
                                          .dev = dev};
    list_append(&m->devs, &dev->node);
    int rc = type->init ? type->init(dev, err) : 0;
    if (rc) {
        dev_destroy(dev);
        return error_prefix(err, "%s", name);
    }
    *out = dev;
    return 0;
}

void dev_destroy(struct dev *dev)
{
    if (!dev)
        return;
    if (dev->type->fini)
        dev->type->fini(dev);
    for (unsigned i = 0; i < DEV_WINDOWS_MAX; i++)
        bus_remove(&dev->windows[i]);
    list_remove(&dev->node);
    pthread_mutex_destroy(&dev->lock);
    free(dev->lines);
    free(dev);
}

void dev_wire(struct dev *dev, unsigned line, struct irq to)
{
    dev->lines[line] = to;
}

void dev_map(struct dev *dev, unsigned window, struct bus *bus, uint64_t base)
{
    bus_add(bus, &dev->windows[window], base);
}

void dev_reset(struct dev *dev)
{
    pthread_mutex_lock(&dev->lock);
    if (dev->type->reset)
        dev->type->reset(dev);
    pthread_mutex_unlock(&dev->lock);
}

struct clock *dev_clock(const struct dev *dev)
{
    return &dev->machine->clock;
}

struct mem *dev_mem(const struct dev *dev)
{
    return &dev->machine->mem;
}
