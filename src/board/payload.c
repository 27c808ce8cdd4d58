/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Formats: gzip [RFC 1952]; LZ4 legacy frame: u32 magic, then blocks {u32 packed size, data}, each
 * of at most 8 MiB unpacked; xz and lzma (alone); bzip2; lzop: header, then blocks {u32be unpacked,
 * u32be packed, checksums, data}; zstd [RFC 8878]. Which of the libraries a build has is the build
 * file's business (HAVE_*).
 */
#include "board/payload.h"

#include "base/endian.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LIBLZ4
#include <lz4.h>
#endif
#if HAVE_LIBLZMA
#include <lzma.h>
#endif
#if HAVE_BZ2
#include <bzlib.h>
#endif
#if HAVE_LZO2
#include <lzo/lzo1x.h>
#endif
#if HAVE_LIBZSTD
#include <zstd.h>
#endif

/* The unpacked bytes as they grow. */
struct sink {
    struct blob b;
    size_t room;
    uint64_t limit;
};

[[maybe_unused]] static int sink_grow(struct sink *s, size_t more, struct error *err)
{
    if (s->room - s->b.size >= more)
        return 0;
    if (s->b.size + more > s->limit)
        return fail(err, EFBIG, "unpacks to more than %" PRIu64 " MiB", s->limit >> 20);
    uint64_t want = MIN(MAX((uint64_t)s->room * 2, s->b.size + more), s->limit);
    uint8_t *p = realloc(s->b.data, want);
    if (!p)
        return fail(err, ENOMEM, "no memory to unpack it");
    s->b.data = p;
    s->room = want;
    return 0;
}

#define STEP ((size_t)1 << 20)

#if HAVE_ZLIB
static int unpack_gzip(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)MIN(size, UINT32_MAX)};
    int rc = 0, zrc = inflateInit2(&z, 15 + 16);

    while (zrc == Z_OK && !(rc = sink_grow(s, STEP, err))) {
        z.next_out = s->b.data + s->b.size;
        z.avail_out = (uInt)MIN(s->room - s->b.size, UINT32_MAX);
        uInt before = z.avail_out;
        zrc = inflate(&z, Z_NO_FLUSH);
        s->b.size += before - z.avail_out;
    }
    inflateEnd(&z);
    if (!rc && zrc != Z_STREAM_END)
        rc = fail(err, EINVAL, "damaged or truncated gzip data");
    return rc;
}
#else
#define unpack_gzip NULL
#endif

#if HAVE_LIBLZ4
#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

static int unpack_lz4(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    size_t at = 4;

    while (size - at >= 4) {
        uint32_t n = ld_le32(in + at);
        /* What follows the last block is not a size that fits: the kernel's appended length. */
        if (n > size - at - 4 || !n)
            break;
        if (sink_grow(s, LZ4_LEGACY_BLOCK, err))
            return -err->code;
        int got = LZ4_decompress_safe((const char *)in + at + 4, (char *)s->b.data + s->b.size,
                                      (int)n, (int)LZ4_LEGACY_BLOCK);
        if (got <= 0)
            return fail(err, EINVAL, "damaged lz4 data");
        s->b.size += (size_t)got;
        at += 4 + (size_t)n;
        if ((size_t)got < LZ4_LEGACY_BLOCK)
            break; /* only the last block is short */
    }
    if (!s->b.size)
        return fail(err, EINVAL, "truncated lz4 data");
    return 0;
}
#else
#define unpack_lz4 NULL
#endif

#if HAVE_LIBLZMA
static int unpack_lzma_with(lzma_stream *z, const uint8_t *in, size_t size, struct sink *s,
                            struct error *err)
{
    lzma_ret zrc = LZMA_OK;
    int rc = 0;

    z->next_in = in;
    z->avail_in = size;
    while (zrc == LZMA_OK && !(rc = sink_grow(s, STEP, err))) {
        z->next_out = s->b.data + s->b.size;
        z->avail_out = s->room - s->b.size;
        size_t before = z->avail_out;
        zrc = lzma_code(z, LZMA_RUN);
        s->b.size += before - z->avail_out;
    }
    lzma_end(z);
    if (!rc && zrc != LZMA_STREAM_END)
        rc = fail(err, EINVAL, "damaged or truncated xz data");
    return rc;
}

#define LZMA_MEMORY (UINT64_C(512) << 20)

static int unpack_xz(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    lzma_stream z = LZMA_STREAM_INIT;

    if (lzma_stream_decoder(&z, LZMA_MEMORY, 0) != LZMA_OK)
        return fail(err, ENOMEM, "no memory to unpack it");
    return unpack_lzma_with(&z, in, size, s, err);
}

static int unpack_lzma(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    lzma_stream z = LZMA_STREAM_INIT;

    if (lzma_alone_decoder(&z, LZMA_MEMORY) != LZMA_OK)
        return fail(err, ENOMEM, "no memory to unpack it");
    return unpack_lzma_with(&z, in, size, s, err);
}
#else
#define unpack_xz NULL
#define unpack_lzma NULL
#endif

#if HAVE_BZ2
static int unpack_bzip2(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    bz_stream z = {.next_in = (char *)(uintptr_t)in, .avail_in = (unsigned)MIN(size, UINT32_MAX)};
    int rc = 0, zrc = BZ2_bzDecompressInit(&z, 0, 0);

    while (zrc == BZ_OK && !(rc = sink_grow(s, STEP, err))) {
        z.next_out = (char *)s->b.data + s->b.size;
        z.avail_out = (unsigned)MIN(s->room - s->b.size, UINT32_MAX);
        unsigned before = z.avail_out;
        zrc = BZ2_bzDecompress(&z);
        s->b.size += before - z.avail_out;
        if (zrc == BZ_OK && !z.avail_in && z.avail_out == before)
            zrc = BZ_UNEXPECTED_EOF;
    }
    BZ2_bzDecompressEnd(&z);
    if (!rc && zrc != BZ_STREAM_END)
        rc = fail(err, EINVAL, "damaged or truncated bzip2 data");
    return rc;
}
#else
#define unpack_bzip2 NULL
#endif

#if HAVE_LZO2
/* lzop's header [lzop.c of lzop]: magic 9, version 2, lib version 2, (needed 2), method 1,
 * (level 1), flags 4, (filter 4), mode 4, mtime 4, (mtime high 4), name length 1, name, sum 4. */
enum {
    LZOP_ADLER_D = 1,
    LZOP_ADLER_C = 2,
    LZOP_CRC_D = 0x100,
    LZOP_CRC_C = 0x200,
    LZOP_FILTER = 0x800
};

static size_t lzop_header(const uint8_t *in, size_t size, uint32_t *flags)
{
    size_t at = 9;

    if (size < 64)
        return 0;
    uint16_t version = ld_be16(in + at);
    at += 4 + (version >= 0x940 ? 2 : 0) + 1 + (version >= 0x940 ? 1 : 0);
    *flags = ld_be32(in + at);
    at += 4 + (*flags & LZOP_FILTER ? 4 : 0) + 8 + (version >= 0x940 ? 4 : 0);
    at += 1u + in[at] + 4;
    return at < size ? at : 0;
}

static int unpack_lzo(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    uint32_t flags = 0;
    size_t at = lzop_header(in, size, &flags);

    if (!at)
        return fail(err, EINVAL, "damaged lzo header");
    while (size - at >= 4) {
        uint32_t unpacked = ld_be32(in + at);
        if (!unpacked)
            return 0;
        if (size - at < 8)
            break;
        uint32_t packed = ld_be32(in + at + 4);
        at += 8 + 4u * (!!(flags & LZOP_ADLER_D) + !!(flags & LZOP_CRC_D));
        if (packed < unpacked)
            at += 4u * (!!(flags & LZOP_ADLER_C) + !!(flags & LZOP_CRC_C));
        if (at > size || packed > size - at || packed > unpacked || unpacked > (64u << 20))
            break;
        if (sink_grow(s, unpacked, err))
            return -err->code;
        lzo_uint got = unpacked;
        if (packed == unpacked)
            memcpy(s->b.data + s->b.size, in + at, unpacked);
        else if (lzo1x_decompress_safe(in + at, packed, s->b.data + s->b.size, &got, NULL) !=
                     LZO_E_OK ||
                 got != unpacked)
            break;
        s->b.size += unpacked;
        at += packed;
    }
    return fail(err, EINVAL, "damaged or truncated lzo data");
}
#else
#define unpack_lzo NULL
#endif

#if HAVE_LIBZSTD
static int unpack_zstd(const uint8_t *in, size_t size, struct sink *s, struct error *err)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in, size, 0};
    size_t left = 1;
    int rc = 0;

    if (!z)
        return fail(err, ENOMEM, "no memory to unpack it");
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 30);
    while (left && !(rc = sink_grow(s, STEP, err))) {
        ZSTD_outBuffer to = {s->b.data + s->b.size, s->room - s->b.size, 0};
        left = ZSTD_decompressStream(z, &to, &from);
        s->b.size += to.pos;
        if (ZSTD_isError(left) || (left && from.pos == from.size && to.pos < to.size)) {
            rc = fail(err, EINVAL, "damaged or truncated zstd data");
            break;
        }
    }
    ZSTD_freeDCtx(z);
    return rc;
}
#else
#define unpack_zstd NULL
#endif

static const struct packer {
    const char *name;
    uint8_t magic[4];
    unsigned magic_len;
    int (*unpack)(const uint8_t *in, size_t size, struct sink *s, struct error *err);
} packers[] = {
    {"gzip", {0x1f, 0x8b}, 2, unpack_gzip},
    {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, unpack_lz4},
    {"xz", {0xfd, 0x37, 0x7a, 0x58}, 4, unpack_xz},
    {"bzip2", {0x42, 0x5a, 0x68}, 3, unpack_bzip2},
    {"lzma", {0x5d, 0x00, 0x00}, 3, unpack_lzma},
    {"lzo", {0x89, 0x4c, 0x5a}, 3, unpack_lzo},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
};

static const struct packer *packer_find(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(packers); i++)
        if (size > 16 && !memcmp(data, packers[i].magic, packers[i].magic_len))
            return &packers[i];
    return NULL;
}

const char *payload_packer(const uint8_t *data, size_t size)
{
    const struct packer *p = packer_find(data, size);

    return p ? p->name : NULL;
}

bool payload_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(packers); i++)
        if (!strcmp(packers[i].name, name))
            return packers[i].unpack != NULL;
    return false;
}

int payload_unpack(const uint8_t *data, size_t size, uint64_t limit, struct blob *out,
                   struct error *err)
{
    struct error local;
    const struct packer *p = packer_find(data, size);
    struct sink s = {.limit = limit};

    err = err ? err : &local;
    *out = (struct blob){0};
    if (!p)
        return fail(err, EINVAL, "packed in a way that is not known (first bytes %02x %02x)",
                    size > 0 ? data[0] : 0, size > 1 ? data[1] : 0);
    if (!p->unpack)
        return fail(err, ENOTSUP, "packed with %s, which this build cannot unpack", p->name);
    int rc = p->unpack(data, size, &s, err);
    if (rc) {
        blob_free(&s.b);
        return rc;
    }
    *out = s.b;
    return 0;
}
