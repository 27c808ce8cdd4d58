/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "save/stream.h"

#include <unistd.h>

#include "base/crc32c.h"

static const char magic[8] = "QUADSAVE", section_magic[4] = "SECT";

/* ------------------------------------------------------------------------------- descriptors */

static ssize_t fd_read(struct save_io *io, void *buf, size_t n)
{
    const struct save_io_fd *f = container_of(io, struct save_io_fd, io);
    ssize_t got;

    do
        got = read(f->fd, buf, n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t fd_write(struct save_io *io, const void *buf, size_t n)
{
    const struct save_io_fd *f = container_of(io, struct save_io_fd, io);
    ssize_t put;

    do
        put = write(f->fd, buf, n);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

void save_io_fd_init(struct save_io_fd *f, int fd)
{
    *f = (struct save_io_fd){.io = {.read = fd_read, .write = fd_write}, .fd = fd};
}

/* ------------------------------------------------------------------------------------ writing */

static void write_all(struct save_out *o, const uint8_t *p, size_t n)
{
    while (n && !o->failed) {
        ssize_t put = o->io->write(o->io, p, n);
        if (put <= 0) {
            o->failed = put ? (int)-put : EPIPE;
            return;
        }
        p += put;
        n -= (size_t)put;
        o->pos += (size_t)put;
    }
}

void save_open(struct save_out *o, struct save_io *io, uint32_t features, const uint8_t uuid[16])
{
    uint8_t h[SAVE_HEADER] = {0};

    *o = (struct save_out){.io = io};
    memcpy(h, magic, sizeof(magic));
    st_le32(h + 8, SAVE_VERSION);
    st_le32(h + 12, features);
    memcpy(h + 16, uuid, 16);
    st_le32(h + 60, crc32c(0, h, 60));
    write_all(o, h, sizeof(h));
}

void save_fini(struct save_out *o)
{
    free(o->buf);
    o->buf = NULL;
}

uint8_t *save_room(struct save_out *o, size_t len)
{
    if (o->len + len > o->cap) {
        size_t cap = MAX(2 * o->cap, o->len + len + 4096);
        uint8_t *buf = xcalloc(1, cap);
        if (o->len)
            memcpy(buf, o->buf, o->len);
        free(o->buf);
        o->buf = buf;
        o->cap = cap;
    }
    o->len += len;
    return o->buf + o->len - len;
}

void save_put(struct save_out *o, const void *data, size_t len)
{
    if (len)
        memcpy(save_room(o, len), data, len);
}

void save_put_le(struct save_out *o, uint64_t v, unsigned bytes)
{
    uint8_t b[8];

    st_le64(b, v);
    save_put(o, b, bytes);
}

void save_begin(struct save_out *o, enum save_kind kind, const char *name, unsigned version)
{
    size_t n = MIN(strlen(name), (size_t)SAVE_NAME_MAX);

    o->len = 0;
    uint8_t *h = save_room(o, SAVE_SECTION_HEADER);
    memset(h, 0, SAVE_SECTION_HEADER);
    memcpy(h, section_magic, sizeof(section_magic));
    st_le16(h + 4, (uint16_t)kind);
    st_le16(h + 6, (uint16_t)n);
    st_le32(h + 8, version);
    save_put(o, name, n);
    o->payload = o->len;
}

int save_end(struct save_out *o, struct error *err)
{
    size_t len = o->len - o->payload;

    if (len > SAVE_SECTION_MAX)
        return fail(err, EFBIG, "a section of %zu bytes is more than a stream may hold", len);
    st_le32(o->buf + 12, (uint32_t)len);
    st_le32(o->buf + 16, crc32c(0, o->buf + SAVE_SECTION_HEADER, o->len - SAVE_SECTION_HEADER));
    st_le32(o->buf + 20, crc32c(0, o->buf, 20));
    write_all(o, o->buf, o->len);
    o->len = 0;
    return o->failed ? fail_errno(err, o->failed, "cannot write the saved guest") : 0;
}

/* ------------------------------------------------------------------------------------ reading */

static int read_all(struct save_in *in, uint8_t *p, size_t n, const char *what, struct error *err)
{
    while (n) {
        ssize_t got = in->io->read(in->io, p, n);
        if (got < 0)
            return fail_errno(err, (int)-got, "cannot read the saved guest");
        if (!got)
            return fail(err, EBADMSG, "the saved guest ends in %s, at byte %" PRIu64, what, in->pos);
        p += got;
        n -= (size_t)got;
        in->pos += (size_t)got;
    }
    return 0;
}

int save_start(struct save_in *in, struct save_io *io, struct error *err)
{
    uint8_t h[SAVE_HEADER];

    *in = (struct save_in){.io = io};
    int rc = read_all(in, h, sizeof(h), "its header", err);
    if (rc)
        return rc;
    if (memcmp(h, magic, sizeof(magic)))
        return fail(err, EBADMSG, "this is no saved guest of Quadrivium");
    if (ld_le32(h + 60) != crc32c(0, h, 60))
        return fail(err, EBADMSG, "the header of the saved guest is damaged (CRC)");
    in->version = ld_le32(h + 8);
    in->features = ld_le32(h + 12);
    if (!in->version || in->version > SAVE_VERSION)
        return fail(err, ENOTSUP, "the saved guest has format version %u; this program knows 1 to %u",
                    in->version, SAVE_VERSION);
    if (in->features & ~(uint32_t)SAVE_F_KNOWN)
        return fail(err, ENOTSUP, "the saved guest needs features %#x that this program lacks",
                    in->features & ~(uint32_t)SAVE_F_KNOWN);
    memcpy(in->uuid, h + 16, 16);
    return 0;
}

static int section_header(struct save_in *in, const uint8_t *h, struct error *err)
{
    if (memcmp(h, section_magic, sizeof(section_magic)) || ld_le32(h + 20) != crc32c(0, h, 20))
        return fail(err, EBADMSG, "the saved guest is damaged before byte %" PRIu64
                                  ": no section begins there", in->pos);
    if (ld_le16(h + 6) > SAVE_NAME_MAX || ld_le32(h + 12) > SAVE_SECTION_MAX)
        return fail(err, EBADMSG, "a section of the saved guest says it has %u bytes; the most is %u",
                    ld_le32(h + 12), SAVE_SECTION_MAX);
    return 0;
}

int save_next(struct save_in *in, struct save_section *s, struct error *err)
{
    uint8_t h[SAVE_SECTION_HEADER];
    int rc = read_all(in, h, sizeof(h), "the header of a section", err);

    if (!rc)
        rc = section_header(in, h, err);
    if (rc)
        return rc;
    size_t name_len = ld_le16(h + 6), len = ld_le32(h + 12);
    if (name_len + len > in->cap) {
        free(in->buf);
        in->cap = ALIGN_UP(name_len + len, (size_t)4096);
        in->buf = malloc(in->cap);
        if (!in->buf) {
            in->cap = 0;
            return fail(err, ENOMEM, "no memory for a section of %zu bytes", len);
        }
    }
    rc = read_all(in, in->buf, name_len + len, "a section", err);
    if (rc)
        return rc;
    if (ld_le32(h + 16) != crc32c(0, in->buf, name_len + len))
        return fail(err, EBADMSG, "the section that ends at byte %" PRIu64
                                  " of the saved guest is damaged (CRC)", in->pos);
    *s = (struct save_section){.kind = ld_le16(h + 4),
                               .version = ld_le32(h + 8),
                               .data = in->buf + name_len,
                               .len = len};
    for (size_t i = 0; i < name_len; i++)
        if (in->buf[i] < 0x20 || in->buf[i] > 0x7e)
            return fail(err, EBADMSG, "a section's name holds byte %#x", in->buf[i]);
    memcpy(s->name, in->buf, name_len);
    return 0;
}

void save_in_fini(struct save_in *in)
{
    free(in->buf);
    in->buf = NULL;
    in->cap = 0;
}

const uint8_t *save_take(struct save_cursor *c, size_t len)
{
    if (c->bad || (size_t)(c->end - c->p) < len) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += len;
    return p;
}

uint64_t save_take_le(struct save_cursor *c, unsigned bytes)
{
    const uint8_t *p = save_take(c, bytes);
    uint64_t v = 0;

    for (unsigned i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}
