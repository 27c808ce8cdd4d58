/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * trace: points that are always compiled in, each one predictable test when off.
 *
 *     TRACE(bus_read, "%s addr=%#" PRIx64 " size=%u", bus->name, addr, size);
 *
 * The first argument is the point's name, greppable; `--trace bus_*,pic_*` enables points by
 * shell pattern, `--trace all` everything. Lines go to the trace file (default standard error)
 * as "name: text".
 */
#ifndef QUAD_BASE_TRACE_H
#define QUAD_BASE_TRACE_H

#include "base/base.h"

struct trace_point {
    const char *name;
    int state; /* -1 not looked up yet, 0 off, 1 on */
};

/* Comma-separated shell patterns; to be called before threads start. */
int trace_enable(const char *patterns, struct error *err);
void trace_set_fd(int fd); /* borrowed */

bool trace_lookup(struct trace_point *p);
void trace_emit(const struct trace_point *p, const char *fmt, ...) printf_like(2, 3);

extern bool trace_any; /* false: no point is on at all */

#define TRACE(point, ...)                                            \
    do {                                                             \
        if (unlikely(trace_any)) {                                   \
            static struct trace_point trace_point_ = {#point, -1};   \
            if (trace_point_.state && trace_lookup(&trace_point_))   \
                trace_emit(&trace_point_, __VA_ARGS__);              \
        }                                                            \
    } while (0)

#endif
