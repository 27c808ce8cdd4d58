/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/blocks.h"

#include "guest/disks.h"

#define SECTION_ROOM (1u << 20)

/* Disks that the guest cannot write are the destination's own business. */
static bool is_copied(const struct disks *d, unsigned n)
{
    return !d->readonly[n];
}

void blocks_track(struct disks *d, bool on)
{
    for (unsigned i = 0; i < d->n; i++)
        if (is_copied(d, i))
            pool_track(d->blk[i], on);
}

uint64_t blocks_left(const struct disks *d)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < d->n; i++)
        n += is_copied(d, i) ? pool_tracked(d->blk[i]) * POOL_TRACK_UNIT : 0;
    return n;
}

/* ------------------------------------------------------------------------------------ sending */

struct sender {
    struct save_out *out;
    struct disks *disks;
    unsigned n; /* the disk */
    uint8_t unit[POOL_TRACK_UNIT];
    uint64_t zero_at, zero_len; /* a run of zeros that may still grow */
};

static void begin(struct sender *s)
{
    save_begin(s->out, SAVE_BLOCKS, s->disks->name[s->n], 1);
    save_put_le(s->out, s->disks->blk[s->n]->size, 8);
}

static void put_run(struct sender *s, uint64_t at, uint64_t len, unsigned kind)
{
    save_put_le(s->out, at, 8);
    save_put_le(s->out, len, 4);
    save_put_le(s->out, kind, 1);
    save_put_le(s->out, 0, 3);
    if (kind == BLOCKS_DATA)
        save_put(s->out, s->unit, len);
}

static void put_zeros(struct sender *s)
{
    if (s->zero_len)
        put_run(s, s->zero_at, s->zero_len, BLOCKS_ZERO);
    s->zero_len = 0;
}

static bool is_zero(const uint8_t *p, uint64_t n)
{
    return !*p && !memcmp(p, p + 1, n - 1);
}

static int put_unit(struct sender *s, uint64_t at, struct error *err)
{
    struct blk *blk = s->disks->blk[s->n];
    uint64_t len = MIN(blk->size - at, POOL_TRACK_UNIT);
    int rc = disk_read_buf(pool_disk(blk), at, s->unit, len);

    if (rc)
        return fail_errno(err, -rc, "%s: cannot read at byte %" PRIu64, blk->name, at);
    bool zero = is_zero(s->unit, len);
    if (!zero || at != s->zero_at + s->zero_len || s->zero_len >= 1u << 30)
        put_zeros(s);
    if (zero) {
        s->zero_at = s->zero_len ? s->zero_at : at;
        s->zero_len += len;
    } else {
        put_run(s, at, len, BLOCKS_DATA);
    }
    return 0;
}

static int send_disk(struct sender *s, int (*pace)(void *opaque, struct error *err), void *opaque,
                     struct error *err)
{
    struct blk *blk = s->disks->blk[s->n];
    uint64_t at = 0;
    int rc = 0;

    begin(s);
    while (!rc && pool_take_tracked(blk, &at)) {
        rc = put_unit(s, at, err);
        at += POOL_TRACK_UNIT;
        if (rc || s->out->len < SECTION_ROOM)
            continue;
        put_zeros(s);
        rc = save_end(s->out, err);
        if (!rc && pace)
            rc = pace(opaque, err);
        begin(s);
    }
    put_zeros(s);
    return rc ? rc : save_end(s->out, err);
}

int blocks_send(struct save_out *o, struct disks *d, int (*pace)(void *opaque, struct error *err),
                void *opaque, struct error *err)
{
    struct sender *s = xcalloc(1, sizeof(*s));
    int rc = 0;

    s->out = o;
    s->disks = d;
    for (; !rc && s->n < d->n; s->n++)
        if (is_copied(d, s->n))
            rc = send_disk(s, pace, opaque, err);
    free(s);
    return rc;
}

/* ------------------------------------------------------------------------------------- taking */

static int take_run(struct disk *disk, const char *name, struct save_cursor *c, struct error *err)
{
    uint64_t at = save_take_le(c, 8), len = save_take_le(c, 4), kind = save_take_le(c, 1);

    save_take(c, 3);
    const uint8_t *data = kind == BLOCKS_DATA ? save_take(c, (size_t)len) : NULL;
    if (c->bad || !len || kind > BLOCKS_ZERO)
        return fail(err, EBADMSG, "blocks of %s are damaged", name);
    int rc = data ? disk_write_buf(disk, at, data, len) : disk_zero(disk, at, len, true);
    return rc ? fail_errno(err, -rc, "%s: cannot write %" PRIu64 " bytes at %" PRIu64, disk->file.path,
                           len, at)
              : 0;
}

int blocks_take(struct disks *d, const struct save_section *s, struct error *err)
{
    struct save_cursor c = save_cursor(s);
    unsigned i = 0;
    int rc = 0;

    while (i < d->n && strcmp(d->name[i], s->name))
        i++;
    if (i == d->n || !is_copied(d, i))
        return fail(err, EBADMSG, "this machine has no disk \"%s\" to write to", s->name);
    uint64_t size = save_take_le(&c, 8);
    if (size != d->blk[i]->size)
        return fail(err, EINVAL, "%s has %" PRIu64 " bytes, the guest's disk %" PRIu64 "; try: quad disk "
                                 "create %s %" PRIu64, d->path[i], d->blk[i]->size, size, d->path[i], size);
    while (!rc && c.p < c.end)
        rc = take_run(pool_disk(d->blk[i]), s->name, &c, err);
    return rc;
}
