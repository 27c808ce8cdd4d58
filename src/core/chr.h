/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * chr: a character stream: the contract between a serial device (front) and where its bytes go
 * (back end: stdio, pty, socket, file; in src/chr).
 *
 * Front to back: chr_write() from the vCPU thread, with the device's lock held; never blocks (the
 * back end buffers up to a bound and then drops, counted). Back to front: `receive` on the loop
 * thread, under `lock`; it takes as many bytes as it has room for; when room comes back the front
 * calls chr_accept().
 */
#ifndef QUAD_CORE_CHR_H
#define QUAD_CORE_CHR_H

#include <pthread.h>

#include "base/base.h"

struct chr;

struct chr_ops {
    void (*write)(struct chr *chr, const uint8_t *buf, size_t len);
    void (*accept)(struct chr *chr); /* any thread: the front can take input again */
    void (*destroy)(struct chr *chr);
};

enum chr_event { CHR_BREAK, CHR_OPENED, CHR_CLOSED };

struct chr_front {
    size_t (*receive)(void *opaque, const uint8_t *buf, size_t len); /* returns bytes taken */
    void (*event)(void *opaque, enum chr_event ev);                  /* may be NULL */
    void *opaque;
    pthread_mutex_t *lock; /* held by the back end around both */
};

struct chr {
    const struct chr_ops *ops;
    struct chr_front front; /* receive NULL: not connected */
};

/* What a back end has for its front, under the front's lock. Nobody there takes nothing. */
static inline size_t chr_front_receive(const struct chr_front *f, const uint8_t *buf, size_t len)
{
    pthread_mutex_t *lock = f->lock;

    if (!f->receive)
        return 0;
    if (lock)
        pthread_mutex_lock(lock);
    size_t n = f->receive(f->opaque, buf, len);
    if (lock)
        pthread_mutex_unlock(lock);
    return MIN(n, len);
}

static inline void chr_front_event(const struct chr_front *f, enum chr_event ev)
{
    pthread_mutex_t *lock = f->lock;

    if (!f->event)
        return;
    if (lock)
        pthread_mutex_lock(lock);
    f->event(f->opaque, ev);
    if (lock)
        pthread_mutex_unlock(lock);
}

static inline void chr_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    if (chr)
        chr->ops->write(chr, buf, len);
}

static inline void chr_accept(struct chr *chr)
{
    if (chr && chr->ops->accept)
        chr->ops->accept(chr);
}

static inline void chr_destroy(struct chr *chr)
{
    if (chr)
        chr->ops->destroy(chr);
}

#endif
