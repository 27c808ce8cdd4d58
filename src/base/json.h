/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json: typed reading of a JSON document with sticky errors.
 *
 * A reader holds the first error; later reads give zero values, so a parser is written straight
 * and asks once at its end. Strings are borrowed from the document. Integers are 64 bit: a value
 * above INT64_MAX (rlimits, seccomp arguments) reads as the same bits.
 */
#ifndef QUAD_BASE_JSON_H
#define QUAD_BASE_JSON_H

#include <jansson.h>

#include "base/base.h"

struct json_reader {
    struct error *err;
    int rc;
};

/* Parse text; the caller owns the document (json_decref). `name` is for messages. */
[[nodiscard]] int json_parse(const char *text, size_t len, const char *name, json_t **doc,
                             struct error *err);

/* Member `key` of object `o`. A member that is absent or null gives the default; one of another
 * type is an error that names `where`.key. `o` may be NULL. */
json_t *jr_object(struct json_reader *r, const json_t *o, const char *where, const char *key);
json_t *jr_array(struct json_reader *r, const json_t *o, const char *where, const char *key);
const char *jr_string(struct json_reader *r, const json_t *o, const char *where, const char *key);
bool jr_bool(struct json_reader *r, const json_t *o, const char *where, const char *key);
int64_t jr_int(struct json_reader *r, const json_t *o, const char *where, const char *key,
               int64_t def);
/* As jr_int, unsigned, at most max. */
uint64_t jr_uint(struct json_reader *r, const json_t *o, const char *where, const char *key,
                 uint64_t max, uint64_t def);
/* An array of strings as a NULL-terminated vector in heap memory; NULL where absent. */
const char **jr_strings(struct json_reader *r, const json_t *o, const char *where, const char *key,
                        size_t *count);

/* Record an error where none is recorded yet. */
void jr_fail(struct json_reader *r, const char *fmt, ...) printf_like(2, 3);

#endif
