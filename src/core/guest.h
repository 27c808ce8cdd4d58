/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guest: anything that the manager can start, stop, pause, save and look at, whatever way runs it.
 * No CPU type here: a zone is a guest too.
 */
#ifndef QUAD_CORE_GUEST_H
#define QUAD_CORE_GUEST_H

#include "base/base.h"

struct guest;

enum guest_state {
    GUEST_CREATED,
    GUEST_RUNNING,
    GUEST_PAUSED,
    GUEST_STOPPED,
    GUEST_FAILED,
};

struct guest_ops {
    int (*start)(struct guest *g, struct error *err);
    int (*pause)(struct guest *g, struct error *err);
    int (*resume)(struct guest *g, struct error *err);
    int (*stop)(struct guest *g, bool force, struct error *err);
    void (*destroy)(struct guest *g);
};

struct guest {
    const struct guest_ops *ops;
    const char *name;
    const char *way; /* derived: full, para, zone, native */
    enum guest_state state;
};

#endif
