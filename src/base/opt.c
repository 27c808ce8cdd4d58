/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/opt.h"

#include <ctype.h>
#include <stdio.h>

static unsigned edit_distance(const char *a, const char *b)
{
    size_t n = strlen(b);
    unsigned row[64];

    if (n + 1 > ARRAY_LEN(row) || strlen(a) >= ARRAY_LEN(row))
        return 64;
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diag = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < n; j++) {
            unsigned up = row[j + 1];
            unsigned best = diag + (a[i] != b[j]);
            best = MIN(best, up + 1);
            best = MIN(best, row[j] + 1);
            diag = up;
            row[j + 1] = best;
        }
    }
    return row[n];
}

const char *opt_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned best_d = 4;

    for (size_t i = 0; i < count; i++) {
        unsigned d = edit_distance(word, names[i]);
        if (d < best_d && d < strlen(word)) {
            best_d = d;
            best = names[i];
        }
    }
    return best;
}

int opt_parse_size(const char *text, uint64_t *bytes, struct error *err)
{
    static const char units[] = "KMGT";
    char *end;
    unsigned shift = 0;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (end == text || errno || !isdigit((unsigned char)*text))
        return fail(err, EINVAL, "\"%s\" is no size; try: 512M or 4G", text);
    const char *u = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (u) {
        shift = 10 * (unsigned)(u - units + 1);
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B' || *end == 'b')
        end++;
    if (*end)
        return fail(err, EINVAL, "\"%s\" is no size; try: 512M or 4G", text);
    if (shift && v >> (64 - shift))
        return fail(err, ERANGE, "\"%s\" is too large", text);
    *bytes = (uint64_t)v << shift;
    return 0;
}

static bool choice_listed(const char *choices, const char *v)
{
    size_t n = strlen(v);

    for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (!strncmp(p, v, n) && (p[n] == '|' || !p[n]))
            return true;
    return false;
}

int opt_store(const struct opt *o, void *record, const char *v, struct error *err)
{
    void *at = (char *)record + o->offset;
    uint64_t n = 0;

    switch (o->kind) {
    case OPT_FLAG:
        *(bool *)at = true;
        return 0;
    case OPT_ENUM:
        if (!choice_listed(o->choices, v))
            return fail(err, EINVAL, "--%s: \"%s\" is none of %s", o->name, v, o->choices);
        *(const char **)at = v;
        return 0;
    case OPT_STRING:
        *(const char **)at = v;
        return 0;
    case OPT_LIST: {
        struct opt_list *l = at;
        const char **items = realloc(l->items, (l->count + 1) * sizeof(*items));
        if (!items)
            return fail(err, ENOMEM, "--%s: out of memory", o->name);
        l->items = items;
        l->items[l->count++] = v;
        return 0;
    }
    case OPT_SIZE:
        if (opt_parse_size(v, &n, err))
            return error_prefix(err, "--%s", o->name);
        break;
    case OPT_UINT: {
        char *end;
        errno = 0;
        n = strtoull(v, &end, 0);
        if (errno || end == v || *end || *v == '-')
            return fail(err, EINVAL, "--%s: \"%s\" is no number", o->name, v);
        break;
    }
    }
    if (n < o->min || (o->max && n > o->max))
        return fail(err, ERANGE, "--%s: %s is not in %" PRIu64 "..%" PRIu64, o->name, v, o->min,
                    o->max ? o->max : UINT64_MAX);
    memcpy(at, &n, sizeof(n));
    return 0;
}

static int opt_unknown(const struct opt *table, const char *word, struct error *err)
{
    const char *names[128];
    size_t n = 0;

    for (const struct opt *o = table; o->name && n < ARRAY_LEN(names); o++)
        names[n++] = o->name;
    const char *near = opt_nearest(word, names, n);
    if (near)
        return fail(err, EINVAL, "unknown option --%s; did you mean --%s?", word, near);
    return fail(err, EINVAL, "unknown option --%s; try: --help", word);
}

static int opt_parse_long(const struct opt *table, void *record, char **argv, int argc, int *i,
                          struct error *err)
{
    const char *word = argv[*i] + 2;
    const char *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : strlen(word);

    for (const struct opt *o = table; o->name; o++) {
        if (o->kind == OPT_FLAG && !strncmp(word, "no-", 3) && !eq && !strcmp(word + 3, o->name)) {
            *(bool *)((char *)record + o->offset) = false;
            return 0;
        }
        if (strncmp(o->name, word, n) || o->name[n])
            continue;
        if (o->kind == OPT_FLAG) {
            if (eq)
                return fail(err, EINVAL, "--%s takes no value", o->name);
            return opt_store(o, record, NULL, err);
        }
        if (!eq && *i + 1 >= argc)
            return fail(err, EINVAL, "--%s needs a value: %s", o->name, o->arg ? o->arg : "VALUE");
        return opt_store(o, record, eq ? eq + 1 : argv[++*i], err);
    }
    auto_free char *name = xstrdup(word);
    name[n] = 0;
    return opt_unknown(table, name, err);
}

static int opt_parse_short(const struct opt *table, void *record, char **argv, int argc, int *i,
                           struct error *err)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const struct opt *o = table;
        while (o->name && o->letter != *p)
            o++;
        if (!o->name)
            return fail(err, EINVAL, "unknown option -%c; try: --help", *p);
        if (o->kind == OPT_FLAG) {
            int rc = opt_store(o, record, NULL, err);
            if (rc)
                return rc;
            continue;
        }
        if (p[1])
            return opt_store(o, record, p + 1, err);
        if (*i + 1 >= argc)
            return fail(err, EINVAL, "-%c needs a value: %s", *p, o->arg ? o->arg : "VALUE");
        return opt_store(o, record, argv[++*i], err);
    }
    return 0;
}

int opt_parse(const struct opt *table, void *record, int argc, char **argv, int *rest,
              struct error *err)
{
    int i = 1;

    for (; i < argc; i++) {
        const char *a = argv[i];
        if (a[0] != '-' || !a[1])
            break;
        if (!strcmp(a, "--")) {
            i++;
            break;
        }
        int rc = a[1] == '-' ? opt_parse_long(table, record, argv, argc, &i, err)
                             : opt_parse_short(table, record, argv, argc, &i, err);
        if (rc)
            return rc;
    }
    *rest = i;
    return 0;
}

int opt_set(const struct opt *table, void *record, const char *name, const char *value,
            struct error *err)
{
    for (const struct opt *o = table; o->name; o++)
        if (!strcmp(o->name, name))
            return value || o->kind == OPT_FLAG ? opt_store(o, record, value, err)
                                                : fail(err, EINVAL, "--%s needs a value", name);
    return opt_unknown(table, name, err);
}

void opt_each(const struct opt *table, const void *record,
              void (*fn)(void *opaque, const char *name, const char *value), void *opaque)
{
    for (const struct opt *o = table; o->name; o++) {
        const void *at = (const char *)record + o->offset;
        const struct opt_list *l = at;
        uint64_t n = 0;
        char text[24];
        switch (o->kind) {
        case OPT_FLAG:
            if (*(const bool *)at)
                fn(opaque, o->name, NULL);
            break;
        case OPT_ENUM:
        case OPT_STRING:
            if (*(const char *const *)at)
                fn(opaque, o->name, *(const char *const *)at);
            break;
        case OPT_LIST:
            for (size_t i = 0; i < l->count; i++)
                fn(opaque, o->name, l->items[i]);
            break;
        case OPT_SIZE:
        case OPT_UINT:
            memcpy(&n, at, sizeof(n));
            snprintf(text, sizeof(text), "%" PRIu64, n);
            if (n)
                fn(opaque, o->name, text);
            break;
        }
    }
}

void opt_list_insert(struct opt_list *l, size_t at, const char *item)
{
    const char **items = xcalloc(l->count + 1, sizeof(*items));

    for (size_t i = 0; i < l->count; i++)
        items[i + (i >= at)] = l->items[i];
    items[at] = item;
    free(l->items);
    *l = (struct opt_list){items, l->count + 1};
}

void opt_free(const struct opt *table, void *record)
{
    for (const struct opt *o = table; o->name; o++)
        if (o->kind == OPT_LIST) {
            struct opt_list *l = (struct opt_list *)((char *)record + o->offset);
            free(l->items);
            *l = (struct opt_list){0};
        }
}
