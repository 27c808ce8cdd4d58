/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/aml.h"

#include <assert.h>

#include "base/endian.h"

void aml_init(struct aml *a, uint8_t *buf, size_t size)
{
    *a = (struct aml){.buf = buf, .size = size};
}

static void put(struct aml *a, const void *bytes, size_t len)
{
    if (len > a->size - a->n) {
        a->full = true;
        return;
    }
    memcpy(a->buf + a->n, bytes, len);
    a->n += len;
}

static void put8(struct aml *a, uint8_t v)
{
    put(a, &v, 1);
}

/* An integer of `bytes` bytes, least first. */
static void put_le(struct aml *a, uint64_t v, unsigned bytes)
{
    uint8_t raw[8];

    st_le64(raw, v);
    put(a, raw, bytes);
}

/* --------------------------------------------------------------------------------- blocks */

static void block_begin(struct aml *a, bool resources)
{
    assert(a->depth < AML_DEPTH_MAX);
    a->open[a->depth].start = a->n;
    a->open[a->depth++].resources = resources;
}

/* PkgLength [ACPI 20.2.4]: counts itself; bits 7:6 of the first byte say how many bytes follow. */
static void insert_length(struct aml *a, size_t start)
{
    size_t body = a->n - start;
    unsigned bytes = body + 1 < 0x40 ? 1 : body + 2 < 0x1000 ? 2 : 3;
    uint64_t v = body + bytes;

    if (a->size - a->n < bytes || v >= 0x100000) {
        a->full = true;
        return;
    }
    memmove(a->buf + start + bytes, a->buf + start, body);
    a->n += bytes;
    if (bytes == 1) {
        a->buf[start] = (uint8_t)v;
        return;
    }
    a->buf[start] = (uint8_t)((bytes - 1) << 6 | (v & 0xf));
    for (unsigned i = 1; i < bytes; i++)
        a->buf[start + i] = (uint8_t)(v >> (8 * i - 4));
}

/* A template is Buffer (size) {bytes}: the size as a word constant before the bytes. */
static void end_resources(struct aml *a, size_t start)
{
    static const uint8_t end_tag[] = {0x79, 0x00};
    uint8_t size[3] = {0x0b};

    put(a, end_tag, sizeof(end_tag));
    size_t len = a->n - start;
    put(a, size, sizeof(size)); /* room */
    if (a->full)
        return;
    memmove(a->buf + start + sizeof(size), a->buf + start, len);
    st_le16(size + 1, (uint16_t)len);
    memcpy(a->buf + start, size, sizeof(size));
}

void aml_end(struct aml *a)
{
    assert(a->depth);
    a->depth--;
    if (a->full)
        return;
    if (a->open[a->depth].resources)
        end_resources(a, a->open[a->depth].start);
    if (!a->full)
        insert_length(a, a->open[a->depth].start);
}

static void put_seg(struct aml *a, const char *s, size_t len)
{
    char seg[4] = {'_', '_', '_', '_'};

    assert(len && len <= 4);
    memcpy(seg, s, len);
    put(a, seg, 4);
}

void aml_path(struct aml *a, const char *path)
{
    unsigned segs = 1;

    for (; *path == '\\' || *path == '^'; path++)
        put8(a, (uint8_t)*path);
    for (const char *p = path; *p; p++)
        segs += *p == '.';
    if (segs == 2)
        put8(a, 0x2e);
    if (segs > 2) {
        put8(a, 0x2f);
        put8(a, (uint8_t)segs);
    }
    for (; *path; path += *path == '.') {
        size_t n = strcspn(path, ".");
        put_seg(a, path, n);
        path += n;
    }
}

void aml_scope_begin(struct aml *a, const char *path)
{
    put8(a, 0x10);
    block_begin(a, false);
    aml_path(a, path);
}

void aml_device_begin(struct aml *a, const char *path)
{
    put8(a, 0x5b);
    put8(a, 0x82);
    block_begin(a, false);
    aml_path(a, path);
}

void aml_method_begin(struct aml *a, const char *path, unsigned args)
{
    put8(a, 0x14);
    block_begin(a, false);
    aml_path(a, path);
    put8(a, (uint8_t)args);
}

void aml_package_begin(struct aml *a, unsigned elements)
{
    assert(elements < 256);
    put8(a, 0x12);
    block_begin(a, false);
    put8(a, (uint8_t)elements);
}

void aml_if_begin(struct aml *a)
{
    put8(a, 0xa0);
    block_begin(a, false);
}

void aml_else_begin(struct aml *a)
{
    put8(a, 0xa1);
    block_begin(a, false);
}

void aml_while_begin(struct aml *a)
{
    put8(a, 0xa2);
    block_begin(a, false);
}

void aml_field_begin(struct aml *a, const char *region, uint8_t flags)
{
    put8(a, 0x5b);
    put8(a, 0x81);
    block_begin(a, false);
    aml_path(a, region);
    put8(a, flags);
}

/* ---------------------------------------------------------------------------------- terms */

void aml_name(struct aml *a, const char *path)
{
    put8(a, 0x08);
    aml_path(a, path);
}

void aml_int(struct aml *a, uint64_t v)
{
    if (v <= 1) {
        put8(a, (uint8_t)v); /* ZeroOp, OneOp */
    } else if (v <= 0xff) {
        put8(a, 0x0a);
        put_le(a, v, 1);
    } else if (v <= 0xffff) {
        put8(a, 0x0b);
        put_le(a, v, 2);
    } else if (v <= 0xffffffff) {
        put8(a, 0x0c);
        put_le(a, v, 4);
    } else {
        put8(a, 0x0e);
        put_le(a, v, 8);
    }
}

void aml_string(struct aml *a, const char *s)
{
    put8(a, 0x0d);
    put(a, s, strlen(s) + 1);
}

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* EISAID [ACPI 19.6.37]: three letters of 5 bits, four hex digits, bytes most significant first. */
void aml_eisaid(struct aml *a, const char *id)
{
    unsigned letters =
        (unsigned)(id[0] - '@') << 10 | (unsigned)(id[1] - '@') << 5 | (unsigned)(id[2] - '@');
    unsigned number = hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);
    uint8_t raw[5] = {0x0c};

    st_be16(raw + 1, (uint16_t)letters);
    st_be16(raw + 3, (uint16_t)number);
    put(a, raw, sizeof(raw));
}

void aml_op(struct aml *a, enum aml_op op)
{
    put8(a, (uint8_t)op);
}

void aml_local(struct aml *a, unsigned n)
{
    put8(a, (uint8_t)(0x60 + n));
}

void aml_arg(struct aml *a, unsigned n)
{
    put8(a, (uint8_t)(0x68 + n));
}

void aml_bytes(struct aml *a, const uint8_t *bytes, uint8_t len)
{
    put8(a, 0x11);
    block_begin(a, false);
    aml_int(a, len);
    put(a, bytes, len);
    aml_end(a);
}

void aml_io_region(struct aml *a, const char *name, uint16_t port, uint8_t len)
{
    put8(a, 0x5b);
    put8(a, 0x80);
    aml_path(a, name);
    put8(a, 1); /* I/O space */
    aml_int(a, port);
    aml_int(a, len);
}

/* A width in bits, encoded as a PkgLength that does not count itself. */
static void put_bits(struct aml *a, unsigned bits)
{
    assert(bits < 0x1000);
    if (bits < 0x40) {
        put8(a, (uint8_t)bits);
        return;
    }
    put8(a, (uint8_t)(0x40 | (bits & 0xf)));
    put8(a, (uint8_t)(bits >> 4));
}

void aml_field(struct aml *a, const char *name, unsigned bits)
{
    aml_path(a, name);
    put_bits(a, bits);
}

void aml_gap(struct aml *a, unsigned bits)
{
    put8(a, 0);
    put_bits(a, bits);
}

void aml_mutex(struct aml *a, const char *name)
{
    put8(a, 0x5b);
    put8(a, 0x01);
    aml_path(a, name);
    put8(a, 0);
}

void aml_acquire(struct aml *a, const char *name)
{
    put8(a, 0x5b);
    put8(a, 0x23);
    aml_path(a, name);
    put_le(a, 0xffff, 2);
}

void aml_release(struct aml *a, const char *name)
{
    put8(a, 0x5b);
    put8(a, 0x27);
    aml_path(a, name);
}

void aml_name_int(struct aml *a, const char *path, uint64_t v)
{
    aml_name(a, path);
    aml_int(a, v);
}

/* ------------------------------------------------------------------------------- resources */

void aml_resources_begin(struct aml *a)
{
    put8(a, 0x11);
    block_begin(a, true);
}

void aml_io(struct aml *a, uint16_t base, uint8_t len)
{
    put8(a, 0x47);
    put8(a, 0x01); /* decodes 16 bits */
    put_le(a, base, 2);
    put_le(a, base, 2);
    put8(a, 0x01);
    put8(a, len);
}

void aml_irq(struct aml *a, unsigned irq)
{
    put8(a, 0x22);
    put_le(a, 1u << irq, 2);
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
    put8(a, 0x86);
    put_le(a, 9, 2);
    put8(a, writable);
    put_le(a, base, 4);
    put_le(a, len, 4);
}

/* Address space descriptors: tag, length, kind (0 memory, 1 I/O, 2 bus), general flags, specific
 * flags, granularity, min, max, translation, length, each of `width` bytes. */
static void window(struct aml *a, uint8_t tag, unsigned width, uint8_t kind, uint8_t specific,
                   uint64_t min, uint64_t max)
{
    put8(a, tag);
    put_le(a, 3 + 5 * width, 2);
    put8(a, kind);
    put8(a, 0x0c); /* fixed minimum and maximum, positive decode, produced */
    put8(a, specific);
    put_le(a, 0, width);
    put_le(a, min, width);
    put_le(a, max, width);
    put_le(a, 0, width);
    put_le(a, max - min + 1, width);
}

void aml_bus_window(struct aml *a, uint16_t min, uint16_t max)
{
    window(a, 0x88, 2, 2, 0, min, max);
}

void aml_io_window(struct aml *a, uint16_t min, uint16_t max)
{
    window(a, 0x88, 2, 1, 3, min, max); /* the entire range */
}

void aml_memory_window32(struct aml *a, uint32_t min, uint32_t max)
{
    window(a, 0x87, 4, 0, 1, min, max); /* read-write, not cacheable */
}

void aml_memory_window64(struct aml *a, uint64_t min, uint64_t max)
{
    window(a, 0x8a, 8, 0, 1, min, max);
}
