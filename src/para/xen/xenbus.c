/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/xenbus.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/trace.h"
#include "para/xen/domain.h"
#include "para/xen/xenstore.h"

printf_like(4, 0) static void put(struct xenbus_dev *dev, const char *folder, const char *name,
                                  const char *fmt, va_list ap)
{
    char path[160], value[256];

    vsnprintf(value, sizeof(value), fmt, ap);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    xs_write(dev->d->store, path, "%s", value);
}

void xenbus_put(struct xenbus_dev *dev, const char *name, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(dev, dev->back, name, fmt, ap);
    va_end(ap);
}

void xenbus_put_front(struct xenbus_dev *dev, const char *name, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(dev, dev->front, name, fmt, ap);
    va_end(ap);
}

bool xenbus_get(struct xenbus_dev *dev, const char *name, uint64_t *value)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", dev->front, name);
    return xs_read_number(dev->d->store, path, value);
}

bool xenbus_get_text(struct xenbus_dev *dev, const char *name, char *text, size_t size)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", dev->front, name);
    return xs_read(dev->d->store, path, text, size);
}

static void set_state(struct xenbus_dev *dev, enum xenbus_state state)
{
    TRACE(xenbus_state, "%s: %d", dev->back, state);
    dev->state = state;
    xenbus_put(dev, "state", "%d", state);
}

static void drop(struct xenbus_dev *dev)
{
    if (dev->connected)
        dev->class->disconnect(dev);
    dev->connected = false;
}

static void connect(struct xenbus_dev *dev)
{
    if (dev->connected || dev->state >= XENBUS_CLOSING)
        return;
    dev->connected = dev->class->connect(dev);
    if (dev->connected) {
        set_state(dev, XENBUS_CONNECTED);
    } else {
        log_warn("%s %u: the guest's settings make no sense; it is closed", dev->class->name,
                 dev->id);
        set_state(dev, XENBUS_CLOSING);
    }
}

/* The guest's state has changed. Loop thread. */
static void front_changed(void *opaque)
{
    struct xenbus_dev *dev = opaque;
    uint64_t state;

    if (!xenbus_get(dev, "state", &state)) {
        drop(dev);
        return;
    }
    TRACE(xenbus_front, "%s: %" PRIu64, dev->front, state);
    switch (state) {
    case XENBUS_INITIALISING: /* (again): a driver has come */
        drop(dev);
        if (dev->state != XENBUS_INIT_WAIT) {
            dev->class->offer(dev);
            set_state(dev, XENBUS_INIT_WAIT);
        }
        break;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        if (state >= (uint64_t)dev->class->ready)
            connect(dev);
        break;
    case XENBUS_CLOSING:
        drop(dev);
        set_state(dev, XENBUS_CLOSING);
        break;
    case XENBUS_CLOSED:
        drop(dev);
        set_state(dev, XENBUS_CLOSED);
        break;
    default:
        break;
    }
}

static void watch_front(struct xenbus_dev *dev)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/state", dev->front);
    xs_watch(dev->d->store, path, front_changed, dev);
}

static void announce(struct xenbus_dev *dev)
{
    struct xenstore *s = dev->d->store;

    dev->connected = false;
    dev->state = XENBUS_UNKNOWN;
    xs_write(s, dev->back, "%s", "");
    xs_give(s, dev->back, false);
    xs_write(s, dev->front, "%s", "");
    xs_give(s, dev->front, true);
    xenbus_put(dev, "frontend", "/local/domain/%u/%s", dev->d->domid, dev->front);
    xenbus_put(dev, "frontend-id", "%u", dev->d->domid);
    xenbus_put(dev, "online", "%d", 1);
    xenbus_put_front(dev, "backend", "%s", dev->back);
    xenbus_put_front(dev, "backend-id", "%d", 0);
    dev->class->offer(dev);
    set_state(dev, XENBUS_INIT_WAIT);
    xenbus_put_front(dev, "state", "%d", XENBUS_INITIALISING);
    watch_front(dev);
}

void xenbus_add(struct xen_domain *d, struct xenbus_dev *dev, const struct xenbus_class *class,
                unsigned id)
{
    dev->class = class;
    dev->d = d;
    dev->id = id;
    snprintf(dev->front, sizeof(dev->front), "device/%s/%u", class->name, id);
    snprintf(dev->back, sizeof(dev->back), "/local/domain/0/backend/%s/%u/%u", class->name,
             d->domid, id);
    list_insert_before(&d->devices, &dev->node);
}

void xenbus_reset(struct xen_domain *d)
{
    list_for_each(it, &d->devices) {
        struct xenbus_dev *dev = list_entry(it, struct xenbus_dev, node);
        drop(dev);
        announce(dev);
    }
}

void xenbus_presave(struct xen_domain *d)
{
    list_for_each(it, &d->devices) {
        struct xenbus_dev *dev = list_entry(it, struct xenbus_dev, node);
        if (dev->class->presave)
            dev->class->presave(dev);
    }
}

void xenbus_reconnect(struct xen_domain *d)
{
    list_for_each(it, &d->devices) {
        struct xenbus_dev *dev = list_entry(it, struct xenbus_dev, node);
        char path[160];
        uint64_t state;
        snprintf(path, sizeof(path), "%s/state", dev->back);
        if (!xs_read_number(d->store, path, &state) || state > XENBUS_CLOSED) {
            announce(dev); /* it is new here */
            continue;
        }
        drop(dev);
        dev->state = (enum xenbus_state)state;
        if (state == XENBUS_CONNECTED) {
            dev->connected = dev->class->connect(dev);
            if (!dev->connected)
                set_state(dev, XENBUS_CLOSING);
        }
        watch_front(dev);
    }
}

void xenbus_let_go(struct xen_domain *d)
{
    list_for_each(it, &d->devices) drop(list_entry(it, struct xenbus_dev, node));
}

void xenbus_destroy(struct xen_domain *d)
{
    while (!list_empty(&d->devices)) {
        struct xenbus_dev *dev = list_entry(d->devices.next, struct xenbus_dev, node);
        list_remove(&dev->node);
        dev->class->destroy(dev);
    }
}
