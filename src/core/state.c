/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/state.h"

#include <stdio.h>

static size_t paint_fields(const struct field *f, uint8_t *map)
{
    size_t twice = 0;

    for (; f->name; f++)
        for (uint32_t i = 0; i < f->count; i++) {
            uint8_t *at = map + f->offset + (size_t)i * f->size;
            if (f->kind == FIELD_STRUCT) {
                twice += paint_fields(f->sub, at);
                continue;
            }
            for (uint32_t b = 0; b < f->size; b++)
                twice += at[b]++ != 0;
        }
    return twice;
}

size_t state_paint(const struct state *st, uint8_t *map)
{
    return paint_fields(st->fields, map);
}

static bool diff_fields(const struct field *f, const uint8_t *a, const uint8_t *b, char *text,
                        size_t size)
{
    for (; f->name; f++)
        for (uint32_t i = 0; i < f->count; i++) {
            size_t at = f->offset + (size_t)i * f->size;
            if (!memcmp(a + at, b + at, f->size))
                continue;
            int n = snprintf(text, size, f->count > 1 ? "%s[%u]" : "%s", f->name, i);
            size_t used = MIN((size_t)MAX(n, 0), size);
            if (f->kind == FIELD_STRUCT) {
                n = snprintf(text + used, size - used, ".");
                used = MIN(used + (size_t)MAX(n, 0), size);
                if (diff_fields(f->sub, a + at, b + at, text + used, size - used))
                    return true;
                continue; /* padding only */
            }
            uint64_t va = 0, vb = 0;
            memcpy(&va, a + at, MIN(f->size, 8u));
            memcpy(&vb, b + at, MIN(f->size, 8u));
            snprintf(text + used, size - used, " %#" PRIx64 " != %#" PRIx64, va, vb);
            return true;
        }
    return false;
}

bool state_diff(const struct state *st, const void *a, const void *b, char *text, size_t size)
{
    return diff_fields(st->fields, a, b, text, size);
}
