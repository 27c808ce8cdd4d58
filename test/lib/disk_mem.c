/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/disk_mem.h"

#include "lib/test.h"

const struct disk_format *const disk_mem_formats[] = {&qcow2_disk, &vdi_disk, &vhdx_disk,
                                                       &vmdk_disk, &raw_disk, NULL};

static struct disk_mem *mem_of(struct disk_file *f)
{
    return f->hook->opaque;
}

static int step(struct disk_mem *m)
{
    if (m->cut_in && !--m->cut_in) {
        m->cut = calloc(1, sizeof(*m->cut));
        disk_mem_cut(m, &m->random, m->cut);
    }
    return ++m->n_writes == m->fail_at ? -EIO : 0;
}

static void note(struct disk_mem *m, uint64_t off, const void *buf, uint64_t len)
{
    if (m->n_log == m->log_room) {
        m->log_room = m->log_room ? 2 * m->log_room : 64;
        m->log = realloc(m->log, m->log_room * sizeof(*m->log));
    }
    struct disk_mem_write *w = &m->log[m->n_log++];
    *w = (struct disk_mem_write){off, len, len ? malloc(len) : NULL};
    if (len)
        memcpy(w->data, buf, len);
}

static int mem_read(struct disk_file *f, uint64_t off, void *buf, size_t len)
{
    struct disk_mem *m = mem_of(f);
    size_t there = off < m->size ? (size_t)MIN((uint64_t)len, m->size - off) : 0;

    memcpy(buf, m->now + (there ? off : 0), there);
    memset((uint8_t *)buf + there, 0, len - there);
    return 0;
}

static int mem_write(struct disk_file *f, uint64_t off, const void *buf, size_t len)
{
    struct disk_mem *m = mem_of(f);
    int rc = step(m);

    if (rc)
        return rc;
    if (off > m->room || len > m->room - off)
        return -ENOSPC;
    note(m, off, buf, len);
    memcpy(m->now + off, buf, len);
    m->size = MAX(m->size, off + len);
    return 0;
}

static void forget(struct disk_mem *m)
{
    for (size_t i = 0; i < m->n_log; i++)
        free(m->log[i].data);
    m->n_log = 0;
}

static int mem_sync(struct disk_file *f)
{
    struct disk_mem *m = mem_of(f);
    int rc = step(m);

    if (rc)
        return rc;
    m->n_syncs++;
    memcpy(m->durable, m->now, m->size);
    if (m->durable_size > m->size)
        memset(m->durable + m->size, 0, m->durable_size - m->size);
    m->durable_size = m->size;
    forget(m);
    return 0;
}

static int mem_truncate(struct disk_file *f, uint64_t size)
{
    struct disk_mem *m = mem_of(f);

    if (size > m->room)
        return -ENOSPC;
    if (size < m->size)
        memset(m->now + size, 0, m->size - size);
    note(m, size, NULL, 0);
    m->size = size;
    return 0;
}

static uint64_t mem_size(struct disk_file *f)
{
    return mem_of(f)->size;
}

void disk_mem_init(struct disk_mem *m, uint64_t room)
{
    *m = (struct disk_mem){.now = calloc(1, room), .durable = calloc(1, room), .room = room};
    m->hook = (struct disk_file_hook){mem_read, mem_write, mem_sync, mem_truncate, mem_size, m};
}

void disk_mem_fini(struct disk_mem *m)
{
    forget(m);
    free(m->log);
    free(m->now);
    free(m->durable);
}

struct disk_file disk_mem_file(struct disk_mem *m)
{
    return (struct disk_file){.fd = -1, .path = xstrdup("memory"), .hook = &m->hook};
}

int disk_mem_open(struct disk_mem *m, const struct disk_options *o, struct disk **out,
                  struct error *err)
{
    struct disk_file f = disk_mem_file(m);
    struct disk_options mine = *o;

    mine.file = &f;
    mine.path = "memory";
    mine.formats = disk_mem_formats;
    f.readonly = o->readonly;
    return disk_open(out, &mine, err);
}

void disk_mem_cut(const struct disk_mem *m, uint64_t *random, struct disk_mem *out)
{
    disk_mem_init(out, m->room);
    memcpy(out->now, m->durable, m->room);
    out->size = m->durable_size;
    /* A sector on the disk is as it was after some of the writes to it, in their order; which, is
     * each sector's own chance. */
    size_t sectors = (size_t)(m->room / 512) + 1;
    auto_free size_t *until = calloc(sectors, sizeof(*until));
    unsigned how = (unsigned)(test_random(random) % 4);
    for (size_t i = 0; i < sectors; i++)
        until[i] = how == 0 ? 0 : how == 1 ? m->n_log : test_random(random) % (m->n_log + 1);
    for (size_t i = 0; i < m->n_log; i++) {
        const struct disk_mem_write *w = &m->log[i];
        if (!w->len)
            out->size = MAX(out->size, w->off);
        for (uint64_t at = 0; at < w->len;) {
            uint64_t n = MIN(512 - (w->off + at) % 512, w->len - at);
            if (until[(w->off + at) / 512] > i) {
                memcpy(out->now + w->off + at, w->data + at, n);
                out->size = MAX(out->size, w->off + at + n);
            }
            at += n;
        }
    }
    memcpy(out->durable, out->now, m->room);
    out->durable_size = out->size;
}
