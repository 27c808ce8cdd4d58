/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest's description as JSON, by the table of options: each option's name is a key, a list is an
 * array, sizes and numbers are numbers, flags are true or false.
 */
#include <jansson.h>
#include <stdio.h>

#include "config/guest_config.h"

static json_t *value_of(const struct opt *o, const void *record)
{
    const char *at = (const char *)record + o->offset;
    const struct opt_list *list;
    const char *text;
    json_t *array;

    switch (o->kind) {
    case OPT_FLAG: return json_boolean(*(const bool *)at);
    case OPT_UINT:
    case OPT_SIZE: return json_integer((json_int_t) * (const uint64_t *)(const void *)at);
    case OPT_STRING:
    case OPT_ENUM:
        text = *(const char *const *)(const void *)at;
        return text ? json_string(text) : json_null();
    case OPT_LIST: break;
    }
    list = (const struct opt_list *)(const void *)at;
    array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

json_t *guest_config_to_json(const struct guest_config *c)
{
    struct guest_config standard;
    json_t *out = json_object();

    guest_config_init(&standard);
    for (const struct opt *o = guest_options; o->name; o++) {
        if (o->run_only)
            continue;
        json_t *v = value_of(o, c), *d = value_of(o, &standard);
        if (v && !json_equal(v, d))
            json_object_set(out, o->name, v);
        json_decref(v);
        json_decref(d);
    }
    return out;
}

static int set_scalar(const struct opt *o, void *record, const json_t *v, struct error *err)
{
    char number[32];

    if (json_is_true(v) || json_is_false(v)) {
        if (o->kind != OPT_FLAG)
            return fail(err, EINVAL, "\"%s\" is no yes or no", o->name);
        *(bool *)((char *)record + o->offset) = json_is_true(v);
        return 0;
    }
    if (o->kind == OPT_FLAG)
        return fail(err, EINVAL, "\"%s\" is true or false", o->name);
    if (json_is_string(v))
        return opt_store(o, record, json_string_value(v), err);
    if (!json_is_integer(v) || (o->kind != OPT_UINT && o->kind != OPT_SIZE))
        return fail(err, EINVAL, "\"%s\" has the wrong type", o->name);
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return opt_store(o, record, number, err);
}

int guest_config_from_json(struct guest_config *c, const json_t *object, struct error *err)
{
    const char *key;
    json_t *value, *item;
    size_t i;

    json_object_foreach((json_t *)object, key, value) {
        const struct opt *o = guest_options;
        while (o->name && (strcmp(o->name, key) || o->run_only))
            o++;
        if (!o->name)
            return fail(err, EINVAL, "unknown key \"%s\"", key);
        int rc = 0;
        if (o->kind == OPT_LIST && json_is_array(value)) {
            json_array_foreach(value, i, item)
                if (!rc)
                    rc = set_scalar(o, c, item, err);
        } else {
            rc = set_scalar(o, c, value, err);
        }
        if (rc)
            return rc;
    }
    return 0;
}
