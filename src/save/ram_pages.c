/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory as runs of pages within the stream.
 */
#include "core/machine.h"
#include "save/ram.h"
#include "save/ram_data.h"

#if HAVE_LIBZSTD
#include <zstd.h>
#endif

#define SECTION_ROOM (1u << 20)
#define RUN_HEADER 12u

bool ram_has_zstd(void)
{
    return HAVE_LIBZSTD;
}

/* ------------------------------------------------------------------------------------ writing */

/* The run compressed into w->packed; 0: it does not get smaller. */
static size_t pack(struct ram_writer *w, const uint8_t *data, size_t len)
{
#if HAVE_LIBZSTD
    size_t room = ZSTD_compressBound(RAM_RUN * PAGE_SIZE_4K);
    if (!w->zstd)
        return 0;
    if (!w->zstd_ctx) {
        w->zstd_ctx = ZSTD_createCCtx();
        w->packed = xcalloc(1, room);
    }
    size_t n = ZSTD_compressCCtx(w->zstd_ctx, w->packed, room, data, len, w->level ? w->level : 1);
    return ZSTD_isError(n) || n >= len ? 0 : n;
#else
    (void)w;
    (void)data;
    (void)len;
    return 0;
#endif
}

void ram_writer_fini(struct ram_writer *w)
{
#if HAVE_LIBZSTD
    ZSTD_freeCCtx(w->zstd_ctx);
#endif
    free(w->packed);
    w->packed = NULL;
    w->zstd_ctx = NULL;
}

static void put_run(struct ram_writer *w, const uint8_t *data, uint64_t page, uint64_t n, bool zero)
{
    size_t len = n * PAGE_SIZE_4K, packed = zero ? 0 : pack(w, data, len);

    save_put_le(w->out, page, 4);
    save_put_le(w->out, n, 2);
    save_put_le(w->out, zero ? RAM_ZERO : packed ? RAM_ZSTD : RAM_RAW, 1);
    save_put_le(w->out, 0, 1);
    save_put_le(w->out, zero ? 0 : packed ? packed : len, 4);
    if (packed)
        save_put(w->out, w->packed, packed);
    else if (!zero)
        save_put(w->out, data, len);
    w->stats.pages += n;
    w->stats.zero += zero ? n : 0;
    w->stats.bytes += RUN_HEADER + (zero ? 0 : packed ? packed : len);
}

static int next_section(struct ram_writer *w, const struct mem_slot *s, struct error *err)
{
    int rc = save_end(w->out, err);

    if (!rc && w->pace)
        rc = w->pace(w, err);
    if (!rc)
        save_begin(w->out, SAVE_PAGES, s->name, 1);
    return rc;
}

static bool wanted(const uint64_t *bitmap, uint64_t page)
{
    return !bitmap || (bitmap[page / 64] >> page % 64 & 1);
}

/* Pages of [start, end) that are wanted, in runs of one kind. Without a bitmap memory is zero to
 * begin with, and zeros are left out. */
static int write_range(struct ram_writer *w, const struct mem_slot *s, const uint64_t *bitmap,
                       uint64_t start, uint64_t end, struct error *err)
{
    int rc = 0;

    for (uint64_t page = start; !rc && page < end;) {
        if (bitmap && !(page & 63) && !bitmap[page / 64]) {
            page += 64;
            continue;
        }
        if (!wanted(bitmap, page)) {
            page++;
            continue;
        }
        const uint8_t *at = s->hva + page * PAGE_SIZE_4K;
        bool zero = ram_is_zero(at);
        uint64_t n = 1;
        while (n < RAM_RUN && page + n < end && wanted(bitmap, page + n) &&
               ram_is_zero(at + n * PAGE_SIZE_4K) == zero)
            n++;
        if (!zero || bitmap)
            put_run(w, at, page, n, zero);
        page += n;
        if (w->out->len > SECTION_ROOM)
            rc = next_section(w, s, err);
    }
    return rc;
}

int ram_write_pages(struct ram_writer *w, struct mem_slot *slot, const uint64_t *bitmap,
                    struct error *err)
{
    uint64_t start, end;
    int rc = 0;

    save_begin(w->out, SAVE_PAGES, slot->name, 1);
    if (bitmap)
        rc = write_range(w, slot, bitmap, 0, slot->size / PAGE_SIZE_4K, err);
    else
        for (uint64_t at = 0; !rc && ram_next_data(slot, at, &start, &end); at = end)
            rc = write_range(w, slot, NULL, start / PAGE_SIZE_4K, end / PAGE_SIZE_4K, err);
    return rc ? rc : save_end(w->out, err);
}

/* ------------------------------------------------------------------------------------ reading */

static int unpack(uint8_t *to, size_t len, const uint8_t *data, size_t n, struct error *err)
{
#if HAVE_LIBZSTD
    size_t got = ZSTD_decompress(to, len, data, n);
    if (ZSTD_isError(got) || got != len)
        return fail(err, EBADMSG, "compressed pages are damaged: %s",
                    ZSTD_isError(got) ? ZSTD_getErrorName(got) : "too few bytes");
    return 0;
#else
    (void)to;
    (void)len;
    (void)data;
    (void)n;
    return fail(err, ENOTSUP, "compressed pages: this program was built without libzstd; install "
                              "package libzstd-dev and build it again");
#endif
}

static int take_run(struct mem_slot *s, struct save_cursor *c, struct error *err)
{
    uint64_t page = save_take_le(c, 4), n = save_take_le(c, 2), kind = save_take_le(c, 1);

    save_take(c, 1);
    size_t len = (size_t)save_take_le(c, 4);
    const uint8_t *data = save_take(c, len);
    uint64_t pages = s->size / PAGE_SIZE_4K;
    if (!data || !n || n > RAM_RUN || page >= pages || n > pages - page)
        return fail(err, EBADMSG, "memory %s: no such pages: %" PRIu64 " from %" PRIu64, s->name, n,
                    page);
    uint8_t *to = s->hva + page * PAGE_SIZE_4K;
    if (kind == RAM_ZERO && !len)
        memset(to, 0, n * PAGE_SIZE_4K);
    else if (kind == RAM_RAW && len == n * PAGE_SIZE_4K)
        memcpy(to, data, len);
    else if (kind == RAM_ZSTD)
        return unpack(to, n * PAGE_SIZE_4K, data, len, err);
    else
        return fail(err, EBADMSG, "memory %s: pages of unknown encoding %u", s->name, (unsigned)kind);
    return 0;
}

int ram_take_pages(struct machine *m, const struct save_section *s, struct error *err)
{
    struct save_cursor c = save_cursor(s);
    struct mem_slot *slot = ram_slot(m, s->name, strlen(s->name));
    int rc = 0;

    if (!slot)
        return fail(err, EBADMSG, "this machine has no memory \"%s\"", s->name);
    while (!rc && c.p < c.end)
        rc = take_run(slot, &c, err);
    return rc;
}
