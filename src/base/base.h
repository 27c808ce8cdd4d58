/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * base: what every file may assume: fixed-width types, a few macros, owning locals.
 *
 * The only umbrella header of the project. It knows nothing of guests, files or formats.
 */
#ifndef QUAD_BASE_BASE_H
#define QUAD_BASE_BASE_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Round to a power-of-two boundary; both arguments unsigned and of the same width. */
#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((a)-1))

#define noreturn_fn __attribute__((noreturn))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))

/* Owning locals: freed or closed when the scope ends. take_ptr() and take_fd() hand over. */
void base_free_ptr(void *pp);
void base_close_fd(const int *fd);
#define auto_free __attribute__((cleanup(base_free_ptr)))
#define auto_close __attribute__((cleanup(base_close_fd)))

static inline int take_fd(int *fd)
{
    int v = *fd;
    *fd = -1;
    return v;
}

#define take_ptr(p)             \
    ({                          \
        typeof(p) taken_ = (p); \
        (p) = NULL;             \
        taken_;                 \
    })

/* Memory or death: for allocations whose size does not come from a guest, file or network. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) printf_like(1, 2) __attribute__((malloc, returns_nonnull));

#endif
