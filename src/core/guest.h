/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guest: anything that the manager can start, stop, pause, save and look at, whatever way runs it.
 * No CPU type here: a zone is a guest too.
 */
#ifndef QUAD_CORE_GUEST_H
#define QUAD_CORE_GUEST_H

#include <stdio.h>

#include "base/base.h"

struct guest;
struct json_t;

enum guest_state {
    GUEST_CREATED,
    GUEST_RUNNING,
    GUEST_PAUSED,
    GUEST_STOPPED,
    GUEST_FAILED,
};

/* What a guest can be asked, on its main loop's thread; NULL: it cannot. Pause and resume are no
 * error where nothing is to be done. */
struct guest_ops {
    int (*start)(struct guest *g, struct error *err);
    int (*pause)(struct guest *g, struct error *err);
    int (*resume)(struct guest *g, struct error *err);
    int (*reset)(struct guest *g, struct error *err); /* as the button does */
    /* Ask it to end by itself; force: it ends now. */
    int (*stop)(struct guest *g, bool force, struct error *err);
    void (*stats)(struct guest *g, FILE *out); /* counters, "name: value" a line */
    void (*destroy)(struct guest *g);
    /* Of guests that are no machines (those have tables of their own): further members of `status`
     * put into the object; limits that can be changed, and one changed. NULL where there is none. */
    void (*describe)(struct guest *g, struct json_t *into);
    struct json_t *(*limits)(struct guest *g);
    int (*set)(struct guest *g, const char *key, const char *value, struct json_t **answer,
               struct error *err);
};

const char *guest_state_name(enum guest_state state);

struct guest {
    const struct guest_ops *ops;
    const char *name;
    const char *way; /* derived: full, para, zone, native */
    enum guest_state state;
};

#endif
