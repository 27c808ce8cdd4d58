/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec_tab: tables of the names that config.json uses for kernel constants. Each table of
 * name_value ends with a NULL name.
 */
#ifndef QUAD_ZONE_SPEC_TAB_H
#define QUAD_ZONE_SPEC_TAB_H

#include "base/base.h"

struct name_value {
    const char *name;
    uint64_t value;
};

extern const struct name_value rlimit_names[];
extern const struct name_value sched_names[];
extern const struct name_value sched_flag_names[];
extern const struct name_value ioprio_names[];
extern const struct name_value personality_names[];
extern const struct name_value personality_flag_names[];

/* Without "CAP_", by number. */
#define CAP_NAMES 41
extern const char *const cap_names[CAP_NAMES];

bool name_find(const struct name_value *tab, const char *name, uint64_t *value);
/* "CAP_CHOWN" -> 0 */
bool cap_find(const char *name, unsigned *cap);

#endif
