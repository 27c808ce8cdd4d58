/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnc: a screen, a keyboard and a mouse for VNC clients [RFC 6143], on the guest's main loop.
 */
#ifndef QUAD_DISPLAY_VNC_H
#define QUAD_DISPLAY_VNC_H

#include "base/loop.h"

struct fb;
struct vnc;

struct vnc_config {
    const char *where; /* unix:PATH or HOST:PORT */
    const char *password_file; /* its first line; NULL: none */
    const char *name;  /* of the guest, for titles */
    struct fb *fb;     /* borrowed */
    struct loop *loop;
    /* What a person does; keys as in display/keymap.h. */
    void (*key)(void *opaque, unsigned code, bool down);
    void (*pointer)(void *opaque, int dx, int dy, int dz, unsigned buttons);
    void *opaque;
};

/* ENOTSUP: built without the library. */
int vnc_create(struct vnc **out, const struct vnc_config *config, struct error *err);
void vnc_destroy(struct vnc *v); /* NULL is fine */

#endif
