/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/guest_file.h"

#include <jansson.h>

#include "config/device_config.h"

#if HAVE_LIBFYAML
#include <libfyaml.h>
#endif

#define FILE_MAX (1u << 20)

bool guest_file_name(const char *word)
{
    size_t n = strlen(word);

    return (n > 5 && !strcmp(word + n - 5, ".yaml")) || (n > 4 && !strcmp(word + n - 4, ".yml"));
}

/* ------------------------------------------------------------------------------------ reading */

#if HAVE_LIBFYAML

static const char *own(struct guest_config *c, char *text)
{
    char **owned = realloc(c->owned, (c->n_owned + 1) * sizeof(*owned));

    if (!owned)
        abort(); /* out of memory, as xcalloc() */
    c->owned = owned;
    c->owned[c->n_owned++] = text;
    return text;
}

struct reader {
    struct guest_config *c;
    const char *name; /* of the file */
    int folder;       /* length of the folder in it, with its slash */
};

/* Options that may be mappings: the key of what stands first in their text. */
static const struct {
    const char *option, *first;
    const struct opt *table;
} nested[] = {
    {"disk", "file", disk_options_table},
    {"cdrom", "file", disk_options_table},
    {"nic", "net", nic_options_table},
};

/* A failure at a node: "FILE:LINE:COLUMN: " before its text. */
static int at(const struct reader *r, struct fy_node *n, struct error *err)
{
    struct fy_token *t = n && fy_node_is_scalar(n) ? fy_node_get_scalar_token(n) : NULL;
    const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;

    if (!m)
        return error_prefix(err, "%s", r->name);
    return error_prefix(err, "%s:%d:%d", r->name, m->line + 1, m->column + 1);
}

/* A plain or quoted text, to be freed; NULL with *err: something else. */
static char *scalar(const struct reader *r, struct fy_node *n, struct fy_node *key,
                    struct error *err)
{
    size_t len = 0, taglen = 0;
    const char *text = NULL;

    if (!n || fy_node_is_null(n)) {
        fail(err, EINVAL, "a key without a value");
        at(r, key, err);
        return NULL;
    }
    if (fy_node_is_alias(n) || (fy_node_get_tag(n, &taglen) && taglen))
        fail(err, EINVAL, "a guest file has no aliases and no tags");
    else if (!fy_node_is_scalar(n))
        fail(err, EINVAL, "a text or number is expected here");
    else if (!(text = fy_node_get_scalar(n, &len)) || memchr(text, 0, len))
        fail(err, EINVAL, "a text cannot hold a NUL");
    if (!text || memchr(text, 0, len)) {
        at(r, fy_node_is_scalar(n) ? n : key, err);
        return NULL;
    }
    char *copy = xcalloc(1, len + 1);
    memcpy(copy, text, len);
    return copy;
}

/* The part of a value that is a path, from the file's folder. */
static char *place_path(const struct reader *r, const struct opt *o, char *text)
{
    if (!o->path || !r->folder || text[0] == '/' || !text[0])
        return text;
    if (*o->path == '/' && !strchr(text, '/')) /* a name or a path */
        return text;
    char *whole = xasprintf("%.*s%s", r->folder, r->name, text);
    free(text);
    return whole;
}

/* How a flag is said: true or false. 1 or 0; negative: neither. */
static int truth(const char *text)
{
    return !strcmp(text, "true") ? 1 : !strcmp(text, "false") ? 0 : -1;
}

static int store(const struct reader *r, const struct opt *o, void *record, char *text,
                 struct fy_node *n, struct error *err)
{
    int rc = 0;

    if (o->kind == OPT_FLAG) {
        int yes = truth(text);
        if (yes < 0)
            rc = fail(err, EINVAL, "%s is true or false, not \"%s\"", o->name, text);
        else
            *(bool *)((char *)record + o->offset) = yes;
        free(text);
    } else {
        rc = opt_store(o, record, own(r->c, place_path(r, o, text)), err);
    }
    return rc ? at(r, n, err) : 0;
}

static int unknown_key(const struct reader *r, const struct opt *table, const char *first,
                       const char *key, struct fy_node *n, struct error *err)
{
    const char *names[128];
    size_t k = 0;

    if (first)
        names[k++] = first;
    for (const struct opt *o = table; o->name && k < ARRAY_LEN(names); o++)
        if (!o->run_only)
            names[k++] = o->name;
    const char *near = opt_nearest(key, names, k);
    if (near)
        fail(err, EINVAL, "unknown key \"%.60s\"; did you mean %s?", key, near);
    else
        fail(err, EINVAL, "unknown key \"%.60s\"; try: quad run --help, its options are the keys",
             key);
    return at(r, n, err);
}

static const struct opt *find(const struct opt *table, const char *key)
{
    while (table->name && (strcmp(table->name, key) || table->run_only))
        table++;
    return table->name ? table : NULL;
}

/* ",option=value" for one pair of a disk's or card's mapping. */
static char *pair_text(const struct reader *r, size_t i, struct fy_node_pair *p, char **first,
                       struct error *err)
{
    struct fy_node *key = fy_node_pair_key(p), *value = fy_node_pair_value(p);
    auto_free char *name = scalar(r, key, key, err);
    auto_free char *text = name ? scalar(r, value, key, err) : NULL;

    if (!text)
        return NULL;
    if (strchr(text, ',')) {
        fail(err, EINVAL, "%s: a value here cannot have a comma", name);
        at(r, value, err);
        return NULL;
    }
    if (!strcmp(name, nested[i].first)) {
        free(*first);
        *first = take_ptr(text);
        return xstrdup("");
    }
    const struct opt *o = find(nested[i].table, name);
    if (!o) {
        unknown_key(r, nested[i].table, nested[i].first, name, key, err);
        return NULL;
    }
    if (o->kind != OPT_FLAG)
        return xasprintf(",%s=%s", name, text);
    if (truth(text) < 0) {
        fail(err, EINVAL, "%s is true or false, not \"%s\"", name, text);
        at(r, value, err);
        return NULL;
    }
    return truth(text) ? xasprintf(",%s", name) : xstrdup("");
}

/* A mapping becomes what the command line has: WHAT,option=value... */
static int store_mapping(const struct reader *r, const struct opt *o, struct fy_node *n,
                         struct fy_node *key, struct error *err)
{
    auto_free char *first = NULL;
    auto_free char *rest = xstrdup("");
    struct fy_node_pair *p;
    void *it = NULL;
    size_t i = 0;

    while (i < ARRAY_LEN(nested) && strcmp(nested[i].option, o->name))
        i++;
    if (i == ARRAY_LEN(nested)) {
        fail(err, EINVAL, "%s is a text or a sequence of texts", o->name);
        return at(r, key, err);
    }
    while ((p = fy_node_mapping_iterate(n, &it))) {
        auto_free char *part = pair_text(r, i, p, &first, err);
        if (!part)
            return -err->code;
        char *longer = xasprintf("%s%s", rest, part);
        free(rest);
        rest = longer;
    }
    if (!first) {
        fail(err, EINVAL, "%s needs the key \"%s\"", o->name, nested[i].first);
        return at(r, key, err);
    }
    return store(r, o, r->c, xasprintf("%s%s", first, rest), key, err);
}

static int store_value(const struct reader *r, const struct opt *o, struct fy_node *n,
                       struct fy_node *key, struct error *err)
{
    if (n && fy_node_is_mapping(n) && o->kind == OPT_LIST)
        return store_mapping(r, o, n, key, err);
    char *text = scalar(r, n, key, err);
    return text ? store(r, o, r->c, text, n, err) : -err->code;
}

static int read_pair(const struct reader *r, struct fy_node_pair *p, struct error *err)
{
    struct fy_node *key = fy_node_pair_key(p), *value = fy_node_pair_value(p), *item;
    auto_free char *name = scalar(r, key, key, err);
    void *it = NULL;
    int rc = 0;

    if (!name)
        return -err->code;
    const struct opt *o = find(guest_options, name);
    if (!o)
        return unknown_key(r, guest_options, NULL, name, key, err);
    if (o->kind != OPT_LIST || !value || !fy_node_is_sequence(value))
        return store_value(r, o, value, key, err);
    while (!rc && (item = fy_node_sequence_iterate(value, &it)))
        rc = store_value(r, o, item, key, err);
    return rc;
}

static int read_document(const struct reader *r, struct fy_document *d, struct error *err)
{
    struct fy_node *root = fy_document_root(d);
    struct fy_node_pair *p;
    void *it = NULL;
    int rc = 0;

    if (!root || !fy_node_is_mapping(root))
        return fail(err, EINVAL, "%s: a guest file is a mapping: \"memory: 1G\" and so on", r->name);
    while (!rc && (p = fy_node_mapping_iterate(root, &it)))
        rc = read_pair(r, p, err);
    return rc;
}

static int syntax_error(const char *name, struct fy_diag *diag, struct error *err)
{
    void *it = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &it);

    if (!e)
        return fail(err, EINVAL, "%s is empty", name);
    return fail(err, EINVAL, "%s:%d:%d: %s", name, e->line, e->column, e->msg);
}

/* Bytes of the UTF-8 character at p, at most len of them; 0: none, or one that no text has. */
static size_t utf8_length(const uint8_t *p, size_t len)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;

    if (!n || n > len || p[0] == 0xc0 || p[0] == 0xc1 || p[0] > 0xf4 || p[0] == 0x7f ||
        (p[0] < 0x20 && p[0] != '\n' && p[0] != '\t' && p[0] != '\r'))
        return 0;
    for (size_t i = 1; i < n; i++)
        if (p[i] >> 6 != 2)
            return 0;
    return n;
}

/* The first thing of a line that no guest file has, or NULL. */
static const char *not_here(const char *line, size_t len)
{
    if (len && line[0] == '%')
        return "a guest file has no directives";
    while (len && strchr(" \t-", line[0]))
        line++, len--;
    if (len && line[0] == '?' && (len == 1 || strchr(" \t\r\n", line[1])))
        return "a guest file has no \"? key\": write key: value";
    return NULL;
}

/* What the library is not given: directives that are not UTF-8 can make it loop for ever, and
 * explicit keys with an error behind them can crash it (0.7.12). */
static int check_text(const char *name, const char *text, size_t len, struct error *err)
{
    unsigned line = 1, column = 1;
    const char *what;
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = utf8_length((const uint8_t *)text + i, len - i);
        if (!n)
            return fail(err, EINVAL, "%s:%u:%u: no UTF-8 text", name, line, column);
        what = column == 1 ? not_here(text + i, len - i) : NULL;
        if (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'))
            what = "a carriage return that ends no line";
        if (what)
            return fail(err, EINVAL, "%s:%u:%u: %s", name, line, column, what);
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return 0;
}

/* Errors are collected; what the library says besides is not for people. */
static void say_nothing(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
    (void)diag, (void)user, (void)buf, (void)len;
}

int guest_file_parse(struct guest_config *c, const char *name, const char *text, size_t len,
                     struct error *err)
{
    const char *slash = strrchr(name, '/');
    const struct reader r = {c, name, slash ? (int)(slash - name) + 1 : 0};
    struct fy_diag_cfg dc;
    int rc = check_text(name, text, len, err);

    if (rc)
        return rc;

    fy_diag_cfg_default(&dc);
    dc.output_fn = say_nothing;
    struct fy_diag *diag = fy_diag_create(&dc);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2,
                                     .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    struct fy_document *d =
        fy_parser_set_string(parser, text, len) ? NULL : fy_parse_load_document(parser);
    struct fy_document *more = d ? fy_parse_load_document(parser) : NULL;
    if (more)
        rc = fail(err, EINVAL, "%s: more than one document", name);
    else if (!d || fy_parser_get_stream_error(parser))
        rc = syntax_error(name, diag, err);
    else
        rc = read_document(&r, d, err);
    fy_parse_document_destroy(parser, more);
    fy_parse_document_destroy(parser, d);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return rc;
}

#else

int guest_file_parse(struct guest_config *c, const char *name, const char *text, size_t len,
                     struct error *err)
{
    (void)c, (void)text, (void)len;
    return fail(err, ENOTSUP, "%s: this program was built without libfyaml; install libfyaml-dev and "
                              "build it again", name);
}

#endif

int guest_file_load(struct guest_config *c, const char *path, struct error *err)
{
    auto_free char *text = xcalloc(1, FILE_MAX + 1);
    FILE *f = fopen(path, "re");

    if (!f)
        return fail_errno(err, errno, "cannot open %s", path);
    size_t n = fread(text, 1, FILE_MAX + 1, f);
    bool bad = ferror(f);
    fclose(f);
    if (bad)
        return fail(err, EIO, "cannot read %s", path);
    if (n > FILE_MAX)
        return fail(err, EFBIG, "%s is larger than a guest file may be (1 MiB)", path);
    return guest_file_parse(c, path, text, n, err);
}

/* ----------------------------------------------------------------------------------- printing */

/* JSON's strings are YAML's. */
static void print_value(const json_t *v, FILE *out)
{
    json_dumpf(v, out, JSON_ENCODE_ANY | JSON_COMPACT);
    fputc('\n', out);
}

void guest_file_print(const struct guest_config *c, FILE *out)
{
    json_t *all = guest_config_to_json(c), *v, *item;
    const char *key;
    size_t i;

    if (!json_object_size(all))
        fputs("{}\n", out);
    json_object_foreach(all, key, v) {
        fprintf(out, "%s:%s", key, json_is_array(v) ? "\n" : " ");
        if (!json_is_array(v))
            print_value(v, out);
        json_array_foreach(v, i, item) {
            fputs("  - ", out);
            print_value(item, out);
        }
    }
    json_decref(all);
}
