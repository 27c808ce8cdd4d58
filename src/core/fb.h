/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fb: a screen: the contract between a display adapter and whoever shows it (a VNC server, a
 * screenshot).
 *
 *     fb_update(fb)      the adapter draws what it shows by now into its picture
 *
 * The picture is 32 bits a pixel, 0x00RRGGBB in host order, rows one after the other. It belongs to
 * the adapter and changes only within fb_update(), which takes the adapter's lock; two who look at
 * it at the same time hold `lock` around update and use.
 */
#ifndef QUAD_CORE_FB_H
#define QUAD_CORE_FB_H

#include <pthread.h>

#include "base/base.h"

struct fb;

struct fb_ops {
    /* True: something changed since the last time (size, pixels). */
    bool (*update)(struct fb *fb);
    /* In a text mode the characters, `columns` a row, into text; returns rows, 0: no text mode. */
    unsigned (*text)(struct fb *fb, uint8_t *text, unsigned room, unsigned *columns);
};

struct fb {
    const struct fb_ops *ops;
    uint32_t *pixels;
    unsigned width, height;
    unsigned dirty_from, dirty_to; /* rows that the last update changed: [from, to) */
    pthread_mutex_t lock;
};

static inline bool fb_update(struct fb *fb)
{
    return fb->ops->update(fb);
}

#endif
