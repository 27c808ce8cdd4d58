/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "save/ram.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "core/machine.h"
#include "save/ram_data.h"

static const uint8_t zeros[PAGE_SIZE_4K];

bool ram_is_zero(const uint8_t *page)
{
    uint64_t first;

    memcpy(&first, page, 8); /* most pages differ at once */
    return !first && !memcmp(page, zeros, PAGE_SIZE_4K);
}

/* A hole of the slot's file must not be read through the mapping: that would fill it. */
bool ram_next_data(const struct mem_slot *s, uint64_t from, uint64_t *start, uint64_t *end)
{
    *start = from;
    *end = s->size;
    if (from >= s->size)
        return false;
    if (s->fd < 0)
        return true;
    off_t data = lseek(s->fd, (off_t)from, SEEK_DATA);
    if (data < 0)
        return errno != ENXIO; /* no such question here: take it all */
    off_t hole = lseek(s->fd, data, SEEK_HOLE);
    *start = ALIGN_DOWN((uint64_t)data, PAGE_SIZE_4K);
    *end = hole < 0 ? s->size : MIN(s->size, ALIGN_UP((uint64_t)hole, PAGE_SIZE_4K));
    return true;
}

static uint64_t chunks_of(const struct mem_slot *s)
{
    return (s->size + RAM_CHUNK - 1) / RAM_CHUNK;
}

size_t ram_index_size(const struct machine *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->mem.nslots; i++)
        n += 2 + strlen(m->mem.slots[i]->name) + 8 + 12 * chunks_of(m->mem.slots[i]);
    return n;
}

/* ------------------------------------------------------------------------------------ writing */

static int write_at(int fd, const uint8_t *p, size_t n, uint64_t at, struct error *err)
{
    while (n) {
        ssize_t put = pwrite(fd, p, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail_errno(err, put ? errno : ENOSPC, "cannot write the saved guest's memory");
        p += put;
        at += (size_t)put;
        n -= (size_t)put;
    }
    return 0;
}

/* Bit a page: which pages of the chunk hold something. */
struct chunk_map {
    uint64_t bits[RAM_CHUNK / PAGE_SIZE_4K / 64];
    bool any;
};

static void map_chunk(const struct mem_slot *s, uint64_t off, uint64_t len, struct chunk_map *map)
{
    uint64_t start, end;

    *map = (struct chunk_map){0};
    for (uint64_t at = off; ram_next_data(s, at, &start, &end) && start < off + len; at = end) {
        for (uint64_t p = start; p < MIN(end, off + len); p += PAGE_SIZE_4K) {
            uint64_t n = (p - off) / PAGE_SIZE_4K;
            if (ram_is_zero(s->hva + p))
                continue;
            map->bits[n / 64] |= UINT64_C(1) << n % 64;
            map->any = true;
        }
    }
}

/* One chunk at file offset `at`; its zero pages become holes. */
static int write_chunk(int fd, const struct mem_slot *s, uint64_t off, uint64_t len,
                       const struct chunk_map *map, uint64_t at, uint32_t *crc, struct error *err)
{
    uint64_t run = 0; /* bytes before p that wait to be written */
    int rc = 0;

    *crc = 0;
    for (uint64_t p = 0; p < len; p += PAGE_SIZE_4K) {
        uint64_t n = p / PAGE_SIZE_4K;
        bool full = map->bits[n / 64] >> n % 64 & 1;
        *crc = crc32c(*crc, full ? s->hva + off + p : zeros, PAGE_SIZE_4K);
        if (full) {
            run += PAGE_SIZE_4K;
        } else if (run) {
            rc = write_at(fd, s->hva + off + p - run, run, at + p - run, err);
            run = 0;
        }
        if (rc)
            return rc;
    }
    return run ? write_at(fd, s->hva + off + len - run, run, at + len - run, err) : 0;
}

static int write_slot(struct save_out *o, int fd, uint64_t *at, const struct mem_slot *s,
                      struct error *err)
{
    save_put_le(o, strlen(s->name), 2);
    save_put(o, s->name, strlen(s->name));
    save_put_le(o, s->size, 8);
    for (uint64_t off = 0; off < s->size; off += RAM_CHUNK) {
        uint64_t len = MIN(RAM_CHUNK, s->size - off);
        struct chunk_map map;
        uint32_t crc = 0;
        map_chunk(s, off, len, &map);
        if (map.any) {
            int rc = write_chunk(fd, s, off, len, &map, *at, &crc, err);
            if (rc)
                return rc;
        }
        save_put_le(o, map.any ? *at : 0, 8);
        save_put_le(o, crc, 4);
        if (map.any)
            *at += RAM_CHUNK;
    }
    return 0;
}

int ram_write_extents(struct save_out *o, int fd, uint64_t base, const struct machine *m,
                      struct error *err)
{
    uint64_t at = base;
    int rc = 0;

    save_begin(o, SAVE_EXTENTS, "ram", 1);
    for (size_t i = 0; !rc && i < m->mem.nslots; i++)
        rc = write_slot(o, fd, &at, m->mem.slots[i], err);
    if (rc)
        return rc;
    if (ftruncate(fd, (off_t)at))
        return fail_errno(err, errno, "cannot make the saved guest %" PRIu64 " bytes long", at);
    return save_end(o, err);
}

/* ------------------------------------------------------------------------------------ reading */

struct mem_slot *ram_slot(struct machine *m, const char *name, size_t len)
{
    for (size_t i = 0; i < m->mem.nslots; i++)
        if (strlen(m->mem.slots[i]->name) == len && !memcmp(m->mem.slots[i]->name, name, len))
            return m->mem.slots[i];
    return NULL;
}

static int map_at(void *to, size_t len, int flags, int fd, uint64_t at, struct error *err)
{
    if (mmap(to, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | flags, fd,
             (off_t)at) == MAP_FAILED)
        return fail_errno(err, errno, "cannot map the saved guest's memory");
    return 0;
}

/* From now on the slot is this process' own: pages of the file where they are, else zeros. */
static int map_slot(struct mem_slot *slot, int fd, uint64_t file_size, struct save_cursor *c,
                    bool verify, struct error *err)
{
    uint64_t chunks = chunks_of(slot);
    const uint8_t *index = save_take(c, (size_t)(12 * chunks));
    int rc = index ? map_at(slot->hva, slot->size, MAP_ANONYMOUS, -1, 0, err)
                   : fail(err, EBADMSG, "memory %s: its index is cut off", slot->name);

    for (uint64_t i = 0; !rc && i < chunks;) {
        uint64_t at = ld_le64(index + 12 * i), n = 0;
        /* Neighbours that lie together are one mapping. */
        while (at && i + n < chunks && ld_le64(index + 12 * (i + n)) == at + n * RAM_CHUNK)
            n++;
        if (!at) {
            i++;
            continue;
        }
        uint64_t len = MIN(n * RAM_CHUNK, slot->size - i * RAM_CHUNK);
        if (at % RAM_ALIGN || at > file_size || len > file_size - at)
            return fail(err, EBADMSG, "memory %s: the file ends before byte %" PRIu64, slot->name,
                        at + len);
        rc = map_at(slot->hva + i * RAM_CHUNK, len, 0, fd, at, err);
        i += n;
    }
    for (uint64_t i = 0; !rc && verify && i < chunks; i++) {
        uint64_t off = i * RAM_CHUNK;
        if (ld_le64(index + 12 * i) && crc32c(0, slot->hva + off, MIN(RAM_CHUNK, slot->size - off)) !=
                                           ld_le32(index + 12 * i + 8))
            rc = fail(err, EBADMSG, "memory %s is damaged (CRC) near %#" PRIx64, slot->name, off);
    }
    if (!rc && slot->fd >= 0) {
        close(slot->fd);
        slot->fd = -1;
    }
    return rc;
}

int ram_map_extents(struct machine *m, int fd, const struct save_section *s, bool verify,
                    struct error *err)
{
    struct save_cursor c = save_cursor(s);
    struct stat st;
    bool seen[MEM_SLOTS_MAX] = {0};

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return fail(err, EINVAL, "a guest saved with mapped memory can be read from a file only");
    while (c.p < c.end) {
        size_t n = (size_t)save_take_le(&c, 2);
        const uint8_t *name = save_take(&c, n);
        uint64_t size = save_take_le(&c, 8);
        struct mem_slot *slot = name ? ram_slot(m, (const char *)name, n) : NULL;
        if (c.bad || !slot || slot->size != size)
            return fail(err, EBADMSG, "the index of memory does not fit this machine");
        for (size_t i = 0; i < m->mem.nslots; i++)
            if (m->mem.slots[i] == slot) {
                if (seen[i])
                    return fail(err, EBADMSG, "memory %s is in the index twice", slot->name);
                seen[i] = true;
            }
        int rc = map_slot(slot, fd, (uint64_t)st.st_size, &c, verify, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < m->mem.nslots; i++)
        if (!seen[i])
            return fail(err, EBADMSG, "memory %s is not in the index", m->mem.slots[i]->name);
    return 0;
}
