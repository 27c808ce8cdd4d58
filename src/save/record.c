/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "save/record.h"

/* ------------------------------------------------------------------------------------ writing */

static void put_fields(struct save_out *o, const struct field *f, const uint8_t *record);

static void put_number(struct save_out *o, const uint8_t *at, uint32_t size)
{
    uint64_t v = 0;

    memcpy(&v, at, size); /* hosts are little-endian (core/mem.h) */
    save_put_le(o, v, size);
}

static void put_struct(struct save_out *o, const struct field *sub, const uint8_t *at)
{
    size_t len_at = o->len;

    save_put_le(o, 0, 4);
    put_fields(o, sub, at);
    st_le32(o->buf + len_at, (uint32_t)(o->len - len_at - 4));
}

static void put_fields(struct save_out *o, const struct field *f, const uint8_t *record)
{
    for (; f->name; f++) {
        size_t name = strlen(f->name);
        save_put_le(o, f->kind, 1);
        save_put_le(o, name, 1);
        save_put_le(o, 0, 2);
        save_put_le(o, f->kind == FIELD_STRUCT ? 0 : f->size, 4);
        save_put_le(o, f->count, 4);
        save_put(o, f->name, name);
        for (uint32_t i = 0; i < f->count; i++) {
            const uint8_t *at = record + f->offset + (size_t)i * f->size;
            if (f->kind == FIELD_STRUCT)
                put_struct(o, f->sub, at);
            else if (f->kind == FIELD_RAW)
                save_put(o, at, f->size);
            else
                put_number(o, at, f->size);
        }
    }
}

void record_put(struct save_out *o, const struct state *st, const void *record)
{
    put_fields(o, st->fields, record);
}

int record_write(struct save_out *o, const char *name, const struct state *st, const void *record,
                 struct error *err)
{
    save_begin(o, SAVE_RECORD, name, st->version);
    record_put(o, st, record);
    return save_end(o, err);
}

/* ------------------------------------------------------------------------------------ reading */

struct wire_field {
    uint8_t kind;
    uint32_t size, count;
    char name[256];
};

static int take_fields(struct save_cursor *c, const struct field *table, uint8_t *record,
                       struct error *err);

static bool is_number(unsigned kind)
{
    return kind == FIELD_UINT || kind == FIELD_BOOL;
}

static int take_number(struct save_cursor *c, const struct field *f, const struct wire_field *w,
                       uint8_t *at, struct error *err)
{
    uint64_t v = save_take_le(c, w->size);

    if (f->kind == FIELD_BOOL ? v > 1 : f->size < 8 && v >> 8 * f->size)
        return fail(err, EBADMSG, "field %s: %#" PRIx64 " does not fit", f->name, v);
    memcpy(at, &v, f->size);
    return 0;
}

static int take_struct(struct save_cursor *c, const struct field *f, uint8_t *at, struct error *err)
{
    uint32_t len = (uint32_t)save_take_le(c, 4);
    const uint8_t *p = save_take(c, len);
    struct save_cursor sub = {p, p + (p ? len : 0), !p};
    int rc = take_fields(&sub, f->sub, at, err);

    return rc ? error_prefix(err, "%s", f->name) : 0;
}

static int take_field(struct save_cursor *c, const struct field *f, const struct wire_field *w,
                      uint8_t *record, struct error *err)
{
    bool same = f->kind == w->kind || (is_number(f->kind) && is_number(w->kind));

    if (!same || w->count != f->count || (f->kind == FIELD_RAW && w->size != f->size) ||
        (is_number(w->kind) && (!w->size || w->size > 8 || (w->size & (w->size - 1)))))
        return fail(err, EBADMSG, "field %s: kind %u, %u times %u bytes; wanted kind %u, %u times %u",
                    f->name, w->kind, w->count, w->size, f->kind, f->count, f->size);
    int rc = 0;
    for (uint32_t i = 0; !rc && !c->bad && i < f->count; i++) {
        uint8_t *at = record + f->offset + (size_t)i * f->size;
        if (f->kind == FIELD_STRUCT) {
            rc = take_struct(c, f, at, err);
        } else if (f->kind == FIELD_RAW) {
            const uint8_t *p = save_take(c, f->size);
            if (p)
                memcpy(at, p, f->size);
        } else {
            rc = take_number(c, f, w, at, err);
        }
    }
    return rc;
}

static int take_fields(struct save_cursor *c, const struct field *table, uint8_t *record,
                       struct error *err)
{
    while (!c->bad && c->p < c->end) {
        struct wire_field w = {.kind = (uint8_t)save_take_le(c, 1)};
        size_t name = (size_t)save_take_le(c, 1);
        save_take(c, 2);
        w.size = (uint32_t)save_take_le(c, 4);
        w.count = (uint32_t)save_take_le(c, 4);
        const uint8_t *p = save_take(c, name);
        if (!p)
            break;
        memcpy(w.name, p, name);
        for (size_t i = 0; i < name; i++)
            if (w.name[i] < 0x20 || w.name[i] > 0x7e)
                return fail(err, EBADMSG, "a field's name is no text");
        const struct field *f = table;
        while (f->name && strcmp(f->name, w.name))
            f++;
        if (!f->name)
            return fail(err, ENOTSUP, "field %s is not known here; a newer program saved it", w.name);
        int rc = take_field(c, f, &w, record, err);
        if (rc)
            return rc;
    }
    return c->bad ? fail(err, EBADMSG, "the record ends within a field") : 0;
}

int record_read(const struct save_section *s, const struct state *st, void *record,
                struct error *err)
{
    struct save_cursor c = save_cursor(s);

    if (s->version > st->version)
        return fail(err, ENOTSUP, "%s: version %u; this program knows up to %u", s->name, s->version,
                    st->version);
    auto_free uint8_t *copy = xcalloc(1, st->size);
    memcpy(copy, record, st->size);
    int rc = take_fields(&c, st->fields, copy, err);
    if (rc)
        return error_prefix(err, "%s", s->name);
    memcpy(record, copy, st->size);
    return 0;
}
