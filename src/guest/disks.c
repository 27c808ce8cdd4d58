/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/disks.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "block/pool.h"
#include "board/board.h"
#include "config/device_config.h"
#include "core/machine.h"
#include "core/tape_back.h"
#include "dev/virtio/virtio.h"
#include "dev/virtio/virtio_blk.h"
#include "registry/registry.h"

static enum pool_cache cache_of(const char *word)
{
    return !strcmp(word, "unsafe")         ? POOL_UNSAFE
           : !strcmp(word, "writethrough") ? POOL_WRITETHROUGH
                                           : POOL_WRITEBACK;
}

static int open_image(struct disks *d, const struct disk_config *c, bool cdrom, struct error *err)
{
    const struct disk_options o = {.path = c->file,
                                   .format = c->format,
                                   .readonly = c->readonly || cdrom || d->elsewhere,
                                   .no_lock = d->elsewhere,
                                   .formats = registry_disks};
    const struct pool_limits limits = {.iops = c->iops, .bytes = c->rate};
    struct disk *disk;
    int rc = disk_open(&disk, &o, err);

    if (rc)
        return error_prefix(err, cdrom ? "--cdrom" : "--disk");
    if (disk->probed && !strcmp(disk->format->name, "raw") && !cdrom)
        log_notice("%s: taken for a raw disk; try: --disk %s,format=raw to say so", c->file,
                   c->file);
    d->blk[d->n] = pool_create(disk, cache_of(c->cache));
    if (d->elsewhere) {
        d->blk[d->n]->readonly = c->readonly || cdrom;
        d->blk[d->n]->can_discard = !d->blk[d->n]->readonly;
    }
    d->path[d->n] = xstrdup(c->file);
    d->format[d->n] = c->format ? xstrdup(c->format) : NULL;
    d->readonly[d->n] = c->readonly || cdrom;
    d->limits[d->n] = limits;
    if (c->iops || c->rate)
        pool_limit(d->blk[d->n], &limits);
    return 0;
}

static int add_virtio(struct disks *d, const struct disk_config *c, unsigned n,
                      struct board *board, struct error *err)
{
    struct machine *m = board->machine;
    struct dev *dev;
    int rc = dev_create(&virtio_blk_type, d->name[n], m, &dev, err);

    if (rc)
        return rc;
    virtio_blk_configure(
        dev, &(struct virtio_blk_config){.blk = d->front[n],
                                         .serial = c->serial,
                                         .queues = (unsigned)(c->queues ? c->queues : machine_vcpus_present(m))});
    d->virtio[n] = dev;
    if (c->rings && !strcmp(c->rings, "split"))
        virtio_leave_out(dev, VIRTIO_F_RING_PACKED);
    return board->type->add_pci(board, dev, err);
}

static int add_drive(struct disks *d, const struct disk_config *c, bool cdrom, unsigned n,
                     struct board *board, struct error *err)
{
    const struct board_drive drive = {.ide = c->bus && !strcmp(c->bus, "ide"),
                                      .cdrom = cdrom,
                                      .blk = d->front[n],
                                      .serial = c->serial ? c->serial : d->name[n]};

    if (!board->type->add_drive)
        return fail(err, EINVAL, "board %s has no controller for %s", board->type->name,
                    c->bus ? c->bus : "a CD drive");
    return board->type->add_drive(board, &drive, err);
}

static int open_one(struct disks *d, const char *text, bool cdrom, struct board *board,
                    struct error *err)
{
    struct machine *m = board->machine;
    struct disk_config c;
    int rc = disk_config_parse(&c, text, err);

    if (rc)
        return rc;
    bool is_virtio = c.bus ? !strcmp(c.bus, "virtio") : !cdrom;
    if (cdrom && is_virtio)
        rc = fail(err, EINVAL, "--cdrom %s: there is no virtio CD drive; try: if=ahci or if=ide",
                  text);
    else if (!is_virtio && (c.queues || c.rings))
        rc = fail(err, EINVAL, "--%s %s: queues and rings are settings of if=virtio",
                  cdrom ? "cdrom" : "disk", text);
    else
        rc = open_image(d, &c, cdrom, err);
    if (!rc) {
        unsigned n = d->n++;
        d->front[n] = m->tape ? tape_blk(m->tape, d->blk[n]) : d->blk[n];
        d->name[n] = xasprintf("%s%u", cdrom ? "cdrom" : "disk", n);
        if (is_virtio && board->type->add_disk)
            board->type->add_disk(board, d->front[n], n);
        else
            rc = is_virtio ? add_virtio(d, &c, n, board, err)
                           : add_drive(d, &c, cdrom, n, board, err);
    }
    disk_config_free(&c);
    return rc;
}

int disks_open(struct disks *d, const struct opt_list *disks, const struct opt_list *cdroms,
               struct board *board, struct error *err)
{
    int rc = 0;

    if (disks->count + cdroms->count > DISKS_MAX)
        return fail(err, EINVAL, "--disk, --cdrom: more than %d", DISKS_MAX);
    if (disks->count && !board->type->add_pci && !board->type->add_disk)
        return fail(err, EINVAL, "--disk: board %s has no place for one", board->type->name);
    for (size_t i = 0; !rc && i < disks->count; i++)
        rc = open_one(d, disks->items[i], false, board, err);
    for (size_t i = 0; !rc && i < cdroms->count; i++)
        rc = open_one(d, cdroms->items[i], true, board, err);
    return rc;
}

struct wait {
    struct blk_req req;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
};

static void flushed(struct blk_req *req)
{
    struct wait *w = container_of(req, struct wait, req);

    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

void disks_flush(struct disks *d)
{
    struct wait w = {.req = {.op = BLK_FLUSH, .done = flushed}};

    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.over, NULL);
    for (unsigned i = 0; i < d->n; i++) {
        if (d->readonly[i])
            continue;
        w.is_over = false;
        blk_submit(d->blk[i], &w.req);
        pthread_mutex_lock(&w.lock);
        while (!w.is_over)
            pthread_cond_wait(&w.over, &w.lock);
        pthread_mutex_unlock(&w.lock);
    }
    pthread_cond_destroy(&w.over);
    pthread_mutex_destroy(&w.lock);
}

int disks_snapshot_drop(struct disks *d, const char *name, struct error *err)
{
    int rc = 0;

    for (unsigned i = 0; i < d->n; i++) {
        struct disk *disk = pool_disk(d->blk[i]);
        if (disk && !d->readonly[i] && disk->format->snapshot_delete) {
            blk_drain(d->blk[i]);
            int one = disk->format->snapshot_delete(disk, name, err);
            rc = rc ? rc : one;
        }
    }
    return rc;
}

int disks_snapshot(struct disks *d, const char *name, struct error *err)
{
    struct error ignored;
    int rc = 0;

    for (unsigned i = 0; i < d->n; i++)
        if (!d->readonly[i] && !pool_disk(d->blk[i])->format->snapshot_take)
            return fail(err, ENOTSUP, "%s (%s) cannot keep a snapshot; try: quad disk convert",
                        d->path[i], pool_disk(d->blk[i])->format->name);
    for (unsigned i = 0; !rc && i < d->n; i++) {
        struct disk *disk = pool_disk(d->blk[i]);
        if (d->readonly[i])
            continue;
        rc = disk->format->snapshot_take(disk, name, err);
        if (rc) /* those before it go again */
            while (i--)
                if (!d->readonly[i])
                    pool_disk(d->blk[i])->format->snapshot_delete(pool_disk(d->blk[i]), name, &ignored);
        if (rc)
            return error_prefix(err, "%s", disk->file.path);
    }
    return rc;
}

void disks_close(struct disks *d)
{
    for (unsigned i = 0; i < DISKS_MAX; i++) {
        if (d->front[i] != d->blk[i])
            blk_destroy(d->front[i]);
        blk_destroy(d->blk[i]);
        free(d->name[i]);
        free(d->path[i]);
        free(d->format[i]);
    }
    disks_forget(d);
    *d = (struct disks){0};
}
