/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/* Jansson has signed integers only. Rewrite each number in INT64_MAX+1..UINT64_MAX as the signed
 * number with the same bits. Called only where the first parse met such a number. */
static char *wrap_unsigned(const char *text, size_t len, size_t *out_len)
{
    char *out = xcalloc(1, len * 2 + 1);
    size_t n = 0;
    bool in_string = false;

    for (size_t i = 0; i < len;) {
        char ch = text[i];
        if (in_string) {
            if (ch == '\\' && i + 1 < len)
                out[n++] = text[i++];
            else if (ch == '"')
                in_string = false;
            out[n++] = text[i++];
            continue;
        }
        if (ch == '"')
            in_string = true;
        size_t k = 0;
        while (i + k < len && isdigit((unsigned char)text[i + k]))
            k++;
        bool real = i + k < len && strchr(".eE", text[i + k]) && text[i + k];
        if ((k == 19 || k == 20) && !real && (!i || text[i - 1] != '-')) {
            char digits[24];
            memcpy(digits, text + i, k);
            digits[k] = 0;
            errno = 0;
            unsigned long long v = strtoull(digits, NULL, 10);
            if (!errno && v > INT64_MAX) {
                n += (size_t)sprintf(out + n, "%lld", (long long)v);
                i += k;
                continue;
            }
        }
        if (!k)
            k = 1;
        memcpy(out + n, text + i, k);
        n += k;
        i += k;
    }
    *out_len = n;
    return out;
}

int json_parse(const char *text, size_t len, const char *name, json_t **doc, struct error *err)
{
    json_error_t je;

    *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
    if (!*doc && json_error_code(&je) == json_error_numeric_overflow) {
        size_t n;
        auto_free char *wrapped = wrap_unsigned(text, len, &n);
        *doc = json_loadb(wrapped, n, JSON_REJECT_DUPLICATES, &je);
    }
    if (!*doc)
        return fail(err, EINVAL, "%s:%d:%d: %s", name, je.line, je.column, je.text);
    if (!json_is_object(*doc)) {
        json_decref(*doc);
        *doc = NULL;
        return fail(err, EINVAL, "%s: the document is no object", name);
    }
    return 0;
}

void jr_fail(struct json_reader *r, const char *fmt, ...)
{
    va_list ap;

    if (r->rc)
        return;
    r->rc = -EINVAL;
    if (!r->err)
        return;
    r->err->code = EINVAL;
    va_start(ap, fmt);
    vsnprintf(r->err->text, sizeof(r->err->text), fmt, ap);
    va_end(ap);
}

static json_t *member(struct json_reader *r, const json_t *o, const char *where, const char *key,
                      int type, const char *type_name)
{
    json_t *v = o ? json_object_get(o, key) : NULL;

    if (!v || json_is_null(v))
        return NULL;
    if ((int)json_typeof(v) != type && !(type == JSON_TRUE && json_is_false(v))) {
        jr_fail(r, "%s%s%s must be %s", where, *where ? "." : "", key, type_name);
        return NULL;
    }
    return v;
}

json_t *jr_object(struct json_reader *r, const json_t *o, const char *where, const char *key)
{
    return member(r, o, where, key, JSON_OBJECT, "an object");
}

json_t *jr_array(struct json_reader *r, const json_t *o, const char *where, const char *key)
{
    return member(r, o, where, key, JSON_ARRAY, "an array");
}

const char *jr_string(struct json_reader *r, const json_t *o, const char *where, const char *key)
{
    json_t *v = member(r, o, where, key, JSON_STRING, "a string");

    return v ? json_string_value(v) : NULL;
}

bool jr_bool(struct json_reader *r, const json_t *o, const char *where, const char *key)
{
    return json_is_true(member(r, o, where, key, JSON_TRUE, "true or false"));
}

int64_t jr_int(struct json_reader *r, const json_t *o, const char *where, const char *key,
               int64_t def)
{
    json_t *v = member(r, o, where, key, JSON_INTEGER, "an integer");

    return v ? json_integer_value(v) : def;
}

uint64_t jr_uint(struct json_reader *r, const json_t *o, const char *where, const char *key,
                 uint64_t max, uint64_t def)
{
    json_t *v = member(r, o, where, key, JSON_INTEGER, "an integer");
    uint64_t n = v ? (uint64_t)json_integer_value(v) : def;

    if (v && n > max) {
        jr_fail(r, "%s%s%s is not in 0..%" PRIu64, where, *where ? "." : "", key, max);
        return def;
    }
    return n;
}

const char **jr_strings(struct json_reader *r, const json_t *o, const char *where, const char *key,
                        size_t *count)
{
    json_t *a = jr_array(r, o, where, key);
    size_t n = json_array_size(a);

    if (count)
        *count = n;
    if (!a)
        return NULL;
    const char **v = xcalloc(n + 1, sizeof(*v));
    for (size_t i = 0; i < n; i++) {
        json_t *s = json_array_get(a, i);
        if (!json_is_string(s)) {
            jr_fail(r, "%s%s%s[%zu] must be a string", where, *where ? "." : "", key, i);
            v[i] = "";
            continue;
        }
        v[i] = json_string_value(s);
    }
    return v;
}
