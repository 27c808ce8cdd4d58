/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * way: one of the four ways to run a guest, as the registry lists it.
 */
#ifndef QUAD_CORE_WAY_H
#define QUAD_CORE_WAY_H

#include <stdio.h>

#include "base/base.h"

struct way_report {
    bool available;
    char reason[256]; /* why, or why not and what would help */
};

struct way {
    const char *name; /* full, para, zone, native */
    const char *help;
    int strength; /* `auto` takes the strongest that is available */
    void (*probe)(struct way_report *report);
    void (*show)(FILE *out); /* more of it, lines for a person; may be NULL */
};

#endif
