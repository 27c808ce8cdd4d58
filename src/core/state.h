/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state: saved data, declared once beside the struct. The same table feeds save, show, diff and
 * the format's documentation.
 *
 *     static const struct field rtc_fields[] = {
 *         FIELD(struct rtc_regs, index),
 *         FIELD_BYTES(struct rtc_regs, ram),
 *         FIELD_END,
 *     };
 *     static const struct state rtc_state = {"rtc", 1, sizeof(struct rtc_regs), rtc_fields};
 *
 * A coverage test paints the bytes that the table names; a byte of the record that is neither
 * covered nor padding is a red test.
 */
#ifndef QUAD_CORE_STATE_H
#define QUAD_CORE_STATE_H

#include "base/base.h"

enum field_kind {
    FIELD_UINT,  /* element size 1, 2, 4, 8; little-endian on the wire */
    FIELD_RAW,   /* bytes */
    FIELD_STRUCT, /* `sub` describes each element */
    FIELD_BOOL,  /* as FIELD_UINT of one byte; 0 or 1 */
};

struct field {
    const char *name; /* on the wire */
    uint8_t kind;
    uint32_t offset;
    uint32_t size;  /* of one element, bytes */
    uint32_t count; /* elements */
    const struct field *sub;
};

struct state {
    const char *name;
    unsigned version;
    size_t size; /* of the record */
    const struct field *fields;
};

#define FIELD_ELEM_(type, member) sizeof(((type *)0)->member)
#define FIELD_(type, member, kind_, elem_, sub_)                                          \
    {                                                                                     \
        .name = #member, .kind = kind_, .offset = offsetof(type, member), .size = (elem_), \
        .count = FIELD_ELEM_(type, member) / (elem_), .sub = sub_                         \
    }
#define FIELD_KIND_(what) \
    (__builtin_types_compatible_p(__typeof__(what), bool) ? FIELD_BOOL : FIELD_UINT)
/* An unsigned, signed, bool or enum scalar. */
#define FIELD(type, member)                                          \
    FIELD_(type, member, FIELD_KIND_(((type *)0)->member), FIELD_ELEM_(type, member), NULL)
/* An array of scalars. */
#define FIELD_ARRAY(type, member)                                   \
    FIELD_(type, member, FIELD_KIND_(((type *)0)->member[0]),       \
           sizeof(((type *)0)->member[0]), NULL)
#define FIELD_BYTES(type, member) FIELD_(type, member, FIELD_RAW, FIELD_ELEM_(type, member), NULL)
/* One struct, or an array of them. */
#define FIELD_SUB(type, member, fields_) \
    FIELD_(type, member, FIELD_STRUCT, FIELD_ELEM_(type, member), fields_)
#define FIELD_SUBS(type, member, fields_) \
    FIELD_(type, member, FIELD_STRUCT, sizeof(((type *)0)->member[0]), fields_)
#define FIELD_END \
    {             \
        .name = NULL \
    }

/* Set the bytes of map[0..size) that the table covers to 1; returns how many it covers twice. */
size_t state_paint(const struct state *st, uint8_t *map);

/* Names and values of the first difference of two records as text; false when equal. */
bool state_diff(const struct state *st, const void *a, const void *b, char *text, size_t size);

#endif
